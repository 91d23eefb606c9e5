"""Words with digits in them: a term of the technique stays, what could be somebody's number goes, whole."""

from __future__ import annotations

import re

import pytest

from benchmarks.codes import OPTIONS, changed_phrases, leaks_of, phrases
from benchmarks.leaks.forms import FORMS
from sendit.deidentify import compile_plan
from sendit.deidentify.text.clean import PersonalData, TextCleaner
from sendit.deidentify.text.record_numbers import CUT, TextKind, without_record_numbers
from sendit.deidentify.text.vocabulary import is_term
from tests.unit.deidentify.samples import dataset, file_of, output, recipe, version_of

pytestmark = pytest.mark.long

CLEANER = TextCleaner(PersonalData(identifiers=frozenset({"79f1ee"})))

_CODES = [
    "A12B34C567", "4F7A9C21", "MRN12A34", "12-34A5", "DKH9321B", "K7Q2M", "7X2QK9", "CT-24-0917", "RAD2024001234",
    "E1234/19", "123-45-6789", "943 476 5919", "1 85 05 78 006 084 36", "010190-1234", "820510-0000", "S1234567D",
    "RSSMRA85T10A562S", "756.1234.5678.97", "GOMC740709HDFXXX05", "123.456.789-09", "12 345 678 9", "2B-7C-19",
    "00:1A:2B:3C:4D:5E", "550e8400-e29b-41d4-a716-446655440000", "AB_123_456", "QQ 12 34 56 C", "1EG4-TE5-MK73",
    "131052-308T", "85121212345", "9434765919", "S24-10382", "AB123C45", "12A4567", "STJ:004821", "4a9f21bc",
    # Those that look like names of sequences, of reconstructions, like lists of b-values.
    "T2R2D", "T1R4D", "3DT2-SE1-WB18", "2DT1-HW6-TL87", "FE1D84", "SE4D1M", "RE3D8Q", "65E62E", "75S52S", "13I79S",
    "40H65H", "WIP1968B", "400 550 3800", "US-24-4096", "CT-15-2048",
]  # fmt: skip


@pytest.mark.parametrize("code", _CODES)
@pytest.mark.parametrize("around", ["{}", "CHEST FOR {}", "CT_{}", "{}_1", "HEAD_{}_AX", "ref:{}", "knee/{}", "({})"])
def test_numbers_of_somebody_go_whole(code: str, around: str) -> None:
    """In descriptions, in texts about machines and versions; of the code nothing is left, whatever is beside it."""
    text = around.format(code)
    for clean in (CLEANER.description, CLEANER.technical, version_of):
        left = clean(text)
        assert not any(len(digits) > 1 for digits in "".join(c if c.isdigit() else " " for c in left).split()), left


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("CT_THORAX_W_CONTRAST_81472", "CT_THORAX_W_CONTRAST"),
        ("CT_LIVER_3_PHASE_SPLEEN_WO_CONTRAST_90311", "CT_LIVER_3_PHASE_SPLEEN_WO_CONTRAST"),
        ("HEAD_NECK_DKH9321B", "HEAD_NECK"),
        ("HEAD_NECK_1966_03_14", "HEAD_NECK"),
        ("HEAD_NECK_14_QUIMBY_1966", "HEAD_NECK"),
        ("Spine_Pelvis:ED:34:76:83:74:77", "Spine_Pelvis"),
        ("CHEST_LIVER_AB_12_345_66", "CHEST_LIVER"),
        ("CT_QUIMBY_81472", ""),  # no phrase of terms
        ("CAM_MRC_0417_MPRAGE", ""),
        ("A12_B34_C567", ""),
    ],
)
def test_a_number_in_a_phrase_goes_alone(text: str, left: str) -> None:
    """A phrase is joined by underscores; all between two of its terms goes with the number."""
    assert CLEANER.description(text) == left


@pytest.mark.parametrize("name", ["Kim", "Ann", "Ng", "Li", "LI_WU", "Wu"])
@pytest.mark.parametrize("form", ["{}_CHEST_HEAD_81472", "{}:CHEST:HEAD:81472", "CHEST_{}_HEAD_81472"])
def test_a_short_name_goes_with_the_number_of_a_phrase(form: str, name: str) -> None:
    """Whose number it is stays in none of the kinds of text; the terms stay, and W for with."""
    for clean in (CLEANER.description, CLEANER.technical):
        assert set(re.findall("[A-Za-z]+", clean(form.format(name)))) == {"CHEST", "HEAD"}
    assert CLEANER.technical("CHEST_W_FS_HEAD_81472") == "CHEST_W_FS_HEAD"


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("RTOG0915", "RTOG0915"),
        ("ACRIN-6701_T2_AX", "ACRIN-6701_T2_AX"),
        ("ECOG_1234/SCOUT", "ECOG_1234/SCOUT"),
        ("ACRIN-6701-0417", "ACRIN"),
        ("RTOG_0915_S17", ""),
    ],
)
def test_the_number_of_a_trial_stays_without_a_subject(text: str, left: str) -> None:
    """A number behind it may be a patient's."""
    assert CLEANER.description(text) == left


