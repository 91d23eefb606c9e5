"""Makes series as scanners of each vendor write them, with the private attributes that dcm2niix needs.

Pixels are ramps, names are invented. Every series has a patient, dates and an institution, which have to go.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import UID, EnhancedMRImageStorage, ExplicitVRLittleEndian, ImplicitVRLittleEndian, MRImageStorage

from tests.unit.deidentify.private_blocks import makers

if TYPE_CHECKING:
    from pathlib import Path

Series = Callable[[], Iterator[FileDataset]]
#: Number of the element in its block, VR, value.
Private = Iterable[tuple[int, str, object]]

_SIZE, _SLICES = 16, 4
_ROOT = "1.2.826.0.1.3680043.8.498.1"
_VECTORS = [(0.0, 0.0, 0.0), (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.6, 0.0, 0.8)]
_BVALUES = [0, 1000, 1000, 2000]


def write(series: Series, folder: Path, implicit: bool = False) -> None:
    """Write a series into a folder."""
    folder.mkdir(parents=True)
    for number, image in enumerate(series()):
        image.file_meta.TransferSyntaxUID = UID(ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian)
        pydicom.dcmwrite(folder / f"{number:04d}.dcm", image, enforce_file_format=True)


def _image(vendor: str, model: str, number: int, size: int = _SIZE, sop_class: str = MRImageStorage) -> FileDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = UID(sop_class), UID(f"{_ROOT}.{number + 1}")
    image = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    image.SpecificCharacterSet = "ISO_IR 100"
    image.SOPClassUID, image.SOPInstanceUID = sop_class, f"{_ROOT}.{number + 1}"
    image.StudyInstanceUID, image.SeriesInstanceUID, image.FrameOfReferenceUID = (f"{_ROOT}.{n}" for n in (91, 92, 93))
    image.StudyDate = image.SeriesDate = image.AcquisitionDate = image.ContentDate = "20210417"
    image.StudyTime, image.SeriesTime = "101500", "102000"
    image.AcquisitionTime = image.ContentTime = f"1030{number % 60:02d}.500000"
    image.AccessionNumber, image.Modality, image.Manufacturer = "ACC48213", "MR", vendor
    image.InstitutionName, image.ReferringPhysicianName = "Northfield Infirmary", "Wexcombe^Ida"
    image.StudyDescription, image.SeriesDescription, image.ProtocolName = (
        "MR BRAIN",
        "diffusion axial",
        "diffusion axial",
    )
    image.ManufacturerModelName, image.SoftwareVersions, image.DeviceSerialNumber = model, "1.0", "35781"
    image.PatientName, image.PatientID, image.PatientBirthDate = "Quimby^Zelda", "QX48213", "19620305"
    image.PatientSex, image.PatientAge, image.PatientWeight, image.PatientPosition = "F", "059Y", "70", "HFS"
    image.ImageType = ["ORIGINAL", "PRIMARY", "M", "ND"]
    image.ScanningSequence, image.SequenceVariant, image.ScanOptions = ["EP"], "SK", "FS"
    image.MRAcquisitionType, image.SequenceName = "2D", "ep_b1000"
    image.SliceThickness, image.SpacingBetweenSlices, image.RepetitionTime, image.EchoTime = "3", "3.3", "4000", "80"
    image.NumberOfAverages, image.ImagingFrequency, image.ImagedNucleus = "1", "123.25", "1H"
    image.EchoNumbers, image.MagneticFieldStrength, image.EchoTrainLength, image.FlipAngle = "1", "3", "7", "90"
    image.PercentSampling, image.PercentPhaseFieldOfView, image.PixelBandwidth = "100", "100", "1500"
    image.AcquisitionMatrix, image.InPlanePhaseEncodingDirection = [_SIZE, 0, 0, _SIZE], "COL"
    image.StudyID, image.SeriesNumber, image.AcquisitionNumber, image.InstanceNumber = "7741", "5", "1", str(number + 1)
    image.ImageOrientationPatient, image.PixelSpacing = [1, 0, 0, 0, 1, 0], ["2", "2"]
    image.SamplesPerPixel, image.PhotometricInterpretation = 1, "MONOCHROME2"
    image.Rows = image.Columns = size
    image.BitsAllocated, image.BitsStored, image.HighBit, image.PixelRepresentation = 16, 12, 11, 0
    image.RescaleIntercept, image.RescaleSlope = "0", "1"
    image.PixelData = _pixels(size, size, number)
    return image


def _pixels(rows: int, columns: int, seed: int) -> bytes:
    return ((np.arange(rows * columns, dtype=np.uint32) * 7 + seed * 131) % 1900 + 60).astype("<u2").tobytes()


def _place(image: Dataset, at: int, start: float = -6.0) -> None:
    image.ImagePositionPatient = ["-16", "-16", f"{start + at * 3.3:.2f}"]
    image.SliceLocation = f"{start + at * 3.3:.2f}"


def _add(target: Dataset, group: int, creator: str, elements: Private) -> None:
    block = target.private_block(group, creator, create=True)
    for number, vr, value in elements:
        block.add_new(number, vr, value)


def _volumes() -> Iterator[tuple[int, int, int]]:
    """Number of the image, of the volume, of the slice."""
    for volume in range(len(_BVALUES)):
        for at in range(_SLICES):
            yield volume * _SLICES + at, volume, at


def _enhanced(manufacturer: str, model: str, number: int, frames: list[Dataset]) -> FileDataset:
    """An enhanced image of these functional groups: what they say does not stand at the top."""
    image = _image(manufacturer, model, number, sop_class=EnhancedMRImageStorage)
    for keyword in ("ImageOrientationPatient", "PixelSpacing", "SliceThickness", "SpacingBetweenSlices", "EchoTime"):
        delattr(image, keyword)
    image.NumberOfFrames, image.PixelData = str(len(frames)), _pixels(_SIZE * len(frames), _SIZE, number)
    image.SharedFunctionalGroupsSequence = [Dataset()]
    image.PerFrameFunctionalGroupsSequence = frames
    return image


def siemens_mosaic() -> Iterator[FileDataset]:
    """Diffusion in mosaics of 9 places with 7 slices, with the attributes that stand beside the CSA headers."""
    for volume, b in enumerate(_BVALUES):
        image = _image("SIEMENS", "Prisma", volume, _SIZE * 3)
        image.ImageType = ["ORIGINAL", "PRIMARY", "DIFFUSION", "NONE", "ND", "MOSAIC"]
        _place(image, 0)
        times = [float(at * 500) for at in (1, 3, 5, 0, 2, 4, 6)]
        elements: list[tuple[int, str, object]] = [
            (0x08, "CS", "IMAGE NUM 4"),
            (0x0A, "US", 7),
            (0x0B, "DS", "500"),
            (0x0C, "IS", str(b)),
            (0x0D, "CS", "DIRECTIONAL" if b else "NONE"),
            (0x18, "IS", "3300"),
            (0x28, "FD", 21.5),
            (0x29, "FD", times),
        ]
        if b:
            elements.append((0x0E, "FD", list(_VECTORS[volume])))
            elements.append((0x27, "FD", [b * x * y for x in _VECTORS[volume] for y in _VECTORS[volume]][:6]))
        _add(image, 0x0019, "SIEMENS MR HEADER", sorted(elements))
        texts = [
            (0x0B, "LO", "16p*16"),
            (0x0E, "LO", "Tra"),
            (0x0F, "LO", "HE1-4;NE1,2"),
            (0x11, "LO", "p2"),
            (0x13, "SH", "+LPH"),
        ]
        _add(image, 0x0051, "SIEMENS MR HEADER", texts)
        yield image


def siemens_csa() -> Iterator[FileDataset]:
    """The same with all of it in the CSA headers alone, as software up to B15 writes it, with a protocol."""
    dirt = b"Quimby^Zelda\0QX48213\0"
    for volume, b in enumerate(_BVALUES):
        image = _image("SIEMENS", "TrioTim", volume, _SIZE * 3)
        image.ImageType = ["ORIGINAL", "PRIMARY", "DIFFUSION", "NONE", "ND", "MOSAIC"]
        _place(image, 0)
        entries: dict[str, tuple[str, list[str]]] = {
            "EchoLinePosition": ("IS", ["8"]),
            "NumberOfImagesInMosaic": ("US", ["7"]),
            "SliceNormalVector": ("FD", ["0.00000000", "0.00000000", "1.00000000"]),
            "B_value": ("IS", [str(b)]),
            "DiffusionDirectionality": ("CS", ["DIRECTIONAL" if b else "NONE"]),
            "MosaicRefAcqTimes": ("FD", [f"{at * 500.0:.8f}" for at in (1, 3, 5, 0, 2, 4, 6)]),
            "BandwidthPerPixelPhaseEncode": ("FD", ["21.50000000"]),
            "PhaseEncodingDirectionPositive": ("IS", ["1"]),
            "SliceMeasurementDuration": ("DS", ["500.00000000"]),
            "ProtocolSliceNumber": ("IS", ["0"]),
            "UsedPatientWeight": ("IS", ["70"]),
        }
        if b:
            entries["DiffusionGradientDirection"] = ("FD", [f"{one:.8f}" for one in _VECTORS[volume]])
        series = {"MrPhoenixProtocol": ("UN", [_PROTOCOL]), "PatientName": ("PN", ["Quimby^Zelda"])}
        blocks = [makers.csa(one, dirt=dirt) for one in (entries, series)]
        blocks = [block + b"\0" * (len(block) % 2) for block in blocks]
        _add(
            image,
            0x0029,
            "SIEMENS CSA HEADER",
            [(0x08, "CS", "IMAGE NUM 4"), (0x10, "OB", blocks[0]), (0x18, "CS", "MR"), (0x20, "OB", blocks[1])],
        )
        yield image


_PROTOCOL = """### ASCCONV BEGIN ###
tSequenceFileName\t = \t""%SiemensSeq%\\ep2d_diff""
tProtocolName\t = \t""diffusion axial""
alTR[0]\t = \t4000000
sKSpace.lBaseResolution\t = \t16
sKSpace.lPhaseEncodingLines\t = \t16
sKSpace.ucPhasePartialFourier\t = \t0x10
sFastImaging.lEPIFactor\t = \t16
sFastImaging.lEchoSpacing\t = \t690
sPat.lAccelFactPE\t = \t2
sPat.lAccelFact3D\t = \t1
sPat.lRefLinesPE\t = \t24
sSliceArray.ucMode\t = \t0x4
sSliceArray.lSize\t = \t7
sDiffusion.dsScheme\t = \t1
sGRADSPEC.asGPAData[0].lOffsetX\t = \t4041
sGRADSPEC.asGPAData[0].lOffsetY\t = \t-9123
sGRADSPEC.asGPAData[0].lOffsetZ\t = \t-9249
sTXSPEC.asNucleusInfo[0].flReferenceAmplitude\t = \t321.231
### ASCCONV END ###"""


