"""Judge a word alone: whether it is medical, technical or of a language, so that it may stay in a description.

A surname alone looks like any word, so known words are kept, instead of suspicious ones being removed. Words of up to
three letters stay (AX, STIR's TI, kernels); patterns handle numbers.

The vocabulary has two widths. Narrow: the tables written for technique and reports, and forms of their words; they
decide which letters beside digits are a term (`is_known`). Wide: also the many words of terms.txt, which are nobody's
name; they stay in a text, but do not make a term of letters beside digits.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import TYPE_CHECKING

from sendit.deidentify.tables import table_rows, table_words
from sendit.deidentify.text.characters import DENSE
from sendit.deidentify.text.eponyms import is_eponym
from sendit.deidentify.text.record_numbers import CUT, TextKind, without_record_numbers
from sendit.deidentify.text.scripts.dense import is_of_words
from sendit.deidentify.text.scripts.endings import is_written_by_hand
from sendit.deidentify.text.sections import products, sections, technique, vocabulary, words_by_section
from sendit.deidentify.text.words.cognates import is_drug, skeleton
from sendit.deidentify.text.words.shortened import ShortenedWords
from sendit.deidentify.text.words.sorted_words import (
    folded_word,
    is_listed_name,
    is_of_languages,
    is_rather_word,
    is_skeleton_of_medicine,
    likeness,
    without_accents,
)
from sendit.deidentify.text.words.unknown_words import (
    is_like_words,
    is_name_of_person,
    nominatives_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

SHORT = 3
#: The likeness of a word that is like names though a wide table has it; of one that is no name with a capital either.
LIKE_A_NAME, LIKE_A_WORD = -6, 5
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
IS_DENSE = re.compile(f"[{DENSE}]")
_PARTS = re.compile(r"[A-Z]?[^\W\d_A-Z]+|[A-Z]+(?![a-z])")
#: Endings of inflected words, and endings of medical words only.
_ENDINGS = ("s", "es", "ed", "d", "ing", "ly", "al", "er", "ers", "ic", "en", "e", "a", "um", "i", "ae", "ness", "less")
_VOWELS = ("a", "e", "o")
_MEDICAL = re.compile(
    r"\w{2,}(?:itis|[ao]path(?:y|ies|ic)|megaly|ectomy|ostomy|otomy|ogra(?:phy|phie|fia|fie|m|ms|mm)|osis|oses|emia|plasty|"
    r"scop(?:y|ic|ie)|ological|trophy|plasia|algia|phob(?:ia|ie|ic)|fob(?:ia|ie|ija|ije|i)|al{1,2}erg(?:y|ies|ia|ie|ii|ija|ije)|rrh?age|rrhea|sclero\w+|stenosis|ectas(?:is|ia)|iform|oid)s?"
)
#: The same in Cyrillic and Greek, without accents.
_MEDICAL_IN_OTHERS = re.compile(
    r"\w{3,}(?:(?:граф|скоп|эктом|ектом|стом|мегал|пат|алг|плег|фоб|кард|ур|эм|ем|терап|плаз)и(?:я|и|ю|еи|ею|ии)|(?:стен|склер|некр|фибр|цирр)оз[аеуы]?"
    r"|γραφ(?:ια|ιας|ιες|ημα|ηματος|ηματα|ικ\w{1,3})|σκοπησ(?:η|ης|εις)|εκτομ(?:η|ης|ες)|παθειας?|αλγιας?|φοβιας?|ουριας?|αιμιας?|πληγιας?|σκληρυνσ(?:η|ης)"
    r"|στενωσ(?:η|ης|εις)|πλασιας?|θεραπειας?|μεγαλιας?|κηλης?|ωμα|ωματ(?:α|ος|ων)|ιτιδ(?:α|ας|ες))"
)
_GENERAL = re.compile(r"[a-z]{3,}(?:tion|tions|ment|ity|able|ible|ated|ular|ous|ive|ness|ized|ised|ically)")
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
#: Umlauts as they are written without such keys.
UMLAUT_IN_TWO = re.compile("([aou])e")
_SPELLED_OUT = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue"})
#: The digits that a single code string may have.
_DIGITS = re.compile(r"\d{0,5}$|ISO_\d{5}_\d{1,2}$|(?!.*\d{5})(?:\D*\d){0,5}\D*$", re.DOTALL)
_OF_STANDARD = re.compile(r"\d{0,5}$|ISO_\d{5}_\d{1,2}$")


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
    if len(word) > SHORT + 1:
        return is_ordinary(word) or is_compound(folded)
    if folded in technique()["short names"] or folded in technique()["shortest names"]:
        return False
    return folded in _short_words_of_codes() or _WITHOUT_VOWEL.fullmatch(folded) is not None or folded in terms()


@cache
def _short_words_of_codes() -> frozenset[str]:
    """Return the known words of up to four letters, and those of all defined terms."""
    rows = (row for name in ("defined_terms.csv", "defined_terms_later.csv") for row in table_rows(name))
    defined = (word.lower() for row in rows for word in re.findall(r"[^\W\d_]+", row["terms"]))
    known = _words() | machines() | abbreviations() | frozenset(defined)
    return frozenset(word for word in known if len(word) <= SHORT + 1)


def is_compound(word: str) -> bool:
    """Return whether a word is made of known words without a space: CHESTABDOMEN."""
    known = _words()
    return len(word) <= 3 * _LONGEST_PART and any(
        word[:end] in known and (word[end:] in known or is_compound(word[end:]))
        for end in range(SHORT + 1, len(word) - SHORT)
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
    if len(word) <= SHORT or not run.isascii() or not word.isalpha():
        return False
    if is_listed_name(word) or word in surnames() or is_eponym(run):
        return False
    return _is_joined_by_makers(_VERSION_BEHIND.sub("", word)) or _is_of_parts(_parts_of(run))


def is_abbreviation_of_methods(run: str) -> bool:
    """Return whether four or five capitals are nobody's name: what only devices write may be abbreviated so."""
    word = folded_word(run)
    if not (run.isascii() and run.isalpha() and run.isupper()) or not SHORT < len(run) <= _LONGEST_ABBREVIATION:
        return False
    return not is_listed_name(word) and word not in surnames() and not is_eponym(run)


