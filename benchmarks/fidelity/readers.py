"""What other readers say of files before and after: dciodvfy, pydicom, pynetdicom and highdicom."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
import warnings
from collections import Counter
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pydicom
from pydicom.errors import InvalidDicomError

from benchmarks.fidelity.series import SERIES
from sendit.deidentify import KeyedIdentities, Plan, deidentify
from sendit.model import Released

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pydicom.dataset import Dataset

_SEGMENTATION = "1.2.840.10008.5.1.4.1.1.66.4"
_REPORTS = "1.2.840.10008.5.1.4.1.1.88."


@dataclass(slots=True)
class Reading:
    """What one reader said of all files."""

    name: str
    files: int = 0
    new: int = 0  # complaints after that were not there before
    gone: int = 0
    kinds: Counter[str] | None = None
    left_out: str = ""  # why it was not asked

    @property
    def good(self) -> bool:
        """Whether it found nothing new."""
        return self.new == 0

    def told(self) -> str:
        """What is printed of it."""
        if self.left_out:
            return f"left out: {self.left_out}"
        kinds = "; ".join(f"{count} × {kind}" for kind, count in (self.kinds or Counter()).most_common(3))
        return f"{self.files} files, {self.new} new errors, {self.gone} gone{f' ({kinds})' if kinds else ''}"


def readings(plan: Plan, identities: KeyedIdentities, scratch: Path) -> Iterator[Reading]:
    """Ask each reader about every pair of files."""
    scratch.mkdir(parents=True)
    pairs = list(_pairs(plan, identities))
    for name, reason, complaints in _READERS:
        missing = reason()
        if missing:
            yield Reading(name, left_out=missing)
            continue
        reading = Reading(name, kinds=Counter())
        for before, after in pairs:
            said = [complaints(data, scratch / "file.dcm") for data in (before, after)]
            if said[0] is None or said[1] is None:
                continue
            new = said[1] - said[0]
            reading.files += 1
            reading.new += new.total()
            reading.gone += (said[0] - said[1]).total()
            if reading.kinds is not None:
                reading.kinds += new
        yield reading


def _pairs(plan: Plan, identities: KeyedIdentities) -> Iterator[tuple[bytes, bytes]]:
    folder = Path(pydicom.__file__).parent / "data" / "test_files"
    sources = [path.read_bytes() for path in sorted(folder.glob("*.dcm"))]
    for _, series in SERIES.values():
        for image in list(series())[:2]:
            image.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
            buffer = io.BytesIO()
            pydicom.dcmwrite(buffer, image, enforce_file_format=True)
            sources.append(buffer.getvalue())
    sources += _segmentations()
    for source in sources:
        outcome = deidentify(source, plan, identities)
        if isinstance(outcome, Released):
            yield source, b"".join(outcome.chunks)


def _segmentations() -> list[bytes]:
    """Segmentations of two organs on three slices, in both of the standard's forms."""
    if find_spec("highdicom") is None:
        return []
    import highdicom
    import numpy as np
    from pydicom.sr.codedict import codes

    slices = []
    for number in range(3):
        image = pydicom.dcmread(Path(pydicom.__file__).parent / "data" / "test_files" / "CT_small.dcm")
        image.SOPInstanceUID, image.InstanceNumber = f"1.2.826.0.1.3680043.8.498.2.{number + 1}", number + 1
        image.ImagePositionPatient = [-158, -179, -75.7 + number * 5]
        slices.append(image)
    mask = np.zeros((3, 128, 128), np.uint8)
    mask[1:, 20:60, 30:70], mask[:, 80:100, 80:100] = 1, 2
    organs = [
        highdicom.seg.SegmentDescription(
            number,
            label,
            codes.SCT.Organ,
            organ,
            "MANUAL",
            tracking_uid=f"1.2.826.0.1.3680043.8.498.3.{number}",
            tracking_id=label,
        )
        for number, label, organ in ((1, "Liver", codes.SCT.Liver), (2, "Spleen", codes.SCT.Spleen))
    ]
    made = []
    for kind in ("BINARY", "LABELMAP"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            segmentation = highdicom.seg.Segmentation(
                slices,
                mask,
                kind,
                organs,
                "1.2.826.0.1.3680043.8.498.4",
                100,
                "1.2.826.0.1.3680043.8.498.5",
                1,
                "Example",
                "Example 1",
                "1.0",
                "35781",
            )
            buffer = io.BytesIO()
            segmentation.save_as(buffer, enforce_file_format=True)
        made.append(buffer.getvalue())
    return made


def _dciodvfy(data: bytes, path: Path) -> Counter[str] | None:
    path.write_bytes(data)
    done = subprocess.run(["dciodvfy", "-new", str(path)], capture_output=True, check=False, timeout=120)
    lines = (done.stdout + done.stderr).decode("latin-1").splitlines()
    return Counter(re.sub(r"<.*?>|= <.*", "", line) for line in lines if line.startswith("Error"))


def _read(data: bytes) -> Dataset | None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return pydicom.dcmread(io.BytesIO(data))
        except InvalidDicomError:
            return None


def _trying(use: Callable[[Dataset], Any], wanted: Callable[[Dataset], bool] = lambda _: True) -> Any:
    """What a reader raises, as a complaint; None if the file is none for it."""

    def complaints(data: bytes, path: Path) -> Counter[str] | None:
        image = _read(data)
        if image is None or not wanted(image):
            return None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                use(image)
            except Exception as error:  # noqa: BLE001  whatever a reader raises is what is counted
                return Counter([type(error).__name__])
        return Counter()

    return complaints


def _values(image: Dataset) -> None:
    """Every value, converted."""
    for element in image.iterall():
        _ = element.value


def _sent(image: Dataset) -> None:
    """As pynetdicom writes a dataset for C-STORE, and reads it."""
    from pynetdicom.dsutils import decode, encode

    syntax = image.file_meta.TransferSyntaxUID
    written = encode(image, syntax.is_implicit_VR, syntax.is_little_endian, syntax.is_deflated)
    if written is None:
        raise ValueError("cannot be written")
    _values(decode(io.BytesIO(written), syntax.is_implicit_VR, syntax.is_little_endian, syntax.is_deflated))


def _with_highdicom(image: Dataset) -> None:
    """As its own classes, which check what the standard asks for."""
    import highdicom

    if image.SOPClassUID == _SEGMENTATION:
        segmentation = highdicom.seg.Segmentation.from_dataset(image)
        for number in segmentation.segment_numbers:
            segmentation.get_segment_description(number)
    elif image.SOPClassUID.startswith(_REPORTS):
        highdicom.sr.utils.find_content_items(image)
    else:
        highdicom.Image.from_dataset(image)


def _absent(package: str) -> Callable[[], str]:
    return lambda: "" if find_spec(package) else f"{package} is not installed"


_READERS: tuple[tuple[str, Callable[[], str], Callable[[bytes, Path], Counter[str] | None]], ...] = (
    ("dciodvfy", lambda: "" if shutil.which("dciodvfy") else "not installed (Debian's dicom3tools)", _dciodvfy),
    ("pydicom", lambda: "", _trying(_values)),
    ("pynetdicom", _absent("pynetdicom"), _trying(_sent, lambda image: "TransferSyntaxUID" in image.file_meta)),
    ("highdicom", _absent("highdicom"), _trying(_with_highdicom, lambda image: "SOPClassUID" in image)),
)
