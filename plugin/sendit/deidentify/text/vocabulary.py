"""Keep the medical and technical words of descriptions; an unknown word may be a name, and is removed.

Patterns find names that something announces (a title, a caret, "seen by"). A surname alone looks like any word, so
known words are kept, instead of suspicious ones being removed. Words of up to three letters stay (AX, STIR's TI,
kernels); patterns handle numbers.

The vocabulary has two widths. Narrow: the tables written for technique and reports, and forms of their words; they
decide which letters beside digits are a term (`is_known`). Wide: also the many words of terms.txt, which are nobody's
name; they stay in a text, but do not make a term of letters beside digits.

`without_strangers` decides for descriptions; `TextCleaner` in clean.py calls it.
"""

from __future__ import annotations

import html
import re
import unicodedata
from functools import cache, lru_cache
from typing import TYPE_CHECKING
from urllib.parse import unquote

from sendit.deidentify.tables import table_rows, table_words
from sendit.deidentify.text.cognates import is_drug, skeleton
from sendit.deidentify.text.eponyms import is_eponym, stays_alone
from sendit.deidentify.text.record_numbers import CUT, DENSE_SCRIPTS, STRANGER, TextKind, without_record_numbers
from sendit.deidentify.text.scripts.dense import is_of_words
from sendit.deidentify.text.scripts.endings import is_written_by_hand
from sendit.deidentify.text.scripts.names import with_neighbours
from sendit.deidentify.text.scripts.vietnamese import is_syllable_of_vietnam
from sendit.deidentify.text.sections import medicine, products, sections, technique, vocabulary, words_by_section
from sendit.deidentify.text.sorted_words import (
    begins_sentence,
    folded_word,
    is_listed_name,
    is_of_languages,
    is_rather_word,
    is_skeleton_of_medicine,
    likeness,
    without_accents,
)
from sendit.deidentify.text.unknown_words import (
    begins_in_language,
    hardly_has_capitals,
    is_at_begin,
    is_like_words,
    is_name_of_person,
    is_noun_with_capital,
    nominatives_of,
    with_words_of_sentences,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_SHORT = 3
_SHORTEST_TRANSLITERATED = 5
#: The likeness of a word that is like names though a wide table has it; of one that is no name with a capital either.
LIKE_A_NAME, _LIKE_A_WORD = -6, 5
#: A prefix, and the entity of a subject in names of series: sub-dural, sub-jansen.
_OF_SUBJECT = "sub"
_NEAR = 3  # characters between two words that belong together
_FEWEST_OF_SENTENCE = 3  # long words
_INITIAL, _LONGEST_INITIAL = re.compile(r"(?<![^\W_])[^\W\d_]\.[\s\-]?$"), 4
#: Abbreviations before a structure, and sides: A. carotis, N. vagus, L. Knie.
_OF_ANATOMY = "AVNMLRTS"
_GOES_ON = re.compile(r",? ([^\W\d_]+)(?: ([^\W\d_]+))?")
_MAKERS = frozenset(
    [
        "siemens",
        "healthineers",
        "ge",
        "philips",
        "canon",
        "toshiba",
        "hitachi",
        "fujifilm",
        "hologic",
        "agfa",
        "samsung",
        "mindray",
        "esaote",
    ]
)
#: A name that begins with one of these and goes on with a capital: McCord, DeLong, VanHorn.
_BEGINS_NAME = re.compile("(?:Mc|Mac|De|Del|Di|Du|La|Le|Van|Von|Fitz|St|O|D)[A-Z][a-z]+")
_OF_UNITS = "\u00b5\u03bc\u2126\u03a9"  # micro, ohm
#: An abbreviation in capitals, without a vowel or a letter that stands for one in a name (Brk, Vlk, Smrž).
_WITHOUT_VOWELS = re.compile("[BCDFGHJKMNPQSTVWXZ]{4,8}")
_WITHOUT_VOWEL = re.compile("[^aeiouy]+")
_LONGEST_PREFIX = 8
_LONGEST_ABBREVIATION = 5
#: A Roman number behind a name: SHARPIII.
_VERSION_BEHIND = re.compile("(?<=[^iv]{3})(?:i{2,3}|iv|vi{0,3})$")
_LONGEST_PART, _SHORTEST_COMPOUND, _LONG_STEM, _SHORTEST_JOINED = 24, 9, 6, 9
#: Marks on letters, which `\\w` leaves out: of European, Semitic, Indian and South-East Asian scripts.
MARKS = (
    "\u0300-\u036f\u0483-\u0489\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u064b-\u065f\u0670"
    "\u06d6-\u06dc\u06df-\u06e4\u06e7\u06e8\u06ea-\u06ed\u0711\u0730-\u074a\u07a6-\u07b0\u0900-\u0903\u093a-\u0957"
    "\u0962\u0963\u0981-\u0983\u09bc-\u09d7\u0a01-\u0a03\u0a3c-\u0a51\u0a70\u0a71\u0a81-\u0a83\u0abc-\u0acd"
    "\u0b01-\u0b03\u0b3c-\u0b57\u0b82\u0bbe-\u0bd7\u0c00-\u0c04\u0c3c-\u0c56\u0c81-\u0c83\u0cbc-\u0cd6\u0d00-\u0d03"
    "\u0d3b-\u0d57\u0d81-\u0d83\u0dca-\u0ddf\u0e31\u0e34-\u0e3a\u0e47-\u0e4e\u0eb1\u0eb4-\u0ebc\u0ec8-\u0ece"
    "\u0f18-\u0f84\u102b-\u103e\u1056-\u1059\u17b4-\u17d3\u200c\u200d"
)
#: Letters and the marks on them; scripts without spaces between words form runs of their own.
_DENSE = DENSE_SCRIPTS + "\uf900-\ufaff"  # with ideographs for compatibility
RUN = re.compile(rf"[{_DENSE}]+|(?:(?![{_DENSE}])[^\W\d_])(?:(?![{_DENSE}])[^\W\d_]|[{MARKS}])*")
_IS_DENSE = re.compile(f"[{_DENSE}]")
_PARTICLE_BEHIND_LATIN = re.compile("[のにをはがでとやもへ]|에서|으로|로|를|의|에|가|는|와|상(?=\\b)|후|전")
_NUMERAL = "[一二三四五六七八九十半数數几幾兩两]{1,2}"
_UNIT_OF_TIME = (
    "(?:[个個ヶケカか]月|小时|小時|分钟|分鐘|時間|日間|日目|週間|分間|개월|시간|일째|주째|주간|일간|년전|[天周週日年次回期歳岁歲才세일주년회차])"
    "(?:半|前|后|後|来|來|余|餘|間|전|후|째|간)?(?:から|より|부터)?"
)
_COUNTED = re.compile(f"{_UNIT_OF_TIME}|[列排层層枚片例级級度型]")
_PARTS = re.compile(r"[A-Z]?[^\W\d_A-Z]+|[A-Z]+(?![a-z])")
_NEAR_BREED = 8  # words
_TEETH = frozenset(
    ["zahn", "zähne", "regio", "endo", "dens", "dente", "dent", "tooth", "teeth", "ząb", "dent", "element"]
)
_NUMBER_OF_TOOTH = re.compile(
    r"\s(?:(?:zahn|zähne|regio|dente|dent|tooth)\s)?(?:[1-4][1-8]|[5-8][1-5])(?![^\W_]|[.,]\d)", re.IGNORECASE
)
#: What somebody did, behind his name: fell, presents, admitted.
_VERB = re.compile(
    r"\w+(?<![uis])s|\w+ed|(?:f[eo]ll|felt|came|went|saw|sat|ate|took|got|hit|cut|lost|broke|bit|had|did|was|may|can|will|would|could|should|who|and|at|in|on|to|for|with|from|by|not|also|then|still|now)"
)
#: Endings of inflected words, and endings of medical words only.
_ENDINGS = ("s", "es", "ed", "d", "ing", "ly", "al", "er", "ers", "ic", "en", "e", "a", "um", "i", "ae", "ness", "less")
_VOWELS = ("a", "e", "o")
_MEDICAL = re.compile(
    r"\w{2,}(?:itis|[ao]path(?:y|ies|ic)|megaly|ectomy|ostomy|otomy|ogra(?:phy|phie|fia|fie|m|ms|mm)|osis|oses|emia|plasty|"
    r"scop(?:y|ic|ie)|ological|trophy|plasia|algia|rrh?age|rrhea|sclero\w+|stenosis|ectas(?:is|ia)|iform|oid)s?"
)
_GENERAL = re.compile(r"[a-z]{3,}(?:tion|tions|ment|ity|able|ible|ated|ular|ous|ive|ness|ized|ised|ically)")
_SPELLED = re.compile(r"(?<![^\W_])(?:[^\W\d_][ .\-_]){4,}[^\W\d_](?![^\W_])")
_ESCAPED = re.compile(
    r"&(?:#\d+|#x[0-9a-f]+|[a-z]{2,8});|%[0-9a-f]{2}|\\u[0-9a-f]{4}|=[2-7][0-9a-f](?=\w)"
    r"|(?:(?:=|\\x)[0-9a-f]{2}){3}|(?:\\[0-3][0-7]{2}){3}",
    re.IGNORECASE,
)
#: A word with a digit or a sign in the place of a letter, as recognition of characters writes it: J0nes, M@ry.
_DISGUISED = re.compile(
    r"(?<![\w.@\-])(?=[^\W\d_]+[01345@$!][^\W\d_])(?=(?:[^\W_]|[@$!]){4,}(?![\w@]))(?:[^\W\d_]|[01345@$!])+(?![\w.\-])"
)
_LETTERS_OF_DISGUISE = str.maketrans("01345@$!", "oleasasi")
_MOST_DISGUISED = 2
#: Endings of medical words of Latin and Greek origin, and those of the same words in English: médullaire, medullary.
_COGNATES = (
    (re.compile(r"(?:aires?|ar(?:e|i|ias?|ios?|es)|aer(?:e[nrs]?)?)"), ("ar", "ary")),
    (re.compile(r"(?:iques?|ic[oa]s?|ici|iche|isch(?:e[nrs]?)?)"), ("ic", "ical")),
    (re.compile(r"(?:aux|al(?:es?|i)|ais)"), ("al",)),
    (re.compile(r"(?:eux|euses?|os[oaie]s?|oes(?:e[nrs]?)?)"), ("ous", "ose")),
    (re.compile(r"(?:[cz]ion(?:e[ns]?|i)?|cao|coes)"), ("tion",)),
    (re.compile(r"(?:ites?|itide)"), ("itis",)),
    (re.compile(r"(?:oses?|osi)"), ("osis",)),
    (re.compile(r"(?:iv[oaie]s?|ifs?|iv(?:e[nrs]?)?)"), ("ive",)),
    (re.compile(r"(?:oides?|oid[eoi]s?)"), ("oid",)),
    (re.compile(r"(?:ines?|ina)"), ("in",)),
    (re.compile(r"(?:t|et)eurs?"), ("tor", "tory", "etory")),
    (re.compile(r"aques?"), ("ac",)),
    (re.compile(r"(?:graf(?:i[ae]s?|[ií]a)|grafi)"), ("graphy",)),
)
_SHORTEST_COGNATE = 7
#: A family name of Croatia, Serbia and Bosnia, which may be a word without its accents: Bašić.
_OF_FATHER = re.compile(r"[A-ZČĆŠŽĐ]\w*(?:i[ćč]|IĆ)")
#: A Roman numeral, as a version or a level has it; matters from four letters on.
_ROMAN = re.compile(r"X{0,3}(?:VIII|XIII|XIV|XVII?I?|XLI{0,3}V?|XXI{1,3}|XXIV)")
#: An orientation before abbreviations of a weighting: AXFLAIR, CORPDFS.
_ORIENTED = re.compile(
    r"(?:AX|SAG|COR|TRA|OBL)(?:(?:PD|DWI|DTI|ADC|FLAIR|STIR|TIRM|TSE|FSE|TOF|SWI|GRE|MRA)(?:FS|TSE|FSE|SE|POST|PRE|GD|C|W)?)"
)
#: The same before T1 and T2.
_BEFORE_T = re.compile(r"(?:AX|SAG|COR|TRA|OBL)T")
#: Umlauts as they are written without such keys.
_UMLAUT_IN_TWO = re.compile("([aou])e")
_SPELLED_OUT = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue"})
#: The digits that a single code string may have.
_DIGITS = re.compile(r"\d{0,5}$|ISO_\d{5}_\d{1,2}$|(?!.*\d{5})(?:\D*\d){0,5}\D*$", re.DOTALL)
_HALF_WIDTH = re.compile("[\uff66-\uff9f]+")  # katakana, of which some are two characters
_OF_STANDARD = re.compile(r"\d{0,5}$|ISO_\d{5}_\d{1,2}$")
_UNICODE = re.compile(r"\\u([0-9a-fA-F]{4})")
_QUOTED = re.compile(r"=([2-7][0-9A-F])(?=\w)")
#: Three and more bytes in a row as mail and programs write them: =5A=77=69, \x5a\x77\x69, \132\167\151.
_ESCAPED_BYTES = re.compile(r"(?:=[0-9A-Fa-f]{2}){3,}|(?:\\x[0-9A-Fa-f]{2}){3,}|(?:\\[0-3][0-7]{2}){3,}")
#: Three and more raised, lowered or encircled digits in a row; fewer are a power (m², 10⁶) or a footnote.
_SIGNS_OF_DIGITS = re.compile(
    "[\u00b2\u00b3\u00b9\u2070-\u2079\u2080-\u2089\u2460-\u2468\u2474-\u247c\u2488-\u2490\u24ea\u2776-\u277e\u2780-\u2788]{3,}"
)


def readable(text: str) -> str:
    """Return the text as a person reads it: nothing invisible, digits and letters in usual width, no escapes."""
    if not text.isascii():
        text = "".join(map(_plain, _HALF_WIDTH.sub(_full_width, unicodedata.normalize("NFC", text))))
        text = _SIGNS_OF_DIGITS.sub(lambda match: "".join(str(unicodedata.digit(sign)) for sign in match[0]), text)
    if _ESCAPED.search(text):
        text = _UNICODE.sub(lambda match: chr(int(match[1], 16)), text)
        text = _ESCAPED_BYTES.sub(_from_bytes, text)
        text = _QUOTED.sub(lambda match: chr(int(match[1], 16)), text)
        text = html.unescape(unquote(text, errors="replace"))
    return text


#: Letters in circles and parentheses; radicals of Chinese, which look like the letters that they are parts of.
_SIGNS_OF_LETTERS = re.compile("[\u249c-\u24e9\u2e80-\u2fd5\U0001f110-\U0001f189]")


def _from_bytes(match: re.Match[str]) -> str:
    codes = re.split(r"=|\\x|\\", match[0])[1:]
    raw = bytes(int(code, 8 if len(code) == 3 else 16) for code in codes)
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _full_width(match: re.Match[str]) -> str:
    return unicodedata.normalize("NFKC", match[0])


@lru_cache(maxsize=4096)
def _plain(character: str) -> str:
    category = unicodedata.category(character)
    if category == "Cf":
        return ""
    if category == "Nd":
        return str(unicodedata.digit(character))
    if _SIGNS_OF_LETTERS.match(character):
        return "".join(filter(str.isalpha, unicodedata.normalize("NFKC", character)))
    if "\uff01" <= character <= "\uff5e":
        return unicodedata.normalize("NFKC", character)
    return character


def without_strangers(text: str) -> str:
    """Return the text without unknown words: those neither of medicine or DICOM, nor of the language around it."""
    if _is_shortest_name(text):
        return STRANGER
    text = _DISGUISED.sub(_without_disguised, _SPELLED.sub(CUT, text))
    runs = list(RUN.finditer(text))
    capitals = _is_in_capitals(text, runs)
    usual = [_is_usual(match) and not is_eponym(match[0]) and not _is_behind_initial(match) for match in runs]
    for place in range(len(runs)):
        if not usual[place]:
            usual[place] = (
                stays_alone(text, runs, usual, place)
                or _is_beside_machine(runs, place)
                or _is_beside_partner(runs, place)
                or _is_adjective(runs, place)
                or _is_breed(runs, place)
                or _is_tooth(runs[place])
                or _is_transliterated(runs[place][0])
                or is_syllable_of_vietnam(runs[place])
                or _is_behind_prefix_and_hyphen(runs, place)
                or begins_sentence_of(runs[place][0], runs[place])
                or _is_noun_of_text(runs, usual, place)
                or (capitals and _is_beside_usual(runs, usual, place))
            )
    if hardly_has_capitals(text):
        usual = [stays and not _is_proper(match) for match, stays in zip(runs, usual, strict=True)]
    usual = with_neighbours(runs, with_words_of_sentences(runs, usual))
    names = [
        place
        for place, match in enumerate(runs)
        if usual[place] and _may_be_name(match[0]) and not is_noun_with_capital(match[0], match)
    ]
    while alone := [place for place in names if usual[place] and _is_without_context(text, runs, usual, place)]:
        for place in alone:  # and the next one may have stood beside it: May Price
            usual[place] = False
    cleaned, position = [], 0
    for match, stays in zip(runs, usual, strict=True):
        if not stays:
            cleaned += [text[position : match.start()], STRANGER]
            position = match.end()
    return "".join((*cleaned, text[position:]))


def _is_transliterated(word: str) -> bool:
    """Return whether a word is one of German or a Nordic language with ae, oe and ue for its umlauts: Hueftkopf.

    It is nobody's name, whichever way it is written: Mueller and Boettcher are.
    """
    folded = folded_word(word)
    plain = _UMLAUT_IN_TWO.sub(r"\1", folded)
    return (
        len(plain) > _SHORTEST_TRANSLITERATED
        and plain != folded
        and (
            is_of_languages(plain, small=False)
            or _is_narrow(plain)
            or _is_compound(plain)
            or _is_compound_of_words(plain)
        )
        and not is_listed_name(folded)
        and not is_listed_name(plain)
    )


def _is_behind_initial(match: re.Match[str]) -> bool:
    """Return whether an initial stands before a word with a capital that no table has, and that is only like words."""
    word = match[0]
    if word.islower() or len(word) <= _SHORT:
        return False
    initial = _INITIAL.search(match.string, max(0, match.start() - _LONGEST_INITIAL), match.start())
    if not initial:
        return False
    if initial[0][0].islower() and match.string[: initial.start()].endswith("."):
        return False  # Z.n.
    folded = folded_word(word)
    of_person = (
        initial[0][0].isupper() and initial[0][0] not in _OF_ANATOMY and match.string[initial.start() - 1 :][:1] != "."
    )
    if of_person and is_listed_name(folded) and folded not in medicine():
        return True
    return folded not in _terms() and not _is_narrow(word) and not is_of_languages(folded, small=False)


def begins_sentence_of(word: str, match: re.Match[str]) -> bool:
    """Return whether a word has its capital because a sentence begins with it, as words in lower case go on with it.

    Args:
        word: the word.
        match: where it stands.
    """
    if is_syllable_of_vietnam(match):
        return True
    if not word.istitle() or _is_behind_initial(match):
        return False
    if begins_in_language(word, match):
        return True
    if not _may_begin(word):
        return False
    if not is_at_begin(match):
        return False
    goes_on = _GOES_ON.match(match.string, match.end())
    if not goes_on or not goes_on[0].islower():
        return False
    return bool(goes_on[2]) or (len(goes_on[1]) > _SHORT and is_ordinary(goes_on[1]))


def _may_begin(word: str) -> bool:
    plain = folded_word(word)
    if begins_sentence(plain) or (not word.isascii() and begins_sentence(word.lower())):
        return True
    if len(word) <= _SHORT or is_listed_name(plain):
        return False
    return (likeness(plain) > _LIKE_A_WORD or plain in _terms()) and is_ordinary(word.lower())


def _is_proper(match: re.Match[str]) -> bool:
    """Return whether a word has a capital within a sentence, and no other table than that of languages has it."""
    word = match[0]
    if (
        not word.istitle()
        or len(word) <= _SHORT
        or is_at_begin(match)
        or not is_of_languages(folded_word(word), small=False)
    ):
        return False
    folded = folded_word(word)
    return not (folded in _terms() or _is_narrow(word) or folded in _made() or is_of_reports(word) or is_eponym(word))


def _is_noun_of_text(runs: list[re.Match[str]], usual: list[bool], place: int) -> bool:
    """Return whether a word is a noun of German with its capital, and no unknown word stands beside it."""
    here = runs[place]
    if not here[0].istitle() or not is_noun_with_capital(here[0], here) or _is_behind_initial(here):
        return False
    return all(
        usual[other] or max(here.start() - runs[other].end(), runs[other].start() - here.end()) > _NEAR
        for other in (place - 1, place + 1)
        if 0 <= other < len(runs)
    )


def _is_behind_prefix_and_hyphen(runs: list[re.Match[str]], place: int) -> bool:
    """Return whether a word in lower case is joined to a prefix of medicine: hydro-aérique, sous-dural; no name is."""
    if not place or not runs[place][0].islower() or len(runs[place][0]) <= _SHORT:
        return False
    before = runs[place - 1]
    joined = before.string[before.end() : runs[place].start()] in ("-", "‐", "‑")
    prefix, folded = folded_word(before[0]), folded_word(runs[place][0])
    if prefix == _OF_SUBJECT and is_listed_name(folded) and not _is_word(prefix + folded):
        return False
    return joined and prefix in words_by_section("compounds.txt")["prefixes"]


def _is_in_capitals(text: str, runs: list[re.Match[str]]) -> bool:
    """Return whether a text is a sentence of nothing but capitals."""
    return text.isupper() and sum(len(run[0]) > _SHORT for run in runs) >= _FEWEST_OF_SENTENCE


def _is_beside_usual(runs: list[re.Match[str]], usual: list[bool], place: int) -> bool:
    """Return whether a word in capitals is one of languages, and stands between known words."""
    word = folded_word(runs[place][0])
    if not _may_begin(runs[place][0]) or not (is_of_languages(word, small=True) or word in _terms()):
        return False  # what is only like words may be a name in capitals
    return all(usual[other] for other in (place - 1, place + 1) if 0 <= other < len(runs))


def _without_disguised(match: re.Match[str]) -> str:
    """Return STRANGER for a name with signs for letters; a term has a known word or a unit beside its digit."""
    word = match[0]
    if _IS_DENSE.search(word):  # a number among words: 第5腰椎
        return word
    runs = re.findall(r"[^\W\d_]+", word)
    signs = sum(not character.isalpha() for character in word)
    titled = word[0].isupper() and len(runs) > 1 and all(run.islower() for run in (runs[0][1:], *runs[1:]) if run)
    technical = any(map(_is_unit_or_term if titled else _is_short_or_term, runs))
    letters = word.translate(_LETTERS_OF_DISGUISE)
    if technical or signs > _MOST_DISGUISED or word.lower() in technique()["tokens"] or is_ordinary(letters):
        return word
    return STRANGER if all(len(run) > 1 or place == 0 for place, run in enumerate(runs)) else word


def _is_short_or_term(run: str) -> bool:
    return len(run) > 1 and (folded_word(run) in _abbreviations() or is_known(run))


def _is_unit_or_term(run: str) -> bool:
    return folded_word(run) in technique()["units"] or (len(run) >= _SHORT and _is_short_or_term(run))


def _may_be_name(run: str) -> bool:
    return not run.islower() and run.isascii() and is_name_too(run)


def _is_without_context(text: str, runs: list[re.Match[str]], usual: list[bool], place: int) -> bool:
    """Return whether a word that is also a common family name stands alone, or beside one that is cut out."""
    here = runs[place]
    if _is_adjective(runs, place) or _is_breed(runs, place) or _is_tooth(here):
        return False
    if here[0].lower() in _partners():
        return not _is_beside_partner(runs, place)
    if all(len(run[0]) == 1 or number == place for number, run in enumerate(runs)):
        return not any(map(str.isdigit, text))
    before, after = text[: here.start()].rstrip(" ,.-_^"), text[here.end() :].lstrip(" ,.-_^")
    if before.endswith((CUT, STRANGER)) or after.startswith((CUT, STRANGER)):
        return True
    beside = [number for number in (place - 1, place + 1) if 0 <= number < len(runs)]
    return any(
        not usual[number] and max(runs[number].start() - here.end(), here.start() - runs[number].end()) <= _NEAR
        for number in beside
    )


def _is_beside_partner(runs: list[re.Match[str]], place: int) -> bool:
    """Return whether a word that is also a name stands beside one that makes it a word: Fall from, COPD GOLD."""
    partners = _partners().get(runs[place][0].lower(), frozenset())
    return any(
        folded_word(runs[number][0]).removesuffix("s") in partners
        for number in (place - 1, place + 1)
        if 0 <= number < len(runs)
    )


def _is_adjective(runs: list[re.Match[str]], place: int) -> bool:
    """Return whether a word that is also a name begins a remark about a noun of medicine, and not what somebody did."""
    here = runs[place]
    if place + 1 == len(runs) or not here[0].istitle() or here[0].lower() not in technique()["adjectives"]:
        return False
    noun = runs[place + 1]
    if noun.start() - here.end() != 1 or not here.string[here.end()].isspace() or not noun[0].islower():
        return False
    return not _VERB.fullmatch(noun[0]) and (noun[0] in medicine() or is_nobody(noun[0]))


def _is_tooth(match: re.Match[str]) -> bool:
    """Return whether a word for a tooth, which is also a name, stands before the number of one (FDI): Zahn 36."""
    return match[0].lower() in _TEETH and _NUMBER_OF_TOOTH.match(match.string, match.end()) is not None


def _is_breed(runs: list[re.Match[str]], place: int) -> bool:
    """Return whether a word is a breed, beside what is said of animals only, or beside another breed: MN Labrador."""
    animals = words_by_section("breeds.txt")
    if folded_word(runs[place][0]) not in animals["breeds"]:
        return False
    beside = [runs[number][0].lower() for number in (place - 1, place + 1) if 0 <= number < len(runs)]
    if any(word in animals["said of animals"] for word in beside):
        return True
    return any(word in animals["breeds"] for word in beside) and any(
        run[0].lower() in animals["said of animals"] for run in runs[max(0, place - _NEAR_BREED) : place + _NEAR_BREED]
    )


def _is_usual(match: re.Match[str]) -> bool:
    run = match[0]
    if is_ordinary(run) or _is_times_d(match, is_ordinary):
        return True
    before = match.string[match.start() - 1 : match.start()] if match.start() else ""
    if before.isascii() and before.isalnum() and (particle := _PARTICLE_BEHIND_LATIN.match(run)):
        return particle.end() == len(run) or is_of_words(run[particle.end() :])
    if before in ("X", "x") and run[0] in "선線线光" and (len(run) == 1 or is_of_words(run[1:])):
        return True
    if before.isdigit() and (counted := _COUNTED.match(run)):
        return counted.end() == len(run) or is_of_words(run[counted.end() :])
    if _BEFORE_T.fullmatch(run) and match.string[match.end() : match.end() + 1] in ("1", "2"):
        return True
    return run.islower() and run in technique()["small"]


def _is_beside_machine(runs: list[re.Match[str]], place: int) -> bool:
    """Return whether a word names a machine, beside another such word that is nobody's name: MAGNETOM Vida."""
    if folded_word(runs[place][0]) not in _machines() | products()["beside others"]:
        return False
    here = runs[place]
    for other in (runs[place - 1] if place else None, runs[place + 1] if place + 1 < len(runs) else None):
        if other is None or max(here.start() - other.end(), other.start() - here.end()) > _NEAR:
            continue
        if "," not in here.string[min(here.end(), other.end()) : max(here.start(), other.start())] and (
            folded_word(other[0]) in products()["machines"] | _MAKERS
        ):
            return True
    return False


@lru_cache(maxsize=8192)
def is_term(code: str) -> bool:
    """Return whether a code string (CS) consists of known words, and abbreviations without a vowel.

    With six digits, or five in a row, it may be somebody's number or date; template identifiers have up to five.
    """
    for single in code.split("\\"):
        if not _DIGITS.match(single):
            return False
        if not _OF_STANDARD.match(single) and CUT in without_record_numbers(single, TextKind.MACHINE, is_known):
            return False
    return all(map(_is_word_of_codes, re.findall(r"[^\W\d_]{2,}", code)))


def _is_word_of_codes(word: str) -> bool:
    """Return whether a word may stand in a code string: short ones are names (LEE, WU) where no table has them."""
    folded = folded_word(word)
    if len(word) > _SHORT + 1:
        return is_ordinary(word) or _is_compound(folded)
    if folded in technique()["short names"] or folded in technique()["shortest names"]:
        return False
    return folded in _short_words_of_codes() or _WITHOUT_VOWEL.fullmatch(folded) is not None or folded in _terms()


@cache
def _short_words_of_codes() -> frozenset[str]:
    """Return the known words of up to four letters, and those of all defined terms."""
    rows = (row for name in ("defined_terms.csv", "defined_terms_later.csv") for row in table_rows(name))
    defined = (word.lower() for row in rows for word in re.findall(r"[^\W\d_]+", row["terms"]))
    known = _words() | _machines() | _abbreviations() | frozenset(defined)
    return frozenset(word for word in known if len(word) <= _SHORT + 1)


def _is_compound(word: str) -> bool:
    """Return whether a word is made of known words without a space: CHESTABDOMEN."""
    known = _words()
    return len(word) <= 3 * _LONGEST_PART and any(
        word[:end] in known and (word[end:] in known or _is_compound(word[end:]))
        for end in range(_SHORT + 1, len(word) - _SHORT)
    )


def _is_shortest_name(text: str) -> bool:
    """Return whether a text is nothing but a name of two letters (WU), or of three that is no abbreviation (KIM)."""
    word = text.strip().lower()
    return word in technique()["shortest names"] or word in technique()["short names"]


def without_strangers_to_machines(text: str) -> str:
    """Return a technical text without unknown words; names of makes, models, programs and sequences stay."""
    if _is_shortest_name(text):
        return STRANGER
    return RUN.sub(
        lambda match: (
            match[0] if is_word_of_machines(match[0]) or _is_times_d(match, is_word_of_machines) else STRANGER
        ),
        text,
    )


@lru_cache(maxsize=8192)
def is_word_of_machines(run: str) -> bool:
    """Return whether a word may stand in a technical text: a known one, or one that makers joined of known ones."""
    return is_ordinary(run) or _is_of_machines(run) or is_coined(run)


def is_coined(run: str) -> bool:
    """Return whether a word is nobody's name, and joined of a word of the technique and another or an abbreviation.

    Makers coin so: QUADHEAD, SHARPIII, TOFSP, DentiView.
    """
    word = folded_word(run)
    if len(word) <= _SHORT or not run.isascii() or not word.isalpha():
        return False
    if is_listed_name(word) or word in surnames() or is_eponym(run):
        return False
    return _is_joined_by_makers(_VERSION_BEHIND.sub("", word)) or _is_of_parts(_parts_of(run))


def is_abbreviation_of_methods(run: str) -> bool:
    """Return whether four or five capitals are nobody's name: where only methods are named, they abbreviate one."""
    word = folded_word(run)
    if not (run.isascii() and run.isalpha() and run.isupper()) or not _SHORT < len(run) <= _LONGEST_ABBREVIATION:
        return False
    return not is_listed_name(word) and word not in surnames() and not is_eponym(run)


def _is_joined_by_makers(word: str) -> bool:
    known, long = _words_of_technique(), _SHORT + 1  # letters
    return word in known or any(
        (word[:end] in known and (word[end:] in known or word[end:] in _abbreviations()))
        or (word[end:] in known and (end == 1 or word[:end] in _abbreviations()))
        or (long <= end < len(word) - _SHORT and word[:end] in _words() and word[end:] in _words())
        for end in range(1, len(word) - 1)
    )


def _is_of_parts(parts: list[str]) -> bool:
    """Return whether words that are written as one are known and no names, and one of them is of the technique."""
    words = list(map(folded_word, parts))

    def known(word: str) -> bool:
        return word in _words_of_technique() or (len(word) > _SHORT and word in _words())

    return (
        len(parts) > 1
        and any(map(known, words))
        and all(len(word) <= _SHORT or known(word) or not is_listed_name(word) for word in words)
    )


@cache
def _words_of_technique() -> frozenset[str]:
    """Return the words of sequences, machines and programs of four letters and more, of three if they are stems."""
    named = frozenset(word for section, words in products().items() for word in words) | _machines()
    return frozenset(word for word in named if len(word) > _SHORT) | technique()["stems"] & technique()["abbreviations"]


def _is_times_d(match: re.Match[str], is_usual: Callable[[str], bool]) -> bool:
    """Return whether a word is written after 2D, 3D or 4D without a space: 3DFSE."""
    run, before = match[0], match.string[: match.start()]
    return run[0] in "dD" and before[-1:] in tuple("2345") and not before[-2:-1].isdigit() and is_usual(run[1:])


@lru_cache(maxsize=8192)
def is_known(run: str) -> bool:
    """Return whether a run of letters is in the narrow tables, or made of words that are; not if it is short."""
    word = folded_word(run)
    if word in _words() or word in _machines():
        return True
    return len(run) > _SHORT and (_is_made_of(run, _is_narrow) or _is_of_machines(run))


def is_familiar(run: str) -> bool:
    """Return whether a run of letters is in any table, including the wide ones; with a capital, and is no rare name."""
    if is_known(run):
        return True
    return len(run) > _SHORT and is_ordinary(run) and (run.islower() or not is_rather_word(folded_word(run)))


def _is_of_machines(run: str) -> bool:
    known = _machines()
    parts = _parts_of(run)
    return folded_word(run) in known or all(
        _is_short(part) or _is_narrow(part) or folded_word(part) in known for part in parts
    )


def _parts_of(run: str) -> list[str]:
    """Return the words that are written as one (KneeRight), split at capitals; an accent parts none (KOŠA)."""
    plain = run if run.isascii() else without_accents(run)
    if not plain.isascii() or len(plain) != len(run):
        return [run]
    return [run[part.start() : part.end()] for part in _PARTS.finditer(plain)]


def _is_short(part: str) -> bool:
    """Return whether a part of a technical word is an abbreviation; two characters of Chinese are a whole name."""
    return len(part) <= _SHORT and (part.isascii() or (not _IS_DENSE.match(part) and _is_short_word(part)))


def is_of_machines(word: str) -> bool:
    """Return whether a whole word is in the table of makes, models and programs, or is a small number."""
    return folded_word(word) in _machines() or re.fullmatch(r"\d{1,2}[tT]?", word) is not None


def is_nobody(run: str) -> bool:
    """Return whether a word is in a table of words that are nobody's name: terms.txt, products.txt."""
    word = folded_word(run)
    if word in _terms() or is_of_languages(word, small=run.islower()):
        return True
    if (_MEDICAL.fullmatch(word) or is_compound_of_medicine(word)) and word not in surnames():
        return True
    if is_built_of_medicine(word) or _is_like_words(run, word):
        return True
    return any(word in words for section, words in products().items() if section != "beside others")


def is_nobodys_name(word: str) -> bool:
    """Return whether a word is known, like words, and in no list of names."""
    return is_no_name(word) and not is_anybodys_name(word) and likeness(folded_word(word)) > _LIKE_A_WORD


def is_anybodys_name(word: str) -> bool:
    """Return whether any list has a word as a name, or it is too short for those lists."""
    return len(word) <= _SHORT or is_listed_name(folded_word(word))


def is_no_name(run: str) -> bool:
    """Return whether a word is known, and not also a common name."""
    return is_ordinary(run) and not is_name_too(run) and not is_eponym(run)


def is_name_too(word: str) -> bool:
    """Return whether a known word is a name, too: a common one, or a rare one that is rather a word."""
    folded = word.lower()
    return folded in technique()["names too"] or folded in _partners() or is_rather_word(folded)


def is_listed(run: str) -> bool:
    """Return whether a word is in a narrow table, as it is or inflected."""
    word = folded_word(run)
    return word in _words() or word in _machines() or _is_inflected(word)


def listed_words() -> frozenset[str]:
    """Return all words of the narrow tables, folded."""
    return _words()


def terms() -> frozenset[str]:
    """Return the words of terms.txt."""
    return _terms()


def is_derived(word: str) -> bool:
    """Return whether a word in no table looks like a form of one in a table, or like two of them."""
    return (
        _MEDICAL.fullmatch(word) is not None
        or _is_inflected(word)
        or _GENERAL.fullmatch(word) is not None
        or is_compound_of_medicine(word)
        or _is_cognate(word)
    )


@lru_cache(maxsize=8192)
def is_ordinary(run: str) -> bool:
    """Return whether a run of letters is a known word, or known words without spaces."""
    if not run.isascii():
        if _OF_FATHER.fullmatch(run):
            return False
        if _IS_DENSE.match(run):
            return is_of_words(run)
        if is_written_by_hand(run):
            return True
        if run[0] in _OF_UNITS and f"u{run[1:]}".lower() in technique()["units"]:
            return True
        if len(run) <= _SHORT:
            return _is_short_word(run)
    if len(run) <= _SHORT:
        return True
    if run.istitle() and _is_like_name(folded_word(run)) and not _is_narrow(run):
        return False
    return _is_made_of(run, _is_word) and not _is_inflected_name(run)


def _is_like_name(word: str) -> bool:
    return likeness(word) < LIKE_A_NAME and not is_rather_word(word)


def _is_inflected_name(run: str) -> bool:
    """Return whether a word with a capital is no term, and a name in the case of a language with many: Ковальчука."""
    word = folded_word(run)
    if not (run.istitle() or run.isupper()) or _is_narrow(run):
        return False
    if any(word in table() for table in (_terms, _of_reports, _made, _acronyms)):
        return False
    names = nominatives_of(word)
    if not any(map(is_name_of_person, names)):
        return False
    return not any(is_of_languages(name, small=True) or _is_made_of(name.title(), _is_word) for name in names if name)


def _is_short_word(run: str) -> bool:
    """Return whether a word of up to three letters, not all of them ASCII, may stay.

    Abbreviations are ASCII; names need not be (Bùi, Лю, לוי), nor a few words.
    """
    if len(run) == 1 or run[0] in _OF_UNITS:
        return True
    if run.lower() in _everyday() or run.lower() in technique()["abbreviations"]:
        return True
    if run.lower() == run.upper():  # a script without capitals: its table has nobody's name
        return is_of_languages(folded_word(run), small=False)
    return run.islower() and is_of_languages(run, small=True)


def _is_made_of(run: str, is_word: Callable[[str], bool]) -> bool:
    if is_word(run) or _WITHOUT_VOWELS.fullmatch(run) or _ORIENTED.fullmatch(run) or _ROMAN.fullmatch(run):
        return True
    plain = run if run.isascii() else without_accents(run)
    if not plain.isascii():  # capitals of other alphabets would split it: MƏMMƏDOV
        return False
    parts = _PARTS.findall(plain)
    return (
        len(parts) > 1
        and not _BEGINS_NAME.fullmatch(plain)
        and all(is_word(part) if len(part) > _SHORT else _is_part(part) for part in parts)
        and any(len(part) > _SHORT or folded_word(part) in _abbreviations() for part in parts)
        and len("".join(parts)) == len(plain)
    )


def _is_part(part: str) -> bool:
    """Return whether a short part of a joined word is no name: KneeForJen."""
    return not part.istitle() or part.lower() not in technique()["short names"]


@lru_cache(maxsize=8192)
def _is_word(text: str) -> bool:
    word, small = folded_word(text), text.islower()
    if word in _terms() or _is_narrow(text) or is_of_languages(word, small=small) or is_built_of_medicine(word):
        return True
    if (text.isupper() and word in _acronyms()) or word in _made():
        return True
    if small and len(word) >= _SHORTEST_COGNATE + 1 and word.endswith(_VOWELS) and word[:-1] in _terms():
        return word not in surnames()  # tamoxifeno
    if (small and _is_plural(word)) or _is_british(word, small=small) or _is_like_words(text, word):
        return True
    return (
        small and not text.isascii() and is_of_languages(text, small=small)
    )  # días: Dias is a name, with an accent it is not


def _is_like_words(text: str, word: str) -> bool:
    """Return whether a word of no table is no name of any list, and like words or joined of two."""
    if is_eponym(text) or word in surnames():
        return False
    if is_like_words(text, word):
        return True
    return (
        len(word) >= _SHORTEST_JOINED
        and word.isascii()
        and likeness(word) > 0
        and not is_listed_name(word)
        and any(_is_half(word[:end]) and _is_half(word[end:]) for end in range(_SHORT + 1, len(word) - _SHORT))
    )


def _is_british(word: str, *, small: bool) -> bool:
    """Return whether a word is spelled as in Great Britain and is a term in its other spelling: thalassaemia."""
    other = word.replace("ae", "e").replace("oe", "e")
    if other == word:
        return False
    if len(word) >= _SHORTEST_COGNATE and _MEDICAL.fullmatch(other):
        return True
    if not small or word in surnames():
        return False
    if len(word) >= _SHORTEST_COGNATE and other in _terms():
        return True
    return len(other) > _SHORT + 1 and other in _words() and not is_listed_name(word)  # caecum


def _is_plural(word: str) -> bool:
    """Return whether a word in small letters is the plural of a long term: transaxials, syrinxes, fistulae."""
    return any(
        word.endswith(end) and len(word) - len(end) >= _SHORTEST_COGNATE and word[: -len(end)] + single in _terms()
        for end, single in (("s", ""), ("es", ""), ("ies", "y"), ("ae", "a"), ("i", "us"), ("a", "um"), ("ata", "a"))
    )


@lru_cache(maxsize=8192)
def _is_narrow(text: str) -> bool:
    word = folded_word(text)
    if word in _words():
        return True
    if word in surnames():
        return False
    if _MEDICAL.fullmatch(word) or _is_inflected(word) or is_compound_of_medicine(word) or _is_cognate(word):
        return True
    return text.islower() and _GENERAL.fullmatch(word) is not None


@lru_cache(maxsize=8192)
def is_built_of_medicine(word: str) -> bool:
    """Return whether a word of no table names a drug, is a cognate of a medical word, or is joined of two words."""
    if len(word) > 3 * _LONGEST_PART or word in surnames() or not word.isascii():
        return False
    return is_drug(word) or _is_skeleton(word) or _is_compound_of_words(word) or _has_prefix_of_medicine(word)


def _has_prefix_of_medicine(word: str) -> bool:
    """Return whether a word is another one behind a Latin or Greek prefix: hipoecogenico, periprothetique."""
    if len(word) < _SHORTEST_JOINED:
        return False
    prefixes = words_by_section("compounds.txt")["prefixes"]
    return any(
        word[:end] in prefixes and _is_behind_prefix(word[end:])
        for end in range(_SHORT - 1, min(len(word) - _SHORT - 1, _LONGEST_PREFIX + 1))
    )


@lru_cache(maxsize=4096)
def _is_behind_prefix(word: str) -> bool:
    return word in _terms() or _is_skeleton(word) or _is_half(word) or _is_cognate(word) or word in _words()


def _is_skeleton(word: str) -> bool:
    return is_skeleton_of_medicine(skeleton(word))


def _is_compound_of_words(word: str) -> bool:
    """Return whether a word is joined of two, one of them of medicine: botvenster, Sigmaresektion."""
    if len(word) < _SHORTEST_JOINED:
        return False
    joints = ("", *words_by_section("compounds.txt")["joints"])
    return any(
        _is_joined(word[:end], word[end + len(joint) :])
        for end in range(_SHORT + 1, len(word) - _SHORT)
        for joint in joints
        if word.startswith(joint, end)
    )


def _is_joined(one: str, other: str) -> bool:
    first, second = _is_long_word_of_medicine(one), _is_long_word_of_medicine(other)
    return (first or second) and (first or _is_half(one)) and (second or _is_half(other))


@lru_cache(maxsize=4096)
def _is_long_word_of_medicine(word: str) -> bool:
    if len(word) < _LONG_STEM:
        return False
    return word in words_by_section("compounds.txt")["stems"] or word in _of_reports() or _is_skeleton(word)


@lru_cache(maxsize=4096)
def _is_half(word: str) -> bool:
    if len(word) <= _SHORT:
        return False
    return (
        word in words_by_section("compounds.txt")["stems"]
        or word in _of_reports()
        or is_of_languages(word, small=False)
    )


def is_of_reports(run: str) -> bool:
    """Return whether a word is in `tables/languages.txt`, which has no common family names."""
    return folded_word(run) in _of_reports()


@cache
def _of_reports() -> frozenset[str]:
    """Return the words of `tables/languages.txt`, folded."""
    return frozenset(map(folded_word, table_words("languages.txt")))


@lru_cache(maxsize=4096)
def is_compound_of_medicine(word: str) -> bool:
    """Return whether a word is a medical compound as in German, Dutch and the Nordic languages: lungenembolie."""
    parts = words_by_section("compounds.txt")
    if not _SHORTEST_COMPOUND <= len(word) <= 3 * _LONGEST_PART:
        return False
    spellings = {word, _UMLAUT_IN_TWO.sub(r"\1", word)}
    return any(_splits(spelling, parts["stems"], parts["joints"], has_long=False) for spelling in spellings)


def _splits(word: str, stems: frozenset[str], joints: frozenset[str], *, has_long: bool) -> bool:
    """Return whether a word is made of stems, one of which is long: short ones also make family names (Steinkopf)."""
    for end in range(_SHORT, min(len(word), _LONGEST_PART) + 1):
        if word[:end] not in stems:
            continue
        rest, long = word[end:], has_long or end >= _LONG_STEM
        if (not rest or rest in joints) and long:
            return True
        if rest in _middle_stems(stems) and end > _SHORT + 1:
            return True
        if any(
            rest.startswith(joint) and _splits(rest[len(joint) :], stems, joints, has_long=long)
            for joint in ("", *joints)
        ):
            return True
    return False


@lru_cache(maxsize=4)
def _middle_stems(stems: frozenset[str]) -> frozenset[str]:
    """Return the stems of which two make a word: Leberzyste."""
    return frozenset(stem for stem in stems if len(stem) > _SHORT + 1)


def _is_cognate(word: str) -> bool:
    """Return whether a word is an English medical word with the ending of another language: medullaire."""
    if len(word) < _SHORTEST_COGNATE:
        return False
    for ending, others in _COGNATES:
        match = re.search(rf"{ending.pattern}$", word)
        if match and any(word[: match.start()] + other in _of_medicine() for other in others):
            return True
    return False


@cache
def _of_medicine() -> frozenset[str]:
    return _terms() | _words()


def _is_inflected(word: str) -> bool:
    if len(word) <= _SHORT + 1 or not word.endswith(_ENDINGS):
        return False
    return any(word.endswith(end) and _is_stem(word[: -len(end)]) for end in _ENDINGS)


def _is_stem(stem: str) -> bool:
    known = _words()
    doubled = len(stem) > 4 and stem[-1] == stem[-2] and stem[:-1] in known
    return len(stem) > _SHORT and (stem in known or f"{stem}e" in known or f"{stem}y" in known or doubled)


@cache
def _everyday() -> frozenset[str]:
    """Return `tables/words.txt` and `tables/languages.txt`.

    These words may stay in a text, but are searched for if somebody in the file has that name.
    """
    words = table_words("words.txt") | table_words("languages.txt") | table_words("words_of_scripts.txt")
    spelled = {word.translate(_SPELLED_OUT) for word in words if not word.isascii() and len(word) > _SHORT + 2}
    return words | (spelled - surnames())


@cache
def _machines() -> frozenset[str]:
    """Return `tables/machines.txt`: words that may stay in technical texts."""
    return frozenset(map(folded_word, table_words("machines.txt"))) | products()["beside others"]


@cache
def _made() -> frozenset[str]:
    """Return the words of makes, models and `tables/machines.txt` that no list of names has."""
    named = sections("makes_and_models.txt")
    words = {folded_word(word) for name in ("makes", "models") for line in named[name] for word in line.split()}
    words |= set(map(folded_word, table_words("machines.txt")))
    return frozenset(word for word in words if word.isalpha() and len(word) > _SHORT and not is_listed_name(word))


@cache
def _words() -> frozenset[str]:
    beside_digits = technique()["units"] | technique()["labels"] | technique()["stems"]
    listed = frozenset(word for word in beside_digits if len(word) > _SHORT)
    named = frozenset(word for section, words in products().items() if section != "beside others" for word in words)
    said = frozenset(word.decode("ascii") for word in vocabulary())
    return frozenset(map(folded_word, _everyday())) | listed | named | said


@cache
def _partners() -> Mapping[str, frozenset[str]]:
    """Return, by word, the words beside which it is nobody's name: white matter, kidney stone."""
    found: dict[str, set[str]] = {}
    for line in sections("technique.txt")["partners"]:
        word, _, partners = line.partition(":")
        found.setdefault(word, set()).update(partner.removesuffix("s") for partner in partners.split())
    return {word: frozenset(partners) for word, partners in found.items()}


@cache
def _abbreviations() -> frozenset[str]:
    """Return the technical abbreviations of up to three letters."""
    known = technique()
    return known["abbreviations"] | known["labels"] | known["units"] | known["stems"]


@cache
def _terms() -> frozenset[str]:
    """Return `tables/terms.txt`: words that are nobody's name."""
    return table_words("terms.txt")


def is_acronym(word: str) -> bool:
    """Return whether a word, given in lower case, is in the table of abbreviations that count in capitals."""
    return word in _acronyms()


@cache
def _acronyms() -> frozenset[str]:
    """Return `tables/acronyms.txt`: abbreviations that count in capitals only."""
    return table_words("acronyms.txt")


@cache
def surnames() -> frozenset[str]:
    """Return `tables/surnames.txt`: family names that look like forms of a word."""
    return table_words("surnames.txt")
