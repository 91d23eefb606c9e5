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
from sendit.deidentify.text.dates_in_words import without_dates_in_words
from sendit.deidentify.text.patterns import without_old_dates
from sendit.deidentify.text.persons import without_titled
from sendit.deidentify.text.vocabulary import is_known, is_word_of_machines, surnames
from sendit.deidentify.text.words.sorted_words import folded_word, is_listed_name, likeness
from sendit.deidentify.text.words.unknown_words import nominatives_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sendit.deidentify.text.clean import TextCleaner

#: A transducer: letters and frequencies in MHz, its radius, or the number of a model (PLT-1005BT, SL15-4, 9L-D, i18LX5,
#: L14-5/38, rP19x/5-1). Letters and digits in turn, and a letter before four digits, have the form of record numbers.
_PROBE = re.compile(
    r"[a-zA-Z]{1,4}-?\d{1,2}(?:-\d{1,2})?[A-Za-z]{0,3}(?:-[A-Z]{1,2}\d{0,2}[A-Z]?)?"
    r"|\d{1,2}[A-Z]{1,3}(?:\d{0,2}|\d[A-Z]{1,2})[a-z]{0,2}(?:-[A-Z]{1,3})?|[A-Z]\d{1,2}[A-Z]{1,3}\d[a-z]|i\d{1,2}[A-Z]{2}\d{1,2}"
    r"|[A-Z]{3,4}-[A-Z]?\d{2,4}[A-Z]{0,2}|[A-Z]{2}-\d{2,3}[A-Z]{1,2}|[A-Z]{2,4}\d{3}[A-Z]{1,2}"
    r"|[a-z]?[A-Z]{1,3}\d{1,2}(?:-\d{1,2}/\d{1,2}|x?/\d{1,2}-\d{1,2})|UST-5\d{4}|88\d\d[a-z]?"
)
_MEASURE = re.compile(r"\d{1,3}(?:\.\d{1,2})?-?(?:MHz|mm|cm|el|F)", re.IGNORECASE)
#: Settings of a processing, short labels with short numbers, as Fuji writes them: GA1.0:GTE:GS-0.08.
_SETTING = r"(?:[A-Z]{1,4}[+\-]?(?:\d{1,2}(?:\.\d{1,2})?)?|[+\-]?\d{1,2}\.\d{1,2})"
_SETTINGS = re.compile(rf"(?=\D*\d){_SETTING}(?:[:;,/ ]{{1,2}}{_SETTING})+")
#: A commit of git, as it is shortened or whole. Digits with one letter, or behind letters, may be a person's: 1234e56.
_SHORT_COMMIT = r"(?=\d*[a-f]\d*[a-f])(?=[a-f]*\d+[a-f]+\d+[a-f]|\d+[a-f]+\d+)(?:[\da-f]{7,8}|[\da-f]{40})(?![\da-f])"
#: A version by the commit it was built from; as `git describe` has it, by a version before it.
_DESCRIBED = r"[\w.\-+]{1,24}-\d{1,4}-g[0-9a-f]{7,12}"
_COMMIT = re.compile(rf"(?i:git|commit|sha|rev|hash)[ :\-_]{{1,2}}g?[0-9a-f]{{7,40}}|{_DESCRIBED}|{_SHORT_COMMIT}")
#: Coils by elements and parts of the body (21HNA+48HP), GE's by part of the spine, Bruker's by part number and bores.
_COIL = re.compile(
    r"\d{1,2}[A-Z]{2,4}(?:[+ ]\d{0,2}[A-Z]{2,4}){0,3}|[A-Z]{2,4}(?:TOP|MID|BOT|ALL)\d{3}|(?:\d[A-Z]_)?T\d{4,5}V\d"
    r"|(?:RF )?RES \d{3} (?:1H|13C|19F|23Na|31P)(?:/(?:1H|13C|19F|23Na|31P))? \d{3}/\d{3}(?: [A-Z]{2,4}){0,4}"
)
#: Philips' kernels, of which some are names elsewhere.
_KERNEL = re.compile("[A-Z]{2}")
#: Sequences as Toshiba and Canon call them: FE3D5_fc, SE2D6.
_SEQUENCE = re.compile(r"(?:[A-Z]{2,5}|\d?[A-Z]{2,4})[23]D\d{0,2}(?:_[A-Za-z]{1,6}\d?){0,2}")
#: Attributes that hold what a bar code says: nothing else than the form of an accessory stays there.
_CODES = """AccessoryCode TrayAccessoryCode PatientSupportAccessoryCode"""
#: Attributes for wedges, trays, applicators, snouts and range shifters.
_ACCESSORIES = f"""WedgeID ApplicatorID ApplicatorDescription BlockTrayID CompensatorID CompensatorTrayID SnoutID
    RangeShifterID GeneralAccessoryID {_CODES}"""
