"""A second image, a name or a date within compressed frames, where no decoder looks: it is taken out; samples stay.

Each is tried in an image that is clean by rule (nobody decodes it) and in one in which text was looked for.
"""

from __future__ import annotations

import contextlib
import io
import struct
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image
from PIL.ImageCms import ImageCmsProfile, createProfile
from pydicom import Dataset, dcmread
from pydicom.encaps import encapsulate, encapsulate_extended, generate_frames
from pydicom.pixels.encoders.base import get_encoder
from pydicom.uid import UID

from sendit.deidentify import compile_plan, deidentify
from sendit.deidentify.pixels.codestreams.segments import ends_in_text
from sendit.deidentify.pixels.codestreams.strip import stripped
from sendit.deidentify.pixels.image import Extent
from sendit.deidentify.retained.icc import without_texts
from sendit.errors import Quarantine
from sendit.model import Outcome, Quarantined, Released
from tests.pixels import BASELINE, JPEG_2000_LOSSLESS, RLE, Kind, file_of, image
from tests.unit.deidentify.pixels.test_policy import CT, IDENTITIES, finding, treated

if TYPE_CHECKING:
    from numpy.typing import NDArray

pytestmark = pytest.mark.long

JPEG_LS = "1.2.840.10008.1.2.4.80"
SIZE = Extent(1, 35 * 40, 35 * 40)
_SYNTAXES = (BASELINE, JPEG_2000_LOSSLESS, RLE)
_SEEN, _HIDDEN = (np.random.default_rng(seed).integers(90, 160, (35, 40), np.uint8) for seed in (1, 2))


def coded(frame: NDArray[np.uint8], syntax: str) -> bytes:
    """One frame."""
    if syntax == BASELINE:
        out = io.BytesIO()
        Image.fromarray(frame).save(out, "JPEG")
        return out.getvalue()
    made: bytes = get_encoder(UID(syntax)).encode(
        frame, encoding_plugin="pylibjpeg", rows=35, columns=40, number_of_frames=1, samples_per_pixel=1,
        bits_allocated=8, bits_stored=8, photometric_interpretation="MONOCHROME2", pixel_representation=0,
    )  # fmt: skip
    return made


def holding(fragments: list[bytes], syntax: str, **values: Any) -> Dataset:
    """An image of these fragments."""
    ds = image(Kind(BASELINE, "MONOCHROME2", 8, 8, vr="OB"))
    ds.file_meta.TransferSyntaxUID = UID(syntax)
    ds.PixelData = encapsulate(fragments, has_bot=False)
    ds["PixelData"].is_undefined_length = True
    for name, value in values.items():
        setattr(ds, name, value)
    return ds


