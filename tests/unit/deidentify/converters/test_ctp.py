"""CTP's anonymizer scripts as recipes: each function by what it does to a file, and what has no equivalent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from pydicom.dataset import Dataset

from sendit.deidentify import FunctionsText, Patient, RecipeText, compile_plan, deidentify
from sendit.deidentify.converters.ctp import from_ctp
from sendit.errors import Misconfigured
from sendit.model import Rejected
from tests.unit.deidentify.samples import IDENTITIES, dataset, file_of, output, sample

if TYPE_CHECKING:
    from pydicom.dataset import FileDataset

    from sendit.deidentify import Plan
    from sendit.deidentify.converters.conversion import Conversion, Note

pytestmark = pytest.mark.long

PARAMETERS = '<p t="DATEINC">-10</p><p t="UIDROOT">1.2.3</p><p t="SITEID">7</p><p t="SITE">Site seven</p>'


def element(tag: str, script: str, enabled: str = "T") -> str:
    return f'<e en="{enabled}" t="{tag}" n="x">{script.replace("<", "&lt;")}</e>'


def converted(*rules: str, functions: bool = True, rsna: bool = False) -> Conversion:
    """Convert a script; each rule stands in a line of its own, the first one in line 3."""
    text = "\n".join(["<script>", PARAMETERS, *rules, "</script>"])
    return from_ctp("a.script", text, functions=functions, rsna=rsna)


def plan_of(made: Conversion) -> Plan:
    """Compile it, as `sendit recipe check` does."""
    texts: list[RecipeText] = [RecipeText("a.deid", made.recipe)]
    if made.functions:
        texts.append(FunctionsText("a.py", made.functions))
    return compile_plan((), texts)


def after(*rules: str, content: Dataset | None = None) -> FileDataset:
    made = converted(*rules)
    assert made.whole, made.notes
    return output(sample() if content is None else file_of(content), plan_of(made))


def missing(made: Conversion) -> list[tuple[int, str]]:
    return [(note.line, note.subject) for note in made.notes if not note.converted]


def only(made: Conversion) -> Note:
    [note] = [note for note in made.notes if not note.converted]
    return note


def header(made: Conversion) -> list[str]:
    """Return the lines of %header."""
    part = made.recipe.partition("%header\n\n")[2].partition("\n%filter")[0]
    return [line for line in part.splitlines() if line]


def test_the_plain_actions() -> None:
    before = dataset()
    done = after(
        element("00100040", "@keep()"),
        element("00080070", "@empty()"),
        element("00081090", "@blank(4)"),
        element("00080060", ""),
        element("00080008", "@remove()"),
        element("00080080", "Somewhere"),
        element("00120031", "@always()@param(@SITE)"),
        element("00200010", "@always()ID @param(@SITEID)"),
    )
    assert done.PatientSex == before.PatientSex
    assert (done.Manufacturer, done.ManufacturerModelName, done.Modality) == ("", "", "")
    assert "ImageType" not in done
    assert done.InstitutionName == "Somewhere"
    assert done.ClinicalTrialSiteName == "Site seven"  # it was not there
    assert done.StudyID == "ID 7"


def test_codes_are_those_of_sendit() -> None:
    """Hashes of CTP become pseudonyms; a note says so."""
    before = dataset()
    before.OtherPatientIDs = before.PatientID
    made = converted(
        element("00100010", "@hashname(this,6,2)"),
        element("00100020", "@hashptid(@SITEID,this)"),
        element("00120040", "@always()@hash(PatientID,10)"),
        element("00101000", "@hash(this)"),
        element("00080050", "@hash(this,16)"),
        element("00080018", "@hashuid(@UIDROOT,this)"),
        element("0020000d", "@hashuid(@UIDROOT,StudyInstanceUID)"),
        element("00080014", "@hashuid(@UIDROOT,SOPInstanceUID)"),
    )
    done = output(file_of(before), plan_of(made))
    assert made.whole
    assert done.PatientID == done.PatientName == done.ClinicalTrialSubjectID == done.OtherPatientIDs
    assert done.PatientID not in ("", before.PatientID)
    assert done.SOPInstanceUID == IDENTITIES.uid(before.SOPInstanceUID)
    assert sum("not CTP's hashes" in note.reason for note in made.notes) == 8


def test_dates() -> None:
    before = dataset()
    done = after(element("00080020", "@incrementdate(this,@DATEINC)"), element("00080021", "@hashdate(this,PatientID)"))
    assert (before.StudyDate, done.StudyDate) == ("20040119", "20040109")
    assert done.SeriesDate not in ("", before.SeriesDate)


@pytest.mark.parametrize(
    ("tag", "script", "keyword", "expected"),
    [
        ("00081030", '@contents(this,"[aeiou]")', "StudyDescription", "Hd"),
        ("00081030", '@contents(this,"(H)(e)","$2$1")', "StudyDescription", "eHad"),
        ("00081030", "@contents(SeriesDescription)", "StudyDescription", "Brain"),
        ("00081030", '@value(StudyID,"none")', "StudyDescription", "none"),
        ("00081030", "@truncate(this,2)", "StudyDescription", "He"),
        ("00081030", "@truncate(this,-2)", "StudyDescription", "ad"),
        ("00081030", "@uppercase(this)", "StudyDescription", "HEAD"),
        ("00081030", "@lowercase(this)-@param(@SITEID)", "StudyDescription", "head-7"),
        ("00081030", "@append(){x}", "StudyDescription", ["Head", "x"]),
        ("00081030", "@pathelement(SeriesDescription,0)", "StudyDescription", "Brain"),
        ("00081030", "@initials(PatientName)", "StudyDescription", "AMD"),
        ("00101010", "@round(this,10)", "PatientAge", "040Y"),
        ("00100030", "@modifydate(this,*,1,1)", "PatientBirthDate", "19640101"),
        ("00100030", "@modifydate(this,1900,*,*)", "PatientBirthDate", "19000229"),
        ("00081030", '@if(this,contains,"HEA"){yes}{no}', "StudyDescription", "yes"),
        ("00081030", '@if(SeriesDescription,equals,"brain"){@keep()}{no}', "StudyDescription", "Head"),
        ("00081030", '@if(this,matches,"[a-z]+"){yes}{no}', "StudyDescription", "no"),
        ("00081030", "@if(PatientAge,greaterthan,30){old}{young}", "StudyDescription", "old"),
        ("00081030", "@if(StudyID,isblank){blank}{@contents(StudyID)}", "StudyDescription", "blank"),
        ("00081030", "@if(StudyComments,exists){yes}{@hash(PatientID)}", "StudyDescription", None),
        ("00081030", "@if(this,isblank){x}{@if(this,equals,Head){inner}{y}}", "StudyDescription", "inner"),
    ],
)
def test_computed_values(tag: str, script: str, keyword: str, expected: str | list[str] | None) -> None:
    """They become functions of the project."""
    before = dataset()
    before.StudyDescription, before.SeriesDescription, before.PatientName = "Head", "Brain", "Doe^Anna Maria"
    before.PatientAge, before.PatientBirthDate, before.StudyID = "043Y", "19640229", ""
    if expected == "19000229":  # Java's calendar: 1900 has no 29th of February
        expected = "19000301"
    done = after(element(tag, script), content=before)
    assert done[keyword].value == (done.PatientID if expected is None else expected)


def test_without_a_file_for_functions() -> None:
    made = converted(element("00081030", "@uppercase(this)"), functions=False)
    assert (only(made).line, only(made).subject) == (3, "StudyDescription")
    assert "--functions" in only(made).reason
    assert (made.functions, header(made)) == ("", [])


def test_a_script_cannot_write_python() -> None:
    """What stands in a script, or in its name, is text in the file of functions."""
    harm = "@uppercase(this)&quot;&quot;&quot;&#10;import os"
    text = f"<script>\n{element('00081030', harm)}\n</script>"
    made = from_ctp('"""\nimport sys\n"""', text, functions=True)
    assert made.whole
    names = set(compile(made.functions, "f", "exec").co_names)
    assert {"os", "sys"} & names == set()
    plan_of(made)


def test_conditions_that_need_no_function() -> None:
    before = dataset()
    made = converted(
        element("00100040", "@if(this,exists){@keep()}{@empty()}"),
        element("00080080", "@if(this,isblank){@empty()}{@remove()}"),
        element("00081010", "@if(this,equals,x){@keep()}{@keep()}"),
        element("00081030", "@select(){@remove()}{@remove()}"),
        element("00081048", "@if(this,isblank){@remove()}{Removed by CTP}"),
        element("00081070", "@if(this,isblank){@remove()} ignored"),
        functions=False,
    )
    assert header(made) == [
        "KEEP PatientSex",
        "REMOVE InstitutionName",
        "KEEP StationName",
        "REMOVE StudyDescription",
        "REPLACE PhysiciansOfRecord Removed by CTP",
        "BLANK OperatorsName",
    ]
    assert made.whole
    assert output(sample(), plan_of(made)).StationName == before.StationName


@pytest.mark.parametrize(
    ("script", "modality", "rejected"),
    [
        ('@if(this,equals,"SR"){@quarantine()}{@keep()}', "SR", True),
        ('@if(this,equals,"SR"){@quarantine()}{@keep()}', "CT", False),
        ('@if(this,matches,"CT|MR"){@keep()}{@quarantine()}', "US", True),
        ('@if(this,matches,"CT|MR"){@keep()}{@quarantine()}', "MR", False),
        ("@if(BodyPartExamined,isblank){@quarantine()}{@keep()}", "CT", True),
        ("@quarantine()", "CT", True),
    ],
)
def test_quarantine_becomes_a_blacklist(script: str, modality: str, rejected: bool) -> None:
    before = dataset()
    before.Modality = modality
    made = converted(element("00080060", script))
    assert made.whole
    assert isinstance(deidentify(file_of(before), plan_of(made), IDENTITIES), Rejected) is rejected


def test_sequences_are_processed() -> None:
    before = dataset()
    item = Dataset()
    item.PatientName, item.ScheduledProcedureStepDescription = "Doe^Jane", "Head"
    before.RequestAttributesSequence = [item]
    made = converted(element("00400275", "@process()"), element("00400007", "@keep()"))
    inner = output(file_of(before), plan_of(made)).RequestAttributesSequence[0]
    assert inner.ScheduledProcedureStepDescription == "Head"
    assert "Doe" not in str(inner)
    assert [n.subject for n in converted(element("00400275", "@keep()")).notes if "items" in n.reason]


def test_what_has_no_equivalent() -> None:
    """Each with its line; nothing of it is in the recipe."""
    made = converted(
        element("00104000", "@skip()"),
        element("00200010", "@encrypt(this,@KEY)"),
        element("00081030", "@call(plugin,this)"),
        element("00080020", "@dateinterval(StudyDate,basedate,PatientID)"),
        element("00080030", '@time(":")'),
        element("00080050", "@lookup(this,acc)"),
        element("00131010", "x"),
        element("00080016", "@remove()"),
        element("0020000d", "@select(){@keep()}{@hashuid(@UIDROOT,this)}"),
        element("00081090", "@param(@NONE)"),
        element("00081080", "@if(this,isblank)"),
        element("00081070", "@unheard(of)"),
        element("00081048", "@contents(this"),
        element("00080080", "one # two"),
        element("00080081", "func:uid"),
        element("00280010", "Head"),
        element("00080102", "var:other"),
    )
    assert [line for line, _ in missing(made)] == list(range(3, 20))
    assert header(made) == []


def test_what_sendit_does_anyway() -> None:
    made = converted(
        element("00120062", "@always()YES"),
        element("00120063", "@always()@append(){CTP}"),
        element("00120064", "113100/113105"),
        element("00020016", "@remove()"),
        element("00131010", "@remove()"),
        element("60003000", "@remove()"),
        element("fffafffa", "@remove()"),
        element("fffcfffc", "@remove()"),
    )
    assert made.whole
    assert header(made) == []


def test_private_attributes() -> None:
    made = converted(element("0019[SIEMENS MR HEADER]0c", "@keep()"), element("0009[GEMS_IDEN_01]01", "text"))
    assert header(made) == ['KEEP (0019,"SIEMENS MR HEADER",0C)']
    assert missing(made) == [(4, "0009[GEMS_IDEN_01]01")]
    plan_of(made)


def test_groups_and_the_rest() -> None:
    """Elements that are not enabled count as unspecified; groups that are kept follow the profile."""
    made = converted(
        element("00080060", "@keep()"),
        element("00100040", "@empty()"),
        element("00080070", "@keep()", "F"),
        '<k en="T" t="0018">x</k>',
        '<k en="T" t="safeprivateelements">x</k>',
        '<k en="T" t="0019">x</k>',
        '<r en="T" t="privategroups">x</r>',
        '<r en="T" t="unspecifiedelements">x</r>',
    )
    before, done = dataset(), output(sample(), plan_of(made))
    assert made.options == ("RetainSafePrivate",)
    assert missing(made) == [(8, "group 0019")]
    assert (done.Modality, done.PatientSex) == (before.Modality, "")
    assert "Manufacturer" not in done
    assert "PatientAge" not in done
    assert (done.KVP, done.Rows, done.PixelData) == (before.KVP, before.Rows, before.PixelData)


def test_the_rest_stays_with_ctp() -> None:
    made = converted(element("00080060", "@keep()"), '<r en="F" t="unspecifiedelements">x</r>')
    assert [note.subject for note in made.notes if "follow the profile" in note.reason] == ["attributes without a rule"]
    assert output(sample(), plan_of(made)).Manufacturer == dataset().Manufacturer


def test_the_later_rule_applies() -> None:
    made = converted(element("00100040", "@keep()"), element("00100040", "@remove()"))
    assert header(made) == ["REMOVE PatientSex"]


def test_properties() -> None:
    """The older form of scripts, with Java's escapes."""
    text = "\n".join(
        [
            "# a comment",
            "param.SITEID=7",
            "set.[0010,0040]PatientSex=@keep()",
            "#set.[0008,0070]Manufacturer=@keep()",
            "set.[0008,0080]InstitutionName=Site \\",
            "   @param(@SITEID) \\u0041",
            'set.[0008,1030]StudyDescription=@contents(this,"\\\\d")',
            "set.[0010,4000]PatientComments=@skip()",
            "keep.group0018=",
            "remove.privategroups=",
        ]
    )
    made = from_ctp("a.properties", text, functions=True)
    assert header(made)[:2] == ["KEEP PatientSex", "REPLACE InstitutionName Site 7 A"]
    assert [line for line, _ in missing(made)] == [8]
    before = dataset()
    before.StudyDescription = "Head 12"
    assert output(file_of(before), plan_of(made)).StudyDescription == "Head"


