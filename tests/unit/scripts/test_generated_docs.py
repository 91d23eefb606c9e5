"""The generated pages of the documentation match the code."""

from __future__ import annotations

import re
from itertools import combinations
from pathlib import Path

import json5
import pytest

from scripts import commands_docs, configuration_docs, man_page, profile_docs, summary_docs, vendors_docs
from scripts.wording import Part, plans, word
from sendit.config.schema import Option, load
from sendit.deidentify import compile_plan
from sendit.errors import Misconfigured

ROOT = Path(__file__).parents[3]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = sorted(path for path in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
ORDER = ("kept", "items processed", "shifted by whole weeks", "cleaned")


@pytest.mark.parametrize("part", [summary_docs.part(), *profile_docs.parts()], ids=lambda part: part.name)
def test_the_generated_parts_are_what_the_code_decides(part: Part) -> None:
    """Else call the script that the mark names: python -m scripts.summary_docs, python -m scripts.profile_docs."""
    text = part.path.read_text(encoding="utf-8")
    assert part.renewed(text) == text


def test_the_profile_is_what_the_code_executes() -> None:
    """Else call: python -m scripts.profile_docs."""
    assert profile_docs.PROFILE.read_text(encoding="utf-8") == profile_docs.generate()


def test_the_configuration_reference_is_that_of_the_models() -> None:
    """Else call: python -m scripts.configuration_docs."""
    assert configuration_docs.DOCUMENT.read_text(encoding="utf-8") == configuration_docs.generate()


def test_the_page_of_vendors_is_that_of_the_lists() -> None:
    """Else call: python -m scripts.vendors_docs."""
    assert vendors_docs.DOCUMENT.read_text(encoding="utf-8") == vendors_docs.generate()


def test_the_command_reference_is_that_of_the_command_line() -> None:
    """Else call: python -m scripts.commands_docs."""
    assert commands_docs.DOCUMENT.read_text(encoding="utf-8") == commands_docs.generate()


def test_the_manual_page_is_that_of_the_command_line() -> None:
    """Else call: python -m scripts.man_page."""
    page = man_page.DOCUMENT.read_text(encoding="utf-8")
    assert page == man_page.generate()
    assert not [line for line in page.splitlines() if line.startswith("'") or line.strip() == ""]


def test_every_option_is_explained() -> None:
    """A new one has no place in the table without a sentence."""
    assert set(profile_docs.OPTIONS) == set(Option)


def test_every_listed_attribute_has_a_row() -> None:
    """657 rows of Table E.1-1, less four that are patterns."""
    rows = [line for line in profile_docs.generate().splitlines() if line.count("|") == 7 and "(" in line]
    assert len([line for line in rows if line.startswith("| ") and "| Tag |" not in line]) == 653


def test_which_option_goes_first() -> None:
    """As docs/profile.md states: keeping, then shifting, then cleaning; for every compatible pair."""
    basic, known = compile_plan([], []), plans()
    for pair in combinations(known, 2):
        try:
            both = compile_plan(list(pair), [])
        except Misconfigured:
            continue
        for tag, rule in both.rules.items():
            before = word(basic.rules.get(tag))
            wished = {word(known[option].rules.get(tag)) for option in pair} - {before}
            first = next((found for found in ORDER if found in wished), before)
            assert word(rule) == first, (pair, hex(tag))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_exists(page: Path) -> None:
    """Links to files of the checkout, and to their headings."""
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, heading = target.partition("#")
        linked = (page.parent / name).resolve() if name else page
        assert linked.exists(), target
        if heading:
            titles = re.findall(r"^#+ (.+)$", linked.read_text(encoding="utf-8"), re.MULTILINE)
            slugs = [re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles]
            assert heading in slugs, target


def test_the_readme_is_short_and_names_files_that_exist() -> None:
    """At most 120 lines; each file below the boxes is in plugin/sendit."""
    assert len(README.splitlines()) <= 120
    boxes = README.partition("└──")[2].partition("```")[0]
    for name in re.findall(r"[a-z_]+/[a-z_*/]*(?:\.py)?", boxes):
        assert list((ROOT / "plugin" / "sendit").glob(name.rstrip("/"))), name


def test_the_configuration_of_the_readme_is_valid() -> None:
    """As it stands there, with the peer that it names."""
    section = README.partition("```jsonc\n")[2].partition("```")[0]
    document = json5.loads("{" + section + "}")
    settings, _ = load({**document, "OrthancPeers": {"research": ["http://127.0.0.1:8043/", "user", "password"]}})
    assert list(settings.projects) == ["IRB12345"]
