"""Recognise texts that devices and programs write, and no person: versions, probes, coils, settings, accessories.

Each attribute has forms of its own. Versions are judged token by token, so that a number of a record beside one still
goes. The forms are narrower than what numbers of persons look like: a day and `12.34.567` have none of them; `E4711`
has that of a transducer.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING

from sendit.deidentify.profile.table import version_texts
from sendit.deidentify.retained.makes import is_model_with_number
from sendit.deidentify.tables import tag_of
from sendit.deidentify.text.characters import Aside
from sendit.deidentify.text.contact_details import without_hosts
from sendit.deidentify.text.record_numbers import COMMIT
from sendit.deidentify.text.vocabulary import is_word_of_machines, surnames
from sendit.deidentify.text.words.sorted_words import folded_word, is_listed_name, likeness
from sendit.deidentify.text.words.unknown_words import nominatives_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sendit.deidentify.text.clean import TextCleaner

#: A transducer: letters and frequencies in MHz or the number of a model (PLT-1005BT, SL15-4, 9L-D, i18LX5).
_PROBE = re.compile(
    r"(?=(?:\D*\d){1,4}\D*$)[A-Z\d]{1,4}-?[A-Z\d]{1,6}(?:-[A-Z\d]{1,3})?[a-z]{0,2}|i\d{1,2}[A-Z]{2}\d{1,2}"
    r"|UST-5\d{4}|88\d\d[a-z]?"
)
_MEASURE = re.compile(r"\d{1,3}(?:\.\d{1,2})?(?:-?(?:MHz|mm|cm|el|F))?", re.IGNORECASE)
#: Settings of a processing, short labels with short numbers, as Fuji writes them: GA1.0:GTE:GS-0.08.
_SETTING = r"(?:[A-Z]{1,4}[+\-]?(?:\d{1,2}(?:\.\d{1,2})?)?|[+\-]?\d{1,2}\.\d{1,2})"
_SETTINGS = re.compile(rf"(?=\D*\d){_SETTING}(?:[:;,/ ]{{1,2}}{_SETTING})+")
#: A version by the commit it was built from.
_COMMIT = re.compile(
    r"(?i:git|commit|sha|rev|hash)[ :\-_]{1,2}g?[0-9a-f]{7,40}|[\w.\-+]{1,24}-\d{1,4}-g[0-9a-f]{7,12}"
    rf"|{COMMIT}"
)
#: Coils by elements and parts of the body (21HNA+48HP), GE's by part of the spine, Bruker's by part number and bores.
_COIL = re.compile(
    r"\d{1,2}[A-Z]{2,4}(?:[+ ]\d{0,2}[A-Z]{2,4}){0,3}|[A-Z]{2,4}(?:TOP|MID|BOT|ALL)\d{3}|(?:\d[A-Z]_)?T\d{4,5}V\d"
    r"|(?:RF )?RES \d{3} (?:1H|13C|19F|23Na|31P)(?:/(?:1H|13C|19F|23Na|31P))? \d{3}/\d{3}(?: [A-Z]{2,4}){0,4}"
)
#: Philips' kernels, of which some are names elsewhere.
_KERNEL = re.compile("[A-Z]{2}")
#: Sequences as Toshiba and Canon call them: FE3D5_fc, SE2D6.
_SEQUENCE = re.compile(r"(?:[A-Z]{2,5}|\d?[A-Z]{2,4})[23]D\d{0,2}(?:_[A-Za-z]{1,6}\d?){0,2}")
#: Wedges as planning systems number them, by angle and side or size of the field: W30R20, W45IN30, EDW60OUT.
_WEDGE = re.compile(
    r"(?:E?D?W|WEDGE)[ _\-]?(?:10|15|20|25|30|45|60)(?:[ _\-]?(?:L|R|IN|OUT|UP|DN|X|Y|N|S|E|W)(?:\d{1,2})?)?"
)
#: Accessories by kind and small number, or by the leaves of a collimator: BLK TRAY 6, MLC120, A15, CONE_10x10.
_KIND_OF_ACCESSORY = (
    "(?:BLK|BLOCK|TRAY|H?D?MLCI?|CONE|APP|APPL|APPLICATOR|WEDGE|BOLUS|COMP|GRID|SHIELD|TABLE|COUCH|MASK|CYL|VAGCYL|PLATE"
    "|HOLDER|SNOUT|RS|RM|RNGSHFT|SLOT|CUTOUT|INSERT|CIRC|RING|TANDEM|OVOID|NEEDLE|SPHERE|FFDA|EDW|APERTURE|AGILITY"
    "|MILLENNIUM|TYPE I{1,3}|MA|HD|A|C)"
)
#: Attributes that hold what a bar code says: nothing else than such a form stays there.
_CODES = """AccessoryCode TrayAccessoryCode PatientSupportAccessoryCode"""
_SIDES = r"\(?[AC]?\d{1,2}(?:\.\d)?(?:[ ]?x[ ]?\d{1,2}(?:\.\d)?)?\)?"
_ACCESSORY = re.compile(
    rf"(?:{_KIND_OF_ACCESSORY}[ _\-=]?){{1,3}}(?:\d{{1,3}}|{_SIDES})?(?:[ ]?[cm]m)?|{_SIDES}[ ]?{_KIND_OF_ACCESSORY}"
    r"|[A-Z]\d{1,2}(?:[ ]?x[ ]?\d{1,2})?",
    re.IGNORECASE,
)
_CODE = re.compile(rf"{_WEDGE.pattern}|{_ACCESSORY.pattern}", re.IGNORECASE)

# --- versions ---

_DAY = r"(?:199[5-9]|20\d\d)[\-.]?(?:0[1-9]|1[0-2])[\-.]?(?:0[1-9]|[12]\d|3[01])"
_STAGE = "alpha|beta|rc|pre|dev|post|build|rev|release|final|patch|hotfix|sp|hf|ext|svn|cu|rocm|cpu|er|a|b|p|r|s|u"
#: A name, or none, and numbers with points between them; behind them what stage, patch or build it is.
_DOTTED = re.compile(
    r"(?P<name>[A-Za-z]{1,20}(?:[_\-][A-Za-z]{2,20})?(?:\d?[_\-])?)??(?P<v>[vVrR]|[vV]er[._]?)?"
    r"(?P<numbers>\d{1,3}(?:\.\d{1,6}){1,5})"
    rf"(?P<day>[._\-]{_DAY})?"
    rf"(?:[._\-+]?(?i:{_STAGE})[.\-]?(?:{_DAY}|\d{{0,4}})){{0,3}}(?:[A-Za-z]{{0,2}}\d?|_\d{{1,3}}|-[A-Z]{{2,4}}|\+g?[0-9a-f]{{7}}|\+\d{{1,4}})"
)
_OF_MAKERS = re.compile(
    "|".join(
        (
            # Siemens: XA51A-SP01, VA48A_02_P12, N4_VE11C, SL01P21; no initials and a day
            r"(?![a-z]+\d\d[_\-.]\d\d[_\-.]\d\d$)(?:syngo[_.])?[a-z]{1,4}\d\d[a-z]{0,2}(?:[_\-.](?:[a-z]{1,3}\d{1,3}(?:[a-z](?:\d\d)?)?|\d\d?[a-z]{0,2}\d?)){1,3}",
            r"sl\d\dp\d\d",
            r"[a-z](?:\.\d\d){2}|[a-z]\d\d\.\d\d\.00\d\d",  # Canon: A.07.02; Fuji
            r"20[0-3]\d[a-z]|r\d{3}\.\d{6}",
            r"20[0-3]\d(?:\.\d{1,2}){1,2}(?:\.\d{1,4})?",
            r"v\d{1,2}\.\d{1,2}(?:\*[a-z]\d{0,4}){1,4}",  # V2.35*R011*P007*A
            r"(?:release:)?[a-z]{0,2}\d\d\.\d(?:_[a-z]{1,3}\d{0,2}[a-z]?)*_\d{4}\.[a-z]\d?",  # GE
            r"(?:[a-z]{2,4}_){1,2}\d{0,2}[a-z]{1,3}\.\d{1,3}",
            r"[a-z]{2}\d\d_[a-z]{2,3}\.\d{1,3}|[a-z]{2,6}_\d\d(?:[a-z]\d)?\.\d{1,2}",
            r"r\d\dx?\.\d_m\d[a-z]?_\d{4}\.[a-z]|v\dr\dm\d|v[a-z]\d\d[a-z]\d\d|[a-z]\d{1,2}\.\d\d-[a-z]\d\d",
            r"r\d{1,2}\.\d{1,2}(?:[a-z]\d{1,2}){1,3}|r\d{3}\*p\d{3}",  # Philips: R6.3V1L7; Canon
            r"[a-z]{2,5}_v\d{1,3}_r\d{1,4}",  # UIH: uPMR_V10_R003
            r"[a-z]{0,10}apps\d{2,4}(?:\.[a-z\d]{1,3}){1,3}(?:_[a-z]\d\.[a-z\d]{1,4})?",  # LightSpeedApps405.I_H3.1M5
        )
    ),
    re.IGNORECASE,
)
#: The build of a revision control, behind a version: r32438, 9a3fbb5. Six digits may be a day of birth.
_BUILD = re.compile(rf"r(?:\d{{4,5}}|{_DAY})|{COMMIT}")
#: The parts of a version text: the build of a system, a build that its label announces, any other token.
_TOKEN = re.compile(
    r"(?P<windows>(?i:windows|win)[ _]?(?:XP|7|8|8\.1|10|11|20[0-3]\d)[ ](?:7601|9\d{3}|[12]\d{4})(?!\w))"
    r"|(?P<numbered>(?i:build|revision|rev|svn|patch)[ .:#]{1,2}\d{2,5}(?![\w.]))|[^\s,;:()\[\]]+"
)
#: A part of a long name of a release: freesurfer-linux-centos7_x86_64-7.1.1.
_PART = re.compile(r"[A-Za-z]{2,}\d{0,2}|x?\d{1,2}")
#: A word with a digit in it: OnDemand3D, wsi2dcm.
_WITH_DIGIT = re.compile(r"[A-Za-z]{2,}\d[A-Za-z]{1,}")
#: What a version has at least, if nothing else says that a text is about one.
_MARKED = re.compile(r"\d\.\d|[A-Za-z]\d\d")
_LETTERS = re.compile(r"(?<![^\W\d_])[A-Za-z]{4,}(?![^\W\d_])")
#: Between the name of a program and its version; a second word of the name may stand there.
_BEFORE_VERSION = re.compile(r"[ _\-]?(?:[A-Za-z]{1,12}[ _\-])?(?:[vVrR]|[vV]er(?:sion)?\.?)?[ ]?\d{1,4}\.\d")
_WITHIN = re.compile(r"[a-z][A-Z]")
#: The likeness to words from which on a name that no list has may be a program's; with a capital within it.
_LIKE_WORDS, _LIKE_WORDS_IN_PARTS = -3, -8
#: Ends of names of programs.
_END_OF_PROGRAM = re.compile(
    r"\w{2,}(?:scan|view|vue|max|pacs|link|soft|ware|tech|dicom|lab|cad|viz|plan|track|sys|net|tool|kit|gate|flow|quant"
    r"|works)"
)
#: Initials and a number, which is a model's where nothing but models are: beside a version it may be a person's.
_LIKE_INITIALS = re.compile(r"[A-Z]{2}-\d{3,4}")
_FEWEST_PARTS = 2
_LONG, _LONGEST_BUILD, _MOST_DIGITS = 3, 6, 13
_LAST_OF_MONTH, _YEARS = 31, range(1900, 2100)


def with_versions(tag: int, text: str, texts: TextCleaner, clean: Callable[[str], str]) -> str:
    """Return a cleaned text in which versions stayed, if its attribute is for them.

    Args:
        tag: the attribute.
        text: its text.
        texts: what is known of the persons of the file.
        clean: cleans the rest of the text.
    """
    cleaned = clean(text)
    if cleaned == text or tag not in version_texts() or texts.holds_personal_data(text):
        return cleaned
    tokens = [match[0] for match in _TOKEN.finditer(text)]
    if not any(_is_version(token) or (_MARKED.search(token) and clean(token) == token) for token in tokens):
        return cleaned
    held = Aside(Aside.VERSIONS)

    def judged(match: re.Match[str]) -> str:
        token = match[0]
        if any(map(texts.is_identifier, re.findall(r"\d{4,}", token))):
            return token
        if match["windows"] or match["numbered"] or _is_beside_version(token):
            return held.take(token)
        behind = text[match.end() :]
        return _LETTERS.sub(
            lambda word: (
                held.take(word[0])
                if _BEFORE_VERSION.match(token[word.end() :] + behind) and _may_be_program(word[0])
                else word[0]
            ),
            token,
        )

    apart = _TOKEN.sub(judged, text)
    rest = clean(apart) if re.search(r"\w", apart) else apart
    return text if rest == apart else held.put_back(rest) or cleaned


def _is_beside_version(token: str) -> bool:
    """Return whether a token is a version, or something else with digits that only stands beside one."""
    if _is_version(token) or (is_model_with_number(token) and not _LIKE_INITIALS.fullmatch(token)):
        return True
    return any(form.fullmatch(token) for form in (_BUILD, _WITH_DIGIT))


@lru_cache(maxsize=1024)
def _may_be_program(word: str) -> bool:
    """Return whether a word beside a version that no table knows is nobody's name: HEYEX, Viewforum, DentiView."""
    folded = folded_word(word)
    if is_word_of_machines(word) or is_listed_name(folded) or folded in surnames():
        return False
    if any(map(is_listed_name, nominatives_of(folded))):
        return False
    if _END_OF_PROGRAM.fullmatch(folded):
        return True
    return likeness(folded) > (_LIKE_WORDS_IN_PARTS if _WITHIN.search(word) else _LIKE_WORDS)


