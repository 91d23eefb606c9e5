"""Files to mutate: pydicom's own and images made here, in all transfer syntaxes, with identifiers planted in each."""

from __future__ import annotations

import io
import warnings
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

import pydicom
from pydicom.dataset import Dataset, FileDataset
from pydicom.encaps import encapsulate, generate_frames
from pydicom.uid import UID, SegmentationStorage

from tests.pixels import BASELINE, BIG, DEFLATED, EXPLICIT, IMPLICIT, JPEG_2000_LOSSLESS, RLE, Kind, file_of, image

if TYPE_CHECKING:
    from collections.abc import Callable

#: Whoever reads an output must not find one of these, in whatever case, in one byte a character or in two.
PLANTED = ("Quixworth", "Zebulon", "Thistlewood", "MRN77419053", "ACC55120778", "Vexhampton")
_DEFLATED_FRAMES, _ENCAPSULATED = "1.2.840.10008.1.2.8.1", "1.2.840.10008.1.2.1.98"
_LARGEST = 60_000
_DEVICE = "SecondaryCaptureDevice"
_CAPTURE = (
    f"{_DEVICE}ID", f"{_DEVICE}Manufacturer", f"{_DEVICE}ManufacturerModelName", f"{_DEVICE}SoftwareVersions",
    "DateOfSecondaryCapture", "HardcopyCreationDeviceID",
)  # fmt: skip


def seeds(changed: Callable[[Dataset], None] = lambda dataset: None) -> list[tuple[str, bytes]]:
    """The corpus: names and files, always in the same order; `changed` makes something else of each of them."""
    found = [*_of_pydicom(), *_made()]
    planted = [(name, _with_identifiers(content, changed)) for name, content in found]
    name, content = planted[-1]  # pydicom does not know the syntax of deflated frames, which differs in its UID alone
    old, new = _ENCAPSULATED.encode(), _DEFLATED_FRAMES.encode() + b"\0"
    return [*planted[:-1], (name, content.replace(old, new))]


def computed() -> list[tuple[str, bytes]]:
    """The same files as segmentations, in whose pixels no text is searched for: some fifty times as many in the time.

    All else is done with them: reading, cleaning, taking comments out of their codestreams, the leak check of header
    and samples. Damage to their class makes some of them risky again.
    """
    return seeds(_as_computed)


def _as_computed(dataset: Dataset) -> None:
    """Without what says that it was captured; a file without pixels stays what it is."""
    if "PixelData" not in dataset:
        return
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = SegmentationStorage
    for keyword in ("ConversionType", "BurnedInAnnotation", *_CAPTURE):
        if keyword in dataset:
            del dataset[keyword]


def _of_pydicom() -> list[tuple[str, bytes]]:
    """Those that ship in its package and that can be written again, none of them large."""
    root = Path(pydicom.__file__).parent / "data" / "test_files"
    found = []
    for path in sorted(root.glob("*.dcm")):
        content = path.read_bytes()
        if len(content) <= _LARGEST and _readable(content):
            found.append((path.name, content))
    return found


def _readable(content: bytes) -> bool:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            dataset = pydicom.dcmread(io.BytesIO(content))
            _with_identifiers(content)
        return {"SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID"} <= set(dataset.dir())
    except Exception:  # noqa: BLE001  files of every kind of damage are among them
        return False


def _made() -> list[tuple[str, bytes]]:
    kinds = [Kind(syntax, "MONOCHROME2", 16, 12, frames=3) for syntax in (IMPLICIT, EXPLICIT, BIG, DEFLATED)]
    kinds += [Kind(RLE, colour, 8, 8, frames=frames, vr="OB") for colour in ("MONOCHROME2", "RGB") for frames in (1, 3)]
    kinds += [Kind(RLE, "MONOCHROME2", 16, 16, signed=True, frames=2, vr="OB")]
    kinds += [Kind(JPEG_2000_LOSSLESS, colour, 8, 8, frames=2, vr="OB") for colour in ("MONOCHROME2", "YBR_RCT")]
    kinds += [Kind(BASELINE, colour, 8, 8, frames=2, vr="OB") for colour in ("MONOCHROME2", "YBR_FULL_422")]
    made = [(str(kind), file_of(image(kind))) for kind in kinds]
    native = image(Kind(EXPLICIT, "MONOCHROME2", 8, 8, frames=2, vr="OB"))
    frames = [native.PixelData[start : start + 1400] for start in (0, 1400)]
    made.append(("encapsulated uncompressed", file_of(_in_fragments(native, frames))))
    made.append(("deflated frames", file_of(_in_fragments(native, [_packed(frame) for frame in frames]))))
    return made


def _packed(frame: bytes) -> bytes:
    deflater = zlib.compressobj(6, zlib.DEFLATED, -zlib.MAX_WBITS)
    return deflater.compress(frame) + deflater.flush()


def _in_fragments(dataset: Dataset, frames: list[bytes]) -> Dataset:
    dataset.PixelData = encapsulate(frames)
    dataset["PixelData"].is_undefined_length = True
    dataset.file_meta.TransferSyntaxUID = UID(_ENCAPSULATED)
    return dataset


def _with_identifiers(content: bytes, changed: Callable[[Dataset], None] = lambda dataset: None) -> bytes:
    """Of a patient, a physician, an order and a place, at the top, in an item and in private attributes."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dataset = pydicom.dcmread(io.BytesIO(content))
        changed(dataset)
        _plant(dataset)
        item = Dataset()
        _plant(item)
        dataset.RequestAttributesSequence = [item]
        block = dataset.private_block(0x0099, "FUZZ", create=True)
        block.add_new(1, "LO", "Quixworth MRN77419053")
        block.add_new(2, "SQ", [item])
        dataset.ImageComments = "seen by Thistlewood; Quixworth, Zebulon"
        out = io.BytesIO()
        dataset.save_as(out, enforce_file_format=False)
    return out.getvalue()


def _plant(dataset: Dataset) -> None:
    dataset.PatientName, dataset.PatientID = "Quixworth^Zebulon", "MRN77419053"
    dataset.ReferringPhysicianName, dataset.AccessionNumber = "Thistlewood^Ada", "ACC55120778"
    dataset.InstitutionName = "Vexhampton"


def frames_of(dataset: FileDataset) -> list[bytes]:
    """The fragments of an image, one for each frame."""
    return list(generate_frames(dataset.PixelData, number_of_frames=int(dataset.get("NumberOfFrames", 1))))