def _is_joined_by_makers(word: str) -> bool:
    known, long = _words_of_technique(), SHORT + 1  # letters
    return word in known or any(
        (word[:end] in known and (word[end:] in known or word[end:] in abbreviations()))
        or (word[end:] in known and (end == 1 or word[:end] in abbreviations()))
        or (long <= end < len(word) - SHORT and word[:end] in _words() and word[end:] in _words())
        for end in range(1, len(word) - 1)
    )


def _is_of_parts(parts: list[str]) -> bool:
    """Return whether words that are written as one are known and no names, and one of them is of the technique."""
    words = list(map(folded_word, parts))

    def known(word: str) -> bool:
        return word in _words_of_technique() or (len(word) > SHORT and word in _words())

    return (
        len(parts) > 1
        and any(map(known, words))
        and all(len(word) <= SHORT or known(word) or not is_listed_name(word) for word in words)
    )


@cache
def _words_of_technique() -> frozenset[str]:
    """Return the words of sequences, machines and programs of four letters and more, of three if they are stems."""
    named = frozenset(word for section, words in products().items() for word in words) | machines()
    return frozenset(word for word in named if len(word) > SHORT) | technique()["stems"] & technique()["abbreviations"]


@lru_cache(maxsize=8192)
def is_known(run: str) -> bool:
    """Return whether a run of letters is in the narrow tables, or made of words that are; not if it is short."""
    word = folded_word(run)
    if word in _words() or word in machines():
        return True
    return len(run) > SHORT and (_is_made_of(run, is_narrow) or _is_of_machines(run) or is_coined(run))


def is_familiar(run: str) -> bool:
    """Return whether a run of letters is in any table, including the wide ones; with a capital, and is no rare name."""
    if is_known(run):
        return True
    return len(run) > SHORT and is_ordinary(run) and (run.islower() or not is_rather_word(folded_word(run)))