_KIND_OF_ACCESSORY = (
    r"(?:E?D?W(?=[ _\-]?(?:10|15|20|25|30|45|60)(?!\d))|APP|APPL|APPLICATOR|AGILITY|APERTURE|BLK|BLOCK|BOLUS|CIRC|COMP"
    "|CONE|COUCH|CUST|CUSTOM|CUTOUT|V?CYL|VAGCYL|ELEC|FFDA|FITMENT|FRAME|GRID|HD|HOLDER|IDENT|INSERT|H?D?MLCI?|MA|MASK"
    "|MILLENNIUM|MOT|MW|NEEDLE|OVOID|PLATE|RANGESHIFTER|RING|RM|RNGSHFT|RS|SHIELD|SHIFTER|SLOT|SNOUT|SPHERE|TABLE"
    "|TANDEM|TRAY|TYPE I{1,3}|VW|WEDGE)"
)
#: A size or an angle: 30mm, 10x10, (A10X10), 6.0 x 6.0.
_SIZE = r"\(?[AC]?\d{1,3}(?:\.\d)?(?:[ ]?x[ ]?\d{1,2}(?:\.\d)?)?(?:[ _]?(?:[cm]m|deg|°))?\)?"
#: Accessories by kind, size and side (CustomFFDA, CONE_10x10, W30R20, EDW45IN30), by one letter and a number (A15), or
#: by their size alone (25 x 25). Two letters and a number may be somebody's initials.
_ACCESSORY = re.compile(
    rf"(?:{_KIND_OF_ACCESSORY}[ _\-=]?){{1,3}}(?:{_SIZE})?"
    r"(?:(?<=\d)[ _\-]?(?:L|R|IN|OUT|UP|DN|X|Y|N|S|E|W|A|B|D|U|LEFT|RIGHT|UPPER|LOWER)\d{0,2})?"
    rf"|[A-Z]\d{{1,2}}(?:[ ]?x[ ]?\d{{1,2}})?|{_SIZE}[ ]?{_KIND_OF_ACCESSORY}"
    r"|\d{1,2}(?:\.\d)?[ ]?x[ ]?\d{1,2}(?:\.\d)?(?:[ ]?[cm]m)?",
    re.IGNORECASE,
)

# --- versions ---

