"""Every file and command of docs/coming-from.md, in their order: what is printed is what stands there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.documents import BLOCK, DOCS, run_section, sections

if TYPE_CHECKING:
    from pathlib import Path

TEXT = (DOCS / "coming-from.md").read_text("utf-8")
SECTIONS = list(sections(TEXT))


@pytest.mark.parametrize(("title", "content"), SECTIONS, ids=[title for title, _ in SECTIONS])
def test_a_section(title: str, content: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert run_section(content)


def test_the_whole_page_is_read() -> None:
    """No block stands outside of a section, and no section is without a table."""
    assert "```" not in TEXT.split("\n## ")[0]
    assert sum(content.count("```") for _, content in SECTIONS) == 2 * len(BLOCK.findall(TEXT))
    assert all("| --- | --- |" in content for _, content in SECTIONS)
    assert [title for title, _ in SECTIONS] == [
        "Coming from CTP",
        "Coming from pydicom/sendit",
        "Coming from the RSNA Anonymizer",
        "Coming from dicom-anonymizer",
        "Coming from deid",
        "Coming from Orthanc's /anonymize",
    ]