def outcomes(fragments: list[bytes], syntax: str, **values: Any) -> list[Outcome]:
    """As NM, which may have 8 bits and is clean by rule; as a secondary capture; without CleanPixelData."""
    measured = {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.20", "Modality": "NM"}
    return [
        treated(holding(fragments, syntax, **measured, **values)),
        treated(holding(fragments, syntax, **values), finding()),
        treated(holding(fragments, syntax, **values), options=[]),
    ]


def all_held(made: list[Outcome]) -> bool:
    """Whether nothing leaves."""
    return all(isinstance(outcome, Quarantined) for outcome in made)


def frames_that_leave(outcome: Outcome, frames: int = 1) -> list[bytes]:
    """Without what fills up their fragments."""
    assert isinstance(outcome, Released), outcome
    ds = dcmread(io.BytesIO(b"".join(outcome.chunks)))
    return [frame.rstrip(b"\0") for frame in generate_frames(ds.PixelData, number_of_frames=frames)]


def all_leave(made: list[Outcome], frame: bytes) -> bool:
    """Whether all leave with nothing but this frame, and say so."""
    assert all(isinstance(outcome, Released) and outcome.receipt.repairs for outcome in made)
    return all(frames_that_leave(outcome) == [frame.rstrip(b"\0")] for outcome in made)


@pytest.mark.parametrize("syntax", _SYNTAXES)
def test_frames_with_nothing_beside_them_leave(syntax: str) -> None:
    """One and several, in one fragment each or in more, padded with zeros."""
    frame = coded(_SEEN, syntax)
    assert all(isinstance(outcome, Released) for outcome in outcomes([frame], syntax))
    assert all(isinstance(outcome, Released) for outcome in outcomes([frame + bytes(64)], syntax))
    assert all(isinstance(outcome, Released) for outcome in outcomes([frame, frame], syntax, NumberOfFrames=2))
    if syntax != RLE:
        halves = [frame[:200], frame[200:]]
        assert all(isinstance(outcome, Released) for outcome in outcomes(halves, syntax))


@pytest.mark.parametrize("syntax", _SYNTAXES)
def test_a_second_image_does_not_leave(syntax: str) -> None:
    """Behind the first one, and far behind it; it is cut off."""
    seen, hidden = coded(_SEEN, syntax), coded(_HIDDEN, syntax)
    bare = stripped(seen, SIZE, syntax, without_texts)
    assert bare is not None
    assert all_leave(outcomes([seen + hidden], syntax), bare.data)
    assert all_leave(outcomes([seen + bytes(100_000) + hidden], syntax), bare.data)


@pytest.mark.parametrize("syntax", _SYNTAXES)
def test_more_images_than_frames_are_held(syntax: str) -> None:
    """In fragments of their own: nobody can say which of them NumberOfFrames means."""
    seen, hidden = coded(_SEEN, syntax), coded(_HIDDEN, syntax)
    assert all_held(outcomes([seen, seen, hidden], syntax, NumberOfFrames=2))
    if syntax != RLE:
        assert all_held(outcomes([seen, hidden], syntax))


_SAID = [b"Quxbarry Jonathan", "Quxbarry".encode("utf-16-le"), "Кузнецова".encode(), b"born 03.12.44", b"TEL 555-0134"]
_SAID += [zlib.compress(b"Quxbarry Jonathan"), b"Lee^Kim", b"", b"\xff\xd9\xff\xd8\xff"]


@pytest.mark.parametrize("said", _SAID, ids=repr)
def test_what_a_comment_says_does_not_leave(said: bytes) -> None:
    """Before the samples and behind them; in JPEG also as application data, in JPEG 2000 also within a tile."""
    frame = coded(_SEEN, BASELINE)
    for marker in (0xFE, 0xE0, 0xE1, 0xE2, 0xE8, 0xED, 0xEE, 0xF0):
        segment = struct.pack(">BBH", 0xFF, marker, 2 + len(said)) + said
        for commented in (frame[:2] + segment + frame[2:], frame[:-2] + segment + frame[-2:]):
            made = stripped(commented, SIZE, BASELINE, without_texts)
            assert made is not None
            assert (made.data, made.removed.total()) == (frame, 1)
    comment = struct.pack(">HH", 0xFFFE, 2 + len(said)) + said
    assert all_leave(outcomes([frame[:2] + comment + frame[2:]], BASELINE), frame)


@pytest.mark.parametrize("said", _SAID, ids=repr)
def test_what_a_comment_of_jpeg_2000_says_does_not_leave(said: bytes) -> None:
    """In the main header, and in a tile-part, whose length then has to be another one."""
    frame = plain_2000()
    segment = struct.pack(">HHH", 0xFF64, 4 + len(said), 1) + said
    made = stripped(in_main_header(frame, segment), SIZE, JPEG_2000_LOSSLESS, without_texts)
    assert made is not None
    assert made.data == frame
    assert all_leave(outcomes([in_tile(frame, segment)], JPEG_2000_LOSSLESS), frame)


def plain_2000() -> bytes:
    """A frame of JPEG 2000 without the comment of its encoder."""
    frame = coded(_SEEN, JPEG_2000_LOSSLESS)
    start = frame.index(b"\xff\x64")
    assert b"OpenJPEG" in frame[start : start + 40]
    return frame[:start] + frame[start + 2 + int.from_bytes(frame[start + 2 : start + 4], "big") :]


def in_main_header(frame: bytes, segment: bytes) -> bytes:
    tile = frame.index(b"\xff\x90")
    return frame[:tile] + segment + frame[tile:]


def in_tile(frame: bytes, segment: bytes) -> bytes:
    tile = frame.index(b"\xff\x90")
    (length,) = struct.unpack_from(">I", frame, tile + 6)
    longer = struct.pack(">I", length + len(segment) if length else 0)
    return frame[: tile + 6] + longer + frame[tile + 10 : tile + 12] + segment + frame[tile + 12 :]


@pytest.mark.parametrize(("index", "wide"), [(0, True), (1, True), (2, True), (0, False), (1, False)])
def test_lengths_of_tiles(index: int, wide: bool) -> None:
    """Where the main header says them (TLM), they are corrected; those that never were right go."""
    frame, comment = plain_2000(), struct.pack(">HHH", 0xFF64, 9, 1) + b"said."
    tile = frame.index(b"\xff\x90")
    (length,) = struct.unpack_from(">I", frame, tile + 6)

    def lengths(said: int) -> bytes:
        entry = bytes(index) + said.to_bytes(4 if wide else 2, "big")
        return struct.pack(">HHBB", 0xFF55, 4 + len(entry), 0, index << 4 | wide << 6) + entry

    for said, kept in ((length + len(comment), lengths(length)), (length + 1, b"")):
        commented = in_main_header(in_tile(frame, comment), lengths(said))
        made = stripped(commented, SIZE, JPEG_2000_LOSSLESS, without_texts)
        assert made is not None
        assert made.data == in_main_header(frame, kept)


@pytest.mark.parametrize("said", [b"Kakadu-v7.10.2", b"Created by GDCM/OpenJPEG version 2.0", b"JPEG Encoder 2.1\0"])
def test_an_encoders_signature_stays(said: bytes) -> None:
    """It says nothing of a patient, and a frame with nothing else beside it stays byte for byte."""
    frame, comment = coded(_SEEN, BASELINE), struct.pack(">HH", 0xFFFE, 2 + len(said)) + said
    commented = in_main_header(plain_2000(), struct.pack(">HHH", 0xFF64, 4 + len(said), 1) + said)
    for signed, syntax in ((frame[:2] + comment + frame[2:], BASELINE), (commented, JPEG_2000_LOSSLESS)):
        assert stripped(signed, SIZE, syntax, without_texts) == (signed, {})


def test_a_few_numbers_stay() -> None:
    """Of SPIFF, AVI and Adobe, unless they read as a text."""
    frame = coded(_SEEN, BASELINE)
    for marker, head, free in ((0xE8, b"SPIFF\0", 20), (0xE0, b"AVI1", 10), (0xEE, b"Adobe\0\x64\x80\0\0\0\1", 0)):
        for behind, stays in ((bytes(free), True), (b"Quxbarry", False)):
            segment = struct.pack(">BBH", 0xFF, marker, 2 + len(head + behind)) + head + behind
            made = stripped(frame[:2] + segment + frame[2:], SIZE, BASELINE, without_texts)
            assert made is not None
            assert (segment in made.data, b"Qux" in made.data) == (stays, False)


def test_the_last_tile_may_say_no_length() -> None:
    """Then it reaches to the end of the codestream."""
    frame = plain_2000()
    tile = frame.index(b"\xff\x90")
    open_end = frame[: tile + 6] + bytes(4) + frame[tile + 10 :]
    commented = in_tile(open_end, struct.pack(">HHH", 0xFF64, 9, 1) + b"said.") + b"more behind it"
    made = stripped(commented, SIZE, JPEG_2000_LOSSLESS, without_texts)
    assert made is not None
    assert made.data == open_end


def test_what_decoding_needs_stays_in_its_shortest_form() -> None:
    """JFIF without its thumbnail, Adobe's marker without what stands behind it, HP's colours of JPEG-LS."""
    frame = coded(_SEEN, BASELINE)
    assert frame[6:11] == b"JFIF\0"

    def segment(marker: int, content: bytes) -> bytes:
        return struct.pack(">BBH", 0xFF, marker, 2 + len(content)) + content

    thumbnail = segment(0xE0, b"JFIF\0\1\2\1\0\x48\0\x48\2\2" + bytes(12))
    adobe = segment(0xEE, b"Adobe\0\x64JaneQ"[:11] + b"\1 Quxbarry")
    colours = segment(0xE8, b"mrfx\2Quxbarry")
    made = stripped(frame[:2] + thumbnail + adobe + colours + frame[20:], SIZE, BASELINE, without_texts)
    assert made is not None
    kept = segment(0xE0, b"JFIF\0\1\2\1\0\x48\0\x48\0\0") + segment(0xEE, b"Adobe\0\x64\0\0\0\0\1")
    assert made.data == frame[:2] + kept + segment(0xE8, b"mrfx\2") + frame[20:]
    assert set(made.removed) == {f"application data (APP{number})" for number in (0, 8, 14)}


def test_a_colour_profile_stays_without_its_texts() -> None:
    """In one segment and in several, in any order; what is no profile goes."""
    profile = ImageCmsProfile(createProfile("sRGB")).tobytes()
    out = io.BytesIO()
    Image.fromarray(np.stack([_SEEN] * 3, axis=-1)).save(out, "JPEG", icc_profile=profile)
    frame = out.getvalue()
    at = frame.index(b"\xff\xe2")
    end = at + 2 + int.from_bytes(frame[at + 2 : at + 4], "big")

    def chunks(content: bytes, order: tuple[int, ...] = (1, 2)) -> bytes:
        parts = {1: content[:100], 2: content[100:]}
        heads = {number: b"ICC_PROFILE\0" + bytes([number, 2]) + parts[number] for number in (1, 2)}
        return b"".join(struct.pack(">HH", 0xFFE2, 2 + len(heads[number])) + heads[number] for number in order)

    for order in ((1, 2), (2, 1)):
        made = stripped(frame[:at] + chunks(profile, order) + frame[end:], SIZE, BASELINE, without_texts)
        assert made is not None
        assert made.data == frame[:at] + chunks(without_texts(profile), order) + frame[end:]
        assert "texts of a colour profile (ICC)" in made.removed
    for broken in (chunks(profile, (1,)), chunks(b"Quxbarry" * 40), chunks(profile, (1, 1))):
        made = stripped(frame[:at] + broken + frame[end:], SIZE, BASELINE, without_texts)
        assert made is not None
        assert made.data == frame[:at] + frame[end:]


@pytest.mark.parametrize("table", ["none", "basic", "extended"])
def test_tables_of_offsets_are_written_anew(table: str) -> None:
    """One frame of three has a comment, in two fragments; the others stay, and every table says where they are."""
    frame = coded(_SEEN, BASELINE)
    segment = struct.pack(">HH", 0xFFFE, 11) + b"Quxbarry!"
    commented = frame[:2] + segment + frame[2:]
    if table == "extended":
        ds = holding([frame], BASELINE, NumberOfFrames=3)
        ds.PixelData, ds.ExtendedOffsetTable, ds.ExtendedOffsetTableLengths = encapsulate_extended(
            [frame, commented, frame]
        )
    else:
        ds = holding([frame], BASELINE, NumberOfFrames=3)
        ds.PixelData = encapsulate([frame, commented, frame], 1 if table == "none" else 2, has_bot=table == "basic")
    outcome = treated(ds, finding())
    assert isinstance(outcome, Released)
    left = dcmread(io.BytesIO(b"".join(outcome.chunks)))
    expected = encapsulate([frame] * 3, has_bot=table == "basic")
    assert left.PixelData == expected
    if table == "extended":
        again = encapsulate_extended([frame] * 3)
        assert (left.PixelData, left.ExtendedOffsetTable, left.ExtendedOffsetTableLengths) == again


def test_frames_without_anything_stay_byte_for_byte() -> None:
    """In the fragments that they came in, and with their table."""
    frame = coded(_SEEN, BASELINE)
    ds = holding([frame], BASELINE, NumberOfFrames=3)
    ds.PixelData = encapsulate([frame] * 3, 2, has_bot=True)
    outcome = treated(ds, finding())
    assert isinstance(outcome, Released)
    assert outcome.receipt.repairs == ()
    assert dcmread(io.BytesIO(b"".join(outcome.chunks))).PixelData == ds.PixelData


def test_a_text_as_an_offset_table_is_held() -> None:
    """One frame needs none, so nobody reads it."""
    frames = [coded(_SEEN, BASELINE)] * 4
    ds = holding(frames, BASELINE, NumberOfFrames=4)
    ds.PixelData = struct.pack("<HHI", 0xFFFE, 0xE000, 16) + b"Quxbarry Jane, 3" + ds.PixelData[8:]
    assert isinstance(treated(ds, finding()), Quarantined)


def test_frames_that_cannot_be_taken_apart_are_held() -> None:
    """A codestream of another kind (JPEG XL): nobody can say what stands beside its samples."""
    ds = holding([b"\xff\x0a" + bytes(200)], "1.2.840.10008.1.2.4.201", SOPClassUID=CT, Modality="CT")
    assert isinstance(treated(ds), Quarantined)


def test_uncompressed_fragments() -> None:
    """Each as long as its frame."""
    for behind in (b"", _HIDDEN.tobytes()):
        ds = holding([_SEEN.tobytes() + behind], "1.2.840.10008.1.2.1.98")
        assert frames_that_leave(treated(ds, options=[])) == [_SEEN.tobytes()]


def test_deflated_frames() -> None:
    """What stands behind the stream is cut off; what is deflated with the image cannot be."""

    def packed(content: bytes) -> bytes:
        packer = zlib.compressobj(6, zlib.DEFLATED, -zlib.MAX_WBITS)
        return packer.compress(content) + packer.flush()

    seen, hidden = _SEEN.tobytes(), _HIDDEN.tobytes()
    for frame, kind in (
        (packed(seen), Released),
        (packed(seen + hidden), Quarantined),
        (packed(seen) + hidden, Released),
        (b"\xff" * 40, Quarantined),
    ):
        # pydicom does not know this transfer syntax yet: it is put in for one as long
        file = file_of(holding([frame], BASELINE)).replace(BASELINE.encode(), b"1.2.840.10008.1.2.8.1\0", 1)
        made = deidentify(file, compile_plan([], []), IDENTITIES)
        assert isinstance(made, kind)
        assert not isinstance(made, Released) or hidden not in b"".join(made.chunks)


def box(kind: bytes, content: bytes) -> bytes:
    """A box of JP2."""
    return struct.pack(">I4s", 8 + len(content), kind) + content


def test_boxes_of_jp2() -> None:
    """What says how the codestream is shown stays, with one codestream; all others go, at any depth."""
    stream, xml = plain_2000(), box(b"xml ", b"<a>Quxbarry</a>")
    start = box(b"jP  ", b"\r\n\x87\n") + box(b"ftyp", b"jp2 \0\0\0\0jp2 ")
    numbers = box(b"ihdr", struct.pack(">IIHBBBB", 35, 40, 1, 7, 7, 0, 0)) + box(b"colr", b"\1\0\0\0\0\0\x11")
    plain = start + box(b"jp2h", numbers) + box(b"jp2c", stream)
    said = struct.pack(">HHH", 0xFF64, 9, 1) + b"said."
    whole = start + xml + box(b"jp2h", numbers + xml) + box(b"uuid", bytes(16) + b"Quxbarry")
    whole += box(b"jp2c", in_tile(stream, said)) + box(b"jp2c", stream) + box(b"asoc", xml) + b"more behind it"
    made = stripped(whole, SIZE, JPEG_2000_LOSSLESS, without_texts)
    assert made is not None
    assert made.data == plain
    assert made.removed == {"boxes of JP2": 5, "comments (COM)": 1, "bytes behind the image": 1}
    assert stripped(plain, SIZE, JPEG_2000_LOSSLESS, without_texts) == (plain, {})
    to_the_end = plain.replace(struct.pack(">I4s", 8 + len(stream), b"jp2c"), b"\0\0\0\0jp2c")
    assert stripped(to_the_end, SIZE, JPEG_2000_LOSSLESS, without_texts) == (to_the_end, {})


def test_colours_that_cannot_be_read_are_held() -> None:
    """A JP2 whose profile is none: without it, its colours would be others."""
    header = box(b"jp2h", box(b"colr", b"\2\0\0Quxbarry"))
    frame = box(b"jP  ", b"\r\n\x87\n") + header + box(b"jp2c", plain_2000())
    with pytest.raises(Quarantine, match="colours"):
        stripped(frame, SIZE, JPEG_2000_LOSSLESS, without_texts)


@pytest.mark.parametrize("syntax", _SYNTAXES)
def test_damaged_frames_end(syntax: str) -> None:
    """Cut anywhere, or with bytes changed: a frame or a reason, and never another exception; twice is as once."""
    frame = coded(_SEEN, syntax)
    generator = np.random.default_rng(3)
    for cut in range(0, len(frame), 7):
        damaged = bytearray(frame[:cut] if cut % 2 else frame)
        for at in generator.integers(0, max(1, len(damaged)), 4):
            if at < len(damaged):
                damaged[at] = int(generator.integers(0, 256))
        with contextlib.suppress(Quarantine):
            made = stripped(bytes(damaged), SIZE, syntax, without_texts)
            assert made is None or len(made.data) <= len(damaged)


def test_reserved_markers_are_held() -> None:
    """Decoders break off there; what follows could be anything."""
    frame = coded(_SEEN, BASELINE)
    for at in (2, len(frame) - 2):
        with pytest.raises(Quarantine):
            stripped(frame[:at] + b"\xff\x02\0\x0aQuxbarry" + frame[at:], SIZE, BASELINE, without_texts)


@pytest.mark.parametrize("kind", ["JPEG", "JPEG 2000", "JP2"])
def test_a_frame_of_nothing_but_comments_is_held(kind: str) -> None:
    """Hundreds of thousands of them are work, and no image."""
    many = 200_000
    if kind == "JPEG":
        frame = coded(_SEEN, BASELINE)
        frame = frame[:2] + b"\xff\xfe\0\2" * many + frame[2:]
    elif kind == "JPEG 2000":
        frame = in_main_header(plain_2000(), b"\xff\x64\0\2" * many)
    else:
        frame = box(b"jP  ", b"\r\n\x87\n") + box(b"free", b"") * many + box(b"jp2c", plain_2000())
    with pytest.raises(Quarantine):
        stripped(frame, SIZE, BASELINE, without_texts)


def test_a_tile_that_leads_back_is_held() -> None:
    """No codestream is walked through for ever."""
    frame = plain_2000()
    tile = frame.index(b"\xff\x90")
    for length in (1, 12, 13):
        with pytest.raises(Quarantine):
            stripped(frame[: tile + 6] + struct.pack(">I", length) + frame[tile + 10 :], SIZE, "", without_texts)


_STRANGE = b"Kraxberg 88127733"


@pytest.mark.parametrize("marker", [0xCC, 0xDE, 0xDF])
def test_segments_of_other_processes_go(marker: int) -> None:
    """Of arithmetic coding and of hierarchical images: a baseline decoder skips them, so anything may stand in them."""
    frame = coded(_SEEN, BASELINE)
    made = frame[:2] + bytes([0xFF, marker]) + struct.pack(">H", 2 + len(_STRANGE)) + _STRANGE + frame[2:]
    done = stripped(made, SIZE, BASELINE, without_texts)
    assert done is not None
    assert done.data == frame


@pytest.mark.parametrize("box", [b"ftyp", b"res "])
def test_boxes_of_jp2_hold_what_they_are_for(box: bytes) -> None:
    """Brands are those of JPEG 2000; resolutions are two numbers. Decoders read the same image."""
    out = io.BytesIO()
    Image.fromarray(_SEEN).save(out, "JPEG2000", no_jp2=False)
    whole = out.getvalue()
    start = whole.index(b"jp2h") - 4
    (size,) = struct.unpack_from(">I", whole, start)
    strange = struct.pack(">I4s", 8 + len(_STRANGE), box) + _STRANGE
    if box == b"ftyp":
        made = whole[:12] + struct.pack(">I4s", 36, box) + b"jp2 \0\0\0\0jp2 " + _STRANGE[:16] + whole[start:]
    else:
        made = (
            whole[:start]
            + struct.pack(">I", size + len(strange))
            + whole[start + 4 : start + size]
            + strange
            + whole[start + size :]
        )
    done = stripped(made, SIZE, JPEG_2000_LOSSLESS, without_texts)
    assert done is not None
    assert b"Kraxberg" not in done.data
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(done.data))), _SEEN)
    same = stripped(whole, SIZE, JPEG_2000_LOSSLESS, without_texts)
    assert same is not None
    assert same.data == whole