_DAY = r"(?:199[5-9]|20[0-3]\d)[\-.]?(?:0[1-9]|1[0-2])(?:[\-.]?(?:0[1-9]|[12]\d|3[01]))?"
_STAGE = (
    "snapshot|nightly|lts|ga|alpha|beta|rc|pre|dev|post|build|rev|release|final|patch|hotfix|sp|hf|ext|svn|cu|rocm|cpu"
    "|er|gr|a|b|p|r|s|u"
)
#: A name, or none, and numbers with points between them; behind them what stage, patch or build it is.
_DOTTED = re.compile(
    r"(?P<name>[A-Za-z]{1,20}(?:\d[A-Za-z]{1,6})?(?:[_\-][A-Za-z]{2,20})?(?:\d{0,2}[_\-])?|\d[A-Z]_)??(?P<v>[vVrR]|[vV]er[._]?)?"
    r"(?P<numbers>\d{1,3}(?:\.\d{1,6}){1,5})"
    rf"(?P<day>[._\-]{_DAY})?"
    rf"(?P<stage>[._\-+]?(?i:{_STAGE})[.\-]?(?:{_DAY}|\d{{0,4}})){{0,3}}(?:(?:[A-Za-z]{{1,2}}\d?)?|[_\-]\d{{1,2}}|_\d{{3}}|[_\-]r\d{{5}}|-[A-Z]\d{{1,2}}(?:[A-Z]\d)?|-[A-Z]{{2,4}}|\+(?:git\.|g)?[0-9a-f]{{7}}|\+\d{{1,4}})"
)
_OF_MAKERS = re.compile(
    "|".join(
        (
            # Siemens: XA51A-SP01, VA48A_02_P12, N4_VE11C, SL01P21; no initials and a day
            r"(?![a-z]+\d\d[_\-.]\d\d[_\-.]\d\d$)(?:syngo[_.])?[a-z]{1,4}\d\d[a-z]{0,2}(?:[_\-.](?:[a-z]{1,3}\d{1,3}(?:[a-z](?:\d\d)?)?|\d\d?(?:[a-z]{1,2}\d{1,2}|[a-z]{0,2}\d?))){1,3}|\d?v[a-f]\d\d[a-f]{1,2}",
            r"sl\d\dp\d\d|(?:n4_)?v[a-z]\d\d[a-z]?(?:_[a-z]{2,6})?_20\d{6}(?:_p\d{1,2})?",
            r"v[a-z]\d\d[a-z]?(?:_(?:sp|hf|p)\d\d)?_[012]\d(?:0[1-9]|1[0-2])",
            r"[a-z](?:\.\d\d){2}|[a-z]\d\d\.\d\d\.00\d\d",  # Canon: A.07.02; Fuji
            r"r?20[0-3]\d[a-z]|r\d{3}(?:\.\d{1,2}){0,3}\.\d{5,6}",
            r"20[0-3]\d(?:\.\d{1,2}){1,2}(?:\.\d{1,4})?(?:-(?:snapshot|rc\d?|beta\d?))?",
            r"(?:[a-z]{2,5}_)?v\d{1,2}\.\d{1,2}(?:\*[a-z]\d{0,4}(?:sp\d{1,2})?){1,4}",  # V2.35*R011*P007*A
            r"(?:release:|signa_lx\d\.)?[a-z]{0,2}\d\d\.\d(?:_[a-z]{1,3}\d{0,2}[a-z]?)*_\d{4}\.[a-z]\d?",  # GE
            r"(?:[a-z]{2,4}_){1,2}\d{0,2}[a-z]{1,3}\.\d{1,3}",
            r"[a-z]{2}\d\d_[a-z]{2,3}\.\d{1,3}|[a-z]{2,6}_\d\d(?:[a-z]\d)?\.\d{1,2}",
            r"r\d\dx?\.\d_m\d[a-z]?_\d{4}\.[a-z]|v\dr\dm\d|v[a-z]\d\d[a-z]\d\d|[a-z]\d{1,2}\.\d\d-[a-z]\d\d",
            r"r\d{1,2}\.\d{1,2}(?:[a-z]\d{1,2}){1,3}|r\d{3}\*p\d{3}",  # Philips: R6.3V1L7; Canon
            r"(?:[a-z]{2,5}_){0,2}v\d{1,3}_?r\d{1,4}(?:c\d\d)?",  # UIH: uPMR_V10_R003, V012R001C01
            r"v\d{1,2}-\d{3}\.\d{3}\.\d{4}",
            r"\d\d[a-z]{2}\d\d\.\d{1,2}(?:[._][a-z]{1,3}\d{0,2}){0,6}",  # GE: 16HW44.8.V40_H_H64_G_GTL
            r"[a-z]{0,10}apps\d{2,4}(?:\.[a-z\d]{1,3}){1,3}(?:_[a-z\d.]{1,6}){0,2}",  # LightSpeedApps405.I_H3.1M5
        )
    ),
    re.IGNORECASE,
)
#: The build of a revision control, behind a version: r32438, 9a3fbb5. Six digits may be a day of birth, or a record's.
_NAMED_BUILD = re.compile(rf"(?!\d{{6}}$)r?{_DAY}|{_DESCRIBED}")
_BUILD = re.compile(rf"r\d{{4,5}}|b\d{{2,3}}(?:-SP\d)?|{_NAMED_BUILD.pattern}|{_SHORT_COMMIT}")
#: The parts of a version text: the build of a system, a build that its label announces, any other token.
_TOKEN = re.compile(
    r"(?P<windows>(?i:windows|win)[ _]?(?:XP|7|8|8\.1|10|11|20[0-3]\d)[ ](?:7601|9\d{3}|[12]\d{4})(?!\w))"
    r"|(?P<bracketed>[A-Za-z]?\d{1,2}(?:\.\d{1,3}){1,3}[ ]?\((?:[A-Za-z]{1,5}[. ]?)?\d{1,5}(?:-[A-Za-z]\d{1,2})?\))"
    r"|(?P<part>(?!(?:IP|RIS|PACS|HOST|SRV|REF|ID):)[A-Z]{2,5}:(?=[\d.]*(?<!\d)\d(?!\d))\d{1,2}(?:\.\d{1,2}){2,3}(?![\w.\-/]))"
    r"|(?P<numbered>(?i:build|revision|rev|svn|patch)[ .:#]{1,2}"
    rf"(?:{_DAY}\.?\d{{0,4}}|\d{{2,5}}|\d{{1,3}}(?:\.\d{{1,5}}){{1,4}})(?![\w.]))|[^\s,;:()\[\]]+"
)
#: A part of a long name of a release: freesurfer-linux-centos7_x86_64-7.1.1.
_PART = re.compile(r"[A-Za-z]+\d{0,2}|\d{1,2}")
#: A word with a digit in it: OnDemand3D, wsi2dcm.
_WITH_DIGIT = re.compile(r"[A-Za-z]{2,}\d[A-Za-z]{1,}")
#: What a version has at least, if nothing else says that a text is about one.
_MARKED = re.compile(r"\d\.\d|[A-Za-z]\d\d")
_LETTERS = re.compile(r"(?<![^\W\d_])[A-Za-z]{4,}(?![^\W\d_])")
#: Between the name of a program and its version; a second word of the name may stand there.
_BEFORE_VERSION = re.compile(r"[ _\-]?(?:[A-Za-z]{1,12}[ _\-])?(?:[vVrR]|[vV]er(?:sion)?\.?)?[ ]?\d{1,4}\.\d")
_WITHIN = re.compile(r"[a-z][A-Z]|[A-Z]{2}[a-z]")
#: The likeness to words from which on a name that no list has may be a program's; with a capital within it.
_LIKE_WORDS, _LIKE_WORDS_IN_PARTS = -3, -8
#: Ends of names of programs.
_END_OF_PROGRAM = re.compile(
    r"\w{2,}(?:scan|view|vue|max|pacs|link|soft|ware|tech|dicom|lab|cad|viz|plan|track|sys|net|tool|kit|gate|flow|quant"
    r"|works)"
)
#: Initials and a number, which is a model's where nothing but models are: beside a version it may be a person's.
_LIKE_INITIALS = re.compile(r"[A-Z]{2}-\d{3,4}")
#: A version that an address in a network may be.
_LIKE_HOST, _QUAD = re.compile(r"\d{2,3}\.\d\.\d\.\d{1,2}"), re.compile(r"\d+(?:\.\d+){3}")
_BEFORE_HOST = re.compile(r"(?:server|srv|host|ip|pacs|ris|node|ws|workstation|gateway|router)[\s:=#]*$", re.IGNORECASE)
_FEWEST_PARTS, _LONGEST_TEXT = 2, 1024
_SOFTWARE_VERSIONS = 0x00181020
#: Two digits of a year, and the day in it: 66.0314.
_YEAR_AND_DAY = re.compile(r"\d\d\.(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])")
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
    if cleaned == text or tag not in version_texts() or len(text) > _LONGEST_TEXT or texts.holds_personal_data(text):
        return cleaned
    if not any(_names_version(match, clean) for match in _TOKEN.finditer(text)):
        return cleaned
    if not re.search(r"\w", without_old_dates(text)):
        return cleaned  # nothing but a day
    held = Aside(Aside.VERSIONS)

    def judged(match: re.Match[str]) -> str:
        token = match[0]
        if _is_host(match) or any(map(texts.is_identifier, re.findall(r"\d{4,}", token))):
            return token
        if match.lastgroup or _is_beside_version(token) or _is_behind_name(match):
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