@lru_cache(maxsize=1024)
def _is_version(token: str) -> bool:
    bare = token.strip(".:-_/")
    if _OF_MAKERS.fullmatch(bare):
        return True
    parts = re.split("[_\\-]", bare)
    if len(parts) > _FEWEST_PARTS and any(map(_DOTTED.fullmatch, parts)):
        return all(_PART.fullmatch(part) or _is_version(part) for part in parts) and all(
            map(is_word_of_machines, _LETTERS.findall(bare))
        )
    match = _DOTTED.fullmatch(bare)
    if (
        match is None
        or without_hosts(bare) != bare
        or not _are_of_version(match["numbers"].split("."), marked=bool(match["v"] or match["day"]))
    ):
        return False
    words = re.findall(r"[^\W\d_]+", match["name"] or "")
    return all(map(is_word_of_machines, words))


def _are_of_version(numbers: list[str], *, marked: bool) -> bool:
    """Return whether numbers between points may be a version: no day, and no groups of a person's number.

    Args:
        numbers: their digits.
        marked: whether a `v` before them, or the day of the build behind them, says that they are one.
    """
    first, second, *others = numbers
    # Groups of a day, a phone number or a person's number have two digits and more.
    if others and not marked and all(len(number) > 1 for number in numbers):
        return False
    few = len(first) + len(second) <= _LONG  # digits, so that what follows may be a build
    if len(numbers) == 2:
        return marked and len(first) + len(second) <= _LONGEST_BUILD
    if len(numbers) == 3:
        last = numbers[2]
        if int(last) in _YEARS and max(int(first), int(second)) <= _LAST_OF_MONTH:
            return False
        if len(last) < _LONG:
            return len(second) < _LONG and sum(map(len, numbers)) <= _LONGEST_BUILD
        return few and len(last) < _LONGEST_BUILD
    if any(len(number) >= _LONGEST_BUILD for number in numbers):
        return False
    long = [len(number) >= _LONG for number in numbers]
    beside = any(one and other for one, other in pairwise(long))
    return (len(first) < _LONG or not any(long[1:])) and (few or not beside) and sum(map(len, numbers)) <= _MOST_DIGITS


