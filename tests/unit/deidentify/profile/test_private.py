"""Lists of private attributes: their form, how a project names them, and what becomes of values."""

from __future__ import annotations

import io
import re
import struct
from importlib.resources import files
from typing import TYPE_CHECKING

import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import UID, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from sendit.deidentify.compile import compile_plan
from sendit.deidentify.engine import deidentify
from sendit.deidentify.options import Option
from sendit.deidentify.profile.private import TELLING_ROLES, VENDORS, vendor_attributes, vendor_list
from sendit.deidentify.retained.private_values import is_written
from sendit.errors import Misconfigured
from sendit.model import Quarantined
from tests.unit.deidentify import samples
from tests.unit.deidentify.samples import file_of, output

if TYPE_CHECKING:
    from sendit.deidentify.plan import Plan

pytestmark = pytest.mark.long

SIEMENS, GE, PHILIPS, PHILIPS_SCALE, UIH = (
    "SIEMENS MR HEADER",
    "GEMS_PARM_01",
    "Philips MR Imaging DD 001",
    "Philips MR Imaging DD 005",
    "Image Private Header",
)


def dataset() -> Dataset:
    """An image without private attributes."""
    image = samples.dataset()
    image.remove_private_tags()
    return image


def _plan(*entries: str) -> Plan:
    return compile_plan([Option.RETAIN_SAFE_PRIVATE], [], entries or ("vendors",))


def _after(image: Dataset, *entries: str, syntax: str = ExplicitVRLittleEndian) -> Dataset:
    """What becomes of an image, written in this transfer syntax before."""
    image.file_meta.TransferSyntaxUID = UID(syntax)
    buffer = io.BytesIO()
    implicit = syntax == ImplicitVRLittleEndian
    pydicom.dcmwrite(buffer, image, implicit_vr=implicit, little_endian=True, enforce_file_format=True)
    return output(buffer.getvalue(), _plan(*entries))


def _with(group: int, creator: str, *elements: tuple[int, str, object]) -> Dataset:
    image = dataset()
    block = image.private_block(group, creator, create=True)
    for number, vr, value in elements:
        block.add_new(number, vr, value)
    return image


def _values(image: Dataset) -> dict[str, object]:
    return {str(e.tag): e.value for e in image if e.tag.is_private and not e.tag.is_private_creator}


@pytest.mark.parametrize("vendor", sorted(VENDORS))
def test_each_list_can_be_read(vendor: str) -> None:
    """Every row is of a private group, has a VR, a pattern that compiles, and says why it is safe."""
    tags = [attribute.tag for attribute in vendor_list(vendor)]
    assert len(tags) == len(set(tags))
    for attribute in vendor_list(vendor):
        group, creator, element = attribute.tag
        assert group % 2
        assert group > 8
        assert 0 < len(creator) <= 64
        assert 0 <= element <= 0xFF
        assert re.fullmatch("[A-Z]{2}", attribute.vr)
        assert attribute.vr not in ("DA", "TM", "PN", "UI", "AE", "UN"), attribute
        assert attribute.vr != "DT" or "SUV" in attribute.safe, attribute
        assert attribute.vr not in ("OB", "OW") or attribute.form, attribute
        assert attribute.name
        assert attribute.safe
        assert attribute.role in TELLING_ROLES | {"encoding", "timing", "label", "technique"}
        re.compile(attribute.values)


@pytest.mark.parametrize("vendor", sorted(VENDORS))
def test_each_list_has_a_name_and_a_version(vendor: str) -> None:
    """In its first line."""
    path = files("sendit.deidentify") / "tables" / "private" / f"{VENDORS[vendor]}.csv"
    assert re.match(r"# vendor:\w+, version \d+: ", path.read_text("utf-8"))


def test_no_list_holds_what_identifies() -> None:
    """By the names of the attributes."""
    personal = r"patient|birth|operator|physician|serial|host|\bdate|comment|institution|station|weight"
    for attribute in vendor_attributes().values():
        assert not re.search(personal, attribute.name, re.IGNORECASE), attribute


