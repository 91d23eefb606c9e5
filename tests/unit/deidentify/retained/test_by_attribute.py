"""Defined terms, makes and models stay in their attributes, whoever is called so; any other name goes from there."""

from __future__ import annotations

import csv
from importlib.resources import files
from typing import Any

import pytest
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataset import Dataset, FileDataset

from sendit.config.schema import Option
from sendit.deidentify import compile_plan, deidentify
from sendit.deidentify.profile.table import rules
from sendit.deidentify.retained.by_attribute import is_defined_term
from sendit.deidentify.retained.makes import is_make_or_model
from sendit.model import Released
from tests.unit.deidentify.samples import IDENTITIES, dataset, file_of, output

pytestmark = pytest.mark.long

_RESEARCH = compile_plan([Option.CLEAN_DESCRIPTORS, Option.RETAIN_PATIENT_CHARACTERISTICS], [])


def _of(name: str = "Quennesbury^Aldric", **values: Any) -> FileDataset:
    """A CT image of this patient, with these attributes."""
    whole = dataset()
    whole.PatientName = name
    for keyword, value in values.items():
        setattr(whole, keyword, value)
    return whole


def _terms() -> list[tuple[str, str]]:
    """Every term of the tables, with its attribute."""
    rows = (
        row
        for name in ("defined_terms", "defined_terms_later")
        for row in csv.DictReader(
            (files("sendit.deidentify") / "tables" / f"{name}.csv").read_text("utf-8").splitlines()
        )
    )
    return [(row["attribute"], term) for row in rows for term in row["terms"].split("\\")]


def test_the_table_is_whole() -> None:
    """It has the attributes and terms that PS3.3 has, those of other kinds than CS as well."""
    terms = _terms()
    assert len({attribute for attribute, _ in terms}) > 600
    assert len(terms) > 2900
    assert all(tag_for_keyword(attribute) is not None for attribute, _ in terms)


def test_every_defined_term_stays() -> None:
    """Of each attribute that the profile keeps, its terms leave as they came, also if the patient is called so."""
    kept = {tag for tag, rule in rules(()).items() if str(rule.action) == "K" and rule.origin == "allowlist"}
    by_attribute: dict[str, list[str]] = {}
    for attribute, term in _terms():
        tag = tag_for_keyword(attribute)
        if tag in kept and dictionary_VR(attribute) == "CS" and attribute not in _SETS_PIXELS and len(term) <= 16:
            by_attribute.setdefault(attribute, []).append(term)
    for place in range(max(map(len, by_attribute.values()))):
        whole = _of("Admin^Brick^None")
        expected = {keyword: terms[place] for keyword, terms in by_attribute.items() if place < len(terms)}
        for keyword, term in expected.items():
            setattr(whole, keyword, term)
        made = output(file_of(whole))
        assert {keyword: made.get(keyword) for keyword in expected} == expected


#: Attributes that say how pixels are read, or whether the instance may be taken: a term in them makes another image.
_SETS_PIXELS = frozenset(
    {"PhotometricInterpretation", "SpecificCharacterSet", "PatientIdentityRemoved", "BurnedInAnnotation", "Modality"}
    | {"LongitudinalTemporalInformationModified", "LossyImageCompression", "RecognizableVisualFeatures", "ImageType"}
    | {"LossyImageCompressionMethod", "ConversionType", "PixelPresentation", "VolumetricProperties"}
)


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("DecayCorrection", "ADMIN"), ("SUVType", "LBMJANMA"), ("CollimatorType", "BRICK"), ("Units", "MGMINML"),
        ("SegmentationType", "LABELMAP"), ("RescaleType", "BQML"),
        ("ImageType", ["ORIGINAL", "PRIMARY", "OTHER", "NONE"]),
        ("BodyPartExamined", "HEAD"), ("ScanOptions", ["FC_FREQ_AX_GEMS", "SQPIX_GEMS"]),
    ],
)  # fmt: skip
@pytest.mark.parametrize("name", ["Brick^None", "Head^Axial", "Original^Admin", "Quennesbury^Aldric"])
def test_a_term_stays_whoever_is_called_so(keyword: str, value: object, name: str) -> None:
    """The terms of the standard and of makers."""
    assert output(file_of(_of(name, **{keyword: value}))).get(keyword) == value