@pytest.mark.parametrize(
    "text", ["CT ABDO", "US Abdo pelvis", "Xray_hand", "MRI IAMS", "ABBREVIATED MRI", "PET RESTAGE", "CT ABDPELVIS"]
)
def test_abbreviations_of_studies_stay(text: str) -> None:
    """Those in the descriptions of many institutions; Abdo alone, or behind a title, is a name."""
    assert CLEANER.description(text) == text
    assert "Abdo" not in CLEANER.description("seen by Dr Abdo") + CLEANER.description("Abdo Khaled")


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("_t4of9", "_t4of9"),
        ("_t4of9MRI Knee", "_t4of9MRI Knee"),
        ("2of5_CT Neck", "2of5_CT Neck"),
        ("2of5HUBER CT", "CT"),
        ("t4of9_670412", ""),
        ("t4of9CHEST7712345", ""),
    ],
)
def test_which_part_of_a_study_it_is_stays(text: str, left: str) -> None:
    """Before a word without a space, too; neither a name nor a number behind it."""
    assert CLEANER.description(text) == left


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("T2fsfiesta", "T2fsfiesta"),
        ("T1alternate_COR", "T1alternate_COR"),
        ("fsfiesta3d", "fsfiesta3d"),
        ("T2Huber", ""),
        ("T1huber COR", "COR"),
        ("T2head_A12B3", ""),
        ("fsfiesta48213", ""),
    ],
)
def test_words_of_makers_stay_beside_a_weighting_or_dimension(text: str, left: str) -> None:
    """Names and numbers of persons do not."""
    assert CLEANER.description(text) == left


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("CT_ABD_PEL_CON_61234", "CT_ABD_PEL_CON"),
        ("61234_CAP_CT_Neck_Abd_", "CAP_CT_Neck_Abd"),
        ("MAY_JAN_SUN_61234", ""),
        ("ABD_PEL_LEE_61234", ""),
        ("LEE_KIM_PARK_61234", ""),
    ],
)
def test_three_abbreviations_are_a_phrase(text: str, left: str) -> None:
    """Short names and months are none."""
    assert CLEANER.description(text) == left


@pytest.mark.parametrize("code", ["A12B34C567", "4F7A9C21", "MRN12A34", "DKH9321B", "K7Q2M", "7X2QK9", "RAD2024001234"])
def test_code_strings_are_judged_alike(code: str) -> None:
    """Of a CS, too."""
    assert not is_term(code)
    assert not is_term(f"CHEST_{code}")
    before = dataset()
    before.ScanOptions = ["HELIX", code]
    assert output(file_of(before)).ScanOptions == ["HELIX", ""]


@pytest.mark.parametrize("code", ["35CMX35CM", "ISO_10918_1", "DIS2D", "FM3_2", "M_FFE", "T2_STAR", "3D"])
def test_code_strings_of_the_standard_and_of_makers_stay(code: str) -> None:
    """Those with digits, and sizes of cassettes."""
    assert is_term(code)


def test_a_word_that_is_known_in_part_goes_whole() -> None:
    """What stands beside the known part is of the same number."""
    assert CLEANER.description("CHEST FOR 79F1EE0CF") == "CHEST FOR"
    assert CLEANER.description("CHEST FOR 79F1EE-0C2") == "CHEST FOR"
    assert CLEANER.technical("SOMATOM 79F1EE/12") == "SOMATOM"


