"""Write deidentify/tables/languages_and_countries.txt: what languages and countries are called, by their codes.

python -m scripts.languages_and_countries       writes it; needs Debian's iso-codes and PyPI's babel (no dependencies)

DICOM's CID 5000 takes its codes from RFC 5646, CID 5001 from ISO 3166-1. Names are those of ISO (iso-codes, LGPL-2.1+)
and of Unicode's CLDR (babel; Unicode licence) in the languages that reports are written in, and in the language itself.
"""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scripts.terms import TABLES

if TYPE_CHECKING:
    from collections.abc import Iterator

_ISO = Path("/usr/share/iso-codes/json")
_READERS_TEXT = "en de fr es pt it nl sv da nb fi pl cs hu ro tr ru uk el ja zh ko"
_READERS = tuple(_READERS_TEXT.split())
#: What these countries are called, too.
_ALSO = {
    "GB": ["UK", "Great Britain"],
    "US": ["US", "USA", "U.S.", "United States of America"],
    "KR": ["South Korea", "Korea"],
    "CZ": ["Czech Republic"],
    "TR": ["Turkey"],
}
_HEAD = """\
# Codes of languages (ISO 639) and countries (ISO 3166-1), and what they are called: in English, in the languages
# that reports are written in, and in the language itself.
# Written by python -m scripts.languages_and_countries, which names its sources.
"""


def _locale(name: str) -> Any:
    return importlib.import_module("babel").Locale.parse(name)


def languages() -> Iterator[str]:
    """Yield a line for every language."""
    readers = [_locale(name) for name in _READERS]
    for one in json.loads((_ISO / "iso_639-2.json").read_text("utf-8"))["639-2"]:
        short = one.get("alpha_2") or one["alpha_3"]
        if not short.isalpha():  # a range of codes for private use
            continue
        names = [one["name"].split(";")[0], *(name.strip() for name in one["name"].split(";")[1:])]
        names += [reader.languages.get(short, "") for reader in (readers if len(short) == 2 else readers[:1])]
        try:
            names.append((_locale(short).get_display_name() or "").partition(" (")[0])
        except importlib.import_module("babel").UnknownLocaleError:
            pass
        yield _line([one.get("alpha_2"), one["alpha_3"], one.get("bibliographic")], names)


def countries() -> Iterator[str]:
    """Yield a line for every country."""
    readers = [_locale(name) for name in _READERS]
    for one in json.loads((_ISO / "iso_3166-1.json").read_text("utf-8"))["3166-1"]:
        code = one["alpha_2"]
        names = [one["name"], one.get("common_name", ""), one.get("official_name", "")]
        names += [reader.territories.get(code, "") for reader in readers]
        yield _line([code, one["alpha_3"], one["numeric"]], [*names, *_ALSO.get(code, ())])


def _line(codes: list[str | None], names: list[str]) -> str:
    return f"{' '.join(filter(None, codes))}: {' | '.join(dict.fromkeys(filter(None, names)))}"


if __name__ == "__main__":
    lines = [_HEAD.rstrip(), "[languages]", *languages(), "[countries]", *countries()]
    (TABLES / "languages_and_countries.txt").write_text("\n".join(lines) + "\n", "utf-8")