def siemens_xa() -> Iterator[FileDataset]:
    """Enhanced diffusion of syngo XA: one volume a file, the values in functional groups."""
    for volume, b in enumerate(_BVALUES):
        frames = [_xa_frame(volume, b, at) for at in range(_SLICES)]
        image = _enhanced("SIEMENS", "MAGNETOM Vida", volume, frames)
        image.SoftwareVersions, image.ImageType = "syngo MR XA30", ["ORIGINAL", "PRIMARY", "DIFFUSION", "NONE"]
        shared, series = image.SharedFunctionalGroupsSequence[0], Dataset()
        _add(
            series,
            0x0021,
            "SIEMENS MR SDS 01",
            [
                (0x09, "LO", "p2"),
                (0x33, "SH", "AS82"),
                (0x5A, "CS", "EP"),
                (0x5B, "CS", ["SK", "SS"]),
                (0x5C, "CS", "FS"),
            ],
        )
        _add(shared, 0x0021, "SIEMENS MR SDS 01", [(0xFE, "SQ", [series])])
        yield image


def _xa_frame(volume: int, b: int, at: int) -> Dataset:
    frame, diffusion, data = _frame(volume, at), Dataset(), Dataset()
    diffusion.DiffusionBValue, diffusion.DiffusionDirectionality = float(b), "DIRECTIONAL" if b else "NONE"
    if b:
        direction = Dataset()
        direction.DiffusionGradientOrientation = list(_VECTORS[volume])
        diffusion.DiffusionGradientDirectionSequence = [direction]
    frame.MRDiffusionSequence = [diffusion]
    _add(
        data,
        0x0021,
        "SIEMENS MR SDI 02",
        [
            (0x04, "DS", f"{volume * 4 + at * 0.9:.3f}"),
            (0x06, "LO", f"X_1_1_1_1_1_1_1_1_1_{at + 1}_1_631"),
            (0x1C, "IS", "1"),
            (0x42, "IS", "3900"),
            (0x4F, "LO", "HC1-6"),
            (0x53, "FD", 20.73),
            (0x58, "SH", "16p*16"),
            (0x75, "CS", ["ORIGINAL", "PRIMARY", "DIFFUSION", "NONE", "ND"]),
            (0x8E, "ST", "X_1_1_1_1_1_1_1_1_1_1_1_631_1_1_1_1_21_2_1_39_1_1"),
        ],
    )
    _add(frame, 0x0021, "SIEMENS MR SDI 02", [(0xFE, "SQ", [data])])
    return frame


