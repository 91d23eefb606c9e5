"""Texts in forms that only devices and programs write stay in their attributes; names, numbers and days go."""

from __future__ import annotations

import pytest

from sendit.config.schema import Option
from sendit.deidentify import compile_plan
from tests.unit.deidentify.samples import dataset, file_of, output

_RESEARCH = compile_plan([Option.CLEAN_DESCRIPTORS, Option.RETAIN_PATIENT_CHARACTERISTICS], [])


def _left(keyword: str, value: str, **others: str) -> str:
    whole = dataset()
    whole.SpecificCharacterSet = "ISO_IR 192"
    for name, text in ({keyword: value} | others).items():
        setattr(whole, name, text)
    return str(output(file_of(whole), _RESEARCH).get(keyword, ""))


@pytest.mark.parametrize(
    "version",
    [
        "5.8.613.4402", "4.4.613", "XB42A-SP02", "VB38A_03_P07", "A.08.03", "V2.61*R007*P003*B", "fm08_xr.14",
        "release:15.0_M3B_0917.c", "uXPR_V08_R004", "LightSpeedApps307.J_H2.2M4", "BX4.1.7350", "QX-450.2.7",
        "4.06.017.0000", "11.0.2.13B-XTK", "1.4.0+cu121", "Sphere 4.1 SP17", "HEVYX 3.1.4", "DentaView 2.7.5",
        "3.4.1 r41207", "Slicer-4.13.20220315", "7.12.2.3 (Build 40713)", "R5.2V2L4",
        "freesurfer-linux-centos8_x86_64-7.2.0", "DFX-7000C V8.4", "wsi4dcm 2.0.1", "2.4.0.dev20220314",
        "XB47A_03P02", "5VD17A", "dcmtool v1.3.7-22-g7ab4c1d", "V11.0(0002-B07)", "V2.1.0.14-202203", "R002.1.4.417022",
        "VB30A_SP03_2207", "NM_4.01.2_b07", "RayStation 10.1.2.33", "XLARED-2.41.3", "7d1ab3c",
        "QX12_4.1.7.17002", "R6.1.2-L3P2",
    ],
)  # fmt: skip
def test_versions_stay(version: str) -> None:
    """As consoles, programs and revision controls number them."""
    assert _left("SoftwareVersions", version) == version


@pytest.mark.parametrize(
    ("version", "gone"),
    [
        ("14.05.1961", "1961"), ("3.4.1961", "1961"), ("12.34.567", "567"), ("14.36.582", "582"),
        ("756.1234.5678.97", "5678"), ("Kowalska 3.1.2", "Kowalska"), ("syngo MR E11 Kowalska", "Kowalska"),
        ("Gavalierova 2.0.1", "Gavalierova"), ("LJMC_1.0", "LJMC"), ("VE11C 10.44.7.19", "44.7"),
        ("14.03.61", "61"), ("02.47.11.88.20", "47"), ("A.14.03.61", "61"), ("km14_03_61", "61"),
        ("61.03.14.4711", "4711"), ("1.2.3.610314", "610314"), ("3.1.2 r610314", "610314"), ("3.1.2 4711e88", "4711"),
        ("3.1.2 ada1961", "1961"), ("3.1.2 KM-4711", "4711"), ("Serviced 14.03.61", "61"),
        ("E4711 5.2.1", "4711"), ("3.1.2 AB12345", "12345"), ("3.1.2 4F7A9C21", "4F7A9C21"), ("0CTP5V", "0CTP5V"),
        ("3.12.61", "61"), ("31.12.61", "61"), ("v61.0314", "0314"), ("61.0314", "0314"), ("4/7/61", "61"),
        ("Kowalska-2.41.3", "Kowalska"), ("ADA1 10.44.7.19", "44.7"), ("REF:81.60.36-217.93", "60"),
        ("CHEST FOR QKL:204105", "204105"), ("10 200812 S 197", "200812"), ("206906", "206906"),
    ],
)  # fmt: skip
def test_what_is_no_version_goes(version: str, gone: str) -> None:
    """Days, numbers of persons, names, hospitals, addresses."""
    assert gone not in _left("SoftwareVersions", version)


