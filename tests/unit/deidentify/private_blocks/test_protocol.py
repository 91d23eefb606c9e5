"""Of Siemens' protocol only lines of the table stay."""

from __future__ import annotations

import pytest

from sendit.deidentify.private_blocks import protocol
from sendit.deidentify.private_blocks.blocks import cleaned_block
from sendit.deidentify.private_blocks.entries import EntryCleaner
from sendit.deidentify.retained.written_by_devices import TextsOfBlocks
from sendit.deidentify.text.clean import PersonalData, TextCleaner
from tests.unit.deidentify.private_blocks import makers


def _lines(block: bytes) -> dict[str, str]:
    return {key: value for key, _, value in protocol.lines(block)}


def test_numbers_stay_with_their_keys_and_values() -> None:
    cleaned = cleaned_block("MrProtocol", makers.XPROTOCOL.encode(), makers.cleaner())
    assert _lines(cleaned) == {
        "ulVersion": "51130001",
        "tSequenceFileName": '""%SiemensSeq%\\ep2d_diff""',
        "tProtocolName": '""DTI AP""',
        "tReferenceImage0": '""2.25.7""',
        "alTR[0]": "7600000",
        "sKSpace.lBaseResolution": "86",
        "sKSpace.lPhaseEncodingLines": "86",
        "sKSpace.ucPhasePartialFourier": "0x10",
        "sFastImaging.lEchoSpacing": "690",
        "sPat.lAccelFactPE": "2",
        "sSliceArray.ucMode": "0x4",
        "sSliceArray.asSlice[0].sPosition.dTra": "-47.38679679",
        "sDiffusion.dsScheme": "1",
        "sWipMemBlock.alFree[3]": "8",
        "sCoilSelectMeas.aRxCoilSelectData[0].asList[0].sCoilElementID.tCoilID": '""HeadNeck_64""',
    }
    assert not makers.holds_planted(cleaned)
    assert cleaned.startswith(b"<XProtocol>")


def test_protocol_without_a_frame_gets_none() -> None:
    cleaned = cleaned_block("MrProtocol", makers.ASCCONV.encode(), makers.cleaner())
    assert cleaned.startswith(b"### ASCCONV BEGIN ###\n")
    assert cleaned.rstrip(b"\n\0").endswith(b"### ASCCONV END ###")


def test_names_that_a_person_typed_stay_with_clean_descriptors_only() -> None:
    cleaned = cleaned_block("MrProtocol", makers.ASCCONV.encode(), makers.cleaner(descriptions=False))
    assert "tProtocolName" not in _lines(cleaned)
    assert "tSequenceFileName" in _lines(cleaned)


@pytest.mark.parametrize(
    "name", ["lPatientId", "flPatientWeight", "lSerial", "lWigglesby", "ulUniqueKey", "lBirthDate"]
)
def test_key_with_a_strange_or_a_personal_word_goes(name: str) -> None:
    assert protocol.kind_of(f"sKSpace.{name}") == ""
    assert protocol.kind_of(f"{name}.lBaseResolution") == ""


@pytest.mark.parametrize(
    "name",
    """sKSpace.lPartitions sPat.lAccelFact3D sAsl.ulLabelingDuration sAsl.sPostLabelingDelay[] alTI[]
    sSliceArray.lConc sRSatArray.asElm[].sNormal.dTra sGRADSPEC.asGPAData[].lOffsetX ucCoilCombineMode
    sTXSPEC.asNucleusInfo[].flReferenceAmplitude sWiPMemBlock.adFree[] sGRADSPEC.alShimCurrent[]
    sDiffusion.sFreeDiffusionData.asDiffDirVector[].dSag sDiffusion.alBValue[] sPrepPulses.ucMTC
    sSliceAcceleration.lMultiBandFactor sKSpace.uc2DInterpolation lDelayTimeInTR sPat.dTotalAccelFact""".split(),  # noqa: SIM905
)
def test_keys_that_dcm2niix_reads_stay(name: str) -> None:
    assert protocol.kind_of(name) == "number"


@pytest.mark.parametrize(
    "block",
    [
        b"",
        b"### ASCCONV BEGIN ###\n",
        b"### ASCCONV BEGIN ###\n" + b"a" * 100_000,
        b'### ASCCONV BEGIN ###\nPatient = ""Quixworth""\n### ASCCONV END ###',
        b"### ASCCONV BEGIN ###\n\xff\xfe = 3\n### ASCCONV END ###",
        b"### ASCCONV BEGIN" * 50_000,
    ],
)
def test_what_cannot_be_taken_apart_goes(block: bytes) -> None:
    assert cleaned_block("MrProtocol", block, makers.cleaner()) == b""


def test_line_with_many_blanks_is_no_trouble() -> None:
    block = b"### ASCCONV BEGIN ###\nalTR[0]" + b" " * 1900 + b"= 1\nalTR[0] = 2\n### ASCCONV END ###"
    assert _lines(cleaned_block("MrProtocol", block, makers.cleaner())) == {"alTR[0]": "2"}


def test_what_one_project_may_keep_is_not_remembered_for_another() -> None:
    block = makers.ASCCONV.encode()
    for code in ("2.25.8", "2.25.9"):
        cleaned = cleaned_block("MrProtocol", block, makers.cleaner(uid=code))
        assert _lines(cleaned)["tReferenceImage0"] == f'""{code}""'
    other = EntryCleaner(
        TextsOfBlocks(TextCleaner(PersonalData(names=frozenset({"headneck"})))), True, lambda uid: "2.25.9"
    )
    assert "HeadNeck_64" not in cleaned_block("MrProtocol", block, other).decode()
