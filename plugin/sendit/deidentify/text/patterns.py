"""Remove by patterns: names, dates, patients' numbers, phone numbers, addresses and links in free text.

The patterns are for descriptions, which are short and mostly about the examination: if a match could also be a medical
word ("DR CHEST" is no Doctor Chest), the vocabulary decides.
"""

from __future__ import annotations

import base64
import binascii
import re
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING

from sendit.deidentify.text.characters import RUN, Aside
from sendit.deidentify.text.encodings import is_dense
from sendit.deidentify.text.eponyms import is_eponym
from sendit.deidentify.text.record_numbers import CUT
from sendit.deidentify.text.sections import any_of, medicine, sections, technique
from sendit.deidentify.text.vocabulary import is_anybodys_name, is_no_name, is_nobodys_name
from sendit.deidentify.text.words.unknown_words import is_word_in_capitals

if TYPE_CHECKING:
    from collections.abc import Callable

_MONTH = (
    r"(?:jan|feb|febr|mar|mär|mrz|apr|avr|may|mai|jun|juin|jul|juil|aug|août|sep|sept|oct|okt|nov|dec|dez|déc"
    r"|january|february|march|april|june|july|august|september|october|november|december"
    r"|januar|februar|märz|juni|juli|oktober|dezember)"
)
#: A word between a day and a year is a month in some language.
_ANY_MONTH = r"(?!jpe?g|mpeg|iso|tesla|htj)(?:d[eo]\s+|of\s+)?[^\W\d_]{3,12}\.?(?:\s+d[eo]l?)?"
_YEAR = r"(?:19|20)\d{2}"
#: Of the last century, before 1995.
_OLD_YEAR = r"19(?:[0-8]\d|9[0-4])"
_CLOCK = r"(?:[T ]+\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?: ?[ap]m)?|[T ]?\d{6}(?:\.\d+)?(?!\d))?"
_PARTICLE = r"(?:\b(?:van|von|de|der|den|del|della|dela|la|le|da|di|dos|du|el|al|bin|ibn|ter|ten|zu|zur|st\.?)\s+){0,4}"
_ROAD = (
    r"(?:street|st\.|avenue|ave\.?|road|rd\.?|lane|ln\.|boulevard|blvd\.?|drive|terrace|square|crescent|highway|hwy\.?)"
)
_TITLE = r"(?:drs?|prof|professor|doctor|mr|mrs|ms|miss|herr|frau|mme|mlle|sra?|dott)"
_LABEL = (
    r"(?:patient(?:'?s)?(?:\s+name)?|pt\.?|name|nom|physician|doctor|surgeon|radiologist|technologist|tech|operator"
    r"|referr(?:ed|ing)(?:\s+by)?(?:\s+physician)?|ref(?:erred)?\.?\s+by|performed\s+by|read\s+by|dictated\s+by"
    r"|reported\s+by|signed\s+by|attn|nurse)"
)
_SHORT = 3
#: An abbreviation without a vowel, and without the letters that stand for one in a name (Vlk, Krc).
_WITHOUT_VOWEL = re.compile("[BCDFGHJKMNPQSTVWXZ]{3,8}")
#: In capitals these are modalities: MR TOUCH, DR ERECT.
_MODALITIES = frozenset({"MR", "DR", "MS", "MRS"})
_NUMBER_LABEL = (
    r"(?:m\.?r\.?n\.?|mr\s?no|pat(?:ient)?\.?\s?-?(?:id|no|nr|number)|pid|ssn|dob|acc(?:ession)?(?:\s?(?:no|nr|number))?"
    r"|case\s?(?:no|nr|number)|hosp(?:ital)?\.?\s?(?:no|nr|number)|visit\s?(?:no|nr|number)|nhs|phone|tel|fax|mobile|pager"
    r"|(?:lot|serial)(?:\s?(?:no|nr|number)\.?)?|s/n)"
)
_NAME_WORD = r"[^\W\d_][\w'’\-]*\.?"