def _frame(volume: int, at: int) -> Dataset:
    frame, content, position, orientation, measures = Dataset(), Dataset(), Dataset(), Dataset(), Dataset()
    echo, transformation = Dataset(), Dataset()
    content.StackID, content.InStackPositionNumber, content.TemporalPositionIndex = "1", at + 1, volume + 1
    content.DimensionIndexValues = [1, at + 1, volume + 1]
    content.FrameAcquisitionDateTime = f"2021041710{30 + volume:02d}{at:02d}.5"
    position.ImagePositionPatient = ["-16", "-16", f"{-6 + at * 3.3:.2f}"]
    orientation.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    measures.PixelSpacing, measures.SliceThickness, measures.SpacingBetweenSlices = ["2", "2"], "3", "3.3"
    echo.EffectiveEchoTime = 80.0
    transformation.RescaleIntercept, transformation.RescaleSlope, transformation.RescaleType = "0", "2.5", "US"
    frame.FrameContentSequence, frame.PlanePositionSequence = [content], [position]
    frame.PlaneOrientationSequence, frame.PixelMeasuresSequence = [orientation], [measures]
    frame.MREchoSequence, frame.PixelValueTransformationSequence = [echo], [transformation]
    return frame


def ge_dwi() -> Iterator[FileDataset]:
    """Diffusion: directions in user data 20 to 22, b-values in the first of the whole numbers."""
    for number, volume, at in _volumes():
        image = _image("GE MEDICAL SYSTEMS", "DISCOVERY MR750", number)
        _place(image, at)
        x, y, z = _VECTORS[volume]
        _add(
            image,
            0x0019,
            "GEMS_ACQU_01",
            [
                (0x17, "SS", 2),
                (0x5A, "FL", 96000000.0),
                (0x9C, "LO", "epi2"),
                (0x9E, "LO", "EPI2"),
                (0xB2, "DS", "0"),
                (0xB3, "DS", "0"),
                (0xB6, "DS", "0.72"),
                (0xBB, "DS", f"{x:.6f}"),
                (0xBC, "DS", f"{y:.6f}"),
                (0xBD, "DS", f"{z:.6f}"),
                (0xDF, "DS", "1.0"),
                (0xE0, "DS", "3.0"),
            ],
        )
        _add(image, 0x0021, "GEMS_RELA_01", [(0x4F, "SS", _SLICES), (0x5A, "SL", 16)])
        _add(image, 0x0043, "GEMS_PARM_01", _ge_parameters([_BVALUES[volume], 8, 0, 0], 16 if volume else 14))
        yield image


