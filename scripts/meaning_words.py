"""Write deidentify/tables/meaning_words.txt: words that stand in the names of findings, diseases and structures.

python -m scripts.meaning_words SOURCES       writes it; needs the program zstd

SOURCES is the folder of `scripts.terms`, which has the unpacked PyPI package cellxgene-ontology-guide, too. Words of
small letters are everyday words, many of them family names (harm, rider, rump); words with a capital are names of
people and places. Both count in the meaning of a code only, if the code is one of its scheme (text/meanings.py).
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import textwrap
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from scripts.terms import TABLES
from sendit.deidentify.retained.coded_concepts import all_meanings
from sendit.deidentify.text import vocabulary

if TYPE_CHECKING:
    from collections.abc import Iterator

_HEAD = """# Words in the names of findings, diseases and structures. [small] In small letters, and as the first word;
# [names] names of people and places, with a capital. They count in meanings of codes only: text/meanings.py.
# Written by python -m scripts.meaning_words, from MONDO (CC BY 4.0) and UBERON (CC BY 3.0) as PyPI's
# cellxgene-ontology-guide has them, ICD-10-CM (public domain) in PyPI's simple-icd-10-cm, and PS3.16 in pydicom.
"""
_SHORTEST = 4
_OFTEN = 3


def ontology(root: Path, name: str, *, synonyms: bool = False) -> Iterator[str]:
    """Yield the names of an ontology; those that are synonyms are less carefully written."""
    path = max((root / "cellxgene_ontology_guide").rglob(f"{name}-ontology-*.json.zst"))
    text = subprocess.run(["zstd", "-dc", path], check=True, capture_output=True).stdout
    for one in json.loads(text).values():
        yield from () if one.get("deprecated") else one.get("synonyms", ()) if synonyms else (one["label"],)


def labels(root: Path) -> Iterator[str]:
    """Yield the names of the sources that write names of people with a capital."""
    yield from ontology(root, "UBERON")
    path = next((root / "simple_icd_10_cm").rglob("icd10c-tabular-*.xml"))
    yield from (element.text or "" for element in ElementTree.parse(path).iter() if element.tag == "desc")
    yield from all_meanings()


def words(root: Path) -> dict[str, list[str]]:
    """Return the words by section."""
    small = {word for label in labels(root) for word in _small_words(label)}
    diseases = list(ontology(root, "MONDO"))
    counted = Counter(word for label in diseases for word in _small_words(label))
    small |= {word for word, times in counted.items() if times >= _OFTEN}  # some of its names are in small letters
    names: set[str] = set()
    for label in (*labels(root), *ontology(root, "UBERON", synonyms=True), *diseases):
        names.update(re.findall(r"(?<=[ \-/\[(])[A-ZÀ-Þ][a-zà-ÿ]{2,}(?!\w)", label))
        if re.match(r"[A-ZÀ-Þ][a-zà-ÿ]+(?:-[A-ZÀ-Þ][a-zà-ÿ]+)* [a-z]+", label):
            names.update(re.findall(r"(?:^|(?<=-))[A-ZÀ-Þ][a-zà-ÿ]{2,}(?=-[A-Z]| [a-z])", label))
    return {
        "small": sorted(word for word in small if not vocabulary.is_no_name(word)),
        "names": sorted({name.lower() for name in names if not vocabulary.is_no_name(name)} - small),
    }


def _small_words(label: str) -> Iterator[str]:
    return iter(re.findall(rf"(?<![\w'])[a-zà-ÿ]{{{_SHORTEST},}}(?!\w)", label))


def main(root: Path) -> None:
    """Write the table."""
    lines = [_HEAD.rstrip()]
    for section, found in words(root).items():
        lines += [f"[{section}]", *textwrap.wrap(" ".join(found), 147)]
    (TABLES / "meaning_words.txt").write_text("\n".join(lines) + "\n", "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
