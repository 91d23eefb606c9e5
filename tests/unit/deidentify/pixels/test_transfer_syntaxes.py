"""Every transfer syntax of the standard: what leaves, what is held or rejected and why, and never a crash.

The frames of HTJ2K and JPEG XL were made once with OpenJPH and libjxl, of which SendIt has neither.
"""

from __future__ import annotations

import base64
import io
import struct
import zlib
from typing import TYPE_CHECKING

import numpy as np
import pytest
from pydicom import Dataset, dcmread
from pydicom._uid_dict import UID_dictionary
from pydicom.encaps import encapsulate, generate_frames
from pydicom.uid import UID

from sendit.deidentify import compile_plan, deidentify
from sendit.deidentify.options import Option
from sendit.deidentify.pixels.ocr.api import PixelTools
from sendit.deidentify.pixels.regions import Region
from sendit.model import Outcome, PixelStatus, Quarantined, Rejected, Released
from tests.pixels import BASELINE, Kind, file_of, image
from tests.unit.deidentify.pixels.test_policy import IDENTITIES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

pytestmark = pytest.mark.long

#: 16 rows and columns.
_Y, _X = np.mgrid[0:16, 0:16]
_PICTURE: NDArray[np.uint8] = (_X * 9 + _Y * 5 + ((_X * _Y) % 7) * 3).astype(np.uint8)
_HTJ2K_TEXT = """
    /0//UQApQAAAAAAQAAAAEAAAAAAAAAAAAAAAEAAAABAAAAAAAAAAAAABBwEB/1AACAACAAAAAv9SAAwAAgABAAUEBEAB/1wAEyBIUFBQUFBQUF
    BQUFBQSEhI/2QAFwABT3BlbkpQSCBWZXIgMC4yNi4zLv+QAAoAAAAAAPkAAf+TwCXtAId0AADAEsASgKYBB3QA3ACHdADAE8ATwBIAiIJRAEK0
    AEgi7gAGtADXFrMAwBWwBWQBXASHmGB8KrQM4vXutgBgjOyaxZgBq10ptgDo3BMhMtaZ/QET6+m2AMAuugF18Auo1auTkgKDwGnMp4SBgGCAhe
    RPdEgohUqB3TmwCITifBiaeSqWo4M4HyyrcjhQAQuIyKVpCcwpnWjoHKtDVhlgcSqHQagkQECiUgMj8CBJT1ICToBkkFlSgcgy6FEBKUk9eQoJ
    qSeJfJqIhyJPvacolWYoJQEz3+XJf0WG21bKpsN/lKRSAf/Z
"""
_HTJ2K_LOSSY_TEXT = """
    /0//UQApQAAAAAAQAAAAEAAAAAAAAAAAAAAAEAAAABAAAAAAAAAAAAABBwEB/1AACAACAAAAIv9SAAwAAgABAAUEBEAA/1wAIyJ3GHbqdup2vG
    8AbwBu4mdMZ0xnZFADUANQRlfSV9JXYf9kABcAAU9wZW5KUEggVmVyIDAuMjYuMy7/kAAKAAAAAAECAAH/k8ABME/9Awd0AADAAmgATQAIwDL8
    Aod0AFb+Agd0AABjAMAFRABUQASAFg4uKADCtAAalwTqAIa0AK8XMwDAFoQBWwBXAJjpjzCKTSwT/QB/F0pvNwCS6MkkyAYFSwaprzUAYsxygD
    CEmJn9EI0htQDAF1cAXVwBdKCAdYcEA00UafXKiuoArV45YUwCbwkvFR1g8V5bEq8hd9HfKsJD1ZHLanEBooQkm5OuXKv3pfASsywtikQtJYPp
    6lqcgHKGSVv0PFU1M/KCh5S05Y7SATMyFgjIEksJqgHEBCoiDyJRDaMqOd3kWdTqG28p+rvoL+qkUQH/2Q==
"""
_JXL_TEXT = """
    /wpDQFDcCAgEAQBIAksoNcbeDgpbKCgoCUZGRqTYMUZHxBhtxBgdY0hzYjAcgxxjRISj01TGGGNEjBExOBCDGh3bfIBjAPy9w6cfOPUDvkcFmv
    UD/td2xyyN5NJNMJiaKCwNOsBIjAci7SFTw5sLwwKRGtgEC0B/BoitbUZLToilk1xUNdFLaUQIkDgPXNujN1pdidVdxD/hCRcA5AsA
"""
_JXL_IN_BOXES_TEXT = """
    AAAADEpYTCANCocKAAAAFGZ0eXBqeGwgAAAAAGp4bCAAAACnanhsY/8KQ0BQ3AgIBAEASAJLKDXG3g4KWygoKAlGRkak2DFGR8QYbcQYHWNIc2
    IwHIMcY0SEo9NUxhhjRIwRMTgQgxod23yAYwD8vcOnHzj1A75HBZr1A/7XdscsjeTSTTCYmigsDTrASIwHIu0hU8ObC8MCkRrYBAtAfwaIrW1G
    S06IpZNcVDXRS2lECJA4D1zbozdaXYnVXcQ/4QkXAOQLAA==
"""
HTJ2K, HTJ2K_LOSSY, JXL, JXL_IN_BOXES = (
    base64.b64decode("".join(text.split())) for text in (_HTJ2K_TEXT, _HTJ2K_LOSSY_TEXT, _JXL_TEXT, _JXL_IN_BOXES_TEXT)
)
_REGION = Region(2, 2, 10, 6)
_JPEG = "1.2.840.10008.1.2.4."
_NAME = b"Quennesbury^Aldric"
#: User data behind a sequence header of MPEG-2; a message (SEI, unregistered user data) in H.264 and H.265.
_MPEG2 = b"\0\0\1\xb3" + bytes(8) + b"\0\0\1\xb2" + _NAME
_H264 = b"\0\0\0\1\x06\x05" + bytes([16 + len(_NAME)]) + bytes(16) + _NAME + b"\x80"
_H265 = b"\0\0\0\1\x4e\x01\x05" + bytes([16 + len(_NAME)]) + bytes(16) + _NAME + b"\x80"