def _ge_parameters(whole: list[int], direction: int) -> Private:
    data = bytearray(2048)
    struct.pack_into("<H", data, 24, 56)
    struct.pack_into("<f", data, 56, 25.003)
    struct.pack_into("<HH", data, 56 + 0x4C + 0x30, 0x0004, 0)
    struct.pack_into("<H", data, 56 + 0x4C + 0x3A, 0x0800)
    data[1200:1212] = b"QUIMBY ZELDA"
    return [
        (0x02, "SS", 12),
        (0x03, "SS", -7),
        (0x04, "SS", 31),
        (0x2A, "OB", bytes(data)),
        (0x2C, "SS", 564),
        (0x2F, "SS", 0),
        (0x30, "SS", direction),
        (0x39, "IS", [str(one) for one in whole]),
        (0x83, "DS", ["0.5", "1"]),
        (0x95, "LO", "RN/s7"),
        (0xB6, "LO", ["2", "0.25", "INTEGRATED"]),
        (0xB7, "LO", ["1.24", "1", "10", "0"]),
        (0xCA, "LO", ["0.75", "High"]),
    ]


def ge_protocol() -> Iterator[FileDataset]:
    """EPI whose slice times follow from the protocol data block."""
    lines = makers.GE_LINES.replace("Quixworth", "Quimby").replace("Zebulon", "Zelda").replace('"8"', f'"{_SLICES}"')
    for number, volume, at in _volumes():
        image = _image("GE MEDICAL SYSTEMS", "DISCOVERY MR750w", number)
        image.TemporalPositionIdentifier = str(volume + 1)
        _place(image, at)
        block = makers.ge(lines, "Ex421Quimby")
        _add(image, 0x0019, "GEMS_ACQU_01", [(0x5A, "FL", 16000000.0), (0x9C, "LO", "epi"), (0x9E, "LO", "EPI")])
        _add(image, 0x0021, "GEMS_RELA_01", [(0x4F, "SS", _SLICES)])
        _add(image, 0x0025, "GEMS_SERS_01", [(0x07, "SL", 16), (0x1B, "OB", block + b"\0" * (len(block) % 2))])
        _add(image, 0x0043, "GEMS_PARM_01", [(0x2C, "SS", 564), (0x2F, "SS", 0), (0x83, "DS", ["0.5", "1"])])
        yield image