#: A number of seven digits or more in groups: 53-182-857, 12.345.678, 123.456.789-09. No version has three digits
#: twice.
GROUPED = (
    r"(?<![\w.])(?=(?:[\-/]?\d){7})\d{1,4}(?:[\-/]\d{2,5}){2,}(?![\w.])"
    r"|(?<![\w.])\d{1,3}(?:\.\d{3}){2,}(?:-\d{1,2})?(?![\w.])"
)
#: Never medical, whatever the context.
LINKS = re.compile(
    r"[\w.+\-]+@(?:[\w\-]{2,}|[\w\-](?=\.))(?:\.[\w\-]+)*|(?:https?|ftps?|file|mailto|urn):\S+|\bwww\.\S+|\\\\[\w.\-]+\\\S+"
    r"|(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?![\d.])",
    re.IGNORECASE,
)
#: Labelled numbers and phone numbers: no device model or version looks like them.
NUMBERS_OF_PERSONS = re.compile(
    rf"\b{_NUMBER_LABEL}\b[ .:#=]*(?=[\w\-/.]*\d)[\w\-/.]+|(?<![\d.\-])(?:\d{{3}}[\-. ])?\d{{3}}-\d{{4}}(?![\d\-])"
    r"|(?<!\w)\+\d[\d\s().\-/]{6,}\d",
    re.IGNORECASE,
)
#: Six or more digits in a row or in groups, and dates before 1995, with the letters around them. The build date of a
#: program is later, and stays; so does a part number of Philips.
_BUILT = r"(?:199[5-9]|20\d\d)(?:[\-/]?(?:0[1-9]|1[0-2])[\-/]?(?:0[1-9]|[12]\d|3[01]))(?!\d)"
_OF_SIEMENS = r"(?<=V[A-F]\d\d[A-Z][ ])[0-2]\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?!\w)"  # VD11E 210325
LONG_NUMBERS = re.compile(
    rf"(?<![^\W_])[^\W_]*(?<!\d)(?!{_BUILT})(?!4535\d{{8}}(?!\d))(?!{_OF_SIEMENS})\d{{6,}}[^\W_]*|(?!{_BUILT})(?:{GROUPED})"
    r"|(?<!\d)19(?:[0-8]\d|9[0-4])([\-/.])\d{1,2}\1\d{1,2}(?!\d)"
    r"|(?<![\d.])\d{1,2}([\-/.])\d{1,2}\2(?:19[0-8]\d|199[0-4])(?![\d.])"
)
_DAY_OF_MONTH, _MONTH_OF_YEAR = r"(?:0?[1-9]|[12]\d|3[01])", r"(?:0?[1-9]|1[0-2])"
#: Day, month and year of two digits behind points and spaces: 4. 7. 58.
_SPACED_DAY = rf"(?<![\d.]){_DAY_OF_MONTH}\. {_MONTH_OF_YEAR}\. \d\d(?!\d)"
#: The same with the name of a month, or with two digits of the year between slashes and, where no version has such
#: numbers, points: with two digits of the day, or alone.
_OLD_DATES = re.compile(
    rf"{_SPACED_DAY}|(?<![\d/]){_DAY_OF_MONTH}/{_DAY_OF_MONTH}/\d\d(?![\d/])"
    rf"|(?<![\w.])(?:[12]\d|3[01])\.{_MONTH_OF_YEAR}\.[3-9]\d(?![\w.])|^\s*[1-9]\.{_MONTH_OF_YEAR}\.[3-9]\d\s*$"
    rf"|(?<![^\W_]){_MONTH}(?![^\W_])[ \-_.]*{_OLD_YEAR}(?!\d)"
    rf"|(?<![^\W_]){_MONTH}(?![^\W_])\.?[ \-_]*\d{{1,2}}(?:st|nd|rd|th)?[ ,\-_]+{_OLD_YEAR}(?!\d)"
    rf"|(?<!\d)\d{{1,2}}(?:st|nd|rd|th)?\.?[\s\-/._]*{_MONTH}(?![^\W_])[\s\-/.,_]*(?:{_OLD_YEAR}|['’]\d{{2}})(?!\d)",
    re.IGNORECASE,
)
#: Open software (dcmqi) names itself as the model of a device by the address of its source, which is nobody's.
SOURCE_OF_PROGRAM = re.compile(
    r"(?:(?:https?|git)://|git@)(?:github|gitlab|bitbucket)\.(?:com|org)[/:][\w.\-]+/[\w.\-]+"
)
#: The form of PN in technical texts: at least two characters before the caret, and a letter after it.
NAME_FORM = re.compile(_PARTICLE + r"[^\W\d_][\w'’.\-]+\^[\w'’.\-^]*[^\W\d_][\w'’.\-^]*", re.IGNORECASE)

