"""Objects of kinds that pydicom's package has no file of. Small, and the same bytes every time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from pydicom import uid
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.sequence import Sequence

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def _object(sop_class: str, modality: str, number: int, syntax: str = uid.ExplicitVRLittleEndian) -> FileDataset:
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = uid.UID(syntax)
    meta.MediaStorageSOPClassUID = uid.UID(sop_class)
    meta.MediaStorageSOPInstanceUID = uid.UID(f"1.2.826.0.1.3680043.8.498.{number}.1")
    d = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    d.SpecificCharacterSet = "ISO_IR 192"
    d.SOPClassUID, d.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    d.StudyInstanceUID = f"1.2.826.0.1.3680043.8.498.{number}.2"
    d.SeriesInstanceUID = f"1.2.826.0.1.3680043.8.498.{number}.3"
    d.Modality, d.Manufacturer, d.ManufacturerModelName = modality, "Sample Works", "Model 7"
    d.PatientName, d.PatientID, d.PatientSex, d.PatientAge = "Test^Generated", f"GEN{number}", "F", "061Y"
    d.PatientSize, d.PatientWeight = "1.71", "64.5"
    d.StudyDate, d.StudyTime, d.StudyID, d.AccessionNumber = "20240115", "101112", "1", "1"
    d.SeriesNumber, d.InstanceNumber = 3, 4
    d.ReferringPhysicianName = ""
    return d


def _pixels(
    d: FileDataset, rows: int = 16, columns: int = 16, frames: int = 1, bits: int = 16, samples: int = 1
) -> None:
    noise = np.random.default_rng(rows * columns + frames)
    shape = (frames, rows, columns, samples)
    d.Rows, d.Columns, d.SamplesPerPixel = rows, columns, samples
    d.BitsAllocated = d.BitsStored = bits
    d.HighBit, d.PixelRepresentation = bits - 1, 0
    d.PhotometricInterpretation = "MONOCHROME2" if samples == 1 else "RGB"
    if samples == 3:
        d.PlanarConfiguration = 0
    if frames > 1:
        d.NumberOfFrames = frames
    values = noise.integers(0, 1 << bits, shape, dtype=np.uint16 if bits == 16 else np.uint8)
    d.add_new(0x7FE00010, "OW" if bits == 16 else "OB", values.tobytes())


def _code(value: str, scheme: str, meaning: str) -> Sequence:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return Sequence([item])


def _reference(sop_class: str, number: int) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID = uid.UID(sop_class)
    item.ReferencedSOPInstanceUID = uid.UID(f"1.2.826.0.1.3680043.8.498.{number}.9")
    return item


def _content(value_type: str, code: Sequence, **values: object) -> Dataset:
    item = Dataset()
    item.RelationshipType, item.ValueType = "CONTAINS", value_type
    item.ConceptNameCodeSequence = code
    for keyword, value in values.items():
        setattr(item, keyword, value)
    return item


def report(number: int) -> FileDataset:
    """A comprehensive SR with a measurement and a tree two deep."""
    d = _object(uid.ComprehensiveSRStorage, "SR", number)
    d.ContentDate, d.ContentTime, d.CompletionFlag, d.VerificationFlag = "20240115", "101112", "COMPLETE", "UNVERIFIED"
    d.ReferencedPerformedProcedureStepSequence = Sequence()
    d.PerformedProcedureCodeSequence = Sequence()
    d.ValueType, d.ContinuityOfContent = "CONTAINER", "SEPARATE"
    d.ConceptNameCodeSequence = _code("126000", "DCM", "Imaging Measurement Report")
    measured = Dataset()
    measured.NumericValue = "12.5"
    measured.MeasurementUnitsCodeSequence = _code("mm", "UCUM", "millimeter")
    number_item = _content("NUM", _code("410668003", "SCT", "Length"), MeasuredValueSequence=Sequence([measured]))
    finding = _content(
        "CODE", _code("121071", "DCM", "Finding"), ConceptCodeSequence=_code("108369006", "SCT", "Neoplasm")
    )
    box = _content("CONTAINER", _code("125007", "DCM", "Measurement Group"), ContinuityOfContent="SEPARATE")
    box.ContentSequence = Sequence([number_item, finding])
    d.ContentSequence = Sequence([box])
    return d


def key_objects(number: int) -> FileDataset:
    d = _object(uid.KeyObjectSelectionDocumentStorage, "KO", number)
    d.ContentDate, d.ContentTime = "20240115", "101112"
    d.ReferencedPerformedProcedureStepSequence = Sequence()
    d.ValueType, d.ContinuityOfContent = "CONTAINER", "SEPARATE"
    d.ConceptNameCodeSequence = _code("113000", "DCM", "Of Interest")
    image = _content("IMAGE", Sequence(), ReferencedSOPSequence=Sequence([_reference(uid.CTImageStorage, number)]))
    del image.ConceptNameCodeSequence
    d.ContentSequence = Sequence([image])
    study, series = Dataset(), Dataset()
    study.StudyInstanceUID, series.SeriesInstanceUID = d.StudyInstanceUID, d.SeriesInstanceUID
    series.ReferencedSOPSequence = Sequence([_reference(uid.CTImageStorage, number)])
    study.ReferencedSeriesSequence = Sequence([series])
    d.CurrentRequestedProcedureEvidenceSequence = Sequence([study])
    return d


def presentation_state(number: int) -> FileDataset:
    d = _object(uid.GrayscaleSoftcopyPresentationStateStorage, "PR", number)
    d.PresentationCreationDate, d.PresentationCreationTime = "20240115", "101112"
    d.ContentLabel, d.PresentationLUTShape = "MARKED", "IDENTITY"
    series = Dataset()
    series.SeriesInstanceUID = d.SeriesInstanceUID
    series.ReferencedImageSequence = Sequence([_reference(uid.CTImageStorage, number)])
    d.ReferencedSeriesSequence = Sequence([series])
    area = Dataset()
    area.DisplayedAreaTopLeftHandCorner, area.DisplayedAreaBottomRightHandCorner = [1, 1], [16, 16]
    area.PresentationSizeMode, area.PresentationPixelAspectRatio = "SCALE TO FIT", [1, 1]
    d.DisplayedAreaSelectionSequence = Sequence([area])
    text, annotation = Dataset(), Dataset()
    text.UnformattedTextValue, text.BoundingBoxAnnotationUnits = "mark", "PIXEL"
    text.AnchorPoint, text.AnchorPointVisibility, text.AnchorPointAnnotationUnits = [2.0, 3.0], "N", "PIXEL"
    annotation.GraphicLayer, annotation.TextObjectSequence = "LAYER1", Sequence([text])
    d.GraphicAnnotationSequence = Sequence([annotation])
    layer = Dataset()
    layer.GraphicLayer, layer.GraphicLayerOrder = "LAYER1", 1
    d.GraphicLayerSequence = Sequence([layer])
    return d


def _functional_groups(d: FileDataset, frames: int) -> None:
    measures, orientation, shared = Dataset(), Dataset(), Dataset()
    measures.PixelSpacing, measures.SliceThickness = [0.7, 0.7], "2.5"
    orientation.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    shared.PixelMeasuresSequence = Sequence([measures])
    shared.PlaneOrientationSequence = Sequence([orientation])
    d.SharedFunctionalGroupsSequence = Sequence([shared])
    d.PerFrameFunctionalGroupsSequence = Sequence()
    for index in range(frames):
        content, position, frame = Dataset(), Dataset(), Dataset()
        content.DimensionIndexValues = [1, index + 1]
        content.StackID, content.InStackPositionNumber = "1", index + 1
        position.ImagePositionPatient = [0, 0, index * 2.5]
        frame.FrameContentSequence, frame.PlanePositionSequence = Sequence([content]), Sequence([position])
        d.PerFrameFunctionalGroupsSequence.append(frame)


def segmentation(number: int) -> FileDataset:
    d = _object(uid.SegmentationStorage, "SEG", number)
    _pixels(d, frames=2, bits=8)
    d.ImageType, d.SegmentationType, d.ContentLabel = ["DERIVED", "PRIMARY"], "FRACTIONAL", "SEGMENTS"
    d.SegmentationFractionalType, d.MaximumFractionalValue = "PROBABILITY", 255
    segment = Dataset()
    segment.SegmentNumber, segment.SegmentLabel, segment.SegmentAlgorithmType = 1, "Lesion", "AUTOMATIC"
    segment.SegmentedPropertyCategoryCodeSequence = _code("49755003", "SCT", "Morphologically Abnormal Structure")
    segment.SegmentedPropertyTypeCodeSequence = _code("108369006", "SCT", "Neoplasm")
    d.SegmentSequence = Sequence([segment])
    _functional_groups(d, 2)
    return d


def enhanced(number: int, sop_class: str = uid.EnhancedCTImageStorage, modality: str = "CT") -> FileDataset:
    d = _object(sop_class, modality, number)
    _pixels(d, frames=3)
    d.ImageType = ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"]
    _functional_groups(d, 3)
    return d


def ultrasound(number: int) -> FileDataset:
    d = _object(uid.UltrasoundMultiFrameImageStorage, "US", number)
    _pixels(d, frames=3, bits=8, samples=3)
    d.FrameTime, d.ImageType = "33.3", ["ORIGINAL", "PRIMARY"]
    region = Dataset()
    region.RegionLocationMinX0 = region.RegionLocationMinY0 = 0
    region.RegionLocationMaxX1 = region.RegionLocationMaxY1 = 15
    region.PhysicalDeltaX, region.PhysicalUnitsXDirection = 0.05, 3
    d.SequenceOfUltrasoundRegions = Sequence([region])
    return d


def angiography(number: int) -> FileDataset:
    d = _object(uid.XRayAngiographicImageStorage, "XA", number)
    _pixels(d, frames=2, bits=8)
    d.ImageType, d.KVP, d.DistanceSourceToDetector = ["ORIGINAL", "PRIMARY", "SINGLE PLANE"], "80", "1100"
    d.PositionerPrimaryAngle, d.PositionerSecondaryAngle = "-30.1", "0.2"
    return d


def capture(number: int) -> FileDataset:
    d = _object(uid.SecondaryCaptureImageStorage, "OT", number)
    _pixels(d, bits=8, samples=3)
    d.ConversionType = "WSD"
    return d


def radiograph(number: int) -> FileDataset:
    d = _object(uid.DigitalXRayImageStorageForPresentation, "DX", number)
    _pixels(d)
    d.ImageType, d.KVP, d.ViewPosition, d.BodyPartExamined = ["ORIGINAL", "PRIMARY", ""], "120", "PA", "CHEST"
    d.ImagerPixelSpacing, d.AnatomicRegionSequence = [0.14, 0.14], _code("51185008", "SCT", "Chest")
    return d


def tomography(number: int) -> FileDataset:
    """PET: many numbers that research needs."""
    d = _object(uid.PositronEmissionTomographyImageStorage, "PT", number)
    _pixels(d)
    d.Units, d.DecayCorrection, d.PixelSpacing, d.SliceThickness = "BQML", "START", [4, 4], "3.0"
    d.ImagePositionPatient, d.ImageOrientationPatient = [1.5, 2.5, 3.5], [1, 0, 0, 0, 1, 0]
    d.RescaleSlope, d.RescaleIntercept, d.ImageType = "0.25", "0", ["ORIGINAL", "PRIMARY"]
    isotope = Dataset()
    isotope.RadionuclideTotalDose, isotope.RadionuclideHalfLife = "370000000", "6588"
    d.RadiopharmaceuticalInformationSequence = Sequence([isotope])
    return d


def waveform(number: int) -> FileDataset:
    d = _object(uid.TwelveLeadECGWaveformStorage, "ECG", number)
    channel, group = Dataset(), Dataset()
    channel.ChannelSourceSequence = _code("2:1", "MDC", "Lead I")
    channel.ChannelSensitivity, channel.WaveformBitsStored = "1.25", 16
    group.WaveformOriginality, group.NumberOfWaveformChannels = "ORIGINAL", 1
    group.NumberOfWaveformSamples, group.SamplingFrequency = 16, "500"
    group.ChannelDefinitionSequence = Sequence([channel])
    group.WaveformBitsAllocated, group.WaveformSampleInterpretation = 16, "SS"
    group.add_new(0x54001010, "OW", bytes(range(32)))
    d.WaveformSequence = Sequence([group])
    return d


def pdf(number: int) -> FileDataset:
    d = _object(uid.EncapsulatedPDFStorage, "DOC", number)
    d.MIMETypeOfEncapsulatedDocument, d.BurnedInAnnotation = "application/pdf", "YES"
    d.EncapsulatedDocument = b"%PDF-1.4\n%%EOF\n "
    return d


def cda(number: int) -> FileDataset:
    d = _object(uid.EncapsulatedCDAStorage, "DOC", number)
    d.MIMETypeOfEncapsulatedDocument, d.BurnedInAnnotation = "text/XML", "YES"
    d.EncapsulatedDocument = b"<ClinicalDocument/> "
    return d


_KINDS: tuple[tuple[str, Callable[[int], FileDataset]], ...] = (
    ("report", report),
    ("key objects", key_objects),
    ("presentation state", presentation_state),
    ("segmentation", segmentation),
    ("enhanced CT", enhanced),
    ("enhanced MR", lambda number: enhanced(number, uid.EnhancedMRImageStorage, "MR")),
    ("ultrasound", ultrasound),
    ("angiography", angiography),
    ("secondary capture", capture),
    ("radiograph", radiograph),
    ("PET", tomography),
    ("waveform", waveform),
    ("PDF", pdf),
    ("CDA", cda),
)


def objects() -> Iterator[tuple[str, FileDataset]]:
    """Name and object of each kind."""
    for number, (name, make) in enumerate(_KINDS, 1):
        yield f"generated {name}", make(number)