def test_the_same_word_goes_from_descriptions() -> None:
    """There it is the patient's name."""
    made = output(
        file_of(_of("Brick^Quennesbury", SeriesDescription="Head Brick 2mm", CollimatorType="BRICK")), _RESEARCH
    )
    assert made.CollimatorType == "BRICK"
    assert made.SeriesDescription == "Head 2mm"


@pytest.mark.parametrize(
    ("make", "model"),
    [
        ("SIEMENS", "Prisma_fit"), ("Siemens Healthineers", "MAGNETOM Vida"), ("GE MEDICAL SYSTEMS", "SIGNA Pioneer"),
        ("GE MEDICAL SYSTEMS", "DISCOVERY MR750w"), ("Philips Medical Systems", "Ingenia Elition X"),
        ("TOSHIBA_MEC", "Titan"), ("Canon Medical Systems Corporation", "Vantage Galan 3T"), ("UIH", "uMR 790"),
        ("HITACHI", "Echelon OVAL"), ("FUJIFILM Corporation", "AMULET Innovality"),
        ("Hologic, Inc.", "Selenia Dimensions"), ("NIHON KOHDEN", "ECG-2550"), ("HAAG-STREIT AG", "Eyestar 900"),
        ("Karl Storz GmbH & Co. KG", "IMAGE1 S"), ("Dentsply Sirona", "ORTHOPHOS SL 3D"), ("SHIMADZU", "SCT-7800"),
        ("OLYMPUS MEDICAL SYSTEMS", "EVIS EXERA III"), ("FotoFinder Systems GmbH", "FotoFinder ATBM"),
        ("Lunit Inc.", "Lunit INSIGHT CXR"), ("Nucletron", "microSelectron HDR"),
    ],
)  # fmt: skip
def test_makes_and_models_stay(make: str, model: str) -> None:
    """For a phantom called as the maker, an operator with initials, a station, title and number called as the model."""
    whole = _of(f"Phantom^{make.split()[0]}", Manufacturer=make, ManufacturerModelName=model, OperatorsName="GE")
    whole.StationName, whole.DeviceSerialNumber, whole.PerformedStationAETitle = model[:16], model, model[:16].upper()
    whole.StudyDescription = f"{make.split()[0]} phantom"
    outcome = deidentify(file_of(whole), _RESEARCH, IDENTITIES)
    assert isinstance(outcome, Released), outcome
    made = output(file_of(whole))
    assert (made.Manufacturer, made.ManufacturerModelName) == (make, model)
    assert made.StationName == made.DeviceSerialNumber == "Removed"


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("Manufacturer", "Quennesbury^Aldric"), ("Manufacturer", "Aldric Quennesbury"), ("Manufacturer", "QUENNESBURY"),
        ("ManufacturerModelName", "HH-4471902"), ("ManufacturerModelName", "Skyra Quennesbury"),
        ("ManufacturerModelName", "4471902"), ("DetectorManufacturerName", "Siemens Aldric Quennesbury"),
        ("CollimatorType", "QUENNESBURY"), ("RescaleType", "Quennesbury"), ("ImageType", ["ORIGINAL", "QUENNESBURY"]),
        ("SequenceName", "Quennesbury"), ("ConvolutionKernel", "Aldric"), ("ScanOptions", ["PFP", "ALDRIC"]),
    ],
)  # fmt: skip
def test_an_identifier_in_a_technical_attribute_goes(keyword: str, value: object) -> None:
    """The name and the number of the patient, in attributes that are compared by attribute."""
    whole = _of(PatientID="HH-4471902")
    setattr(whole, keyword, value)
    outcome = deidentify(file_of(whole), _RESEARCH, IDENTITIES)
    if isinstance(outcome, Released):
        leaving = b"".join(outcome.chunks).upper()
        assert not any(word in leaving for word in (b"QUENNESBURY", b"ALDRIC", b"4471902"))


def test_a_whole_name_of_machine_words_goes() -> None:
    """Aria and Vida are models, and names: both together are the patient; so is one with another model."""
    for name, model in (("Vida^Aria", "Aria Vida"), ("Fischer^Anna", "Fischer"), ("Vida^Ann", "Skyra Vida")):
        made = output(file_of(_of(name, ManufacturerModelName=model, Manufacturer="SIEMENS")))
        assert not set(made.ManufacturerModelName.split()) & set(name.split("^"))
        assert made.Manufacturer == "SIEMENS"