def _segment(marker: int, content: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, 2 + len(content)) + content


_TABLE = b"\x03" + _STRANGE.ljust(64, b".")
_CODES = b"\x13" + bytes([0, 0, 0, 0, len(_STRANGE), *[0] * 11]) + _STRANGE


@pytest.mark.parametrize(
    ("marker", "content"),
    [
        (0xDB, _TABLE),  # of no component
        (0xC4, _CODES),
        (0xDB, _STRANGE),  # no table at all
        (0xDD, b"\0\0" + _STRANGE),  # a restart interval has two bytes
    ],
)
def test_what_no_component_of_a_jpeg_needs_goes(marker: int, content: bytes) -> None:
    """Decoders read tables that nothing refers to, and skip the rest of a segment."""
    frame = coded(_SEEN, BASELINE)
    tables = frame.index(b"\xff\xdb")
    done = stripped(frame[:tables] + _segment(marker, content) + frame[tables:], SIZE, BASELINE, without_texts)
    assert done is not None
    assert done.data == frame[:tables] + (_segment(0xDD, b"\0\0") if marker == 0xDD else b"") + frame[tables:]


@pytest.mark.parametrize("marker", [0xDB, 0xC4, 0xC0, 0xDA])
def test_a_segment_of_jpeg_ends_with_its_fields(marker: int) -> None:
    """Tables, frame and scan: what stands behind their fields goes, and the same image is decoded."""
    frame = coded(_SEEN, BASELINE)
    start = frame.index(bytes([0xFF, marker]))
    (size,) = struct.unpack_from(">H", frame, start + 2)
    end = start + 2 + size
    longer = _segment(marker, frame[start + 4 : end] + _STRANGE)
    done = stripped(frame[:start] + longer + frame[end:], SIZE, BASELINE, without_texts)
    assert done is not None
    assert done.data == frame


