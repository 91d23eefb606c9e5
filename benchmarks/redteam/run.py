"""Counts what of plausible texts leaves: identifying pieces that stay, and harmless texts that do not stay as they are.

`python -m benchmarks redteam` writes docs/benchmarks/redteam.md; with `--list seventh` it scores that list alone and
writes nothing, and with `--texts` it prints what leaked and was lost, too. Hardly any attribute of the files names
anybody: the texts decide. Whole instances go through `deidentify`, with the options for research.
"""

from __future__ import annotations

import io
import re
import unicodedata
import warnings
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import pydicom
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue

from benchmarks.codes import OPTIONS, UNKNOWN, file_of, phrases_of, plan_of
from benchmarks.leaks.corpus import lenient
from sendit.deidentify import KeyedIdentities, Plan, deidentify
from sendit.deidentify.plan import Action
from sendit.model import Released

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Iterator, Mapping, Sequence

_HERE = Path(__file__).parent
_PAGE_PATH = _HERE.parents[1] / "docs" / "benchmarks" / "redteam.md"
_NAMES = (
    *("first", "second", "third", "fourth", "fifth", "sixth"),
    *("seventh", "eighth", "ninth", "tenth", "eleventh", "twelfth"),
    *("thirteenth", "fourteenth", "fifteenth", "sixteenth", "seventeenth", "eighteenth"),
    *("nineteenth", "twentieth"),
)
LISTS: Mapping[str, Path] = {which: _HERE / f"{which}.txt" for which in _NAMES}
#: Leaked and lost before the rules were changed with any list (first, second), with the next two, and so on.
_BEFORE = {
    "first": (16, 80),
    "second": (21, 77),
    "third": (11, 37),
    "fourth": (11, 35),
    "fifth": (31, 22),
    "sixth": (13, 7),
    "seventh": (5, 58),
    "eighth": (6, 24),
    "ninth": (12, 61),
    "tenth": (7, 28),
    "eleventh": (19, 51),
    "twelfth": (13, 34),
    "thirteenth": (20, 24),
    "fourteenth": (33, 36),
    "fifteenth": (15, 21),
    "sixteenth": (9, 16),
    "seventeenth": (6, 57),
    "eighteenth": (7, 61),
    "nineteenth": (12, 16),
    "twentieth": (10, 15),
}
#: The same of the lists that were left unseen while the rules were changed with the one before.
_UNSEEN = {
    "second": (8, 35),
    "fourth": (10, 23),
    "sixth": (5, 7),
    "eighth": (5, 18),
    "tenth": (7, 24),
    "twelfth": (12, 27),
    "fourteenth": (33, 36),
    "sixteenth": (8, 16),
    "eighteenth": (3, 2),
    "twentieth": (8, 15),
}
#: Of the identifying.
MOST_LEAKED: Mapping[str, float] = {"first": 0.01, "second": 0.01, "third": 0.02, "fourth": 0.02} | {
    "fifth": 0.025,
    "sixth": 0.03,
    "seventh": 0.01,
    "eighth": 0.02,
    "ninth": 0.01,
    "tenth": 0.05,
    "eleventh": 0.05,
    "twelfth": 0.08,
    "thirteenth": 0.03,
    "fourteenth": 0.21,
    "fifteenth": 0.04,
    "sixteenth": 0.07,
    "seventeenth": 0.02,
    "eighteenth": 0.04,
    "nineteenth": 0.04,
    "twentieth": 0.07,
}
MOST_LOST: Mapping[str, float] = dict.fromkeys(LISTS, 0.1) | {
    "fifth": 0.12,
    "sixth": 0.15,
    "seventh": 0.15,
    "eighth": 0.25,
    "ninth": 0.15,
    "tenth": 0.25,
    "eleventh": 0.15,
    "twelfth": 0.22,
    "thirteenth": 0.1,
    "fourteenth": 0.25,
    "fifteenth": 0.1,
    "sixteenth": 0.15,
    "seventeenth": 0.05,
    "eighteenth": 0.05,
    "nineteenth": 0.1,
    "twentieth": 0.13,
}
_PIECE = re.compile("«(.*?)»")
_PATIENT = re.compile("^@patient (.*)$", re.MULTILINE)
#: The attributes that stand in an item of a sequence.
_WITHIN = {
    "TextValue": "ContentSequence",
    "CodeMeaning": "PurposeOfReferenceCodeSequence",
    "UnformattedTextValue": "TextObjectSequence",
    "ROIName": "StructureSetROISequence",
}
_SEVERAL = frozenset(
    ["ImageType", "ScanOptions", "SoftwareVersions", "ConvolutionKernel", "WindowCenterWidthExplanation"]
)
#: Vowel signs and accents: to `re` they are no letters, and would cut words of Hindi or Thai into pieces.
_SIGNS = "".join(sign for sign in map(chr, range(0x300, 0x3000)) if unicodedata.category(sign).startswith("M"))
_LETTER = rf"(?:[^\W\d_]|[{_SIGNS}])"
_TOKEN = re.compile(rf"\d+|{_LETTER}+")
_SPACED = re.compile(r"[\u0000-\u2fff]+")
#: Words within what identifies that say nothing about anybody: articles, titles, credentials.
_HARMLESS_TEXT = """
    of the le la de des das do dos da du el il am den der dei von van zu bin al on in at y e et and mr mrs ms
    miss master dr drs prof pr herr herrn hr frau oa mme mlle madame monsieur sr sra sig dott dottssa ssa na
    ra dhr mevr mw pani fru dña md do phd np ass arzt bey https http ftp www com org net de gmail st sankt
    card per req by for via with room ward bed clinic hospital general lab tel call host sn no nr signed rt
    infirmary surgery cubicle ubs ch nem spitalul județean
    klinikum praxis universitätsspital uid dated kollegen mbbch mbbs ffrad frcr frcp fracr facs rn
    年 月 日 년 월 일 号 號 ngày tháng năm bệnh viện bé bs مستشفى حي بیمارستان کودک خیابان پلاک ہسپتال בית חולים הילד
    अस्पताल बालक হাসপাতাল மருத்துவமனை ఆసుపత్రి હોસ્પિટલ ሆስፒታል โรงพยาบาล นพ พญ คุณ นาย นางสาว หมู่ อ จ ต
"""
_HARMLESS = frozenset(_HARMLESS_TEXT.split())