def test_names_of_lists() -> None:
    """One vendor, all of them; a name that is none stops."""
    image = _with(0x0019, SIEMENS, (0x28, "FD", 23.9))
    assert not _values(_after(image, '(7053,"X",01)'))
    assert _values(_after(image, "vendor:Siemens"))
    assert not _values(_after(image, "vendor:GE"))
    assert _values(_after(image, "vendors"))
    assert _plan("vendor:Canon").private == _plan("vendor:Toshiba").private
    with pytest.raises(Misconfigured, match="'vendor:Simens' names no list") as error:
        _plan("vendor:Simens")
    assert "vendor:Siemens" in str(error.value)


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
def test_numbers_stay(syntax: str) -> None:
    """In implicit VR, too, where the list says of which VR a value is."""
    image = _with(
        0x0019, SIEMENS, (0x0A, "US", 51), (0x0C, "IS", "1000"), (0x0E, "FD", [0.1, 0.2, 0.97]), (0x28, "FD", 23.9)
    )
    values = _values(_after(image, syntax=syntax))
    assert list(values.values()) == [51, 1000, [0.1, 0.2, 0.97], 23.9]


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
def test_sinogram_of_a_plan_stays(syntax: str) -> None:
    """As TomoTherapy's plans have it: numbers as text, in an element of VR UN; a name in their place goes."""
    row = b"\\".join([b"0.123456789012345", b"0", b"1", b".5", b"", b"2.5e-3"] * 10 + [b"0"] * 4)
    image = _with(0x300D, "TOMO_HA_01", (0xA7, "UN", row), (0x40, "UN", b"20.4"), (0xA4, "UN", b"HELICAL "))
    after = _after(image, "vendor:Accuray", syntax=syntax)
    block = after.private_block(0x300D, "TOMO_HA_01")
    value = block[0xA7].value
    text = value.decode() if isinstance(value, bytes) else value
    assert text.strip("\0 ") == row.decode()
    assert "HELICAL" in str(block[0xA4].value)
    assert float(block[0x40].value) == 20.4
    named = _after(_with(0x300D, "TOMO_HA_01", (0xA7, "UN", b"0.5\\Quimby\\1 ")), "vendor:Accuray", syntax=syntax)
    assert "Quimby" not in str(named)


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
def test_what_stands_in_sequences_stays(syntax: str) -> None:
    """As Philips writes scale slopes of enhanced images: a private sequence in a functional group."""
    image, frame, inner = dataset(), Dataset(), Dataset()
    inner.private_block(0x2005, PHILIPS, create=True).add_new(0x0E, "FL", 0.5)
    inner.private_block(0x2005, "SOMEBODY", create=True).add_new(0x01, "LO", "Quimby")
    inner.PatientName = "Quimby^Zelda"
    frame.private_block(0x2005, PHILIPS_SCALE, create=True).add_new(0x0F, "SQ", [inner])
    image.PerFrameFunctionalGroupsSequence = [frame]
    after = _after(image, syntax=syntax)
    (item,) = after.PerFrameFunctionalGroupsSequence[0][0x2005, 0x100F].value
    assert item[0x2005, 0x100E].value == 0.5
    assert item[0x2005, 0x0010].value == PHILIPS
    assert (0x2005, 0x1101) not in item
    assert "Quimby" not in str(after)


def test_items_without_a_creator_of_their_own() -> None:
    """UIH's frames name none: that of the dataset around them holds. In other items it does not."""
    image, frame = _with(0x0065, UIH, (0x50, "DS", "20")), Dataset()
    frame.add_new(0x00651015, "DS", ["1", "2", "3"])
    frame.ImagePositionPatient = [1, 2, 3]
    image.private_block(0x0065, UIH).add_new(0x51, "SQ", [frame])
    image.DerivationImageSequence = [Dataset()]
    image.DerivationImageSequence[0].add_new(0x00651015, "DS", ["1", "2", "3"])
    after = _after(image)
    assert after[0x0065, 0x1051].value[0][0x0065, 0x1015].value == [1, 2, 3]
    assert (0x0065, 0x1015) not in after.DerivationImageSequence[0]