def ge_fmri() -> Iterator[FileDataset]:
    """Real-time EPI: slice times and the delay between volumes."""
    for number, volume, at in _volumes():
        image = _image("GE MEDICAL SYSTEMS", "SIGNA Premier", number)
        image.TemporalPositionIdentifier, image.NumberOfTemporalPositions = str(volume + 1), str(len(_BVALUES))
        _place(image, at)
        _add(image, 0x0019, "GEMS_ACQU_01", [(0x9C, "LO", "epiRT"), (0x9E, "LO", "EPI"), (0xA2, "SL", 0)])
        _add(image, 0x0021, "GEMS_RELA_01", [(0x4F, "SS", _SLICES), (0x5E, "DS", str((volume * 4 + at) * 7500))])
        _add(
            image,
            0x0043,
            "GEMS_PARM_01",
            [(0x2C, "SS", 564), (0x2F, "SS", 0), (0x79, "US", _SLICES), (0x7C, "FL", 0.25), (0x83, "DS", ["0.5", "1"])],
        )
        yield image


def ge_asl() -> Iterator[FileDataset]:
    """Labelling of blood: technique and duration."""
    for number in range(_SLICES):
        image = _image("GE MEDICAL SYSTEMS", "SIGNA Architect", number)
        image.MRAcquisitionType, image.ScanningSequence = "3D", ["RM"]
        _place(image, number)
        _add(image, 0x0019, "GEMS_ACQU_01", [(0x9C, "LO", "3dasl"), (0x9E, "LO", "3DASL")])
        _add(image, 0x0021, "GEMS_RELA_01", [(0x4F, "SS", _SLICES)])
        _add(image, 0x0027, "GEMS_IMAG_01", [(0x60, "FL", 512.0), (0x61, "FL", 8.0), (0x62, "FL", 3.0)])
        _add(
            image,
            0x0043,
            "GEMS_PARM_01",
            [
                (0x2F, "SS", 0),
                (0xA3, "CS", "PSEUDOCONTINUOUS"),
                (0xA4, "LO", "3D pulsed continuous ASL technique"),
                (0xA5, "IS", "1450"),
            ],
        )
        yield image


def philips_dti() -> Iterator[FileDataset]:
    """Classic diffusion: b-values, directions and the slope of floating point values for each image."""
    for number, volume, at in _volumes():
        image = _image("Philips Medical Systems", "Ingenia", number)
        image.RescaleSlope, image.RescaleIntercept = "1.25", "0"
        image.TemporalPositionIdentifier = "1"
        _place(image, at)
        _add(image, 0x2001, "Philips Imaging DD 001", _philips_2001(volume, at))
        _add(image, 0x2005, "Philips MR Imaging DD 001", _philips_2005(volume))
        _add(
            image,
            0x2005,
            "Philips MR Imaging DD 005",
            [(0x09, "DS", "0"), (0x0A, "DS", "1.25"), (0x12, "IS", str(volume + 1)), (0x13, "IS", str(volume + 1))],
        )
        yield image