#: The same in a description, where a caret marks a name, or joins two words ("Head^Routine").
_CARETS = re.compile(rf"{_PARTICLE}[^\s,;:^]*\^[^\s,;:]*", re.IGNORECASE)

#: An examination as Siemens' scanners name it: its region, the protocol, and for whom. The caret joins no name.
_EXAMINATION = re.compile(r"[A-Za-z_ ]{3,24}\^[^^]{1,48} ?\((?:Adult|Child|Infant|Neonate|Baby)\)", re.IGNORECASE)

_PLAIN = re.compile(
    "|".join(
        (
            rf"(?<!\d){_YEAR}([-/.])\d{{1,2}}\1\d{{1,2}}(?!\d){_CLOCK}",
            rf"(?<![\d.])(?<!\d/)(?<!pgar\s)(?:0?[1-9]|[12]\d|3[01])([-/.])(?:0?[1-9]|[12]\d|3[01])\2(?:{_YEAR}|\d{{2}})(?![\d.]|/\d){_CLOCK}",
            _SPACED_DAY,
            rf"(?<!\d){_YEAR}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?:\d{{4}}|\d{{6}})?(?:\.\d+)?(?!\d){_CLOCK}",
            rf"(?<!\d){_YEAR}([-/.])\s?\d{{1,2}}\3\s?\d{{1,2}}(?!\d)\.?|(?<!\d)\d{{1,2}}([-/.])\s\d{{1,2}}\4\s{_YEAR}(?!\d)",
            rf"(?<!\d)\d{{1,2}}(?:st|nd|rd|th)?\.?[\s\-/]*{_ANY_MONTH}[\s\-/,]*{_YEAR}(?!\d){_CLOCK}",
            rf"(?<!\d)\d{{1,2}}[\s\-/.]*{_MONTH}[\s\-/.]*['’]\d{{2}}(?!\d)",
            rf"(?<!\d){_YEAR}[\s\-/]*{_MONTH}\b[\s\-/.]*\d{{1,2}}(?!\d)",
            rf"(?<![^\W_]){_MONTH}(?![^\W_])\.?[ \-]\d{{1,2}}(?:st|nd|rd|th)?(?![\w.])(?![ ,\-]+{_YEAR})"
            r"(?!\s*(?:mm|cm|ml|kv|mas|min|sec|s|w|years?|months?|days?)\b)",
            rf"(?<![\d.])(?:0[1-9]|1[0-2])[-/.]{_YEAR}(?!\d)|(?<!\d){_YEAR}-W\d{{2}}(?:-\d)?(?!\d)",
            r"(?:\d{3,4}|[2-9]\d|(?:令和|平成|昭和|大正|明治|民國|民国)\s*(?:\d{1,2}|元))\s*[年년]\s*(?:\d{1,2}\s*[月월]\s*)?(?:\d{1,2}\s*[日일])?",
            r"\d{2}\s*[年년]\s*\d{1,2}\s*[月월]\s*(?:\d{1,2}\s*[日일])?",
            r"\d{1,2}\s*[月월]\s*\d{1,2}\s*[日号號일]",
            r"(?<![\w.])(?:9\d|1[0-2]\d)[\s\-]*(?:y\s?/?\s?o\b|years?|yrs?|yr|jahre?|ans|años|anni|jaar)|\bage[d:]?\s*(?:9\d|1[0-2]\d)\b",
            r"(?<![\d.])\d{2,4}(?:[ \-]\d{2,4}){3,}(?![\d.])|(?<![\d.])\d{3}[ \-]\d{2,3}[ \-]\d{4}(?![\d.])",
            r"(?<!\w)\d{2}(?:-\d{2}){2,}(?!\w)",
            GROUPED,
            r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b|\b(?:[0-9a-f]{1,4}::?){3,}[0-9a-f]{0,4}\b",
            # A British postcode, whose end has no letter of CIKMOV: "T1 1mm" and "T2 4cm" are none.
            r"(?<!\w)[A-Z]{1,2}\d[A-Z\d]? \d[ABD-HJLNP-UW-Z]{2}(?!\w)",
            r"\bext\.?\s*\d{3,}\b|\bid\s*[:#=]\s*(?=\S*\d)\S+",
            rf"(?<!\d)\d{{1,2}}(?:st|nd|rd|th)?\.?[ \-]?{_MONTH}\b\.?[ ,\-]*(?:{_YEAR}|\d{{2}})(?!\d){_CLOCK}",
            rf"(?<![^\W_]){_MONTH}(?![^\W_])\.?[ \-_]*(?:\d{{1,2}}(?:st|nd|rd|th)?[ ,\-_]+)?{_YEAR}(?!\d)",
            r"(?<!\d)\d+(?:\.\d+){4,}(?!\d)",
            rf"\b{_NUMBER_LABEL}\b[ .:#=]*(?:(?=[\w\-/.]*\d)[\w\-/.]+|{CUT})",
            r"(?<!\d)\d{3}-\d{2}-\d{4}(?!\d)",
            r"(?<!\w)(?:\+|00)\d[\d\s().\-/]{6,}\d|\(\d{2,5}\)\s*\d[\d\s.\-/]{4,}\d|\(\d{3}\)[ -]?\d{4}(?!\w|[.,]\d)",
            r"(?<![\d.])\d{3}[\-. ]\d{3}[\-. ]\d{4}(?!\d)|(?<![\d.\-])\d{3}-\d{4}(?!\d)|(?<![\d.])0\d{2,4}[/\- ]\d{5,}",
            rf"\b(?![2-4]d\s)\d{{1,5}}[a-z]?\s+(?:[^\W\d_][\w'’\-]*\.?\s+){{1,3}}{_ROAD}(?!\w)",
            r"\b[^\W\d_]+(?:straße|strasse|str\.|gasse|allee)\s*\d+\w?\b|\b(?:rue|via|calle|avenida)\s+[^\d,;]{2,30}\d+",
            r"\bp\.?\s?o\.?\s?box\s*\d+",
            r"(?<![^\W_])(?!pk-?11195(?![^\W_]))(?<!\b0\.)[^\W\d_]{0,4}[\-_#]?\d{5,}[^\W\d_]?(?![^\W_])|(?<!\b0\.)(?<!\d)\d{6,}",
        )
    ),
    re.IGNORECASE,
)
#: A number of four digits and more that begins with 0, as no measurement does.
_ZERO_LED = re.compile(r"(?<![\w.,:/+\-])(?:\d{1,2}-)?0\d{3,5}(?![\w.,:/]|-\d|\s?h)")
#: Every match of _PLAIN contains one of these.
_OF_PLAIN = re.compile(rf"[\d:元{CUT}]")
#: Base 85, in the alphabet of Ascii85 with its signs of begin and end, or in that of RFC 1924.
_BASE85 = re.compile(r"<~[!-uz]{10,}~>|(?<!\S)[(\[\"']?([0-9A-Za-z!#$%&()*+\-;<=>?@^_`{|}~]{15,})(?!\S)")
_FEWEST_SIGNS = 3
#: Letters one by one, with the same between any two: H R E B, H-R-E-B, H*R*E*B.
_ONE_BY_ONE = re.compile(r"(?<![^\W_])[^\W\d_]([\W_]{1,3})[^\W\d_](?:\1[^\W\d_]){3,}(?![^\W_])")
#: A number of which only the end can be seen: XXX-XX-1234, **** 5678.
_MASKED_NUMBER = re.compile(
    r"(?<![^\W_])(?:(?:[Xx]{3,}|[*•#]{3,})[\s\-./_]?(?:[Xx*•#]{2,}[\s\-./_]?){0,3})\d{3,6}(?![^\W_])"
)
_BASE64 = re.compile(r"(?<![\w+/])[A-Za-z0-9+/]{12,}={0,2}(?![\w+/=])")
_HEXADECIMAL = re.compile(r"(?<![^\W_])(?:0x)?((?:[0-9a-f]{2}){6,})(?![^\W_])", re.IGNORECASE)
_LABELLED = re.compile(rf"\b({_LABEL})\s*[:=]\s*((?:{_NAME_WORD}[ ,]*){{1,4}})", re.IGNORECASE)
_TITLED = re.compile(rf"\b({_TITLE})\b\.?\s+((?:{_NAME_WORD}\s*){{1,3}})", re.IGNORECASE)
_LISTED = re.compile(r"\b([^\W\d_][\w'’\-]+),\s*(?![A-Z]-[a-z])([^\W\d_][\w'’\-]+)(?:\s+[^\W\d_]\.?(?!\w))?")