def test_a_station_called_as_a_model_that_no_list_has() -> None:
    """All words of it are of machines: it is what the device is."""
    whole = _of(Manufacturer="SIEMENS", ManufacturerModelName="Skyra Sola", StationName="Skyra Sola")
    assert output(file_of(whole)).ManufacturerModelName == "Skyra Sola"


def test_lists_of_makes_and_models() -> None:
    """Whole values, with other separators, and a legal form or the make beside them; parts are none."""
    make, model = 0x00080070, 0x00081090
    for value in (
        "GE MEDICAL SYSTEMS",
        "Philips_Medical_Systems",
        "Hologic, Inc.",
        "Agfa-Gevaert AG",
        "Ziehm Imaging GmbH",
    ):
        assert is_make_or_model(make, value)
    for value in ("Biograph_mMR", "SIEMENS Avanto_fit", "uCT 780", "NM/CT 870 CZT", "Discovery NM/CT 670"):
        assert is_make_or_model(model, value)
    assert not is_make_or_model(make, "Smith GmbH")
    assert not is_make_or_model(model, "Pioneer Smith")
    assert not is_make_or_model(0x0008103E, "SIEMENS")
    assert not is_defined_term(0x0008103E, "NONE")


@pytest.mark.parametrize(
    "name", ["Field 1", "Feld 2", "G180_T0", "G90C10T0", "Med Tang", "R LAT TANGS", "NonCop 1", "Arc 1 CCW", "1-1 ARC"]
)
def test_a_beam_is_called_as_planning_systems_call_it(name: str) -> None:
    """By a word that is somebody's name elsewhere, by angles, by the side of a breast."""
    assert _beam(name) == name


@pytest.mark.parametrize(
    ("name", "left"), [("Quennesbury 1", ""), ("Tang Wei", ""), ("G4711", ""), ("Field Quimby", "")]
)
def test_a_beam_called_as_somebody_is_not(name: str, left: str) -> None:
    """The form has to be the whole name."""
    assert _beam(name) == left


def _beam(name: str) -> str:
    whole, beam = dataset("rtplan.dcm"), Dataset()
    beam.BeamName, beam.BeamNumber = name, 1
    whole.BeamSequence, whole.PatientName = [beam], "Quennesbury^Aldric"
    return str(output(file_of(whole), _RESEARCH).BeamSequence[0].get("BeamName", ""))


@pytest.mark.parametrize(
    ("make", "left"), [("Alcon", "Alcon"), ("Johnson & Johnson Vision", "Johnson & Johnson Vision"), ("Quimby", None)]
)
def test_the_maker_of_an_applicator_or_lens_stays(make: str, left: str | None) -> None:
    """Where descriptions stay: of what is put into the patient, by attribute as of the device that took the image."""
    whole, lens, setup = dataset("rtplan.dcm"), Dataset(), Dataset()
    lens.IOLManufacturer, setup.ApplicationSetupManufacturer = make, make
    whole.IntraocularLensCalculationsRightEyeSequence, whole.ApplicationSetupSequence = [lens], [setup]
    made = output(file_of(whole), _RESEARCH)
    assert made.IntraocularLensCalculationsRightEyeSequence[0].IOLManufacturer == (left or "Removed")
    assert made.ApplicationSetupSequence[0].get("ApplicationSetupManufacturer") == left


@pytest.mark.parametrize("zone", ["+0545", "-0330", "+1400"])
def test_the_offset_of_a_time_zone_stays(zone: str) -> None:
    """Though a record number of the file may end in its digits; anything else in its place does not."""
    plan = compile_plan([Option.RETAIN_LONGITUDINAL_MODIFIED_DATES], [])
    whole = _of(PatientID=f"HZ4090{zone[1:]}", TimezoneOffsetFromUTC=zone)
    assert output(file_of(whole), plan).TimezoneOffsetFromUTC == zone
    whole.TimezoneOffsetFromUTC = "Quimby"
    assert "TimezoneOffsetFromUTC" not in output(file_of(whole), plan)
    full = compile_plan([Option.RETAIN_LONGITUDINAL_FULL_DATES], [])
    assert output(file_of(whole), full)["TimezoneOffsetFromUTC"].is_empty
    whole.TimezoneOffsetFromUTC = zone
    assert output(file_of(whole), full).TimezoneOffsetFromUTC == zone


