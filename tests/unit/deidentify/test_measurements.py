"""What is measured in an object is measured in its output: the same numbers by the same formulas, of many modalities.

Each case makes an object, and computes from it what a researcher does. With the options of research the result is the
same (also where dates move); under the Basic profile it is the same, or the receipt says what was lost.
"""

from __future__ import annotations

import io
from datetime import datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pydicom
import pytest
from pydicom import uid
from pydicom.dataset import Dataset

from sendit.deidentify import compile_plan
from sendit.deidentify.options import Option
from tests.dicom import StudyMaker, written
from tests.unit.deidentify.samples import released

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.long

_RESEARCH = [
    Option.CLEAN_DESCRIPTORS,
    Option.CLEAN_STRUCTURED_CONTENT,
    Option.CLEAN_GRAPHICS,
    Option.RETAIN_SAFE_PRIVATE,
    Option.RETAIN_PATIENT_CHARACTERISTICS,
]
_PLANS = {
    "moved": compile_plan([*_RESEARCH, Option.RETAIN_LONGITUDINAL_MODIFIED_DATES], [], ["vendors"]),
    "full": compile_plan([*_RESEARCH, Option.RETAIN_LONGITUDINAL_FULL_DATES], [], ["vendors"]),
}
_BASIC = compile_plan([], [])


def item(**values: Any) -> Dataset:
    """Return a dataset of these attributes."""
    made = Dataset()
    for keyword, value in values.items():
        setattr(made, keyword, value)
    return made


def code(value: str, scheme: str, meaning: str) -> list[Dataset]:
    """Return a sequence with this code."""
    return [item(CodeValue=value, CodingSchemeDesignator=scheme, CodeMeaning=meaning)]


def image(sop_class: str, modality: str, **values: Any) -> Dataset:
    """Return an image of 16 × 16 pixels with these attributes."""
    made = pydicom.dcmread(io.BytesIO(StudyMaker(modality=modality, rows=16).instance()))
    made.SOPClassUID = sop_class
    for keyword, value in values.items():
        setattr(made, keyword, value)
    return made


def plain(sop_class: str, modality: str, **values: Any) -> Dataset:
    """Return an object without pixels."""
    made = image(sop_class, modality, **values)
    for keyword in ("PixelData", "Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation"):
        delattr(made, keyword)
    return made


def moment(day: str, time: str) -> datetime:
    """Return the time of a DA and a TM, or of a DT and nothing."""
    text = (str(day) + str(time)).split("+")[0]
    return datetime.strptime(text.partition(".")[0][:14].ljust(14, "0"), "%Y%m%d%H%M%S") + timedelta(
        seconds=float("0." + (text.partition(".")[2] or "0"))
    )


# --- PET -------------------------------------------------------------------------------------------------------------


def _pet(**values: Any) -> Dataset:
    tracer = item(
        RadionuclideTotalDose="371850000",
        RadionuclideHalfLife="6586.2",
        RadiopharmaceuticalStartTime="094512.30",
        RadionuclidePositronFraction="0.967",
        RadionuclideCodeSequence=code("C-111A1", "SRT", "^18^Fluorine"),
    )
    return image(
        uid.PositronEmissionTomographyImageStorage,
        "PT",
        Units="BQML",
        DecayCorrection="START",
        CorrectedImage=["NORM", "DTIM", "ATTN", "DECY"],
        PatientWeight="81.5",
        PatientSize="1.83",
        SeriesTime="104501.00",
        AcquisitionTime="104811.00",
        SeriesDate="20240115",
        AcquisitionDate="20240115",
        RescaleSlope="3.90412",
        RescaleIntercept="0",
        DecayFactor="1.0231",
        FrameReferenceTime="190000",
        ActualFrameDuration="180000",
        RadiopharmaceuticalInformationSequence=[tracer],
        **values,
    )


def _suv(pet: Dataset) -> list[float]:
    """SUVbw of some pixels, as QIBA's pseudocode has it; and of lean body mass."""
    tracer = pet.RadiopharmaceuticalInformationSequence[0]
    begin = moment(pet.SeriesDate, pet.SeriesTime)
    if "RadiopharmaceuticalStartDateTime" in tracer:
        injected = moment(tracer.RadiopharmaceuticalStartDateTime, "")
    else:
        injected = moment(pet.SeriesDate, tracer.RadiopharmaceuticalStartTime)
    decayed = float(tracer.RadionuclideTotalDose)
    if pet.DecayCorrection == "START":
        decayed *= 2 ** (-(begin - injected).total_seconds() / float(tracer.RadionuclideHalfLife))
    pixels = pet.pixel_array[:4, 0] * float(pet.RescaleSlope) + float(pet.RescaleIntercept)
    factor = float(pet.PatientWeight) * 1000 / decayed
    return [*(pixels * factor), float(pet.PatientSize), float(pet.DecayFactor), float(pet.FrameReferenceTime)]