@pytest.mark.parametrize(
    ("group", "creator", "number", "vr", "value"),
    [
        (0x0051, SIEMENS, 0x0F, "LO", "T:HEA;HEP"),
        (0x0051, SIEMENS, 0x0F, "LO", "HE1-4;NE1,2"),
        (0x0051, SIEMENS, 0x11, "LO", "p2 s3"),
        (0x0051, SIEMENS, 0x0B, "LO", "384p*384 I"),
        (0x0051, SIEMENS, 0x0E, "LO", "Tra>Cor(-15.0)>Sag(2.1)"),
        (0x0019, SIEMENS, 0x0D, "CS", "DIRECTIONAL"),
        (0x0021, "SIEMENS MR SDI 02", 0x06, "LO", "X_4_1_1_1_1_160_1_1_1_1_1_277"),
        (0x0051, SIEMENS, 0x16, "LO", "ASL/NONE/ND/NORM/FM/FIL/MOSAIC"),
        (0x0051, SIEMENS, 0x16, "LO", "T1 MAP/ND/NORM/MOCO"),
        (0x0021, "SIEMENS MR SDI 02", 0x75, "CS", ["M", "NORM", "DIS2D"]),
        (0x0019, "GEMS_ACQU_01", 0x9C, "LO", "epi2"),
        (0x0043, GE, 0x97, "LO", ["40", "0.00 0.00 0.00 0.00 0.00 0.00 0.00"]),
        (0x0043, GE, 0xB6, "LO", ["2", "3", "ARC"]),
        (0x0043, GE, 0x95, "LO", "RN/s7"),
        (0x0043, GE, 0xCA, "LO", ["0.75", "High"]),
        (0x2001, "Philips Imaging DD 001", 0x0B, "CS", "TRANSVERSAL"),
        (0x2005, PHILIPS_SCALE, 0x29, "CS", "LABEL"),
        (0x2005, PHILIPS, 0xA1, "CS", "SYN_COCA"),
        (0x0065, UIH, 0x05, "SH", "A->P"),
        (0x0065, UIH, 0x0D, "SH", "F:2S"),
    ],
)
def test_what_vendors_write_stays(group: int, creator: str, number: int, vr: str, value: str | list[str]) -> None:
    """Texts of a fixed form, as they stand."""
    assert list(_values(_after(_with(group, creator, (number, vr, value)))).values()) == [value]


@pytest.mark.parametrize(
    ("group", "creator", "number", "vr"),
    [
        (0x0051, SIEMENS, 0x0F, "LO"),
        (0x0019, SIEMENS, 0x0D, "CS"),
        (0x0019, SIEMENS, 0x0C, "LO"),  # the list says IS
        (0x0019, "GEMS_ACQU_01", 0x9C, "LO"),
        (0x0043, GE, 0x70, "LO"),
        (0x2001, "Philips Imaging DD 001", 0x0B, "CS"),
        (0x2001, "Philips Imaging DD 001", 0x03, "OB"),  # the list says FL
        (0x0065, UIH, 0x2D, "ST"),
    ],
)
@pytest.mark.parametrize("name", ["QUIMBY", "Mrs Zzyzxqa", "seen by Dr Wu 15.01.2024"])
def test_names_do_not_stay(group: int, creator: str, number: int, vr: str, name: str) -> None:
    """Whatever the attribute should hold: of the patient, and of anybody else. A number in bytes holds the file."""
    image = dataset()
    image.PatientName, image.PatientID = "Quimby^Zelda", "5551234"
    text = name.encode().ljust(len(name) + len(name) % 2)
    image.private_block(group, creator, create=True).add_new(number, "OB" if vr == "OB" else "LO", text.decode())
    if vr == "OB":
        image[group << 16 | 0x1000 | number].value = text
    outcome = deidentify(file_of(image), _plan(), samples.IDENTITIES)
    if vr == "OB" and isinstance(outcome, Quarantined):
        return
    after = output(file_of(image), _plan())
    left = " ".join(map(str, _values(after).values())).lower()
    assert not any(part in left for part in ("quimby", "zelda", "zzyzxqa", "wu", "2024", "5551234")), left