def test_an_identifier_of_the_file_is_no_version() -> None:
    """Whatever its form."""
    assert "4402" not in _left("SoftwareVersions", "5.8.613.4402", PatientID="4402")
    assert "DFX-7000" not in _left("ManufacturerModelName", "DFX-7000C", PatientID="DFX-7000C")


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("ManufacturerModelName", "QRT-1604"), ("ManufacturerModelName", "TSX-402C/1"),
        ("ManufacturerModelName", "MRT300SP4"), ("ManufacturerModelName", "Innova 3100IQ"),
        ("ManufacturerModelName", "Integris H3000F"), ("ManufacturerModelName", "Simulix"),
        ("TransducerData", "i12LX6"), ("TransducerData", "ACUSON 12L4SP"), ("TransducerData", "L11-4 45 mm"),
        ("ReceiveCoilName", "22HNA+36HP"), ("ReceiveCoilName", "CTLTOP123"), ("TransmitCoilName", "QUADKNEE"),
        ("SequenceName", "FE3D4_fc"), ("SequenceName", "*B1map3d1"), ("SequenceName", "*fi2d1_ns_mt"),
        ("ConvolutionKernel", "YE"), ("ConvolutionKernel", "B_SHARPIII"), ("ReconstructionMethod", "OSEM:i3s12"),
        ("ReconstructionMethod", "VSREM Q.Clear beta 300"), ("AcquisitionDeviceProcessingDescription", "GRADATION 3"),
        ("WedgeID", "W15R10"), ("WedgeID", "W60IN20"), ("AccessoryCode", "BLK TRAY 4"), ("AccessoryCode", "MLC80"),
        ("AccessoryCode", "EDW15IN"),
        ("ApplicatorID", "Fletcher"), ("ApplicatorID", "25X25 CONE"), ("BeamName", "Arco 3"), ("BeamName", "4 Feld"),
        ("BeamName", "9 MeV"), ("ROIName", "Auge re"), ("ROIName", "Rygmarv"), ("ROIName", "Goldmarker"),
        ("ROIName", "CTVn_R_5438"), ("ScanOptions", "DUAL_SCANO"),
        ("TransducerData", "L15-4/42"), ("TransducerData", "rC21x/6-2"), ("AccessoryCode", "CustomFFDA"),
        ("ApplicatorID", "VCyl 25mm"), ("ApplicatorID", "20 x 25"), ("WedgeID", "VW30"), ("RescaleType", "mgml"),
        ("DetectorDescription", "Pixium 4343FQE"), ("DetectorDescription", "Samsung S4343-Q"),
        ("SequenceName", "QRTFX"), ("ImageType", "QRTFX"), ("ViewName", "A4C Stress Pk"), ("BeamName", "RtTang_FiF"),
        ("ManufacturerModelName", "CADstream 4.2.1.517"),
    ],
)  # fmt: skip
def test_forms_of_attributes_stay(keyword: str, value: str) -> None:
    """Models, probes, coils, sequences, kernels, accessories, beams and structures."""
    assert _left(keyword, value) == value


@pytest.mark.parametrize(
    "agent", ["碘普罗胺", "Омнипак 300", "Ультравист", "イオヘキソール", "ガドビスト", "가도비스트", "欧乃派克"]
)
def test_agents_of_other_scripts_stay(agent: str) -> None:
    """They are known by the element or by their sounds."""
    assert _left("ContrastBolusAgent", agent) == agent


@pytest.mark.parametrize(
    ("keyword", "value", "gone"),
    [
        ("ContrastBolusAgent", "Ковальчук", "Ковальчук"), ("ContrastBolusAgent", "ヤマモト", "ヤマモト"),
        ("ManufacturerModelName", "MRN-1234", "1234"), ("ManufacturerModelName", "syngo MR E11 Andresen", "Andresen"),
        ("FilterType", "8279FFDD", "8279"), ("FilterType", "LEE 2", "LEE"), ("DetectorDescription", "3012KM", "3012"),
        ("AccessoryCode", "Kowalska", "Kowalska"), ("AccessoryCode", "MAI", "MAI"),
        ("AccessoryCode", "4711882", "4711"),
        ("ROIName", "Kowalska", "Kowalska"), ("BeamName", "Kowalska 2", "Kowalska"), ("ROIName", "PTV_4821", "4821"),
        ("SequenceName", "OLGA2D", "OLGA"), ("SequenceName", "FE3D_Olga", "Olga"),
        ("ReceiveCoilName", "12OLGA", "OLGA"), ("AcquisitionDeviceProcessingCode", "OLGA KOWA", "OLGA"),
        ("TransducerData", "OLGA-1961", "OLGA"), ("ManufacturerModelName", "OLGA-1961", "OLGA"),
        ("ManufacturerModelName", "KVNR-4711", "4711"),
        ("RTPlanLabel", "Tang", "Tang"), ("WedgeID", "E4711", "4711"), ("ReceiveCoilName", "K7Q2M", "K7Q2M"),
        ("TransducerData", "K4711", "4711"), ("TransducerData", "MRN05Q10", "05Q"),
        ("TransducerData", "9097ZN", "9097"), ("TransducerData", "28 920 346", "920"),
        ("AccessoryCode", "C 188", "188"),
        ("SequenceName", "4/7/61", "61"), ("ConvolutionKernel", "syngo Mar 1961", "1961"),
        ("ManufacturerModelName", "syngo Mar 1961", "1961"), ("ReceiveCoilName", "4. 7. 61", "61"),
        ("ROIName", "iso_1960", "1960"), ("SequenceName", "VMEHTA", "MEHTA"), ("ImageType", "DAFAAJ", "DAFAAJ"),
        ("ImageType", "ORIGINAL\\PRIMARY\\KOWALSKA", "KOWALSKA"), ("ViewName", "Kowalska", "Kowalska"),
    ],
)  # fmt: skip
def test_names_and_codes_go(keyword: str, value: str, gone: str) -> None:
    """From the same attributes."""
    assert gone not in _left(keyword, value)