def _pet_after_midnight() -> Dataset:
    pet = _pet()
    pet.SeriesDate = pet.AcquisitionDate = "20240301"
    pet.SeriesTime = "001500"
    pet.RadiopharmaceuticalInformationSequence[0].RadiopharmaceuticalStartDateTime = "20240229231000.500000"
    return pet


def _pet_of_philips() -> Dataset:
    pet = _pet()
    pet.Units, pet.Manufacturer = "CNTS", "Philips Medical Systems"
    block = pet.private_block(0x7053, "Philips PET Private Group", create=True)
    block.add_new(0x00, "DS", "0.000412345")
    block.add_new(0x09, "DS", "1.7312")
    return pet


def _suv_of_philips(pet: Dataset) -> list[float]:
    block = pet.private_block(0x7053, "Philips PET Private Group")
    return [float(block[0x00].value) * float(pet.RescaleSlope), float(block[0x09].value)]


def _pet_of_ge() -> Dataset:
    pet = _pet()
    pet.Manufacturer = "GE MEDICAL SYSTEMS"
    block = pet.private_block(0x0009, "GEMS_PETD_01", create=True)
    block.add_new(0x0D, "DT", "20240115104501.00")
    block.add_new(0x3B, "DT", "20240115094512.00")
    block.add_new(0x38, "FL", 371.85)
    return pet


def _suv_of_ge(pet: Dataset) -> list[float]:
    block = pet.private_block(0x0009, "GEMS_PETD_01")
    seconds = (moment(block[0x0D].value, "") - moment(block[0x3B].value, "")).total_seconds()
    same_day = (moment(block[0x0D].value, "") - moment(pet.SeriesDate, pet.SeriesTime)).total_seconds()
    return [seconds, same_day, float(block[0x38].value)]


# --- MR and CT -------------------------------------------------------------------------------------------------------


def _dynamic() -> Dataset:
    """The third volume of a series with contrast: timed by its AcquisitionTime and by the injection."""
    return image(
        uid.MRImageStorage,
        "MR",
        AcquisitionTime="101523.250000",
        AcquisitionDate="20240115",
        ContentTime="101530",
        AcquisitionNumber=3,
        TemporalPositionIdentifier=3,
        NumberOfTemporalPositions=40,
        TemporalResolution="4250",
        TriggerTime="8500.5",
        ContrastBolusStartTime="101512.10",
        ContrastBolusTotalDose="7.5",
        ContrastFlowRate="2.5",
        FlipAngle="12",
        RepetitionTime="3.91",
        EchoTime="1.42",
    )


def _timing(mr: Dataset) -> list[float]:
    since = moment(mr.AcquisitionDate, mr.AcquisitionTime) - moment(mr.AcquisitionDate, mr.ContrastBolusStartTime)
    return [
        since.total_seconds(),
        float(mr.TriggerTime),
        float(mr.TemporalResolution) * mr.TemporalPositionIdentifier,
        mr.NumberOfTemporalPositions,
        float(mr.ContrastBolusTotalDose) / float(mr.ContrastFlowRate),
    ]