def test_numbers_of_another_vr() -> None:
    """Software of one vendor differs in that: numbers stay, of the file's VR; a text has to read as a number."""
    image = _with(0x0019, SIEMENS, (0x0C, "DS", "1000"), (0x28, "FL", 23.5), (0x18, "LO", "3500"))
    assert [str(value) for value in _values(_after(image)).values()] == ["1000", "3500", "23.5"]


def test_user_data_of_ge() -> None:
    """The polarity of phase encoding stays in its place; everything else of the header is zero."""
    data = bytearray(b"QUIMBY ZELDA ".ljust(1600, b"Z"))
    struct.pack_into("<H", data, 24, 56)
    struct.pack_into("<f", data, 56, 25.003)
    for place in (0x30, 0x3A, 0x394 - 0x8C):
        struct.pack_into("<H", data, 56 + 0x4C + place, 0x804)
    after = _after(_with(0x0043, GE, (0x2A, "OB", bytes(data))))
    kept = after[0x0043, 0x102A].value
    assert len(kept) == len(data)
    assert kept.count(0) == len(data) - 12 + kept[24:26].count(0) + kept[56:60].count(0)
    assert struct.unpack_from("<H", kept, 56 + 0x4C + 0x3A) == (0x804,)
    assert not _values(_after(_with(0x0043, GE, (0x2A, "OB", b"Q" * 1600))))


def test_creators_in_capitals() -> None:
    """As older software of Philips writes them."""
    image = _with(0x2001, "PHILIPS IMAGING DD 001", (0x03, "FL", 1000.0))
    assert list(_values(_after(image, "vendor:Philips")).values()) == [1000.0]


NAMES = (
    "SMITH",
    "Smith",
    "QUIMBY",
    "Zelda",
    "MUELLER",
    "O'NEIL",
    "SMITH^JOHN",
    "SMITH JOHN",
    "Dr Smith",
    "SMITH_AI",
    "F:SMITH",
)
#: Numbers of patients and orders, days, phone numbers, national numbers, computers.
NUMBERS = (
    "4711882", "004711882", "19620311", "11.03.1962", "1962-03-11", "3/11/1962", "120362-1234", "+491701234567",
    "5551234-001", "10.11.12.13", "12 4711882 3", "A12B34C567",
)  # fmt: skip


@pytest.mark.parametrize("vendor", sorted(VENDORS))
def test_no_form_of_a_text_has_room_for_persons(vendor: str) -> None:
    """Whoever they are of: in no attribute are names and numbers of persons what the vendor's software writes."""
    for attribute in vendor_list(vendor):
        if attribute.values:
            assert [text for text in NAMES + NUMBERS if is_written(attribute.values, text)] == [], attribute


def test_numbers_of_a_scanner_are_nobodys() -> None:
    """Decimals of any length, lists, versions."""
    for text in ("0.12345678", "8 8 1 0 0.00000015", "1234.5678", "1e-07 123456", "2.5.1"):
        assert is_written(r"[\s\d.eE+\-]*", text)