def _philips_2001(volume: int, at: int) -> Private:
    return [
        (0x03, "FL", float(_BVALUES[volume])),
        (0x04, "CS", "O" if volume else "I"),
        (0x08, "IS", "1"),
        (0x0A, "IS", str(at + 1)),
        (0x0B, "CS", "TRANSVERSAL"),
        (0x13, "SL", 7),
        (0x18, "SL", _SLICES),
        (0x19, "CS", "Y"),
        (0x1B, "FL", 0.0),
        (0x1C, "CS", "NO"),
        (0x20, "LO", "DwiSE"),
        (0x22, "FL", 9.25),
        (0x81, "IS", "1"),
    ]


def _philips_2005(volume: int) -> Private:
    x, y, z = _VECTORS[volume]
    return [
        (0x0D, "FL", 0.0),
        (0x0E, "FL", 0.00329864 * (volume + 1)),
        (0x63, "SS", 0),
        (0x6F, "CS", "MS"),
        (0xA0, "FL", 0.0),
        (0xB0, "FL", x),
        (0xB1, "FL", y),
        (0xB2, "FL", z),
    ]


def philips_enhanced() -> Iterator[FileDataset]:
    """Enhanced: one file, scale slopes and b-values in a private sequence of each frame."""
    frames = []
    for number, volume, at in _volumes():
        frame, private = _frame(volume, at), Dataset()
        diffusion = Dataset()
        diffusion.DiffusionBValue = float(_BVALUES[volume])
        diffusion.DiffusionDirectionality = "DIRECTIONAL" if volume else "NONE"
        frame.MRDiffusionSequence = [diffusion]
        private.InstanceNumber = str(number + 1)
        private.ImagePositionPatient = ["-16", "-16", f"{-6 + at * 3.3:.2f}"]
        _add(private, 0x2001, "Philips Imaging DD 001", _philips_2001(volume, at))
        _add(private, 0x2005, "Philips MR Imaging DD 001", _philips_2005(volume))
        _add(private, 0x2005, "Philips MR Imaging DD 006", [(0x96, "IS", str(volume + 1))])
        _add(frame, 0x2005, "Philips MR Imaging DD 005", [(0x0F, "SQ", [private])])
        frames.append(frame)
    image = _enhanced("Philips", "Ingenia Elition X", 0, frames)
    _add(image, 0x2001, "Philips Imaging DD 001", [(0x18, "SL", _SLICES), (0x22, "FL", 9.25), (0x81, "IS", "1")])
    yield image


def uih_grid() -> Iterator[FileDataset]:
    """Diffusion in grids of 9 places with 7 slices; their positions stand in items without a creator of their own."""
    for volume, b in enumerate(_BVALUES):
        image = _image("UIH", "uMR 790", volume, _SIZE * 3)
        image.ImageType = ["ORIGINAL", "PRIMARY", "M", "VFRAME", "MAGNITUDE"]
        _place(image, 0)
        frames = []
        for at in range(7):
            frame = Dataset()
            frame.AcquisitionTime = f"1030{volume:02d}.{at * 70:03d}000"
            frame.ImagePositionPatient = ["-16", "-16", f"{-6 + at * 3.3:.2f}"]
            frame.add_new(0x00651015, "DS", ["0", "0", f"{-6 + at * 3.3:.2f}"])
            frames.append(frame)
        _add(
            image,
            0x0065,
            "Image Private Header",
            [
                (0x05, "SH", "A->P"),
                (0x09, "FD", float(b)),
                (0x0A, "FD", float(b)),
                (0x0D, "SH", "F:2S"),
                (0x13, "FD", 0.0),
                (0x14, "DS", ["0", "0", "1"]),
                (0x37, "FD", list(_VECTORS[volume])),
                (0x50, "DS", "7"),
                (0x51, "SQ", frames),
                (0x58, "IS", "1"),
            ],
        )
        yield image