# --- other forms ---


def is_written_by_device(tag: int, text: str, texts: TextCleaner) -> bool:
    """Return whether a text has a form that only devices write there, and no number of the file's persons."""
    form = _forms().get(tag)
    if form is None or not (form.fullmatch(text.strip()) or (form is _PROBE and _is_probe(text))):
        return False
    if form in (_PROBE, _SETTINGS, _COIL, _SEQUENCE) and any(map(_may_be_name, _LETTERS.findall(text))):
        return False
    return not texts.holds_personal_data(text) and not texts.is_identifier(re.sub(r"\D", "", text))


def _may_be_name(word: str) -> bool:
    """Return whether letters of a form are somebody's name, and no word of machines: the first of JOHN3D_fc."""
    return is_listed_name(folded_word(word)) and not is_word_of_machines(word)


@cache
def are_codes() -> frozenset[int]:
    """Return the tags of attributes in which nothing stays that has no form of them."""
    return frozenset(tag_of(keyword, __name__) for keyword in _CODES.split())


def _is_probe(text: str) -> bool:
    """Return whether a text names a transducer among words of the technique and measures: L12-5 50 mm."""
    others = [token for token in text.split() if not _PROBE.fullmatch(token) and not _MEASURE.fullmatch(token)]
    return len(others) < len(text.split()) and all(token.isalpha() and is_word_of_machines(token) for token in others)


@cache
def _forms() -> Mapping[int, re.Pattern[str]]:
    forms = {
        "TransducerData": _PROBE,
        "AcquisitionDeviceProcessingCode": _SETTINGS,
        "AlgorithmVersion": _COMMIT,
        "SoftwareVersions": _COMMIT,
        "ApplicationVersion": _COMMIT,
        "ReceiveCoilName": _COIL,
        "TransmitCoilName": _COIL,
        "MultiCoilElementName": _COIL,
        "ConvolutionKernel": _KERNEL,
        "SequenceName": _SEQUENCE,
        "PulseSequenceName": _SEQUENCE,
        "WedgeID": _WEDGE,
        **dict.fromkeys(_CODES.split(), _CODE),
        "ApplicatorID": _ACCESSORY,
        "BlockTrayID": _ACCESSORY,
        "GeneralAccessoryID": _ACCESSORY,
        "CompensatorID": _ACCESSORY,
        "CompensatorTrayID": _ACCESSORY,
        "RangeShifterID": _ACCESSORY,
        "SnoutID": _ACCESSORY,
    }
    return {tag_of(keyword, __name__): form for keyword, form in forms.items()}