def _names_version(match: re.Match[str], clean: Callable[[str], str]) -> bool:
    """Return whether a token says that the text around it is about a version."""
    token = match[0]
    if match.lastgroup or _is_version(token) or _NAMED_BUILD.fullmatch(token) or _is_behind_name(match):
        return True
    return _MARKED.search(token) is not None and clean(token) == token


def _is_behind_name(match: re.Match[str]) -> bool:
    """Return whether four numbers that an address may have stand behind a name: RayStation 10.1.1.54."""
    return match.start() > 0 and _LIKE_HOST.fullmatch(match[0]) is not None and not _is_host(match)


def _is_host(match: re.Match[str]) -> bool:
    """Return whether four numbers stand behind a word for a machine in a network."""
    return _BEFORE_HOST.search(match.string, 0, match.start()) is not None and _QUAD.fullmatch(match[0]) is not None


def _is_beside_version(token: str) -> bool:
    """Return whether a token is a version, or something else with digits that only stands beside one."""
    if _is_version(token) or (is_model_with_number(token) and not _LIKE_INITIALS.fullmatch(token)):
        return True
    return any(form.fullmatch(token) for form in (_BUILD, _WITH_DIGIT))


@lru_cache(maxsize=1024)
def _may_be_program(word: str) -> bool:
    """Return whether a word beside a version that no table knows is nobody's name: HEYEX, Viewforum, DentiView."""
    if is_word_of_machines(word) or not _is_nobodys(word):
        return False
    folded = folded_word(word)
    if _END_OF_PROGRAM.fullmatch(folded):
        return True
    return likeness(folded) > (_LIKE_WORDS_IN_PARTS if _WITHIN.search(word) else _LIKE_WORDS)