@pytest.mark.parametrize(
    "text",
    [
        "T1", "T2W", "b1000", "ep2d_diff_mddw_20_p2", "FM3_2", "3DASL", "MB8", "20min", "120kV", "B30f", "H31s",
        "64x64",
        "I70f/3", "AIDR3D", "1.5T", "L4-L5", "T12", "C6/7", "T11-T12", "pT2N0M0", "TR2000", "TE30", "512x512",
        "TR/TE 4000/100",
        "ep2d_diff_b50_400_800_tra", "t2_tse_sag_320_4mm_p2", "t1_mprage_sag_p2_iso_1.0mm", "DTI 32 dir b1000",
        "0.6x0.6x3mm",
        "Ax DWI 50,400,800", "Omnipaque 350 100ml", "Gd-DTPA 0.1mmol/kg", "CTDIvol 12.5 mGy", "40% - 75%",
        "FOV 240x240",
        "99mTc MDP", "18F FDG 60min", "MOLLI 5(3)3", "WW 400 WL 40", "18G R AC", "2.5mm 120kV 250mAs", "128 x 0.6 mm",
        "WIP925B_VB17A_diff", "[18F]AV-1451 80-100", "W1500 L-600", "Knie 2 Eb.", "DVH 60Gy/30", "CTV_5040", "PTV 7000",
        "ASL_PLD1800_LD1800", "b 0 500 1000 2000", "MOLLI 5s3s3s", "OSEM 4i21s", "FE3D TOF", "3DT1", "TFE3D_SAG",
        # A nuclide before its tracer, an orientation before its weighting, volumes and doses, beams, sizes,
        # interpolated matrices, cassettes, codes of diagnoses, series of the National Lung Screening Trial.
        "18F-MK6240", "WB 68Ga-PSMA-11 60min", "SAGT2_310", "CORPDFS", "CTVn2_5400", "1.1 VMAT G181-179", "G120C5T0",
        "ring2cm", "Bolus10mm", "T1W/SE/1024", "MOLLI_192i", "CsI 35x43", "PET 12x10s", "C50.91-breast",
        "1,OPA,GE,LSQX,BONE,340,2.5,120,80,0.1,1.5", "WIP MB2_2mm_TR1500", "range 0 to 255,signed,mono2", "flow_bh@c",
    ],
)  # fmt: skip
def test_terms_of_the_technique_stay(text: str) -> None:
    """Units, labels, sequences, kernels, levels of the spine, stages, lists of b-values, sides of a matrix."""
    assert CLEANER.description(text) == text


@pytest.mark.parametrize(
    "text",
    ["*tfl3d1_16ns", "ep_b1000#12", "*fl3d4d1_v150in", "*tse2d1rr18", "*h2d1_224", "*h2d1_320", "*tseR2d1rs19",
     "*mbPCASL2d1_86", "SEEPI2D+0.7", "3DFSE", "SOMATOM Definition AS+",
     "DISCOVERY MR750w", "ACUSON S2000", "HDI 5000", "uMR 790", "Brilliance 64", "B30f", "FC51"],
)  # fmt: skip
def test_names_of_machines_and_sequences_stay(text: str) -> None:
    """Those with digits."""
    assert CLEANER.technical(text) == text


@pytest.mark.parametrize(
    "text",
    ["syngo MR E11", "VA20A_04T", "syngo CT 2012B", "MR Software release:DV26.0_R03_1831.b", "MR30.1_R01_2308.a",
        "16HW28.8",
     "V2.41SP0001", "5.1.7.2", "4.1.6.32535", "20190412", "R2021b", "AW4.7_Ext.11", "2.6.3.6", "dcmqi 1.2.4",
        "N4_VE11C", "EPIQ 5G_1.5.6.850", "LightSpeedApps14.13_2.8.2L_H2.1M4", "V3.0SP0014E", "syngo MR 2004V 4VB11D",
        "Release 3.4 b162-SP2"],
)  # fmt: skip
def test_versions_stay(text: str) -> None:
    """They have a grammar of their own."""
    assert version_of(text) == text


@pytest.mark.parametrize(
    "text", ["756.1234.5678.97", "12.34.567", "11.06.54", "19960606-1738", "A12B34C567", "06.12.34.56.78",
             "A12.34.5678", "1.12.1964", "123_456_789"]
)  # fmt: skip
def test_no_versions(text: str) -> None:
    """Numbers and dates with points."""
    assert version_of(text) == ""


@pytest.mark.parametrize("options", OPTIONS)
def test_no_planted_code_leaves(options: str) -> None:
    """A small run of the benchmark of codes: every form, through whole instances."""
    found = {form: leaks_of(form, options, 60, seed=11) for form in FORMS}
    assert {form: leaks.example for form, leaks in found.items() if leaks.whole or leaks.parts} == {}
    assert min(leaks.planted for leaks in found.values()) == 60


def test_the_benchmark_sees_what_leaves() -> None:
    """Under a recipe that keeps a description, every code in it is found."""
    kept = compile_plan([], [recipe("KEEP StudyDescription")])
    found = leaks_of("label and mixed (MRN12A34)", "for research", 200, plan=kept)
    assert found.whole >= 200 // 48
    assert found.example.startswith("StudyDescription")