def _is_of_machines(run: str) -> bool:
    known = machines()
    parts = _parts_of(run)
    return folded_word(run) in known or all(
        _is_short(part) or is_narrow(part) or folded_word(part) in known for part in parts
    )


def _parts_of(run: str) -> list[str]:
    """Return the words that are written as one (KneeRight), split at capitals; an accent parts none (KOŠA)."""
    plain = run if run.isascii() else without_accents(run)
    if not plain.isascii() or len(plain) != len(run):
        return [run]
    return [run[part.start() : part.end()] for part in _PARTS.finditer(plain)]


def _is_short(part: str) -> bool:
    """Return whether a part of a technical word is an abbreviation; two characters of Chinese are a whole name."""
    return len(part) <= SHORT and (part.isascii() or (not IS_DENSE.match(part) and _is_short_word(part)))


def is_of_machines(word: str) -> bool:
    """Return whether a whole word is in the table of makes, models and programs, or is a small number."""
    return folded_word(word) in machines() or re.fullmatch(r"\d{1,2}[tT]?", word) is not None


def is_nobody(run: str) -> bool:
    """Return whether a word is in a table of words that are nobody's name: terms.txt, products.txt."""
    word = folded_word(run)
    if word in terms() or is_of_languages(word, small=run.islower()):
        return True
    if (_MEDICAL.fullmatch(word) or is_compound_of_medicine(word)) and word not in surnames():
        return True
    if is_built_of_medicine(word) or _is_like_words(run, word):
        return True
    return any(word in words for section, words in products().items() if section != "beside others")


def is_nobodys_name(word: str) -> bool:
    """Return whether a word is known, like words, and in no list of names."""
    return is_no_name(word) and not is_anybodys_name(word) and likeness(folded_word(word)) > LIKE_A_WORD


def is_anybodys_name(word: str) -> bool:
    """Return whether any list has a word as a name, or it is too short for those lists."""
    return len(word) <= SHORT or is_listed_name(folded_word(word))


def is_no_name(run: str) -> bool:
    """Return whether a word is known, and not also a common name."""
    return is_ordinary(run) and not is_name_too(run) and not is_eponym(run)


def is_name_too(word: str) -> bool:
    """Return whether a known word is a name, too: a common one, or a rare one that is rather a word."""
    folded = word.lower()
    return folded in technique()["names too"] or folded in partners() or is_rather_word(folded)


def is_listed(run: str) -> bool:
    """Return whether a word is in a narrow table, as it is or inflected."""
    word = folded_word(run)
    return word in _words() or word in machines() or _is_inflected(word)


def listed_words() -> frozenset[str]:
    """Return all words of the narrow tables, folded."""
    return _words()


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
        if IS_DENSE.match(run):
            return is_of_words(run)
        if is_written_by_hand(run):
            return True
        if run[0] in _OF_UNITS and f"u{run[1:]}".lower() in technique()["units"]:
            return True
        if len(run) <= SHORT:
            return _is_short_word(run)
    if len(run) <= SHORT:
        return True
    word = folded_word(run)
    if run.istitle() and _is_like_name(word) and not is_narrow(run) and not _is_of_known(run, word):
        return False
    return _is_made_of(run, is_word) and not _is_inflected_name(run)


def _is_like_name(word: str) -> bool:
    return likeness(word) < LIKE_A_NAME and not is_rather_word(word)


def _is_inflected_name(run: str) -> bool:
    """Return whether a word with a capital is no term, and a name in the case of a language with many: Ковальчука."""
    word = folded_word(run)
    if not (run.istitle() or run.isupper()) or is_narrow(run):
        return False
    if any(word in table() for table in (terms, _of_reports, made_words, _acronyms)):
        return False
    names = nominatives_of(word)
    if not any(map(is_name_of_person, names)):
        return False
    return not any(is_of_languages(name, small=True) or _is_made_of(name.title(), is_word) for name in names if name)


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
        and all(is_word(part) if len(part) > SHORT else _is_part(part) for part in parts)
        and any(len(part) > SHORT or folded_word(part) in abbreviations() for part in parts)
        and len("".join(parts)) == len(plain)
    )