#: Behind two parts of a list, its next one.
_ONE_OF_MANY = re.compile(r",\s[^\W\d_]{3,}\s*(?:$|[,;.])")

#: A unit of the SI or of UCUM, with its prefix and its exponent.
_ONE_UNIT = (
    r"(?:(?:da|[kMGTdcmµμunph])?(?:Gy|Sv|Bq|Ci|Hz|Pa|mol|eV|rad|ohm|kat|[mgsTVAWJNKLlUΩ])|min|h|deg|°C|cc|IU|%|counts?|cts|pixels?|px|voxels?)"
    r"(?:\^?[\-−]?[1-4](?!\d)|\*\*?[\-−]?[1-4](?!\d)|⁻?[¹²³⁴])?"
)
#: Several of them, or one with a sign for its exponent: ug/cm^3, kBq/mL, mL/(100g·min), s⁻¹. Single letters without an
#: exponent may be somebody's initials: J/S, A.M.
COMPOUND_UNIT = re.compile(
    rf"(?<![^\W\d_])(?<!\d/)(?!(?:[A-Za-z][/.·*])+[A-Za-z](?![^\W_]|[\^²³]))(?:{_ONE_UNIT}(?:[/·*.]\(?(?:100\s?)?{_ONE_UNIT}\)?){{1,3}}"
    r"|(?:[kcmµμun]?[mgs])(?:\^[\-−]?[1-4]|⁻?[¹²³⁴])|[mcdµμu]?Gy[*·.]?c?m(?:²|\^?2)?)(?![^\W_]|\^)"
)
#: Flip angles, times, delays, energies and b-values that one series was measured with.
_UNIT_OR_LIST = re.compile(
    rf"{COMPOUND_UNIT.pattern}"
    r"|(?<![^\W_])(?:FAs?|TIs?|TEs?|PLDs?|LDs?|TSLs?|VMIs?|[Mm]onoE|[Bb](?:-?val(?:ue)?s?)?)[ =:]{0,2}"
    r"(?P<list>\d{1,4}(?:/\d{1,4}){2,9})(?![\w/.])",
    COMPOUND_UNIT.flags,
)
_LARGEST_OF_YEAR = 99


