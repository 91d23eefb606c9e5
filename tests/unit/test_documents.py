"""What README.md and docs/ show works: commands exist with their options, configurations are valid, recipes pass."""

from __future__ import annotations

import ast
import io
import re
import shlex
import tomllib
from datetime import date
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import json5
import pydicom
import pytest
import typer
import yaml
from pydicom.dataset import Dataset

import sendit_verify
from sendit import __version__
from sendit.api.schemas import Problem
from sendit.cli.app import app
from sendit.config.schema import load
from sendit.deidentify import FunctionsText, RecipeText, compile_plan, deidentify
from sendit.deidentify.options import PRESETS, Option, with_presets
from sendit.importer.cohort.cohort_list import read_list
from sendit.model import BatchState, Quarantined, Rejected, Released
from tests.documents import BLOCK, DOCS, run_section, sections
from tests.unit.deidentify.samples import IDENTITIES, dataset, file_of, output

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ROOT = DOCS.parent
#: Pages whose blocks are run by tests of their own.
RUN = {"coming-from.md", "cookbook.md"}
PAGES = {
    str(page.relative_to(ROOT)): page.read_text("utf-8") for page in [ROOT / "README.md", *sorted(DOCS.glob("*.md"))]
}
_FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`(sendit(?:-verify)? [a-z-][^`]*)`")
#: A command within a line of a shell: behind a prompt, a variable, a folder or another command.
_CALL = re.compile(r"(?:^|[\s/;&])(sendit(?:-verify)? [^\s=].*)$")
_COMMAND = typer.main.get_command(app)
_COOKBOOK = list(sections(PAGES["docs/cookbook.md"]))


def _blocks(text: str) -> Iterator[tuple[str, str]]:
    for match in _FENCE.finditer(text):
        yield match[2], re.sub(rf"^{match[1]}", "", match[3], flags=re.MULTILINE)


def _of_kind(*kinds: str) -> list[Any]:
    """Each block of a kind on the pages that are not run, as a parameter of a test."""
    return [
        pytest.param(content, id=f"{page}-{number}")
        for page, text in PAGES.items()
        if Path(page).name not in RUN
        for number, (kind, content) in enumerate(_blocks(text))
        if kind in kinds
    ]


def _calls(text: str) -> Iterator[tuple[str, bool]]:
    """Yield each command of a page, and whether it is written out (not only named within a sentence)."""
    for kind, content in _blocks(text):
        if kind in ("", "sh", "console"):
            for line in content.splitlines():
                if match := _CALL.search(line):
                    yield match[1], True
    for match in _INLINE.finditer(_FENCE.sub("", text)):
        yield match[1], False


def _words(call: str) -> list[str]:
    """Return the words of the command: without brackets of a synopsis, comments, and what it is piped to."""
    call = re.split(r"\s{3,}", re.sub(r"\$\(.*?\)", "X", call))[0]
    lexer = shlex.shlex(call.replace("[", "").replace("]", ""), posix=True, punctuation_chars=";|&>")
    lexer.whitespace_split = True
    return list(takewhile(lambda word: word[0] not in ";|&>", (word or "X" for word in lexer)))


def _check(words: list[str], *, whole: bool) -> None:
    """Find the command, and have its own parser take the rest; of a whole command, nothing required may be missing."""
    if words[0] == "sendit-verify":
        sendit_verify._arguments(words[1:])
        return
    command: Any = _COMMAND
    rest = words[1:]
    while rest and hasattr(command, "commands") and not rest[0].startswith("-"):
        assert rest[0] in command.commands, f"no command {rest[0]}"
        command = command.commands[rest.pop(0)]
    context = command.context_class(command, info_name=command.name)
    given, left, _ = command.make_parser(context).parse_args(list(rest))
    assert not left, f"too many words: {left}"
    missing = [each.name for each in command.params if each.required and given.get(each.name) in (None, ())]
    assert not (whole and missing), f"missing: {missing}"


@pytest.mark.parametrize("page", PAGES)
def test_every_command_exists_with_its_options(page: str) -> None:
    for call, whole in _calls(PAGES[page]):
        _check(_words(call), whole=whole)


def _parsed(block: str) -> Iterator[dict[str, Any]]:
    """Yield the members of a fragment; paragraphs that stand for themselves are alternatives."""
    parts = block.split("\n\n") if not block.lstrip().startswith("{") else [block]
    for part in parts if all(re.match(r'\s*"', each) for each in parts) else [block]:
        text = part if part.lstrip().startswith("{") else f"{{{part}\n}}"
        yield json5.loads(re.sub(r"\$\{\w+\}", "https://example.org/secret", text))  # as Orthanc replaces variables


def _configuration(fragment: dict[str, Any]) -> dict[str, Any]:
    """Return a whole configuration of Orthanc around a fragment: where it stands is known by its keys."""
    orthanc: dict[str, Any] = {
        key: fragment.pop(key)
        for key in ("SendIt", "DicomModalities", "OrthancPeers", "AuthenticationEnabled", "Authorization")
        if key in fragment
    }
    section = orthanc.setdefault("SendIt", {})
    for key, value in fragment.items():
        if key == "Index":
            bucket = {
                "Type": "GoogleCloudStorage",
                "Bucket": "bucket",
                "Credentials": {"Source": "Anonymous"},
                "Index": value,
            }
            section.setdefault("Destinations", {})["bucket"] = bucket
        elif key in (
            "Destinations",
            "Projects",
            "PullSources",
            "Alarms",
            "Log",
            "Tracing",
            "Roles",
            "WatchedFolders",
            "Retention",
        ):
            section[key] = value
        elif isinstance(value, dict) and "Type" in value:
            section.setdefault("Destinations", {})[key] = value
        elif isinstance(value, dict) and "Options" in value:
            section.setdefault("Projects", {})[key] = value
        else:
            section.setdefault("Projects", {}).setdefault("P", {})[key] = value
    return _completed(orthanc)


def _completed(orthanc: dict[str, Any]) -> dict[str, Any]:
    """Add what a fragment only names: peers, modalities, destinations."""
    section = orthanc["SendIt"]
    destinations = section.setdefault("Destinations", {})
    for name, project in section.get("Projects", {}).items():
        for part in [project, *project.get("Variants", {}).values()]:
            for wanted in part.setdefault("Destinations", ["out"]):
                destinations.setdefault(wanted, {"Type": "Folder", "Path": f"/mnt/{name}/{wanted}"})
    for settings in destinations.values():
        if settings["Type"] == "OrthancPeer":
            orthanc.setdefault("OrthancPeers", {})[settings["Peer"]] = ["http://127.0.0.1:8043/", "user", "password"]
    for source in section.get("PullSources", {}):
        orthanc.setdefault("DicomModalities", {})[source] = ["PACS", "127.0.0.1", 104]
    return orthanc


@pytest.mark.parametrize("block", _of_kind("json", "jsonc"))
def test_every_configuration_is_valid(block: str) -> None:
    for fragment in _parsed(block):
        if "cure" in fragment:
            Problem.model_validate(fragment)
        else:
            load(_configuration(fragment))


def test_a_wrong_key_of_a_fragment_is_found() -> None:
    """Wherever the fragment stands in a configuration."""
    for block in (
        '"Log": {"LevelX": "Info"}',
        '"IRB1": {"Options": [], "Match": {"ModalityX": ["CT"]}}',
        '"CrosswalkX": true',
    ):
        with pytest.raises(Exception, match=r"LevelX|ModalityX|CrosswalkX"):
            load(_configuration(next(_parsed(block))))


@pytest.mark.parametrize("block", _of_kind("python"))
def test_every_program_can_be_read(block: str) -> None:
    ast.parse(block)


@pytest.mark.parametrize("block", _of_kind("csv"))
def test_every_cohort_list_is_right(block: str) -> None:
    assert read_list(block)


@pytest.mark.parametrize("block", _of_kind("yaml"))
def test_every_yaml_can_be_read(block: str) -> None:
    assert yaml.safe_load(block)


@pytest.mark.parametrize(
    "block", [block for page in PAGES.values() for kind, block in _blocks(page) if kind == "" and "%header" in block]
)
def test_every_recipe_passes(block: str) -> None:
    text = block if block.startswith("FORMAT") else f"FORMAT dicom\n\n{block}"
    compile_plan((), [RecipeText("page.deid", text)])


def test_the_blocks_are_found() -> None:
    """Of each kind there are some: a test without a case checks nothing."""
    assert len(_of_kind("json", "jsonc")) > 15
    assert sum(whole for page in PAGES.values() for _, whole in _calls(page)) > 30
    assert (
        len(
            {
                content
                for page in PAGES.values()
                for kind, content in _blocks(page)
                if kind == "" and "%header" in content
            }
        )
        == 2
    )


@pytest.mark.parametrize(
    "call",
    [
        "sendit bathces",
        "sendit batches --stat DONE",
        "sendit recall --why x",
        "sendit certificate",
        "sendit status now",
    ],
)
def test_a_wrong_command_is_found(call: str) -> None:
    with pytest.raises(Exception, match=r"bathces|--stat|--why|missing|too many"):
        _check(_words(call), whole=True)


@pytest.mark.parametrize(("title", "content"), _COOKBOOK, ids=[title for title, _ in _COOKBOOK])
def test_a_recipe_of_the_cookbook_passes(
    title: str, content: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each section has a recipe, and its check says ok."""
    monkeypatch.chdir(tmp_path)
    assert run_section(content) == 1


def _recipe_of_cookbook(name: str) -> list[RecipeText | FunctionsText]:
    """Return the recipe of this name, and the functions of its section."""
    files = {
        block["name"]: block["content"]
        for _, content in _COOKBOOK
        for block in BLOCK.finditer(content)
        if block["name"]
    }
    functions = [FunctionsText("functions.py", files["functions.py"])] if "func:age" in files[name] else []
    return [RecipeText(name, files[name]), *functions]


def _outcome(recipe: str, options: Sequence[Option] = (), **values: Any) -> Released | Rejected | Quarantined:
    """De-identify a CT image that has these values by a recipe of the cookbook."""
    original = dataset()
    for keyword, value in values.items():
        setattr(original, keyword, value)
    return deidentify(file_of(original), compile_plan(options, _recipe_of_cookbook(recipe)), IDENTITIES)


def _after(recipe: str, options: Sequence[Option] = (), **values: Any) -> Dataset:
    outcome = _outcome(recipe, options, **values)
    assert isinstance(outcome, Released), outcome
    return pydicom.dcmread(io.BytesIO(b"".join(outcome.chunks)))


def test_recipes_of_the_cookbook_keep_write_and_remove() -> None:
    after = _after("keep.deid", PatientSex="F", PatientAge="045Y", SeriesDescription="T1 axial")
    assert (after.PatientSex, after.PatientAge, after.SeriesDescription) == ("F", "045Y", "T1 axial")
    assert _after("keep.deid", PatientAge="093Y").PatientAge == "093Y"
    assert isinstance(
        _outcome("keep.deid", PatientName="Quennsbury^Anna", SeriesDescription="Quennsbury T1"), Quarantined
    )
    after = _after("trial.deid", InstitutionName="General Infirmary")
    assert (after.ClinicalTrialProtocolID, after.InstitutionName) == ("IRB-2026-014", "Site 4")
    assert after.ClinicalTrialSubjectID == after.PatientID
    after = _after(
        "less.deid",
        [Option(name) for name in with_presets(["Research"])],
        PatientSize=1.7,
        PatientWeight=70,
        PatientSex="F",
        PatientAge="045Y",
    )
    assert (after.PatientSex, after.PatientAge) == ("", "045Y")
    assert not {"PatientSize", "PatientWeight", "EthnicGroup"} & set(after.dir())
    assert _after("bands.deid", PatientAge="045Y").PatientAge == "040Y"
    assert _after("bands.deid", PatientAge="011M").PatientAge == "000Y"


def test_recipes_of_the_cookbook_shift_code_and_search() -> None:
    after = _after("dates.deid", StudyDate="20240115", SeriesDate="20240118")
    study, series = date.fromisoformat(after.StudyDate), date.fromisoformat(after.SeriesDate)
    assert ((series - study).days, study.weekday(), study < date(2023, 2, 1)) == (3, date(2024, 1, 15).weekday(), True)
    other = Dataset()
    other.PatientID = "MRN-4711"
    after = _after("others.deid", OtherPatientIDs="MRN-4711", OtherPatientIDsSequence=[other])
    assert after.OtherPatientIDs == after.OtherPatientIDsSequence[0].PatientID != "MRN-4711"
    named = {"PatientName": "Quennsbury^Anna", "SeriesDescription": "Quennsbury axial", "StudyDescription": "axial"}
    after = _after("values.deid", [Option.CLEAN_DESCRIPTORS], **named)
    assert "SeriesDescription" not in after
    assert after.StudyDescription == "axial"


def test_recipes_of_the_cookbook_for_private_data_and_images() -> None:
    private = dataset()
    private.private_block(0x0019, "SIEMENS MR HEADER", create=True).add_new(0x0C, "IS", "800")
    by = compile_plan([], _recipe_of_cookbook("private.deid"))
    assert output(file_of(private), by).private_block(0x0019, "SIEMENS MR HEADER")[0x0C].value == 800
    assert isinstance(_outcome("captures.deid", ImageType=["DERIVED", "SECONDARY", "SCREEN SAVE"]), Rejected)
    assert isinstance(_outcome("captures.deid", SeriesDescription="Dose Report"), Rejected)
    assert isinstance(_outcome("captures.deid"), Released)
    device: dict[str, Any] = {"Manufacturer": "Acme", "ManufacturerModelName": "Sono 100"}
    pixels = _after("region.deid", [Option.CLEAN_PIXEL_DATA], **device).pixel_array
    assert (pixels[:60] == pixels.min()).all()
    assert (pixels[60:] == dataset().pixel_array[60:]).all()
    assert isinstance(_outcome("region.deid", **device), Rejected)


def test_concepts_name_every_state() -> None:
    missing = [
        state for state in BatchState if not re.search(rf"^\| {state} \|", PAGES["docs/concepts.md"], re.MULTILINE)
    ]
    assert not missing


@pytest.mark.parametrize("preset", PRESETS)
def test_presets_are_listed_with_their_options(preset: str) -> None:
    detail = PAGES["docs/presets.md"].partition(f"## {preset} in detail")[2].partition("\n## ")[0]
    assert re.findall(r"^\| `(\w+)` \|", detail, re.MULTILINE) == [str(option) for option in PRESETS[preset]]


def test_every_place_names_the_same_version() -> None:
    """The package, and the image in the commands and manifests that are copied."""
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"] == __version__
    manifest = yaml.safe_load((ROOT / "deploy" / "kubernetes" / "kustomization.yaml").read_text())
    images = [tag for page in PAGES.values() for tag in re.findall(r"\bsendit:(\d[\w.]*)", page)]
    assert {manifest["images"][0]["newTag"], *images} == {__version__}
    assert len(images) == 2