@lru_cache(maxsize=1024)
def _is_nobodys(word: str) -> bool:
    """Return whether no list has a word as a name, also in no case that it may be in."""
    folded = folded_word(word)
    if is_listed_name(folded) or folded in surnames():
        return False
    return not any(map(is_listed_name, nominatives_of(folded)))


@lru_cache(maxsize=1024)
def _is_version(token: str) -> bool:
    bare = token.strip(".:-_/")
    if _OF_MAKERS.fullmatch(bare):
        return True
    if "/" in bare:
        parts = bare.split("/")
        return all(map(_DOTTED.fullmatch, parts)) and any(map(_is_version, parts))
    parts = re.split("[_\\-]", bare)
    if len(parts) > _FEWEST_PARTS and any(map(_DOTTED.fullmatch, parts)):
        return all(_PART.fullmatch(part) or _is_version(part) for part in parts) and all(
            map(is_word_of_machines, _LETTERS.findall(bare))
        )
    match = _DOTTED.fullmatch(bare)
    if match is None:
        return False
    numbers = match["numbers"].split(".")
    if without_hosts(bare) != bare or not _are_of_version(
        numbers, marked=bool(match["v"] or match["day"] or match["stage"])
    ):
        return False
    words = re.findall(r"[^\W\d_]+", match["name"] or "")
    return all(is_word_of_machines(word) or _is_nobodys(word) for word in words)  # nobody is joined to a version


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
    if others and int(others[0]) in _YEARS and max(int(first), int(second)) <= _LAST_OF_MONTH:
        return False
    if len(numbers) == 2:
        day = _YEAR_AND_DAY.fullmatch(f"{first}.{second}")
        return marked and len(first) + len(second) <= _LONGEST_BUILD and day is None
    if len(numbers) == 3:
        last = numbers[2]
        if len(last) < _LONG:
            return len(second) < _LONG and sum(map(len, numbers)) <= _LONGEST_BUILD
        return few and len(last) < _LONGEST_BUILD
    if any(len(number) >= _LONGEST_BUILD for number in numbers):
        return False
    long = [len(number) >= _LONG for number in numbers]
    beside = any(one and other for one, other in pairwise(long))
    return (len(first) < _LONG or not any(long[1:])) and (few or not beside) and sum(map(len, numbers)) <= _MOST_DIGITS