def _frames() -> Dataset:
    """An enhanced MR: two slices at two times, b-values with directions, cardiac phases."""
    groups = []
    for number in range(4):
        time, slice_ = divmod(number, 2)
        groups.append(
            item(
                FrameContentSequence=[
                    item(
                        FrameAcquisitionDateTime=f"202401151015{time * 4:02}.25{slice_}",
                        FrameReferenceDateTime=f"202401151015{time * 4:02}.75{slice_}",
                        FrameAcquisitionDuration=812.5,
                        StackID="1",
                        InStackPositionNumber=slice_ + 1,
                        TemporalPositionIndex=time + 1,
                        DimensionIndexValues=[1, slice_ + 1, time + 1],
                        TemporalPositionTimeOffset=4.0 * time,
                    )
                ],
                PlanePositionSequence=[item(ImagePositionPatient=["-12.5", "3.25", str(7.5 * slice_)])],
                MRDiffusionSequence=[
                    item(
                        DiffusionBValue=1000.0 * time,
                        DiffusionDirectionality="DIRECTIONAL",
                        DiffusionGradientDirectionSequence=[item(DiffusionGradientOrientation=[0.6, 0.8, 0.0])],
                    )
                ],
                CardiacSynchronizationSequence=[
                    item(NominalCardiacTriggerDelayTime=41.5 * time, RRIntervalTimeNominal=912.0)
                ],
            )
        )
    made = image(uid.EnhancedMRImageStorage, "MR", NumberOfFrames=4, PerFrameFunctionalGroupsSequence=groups)
    made.SharedFunctionalGroupsSequence = [
        item(
            PixelMeasuresSequence=[item(PixelSpacing=["0.9", "0.9"], SliceThickness="2", SpacingBetweenSlices="2.2")],
            PlaneOrientationSequence=[item(ImageOrientationPatient=["1", "0", "0", "0", "0", "-1"])],
            PixelValueTransformationSequence=[item(RescaleSlope="1.28", RescaleIntercept="-4", RescaleType="US")],
        )
    ]
    made.PixelData = made.PixelData * 4
    return made


def _order(mr: Dataset) -> list[float]:
    """Apparent diffusion per pixel, the order of slices along the normal, and when each frame was taken."""
    groups, shared = mr.PerFrameFunctionalGroupsSequence, mr.SharedFunctionalGroupsSequence[0]
    row, column = np.split(np.array(shared.PlaneOrientationSequence[0].ImageOrientationPatient, float), 2)
    normal = np.cross(row, column)
    found: list[float] = []
    begin = moment(groups[0].FrameContentSequence[0].FrameAcquisitionDateTime, "")
    for group in groups:
        content = group.FrameContentSequence[0]
        found += [
            float(normal @ np.array(group.PlanePositionSequence[0].ImagePositionPatient, float)),
            (moment(content.FrameAcquisitionDateTime, "") - begin).total_seconds(),
            (moment(content.FrameReferenceDateTime, "") - begin).total_seconds(),
            content.FrameAcquisitionDuration,
            content.TemporalPositionTimeOffset,
            group.MRDiffusionSequence[0].DiffusionBValue,
            group.CardiacSynchronizationSequence[0].NominalCardiacTriggerDelayTime,
            *content.DimensionIndexValues,
        ]
    slope = float(shared.PixelValueTransformationSequence[0].RescaleSlope)
    frames = mr.pixel_array.astype(float) * slope + 5000
    return found + list(np.log(frames[0] / frames[2])[0, :4] / 1000)


def _respiration() -> Dataset:
    return image(
        uid.CTImageStorage,
        "CT",
        RescaleSlope="1",
        RescaleIntercept="-1024",
        RescaleType="HU",
        TemporalPositionIdentifier=4,
        NumberOfTemporalPositions=10,
        NominalPercentageOfRespiratoryPhase=30.0,
        KVP="120",
        XRayTubeCurrent="212",
        ExposureTime="500",
        CTDIvol=12.31,
        SpiralPitchFactor=0.9,
        ReconstructionDiameter="320",
        ConvolutionKernel=["Br40d", "3"],
        DataCollectionCenterPatient=[0.0, -121.5, 33.0],
    )