def _holding(frame: bytes, syntax: str, **values: str) -> Dataset:
    ds = image(Kind(BASELINE, "MONOCHROME2", 8, 8, vr="OB"))
    ds.Rows = ds.Columns = 16
    ds.file_meta.TransferSyntaxUID = UID(syntax)
    ds.PixelData = encapsulate([frame], has_bot=False)
    ds["PixelData"].is_undefined_length = True
    for name, value in values.items():
        setattr(ds, name, value)
    return ds


def _outcomes(frame: bytes, syntax: str) -> list[Outcome]:
    """As NM, which is clean by rule; as a secondary capture in which text is found; without CleanPixelData."""
    text = PixelTools(lambda frames, identifiers, series: (_REGION,))
    return [
        _treated(_file(frame, syntax, SOPClassUID="1.2.840.10008.5.1.4.1.1.20", Modality="NM")),
        _treated(_file(frame, syntax), text),
        _treated(_file(frame, syntax), options=()),
    ]


def _treated(
    content: bytes, tools: PixelTools | None = None, options: Sequence[Option] = (Option.CLEAN_PIXEL_DATA,)
) -> Outcome:
    return deidentify(content, compile_plan(options, []), IDENTITIES, tools)


def _file(frame: bytes, syntax: str, **values: str) -> bytes:
    """A file, of a syntax that pydicom need not know: its UID is written in the place of another one."""
    place = _PLACES[len(syntax) + len(syntax) % 2]
    content = file_of(_holding(frame, place, **values))
    return content.replace(_padded(place), _padded(syntax), 1)


def _padded(uid: str) -> bytes:
    return uid.encode() + b"\0" * (len(uid) % 2)


#: UIDs of transfer syntaxes by their length with padding.
_PLACES = {20: "1.2.840.10008.1.2.5", 22: "1.2.840.10008.1.2.4.90", 24: "1.2.840.10008.1.2.4.201"}


def _with_comment(stream: bytes, said: bytes) -> bytes:
    """With a comment (COM, of Latin text) behind the segment SIZ."""
    at = 4 + int.from_bytes(stream[4:6], "big")
    return stream[:at] + b"\xff\x64" + struct.pack(">HH", 4 + len(said), 1) + said + stream[at:]


