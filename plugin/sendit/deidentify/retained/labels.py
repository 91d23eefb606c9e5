"""Keep names of structures, segments and beams distinct: cleaning must not give two of them the same name.

"Parotid Smith L" and "Parotid Jones L" are both "Parotid L" once they are cleaned. A recipient who looks a structure up
by its name would mistake one for the other, so each gets its number, which is in the file anyway: "Parotid L [3]".
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from sendit.deidentify.dicom.dataset import Dataset, Element, find
from sendit.deidentify.replacements import DUMMIES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

#: By sequence: the attribute with the number of an item (0: its place), and those that name it. Keywords in the order
#: of the tags. (StructureSetROI: ROINumber, ROIName; RTROIObservations: ObservationNumber, ROIObservationLabel;
#: Segment: SegmentNumber, SegmentLabel; Beam: BeamNumber, BeamName; IonBeam, the same; ApplicationSetup: …Number,
#: …Name; DoseReference: …Number, …Description; Wedge, IonWedge: WedgeNumber, WedgeID; Compensator, IonRangeCompensator:
#: …Number, …ID; Block, IonBlock: …Number, BlockTrayID, …Name; GeneralAccessory, BrachyAccessoryDevice, ChannelShield:
#: …Number, …ID; Channel: …Number, SourceApplicatorID; RangeShifter, LateralSpreadingDevice, RangeModulator: …Number,
#: …ID; Fiducial: FiducialIdentifier)
_NAMED: Mapping[int, tuple[int, tuple[int, ...]]] = MappingProxyType(
    {
        0x30060020: (0x30060022, (0x30060026,)),
        0x30060080: (0x30060082, (0x30060085,)),
        0x00620002: (0x00620004, (0x00620005,)),
        0x300A00B0: (0x300A00C0, (0x300A00C2,)),
        0x300A03A2: (0x300A00C0, (0x300A00C2,)),
        0x300A0230: (0x300A0234, (0x300A0236,)),
        0x300A0010: (0x300A0012, (0x300A0016,)),
        0x300A00D1: (0x300A00D2, (0x300A00D4,)),
        0x300A03AA: (0x300A00D2, (0x300A00D4,)),
        0x300A00E3: (0x300A00E4, (0x300A00E5,)),
        0x300A02EA: (0x300A00E4, (0x300A00E5,)),
        0x300A00F4: (0x300A00FC, (0x300A00F5, 0x300A00FE)),
        0x300A03A6: (0x300A00FC, (0x300A00F5, 0x300A00FE)),
        0x300A0420: (0x300A0424, (0x300A0421,)),
        0x300A0260: (0x300A0262, (0x300A0263,)),
        0x300A02B0: (0x300A02B2, (0x300A02B3,)),
        0x300A0280: (0x300A0282, (0x300A0291,)),
        0x300A0314: (0x300A0316, (0x300A0318,)),
        0x300A0332: (0x300A0334, (0x300A0336,)),
        0x300A0342: (0x300A0344, (0x300A0346,)),
        0x0070031E: (0, (0x00700310,)),
    }
)
_LONGEST = {"LO": 64, "SH": 16, "UT": 1 << 16}


@dataclass(frozen=True, slots=True)
class _Name:
    """The name of an item, before and after cleaning."""

    item: int
    before: bytes
    after: Element


def keep_apart(sequence: int, before: Sequence[Dataset], after: Sequence[list[Element]], order: str) -> int:
    """Append a number to names of items that differed before cleaning and are the same, or empty, afterwards.

    Args:
        sequence: the tag of the sequence that the items belong to.
        before: the items of the original.
        after: the same items of the output; names in them are replaced.
        order: the byte order, as in `struct`.

    Returns:
        How many names got a number.
    """
    if sequence not in _NAMED:
        return 0
    number_tag, name_tags = _NAMED[sequence]
    changed = 0
    for tag in name_tags:
        names = [name for name in _names(tag, before, after) if name.after.value or name.before]
        if not any(name.after.value for name in names):  # none was cleaned: the profile removes all
            continue
        texts: dict[bytes, set[bytes]] = {}
        for name in names:
            texts.setdefault(_bare(name.after.value), set()).add(name.before)
        for name in names:
            if len(texts[_bare(name.after.value)]) < 2 or name.before == _bare(name.after.value):
                continue
            number = _number(after[name.item], number_tag, order) or str(name.item + 1)
            _replace(after[name.item], name.after, number)
            changed += 1
    return changed


def _names(tag: int, before: Sequence[Dataset], after: Sequence[Dataset]) -> list[_Name]:
    names = []
    for place, (one, other) in enumerate(zip(before, after, strict=True)):
        old, new = find(one, tag), find(other, tag)
        if old is not None and new is not None and old.items is None and new.items is None:
            names.append(_Name(place, _bare(old.value), new))
    return names


def _bare(value: bytes | memoryview) -> bytes:
    return bytes(value).strip(b" \0")


def _number(item: Dataset, tag: int, order: str) -> str:
    element = find(item, tag)
    if element is None or element.items is not None:
        return ""
    if element.vr == "US" and len(element.value) == struct.calcsize("H"):
        return str(struct.unpack(f"{order}H", element.value)[0])
    text = _bare(element.value).decode("latin-1")
    return text if text.isdigit() else ""


def _replace(item: list[Element], name: Element, number: str) -> None:
    """Append a number to a name, within the length that its VR allows; characters of several bytes are never split."""
    behind = f" [{number}]".encode("ascii")
    room = _LONGEST.get(name.vr, 64) - len(behind)
    bare = _bare(name.value) or DUMMIES[name.vr].strip()
    short = bare if len(bare) <= room or not bare.isascii() else bare[:room].rstrip()
    value = short + behind if len(short) <= room else behind.strip()
    item[next(place for place, element in enumerate(item) if element is name)] = Element(name.tag, name.vr, value)
