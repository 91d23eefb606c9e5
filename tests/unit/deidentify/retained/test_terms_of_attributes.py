"""Terms stay in the attribute that they are terms of, though people are called so; forms of devices stay as well."""

from __future__ import annotations

import pytest

from sendit.config.schema import Option
from sendit.deidentify import compile_plan
from sendit.deidentify.retained.whole_meanings import is_measurement
from tests.unit.deidentify.samples import dataset, file_of, output

_RESEARCH = compile_plan([Option.CLEAN_DESCRIPTORS, Option.RETAIN_PATIENT_CHARACTERISTICS], [])


def _left(keyword: str, value: str, **others: str) -> str:
    whole = dataset()
    for name, text in ({keyword: value} | others).items():
        setattr(whole, name, text)
    return str(output(file_of(whole), _RESEARCH).get(keyword, ""))


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("AttenuationCorrectionMethod", "Chang 0.11/cm"), ("ReconstructionMethod", "Feldkamp (FDK)"),
        ("AlgorithmName", "Levenberg-Marquardt T1 fit"), ("SegmentAlgorithmName", "Otsu + watershed"),
        ("FilterType", "Cardiac Small"), ("ViewName", "Waters"), ("ViewName", "Caldwell"),
        ("CollimatorGridName", "LEFB"),
        ("TransducerData", "PLT-1005BT"), ("AcquisitionDeviceProcessingCode", "GA1.0:GTE:GC1.6:GS-0.08"),
        ("DetectorDescription", "CXDI-702C Wireless CsI(Tl) 2800x3408"),
        ("DetectorDescription", "PerkinElmer a-Si XRD 1611 CsI"), ("LUTLabel", "Inverse Gray"), ("LUTLabel", "Rainbow"),
        ("DerivationDescription", "ANTs N4BiasFieldCorrection -d 3 -s 4"), ("AlgorithmVersion", "git:3f9ac01"),
        ("DerivationDescription", "Combined by GDCM gdcmconv 3.0.8"),
        ("DerivationDescription", "Converted by dcmconv"), ("StructureSetLabel", "BrainMets"),
        ("SpecimenShortDescription", "Papanicolaou"), ("SpecimenShortDescription", "Jones Silver"),
        ("CodingSchemeName", "Siemens CSA Private Codes"), ("DerivationDescription", "AIF deconvolution cSVD"),
        ("ScanOptions", "CAL_GEMS"), ("FilterMaterial", "TIN"), ("LUTExplanation", "HARDER"),
        ("AlgorithmVersion", "4.9.2_r45182"), ("AlgorithmVersion", "v1.7.0-beta+cu118"),
        ("ManufacturerModelName", "Ziehm Vision FD Vario 3D"),
        ("SoftwareVersions", "SW R10.2.1 (build 20190411.1533)"),
    ],
)  # fmt: skip
def test_terms_stay(keyword: str, value: str) -> None:
    """Whole, as they came."""
    assert _left(keyword, value) == value


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("SeriesDescription", "Chang 0.11/cm"), ("LUTLabel", "Chang"), ("ViewName", "Chang"),
        ("DerivationDescription", "segmented by Chang"), ("FilterType", "Mr Chang"),
        ("ReconstructionMethod", "Chang Kowalska"), ("AlgorithmName", "Kowalska, Chang"),
        ("SegmentDescription", "Chang"), ("DerivationDescription", "CHANG 2"),
    ],
)  # fmt: skip
def test_elsewhere_they_are_names(keyword: str, value: str) -> None:
    """In descriptions, in attributes of another kind, and behind what says who did something."""
    assert "Chang" not in _left(keyword, value)


def test_a_person_of_the_file_goes() -> None:
    """Also from the attribute that has such terms."""
    assert "Chang" not in _left("AttenuationCorrectionMethod", "Chang 0.11/cm", PatientName="Chang^Ann")
    assert "Waters" not in _left("ViewName", "Waters", OperatorsName="Waters^Jo")


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("DetectorDescription", "AK8831-0472"), ("DetectorDescription", "(M4336)"),
        ("DetectorDescription", "Quennes-4711"),
        ("TransducerData", "A00492817"),
        ("AcquisitionDeviceProcessingCode", "4471902"), ("ScanOptions", "TECH JMB"),
    ],
)  # fmt: skip
def test_numbers_and_initials_go(keyword: str, value: str) -> None:
    """Serial numbers, numbers of persons, and who was at the machine."""
    assert value not in _left(keyword, value)


@pytest.mark.parametrize(
    ("keyword", "code"),
    [
        ("AttenuationCorrectionMethod", "S5KAK5"),
        ("DetectorDescription", "(2315WL)"),
        ("DetectorDescription", "4029OR"),
        ("SegmentDescription", "ref:LI 39 96 74 A"),
    ],
)
def test_a_term_within_a_code_excuses_no_digits(keyword: str, code: str) -> None:
    """LI, KAK and the size of a detector may stand in somebody's number by chance."""
    before = dataset()
    setattr(before, keyword, code)
    after = output(file_of(before), compile_plan([Option.CLEAN_DESCRIPTORS], [])).get(keyword, "")
    assert not any(map(str.isdigit, after))


def test_the_name_of_a_measurement_has_few_digits() -> None:
    assert is_measurement("LVIDd")
    assert not is_measurement("HL 24 48 01 A")