def _content(outcome: Outcome) -> bytes:
    assert isinstance(outcome, Released), outcome
    return b"".join(outcome.chunks)


def _pixels(content: bytes) -> NDArray[np.uint8]:
    pixels: NDArray[np.uint8] = dcmread(io.BytesIO(content)).pixel_array
    return pixels


@pytest.mark.parametrize(
    ("syntax", "stream"), [(f"{_JPEG}201", HTJ2K), (f"{_JPEG}202", HTJ2K), (f"{_JPEG}203", HTJ2K_LOSSY)]
)
def test_htj2k(syntax: str, stream: bytes) -> None:
    """It leaves as it came without its comments; with text in it, masked and compressed without loss."""
    by_rule, masked, unasked = _outcomes(_with_comment(stream, _NAME), syntax)
    before = _pixels(_file(stream, syntax))
    assert stream is HTJ2K_LOSSY or np.array_equal(before, _PICTURE)
    for outcome, status in ((by_rule, PixelStatus.BY_RULE), (unasked, PixelStatus.NOT_CHECKED)):
        content = _content(outcome)
        assert isinstance(outcome, Released)
        assert outcome.receipt.pixels["status"] == status
        assert outcome.receipt.repairs == ("taken out of the compressed frames: comments (COM)",)
        assert b"Quennesbury" not in content
        (frame,) = generate_frames(dcmread(io.BytesIO(content)).PixelData, number_of_frames=1)
        assert frame.rstrip(b"\0") == stream.rstrip(b"\0")
    content = _content(masked)
    assert isinstance(masked, Released)
    assert masked.receipt.pixels["status"] == PixelStatus.CLEANED
    assert b"Quennesbury" not in content
    assert dcmread(io.BytesIO(content)).file_meta.TransferSyntaxUID == f"{_JPEG}80"  # OpenJPEG writes nothing so small
    outside = np.ones((16, 16), bool)
    outside[_REGION.y0 : _REGION.y1, _REGION.x0 : _REGION.x1] = False
    after = _pixels(content)
    assert np.array_equal(after[outside], before[outside])
    assert not np.array_equal(after[~outside], before[~outside])


@pytest.mark.parametrize("number", [110, 111, 112])
@pytest.mark.parametrize("kind", ["bare", "boxes", "Exif", "xml "])
def test_jpeg_xl_is_held(number: int, kind: str) -> None:
    """Its codestream names frames and channels, and SendIt has no decoder that would tell where such names are."""
    box = struct.pack(">I4s", 8 + len(_NAME), kind.encode()) + _NAME if len(kind) == 4 else b""
    frame = JXL if kind == "bare" else JXL_IN_BOXES + box
    by_rule, searched, unasked = _outcomes(frame, f"{_JPEG}{number}")
    hiding = "its frames are compressed in a way that may hide data beside the image"
    assert _reasons(by_rule, unasked) == [hiding, hiding]
    assert _reasons(searched) == ["its pixels cannot be examined: there is no decoder for its transfer syntax"]


def _reasons(*outcomes: Outcome) -> list[str]:
    assert all(isinstance(outcome, Quarantined) for outcome in outcomes), outcomes
    return [outcome.reason for outcome in outcomes if isinstance(outcome, Quarantined)]


def test_uncompressed_in_fragments() -> None:
    """What stands behind the image goes; text is masked, and the frame leaves as any uncompressed one."""
    by_rule, searched, unasked = _outcomes(_PICTURE.tobytes() + _NAME, "1.2.840.10008.1.2.1.98")
    assert b"Quennesbury" not in _content(by_rule) + _content(unasked)
    assert _PICTURE.tobytes() in _content(by_rule)
    _check_masked(searched)
    assert b"Quennesbury" not in _content(searched)


def _check_masked(outcome: Outcome) -> None:
    """The region is black, and everything around it is the same."""
    pixels = dcmread(io.BytesIO(_content(outcome))).pixel_array
    expected = _PICTURE.copy()
    expected[_REGION.y0 : _REGION.y1, _REGION.x0 : _REGION.x1] = 0
    assert np.array_equal(pixels, expected)