def _is_part(part: str) -> bool:
    """Return whether a short part of a joined word is no name: KneeForJen."""
    return not part.istitle() or part.lower() not in technique()["short names"]


@lru_cache(maxsize=8192)
def is_word(text: str) -> bool:
    """Return whether a single word is in any table, a form of one in it, or like words."""
    word, small = folded_word(text), text.islower()
    if word in terms() or is_narrow(text) or is_of_languages(word, small=small) or is_built_of_medicine(word):
        return True
    if (text.isupper() and word in _acronyms()) or word in made_words():
        return True
    if small and len(word) >= _SHORTEST_COGNATE + 1 and word.endswith(_VOWELS) and word[:-1] in terms():
        return word not in surnames()  # tamoxifeno
    if _is_of_known(text, word):
        return True
    if (small and _is_plural(word)) or _is_british(word, small=small) or _is_like_words(text, word):
        return True
    return (
        small and not text.isascii() and is_of_languages(text, small=small)
    )  # días: Dias is a name, with an accent it is not


def _is_of_known(text: str, word: str) -> bool:
    """Return whether a word is nobody's name, and a known one that is shortened, or two known ones without a space."""
    if word in surnames() or is_listed_name(word) or (is_listed_name(word[1:]) and not is_narrow(word[1:])):
        return False  # jsmith
    if _shortened().has(word):
        return True
    return not text.istitle() and all(map(_is_part, _parts_of(text))) and (is_compound(word) or is_coined(text))


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
        and any(_is_half(word[:end]) and _is_half(word[end:]) for end in range(SHORT + 1, len(word) - SHORT))
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
    if len(word) >= _SHORTEST_COGNATE and other in terms():
        return True
    return len(other) > SHORT + 1 and other in _words() and not is_listed_name(word)  # caecum


def _is_plural(word: str) -> bool:
    """Return whether a word in small letters is the plural of a long term: transaxials, syrinxes, fistulae."""
    return any(
        word.endswith(end) and len(word) - len(end) >= _SHORTEST_COGNATE and word[: -len(end)] + single in terms()
        for end, single in (("s", ""), ("es", ""), ("ies", "y"), ("ae", "a"), ("i", "us"), ("a", "um"), ("ata", "a"))
    )


@lru_cache(maxsize=8192)
def is_narrow(text: str) -> bool:
    """Return whether a single word is in a narrow table, or derived from one in it."""
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
    if len(word) > 3 * _LONGEST_PART or word in surnames():
        return False
    if not word.isascii():
        built = _MEDICAL_IN_OTHERS.fullmatch(word) is not None or _is_skeleton(word)
        return built and not is_listed_name(word)
    built = is_drug(word) or _is_skeleton(word) or is_compound_of_words(word)
    return built or _has_prefix_of_medicine(word) or _has_head_of_medicine(word)


def _has_head_of_medicine(word: str) -> bool:
    """Return whether a word that is no name ends like a complaint, an examination or a finding: Penicillinallergi."""
    if len(word) < _SHORTEST_JOINED or is_listed_name(word) or likeness(word) <= 0:
        return False
    heads = words_by_section("compounds.txt")["heads"]
    return any(word[start:] in heads for start in range(SHORT + 1, len(word) - SHORT))


def _has_prefix_of_medicine(word: str) -> bool:
    """Return whether a word is another one behind a Latin or Greek prefix: hipoecogenico, periprothetique."""
    if len(word) < _SHORTEST_JOINED:
        return False
    prefixes = words_by_section("compounds.txt")["prefixes"]
    return any(
        word[:end] in prefixes and _is_behind_prefix(word[end:])
        for end in range(SHORT - 1, min(len(word) - SHORT - 1, _LONGEST_PREFIX + 1))
    )


@lru_cache(maxsize=4096)
def _is_behind_prefix(word: str) -> bool:
    return word in terms() or _is_skeleton(word) or _is_half(word) or _is_cognate(word) or word in _words()


def _is_skeleton(word: str) -> bool:
    return is_skeleton_of_medicine(skeleton(word))