def test_the_rsna_anonymizer() -> None:
    """Names without parentheses; an empty rule keeps; what is not named goes."""
    made = converted(
        element("00080005", ""),
        element("00080016", ""),
        element("00080018", "@uid"),
        element("0020000D", "@uid"),
        element("00080020", "@hashdate(this,PatientID)"),
        element("00080050", "@acc"),
        element("00080060", ""),
        element("00100010", "@ptid"),
        element("00100020", "@ptid"),
        element("00101010", "@round(this,10)"),
        element("00080070", "@remove()"),
        rsna=True,
    )
    assert made.whole
    before, done = dataset(), output(sample(), plan_of(made))
    assert done.Modality == before.Modality
    assert done.PatientID == done.PatientName == IDENTITIES.patient_id(Patient(before.PatientID, ""))
    assert "Manufacturer" not in done
    assert "StationName" not in done
    assert "StudyTime" not in done or done.StudyTime == ""


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("<script><e", "not well-formed"),
        ("<configuration/>", "its root is <configuration>"),
        ('<!DOCTYPE script [<!ENTITY a "b">]><script/>', "document type"),
        ("<script><x/></script>", "<x> is not a rule"),
        ("<script></script>", "no rule"),
        ("some text", "no rule"),
    ],
)
def test_what_is_no_script(text: str, problem: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        from_ctp("a.script", text, functions=False)
    assert problem in caught.value.problem