@pytest.mark.parametrize("number", ["7300", "73001", "730018"])
def test_a_series_number_stays(number: str) -> None:
    """Up to six digits of it may be a part of an identifier, or all of one, by chance."""
    whole = _of(SeriesNumber=number, AccessionNumber=number, StudyID="x")
    assert output(file_of(whole)).SeriesNumber == int(number)


def test_a_longer_one_goes() -> None:
    """An accession number in its place."""
    assert output(file_of(_of(SeriesNumber="730018245", AccessionNumber="730018245"))).SeriesNumber is None


def test_terms_within_items() -> None:
    """At every depth."""
    region, whole = Dataset(), _of("Brick^Admin")
    region.CollimatorType = "BRICK"
    whole.DetectorInformationSequence = [region]
    assert output(file_of(whole)).DetectorInformationSequence[0].CollimatorType == "BRICK"


@pytest.mark.parametrize(
    ("terms", "text"),
    [
        ("ISO_IR 100", "Gerätebau"), (["", "ISO 2022 IR 87"], "頭部"), (["ISO 2022 IR 13", "ISO 2022 IR 87"], "頭部"),
        (["", "ISO 2022 IR 149"], "두부"), ("GB18030", "头部"), ("GBK", "头部"), ("ISO_IR 192", "頭部"),
        ("ISO_IR 144", "голова"),
    ],
)  # fmt: skip
def test_a_character_set_stays(terms: object, text: str) -> None:
    """Declared at the top and in items, for a patient called as one; what is written decodes under it."""
    whole, code = _of("Iso^Ir", SpecificCharacterSet=terms), Dataset()
    code.SpecificCharacterSet, code.CodeMeaning, code.CodeValue, code.CodingSchemeDesignator = terms, text, "1", "99X"
    whole.ViewCodeSequence, whole.SeriesDescription = [code], text
    made = output(file_of(whole), _RESEARCH)
    made.decode()
    expected = [terms] if isinstance(terms, str) else terms
    for place in (made, made.ViewCodeSequence[0]):
        found = place.SpecificCharacterSet
        assert ([found] if isinstance(found, str) else list(found)) == expected
    assert made.ViewCodeSequence[0].CodeMeaning in (text, "Removed")
    assert made.get("SeriesDescription", text) in (text, "")


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("ImageType", ["ORIGINAL", "PRIMARY", "ABDOM/RAD"]),
        ("ViewPosition", "CALDWELL"),
        ("WindowCenterWidthExplanation", ["Algo1", "Algo2"]),
        ("RescaleType", "PVAL"),
        ("ReconstructionMethod", "BLOB-OS-TF"),
        ("AcquisitionDeviceProcessingCode", "10090"),
        ("FilterMaterial", ["TIN", "COPPER"]),
        ("LUTExplanation", "BQML"),
        ("LUTExplanation", "HARDER"),
        ("PaddleDescription", "18X24CM FS"),
        ("PaddleDescription", "SMALL BREAST"),
        ("PaddleDescription", "10x24 cm"),
        ("ApplicableSafetyStandardDescription", "IEC 60601-2-33 2010"),
        ("ApplicableSafetyStandardDescription", "IEC 60601-2-33:2010+AMD1:2013"),
    ],
)
def test_terms_of_makers_stay(keyword: str, value: object) -> None:
    """Those that real files have, beside the standard's."""
    before = dataset()
    setattr(before, keyword, value)
    assert output(file_of(before))[keyword].value == value


@pytest.mark.parametrize(
    ("keyword", "value", "left"),
    [
        ("PaddleDescription", "QUENNESBURY SPOT", "SPOT"),
        ("ApplicableSafetyStandardDescription", "Quennesbury 60601", "Removed"),
        ("ImageComments", "b=1000(Quennesbury)", None),
    ],
)
def test_a_name_in_such_a_text_goes(keyword: str, value: str, left: str | None) -> None:
    assert output(file_of(_of(**{keyword: value})), _RESEARCH).get(keyword) == left


@pytest.mark.parametrize("comment", ["b=1000(0.577,0.577,0.577)", "b=2000(0.445,-0.132,0.886)", "b=0(0,0,0)"])
def test_canons_direction_of_diffusion_stays(comment: str) -> None:
    """Where the scanner writes it: in the comment of the image."""
    assert output(file_of(_of(ImageComments=comment)), _RESEARCH).ImageComments == comment


