"""Write deidentify/tables/syllables_of_vietnam.txt: the syllables of which the words of Vietnamese are made.

python -m scripts.vietnamese_syllables SOURCES       writes it

SOURCES is a folder with Debian's hunspell-vi (GPL-2+), unpacked; it is not a dependency of SendIt. Family names
that are no words are left out.
"""

from __future__ import annotations

import re
import sys
import textwrap
import unicodedata
from pathlib import Path

from scripts.terms import TABLES

_SYLLABLE = re.compile("[a-zà-ỹđ]{1,7}")
_FAMILIES = frozenset(["nguyễn", "huỳnh", "đặng", "bùi", "trịnh", "phạm", "ngô", "võ", "nghiêm"])
_HEAD = """# Syllables of which the words of Vietnamese are made, with their marks. Many are names with a capital;
# they count in texts of Vietnam alone, in small letters or at the beginning (scripts/vietnamese.py).
# Written by python -m scripts.vietnamese_syllables, from Debian's hunspell-vi (GPL-2+).
"""
#: The tone on the second of two vowels at the end, where others write it on the first one: hoá, hóa; tuỵ, tụy.
_TONE = re.compile("(?<!q)([ou])([aeyàáảãạèéẻẽẹỳýỷỹỵ])$")


def _with_tone_before(match: re.Match[str]) -> str:
    second = unicodedata.normalize("NFD", match[2])
    return unicodedata.normalize("NFC", f"{match[1]}{second[1:]}{second[0]}")


def main(root: Path) -> None:
    """Write the table."""
    lines = next((root / "hunspell-vi").rglob("vi_VN.dic")).read_text("utf-8").splitlines()[1:]
    words = (unicodedata.normalize("NFC", line.partition("/")[0].strip()) for line in lines)
    syllables = {word for word in words if _SYLLABLE.fullmatch(word)} - _FAMILIES
    found = sorted(syllables | {_TONE.sub(_with_tone_before, word) for word in syllables})
    (TABLES / "syllables_of_vietnam.txt").write_text(_HEAD + textwrap.fill(" ".join(found), 160) + "\n", "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
