"""The files of the benchmark: pydicom's own, others in every transfer syntax that can be made, generated ones."""

from __future__ import annotations

import io
import shutil
import subprocess
import tempfile
import warnings
import zlib
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pydicom
from pydicom import uid
from pydicom.data import get_charset_files, get_testdata_file
from pydicom.dataset import FileDataset
from pydicom.encaps import encapsulate

from benchmarks.leaks import generated, places_adversary, places_kinds, places_structure, places_text  # they register
from benchmarks.leaks.keep import Kept, values_to_keep
from benchmarks.leaks.places import PLACES
from benchmarks.leaks.tokens import Token, Tokens

if TYPE_CHECKING:
    from collections.abc import Iterator

_PYDICOM = """CT_small MR_small MR_small_bigendian MR_small_expb MR_small_implicit MR_small_RLE MR_small_jp2klossless
    MR_small_jpeg_ls_lossless MR_small_padded ExplVR_BigEnd JPEG2000 JPGExtended JPEG-lossy JPEGLSNearLossless_16
    693_J2KI J2K_pixelrep_mismatch SC_rgb_jpeg_gdcm SC_rgb_jpeg_dcmtk SC_rgb_jls_lossy_line SC_rgb_rle_2frame
    SC_rgb_rle_32bit SC_rgb_small_odd SC_rgb_small_odd_big_endian SC_ybr_full_422_uncompressed examples_overlay
    examples_palette image_dfl liver_1frame liver_expb_1frame rtdose_1frame rtdose_expb_1frame rtdose_rle_1frame rtplan
    reportsi test-SR waveform_ecg"""

#: Transfer syntax → the tool of DCMTK that makes it, and from which file.
_DCMTK = (
    ("explicit little endian", "CT_small", ("dcmconv", "+te")),
    ("implicit little endian", "CT_small", ("dcmconv", "+ti")),
    ("explicit big endian", "CT_small", ("dcmconv", "+tb")),
    ("deflated", "CT_small", ("dcmconv", "+td")),
    ("RLE", "CT_small", ("dcmcrle",)),
    ("JPEG baseline", "SC_rgb_small_odd", ("dcmcjpeg", "+eb", "+un")),
    ("JPEG extended", "MR_small", ("dcmcjpeg", "+ee", "+un")),
    ("JPEG lossless", "CT_small", ("dcmcjpeg", "+el", "+un")),
    ("JPEG lossless SV1", "CT_small", ("dcmcjpeg", "+e1", "+un")),
    ("JPEG-LS lossless", "CT_small", ("dcmcjpls", "+el", "+un")),
    ("JPEG-LS near-lossless", "SC_rgb_small_odd", ("dcmcjpls", "+en", "+un")),
)
#: Transfer syntaxes younger than pydicom's list, which refuses to write them: put in afterwards for one as long.
_STAND_IN, _SHORT_STAND_IN = "1.2.840.10008.1.2.4.201", "1.2.840.10008.1.2.4.50"
_YOUNG = {
    "JPEG XL lossless": (_STAND_IN, "1.2.840.10008.1.2.4.110"),
    "JPEG XL": (_STAND_IN, "1.2.840.10008.1.2.4.112"),
    "deflated image frames": (_SHORT_STAND_IN, "1.2.840.10008.1.2.8.1\0"),
}
#: No encoder of these is at hand: the pixel data are a stand-in, and the header is what is looked at.
_LABELLED = (
    ("encapsulated uncompressed", "1.2.840.10008.1.2.1.98"),
    ("JPEG 2000 part 2", "1.2.840.10008.1.2.4.92"),
    ("JPEG XL lossless", _STAND_IN),
    ("JPEG XL", _STAND_IN),
    ("HTJ2K lossless", "1.2.840.10008.1.2.4.201"),
    ("HTJ2K RPCL", "1.2.840.10008.1.2.4.202"),
    ("HTJ2K", "1.2.840.10008.1.2.4.203"),
)


@dataclass(frozen=True, slots=True)
class Sample:
    """One planted file: its bytes, the file before planting, what may not leave, and what has to stay."""

    name: str
    clean: bytes
    planted: bytes
    tokens: tuple[Token, ...]
    keep: Kept


def corpus(names: frozenset[str] | None = None) -> Iterator[Sample]:
    """All the files, or those named; each always with the same tokens."""
    with lenient(), tempfile.TemporaryDirectory(prefix="sendit-leaks-") as folder:
        for number, (name, dataset) in enumerate(_sources(Path(folder), names)):
            if names is None or name in names:
                pydicom.config.replace_un_with_known_vr = True
                for _ in dataset.iterall():  # decodes each element: a file with UN throughout can be planted, too
                    pass
                pydicom.config.replace_un_with_known_vr = False
                sample = planted(name, dataset, number)
                yield _renamed(sample, *_YOUNG[name]) if name in _YOUNG else sample


def _renamed(sample: Sample, stand_in: str, syntax: str) -> Sample:
    clean, changed = (c.replace(stand_in.encode(), syntax.encode(), 1) for c in (sample.clean, sample.planted))
    return replace(sample, clean=clean, planted=changed)


