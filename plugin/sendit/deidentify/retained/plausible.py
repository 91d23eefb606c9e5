"""Tell whether a whole number is too large for what its attribute measures, as a KVP of 4711882 is.

Such a number may be somebody's. The limits are far beyond what is measured, so that unusual units (a field in gauss, a
weight in grams) stay.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import TYPE_CHECKING

from pydicom._dicom_dict import DicomDictionary

from sendit.deidentify.tables import tag_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

#: The largest plausible numbers, and the attributes (PS3.3) that they are for.
_MOST: Mapping[int, str] = {
    # Kilovolts, angles, percentages, factors, fields of view in millimetres, minutes, heartbeats, MHz
    10_000: """KVP GantryDetectorTilt GantryDetectorSlew TableAngle FlipAngle PositionerPrimaryAngle AngularStep ScanArc
        PositionerSecondaryAngle ColumnAngulation TomoAngle FieldOfViewRotation DetectorPrimaryAngle GantryAngle
        DetectorSecondaryAngle BeamLimitingDeviceAngle PatientSupportAngle PercentSampling PercentPhaseFieldOfView
        NumberOfAverages EchoTrainLength EchoNumbers HeartRate ImagingFrequency TransmitterFrequency PatientSize
        PatientBodyMassIndex SliceThickness SpacingBetweenSlices ReconstructionDiameter DataCollectionDiameter
        BodyPartThickness CompressionForce IntensifierSize MechanicalIndex EchoTime SAR ContrastBolusVolume
        ContrastFlowRate ContrastFlowDuration ContrastBolusTotalDose ContrastBolusIngredientConcentration CineRate
        RecommendedDisplayFrameRate NumberOfPhaseEncodingSteps CardiacNumberOfImages TriggerWindow PixelSpacing
        ImagerPixelSpacing NominalScannedPixelSpacing EstimatedRadiographicMagnificationFactor MeasuredAPDimension
        MeasuredLateralDimension SpiralPitchFactor TableFeedPerRotation TableSpeed RevolutionTime CTDIvol
        SingleCollimationWidth TotalCollimationWidth ReconstructionFieldOfView ParallelReductionFactorInPlane
        EffectiveEchoTime LINACEnergy NominalBeamEnergy FocalSpots""",
    # Milliseconds, milliamperes, positions in millimetres, gauss, s/mm² (research scanners reach tens of thousands)
    100_000: """RepetitionTime InversionTime ExposureTime XRayTubeCurrent Exposure MagneticFieldStrength TableHeight
        TableTraverse DistanceSourceToDetector DistanceSourceToPatient SliceLocation ImagePositionPatient
        PixelBandwidth FrameTime GeneratorPower LowRRValue HighRRValue NominalInterval SpatialResolution FocalDistance
        ExposureTimeInms XRayTubeCurrentInmA ExposureInmAs DiffusionBValue""",
    1_000_000: "PatientWeight RescaleIntercept",
}
#: Doses, counts, times from a start, and values of any kind: only an identifier of the file itself is no measurement.
_ANY = """RadionuclideTotalDose RadionuclideHalfLife RadiopharmaceuticalSpecificActivity InterventionDrugDose
    ExposureInuAs ExposureTimeInuS XRayTubeCurrentInuA CountsAccumulated CountRate PrimaryPromptsCountsAccumulated
    SecondaryCountsAccumulated SyringeCounts ResidualSyringeCounts FrameReferenceTime ActualFrameDuration TriggerTime
    TriggerTimeOffset TimeSlotTime TriggerVector FrameDelay FrameTimeVector PhaseDelay PauseBetweenFrames
    MultiplexGroupTimeOffset EventElapsedTimes ReferencedTimeOffsets
    DetectorTimeSinceLastExposure DetectorActiveTime ExposuresOnDetectorSinceLastCalibration
    ExposuresOnDetectorSinceManufactured NumericValue SelectorDSValue SelectorISValue MemoryAllocation
    MaximumMemoryAllocation WindowCenter WindowWidth UpperLowerPixelValues ROIPhysicalPropertyValue ROIVolume
    DVHData ContourData AcquisitionStartConditionData AcquisitionTerminationConditionData SamplingFrequency
    SpecifiedNumberOfPulses DeliveredNumberOfPulses SourceIsotopeHalfLife SourceStrength ReferenceAirKermaRate
    DoseCalibrationFactor RescaleSlope MetersetExposure StartMeterset EndMeterset BeamMeterset Quantity
    ExcitationFrequency NominalFrequency MeasuredCenterFrequency MeasuredBandwidth ImpedanceMeasurementFrequency"""
#: SeriesNumber, AcquisitionNumber, InstanceNumber: mammography and derived series are numbered with up to eight digits,
#: zeros among them (73200001), which are no day; others are a time or somebody's number.
NUMBERED, _MOST_NUMBERED = frozenset([0x00200011, 0x00200012, 0x00200013]), 99_999_999
_COUNTED = re.compile(r"0*(?:\d{1,6}|\d*000\d*)")
#: NumericValue: in a unit in which nothing reaches a million, or in none, a larger number may be somebody's.
NUMERIC_VALUE = 0x0040A30A
_COARSE_UNITS_TEXT = """
    mm cm m cm3 ml mL L l dL dl kg g Gy cGy mGy kV V mV A mA mA.s s min h d wk mo a deg rad % [pH] cm/s m/s mm/s mm/min
    ml/min l/min L/min mm[Hg] [hnsf'U] Cel K T kHz MHz GHz /min {bpm} {beats}/min [diop] dB kg/m2 m2 cm2 ml/m2 g/m2
    mmol/l mg/dl {ratio} {score} {SUVbw}g/ml g/ml {gestational_week}
"""
_COARSE_UNITS = frozenset(_COARSE_UNITS_TEXT.split())
#: No measurement has more significant digits in front of the point; numbers of nations have.
#: Floats that are longer are whole by their precision.
_TEN_DIGITS, _MOST_SIGNIFICANT, _LONGEST_EXACT = frozenset({"DS", "IS", "FD"}), 10, 15
_DAY = re.compile(
    r"(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])|(?:0[1-9]|[12]\d|3[01])(?:0[1-9]|1[0-2])(?:19|20)\d\d"
    r"|(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?:19|20)\d\d"
)
#: Of 1H, 3He, 7Li, 13C, 19F, 23Na, 31P, 129Xe: how a magnetic field makes them resonate.
_MEGAHERTZ_PER_TESLA = (42.577, 32.434, 16.546, 10.708, 40.078, 11.262, 17.235, 11.777)
_HERTZ, _TESLA, _NOMINAL = re.compile(r"\d{7,9}(?:\.0*)?"), re.compile(r"\d{1,2}(?:\.\d{1,8})?"), 0.04
#: Parts of the keywords of attributes that time, count, scale or store something, or hold a value of any kind.
_OF_ANY_SIZE = re.compile(
    "Time|Duration|Delay|Count|Dose|Frequenc|Value|Slope|Intercept|Coefficient|Activity|TableOf|Data(?!Type)|Rate|Intensit"
    "|Histogram|Area|Volume|Moment|Weight|Energ|Fluence|Meterset|Scal|Mass|Range|Mask|LengthToEnd|DocumentLength"
    "|Sample|Sampling|Index|Descriptor|Lab|Padding|Group|Identifier|Reason|Element|Contour|List|Memory|Address|Grid|Map|Trial"
    "|Term|Cutoff|Limit|Threshold|Flux|Transform|Concentration|Bandwidth|Flags|Offset|Number"
)
#: And of those that number, index or place something.
_LARGE = re.compile(
    "Vector|Length|Pixel|Table|Row|Column|Matrix|Edge|Position|Origin|Point|Step|Line|Size|Fraction|Center|Radius|Outline|Vertices"
    "|Magnitude|Dimension|Bounding|Loop|Coordinate|Break|Exposure|Speed|Velocit|Location|Bits"
)
#: Sizes, coordinates, numbers of items as strings, doses in Gy.
_MOST_OF_LARGE = 999_999
#: What is left are angles, thicknesses, distances, powers, ratios, settings and codes, by VR.
_MOST_OF_SETTINGS = {"US": 9_999, "SS": 9_999} | dict.fromkeys(("DS", "IS", "FD", "FL", "SL", "UL", "SV", "UV"), 99_999)


def are_plausible(tag: int, vr: str, numbers: Iterable[str], unit: str = "") -> bool:
    """Return whether whole numbers may be what an attribute measures or counts.

    Args:
        tag: the attribute.
        vr: its VR.
        numbers: their digits, without a sign.
        unit: the code of the unit (UCUM) that the file gives beside a NumericValue, if any.
    """
    if tag in NUMBERED:
        return all(
            int(number) <= _MOST_NUMBERED and _COUNTED.fullmatch(number.strip()) and not _DAY.fullmatch(number.strip())
            for number in numbers
        )
    if vr in _TEN_DIGITS and any(len(n) <= _LONGEST_EXACT and len(n.strip("0 ")) > _MOST_SIGNIFICANT for n in numbers):
        return False
    most = _limits()[tag] if tag in _limits() else _most_of(tag, vr)
    if tag == NUMERIC_VALUE and (not unit or unit in _COARSE_UNITS):
        most = _MOST_OF_LARGE
    return most is None or all(int(number) <= most or _is_of_machines(int(number)) for number in numbers)


def _is_of_machines(number: int) -> bool:
    """Return whether a number is a power of two or one less: a limit of what machines count, or their sign for none."""
    return (number & (number - 1)) * (number & (number + 1)) == 0


def is_resonance(number: str, field: str) -> bool:
    """Return whether a whole number is, in hertz, the resonance of a nucleus in a magnet's field.

    Some makers (UIH) write ImagingFrequency in hertz instead of megahertz. Magnets of nominally 3 T have 2.89 T.

    Args:
        number: digits.
        field: MagneticFieldStrength, in tesla.
    """
    if not _HERTZ.fullmatch(number) or not _TESLA.fullmatch(field.strip(" \0")):
        return False
    megahertz = int(number.partition(".")[0]) / 1e6
    return any(abs(megahertz / (ratio * float(field.strip(" \0"))) - 1) < _NOMINAL for ratio in _MEGAHERTZ_PER_TESLA)


@lru_cache(maxsize=4096)
def _most_of(tag: int, vr: str) -> int | None:
    """Return the limit of an attribute that has none of its own; None of a private one."""
    if tag not in DicomDictionary:
        return None
    keyword = DicomDictionary[tag][4]
    if _OF_ANY_SIZE.search(keyword):
        return _MOST_OF_LARGE if vr in ("DS", "IS") else None
    return _MOST_OF_LARGE if _LARGE.search(keyword) else _MOST_OF_SETTINGS.get(vr)


@cache
def _limits() -> Mapping[int, int | None]:
    limits: dict[int, int | None] = {tag_of(keyword, "plausible.py"): None for keyword in _ANY.split()}
    return limits | {
        tag_of(keyword, "plausible.py"): most for most, keywords in _MOST.items() for keyword in keywords.split()
    }
