"""Remove what compressed pixel data have beside the samples: comments, application data, images after the image.

No decoder displays any of it, so nobody can have checked it. The samples stay bit for bit.
"""

from __future__ import annotations

import struct
from collections import Counter
from functools import cache
from itertools import accumulate
from typing import TYPE_CHECKING

from sendit.deidentify.dicom.chunks import release_pages
from sendit.deidentify.dicom.dataset import PIXEL_DATA, Dataset, Element, Instance, find
from sendit.deidentify.pixels.codestreams.encoder_comments import is_signature
from sendit.deidentify.pixels.codestreams.strip import Harmless, stripped
from sendit.deidentify.pixels.encapsulated import LENGTHS, OFFSETS, EncapsulatedFrames
from sendit.deidentify.pixels.image import Extent, extent
from sendit.deidentify.pixels.redaction.spool import EncapsulatedWriter
from sendit.deidentify.retained.hidden_text import is_hidden_text
from sendit.deidentify.retained.icc import without_texts
from sendit.errors import Quarantine

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_FORGET_AFTER = 64  # frames
_STILL_THERE = "something stands beside the image within one of its frames, and cannot be taken out"


def take_out(instance: Instance, identifies: Callable[[bytes], bool], scratch: Path | None = None) -> None:
    """Take everything beside the samples out of every frame by its length, and record that in the repairs.

    If any frame changes, every frame becomes one fragment, and the offset tables are written anew.

    Args:
        instance: the instance, which is changed if there is something to take out.
        identifies: tells whether bytes contain an identifier; an encoder may have the patient's name.
        scratch: a folder on a disk, for what is too large for memory.

    Raises:
        Quarantine: the fragments do not fit NumberOfFrames, an offset table contains text, or a frame is damaged or of
            a kind that cannot be taken apart.
    """
    pixels = find(instance.elements, PIXEL_DATA)
    if pixels is None or not pixels.encapsulated:
        return
    described = extent(instance.elements, instance.syntax.encoding.order)
    frames = EncapsulatedFrames(instance.elements, pixels, described.frames)
    if is_hidden_text(frames.table):
        raise Quarantine("the offset table of its frames contains text")
    harmless = cache(lambda comment: is_signature(comment) and not identifies(comment))
    removed: Counter[str] = Counter()
    made: EncapsulatedWriter | None = None
    for index in range(len(frames)):
        frame = frames.frame(index)
        data, gone = _stripped(frame, described, instance.syntax.uid, harmless)
        if gone and made is None:
            made = EncapsulatedWriter(len(frames), scratch, table=bool(frames.table))
            for before in range(index):
                made.append(frames.frame(before))
        removed += gone
        if made is not None:
            made.append(data)
        if isinstance(pixels.value, memoryview) and index % _FORGET_AFTER == _FORGET_AFTER - 1:
            release_pages(pixels.value)
    if made is not None:
        _put(instance, pixels, made)
        instance.repairs += [f"taken out of the compressed frames: {kind}" for kind in sorted(removed)]


def _stripped(frame: bytes, described: Extent, syntax: str, harmless: Harmless) -> tuple[bytes, Counter[str]]:
    done = stripped(frame, described, syntax, without_texts, harmless)
    if done is None:
        raise Quarantine("its frames are compressed in a way that may hide data beside the image")
    if done.removed:
        again = stripped(done.data, described, syntax, without_texts, harmless)
        if again is None or again.removed:
            raise Quarantine(_STILL_THERE)
    return done.data, done.removed


def _put(instance: Instance, pixels: Element, made: EncapsulatedWriter) -> None:
    """Replace the pixel data and their extended offset tables."""
    new: Dataset = [made.element(PIXEL_DATA, pixels.vr)]
    if find(instance.elements, OFFSETS) is not None:
        starts = [0, *accumulate(made.lengths)][:-1]
        sizes = [length - 8 for length in made.lengths]
        for tag, numbers in ((OFFSETS, starts), (LENGTHS, sizes)):
            new.append(Element(tag, "OV", struct.pack(f"<{len(numbers)}Q", *numbers)))
    gone = {element.tag for element in new} | {OFFSETS, LENGTHS}
    kept = [element for element in instance.elements if element.tag not in gone]
    instance.elements = sorted([*kept, *new], key=lambda element: element.tag)
