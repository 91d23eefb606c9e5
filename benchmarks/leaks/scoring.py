"""What is left of the tokens in an output, and of the values that are needed; whether the pixels are the same."""

from __future__ import annotations

import base64
import binascii
import hashlib
import io
import re
import warnings
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pydicom

from benchmarks.leaks.corpus import Sample, lenient
from benchmarks.leaks.keep import Kept, value_at

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydicom.dataset import FileDataset

    from benchmarks.leaks.tokens import Token

_BASE64 = re.compile(rb"[A-Za-z0-9+/]{16,}={0,2}")
_PACKED = re.compile(rb"\x1f\x8b\x08|\x78[\x01\x5e\x9c\xda]")
_MOST = 1 << 20


@dataclass(frozen=True, slots=True)
class Score:
    """Of one tool and one file. `kept` of `needed` values; `leaked` are the tokens found in the output."""

    released: bool
    leaked: tuple[Token, ...]
    tokens: int
    kept: int
    needed: int
    pixels: bool | None  # the same, or not; None: the original has none
    missing: tuple[str, ...] = ()  # where the values were that are not kept


def score(sample: Sample, output: bytes | None, also_keep: Kept | None = None) -> Score:
    """What a tool made of a sample. None: it gave nothing out, so nothing leaks and nothing is kept."""
    needed = {**sample.keep, **(also_keep or {})}
    if output is None:
        return Score(False, (), len(sample.tokens), 0, len(needed), None, ())
    leaked = tuple(found(sample.tokens, output))
    with lenient():
        before, after = _read(sample.planted), _read(output)
        lost = [path for path, value in needed.items() if after is None or _value(after, path) != value]
        pixels = None
        if before is not None and "PixelData" in before:
            pixels = after is not None and _pixel_digest(before) == _pixel_digest(after)
    missing = tuple(".".join(map(str, path)) for path in lost)
    return Score(True, leaked, len(sample.tokens), len(needed) - len(lost), len(needed), pixels, missing)


def found(tokens: tuple[Token, ...], output: bytes) -> Iterator[Token]:
    """The tokens that can be read in the bytes: as they are, decoded, unpacked; in upper case or in lower case."""
    places = [place.lower() for place in (output, *_unpacked(output))]
    texts = [place.decode("utf-8", "replace").lower() for place in places]
    texts.append("\n".join(_decoded(output)).lower())
    for token in tokens:
        text = token.text.lower()
        if any(text in place for place in texts) or any(
            text.encode(encoding) in place for encoding in ("utf-16-le", "utf-16-be") for place in places
        ):
            yield token


def _unpacked(output: bytes) -> Iterator[bytes]:
    """Everything in it that can be inflated or is base64, two deep."""
    first = list(_layers(output))
    yield from first
    for layer in first:
        yield from _layers(layer)


def _layers(content: bytes) -> Iterator[bytes]:
    dataset = _deflated_dataset(content)
    if dataset:
        yield dataset
    for match in _PACKED.finditer(content):
        window = 31 if match[0][:1] == b"\x1f" else 15
        try:
            yield zlib.decompressobj(window).decompress(content[match.start() :], _MOST)
        except zlib.error:
            continue
    runs = []
    for match in _BASE64.finditer(content):
        for start in range(4):  # a run may begin within what looks like base64, too
            text = match[0][start:].rstrip(b"=")
            text = text[: len(text) - (len(text) % 4 == 1)]
            try:
                runs.append(base64.b64decode(text + b"=" * (-len(text) % 4)))
            except binascii.Error:
                continue
    yield b"\n".join(runs)


def _deflated_dataset(content: bytes) -> bytes:
    """The dataset of a deflated file; nothing of another."""
    if content[128:132] != b"DICM" or b"1.2.840.10008.1.2.1.99" not in content[:1024]:
        return b""
    length = int.from_bytes(content[140:144], "little")
    try:
        return zlib.decompressobj(-zlib.MAX_WBITS).decompress(content[144 + length :])
    except zlib.error:
        return b""


def _decoded(output: bytes) -> Iterator[str]:
    """The text of every element in its character set."""
    with lenient():
        dataset = _read(output)
        if dataset is None:
            return
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                yield from (str(element.value) for element in dataset.iterall() if element.VR in _TEXTS)
        except (ValueError, LookupError, TypeError, AttributeError, NotImplementedError):
            yield ""  # what cannot be decoded has been searched as it is


_TEXTS = frozenset({"AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT", "UI", "DA", "DT", "FD", "UL"})


def _read(content: bytes) -> FileDataset | None:
    try:
        return pydicom.dcmread(io.BytesIO(content), force=True)
    except Exception:  # noqa: BLE001  whatever another tool wrote: it cannot be read, so nothing of it is kept
        return None


def _value(dataset: FileDataset, path: tuple[str | int, ...]) -> object:
    try:
        return value_at(dataset, path)
    except Exception:  # noqa: BLE001  a value that cannot be read is not kept
        return None


def _pixel_digest(dataset: FileDataset) -> str:
    try:
        return hashlib.md5(dataset.PixelData, usedforsecurity=False).hexdigest()
    except Exception:  # noqa: BLE001  pixels that cannot be read are others
        return ""