@pytest.mark.parametrize("label", ["BQML", "GML", "HU", "CNTS"])
def test_a_mapping_is_labelled_with_its_unit(label: str) -> None:
    assert output(file_of(_of(LUTLabel=label)), _RESEARCH).LUTLabel == label


def test_the_values_of_an_image_type_keep_their_places() -> None:
    """What goes leaves no gap: the third value of an MR image may not be empty; empty ones stay so."""
    made = output(file_of(_of(ImageType=["DERIVED", "SECONDARY", "QUENNESBURY", "", "MPR"])))
    assert list(made.ImageType) == ["DERIVED", "SECONDARY", "UNKNOWN", "", "MPR"]
    assert list(output(file_of(_of(FrameType=["", "", "", ""]))).FrameType) == ["", "", "", ""]


def test_a_code_of_the_device_that_is_an_identifier_goes() -> None:
    """The number of the patient, in the attribute of a code."""
    before = dataset()
    before.PatientID = "410090"
    before.AcquisitionDeviceProcessingCode = "410090"
    assert "410090" not in str(output(file_of(before)))


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("FractionPattern", "11111001111100"),
        ("TreatmentProtocols", "RTOG 0617"),
        ("WedgeID", "EDW20IN"),
        ("AccessoryCode", "A15X15"),
        ("AccessoryCode", "RS=3"),
        ("BeamName", "1.2 Tang Med"),
        ("AlgorithmSource", "MIM Software Inc."),
        ("ASLBolusCutoffTechnique", "QUIPSSII"),
    ],
)
def test_what_plans_and_programs_write_in_their_attributes_stays(keyword: str, value: str) -> None:
    """Fractions, trials, accessories, beams, makers of programs: by their forms."""
    assert output(file_of(_of(**{keyword: value})), _RESEARCH)[keyword].value == value


@pytest.mark.parametrize(
    ("keyword", "value"), [("AccessoryCode", "Quennesbury"), ("AccessoryCode", "4711882"), ("WedgeID", "QA4711882")]
)
def test_accessories_are_not_called_as_persons(keyword: str, value: str) -> None:
    """Nor by their numbers."""
    assert keyword not in output(file_of(_of(**{keyword: value})), _RESEARCH)


@pytest.mark.parametrize("term", ["NONE", "MAGNITUDE", "CHROMIUM", "ENDOVASCULAR"])
def test_terms_of_any_attribute_stay_in_code_strings(term: str) -> None:
    """Whatever the patient's number is; from a description they go."""
    whole = _of(Tagging=term, FieldOfViewShape=term, SeriesDescription=f"Knee {term}")
    whole.PatientID = term
    left = output(file_of(whole), _RESEARCH)
    assert (left.Tagging, left.FieldOfViewShape, left.SeriesDescription) == (term, term, "Knee")


@pytest.mark.parametrize("creator", ["GEMS_PARM_01", "Philips MR Imaging DD 005", "SIEMENS MR SDI 02", "ELSCINT1"])
@pytest.mark.parametrize("name", ["Quennesbury^Aldric", "Parm^Gems", "Philips^Imaging"])
def test_the_creator_of_a_private_index_stays_whole(creator: str, name: str) -> None:
    """Frames are ordered by the private attribute that it names: part of it names another."""
    index = Dataset()
    index.DimensionIndexPointer, index.FunctionalGroupPointer = 0x0043102F, 0x00200011
    index.DimensionIndexPrivateCreator = index.FunctionalGroupPrivateCreator = creator
    kept = output(file_of(_of(name, DimensionIndexSequence=[index])), _RESEARCH).DimensionIndexSequence[0]
    assert [kept.DimensionIndexPrivateCreator, kept.FunctionalGroupPrivateCreator] == [creator, creator]


def test_no_other_name_stays_for_a_creator() -> None:
    index = Dataset()
    index.DimensionIndexPrivateCreator = "Quennesbury Imaging"
    kept = output(file_of(_of(DimensionIndexSequence=[index])), _RESEARCH).DimensionIndexSequence[0]
    assert "Quennesbury" not in kept.DimensionIndexPrivateCreator