def with_units(text: str, clean: Callable[[str], str]) -> str:
    """Return a text cleaned by a function that sees a sign instead of each compound unit, and each list of settings.

    A part of a unit is another unit: the ml of Bq/ml. A part of a list may be a day: FA 2/5/10/15.
    """
    units = Aside(Aside.UNITS)
    apart = _UNIT_OR_LIST.sub(
        lambda match: match[0] if match["list"] and not _ascends(match["list"]) else units.take(match[0]), text
    )
    whole = units.put_back(clean(apart)) if units.parts else None
    return clean(text) if whole is None else whole


def _ascends(listed: str) -> bool:
    """Return whether numbers between slashes are settings in their order: 2/5/10/15, 100/200/400, and no day."""
    numbers = [int(number) for number in listed.split("/")]
    round_ = all(number % 10 == 0 for number in numbers) and numbers[-1] > _LARGEST_OF_YEAR
    return numbers == sorted(set(numbers)) and (round_ or len(numbers) > len(("day", "month", "year")))


def medical(text: str) -> bool:
    """Return whether all words of a text belong to medicine or to DICOM."""
    words = re.findall(r"[A-Z]?[^\W\d_A-Z]+|[A-Z]+(?![a-z])", text)
    return all(word in medicine() for word in map(str.lower, words) if len(word) > 1)