@pytest.mark.timeout(30)
@pytest.mark.parametrize("start", ["", "p1", "epi", "HE1", "X_1", "TA ", "1*1", "F:2", "rev=1;a=1"])
def test_forms_are_compared_quickly(start: str) -> None:
    """A text that is made to take long is longer than any real one, or takes no time."""
    texts = [start + one * 4000 + "!" for one in ("1", "_1", "p1", ";A1", ",1", "a=1", "1.", " ", "A")]
    patterns = {attribute.values for attribute in vendor_attributes().values() if attribute.values}
    assert not any(is_written(pattern, text) for pattern in patterns for text in texts if len(text) < 16_000)
    assert not any(is_written(pattern, text[:200] + "!") for pattern in patterns for text in texts)


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
def test_the_dates_of_a_tracer_move_with_all_others(syntax: str) -> None:
    """SUV is computed from the time between injection and scan; without an option for dates, they go."""
    image = _with(
        0x0009, "GEMS_PETD_01", (0x0D, "DT", "20240115101112.00"), (0x3B, "DT", "20240115090000.00"),
        (0x36, "LO", "FDG"), (0x3F, "FL", 6586.2),
    )  # fmt: skip
    siemens = image.private_block(0x0071, "SIEMENS MED PT", create=True)
    siemens.add_new(0x22, "DT", "20240115101112.00")
    image.StudyDate, image.StudyTime = "20240115", "101000"
    image.file_meta.TransferSyntaxUID = UID(syntax)
    implicit = syntax == ImplicitVRLittleEndian
    buffer = io.BytesIO()
    pydicom.dcmwrite(buffer, image, implicit_vr=implicit, little_endian=True, enforce_file_format=True)
    options = [Option.RETAIN_SAFE_PRIVATE, Option.CLEAN_DESCRIPTORS]
    moved = output(
        buffer.getvalue(), compile_plan([*options, Option.RETAIN_LONGITUDINAL_MODIFIED_DATES], [], ["vendors"])
    )
    day = moved.StudyDate
    assert day != "20240115"
    read = [value.decode().strip() if isinstance(value, bytes) else str(value) for value in _values(moved).values()]
    assert read == [
        f"{day}101112.00", "FDG", f"{day}090000.00", str(moved[0x0009, 0x103F].value), f"{day}101112.00"
    ]  # fmt: skip
    left = _values(output(buffer.getvalue(), compile_plan(options, [], ["vendors"])))
    assert len(left) == 2
    assert "20240115" not in str(left)


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
def test_the_velocity_of_hitachi_stays_in_its_functional_groups(syntax: str) -> None:
    """Its numbers stand in private sequences, of which each names the creator again."""
    velocity, frame = Dataset(), Dataset()
    velocity.private_block(0x0029, "MMCPrivate", create=True).add_new(0xA6, "FD", -80.0)
    velocity.private_block(0x0029, "MMCPrivate").add_new(0xA7, "FD", 80.0)
    frame.private_block(0x0029, "MMCPrivate", create=True).add_new(0xA4, "SQ", [velocity])
    image = _with(0x0029, "MMCPrivate", (0x32, "SQ", [frame]))
    after = _after(image, "vendor:Hitachi", syntax=syntax)
    groups = after.private_block(0x0029, "MMCPrivate")[0x32].value[0]
    item = groups.private_block(0x0029, "MMCPrivate")[0xA4].value[0].private_block(0x0029, "MMCPrivate")
    assert [item[0xA6].value, item[0xA7].value] == [-80.0, 80.0]


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
@pytest.mark.parametrize(
    ("vendor", "group", "creator", "elements"),
    [
        ("Philips", 0x01F1, "ELSCINT1", [(0x28, "DS", "36"), (0x33, "DS", "2.5")]),
        ("Philips", 0x3001, "Philips3D", [(0x01, "UL", 208), (0x02, "US", 3), (0x03, "FD", 0.0622)]),
        ("Eigen", 0x1129, "Eigen Artemis", [(0x16, "DS", "0.33")]),
        ("GE", 0x0009, "QUASAR_INTERNAL_USE", [(0x03, "UL", [100, 200, 300]), (0x07, "US", [0, 3, 6])]),
    ],
)
def test_what_locates_and_times_frames_stays(
    syntax: str, vendor: str, group: int, creator: str, elements: list[tuple[int, str, object]]
) -> None:
    image = _with(group, creator, *elements)
    kept = _after(image, f"vendor:{vendor}", syntax=syntax).private_block(group, creator)
    assert all(number in kept for number, _, _ in elements)
    if syntax == ExplicitVRLittleEndian:  # else pydicom knows the VRs of some only
        before = image.private_block(group, creator)
        assert all(kept[number].value == before[number].value for number, _, _ in elements)
    assert not _values(_after(image, "vendor:UIH", syntax=syntax))