@pytest.mark.parametrize("kind", [1, 2])
def test_parameters_of_jpeg_ls_end_with_their_fields(kind: int) -> None:
    """Preset thresholds have eleven bytes; a table of colours that no scan uses goes."""
    frame = get_encoder(UID(JPEG_LS)).encode(
        _SEEN, encoding_plugin="pyjpegls", rows=35, columns=40, number_of_frames=1, samples_per_pixel=1,
        bits_allocated=8, bits_stored=8, photometric_interpretation="MONOCHROME2", pixel_representation=0,
    )  # fmt: skip
    presets = struct.pack(">B5H", 1, 255, 3, 7, 21, 64)
    content = presets + _STRANGE if kind == 1 else b"\2\1\1" + _STRANGE
    done = stripped(frame[:2] + _segment(0xF8, content) + frame[2:], SIZE, JPEG_LS, without_texts)
    assert done is not None
    assert done.data == frame[:2] + (_segment(0xF8, presets) if kind == 1 else b"") + frame[2:]


@pytest.mark.parametrize(
    ("marker", "content", "kept"),
    [
        (0x63, bytes(4) + _STRANGE, None),  # where components lie: four bytes for each
        (0x57, _STRANGE, None),
        (0x5E, bytes(3) + _STRANGE, bytes(3)),
        (0x53, bytes(1) + b"\0\1\4\4\0\1" + _STRANGE, bytes(1) + b"\0\1\4\4\0\1"),
    ],
)
def test_a_segment_of_jpeg_2000_ends_with_its_fields(marker: int, content: bytes, kept: bytes | None) -> None:
    """In the main header and in that of a tile."""
    frame = plain_2000()
    for put in (in_main_header, in_tile):
        done = stripped(put(frame, _segment(marker, content)), SIZE, JPEG_2000_LOSSLESS, without_texts)
        assert done is not None
        assert done.data == (put(frame, _segment(marker, kept)) if kept else frame)


