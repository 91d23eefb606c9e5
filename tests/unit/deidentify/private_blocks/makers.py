"""Private blocks as scanners write them, made by other code than what reads them. The people in them do not exist."""

from __future__ import annotations

import gzip
import struct
from collections.abc import Mapping, Sequence

from sendit.deidentify.private_blocks.entries import EntryCleaner
from sendit.deidentify.retained.written_by_devices import TextsOfBlocks
from sendit.deidentify.text.clean import PersonalData, TextCleaner

#: Everything that may not leave, as it is planted.
PLANTED = (
    "Quixworth",
    "Zebulon",
    "MRN7741905",
    "19610307",
    "1.3.12.2.1107.5.2.43.67060.20190426",
    "ACC5512077",
    "SN67060",
)
KNOWN = PersonalData(
    names=frozenset({"quixworth", "zebulon"}), identifiers=frozenset({"mrn7741905", "acc5512077", "sn67060", "7741905"})
)

Entries = Mapping[str, tuple[str, Sequence[str]]]

IMAGE: Entries = {
    "EchoLinePosition": ("IS", ["43"]),
    "NumberOfImagesInMosaic": ("US", ["51"]),
    "B_value": ("IS", ["1000"]),
    "DiffusionGradientDirection": ("FD", ["0.70710678", "0.00000000", "-0.70710678"]),
    "SliceNormalVector": ("FD", ["-0.01403056", "0.12468957", "0.99209660"]),
    "MosaicRefAcqTimes": ("FD", [f"{index * 75.0:.8f}" for index in range(51)]),
    "BandwidthPerPixelPhaseEncode": ("FD", ["21.14200000"]),
    "PhaseEncodingDirectionPositive": ("IS", ["1"]),
    "ProtocolSliceNumber": ("IS", ["0"]),
    "ICE_Dims": ("LO", ["X_1_1_1_1_1_1_1_1_1_1_1_943"]),
    "AcquisitionMatrixText": ("SH", ["86p*86"]),
    "DiffusionDirectionality": ("CS", ["DIRECTIONAL"]),
    "ImaCoilString": ("LO", ["HE1-4"]),
}

ASCCONV = """### ASCCONV BEGIN object=MrProtDataImpl@MrProtocolData version=51130001 converter=%MEASCONST%/Prot.txt ###
ulVersion\t = \t51130001
tSequenceFileName\t = \t""%SiemensSeq%\\ep2d_diff""
tProtocolName\t = \t""DTI AP Quixworth""
tReferenceImage0\t = \t""1.3.12.2.1107.5.2.43.67060.2019042614055648917836701""
alTR[0]\t = \t7600000
sKSpace.lBaseResolution\t = \t86
sKSpace.lPhaseEncodingLines\t = \t86
sKSpace.ucPhasePartialFourier\t = \t0x10
sFastImaging.lEchoSpacing\t = \t690
sPat.lAccelFactPE\t = \t2
sSliceArray.ucMode\t = \t0x4
sSliceArray.asSlice[0].sPosition.dTra\t = \t-47.38679679
sDiffusion.dsScheme\t = \t1
sWipMemBlock.alFree[3]\t = \t8 # a comment of Quixworth
sWipMemBlock.tFree\t = \t""Zebulon""
sSpecPara.lFinalMatrixSizePhase\t = \t19610307
sSpecPara.lQuixworth\t = \t1
sPatientData.flWeight\t = \t71.5
sCoilSelectMeas.aRxCoilSelectData[0].asList[0].sCoilElementID.ulUniqueKey\t = \t222202028
sCoilSelectMeas.aRxCoilSelectData[0].asList[0].sCoilElementID.tCoilID\t = \t""HeadNeck_64""
### ASCCONV END ###"""

XPROTOCOL = (
    '<XProtocol> \n{\n  <Name> "PhoenixMetaProtocol" \n  <ParamString."PatientName"> { "Quixworth^Zebulon" }\n'
    '  <ParamString."Protocol0"> \n    {\n      "<XProtocol> \n' + ASCCONV + '" \n    }\n}\n'
)

GE_LINES = """set POSITION "Supine"
set SEDESC "Ax DWI Quixworth"
set PATNAME "Quixworth^Zebulon"
set PDGMUID "1.3.12.2.1107.5.2.43.67060.20190426"
set CLINICALCOIL "SN67060"
set SLICEORDER "1"
set VIEWORDER "1"
set NOSLC "8"
set DELACQ "Minimum"
set IOPT "EDR, EPI, DIFF, Asset"
set MULTIBVALUE "1000.0;"
set SLOC1 "L4.5"
set USERCV0 "19610307"
"""


def cleaner(descriptions: bool = True, uid: str = "2.25.7") -> EntryCleaner:
    """What cleans entries for a study of the planted patient."""
    return EntryCleaner(TextsOfBlocks(TextCleaner(KNOWN)), descriptions, lambda original: uid)


def csa(
    entries: Entries,
    later: bool = True,
    dirt: bytes = b"Quixworth^Zebulon\0MRN7741905\0",
    first: int = 6,
    added: bool = False,
) -> bytes:
    """A CSA header; everywhere that holds no value stands memory of the scanner.

    Args:
        first: the least number of items of a tag with values.
        added: lengths have the number of items of the first tag added to them.
    """
    parts = [b"SV10\4\3\2\1"] if later else []
    parts.append(struct.pack("<2I", len(entries), 77))
    for name, (vr, values) in entries.items():
        count = max(first, len(values)) if values else 0
        label = (name.encode("latin-1") + b"\0" + dirt)[:64].ljust(64, b"\0")
        parts.append(struct.pack("<64si4siii", label, len(values), vr.encode(), 6, count, 77 if values else 205))
        for index in range(count):
            value = values[index].encode("utf-8") + b"\0" if index < len(values) else b""
            length = len(value)
            said = length + first if added else length
            pad = (dirt * 4 + b"\0\0\0")[: -length % 4]
            parts.append(struct.pack("<4i", said, said, 77 if value else 205, said) + value + pad)
    return b"".join(parts) + dirt


def ge(text: str, name: str = "Ex421Quixworth", length: bool = True) -> bytes:
    """GE's protocol data block; the gzip stream has the name of a file in it."""
    body = gzip.compress(text.encode("latin-1"), mtime=1585758953)
    stream = body[:3] + b"\x08" + body[4:10] + name.encode() + b"\0" + body[10:]
    return struct.pack("<I", len(stream)) + stream if length else stream


def holds_planted(value: bytes) -> list[str]:
    """What of the planted values stands in bytes."""
    return [one for one in PLANTED if one.encode() in value]
