"""Convert numbers from the units that people write after them to the units of their attributes."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING

from sendit.deidentify.tables import tag_of

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Units of one kind, each as a multiple of the first.
_KINDS: tuple[Mapping[str, str], ...] = (
    {"mm": "1", "cm": "10", "m": "1000", "um": "0.001", "\u00b5m": "0.001", "\u03bcm": "0.001"},
    {"ms": "1", "msec": "1", "s": "1000", "sec": "1000", "us": "0.001", "\u00b5s": "0.001", "min": "60000"},
    {"kV": "1", "kVp": "1", "kv": "1", "kvp": "1", "KV": "1", "KVP": "1", "V": "0.001", "MV": "1000"},
    {"mA": "1", "ma": "1", "MA": "1", "A": "1000", "uA": "0.001", "\u00b5A": "0.001"},
    {"mAs": "1", "mas": "1", "MAS": "1", "mA.s": "1", "uAs": "0.001", "\u00b5As": "0.001"},
    {"deg": "1", "degree": "1", "degrees": "1", "\u00b0": "1", "grad": "1"},
    {"kg": "1", "KG": "1", "Kg": "1", "g": "0.001", "lb": "0.45359237", "lbs": "0.45359237"},
    {"T": "1", "Tesla": "1", "tesla": "1", "mT": "0.001", "G": "0.0001"},
    {"MHz": "1", "mhz": "1", "kHz": "0.001", "khz": "0.001", "Hz": "0.000001", "hz": "0.000001"},
    {"Hz": "1", "hz": "1", "kHz": "1000", "Hz/px": "1", "Hz/pixel": "1", "Hz/Px": "1"},
    {"Bq": "1", "kBq": "1000", "MBq": "1000000", "GBq": "1000000000", "mCi": "37000000", "uCi": "37000"},
    {"%": "1", "percent": "1", "Prozent": "1"},
    {"s/mm2": "1", "s/mm^2": "1", "s/mm\u00b2": "1", "sec/mm2": "1"},
    {"ml": "1", "mL": "1", "ML": "1", "cc": "1", "l": "1000"},
    {"ml/s": "1", "mL/s": "1", "cc/s": "1"},
    {"mg/ml": "1", "mg/mL": "1"},
    {"bpm": "1", "BPM": "1", "/min": "1"},
    {"mGy": "1", "Gy": "1000", "mgy": "1", "dGy": "100", "cGy": "10"},
    {"Gy": "1", "gy": "1", "cGy": "0.01", "mGy": "0.001"},
    {"W/kg": "1", "w/kg": "1", "mW/kg": "0.001"},
    {"mm/s": "1", "mm/sec": "1", "cm/s": "10", "mm/rot": "1"},
    {"keV": "1", "kev": "1", "KeV": "1", "MeV": "1000"},
    {"MeV": "1", "MV": "1", "mev": "1"},
    {"MU": "1", "mu": "1", "Mu": "1"},
    {"N": "1", "newton": "1", "Newton": "1", "kgf": "9.80665", "daN": "10"},
    {"dB": "1", "db": "1", "DB": "1"},
    {"cm/s": "1", "cm/sec": "1", "m/s": "100", "mm/s": "0.1"},
    {"dGy.cm2": "1", "dGycm2": "1", "Gy.cm2": "10", "Gycm2": "10"},
)

#: The unit of an attribute in PS3.3.
_UNITS: Mapping[str, str] = {
    "mm": """PixelSpacing ImagerPixelSpacing NominalScannedPixelSpacing ImagePositionPatient SliceThickness
        SliceLocation SpacingBetweenSlices ReconstructionDiameter DataCollectionDiameter DistanceSourceToDetector
        TableHeight DistanceSourceToPatient FocalSpots BodyPartThickness FieldOfViewDimensions IntensifierSize
        TableTraverse TableFeedPerRotation SingleCollimationWidth TotalCollimationWidth ScanLength
        DistanceSourceToEntrance DistanceObjectToTableTop CollimatorLeftVerticalEdge FilterThicknessMinimum
        FilterThicknessMaximum SourceToSurfaceDistance IsocenterPosition TableTopVerticalPosition
        TableTopLongitudinalPosition TableTopLateralPosition LeafJawPositions SourceToBlockTrayDistance
        GridFrameOffsetVector ContourData RTImagePosition RTImageSID RadiationMachineSAD ImagePlanePixelSpacing""",
    "ms": """RepetitionTime EchoTime InversionTime TriggerTime ExposureTime FrameTime FrameTimeVector TriggerTimeOffset
        ActualFrameDuration FrameReferenceTime NominalInterval HighRRValue LowRRValue""",
    "s": """RadionuclideHalfLife TemporalResolution ContrastFlowDuration RevolutionTime AcquisitionDuration
        EffectiveDuration""",
    "kV": "KVP",
    "mA": "XRayTubeCurrent",
    "mAs": "Exposure",
    "deg": """FlipAngle GantryDetectorTilt PositionerPrimaryAngle PositionerSecondaryAngle TableAngle GantryAngle
        BeamLimitingDeviceAngle PatientSupportAngle""",
    "kg": "PatientWeight",
    "m": "PatientSize",
    "T": "MagneticFieldStrength",
    "MHz": "ImagingFrequency TransmitterFrequency",
    "Hz": "PixelBandwidth",
    "Bq": "RadionuclideTotalDose",
    "%": "PercentSampling PercentPhaseFieldOfView",
    "s/mm2": "DiffusionBValue",
    "ml": "ContrastBolusVolume ContrastBolusTotalDose RadiopharmaceuticalVolume",
    "ml/s": "ContrastFlowRate",
    "mg/ml": "ContrastBolusIngredientConcentration",
    "bpm": "HeartRate",
    "mGy": "CTDIvol OrganDose EntranceDoseInmGy",
    "Gy": """DoseGridScaling TargetPrescriptionDose TargetMinimumDose TargetMaximumDose OrganAtRiskMaximumDose BeamDose
        DeliveryMaximumDose DeliveryWarningDose""",
    "W/kg": "SAR",
    "mm/s": "TableSpeed",
    "keV": "EnergyWindowLowerLimit EnergyWindowUpperLimit",
    "MeV": "NominalBeamEnergy",
    "MU": "BeamMeterset",
    "N": "CompressionForce",
    "cm/s": "VelocityEncodingMinimumValue VelocityEncodingMaximumValue",
    "dGy.cm2": "ImageAndFluoroscopyAreaDoseProduct",
}


@dataclass(frozen=True, slots=True)
class Unit:
    """The factor from a unit to the unit of an attribute."""

    factor: Decimal


def unit_of(tag: int, written: str) -> Unit | None:
    """Return the unit that is written after a number; None if the attribute is not measured in it."""
    own = _by_tag().get(tag)
    if own is None:
        return None
    plain = written.rstrip(".").strip("()[]")
    for kind in _KINDS:
        size = kind.get(plain) or _in_capitals(kind, plain)
        if own in kind and size is not None:
            return Unit(Decimal(size) / Decimal(kind[own]))
    return None


def _in_capitals(kind: Mapping[str, str], written: str) -> str | None:
    """Return the factor of a unit that is written in capitals only (MM, MBQ); None if it could be two units."""
    factors = {factor for unit, factor in kind.items() if unit.upper() == written}
    return factors.pop() if written.isupper() and len(factors) == 1 else None


@cache
def _by_tag() -> Mapping[int, str]:
    units = {}
    for unit, keywords in _UNITS.items():
        for keyword in keywords.split():
            units[tag_of(keyword, "units.py")] = unit
    return units