@dataclass(frozen=True, slots=True)
class Text:
    """One text, without its marks."""

    keyword: str
    text: str
    pieces: tuple[str, ...]  # that identify
    patient: str = ""  # whose file it is


@dataclass(slots=True)
class Result:
    """Of one list."""

    identifying: int = 0
    harmless: int = 0
    leaked: list[tuple[str, str]] = field(default_factory=list)  # text, what is left of it
    lost: list[tuple[str, str]] = field(default_factory=list)


def texts_of(which: str) -> list[Text]:
    """Return the texts of a list."""
    parts = _PATIENT.split(LISTS[which].read_text("utf-8"))
    return [
        Text(keyword, _PIECE.sub(r"\1", line), tuple(_PIECE.findall(line)), patient)
        for patient, part in zip(["", *parts[1::2]], parts[::2], strict=True)
        for keyword, lines in phrases_of(part).items()
        for line in lines
    ]


def measured(texts: Sequence[Text], options: str = "for research") -> Result:
    """De-identify the texts, and compare what is left of them."""
    found, plan = Result(), plan_of(options)
    for text, left in zip(texts, _cleaned(texts, plan), strict=True):
        if text.pieces:
            found.identifying += 1
            if left_of(text, left):
                found.leaked.append((text.text, left))
        elif _retained(text.keyword, plan):
            found.harmless += 1
            if left.strip() != text.text.strip():
                found.lost.append((text.text, left))
    return found


def left_of(text: Text, output: str) -> list[str]:
    """Return the words and numbers that identify and can be read in the output."""
    return [token for token in _telling(text) if _stays(token, output)]


def _telling(text: Text) -> Iterator[str]:
    """Yield the words and numbers that identify; not those that the text has elsewhere, too."""
    rest = text.text
    for piece in text.pieces:
        rest = rest.replace(piece, " ", 1)
    others = {token.lower() for token in _TOKEN.findall(rest)}
    for piece in text.pieces:
        for token in _TOKEN.findall(piece):
            if (len(token) > 1 or not _SPACED.match(token)) and token.lower() not in _HARMLESS | others:
                yield token


def _stays(token: str, left: str) -> bool:
    if not _SPACED.match(token):
        return token in left
    bounds = (r"(?<!\d)", r"(?!\d)") if token.isdigit() else (f"(?<!{_LETTER})", f"(?!{_LETTER})")
    return re.search(bounds[0] + re.escape(token) + bounds[1], left, re.IGNORECASE) is not None