def test_lists_of_packets_are_those_of_the_tile() -> None:
    """A list (PLT) whose lengths are those of the samples stays; any other goes."""
    frame = plain_2000()
    length = frame.index(b"\xff\xd9", len(frame) - 2) - frame.index(b"\xff\x93") - 2
    right = _segment(0x58, b"\0" + bytes([0x80 | length >> 7, length & 0x7F]))
    for content, left in ((right, in_tile(frame, right)), (_segment(0x58, b"\0" + _STRANGE), frame)):
        done = stripped(in_tile(frame, content), SIZE, JPEG_2000_LOSSLESS, without_texts)
        assert done is not None
        assert done.data == left


@pytest.mark.parametrize("marker", [0x51, 0x52])
def test_size_and_style_of_jpeg_2000_end_with_their_fields(marker: int) -> None:
    """And the same image is decoded."""
    frame = plain_2000()
    start = frame.index(bytes([0xFF, marker]))
    (size,) = struct.unpack_from(">H", frame, start + 2)
    longer = _segment(marker, frame[start + 4 : start + 2 + size] + _STRANGE)
    made = frame[:start] + longer + frame[start + 2 + size :]
    done = stripped(made, SIZE, JPEG_2000_LOSSLESS, without_texts)
    assert done is not None
    assert done.data == frame