def test_deflated_frames_are_masked() -> None:
    """And one that is damaged, or too short, is held."""

    def packed(content: bytes) -> bytes:
        packer = zlib.compressobj(6, zlib.DEFLATED, -zlib.MAX_WBITS)
        return packer.compress(content) + packer.flush()

    _, searched, _ = _outcomes(packed(_PICTURE.tobytes()), "1.2.840.10008.1.2.8.1")
    _check_masked(searched)
    for damaged in (packed(_PICTURE.tobytes()[:-1]), b"\xff" * 40):
        _, searched, _ = _outcomes(damaged, "1.2.840.10008.1.2.8.1")
        assert _reasons(searched) == ["its pixels cannot be examined: no decoder can read them"]


def test_uncompressed_frame_that_is_too_short_is_held() -> None:
    damaged = "its pixels cannot be examined: a frame is truncated or damaged"
    by_rule, _, unasked = _outcomes(_NAME, "1.2.840.10008.1.2.1.98")
    assert _reasons(by_rule, unasked) == [damaged, damaged]


_VIDEO, _REMOTE = "video: SendIt cannot de-identify its images and sound", "its pixels are on another server (JPIP)"


@pytest.mark.parametrize(
    ("frame", "syntax", "reason"),
    [
        *((_MPEG2, f"{_JPEG}{number}", _VIDEO) for number in (100, 101)),
        *((_H264, f"{_JPEG}{number}", _VIDEO) for number in range(102, 107)),
        *((_H265, f"{_JPEG}{number}", _VIDEO) for number in (107, 108)),
        *((bytes(16), f"1.2.840.10008.1.2.7.{number}", _VIDEO) for number in (1, 2, 3)),
        *((b"http", f"{_JPEG}{number}", _REMOTE) for number in (94, 95, 204, 205)),
        (bytes(16), f"{_JPEG}113", "SendIt does not support its transfer syntax"),
    ],
)
def test_what_is_rejected(frame: bytes, syntax: str, reason: str) -> None:
    """Whatever the project asks for: its user data, sound and addresses are nothing that SendIt can clean."""
    for outcome in _outcomes(frame, syntax):
        assert isinstance(outcome, Rejected), outcome
        assert outcome.reason == reason


def test_fragments_of_video_are_rejected() -> None:
    """Syntaxes of the standard that divide a stream into fragments (.100.1, .102.1 …): no longer one stream."""
    content = file_of(_holding(_H264, f"{_JPEG}201"))
    for number in range(100, 107):
        syntax = f"{_JPEG}{number}.1"
        longer = content.replace(_padded(f"{_JPEG}201"), _padded(syntax), 1)
        outcome = _treated(_with_length(longer, syntax))
        assert isinstance(outcome, Rejected), outcome
        assert outcome.reason == _VIDEO


def _with_length(content: bytes, syntax: str) -> bytes:
    """With the lengths of the transfer syntax and of the file meta group as the longer UID makes them."""
    at = content.index(_padded(syntax))
    grown = len(_padded(syntax)) - len(_padded(f"{_JPEG}201"))
    (group,) = struct.unpack_from("<I", content, 140)
    content = content[:140] + struct.pack("<I", group + grown) + content[144:]
    return content[: at - 2] + struct.pack("<H", len(_padded(syntax))) + content[at:]


@pytest.mark.parametrize("syntax", [f"{_JPEG}50", f"{_JPEG}80", f"{_JPEG}90", f"{_JPEG}201", "1.2.840.10008.1.2.5"])
@pytest.mark.parametrize("frame", [_MPEG2, _H264, _H265, JXL, JXL_IN_BOXES], ids=lambda one: one[:4].hex())
def test_another_stream_under_a_usual_syntax_is_held(frame: bytes, syntax: str) -> None:
    assert all(isinstance(outcome, Quarantined) for outcome in _outcomes(frame, syntax))


def test_every_transfer_syntax_of_the_standard_has_an_answer() -> None:
    """None is a fault of SendIt, and nothing leaves with pixels that were looked at if nothing can read them."""
    for uid, (_, kind, *_) in UID_dictionary.items():
        if kind != "Transfer Syntax" or len(uid) + len(uid) % 2 not in _PLACES:
            continue
        for outcome in _outcomes(b"\0\0\0\x0cjunk" + _NAME, uid):
            assert not isinstance(outcome, Released), uid
            assert "fault of SendIt" not in outcome.reason, uid
