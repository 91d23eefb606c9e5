"""Files with private blocks are released with what readers need, and the leak check looks into the blocks."""

from __future__ import annotations

import re
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

import pydicom
import pytest
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian, MRImageStorage

from sendit.deidentify import compile_plan, deidentify
from sendit.deidentify.options import Option
from sendit.model import Outcome, Quarantined, Released
from tests.dicom import Person, StudyMaker, written
from tests.unit.deidentify.private_blocks import makers
from tests.unit.deidentify.private_blocks.test_csa import SERIES, read_as_gdcm
from tests.unit.deidentify.samples import IDENTITIES

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

pytestmark = pytest.mark.long

#: Real series of phantoms, which are not part of the project.
REAL = Path(__file__).resolve().parents[5] / "shared" / "mr"
OPTIONS = (Option.RETAIN_SAFE_PRIVATE, Option.CLEAN_DESCRIPTORS, Option.RETAIN_LONGITUDINAL_MODIFIED_DATES)
CSA, GE = "SIEMENS CSA HEADER", "GEMS_SERS_01"


def _mr(patient: str = "Quixworth^Zebulon", syntax: str = ExplicitVRLittleEndian) -> Dataset:
    person = Person(patient_id="MRN7741905", name=patient, birth_date="19610307")
    dataset = pydicom.dcmread(
        pydicom.filebase.DicomBytesIO(StudyMaker(person, modality="MR", accession_number="ACC5512077").instance())
    )
    dataset.SOPClassUID = MRImageStorage
    dataset.DeviceSerialNumber = "SN67060"
    return dataset


def _file(dataset: Dataset, syntax: str = ExplicitVRLittleEndian) -> bytes:
    return written(dataset, syntax)


def _released(outcome: Outcome) -> tuple[Dataset, bytes]:
    assert isinstance(outcome, Released), outcome
    whole = b"".join(outcome.chunks)
    return pydicom.dcmread(pydicom.filebase.DicomBytesIO(whole)), whole


def _everything(whole: bytes) -> bytes:
    """A file and what stands in its gzip streams."""
    inner = [whole]
    for match in re.finditer(rb"\x1f\x8b\x08", whole):
        try:
            inner.append(zlib.decompressobj(31).decompress(whole[match.start() :]))
        except zlib.error:
            continue
    return b"\n".join(inner)


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
@pytest.mark.parametrize("later", [True, False])
def test_siemens(syntax: str, later: bool) -> None:
    dataset = _mr()
    block = dataset.private_block(0x29, CSA, create=True)
    block.add_new(0x10, "OB", makers.csa(makers.IMAGE, later))
    block.add_new(0x20, "OB", makers.csa(SERIES, later))
    plan = compile_plan(OPTIONS, [], ["vendor:Siemens"])
    output, whole = _released(deidentify(_file(dataset, syntax), plan, IDENTITIES))
    kept = output.private_block(0x29, CSA)
    assert read_as_gdcm(kept[0x10].value)["NumberOfImagesInMosaic"] == ["51"]
    assert "sFastImaging.lEchoSpacing\t = \t690\n" in read_as_gdcm(kept[0x20].value)["MrPhoenixProtocol"][0]
    assert not makers.holds_planted(whole)


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
def test_ge(syntax: str) -> None:
    dataset = _mr()
    dataset.private_block(0x25, GE, create=True).add_new(0x1B, "OB", makers.ge(makers.GE_LINES))
    plan = compile_plan(OPTIONS, [], ["vendor:GE"])
    output, whole = _released(deidentify(_file(dataset, syntax), plan, IDENTITIES))
    assert b"SLICEORDER" in _everything(whole)
    assert not makers.holds_planted(_everything(whole))
    assert len(output.private_block(0x25, GE)[0x1B].value) % 2 == 0


def test_block_that_cannot_be_taken_apart_goes_and_the_rest_stays() -> None:
    dataset = _mr()
    block = dataset.private_block(0x29, CSA, create=True)
    block.add_new(0x10, "OB", makers.csa(makers.IMAGE)[:300])
    block.add_new(0x20, "OB", makers.csa(makers.IMAGE))
    output, _ = _released(deidentify(_file(dataset), compile_plan(OPTIONS, [], ["vendor:Siemens"]), IDENTITIES))
    kept = output.private_block(0x29, CSA)
    assert 0x10 not in kept
    assert 0x20 in kept


def test_blocks_go_without_the_option() -> None:
    dataset = _mr()
    dataset.private_block(0x29, CSA, create=True).add_new(0x10, "OB", makers.csa(makers.IMAGE))
    output, whole = _released(deidentify(_file(dataset), compile_plan([], []), IDENTITIES))
    assert b"NumberOfImagesInMosaic" not in whole
    assert not [element for element in output if element.tag.is_private]


@pytest.mark.parametrize(
    ("creator", "element", "value"),
    [
        (CSA, 0x10, makers.csa({"ImaCoilString": ("LO", ["Szyk"])}, dirt=b"")),
        (CSA, 0x20, makers.csa({"MrPhoenixProtocol": ("UN", [makers.ASCCONV.replace("ep2d_diff", "Szyk")])}, dirt=b"")),
        (GE, 0x1B, makers.ge('SEDESC "Szyk"\n', name="x")),
        (GE, 0x1B, makers.ge('MULTIBVALUE "MRN 7741905"\n', name="x")),
    ],
)
def test_the_leak_check_looks_into_blocks_that_a_project_retains_as_they_are(
    creator: str, element: int, value: bytes
) -> None:
    """A name of four letters stands by chance in any bytes; as an entry of a block it does not."""
    dataset = _mr("Szyk^Zebulon")
    group = 0x29 if creator == CSA else 0x25
    dataset.private_block(group, creator, create=True).add_new(element, "OB", value)
    plan = compile_plan([Option.RETAIN_SAFE_PRIVATE], [], [f'({group:04x},"{creator}",{element:02x})'])
    outcome = deidentify(_file(dataset), plan, IDENTITIES)
    assert isinstance(outcome, Quarantined)
    assert "still holds" in outcome.reason


def test_numbers_of_entries_are_no_names_and_no_identifiers_by_chance() -> None:
    dataset = _mr()
    dataset.StudyID = "51"
    dataset.AccessionNumber = "1000"
    dataset.private_block(0x29, CSA, create=True).add_new(0x10, "OB", makers.csa(makers.IMAGE))
    plan = compile_plan(OPTIONS, [], ["vendor:Siemens"])
    assert isinstance(deidentify(_file(dataset), plan, IDENTITIES), Released | Quarantined)


@pytest.mark.skipif(not REAL.is_dir(), reason="the phantom series are not part of the project")
@pytest.mark.parametrize(
    "series", ["siemens_mosaic_e11", "siemens_b15_dti", "siemens_xa30_dwi", "ge_dwi", "ge_rtia", "philips_enh"]
)
def test_real_series_are_released_and_lose_nothing_that_tells(series: str) -> None:
    plan = compile_plan(OPTIONS, [], ["vendors"])
    for file in sorted((REAL / series).glob("*.dcm"))[:2]:
        outcome = deidentify(file.read_bytes(), plan, IDENTITIES)
        assert isinstance(outcome, Released), outcome
        assert outcome.receipt.lost_meaning == ()