@pytest.mark.parametrize("padding", [b"", b"\0\0\0\0"])
def test_text_at_the_end_of_coded_samples_is_held(padding: bytes) -> None:
    """Decoders stop before it; where the samples end cannot be told without decoding them."""
    strange = _STRANGE + padding
    jpeg = coded(_SEEN, BASELINE)
    with pytest.raises(Quarantine, match="reads as text"):
        stripped(jpeg[:-2] + strange + jpeg[-2:], SIZE, BASELINE, without_texts)
    frame = plain_2000()
    tile = frame.index(b"\xff\x90")
    (length,) = struct.unpack_from(">I", frame, tile + 6)
    longer = struct.pack(">I", length + len(strange) if length else 0)
    made = frame[: tile + 6] + longer + frame[tile + 10 : -2] + strange + frame[-2:]
    with pytest.raises(Quarantine, match="reads as text"):
        stripped(made, SIZE, JPEG_2000_LOSSLESS, without_texts)


def test_ends_of_coded_samples_are_no_text() -> None:
    """Of 200,000 random ends none, nor a repetition."""
    chance = np.random.default_rng(11)
    ends = chance.integers(0, 256, (200_000, 24), np.uint8)
    assert not any(ends_in_text(end.tobytes()) for end in ends)
    assert not ends_in_text(b"AQAQ" * 8)