def canon_dwi() -> Iterator[FileDataset]:
    """Diffusion: b-values in the standard's attribute, directions in the comment of the image."""
    for number, volume, at in _volumes():
        image = _image("CANON_MEC", "Vantage Galan 3T", number)
        _place(image, at)
        image.add_new(0x00189087, "FD", float(_BVALUES[volume]))
        if volume:
            x, y, z = _VECTORS[volume]
            image.add_new(0x00189089, "FD", [x, y, z])
            image.ImageComments = f"b={_BVALUES[volume]}({x:.3f},{y:.3f},{z:.3f})"
        _add(image, 0x700D, "TOSHIBA_MEC_MR3", [(0x00, "DS", "1.5"), (0x03, "SS", 0), (0x05, "DS", ["0.24", "0.24"])])
        yield image


def hitachi_dwi() -> Iterator[FileDataset]:
    """Diffusion in the standard's attributes."""
    for number, volume, at in _volumes():
        image = _image("Hitachi, Ltd.", "OASIS", number)
        _place(image, at)
        image.add_new(0x00189087, "FD", float(_BVALUES[volume]))
        image.add_new(0x00189089, "FD", list(_VECTORS[volume]))
        yield image


def bruker_enhanced() -> Iterator[FileDataset]:
    """Enhanced diffusion with b-matrices in the standard's attributes."""
    frames = []
    for _, volume, at in _volumes():
        frame, diffusion, matrix = _frame(volume, at), Dataset(), Dataset()
        x, y, z = _VECTORS[volume]
        for name, value in zip(
            ("XX", "XY", "XZ", "YY", "YZ", "ZZ"), (x * x, x * y, x * z, y * y, y * z, z * z), strict=True
        ):
            setattr(matrix, f"DiffusionBValue{name}", _BVALUES[volume] * value)
        diffusion.DiffusionBValue, diffusion.DiffusionBMatrixSequence = float(_BVALUES[volume]), [matrix]
        frame.MRDiffusionSequence = [diffusion]
        frames.append(frame)
    yield _enhanced("Bruker BioSpin MRI GmbH", "BioSpec 70/20", 0, frames)


def moved(series: Series) -> Series:
    """Return the same with its private attributes in other blocks, as an archive writes them that has moved them."""

    def made() -> Iterator[FileDataset]:
        for image in series():
            _move(image)
            yield image

    return made


def _move(target: Dataset) -> None:
    elements = [element for element in target if element.tag.is_private and not element.tag.is_private_creator]
    creators = {element.tag: element.value for element in target if element.tag.is_private_creator}
    for tag in (*creators, *(element.tag for element in elements)):
        del target[tag]
    numbers = {tag: 0x30 + index for index, tag in enumerate(sorted(creators))}
    for tag, creator in creators.items():
        target.add_new((tag.group, numbers[tag]), "LO", creator)
    for element in elements:
        block = pydicom.tag.Tag(element.tag.group, element.tag.element >> 8)
        number = numbers.get(block, element.tag.element >> 8)
        target.add_new((element.tag.group, number << 8 | element.tag.element & 0xFF), element.VR, element.value)
    for element in target:
        if element.VR == "SQ":
            for item in element.value:
                _move(item)


#: Vendor, what it exercises, and the series.
SERIES: Mapping[str, tuple[str, Series]] = {
    "siemens-mosaic": ("Siemens", siemens_mosaic),
    "siemens-csa": ("Siemens", siemens_csa),
    "siemens-xa": ("Siemens", siemens_xa),
    "ge-dwi": ("GE", ge_dwi),
    "ge-protocol": ("GE", ge_protocol),
    "ge-fmri": ("GE", ge_fmri),
    "ge-asl": ("GE", ge_asl),
    "philips-dti": ("Philips", philips_dti),
    "philips-enhanced": ("Philips", philips_enhanced),
    "uih-grid": ("UIH", uih_grid),
    "canon-dwi": ("Canon", canon_dwi),
    "hitachi-dwi": ("Hitachi", hitachi_dwi),
    "bruker-enhanced": ("Bruker", bruker_enhanced),
}
#: Written in implicit VR as well, and with their private blocks moved.
AGAIN = ("siemens-mosaic", "siemens-csa", "siemens-xa", "ge-dwi", "philips-dti", "philips-enhanced")