def _texture(ct: Dataset) -> list[Any]:
    """First-order features of HU, and what a model of dose takes."""
    hu = ct.pixel_array * float(ct.RescaleSlope) + float(ct.RescaleIntercept)
    values, counts = np.unique((hu // 25).astype(int), return_counts=True)
    share = counts / counts.sum()
    return [
        float(hu.mean()),
        float(hu.std()),
        float(-(share * np.log2(share)).sum()),
        int(values[0]),
        ct.RescaleType,
        float(ct.NominalPercentageOfRespiratoryPhase),
        ct.CTDIvol / ct.SpiralPitchFactor,
        float(ct.XRayTubeCurrent) * float(ct.ExposureTime) / 1000,
        *ct.ConvolutionKernel,
        *ct.DataCollectionCenterPatient,
    ]


# --- X-ray, ultrasound -----------------------------------------------------------------------------------------------


def _breast() -> Dataset:
    return image(
        uid.DigitalMammographyXRayImageStorageForPresentation,
        "MG",
        ImagerPixelSpacing=["0.085", "0.085"],
        EstimatedRadiographicMagnificationFactor="1.05",
        DistanceSourceToDetector="660",
        DistanceSourceToPatient="640",
        BodyPartThickness="53",
        CompressionForce="118",
        OrganDose="0.0121",
        EntranceDoseInmGy="6.1",
        AnodeTargetMaterial="TUNGSTEN",
        FilterMaterial="RHODIUM",
        ViewPosition="MLO",
        ImageLaterality="L",
        PositionerPrimaryAngle="-45",
        BreastImplantPresent="NO",
        ViewCodeSequence=code("399368009", "SCT", "medio-lateral oblique"),
        RelativeXRayExposure=412,
        ExposureInuAs=90200,
    )


def _size(mg: Dataset) -> list[Any]:
    pixel = float(mg.ImagerPixelSpacing[0]) / float(mg.EstimatedRadiographicMagnificationFactor)
    magnified = float(mg.DistanceSourceToDetector) / float(mg.DistanceSourceToPatient)
    return [
        pixel, magnified, float(mg.BodyPartThickness), float(mg.OrganDose), mg.AnodeTargetMaterial, mg.FilterMaterial,
        mg.ViewPosition, mg.ImageLaterality, mg.ViewCodeSequence[0].CodeValue, int(mg.ExposureInuAs),
    ]  # fmt: skip


def _doppler() -> Dataset:
    regions = [
        item(
            RegionSpatialFormat=1, RegionDataType=1, RegionFlags=2, RegionLocationMinX0=0, RegionLocationMinY0=0,
            RegionLocationMaxX1=15, RegionLocationMaxY1=7, PhysicalUnitsXDirection=3, PhysicalUnitsYDirection=3,
            PhysicalDeltaX=0.00616, PhysicalDeltaY=0.00616, ReferencePixelX0=0, ReferencePixelY0=0,
            TransducerFrequency=3500,
        ),
        item(
            RegionSpatialFormat=3, RegionDataType=3, RegionFlags=0, RegionLocationMinX0=0, RegionLocationMinY0=8,
            RegionLocationMaxX1=15, RegionLocationMaxY1=15, PhysicalUnitsXDirection=4, PhysicalUnitsYDirection=7,
            PhysicalDeltaX=0.0041, PhysicalDeltaY=-1.28, ReferencePixelX0=0, ReferencePixelY0=4,
            ReferencePixelPhysicalValueX=0.25, ReferencePixelPhysicalValueY=-12.5, DopplerCorrectionAngle=60.0,
            PulseRepetitionFrequency=4500, DopplerSampleVolumeXPosition=7, DopplerSampleVolumeYPosition=3,
        ),
    ]  # fmt: skip
    return image(
        uid.UltrasoundImageStorage,
        "US",
        SequenceOfUltrasoundRegions=regions,
        HeartRate="71",
        FrameTime="33.4",
        StageNumber=2,
        StageName="PEAK STRESS",
        ViewName="A4C",
    )


def _velocity(us: Dataset) -> list[Any]:
    image_, spectrum = us.SequenceOfUltrasoundRegions
    at = spectrum.ReferencePixelPhysicalValueY + (3 - spectrum.ReferencePixelY0) * spectrum.PhysicalDeltaY
    return [
        at / np.cos(np.radians(spectrum.DopplerCorrectionAngle)),
        10 * image_.PhysicalDeltaX,
        spectrum.ReferencePixelPhysicalValueX,
        spectrum.PulseRepetitionFrequency,
        image_.TransducerFrequency,
        us.StageName,
        us.ViewName,
        float(us.HeartRate),
    ]


def _angiography() -> Dataset:
    return image(
        uid.XRayAngiographicImageStorage,
        "XA",
        NumberOfFrames=1,
        FrameTimeVector=["0"],
        FrameIncrementPointer=0x00181065,
        PixelSpacing=["0.21", "0.21"],
        PixelSpacingCalibrationType="FIDUCIAL",
        ImagerPixelSpacing=["0.308", "0.308"],
        EstimatedRadiographicMagnificationFactor="1.4667",
        DistanceSourceToDetector="1050",
        DistanceSourceToPatient="716",
        PositionerPrimaryAngle="-30.2",
        PositionerSecondaryAngle="12.7",
        PositionerMotion="STATIC",
        CineRate="15",
        ImageAndFluoroscopyAreaDoseProduct="8.13",
        MaskSubtractionSequence=[item(MaskOperation="AVG_SUB", MaskFrameNumbers=1, MaskSubPixelShift=[0.5, -0.25])],
    )


def _vessel(xa: Dataset) -> list[Any]:
    factor = float(xa.DistanceSourceToDetector) / float(xa.DistanceSourceToPatient)
    mask = xa.MaskSubtractionSequence[0]
    return [
        factor, float(xa.ImagerPixelSpacing[0]) / factor, float(xa.PixelSpacing[1]), xa.PixelSpacingCalibrationType,
        float(xa.PositionerPrimaryAngle), float(xa.PositionerSecondaryAngle), mask.MaskOperation,
        *mask.MaskSubPixelShift, float(xa.ImageAndFluoroscopyAreaDoseProduct),
    ]  # fmt: skip


# --- radiotherapy ----------------------------------------------------------------------------------------------------


def _dose() -> Dataset:
    dvh = item(
        DVHType="CUMULATIVE", DoseUnits="GY", DoseType="PHYSICAL", DVHDoseScaling="1.02", DVHVolumeUnits="CM3",
        DVHNumberOfBins=3, DVHData=["0.5", "100", "0.5", "61.3", "0.5", "7.25"], DVHMinimumDose="0.1",
        DVHMaximumDose="61.2", DVHMeanDose="31.7",
        DVHReferencedROISequence=[item(ReferencedROINumber=4, DVHROIContributionType="INCLUDED")],
    )  # fmt: skip
    return image(
        uid.RTDoseStorage,
        "RTDOSE",
        DoseUnits="GY",
        DoseType="PHYSICAL",
        DoseSummationType="PLAN",
        DoseGridScaling="3.0517578125e-05",
        GridFrameOffsetVector=["0"],
        TissueHeterogeneityCorrection=["ROI_OVERRIDE", "IMAGE"],
        DVHSequence=[dvh],
    )


def _histogram(rt: Dataset) -> list[Any]:
    dose = rt.pixel_array * float(rt.DoseGridScaling)
    dvh = rt.DVHSequence[0]
    widths, volumes = np.array(dvh.DVHData, float).reshape(-1, 2).T
    return [
        float(np.percentile(dose, 95)), float(dose.max()), list(np.cumsum(widths) * float(dvh.DVHDoseScaling)),
        list(volumes), float(dvh.DVHMeanDose), dvh.DVHReferencedROISequence[0].ReferencedROINumber,
        rt.DoseSummationType, list(rt.TissueHeterogeneityCorrection),
    ]  # fmt: skip


def _plan() -> Dataset:
    points = [
        item(
            ControlPointIndex=number, NominalBeamEnergy="6", DoseRateSet="600", GantryAngle=str(181 + 89 * number),
            GantryRotationDirection="CW", BeamLimitingDeviceAngle="30", PatientSupportAngle="0",
            IsocenterPosition=["1.5", "-20", "33.25"], CumulativeMetersetWeight=str(number / 2),
            BeamLimitingDevicePositionSequence=[
                item(RTBeamLimitingDeviceType="MLCX", LeafJawPositions=["-12.5", "-3.0", "4.25", "18.0"])
            ],
        )
        for number in range(3)
    ]  # fmt: skip
    beam = item(
        BeamNumber=1, BeamName="Arc 1", BeamType="DYNAMIC", RadiationType="PHOTON", TreatmentDeliveryType="TREATMENT",
        SourceAxisDistance="1000", NumberOfControlPoints=3, FinalCumulativeMetersetWeight="1",
        PrimaryDosimeterUnit="MU", ControlPointSequence=points,
    )  # fmt: skip
    fractions = item(
        FractionGroupNumber=1, NumberOfFractionsPlanned=30, NumberOfBeams=1,
        ReferencedBeamSequence=[
            item(ReferencedBeamNumber=1, BeamMeterset="231.4", BeamDose="2", BeamDoseSpecificationPoint=["1", "2", "3"])
        ],
    )  # fmt: skip
    prescription = item(
        DoseReferenceNumber=1,
        DoseReferenceStructureType="SITE",
        DoseReferenceType="TARGET",
        TargetPrescriptionDose="60",
    )
    return plain(
        uid.RTPlanStorage,
        "RTPLAN",
        RTPlanGeometry="PATIENT",
        BeamSequence=[beam],
        FractionGroupSequence=[fractions],
        DoseReferenceSequence=[prescription],
    )


def _metersets(rt: Dataset) -> list[Any]:
    beam, group = rt.BeamSequence[0], rt.FractionGroupSequence[0]
    units = float(group.ReferencedBeamSequence[0].BeamMeterset)
    found: list[Any] = [group.NumberOfFractionsPlanned, float(rt.DoseReferenceSequence[0].TargetPrescriptionDose)]
    for point in beam.ControlPointSequence:
        found += [
            units * float(point.CumulativeMetersetWeight), float(point.GantryAngle),
            *map(float, point.IsocenterPosition),
            *map(float, point.BeamLimitingDevicePositionSequence[0].LeafJawPositions), point.GantryRotationDirection,
        ]  # fmt: skip
    return [*found, beam.PrimaryDosimeterUnit, beam.RadiationType]


# --- derived objects -------------------------------------------------------------------------------------------------


def _map() -> Dataset:
    mapping = item(
        RealWorldValueFirstValueMapped=0, RealWorldValueLastValueMapped=4095, RealWorldValueIntercept=-2.5,
        RealWorldValueSlope=0.0125, LUTLabel="ADC", LUTExplanation="Apparent Diffusion Coefficient",
        MeasurementUnitsCodeSequence=code("um2/s", "UCUM", "um2/s"),
        QuantityDefinitionSequence=[
            item(
                ValueType="CODE", ConceptNameCodeSequence=code("246205007", "SCT", "Quantity"),
                ConceptCodeSequence=code("113041", "DCM", "Apparent Diffusion Coefficient"),
            )
        ],
    )  # fmt: skip
    return image(uid.ParametricMapStorage, "MR", NumberOfFrames=1, RealWorldValueMappingSequence=[mapping])


def _quantity(map_: Dataset) -> list[Any]:
    mapping = map_.RealWorldValueMappingSequence[0]
    values = map_.pixel_array[0, :4] * mapping.RealWorldValueSlope + mapping.RealWorldValueIntercept
    quantity = mapping.QuantityDefinitionSequence[0]
    return [
        *values,
        mapping.MeasurementUnitsCodeSequence[0].CodeValue,
        quantity.ConceptCodeSequence[0].CodeValue,
        quantity.ConceptCodeSequence[0].CodeMeaning,
        mapping.RealWorldValueLastValueMapped,
    ]


def _report() -> Dataset:
    """Measurements of a lesion: volume with unit, method, finding, site, and which lesion it is."""
    number = item(
        RelationshipType="CONTAINS", ValueType="NUM",
        ConceptNameCodeSequence=code("118565006", "SCT", "Volume"),
        MeasuredValueSequence=[
            item(
                NumericValue="4711.5", FloatingPointValue=4711.5,
                MeasurementUnitsCodeSequence=code("mm3", "UCUM", "mm3"),
            )
        ],
        ContentSequence=[
            item(
                RelationshipType="HAS CONCEPT MOD", ValueType="CODE",
                ConceptNameCodeSequence=code("370129005", "SCT", "Measurement Method"),
                ConceptCodeSequence=code("126030", "DCM", "Sum of segmented voxel volumes"),
            )
        ],
    )  # fmt: skip
    group = item(
        RelationshipType="CONTAINS", ValueType="CONTAINER", ContinuityOfContent="SEPARATE",
        ConceptNameCodeSequence=code("125007", "DCM", "Measurement Group"),
        ContentSequence=[
            item(
                RelationshipType="HAS OBS CONTEXT", ValueType="TEXT", TextValue="Lesion 1",
                ConceptNameCodeSequence=code("112039", "DCM", "Tracking Identifier"),
            ),
            item(
                RelationshipType="CONTAINS", ValueType="CODE",
                ConceptNameCodeSequence=code("121071", "DCM", "Finding"),
                ConceptCodeSequence=code("108369006", "SCT", "Neoplasm"),
            ),
            item(
                RelationshipType="CONTAINS", ValueType="SCOORD", GraphicType="POLYLINE",
                GraphicData=[1.5, 2.5, 11.25, 2.5, 11.25, 9.0],
                ConceptNameCodeSequence=code("111030", "DCM", "Image Region"),
            ),
            number,
        ],
    )  # fmt: skip
    return plain(
        uid.ComprehensiveSRStorage,
        "SR",
        ValueType="CONTAINER",
        ContinuityOfContent="SEPARATE",
        ConceptNameCodeSequence=code("126000", "DCM", "Imaging Measurement Report"),
        ContentSequence=[group],
    )


def _values(report: Dataset) -> list[Any]:
    finding, region, number = report.ContentSequence[0].ContentSequence[1:]
    measured = number.MeasuredValueSequence[0]
    x, y = np.array(region.GraphicData).reshape(-1, 2).T
    return [
        float(measured.NumericValue),
        measured.FloatingPointValue,
        measured.MeasurementUnitsCodeSequence[0].CodeValue,
        number.ConceptNameCodeSequence[0].CodeMeaning,
        number.ContentSequence[0].ConceptCodeSequence[0].CodeMeaning,
        finding.ConceptCodeSequence[0].CodeMeaning,
        float(np.hypot(np.diff(x), np.diff(y)).sum()),
    ]


def _electrocardiogram() -> Dataset:
    channels = [
        item(
            ChannelSourceSequence=code(f"2:{number + 1}", "MDC", f"Lead {'I' * (number + 1)}"),
            ChannelSensitivity="4.88", ChannelSensitivityCorrectionFactor="1.02", ChannelBaseline="-12",
            ChannelSensitivityUnitsSequence=code("uV", "UCUM", "microvolt"), ChannelSampleSkew="0",
            WaveformBitsStored=16, FilterLowFrequency="0.05", FilterHighFrequency="150",
        )
        for number in range(2)
    ]  # fmt: skip
    samples = (np.sin(np.arange(200) / 5) * 900).astype("<i2")
    group = item(
        MultiplexGroupTimeOffset="0", WaveformOriginality="ORIGINAL", NumberOfWaveformChannels=2,
        NumberOfWaveformSamples=100, SamplingFrequency="500", ChannelDefinitionSequence=channels,
        WaveformBitsAllocated=16, WaveformSampleInterpretation="SS",
    )  # fmt: skip
    group.add_new(0x54001010, "OW", samples.tobytes())
    interval = item(
        AnnotationGroupNumber=0, ReferencedWaveformChannels=[1, 0], NumericValue="412",
        ConceptNameCodeSequence=code("5.10.2.5-5", "SCPECG", "QT Interval"),
        MeasurementUnitsCodeSequence=code("ms", "UCUM", "millisecond"),
    )  # fmt: skip
    return plain(
        uid.TwelveLeadECGWaveformStorage, "ECG", WaveformSequence=[group], WaveformAnnotationSequence=[interval]
    )


def _volts(ecg: Dataset) -> list[Any]:
    group = ecg.WaveformSequence[0]
    channel = group.ChannelDefinitionSequence[1]
    samples = np.frombuffer(group.WaveformData, "<i2").reshape(-1, 2)[:, 1]
    factor = float(channel.ChannelSensitivity) * float(channel.ChannelSensitivityCorrectionFactor)
    volts = samples * factor + float(channel.ChannelBaseline)
    annotated = ecg.WaveformAnnotationSequence[0]
    return [
        float(volts.max()), float(np.abs(np.fft.rfft(volts)).argmax() * float(group.SamplingFrequency) / len(volts)),
        channel.ChannelSourceSequence[0].CodeMeaning, channel.ChannelSensitivityUnitsSequence[0].CodeValue,
        float(annotated.NumericValue), annotated.ConceptNameCodeSequence[0].CodeMeaning,
        annotated.MeasurementUnitsCodeSequence[0].CodeValue, float(channel.FilterHighFrequency),
    ]  # fmt: skip


def _slide() -> Dataset:
    made = image(
        uid.VLWholeSlideMicroscopyImageStorage,
        "SM",
        ImageType=["ORIGINAL", "PRIMARY", "VOLUME", "NONE"],
        NumberOfFrames=1,
        TotalPixelMatrixColumns=81920,
        TotalPixelMatrixRows=61440,
        ImagedVolumeWidth=20.48,
        ImagedVolumeHeight=15.36,
        ImagedVolumeDepth=1.0,
        TotalPixelMatrixOriginSequence=[
            item(XOffsetInSlideCoordinateSystem="12.5", YOffsetInSlideCoordinateSystem="41.25")
        ],
        ImageOrientationSlide=["0", "-1", "0", "-1", "0", "0"],
        SpecimenLabelInImage="NO",
        BurnedInAnnotation="NO",
        ExtendedDepthOfField="NO",
        FocusMethod="AUTO",
    )
    made.OpticalPathSequence = [
        item(
            OpticalPathIdentifier="1", ObjectiveLensPower="40", ObjectiveLensNumericalAperture="0.75",
            IlluminationWaveLength=488.5,
            IlluminationTypeCodeSequence=code("111741", "DCM", "Transmission illumination"),
        )
    ]  # fmt: skip
    made.SharedFunctionalGroupsSequence = [item(PixelMeasuresSequence=[item(PixelSpacing=["0.00025", "0.00025"])])]
    made.PerFrameFunctionalGroupsSequence = [
        item(
            PlanePositionSlideSequence=[
                item(
                    ColumnPositionInTotalImagePixelMatrix=512, RowPositionInTotalImagePixelMatrix=1024,
                    XOffsetInSlideCoordinateSystem="12.3", YOffsetInSlideCoordinateSystem="41.1",
                    ZOffsetInSlideCoordinateSystem="0.004",
                )
            ],
            OpticalPathIdentificationSequence=[item(OpticalPathIdentifier="1")],
        )
    ]  # fmt: skip
    return made


def _place(slide: Dataset) -> list[Any]:
    spacing = float(slide.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0].PixelSpacing[0])
    group, path = slide.PerFrameFunctionalGroupsSequence[0], slide.OpticalPathSequence[0]
    place = group.PlanePositionSlideSequence[0]
    origin = slide.TotalPixelMatrixOriginSequence[0]
    return [
        slide.TotalPixelMatrixColumns * spacing - slide.ImagedVolumeWidth,
        float(origin.XOffsetInSlideCoordinateSystem) + place.ColumnPositionInTotalImagePixelMatrix * spacing,
        float(place.ZOffsetInSlideCoordinateSystem), path.IlluminationWaveLength, float(path.ObjectiveLensPower),
        float(path.ObjectiveLensNumericalAperture), path.IlluminationTypeCodeSequence[0].CodeMeaning,
        group.OpticalPathIdentificationSequence[0].OpticalPathIdentifier == path.OpticalPathIdentifier,
    ]  # fmt: skip


_CASES: dict[str, tuple[Callable[[], Dataset], Callable[[Dataset], list[Any]]]] = {
    "SUV": (_pet, _suv),
    "SUV, injected before midnight": (_pet_after_midnight, _suv),
    "SUV of Philips": (_pet_of_philips, _suv_of_philips),
    "SUV of GE": (_pet_of_ge, _suv_of_ge),
    "uptake of contrast": (_dynamic, _timing),
    "frames, diffusion, phases": (_frames, _order),
    "texture, 4D CT": (_respiration, _texture),
    "mammogram": (_breast, _size),
    "velocity by Doppler": (_doppler, _velocity),
    "diameter of a vessel": (_angiography, _vessel),
    "dose and its histogram": (_dose, _histogram),
    "plan": (_plan, _metersets),
    "parametric map": (_map, _quantity),
    "report": (_report, _values),
    "electrocardiogram": (_electrocardiogram, _volts),
    "slide": (_slide, _place),
}


def _read(content: bytes) -> Dataset:
    return pydicom.dcmread(io.BytesIO(content))


@pytest.mark.parametrize("dates", _PLANS)
@pytest.mark.parametrize("case", _CASES)
def test_research_measures_the_same(case: str, dates: str) -> None:
    make, measure = _CASES[case]
    before = written(make())
    outcome = released(before, _PLANS[dates])
    assert measure(_read(b"".join(outcome.chunks))) == measure(_read(before))
    assert outcome.receipt.lost_meaning == ()


@pytest.mark.parametrize("case", _CASES)
def test_the_basic_profile_says_what_cannot_be_measured_any_more(case: str) -> None:
    make, measure = _CASES[case]
    before = written(make())
    outcome = released(before, _BASIC)
    try:
        same = measure(_read(b"".join(outcome.chunks))) == measure(_read(before))
    except (AttributeError, KeyError, TypeError, ValueError):
        same = False
    assert same or outcome.receipt.lost_meaning


def test_intervals_between_studies_stay() -> None:
    """Of one patient, though all days move; the age at each study stays."""
    days = []
    for day in ("20200228", "20200301", "20240229"):
        made = image(uid.CTImageStorage, "CT", StudyDate=day, SeriesDate=day, PatientAge="062Y")
        out = _read(b"".join(released(written(made), _PLANS["moved"]).chunks))
        assert out.PatientAge == "062Y"
        days.append(moment(out.StudyDate, "0"))
    assert [(other - one).days for one, other in pairwise(days)] == [2, 1460]
    assert days[0].strftime("%Y%m%d") != "20200228"