def _retained(keyword: str, plan: Plan) -> bool:
    rule = plan.rules.get(tag_for_keyword(keyword) or 0)
    return rule is not None and rule.action in (Action.KEEP, Action.CLEAN)


def _cleaned(texts: Sequence[Text], plan: Plan) -> Iterator[str]:
    """Yield what is left of each text. Those of one patient stand in one file."""
    for patient, some in groupby(texts, lambda text: text.patient):
        several = list(some)
        with lenient(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # values that break their VR
            source = file_of([_item(text) for text in several], patient or UNKNOWN)
            outcome = deidentify(source, plan, KeyedIdentities(bytes(range(32))))
            assert isinstance(outcome, Released), outcome
            after = pydicom.dcmread(io.BytesIO(b"".join(outcome.chunks))).DerivationImageSequence
            yield from (_left(item, text.keyword) for text, item in zip(several, after, strict=True))


def _item(text: Text) -> Dataset:
    item = Dataset()
    inner = item
    if sequence := _WITHIN.get(text.keyword):
        inner = Dataset()
        setattr(item, sequence, [inner])
    value: str | list[str] = text.text
    if text.keyword == "CodeMeaning":
        scheme, code, value = text.text.split("|") if "|" in text.text else ("99LOCAL", "P1", text.text)
        inner.CodingSchemeDesignator, inner.CodeValue = scheme, code
    if text.keyword in _SEVERAL:
        value = text.text.split("\\")
    vr = dictionary_VR(text.keyword)
    inner.add(DataElement(text.keyword, "LO" if vr in ("DS", "IS") else vr, value))  # numbers are no numbers here
    inner[text.keyword].VR = vr
    return item


def _left(item: Dataset, keyword: str) -> str:
    if sequence := _WITHIN.get(keyword):
        item = next(iter(item.get(sequence) or []), Dataset())
    value = item.get(keyword, "")
    left = "\\".join(map(str, value)) if isinstance(value, MultiValue) else str(value or "")
    return f"{item.CodingSchemeDesignator}|{item.CodeValue}|{left}" if keyword == "CodeMeaning" else left


_PAGE = """# Plausible texts

Written by `python -m benchmarks redteam`. Descriptions, comments, histories, names of series and protocols in
English, German, French, Spanish, Italian, Portuguese, Dutch, Polish, Russian, Swedish, Japanese, Chinese, Korean,
Turkish and others (`benchmarks/redteam/`), written before the rules that they test, without a look at the
tables. About half of them hold something that identifies, mostly in forms that no other benchmark has: phone
numbers, addresses, rooms, accounts, file paths, messages, dates in words, ages over 89, relatives, staff,
hospitals. The others are harmless. Whole instances go through `deidentify` with the options for research
({options}); but for a few of the third and later
lists, no attribute of the files names anybody.

Leaked: a word or a number of what identifies can be read in the output. Lost: a harmless text that is not exactly
the same afterwards.

| texts | identifying | leaked before | leaked now | harmless | lost before | lost now |
| --- | --- | --- | --- | --- | --- | --- |
{rows}

The lists were written in pairs, by nine hands who had read no rule (the first four lists by one of them); each pair
is one list that was split by chance. The rules were changed with one of a pair, while the other one was left unseen
until they stood, so these figures tell what to expect of new texts: {unseen}. The last pair, before any change: 19 of
210 leaked and 51 of 202 were lost (eleventh), 13 of 166 and 34 of 145 (twelfth). Of the eleventh, 29 were lost once
words that no table has were judged by what they are like ([decision 32](../decisions/0032-words-in-no-table.md)),
before anybody had looked at it. Afterwards, the unseen lists were used, too: the twelfth with what leaked only. In the
thirteenth, 16 of 160 expectations were corrected, as they marked words that identify nobody (mill, dispensary); before,
34 leaked. The same has not been done to the fourteenth: its leaks count such words, too (of 18 of the 33, nothing but
words in small letters stays). It was measured before, once in between, and at the end, without a look at its texts.
Afterwards, what the twelfth and the fourteenth lost and leaked was looked at, so no list is unseen any more: eponyms,
abbreviations and words without their diacritics were added with these two.
Of the fifteenth and the sixteenth, by a seventh hand, the former was learnt from; nobody has looked at the latter,
which was scored as counts only: before, in between and at the end
([decision 33](../decisions/0033-language-of-a-note.md)).
The seventeenth and the eighteenth are of
scripts without capitals or spaces, and of Vietnamese, in 21 languages; of the eighteenth, four texts were seen after it
had been measured, and the rules were changed with texts of other hands besides.
The nineteenth and the twentieth are of clinics again, in many languages of Latin, Cyrillic and Greek letters. The
former was learnt from; nobody has looked at the latter, which was scored as counts only: of it, 8 instead of 10
leaked, and as many were lost as before ([decision 37](../decisions/0037-words-in-capitals.md)). Words for a kind of
hospital (to which eight were added with these two), titles and units of dates within their marks count as harmless;
without the eight, 19 of the nineteenth leaked before.

What they are about: descriptions and comments as they are typed (first, second); machines, programs, plans, coded
meanings, more scripts, patients whose name is a word (third, fourth); a dental clinic, animals, trials, an emergency
doctor, with beds, initials, offices and nicknames (fifth, sixth); clerks and radiographers, smaller makers, public
data sets (seventh, eighth); archive administrators and physicists of 30 countries, whole sentences of reports (ninth,
tenth); clinics, practices, laboratories and trials of 30 countries, with employers, schools, plates, handles, reports
in 25 languages (eleventh, twelfth); the notes of clinics as they are typed in 25 countries (thirteenth, fourteenth)
and in 30 languages (fifteenth, sixteenth); reports, histories and remarks from East Asia
to Ethiopia (seventeenth, eighteenth); descriptions and remarks of clinics in 20 languages (nineteenth,
twentieth).

Leaked now: {leaked}.

Lost now: {lost}.

## Under the Basic Profile

Descriptions go. What stays are attributes of the technique, in which a name can stand, too.

| texts | identifying | leaked | harmless, in attributes that stay | lost |
| --- | --- | --- | --- | --- |
{basic}

Leaked: {basic_leaked}. Lost: {basic_lost}.
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of this benchmark."""
    parser.add_argument("--list", choices=_NAMES, help="score this list alone; the page stays as it is")
    parser.add_argument("--texts", action="store_true", help="print the texts that leaked or were lost, too")


def main(options: argparse.Namespace) -> bool:
    """Score the list that is named, or all and publish them; whether little enough leaks and is lost."""
    results = {which: measured(texts_of(which)) for which in ([options.list] if options.list else _NAMES)}
    for which, found in results.items():
        _print(which, found, texts=options.texts)
    if not options.list:
        _publish(results)
    return all(
        len(found.leaked) <= MOST_LEAKED[which] * found.identifying
        and len(found.lost) <= MOST_LOST[which] * found.harmless
        for which, found in results.items()
    )


def _print(which: str, found: Result, *, texts: bool) -> None:
    leaked, lost = f"{len(found.leaked)} of {found.identifying}", f"{len(found.lost)} of {found.harmless}"
    print(f"redteam: {which}: {leaked} leaked, {lost} lost")
    if texts:
        for kind, pairs in (("leaked", found.leaked), ("lost", found.lost)):
            for before, left in pairs:
                print(f"  {kind}: {before} -> {left}")


def _publish(results: Mapping[str, Result]) -> None:
    basic = {which: measured(texts_of(which), "Basic Profile") for which in LISTS}
    unseen = [
        f"{leaked} of {results[which].identifying} leaked and {lost} of {results[which].harmless} were lost ({which})"
        for which, (leaked, lost) in _UNSEEN.items()
    ]
    shown, basic_shown = list(results.values()), list(basic.values())
    _PAGE_PATH.write_text(
        _PAGE.format(
            options=", ".join(map(str, OPTIONS["for research"])),
            rows="\n".join(_row(which, found) for which, found in results.items()),
            unseen=", ".join(unseen),
            leaked=_listed(pair for found in shown for pair in found.leaked),
            lost=_listed(pair for found in shown for pair in found.lost),
            basic="\n".join(
                f"| {which} | {found.identifying} | {len(found.leaked)} | {found.harmless} | {len(found.lost)} |"
                for which, found in basic.items()
            ),
            basic_leaked=_listed(pair for found in basic_shown for pair in found.leaked),
            basic_lost=_listed(pair for found in basic_shown for pair in found.lost),
        ),
        "utf-8",
    )


def _row(which: str, found: Result) -> str:
    leaked, lost = _BEFORE[which]
    cells = (which, found.identifying, leaked, len(found.leaked), found.harmless, lost, len(found.lost))
    return f"| {' | '.join(map(str, cells))} |"


def _listed(pairs: Iterable[tuple[str, str]]) -> str:
    return ", ".join(f"`{before}`" for before, _ in pairs) or "none"