@contextmanager
def lenient() -> Iterator[None]:
    """Lets pydicom write what is planted although it breaks rules, and leave a planted UN as it is."""
    settings = pydicom.config.settings
    modes = settings.reading_validation_mode, settings.writing_validation_mode
    replaced = pydicom.config.replace_un_with_known_vr
    settings.reading_validation_mode = settings.writing_validation_mode = pydicom.config.IGNORE
    pydicom.config.replace_un_with_known_vr = False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        settings.reading_validation_mode, settings.writing_validation_mode = modes
        pydicom.config.replace_un_with_known_vr = replaced


def planted(name: str, dataset: FileDataset, number: int) -> Sample:
    """Plant every place into one dataset."""
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = uid.UID(
        f"1.2.826.0.1.3680043.8.498.9.{number}"
    )
    clean, tokens = _bytes(dataset), Tokens(number)
    keep = values_to_keep(dataset)
    tokens.place = "the original's own name, in its character set"
    for part in str(dataset.get("PatientName", "")).replace("=", "^").split("^"):
        if len(part) >= 2 and not part.isascii():
            tokens.known("name", part)
    for title, plant in PLACES:
        tokens.place = title
        plant(dataset, tokens)
    return Sample(name, clean, _bytes(dataset), tuple(tokens.made), keep)


def _bytes(dataset: FileDataset) -> bytes:
    buffer = io.BytesIO()
    pydicom.dcmwrite(buffer, dataset)
    return buffer.getvalue()


def _sources(folder: Path, names: frozenset[str] | None) -> Iterator[tuple[str, FileDataset]]:
    for name in _PYDICOM.split():
        yield name, pydicom.dcmread(_path(name))
    yield "rtstruct", _completed(pydicom.dcmread(_path("rtstruct"), force=True))
    for path in sorted(get_charset_files("*.dcm"), key=lambda path: Path(path).name):
        yield Path(path).stem, _completed(pydicom.dcmread(path))
    yield from generated.objects()
    for name, source, command in _DCMTK:
        if names is None or name in names:
            yield name, _transcoded(folder / "out.dcm", source, command)
        else:
            yield name, FileDataset("", {})
    for name, syntax in _LABELLED:
        yield name, _labelled(syntax)
    yield "deflated image frames", _deflated_frames()


def _path(name: str) -> str:
    found = get_testdata_file(f"{name}.dcm", download=False)
    assert isinstance(found, str), f"{name} does not ship with pydicom"
    return found


def _completed(dataset: FileDataset) -> FileDataset:
    """Files without file meta information, or without the UIDs that every instance has, get them."""
    wanted = {"SOPClassUID": uid.SecondaryCaptureImageStorage, "SOPInstanceUID": uid.UID("1.2.3.4.5")}
    wanted |= {"StudyInstanceUID": uid.UID("1.2.3.4"), "SeriesInstanceUID": uid.UID("1.2.3.4.1")}
    for keyword, value in wanted.items():
        if not dataset.get(keyword):
            setattr(dataset, keyword, value)
    if "PixelData" not in dataset and dataset.SOPClassUID.name.endswith("Image Storage"):
        dataset.Rows, dataset.Columns, dataset.SamplesPerPixel, dataset.PixelRepresentation = 2, 2, 1, 0
        dataset.BitsAllocated = dataset.BitsStored = 8
        dataset.HighBit, dataset.PhotometricInterpretation = 7, "MONOCHROME2"
        dataset.add_new(0x7FE00010, "OW", bytes(range(4)))
    meta = dataset.file_meta
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = dataset.SOPClassUID, dataset.SOPInstanceUID
    if "TransferSyntaxUID" not in meta:
        meta.TransferSyntaxUID = uid.ImplicitVRLittleEndian
    return dataset


def _transcoded(out: Path, source: str, command: tuple[str, ...]) -> FileDataset:
    tool = shutil.which(command[0])
    assert tool, f"{command[0]} is missing: Debian's package dcmtk has it"
    subprocess.run([tool, *command[1:], _path(source), str(out)], check=True, capture_output=True)
    return pydicom.dcmread(io.BytesIO(out.read_bytes()))


def _labelled(syntax: str) -> FileDataset:
    dataset = pydicom.dcmread(_path("CT_small"))
    if syntax == "1.2.840.10008.1.2.1.98":
        dataset.PixelData = encapsulate([dataset.PixelData])
        dataset["PixelData"].VR = "OB"
        dataset["PixelData"].is_undefined_length = True
    else:  # frames that can be taken apart, or nothing of the file would be given out
        dataset.compress(uid.JPEG2000Lossless, encoding_plugin="pylibjpeg", generate_instance_uid=False)
    dataset.file_meta.TransferSyntaxUID = uid.UID(syntax)
    return dataset


def _deflated_frames() -> FileDataset:
    dataset = pydicom.dcmread(_path("CT_small"))
    packer = zlib.compressobj(6, zlib.DEFLATED, -zlib.MAX_WBITS)
    frame = packer.compress(dataset.PixelData) + packer.flush()
    dataset.file_meta.TransferSyntaxUID = uid.UID(_SHORT_STAND_IN)
    dataset.PixelData = encapsulate([frame])
    dataset["PixelData"].VR = "OB"
    dataset["PixelData"].is_undefined_length = True
    return dataset


__all__ = [
    "PLACES",
    "Sample",
    "corpus",
    "lenient",
    "places_adversary",
    "places_kinds",
    "places_structure",
    "places_text",
]
