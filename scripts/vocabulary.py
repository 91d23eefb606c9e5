"""Write the first section of plugin/sendit/deidentify/tables/vocabulary.txt: the standard's own words.

python -m scripts.vocabulary          writes it

These are the words of two letters and more in the names of PS3.6's attributes, and in the meanings of PS3.16's codes:
words that occur in four meanings and more, and all words of the groups about body parts and procedures. Left out are
breeds of animals, and capitalised words in SNOMED's meanings of several words: they are names of people and places,
which a patient may have, too.
"""

from __future__ import annotations

import re
import textwrap
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from pydicom._dicom_dict import DicomDictionary, RepeatersDictionary
from pydicom.sr._cid_dict import cid_concepts, name_for_cid
from pydicom.sr._concepts_dict import concepts

if TYPE_CHECKING:
    from collections.abc import Iterator

TABLE = Path(__file__).parents[1] / "plugin" / "sendit" / "deidentify" / "tables" / "vocabulary.txt"
BEGIN = "[standard]\n"
END = "\n["

_WORD = re.compile(r"[a-z]{2,}")
_NAMED = re.compile(r"\b[A-Z][a-z]{2,}\b")
_BODY = re.compile("Anatom|BodyPart|Procedure|Region|Bone|Vessel|Arter|Vein|Joint")
_FEWEST_MEANINGS = 4
#: Inventors in the names of several methods.
_SURNAMES = {"barrett", "campbell", "meyer", "wolf"}


def _group(pattern: re.Pattern[str]) -> set[tuple[str, str]]:
    """Return scheme and keyword of every code in the context groups whose names match."""
    groups = [cid for cid, name in name_for_cid.items() if pattern.search(name)]
    return {(scheme, word) for cid in groups for scheme, words in cid_concepts[cid].items() for word in words}


def _meanings() -> Iterator[tuple[tuple[str, str], str]]:
    breeds = _group(re.compile("Breed"))
    for scheme, named in concepts.items():
        for keyword, codes in named.items():
            if (scheme, keyword) in breeds:
                continue
            for meaning, _ in dict(codes).values():  # type: ignore[call-overload]
                text = _NAMED.sub("", meaning) if scheme == "SCT" and " " in meaning else meaning
                yield (scheme, keyword), text


def words() -> list[str]:
    """Return the words in alphabetical order."""
    found = {
        word
        for _, _, name, _, _ in (*DicomDictionary.values(), *RepeatersDictionary.values())
        for word in _WORD.findall(name.lower())
    }
    counts: Counter[str] = Counter()
    body = _group(_BODY)
    for code, meaning in _meanings():
        here = set(_WORD.findall(meaning.lower()))
        counts.update(here)
        if code in body:
            found |= here
    found |= {word for word, count in counts.items() if count >= _FEWEST_MEANINGS}
    return sorted(found - _SURNAMES)


def renewed(text: str) -> str:
    """The table with the standard's words as pydicom has them now."""
    before, rest = text.split(BEGIN)
    after = rest.partition(END)[2]
    return f"{before}{BEGIN}{textwrap.fill(' '.join(words()), 119)}\n{END}{after}"


if __name__ == "__main__":
    TABLE.write_text(renewed(TABLE.read_text(encoding="utf-8")), encoding="utf-8")