def is_compound_of_words(word: str) -> bool:
    """Return whether a word is joined of two, one of them of medicine: botvenster, Sigmaresektion."""
    if len(word) < _SHORTEST_JOINED:
        return False
    joints = ("", *words_by_section("compounds.txt")["joints"])
    return any(
        _is_joined(word[:end], word[end + len(joint) :])
        for end in range(SHORT + 1, len(word) - SHORT)
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
    if len(word) <= SHORT:
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
    spellings = {word, UMLAUT_IN_TWO.sub(r"\1", word)}
    return any(_splits(spelling, parts["stems"], parts["joints"], has_long=False) for spelling in spellings)


def _splits(word: str, stems: frozenset[str], joints: frozenset[str], *, has_long: bool) -> bool:
    """Return whether a word is made of stems, one of which is long: short ones also make family names (Steinkopf)."""
    for end in range(SHORT, min(len(word), _LONGEST_PART) + 1):
        if word[:end] not in stems:
            continue
        rest, long = word[end:], has_long or end >= _LONG_STEM
        if (not rest or rest in joints) and long:
            return True
        if rest in _middle_stems(stems) and end > SHORT + 1:
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
    return frozenset(stem for stem in stems if len(stem) > SHORT + 1)


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
    return terms() | _words()


def _is_inflected(word: str) -> bool:
    if len(word) <= SHORT + 1 or not word.endswith(_ENDINGS):
        return False
    return any(word.endswith(end) and _is_stem(word[: -len(end)]) for end in _ENDINGS)


def _is_stem(stem: str) -> bool:
    known = _words()
    doubled = len(stem) > 4 and stem[-1] == stem[-2] and stem[:-1] in known
    return len(stem) > SHORT and (stem in known or f"{stem}e" in known or f"{stem}y" in known or doubled)


@cache
def _everyday() -> frozenset[str]:
    """Return `tables/words.txt` and `tables/languages.txt`.

    These words may stay in a text, but are searched for if somebody in the file has that name.
    """
    words = table_words("words.txt") | table_words("languages.txt") | table_words("words_of_scripts.txt")
    spelled = {word.translate(_SPELLED_OUT) for word in words if not word.isascii() and len(word) > SHORT + 2}
    return words | (spelled - surnames())


@cache
def machines() -> frozenset[str]:
    """Return `tables/machines.txt`: words that may stay in technical texts."""
    return frozenset(map(folded_word, table_words("machines.txt"))) | products()["beside others"]


@cache
def _shortened() -> ShortenedWords:
    """Return what is left of the words of the narrow tables that are shortened."""
    return ShortenedWords(_words())


@cache
def made_words() -> frozenset[str]:
    """Return the words of makes, models and `tables/machines.txt` that no list of names has."""
    named = sections("makes_and_models.txt")
    words = {folded_word(word) for name in ("makes", "models") for line in named[name] for word in line.split()}
    words |= set(map(folded_word, table_words("machines.txt")))
    return frozenset(word for word in words if word.isalpha() and len(word) > SHORT and not is_listed_name(word))


@cache
def _words() -> frozenset[str]:
    beside_digits = technique()["units"] | technique()["labels"] | technique()["stems"]
    listed = frozenset(word for word in beside_digits if len(word) > SHORT)
    named = frozenset(word for section, words in products().items() if section != "beside others" for word in words)
    said = frozenset(word.decode("ascii") for word in vocabulary())
    return frozenset(map(folded_word, _everyday())) | listed | named | said


@cache
def partners() -> Mapping[str, frozenset[str]]:
    """Return, by word, the words beside which it is nobody's name: white matter, kidney stone."""
    found: dict[str, set[str]] = {}
    for line in sections("technique.txt")["partners"]:
        word, _, beside = line.partition(":")
        found.setdefault(word, set()).update(partner.removesuffix("s") for partner in beside.split())
    return {word: frozenset(beside) for word, beside in found.items()}


@cache
def abbreviations() -> frozenset[str]:
    """Return the technical abbreviations of up to three letters."""
    known = technique()
    return known["abbreviations"] | known["labels"] | known["units"] | known["stems"]


@cache
def terms() -> frozenset[str]:
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