class TextsOfBlocks:
    """Cleans the texts of vendors' blocks as `TextCleaner` does, and versions by their grammar."""

    def __init__(self, texts: TextCleaner) -> None:
        self.technical, self.description = texts.technical, texts.description
        self.holds_personal_data, self.is_identifier = texts.holds_personal_data, texts.is_identifier
        self._texts = texts

    def version(self, text: str) -> str:
        """Return the version of a program without what may be a person's."""
        return with_versions(_SOFTWARE_VERSIONS, text, self._texts, self._texts.technical)


# --- other forms ---


def is_written_by_device(tag: int, text: str, texts: TextCleaner) -> bool:
    """Return whether a text has a form that only devices write there, and no number of the file's persons."""
    form = _forms().get(tag)
    if form is None or not (form.fullmatch(text.strip()) or (form is _PROBE and _is_probe(text))):
        return False
    if form in (_PROBE, _SETTINGS, _COIL, _SEQUENCE) and any(map(_may_be_name, _LETTERS.findall(text))):
        return False
    if form is _PROBE and _tells_more(text):
        return False
    return not texts.holds_personal_data(text) and not texts.is_identifier(re.sub(r"\D", "", text))


def _tells_more(text: str) -> bool:
    """Return whether what has the form of a transducer is a host, a room, a day, or a number behind its label."""
    return without_titled(without_hosts(without_old_dates(without_dates_in_words(text))), is_known) != text


def _may_be_name(word: str) -> bool:
    """Return whether letters of a form are somebody's name, and no word of machines: the first of JOHN3D_fc."""
    return is_listed_name(folded_word(word)) and not is_word_of_machines(word)


@cache
def are_codes() -> frozenset[int]:
    """Return the tags of attributes in which nothing stays that has no form of them."""
    return frozenset(tag_of(keyword, __name__) for keyword in _CODES.split())


def _is_probe(text: str) -> bool:
    """Return whether a text names a transducer among words of the technique and measures: L12-5 50 mm."""
    tokens = re.sub(r"(?<=\d) (?=MHz|mm|cm)", "", text).split()
    others = [token for token in tokens if not _PROBE.fullmatch(token) and not _MEASURE.fullmatch(token)]
    return any(map(_PROBE.fullmatch, tokens)) and all(t.isalpha() and is_word_of_machines(t) for t in others)


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
        **dict.fromkeys(_ACCESSORIES.split(), _ACCESSORY),
    }
    return {tag_of(keyword, __name__): form for keyword, form in forms.items()}