def without_base64(text: str) -> str:
    """Return the text without words that are text in base64 or hexadecimal. Those that decode to anything else stay."""
    text = _HEXADECIMAL.sub(lambda match: CUT if _is_printable(bytes.fromhex(match[1])) else match[0], text)
    return _BASE64.sub(lambda match: CUT if _is_text(match[0]) else match[0], text)


def without_disguise(text: str) -> str:
    """Return the text without what is written so that programs do not find it.

    That is a text in base 85, digits as words, letters one by one, and numbers of which only the end can be seen.
    """
    text = _BASE85.sub(lambda match: CUT if _is_base85(match[1] or match[0]) else match[0], text)
    text = _ONE_BY_ONE.sub(lambda match: match[0] if _is_alphabet(match[0]) else CUT, text)
    if any(map(str.isdigit, text)):
        text = _MASKED_NUMBER.sub(CUT, text)
    return _spelled_digits().sub(CUT, text)


def without_old_dates(text: str) -> str:
    """Return a technical text without days of which no program is: before 1995, or with two digits of the year."""
    return _OLD_DATES.sub(CUT, text) if any(map(str.isdigit, text)) else text


@cache
def _spelled_digits() -> re.Pattern[str]:
    """Return a pattern for five digits in a row as words of one language: null-acht-fünf-drei-eins."""
    listed = (any_of(line.split(" | ")) for line in sections("cues.txt")["digit"])
    return re.compile(
        "|".join(rf"(?<![^\W_])(?:{digit})(?:[\s,.\-_]{{1,2}}(?:{digit})){{4,}}(?![^\W_])" for digit in listed),
        re.IGNORECASE,
    )


def _is_alphabet(letters: str) -> bool:
    """Return whether letters stand in the order of the alphabet, as those of a list do."""
    codes = [ord(letter) for letter in letters.lower() if letter.isalpha()]
    return all(after == before + 1 for before, after in pairwise(codes))


def _is_base85(word: str) -> bool:
    if len({sign for sign in word if not sign.isalnum()}) < _FEWEST_SIGNS:
        return False
    try:
        raw = base64.a85decode(word, adobe=True) if word.startswith("<~") else base64.b85decode(word)
    except ValueError:
        return False
    return _is_printable(raw)


