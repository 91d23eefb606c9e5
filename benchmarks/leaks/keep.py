"""What research needs, and has to be in the output as it was: recorded before planting, compared after."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydicom.dataset import Dataset

Path = tuple[str | int, ...]
#: Where a value stands (keywords and numbers of items), and the value.
Kept = dict[Path, Any]

#: Technique, geometry, what the pixels mean. None of them is in Table E.1-1.
_KEYWORDS = frozenset(
    [
        "SOPClassUID",
        "Modality",
        "ImageType",
        "Manufacturer",
        "ManufacturerModelName",
        "Rows",
        "Columns",
        "SamplesPerPixel",
        "PhotometricInterpretation",
        "PlanarConfiguration",
        "NumberOfFrames",
        "BitsAllocated",
        "BitsStored",
        "HighBit",
        "PixelRepresentation",
        "SmallestImagePixelValue",
        "LargestImagePixelValue",
        "PixelPaddingValue",
        "RescaleSlope",
        "RescaleIntercept",
        "RescaleType",
        "WindowCenter",
        "WindowWidth",
        "VOILUTFunction",
        "LossyImageCompression",
        "PixelSpacing",
        "ImagerPixelSpacing",
        "SliceThickness",
        "SpacingBetweenSlices",
        "SliceLocation",
        "ImagePositionPatient",
        "ImageOrientationPatient",
        "PatientPosition",
        "PatientOrientation",
        "Laterality",
        "ImageLaterality",
        "ViewPosition",
        "BodyPartExamined",
        "InstanceNumber",
        "SeriesNumber",
        "TemporalPositionIdentifier",
        "NumberOfTemporalPositions",
        "KVP",
        "ExposureTime",
        "XRayTubeCurrent",
        "Exposure",
        "GantryDetectorTilt",
        "TableHeight",
        "RotationDirection",
        "ConvolutionKernel",
        "DataCollectionDiameter",
        "ReconstructionDiameter",
        "DistanceSourceToDetector",
        "DistanceSourceToPatient",
        "ScanningSequence",
        "SequenceVariant",
        "MRAcquisitionType",
        "RepetitionTime",
        "EchoTime",
        "InversionTime",
        "FlipAngle",
        "EchoTrainLength",
        "NumberOfAverages",
        "ImagingFrequency",
        "EchoNumbers",
        "MagneticFieldStrength",
        "PixelBandwidth",
        "Units",
        "DecayCorrection",
        "DecayFactor",
        "FrameTime",
        "PositionerPrimaryAngle",
        "PositionerSecondaryAngle",
        "ConversionType",
        "DoseUnits",
        "DoseType",
        "DoseSummationType",
        "DoseGridScaling",
        "GridFrameOffsetVector",
        "ROINumber",
        "ContourGeometricType",
        "NumberOfContourPoints",
        "ContourData",
        "ROIDisplayColor",
        "ReferencedROINumber",
        "BeamNumber",
        "BeamType",
        "RadiationType",
        "NumberOfControlPoints",
        "ControlPointIndex",
        "NominalBeamEnergy",
        "GantryAngle",
        "FractionGroupNumber",
        "NumberOfFractionsPlanned",
        "SegmentNumber",
        "SegmentAlgorithmType",
        "SegmentationType",
        "DimensionIndexValues",
        "InStackPositionNumber",
        "SamplingFrequency",
        "NumberOfWaveformChannels",
        "NumberOfWaveformSamples",
        "WaveformBitsAllocated",
        "ChannelSensitivity",
        "RadionuclideTotalDose",
        "RadionuclideHalfLife",
        "PresentationLUTShape",
        "RegionLocationMaxX1",
        "RegionLocationMaxY1",
        "PhysicalDeltaX",
        "PhysicalUnitsXDirection",
        "CodeValue",
        "CodingSchemeDesignator",
        "CodeMeaning",
    ]
)
#: Sequences of the technique: what is in them is needed, too. (ContentSequence is not: the Basic Profile takes it out.)
_SEQUENCES = frozenset(
    [
        "SharedFunctionalGroupsSequence",
        "PerFrameFunctionalGroupsSequence",
        "PixelMeasuresSequence",
        "PlaneOrientationSequence",
        "PlanePositionSequence",
        "FrameContentSequence",
        "SegmentSequence",
        "SegmentedPropertyCategoryCodeSequence",
        "SegmentedPropertyTypeCodeSequence",
        "ROIContourSequence",
        "ContourSequence",
        "StructureSetROISequence",
        "BeamSequence",
        "ControlPointSequence",
        "FractionGroupSequence",
        "WaveformSequence",
        "ChannelDefinitionSequence",
        "ChannelSourceSequence",
        "SequenceOfUltrasoundRegions",
        "RadiopharmaceuticalInformationSequence",
        "ConceptNameCodeSequence",
        "AnatomicRegionSequence",
        "ViewCodeSequence",
    ]
)
#: What the option RetainPatientCharacteristics keeps.
CHARACTERISTICS = ("PatientSex", "PatientAge", "PatientSize", "PatientWeight")


def values_to_keep(dataset: Dataset) -> Kept:
    """Every value of the keywords above, with its place; empty ones are left out."""
    return dict(_walk(dataset, ()))


def characteristics(dataset: Dataset) -> Kept:
    """What a site keeps that asks for the patient's characteristics."""
    return {(keyword,): plain(dataset[keyword].value) for keyword in CHARACTERISTICS if dataset.get(keyword)}


def _walk(dataset: Dataset, path: Path) -> Iterator[tuple[Path, Any]]:
    for element in dataset:
        keyword = element.keyword
        if element.VR == "SQ":
            if keyword in _SEQUENCES:
                for number, item in enumerate(element.value):
                    yield from _walk(item, (*path, keyword, number))
        elif keyword in _KEYWORDS and element.value not in (None, "", b""):
            yield (*path, keyword), plain(element.value)


def plain(value: Any) -> Any:
    """A value as it is compared: 1.0 and 1.00 are one number, and spaces at the end are none of it."""
    if isinstance(value, list) or type(value).__name__ == "MultiValue":
        return [plain(single) for single in value]
    if isinstance(value, (int, float)):
        return float(value)
    return str(value).rstrip("\0 ")


def value_at(dataset: Dataset, path: Path) -> Any:
    """The value at a place; None where there is none."""
    found: Any = dataset
    for step in path:
        if isinstance(step, int):
            if step >= len(found):
                return None
            found = found[step]
        else:
            if step not in found:
                return None
            found = found[step].value
            if found is None:
                return None
    return plain(found)