def test_most_phrases_of_the_technique_stay() -> None:
    """No more of them change than without the rule, by a hundredth; docs/benchmarks/codes.md has the figures."""
    changed, all_ = changed_phrases(), phrases()
    assert sum(map(len, all_.values())) > 800
    assert sum(map(len, changed.values())) < 0.14 * sum(map(len, all_.values()))


@pytest.mark.parametrize("code", ["B7738", "B0262/16", "B3954"])
def test_a_letter_and_four_digits_are_no_build(code: str) -> None:
    """Numbers of builds have fewer digits, or say that they are one."""
    assert CUT in without_record_numbers(code, TextKind.MACHINE, is_term=lambda _: False)


def test_a_number_behind_an_abbreviation_of_rooms_goes_whole() -> None:
    """RM is a room or a magnetic resonance; what follows is a number in groups."""
    assert not any(map(str.isdigit, CLEANER.technical("knee/RM 11 03 39 X")))


@pytest.mark.parametrize(
    "text",
    [
        "DTI_30_2x2x2_128x128_b1000_p2", "bold_64x64_s2_3x3x3p5_tr1000_fa70", "VFA_FA20_TR18", "TV-SIB_6600",
        "PTVp1_CT1PT1", "Eval_PTV_5400", "H&N_70/63/56", "OCT macula 512x49", "CTVn_IVa",
    ],
)  # fmt: skip
def test_names_of_series_and_targets_of_several_parts_stay(text: str) -> None:
    assert CLEANER.description(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "1.2.840-alpha+build.77", "V8-000.041.1234", "3.0.1 (r4471)", "v2.1.0-rc.1", "2023.1.2-SNAPSHOT",
        "10.0.19041.1", "2.4 (build 881)",
    ],
)  # fmt: skip
def test_versions_with_builds_and_revisions_stay(text: str) -> None:
    assert version_of(text) == text


@pytest.mark.parametrize(
    "text", ["r4471", "3.0.1 (84711882)", "PTV_4821", "V8-47118823", "TE20_TR4412", "70/12/56", "14x03x61mm"]
)
def test_numbers_that_only_look_like_those_go(text: str) -> None:
    left = CLEANER.description(text)
    assert not any(len(digits) > 3 for digits in "".join(c if c.isdigit() else " " for c in left).split()), left


@pytest.mark.parametrize(
    "text",
    [
        "4.8.512.3", "3.9.417.7006", "4.02.017.0001", "207.65.3", "11.0.120.47", "R004.2.1.0.51277", "V3.1B-T04",
        "syngo MR XA62A-SP03", "rev_ct_23c.21", "AC_V7.1*R002", "B.06.03", "AWS:1.12.3.0", "DXM:4.0.0.1",
        "VE12C 200617", "11.6.2.54633", "1.8.1304.2", "3.12.0.5+git.bc12de4", "v24.1.3.0-release",
        "Acme MR 2.1/4.8.612.7004",
    ],
)  # fmt: skip
def test_versions_of_makers_stay(text: str) -> None:
    """Several numbers of which one has a single digit; labels of parts of a program; commits; days of builds."""
    assert version_of(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "3.12.1966", "3.1.1967.12", "3.456.789", "4.711.882.1", "756.4821.3377.05", "456.123.789-01", "192.168.7.20",
        "10.2.113.45", "172.16.4.9", "IP:134.76.12.133", "192.168.7.1:104", "8841273a", "A1234567",
        "4711e88", "ada1961",
    ],
)  # fmt: skip
def test_days_numbers_of_persons_and_hosts_are_no_versions(text: str) -> None:
    """Though their numbers stand between points."""
    assert version_of(text) in ("", "IP")


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("T1 VIBE FA 2/5/10/15", None), ("VMI 40/70/190 keV", None), ("TI 100/200/400", None), ("b 0/50/400/800", None),
        ("b 12/5/1967", "b"), ("FA 2/5/10", "FA"), ("TE 4/7/11/88/1", "TE"), ("FA 2/5/10/15 12/5/67", "FA 2/5/10/15"),
    ],
)  # fmt: skip
def test_settings_behind_their_label_stay(text: str, left: str | None) -> None:
    """In ascending order, and no day."""
    assert CLEANER.description(text) == (text if left is None else left)


@pytest.mark.parametrize("text", ["60 Gy to PTV_6000, D95>=57 Gy", "dose to CTV_5040 and PTV_5040", "boost to PTV2"])
def test_volumes_are_nobody_to_whom_something_is_sent(text: str) -> None:
    """Behind "to", a name goes."""
    assert CLEANER.description(text) == text


def test_names_of_sequences_have_several_suffixes() -> None:
    """As Siemens writes them."""
    assert CLEANER.technical("*fi3d1_ns_mt") == "*fi3d1_ns_mt"