def _is_text(word: str) -> bool:
    bare = word.rstrip("=")
    try:
        raw = base64.b64decode(bare[: len(bare) - (len(bare) % 4 == 1)] + "=" * (-len(bare) % 4))
    except binascii.Error:
        return False
    return _is_printable(raw)


def _is_printable(raw: bytes) -> bool:
    return sum(32 <= byte < 127 for byte in raw) >= 0.9 * len(raw)


def without_patterns(text: str) -> str:
    """Return a description without what looks personal."""
    text = LINKS.sub(CUT, text)
    if "^" in text and not _is_examination(text):
        text = _CARETS.sub(lambda match: match[0] if medical(match[0]) or _is_about_technique(match[0]) else CUT, text)
    if _OF_PLAIN.search(text):
        text = _ZERO_LED.sub(CUT, _PLAIN.sub(CUT, text))
    text = _LABELLED.sub(lambda m: f"{m[1]} {_words(m[2])}", text)
    text = _TITLED.sub(_titled, text)
    return _LISTED.sub(_listed, text)


def _is_examination(text: str) -> bool:
    """Return whether a caret stands between the region of an examination and its protocol."""
    return _EXAMINATION.fullmatch(text.strip()) is not None and _is_about_technique(text.partition("^")[0])


def _is_about_technique(text: str) -> bool:
    """Return whether every word of a text is a medical word, an abbreviation, or a known one that is no common name."""
    return all(
        medical(word)
        or word.lower() in technique()["abbreviations"]
        or _WITHOUT_VOWEL.fullmatch(word)
        or ((len(word) > _SHORT or is_dense(word[0])) and is_no_name(word))
        for word in RUN.findall(text)
    )


def _words(names: str) -> str:
    """Return the medical words among supposed names."""
    return " ".join(word for word in names.split() if medical(word) and len(word.strip(".,")) > 1) + " "


def _titled(match: re.Match[str]) -> str:
    first = match[2].split()[0]
    shown = first.islower() or _is_about_technique(first) or is_eponym(first)
    if medical(first) or (match[1] in _MODALITIES and shown):
        return match[0]
    return _words(match[2])


def _is_abbreviation(word: str) -> bool:
    """Return whether a word is an abbreviation, or begins with one and a hyphen, and is nobody's name."""
    head, hyphen, rest = word.partition("-")
    if not head.isupper() or head.lower() in technique()["short names"]:
        return False
    return (
        _WITHOUT_VOWEL.fullmatch(head) is not None
        or head.lower() in technique()["abbreviations"]
        or (bool(hyphen) and len(head) <= _SHORT and _is_about_technique(rest))
    )


def _listed(match: re.Match[str]) -> str:
    """Return what stays of "Family, Given": one may also be a medical word, if both begin with a capital.

    In small letters, and in scripts without capitals, the words are judged one by one.
    """
    if any(map(str.isdigit, match[0])) and "," + match[2] in match[0]:  # unsigned,mono2
        return match[0]
    if match[1] == match[1].lower() or match[2] == match[2].lower():
        return match[0]
    if any(map(str.isdigit, match[1] + match[2])):  # M0, Gleason
        return match[0]
    if _ONE_OF_MANY.match(match.string, match.end()):  # each is judged by itself
        return match[0]
    if any(map(_is_abbreviation, (match[1], match[2]))):  # each is judged by itself
        return match[0]
    one, other = medical(match[1]), medical(match[2])
    if _is_about_technique(match[1]) and _is_about_technique(match[2]):
        return match[0]
    both = (match[1], match[2])
    if any(map(is_nobodys_name, both)) or not any(map(is_anybodys_name, both)):  # each is judged by itself
        return match[0]
    spoken = [is_word_in_capitals(word, match.string) for word in both]
    if any(spoken) and all(one or is_no_name(word) for one, word in zip(spoken, both, strict=True)):
        return match[0]
    titles = match[1].istitle() and match[2].istitle()
    return match[0] if (one and other) or ((one or other) and not titles) else CUT
