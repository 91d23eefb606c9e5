"""Remove what stands beside a name that was cut out, and belongs to it: "Kang Min-ho", "Zulu 47", "Vall d'Hebron".

The word that is unknown reveals the name; its neighbours are words that may stay elsewhere. CUT and STRANGER stand
where something was removed.
"""

from __future__ import annotations

import re
from functools import cache

from sendit.deidentify.tables import table_words
from sendit.deidentify.text.eponyms import is_eponym
from sendit.deidentify.text.record_numbers import CUT, STRANGER
from sendit.deidentify.text.sections import any_of, cues, medicine, technique
from sendit.deidentify.text.vocabulary import is_nobody, is_of_reports, terms
from sendit.deidentify.text.words.sorted_words import is_of_languages
from sendit.deidentify.text.words.unknown_words import capitals_tell

_GONE = f"[{CUT}{STRANGER}]"
#: Initials and short forms of given names before a name, a number behind it.
_INITIALS = re.compile(
    rf"(?<![^\W_])(?:(?:[A-Z]|Wm|Chas|Jas|Thos|Geo|Robt|Jos)\.\s?){{1,4}}(?={_GONE})"
    rf"|(?<={_GONE})\s?,?\s(?:II|III|Jr|Sr|Esq)\b\.?(?!\w)"
)
#: Beginnings of family names before a name; credentials and initials behind it.
_OF_NAME = re.compile(
    rf"(?<![^\W_])(?:O|D|Mac|Mc|Ah|Al|El|Abu|Ibn|Bin|Fitz|S[ãa]o|San|Santa|Santo|Saint|Sainte|Sankt|Bad|SAN|SANT|SANTA|SANTO|S[ÃA]O|SAINTE?|SANKT|STA|STE|Las?|Los|Les?|Gli)\s(?={_GONE})"
    rf"|(?<![^\W_])(?:Van|Von|Den|Der|Ten|Ter|Della|Dos|Du|Des)\s?(?:(?:de[nr]?|het|la|las|los|zu|'t)\s)?(?={_GONE})"
    rf"|[\"“„][^\W\d_]+[\"”]\s(?={_GONE})"
    rf"|(?<={_GONE})\s?,?\sRT(?:\([A-Z]{{1,4}}\))+"
    rf"|(?<={_GONE})[\s.]{{0,2}}(?:[A-ZА-ЯΑ-Ω]\.[\s\-]?){{1,3}}(?:[A-ZА-ЯΑ-Ω](?=\s*(?:$|[,;)])))?|(?<={_GONE})-[A-Z](?!\w)"
    rf"|(?<={_GONE}\s{_GONE})\s[A-KM-QS-Z](?=\s*(?:$|[,.;]))|(?<={_GONE})\s(?!(?:A[tsnx]|I[nsft]|O[nfr]|B[ye]|To|No|My|Co|We|He|Me|Up|Li|Re)\b)[A-Z][a-z](?!\w)(?=\s*(?:$|[,.;]|[a-z]))"
)
#: Possible initials behind a name, or an abbreviation: Lim SL, kim-jh.
_TWO_LETTERS = re.compile(
    rf"(?<={_GONE})(?:[\s\-_]([A-Z]{{2}}|[a-z]{{2}})(?![^\W_])|\s\(([A-Z]{{2,3}})\)|\s([A-Z]{{3}})(?=\s{_GONE}|\s*$))"
)
#: Other groups of a number of which the longest was cut, and a postal code before its town.
_GROUPS = re.compile(
    rf"(?<![\w.,])(?:0|\d{{1,4}}[ \-]\d{{1,4}})(?:[ \-]\d{{1,4}}){{0,4}}[ \-]{{1,3}}(?={CUT})"
    rf"|(?<={CUT})[ \-]\d(?![\w.,])"
    rf"|(?<={CUT})[ \-]\d{{2,4}}(?:[ \-]\d{{1,4}}){{1,3}}(?![\w.,%]|\s?(?:mm|cm|ml|kv|mas|min|s|x)(?!\w))"
    rf"|(?<![\w.,\-])\d{{4,5}}\s(?={_GONE})"
)
#: An extension behind a telephone number, a bed behind a room.
_BEHIND_NUMBER = re.compile(
    rf"(?<={_GONE})[ ,]{{0,3}}(?:ext|extn|wew|wewn|dw|int|poste|ramal|app|toestel|apt|bed|bett|lit|bay|д|кв|корп)"
    r"[. \-:]{0,3}\d{1,6}(?!\w)",
    re.IGNORECASE,
)
#: The ward and the bed behind a name with underscores: LIN_MEIHUA_5F_17.
_WARD_AND_BED = re.compile(rf"(?<={_GONE})_\d{{1,2}}[A-Z]_\d{{1,2}}(?![^\W_])")
#: A given name of two syllables with a hyphen: Kang Min-ho.
_TWO_SYLLABLES = re.compile(rf"(?<={_GONE})([ ,]{{1,2}})([A-Z][a-z]{{1,4}})-([a-z]{{2,5}})(?!\w)")
#: The second syllable of a given name of Korea: Hong Gil-dong.
_SECOND_SYLLABLE = re.compile(
    rf"(?<={_GONE})-(?:dong|ho|hee|soo|su|hyun|jin|young|yeong|min|woo|seok|hoon|jun|joon|kyu|gyu|sik|chul|cheol|seong|sung|jae|won|kyung|mi|ja"
    r"|sook|suk|ok|ran|rim|ah|eun|yeon|hwan|tae|ki|gi|bin|bum|geun|keun|sang|hwa|na|ra|ju|joo|ji|yong|yul|seop|sub|taek|guk|nam|pil|gu|mo|ung|oh)(?![^\W_])"
)
#: A name with an article or a preposition in it, and a beginning that is a word elsewhere: Vall d'Hebron, Mont de la X.
_WITH_PARTICLE = re.compile(
    rf"(?<![\w'’])([A-ZÀ-Ý][a-zß-ÿ]{{2,}})\s(?:d[eiao]s?l?l?a?\s(?:l[ao]s?\s)?|d['’]|of\s(?:the\s)?|van\s(?:de[rn]?\s)?|von\s(?:der\s)?)(?={_GONE})"
)
#: Where somebody is from or what he is called after, behind his name: Chico da Padaria, Juan de la Torre.
_OF_ORIGIN = re.compile(
    rf"(?<={_GONE})\s(?:d[aeo]s?|del|de\sl[ao]s?|dell[ao']|di|du|des|van(?:\sde[rn]?)?|von(?:\sder)?|z|ze|из)\s(?:l['’])?([A-ZÀ-ÝА-Я][\w'’\-]{{2,}})(?!\w)"
)
#: The other half of a name with a hyphen: Усть-Кута.
_OTHER_HALF = re.compile(
    rf"(?<={_GONE})-([A-ZÀ-ÝА-Я][a-zß-ÿа-я]{{2,}})(?![^\W_])|(?<![^\W_])([A-ZÀ-ÝА-Я][a-zß-ÿа-я]{{2,}})-(?={_GONE})"
)
#: What belongs to the name of a house or a shop behind an article, beside the part that nobody knows: the Red X.
_OF_HOUSE = re.compile(
    rf"(?<=\bthe\s)((?:[A-Z][\w'’]+\s(?:(?:&|and)\s)?){{1,2}})(?={_GONE})|(?<=\bthe\s{_GONE})\s(?:(?:&|and)\s)?([A-Z][a-z]{{2,}})(?!\w)"
)
#: A word with a capital beside what was cut out, in a text that writes hardly any word with one: Великі, Surgery.
_SMALL, _LARGE = "a-zа-яα-ω", "A-ZА-ЯΑ-Ω"
_AND = r"\s(?:&|and|und|et|e|y|i|en|och|og|ja|és|и|і|та|και)\s"
_CAPITAL = re.compile(
    rf"(?<={_GONE})(?:[ \-]|{_AND})(?P<word>[^\W\d_{_SMALL}][^\W\d_{_LARGE}]{{2,}})(?![^\W_])"
    rf"|(?:(?<=[^\W\d_][ ,])|(?<=\b\w\.\s))(?P<before>[^\W\d_{_SMALL}][^\W\d_{_LARGE}]{{2,}})[ \-](?={_GONE})"
)
#: The rank of a constable or a soldier, and the kind of a club, before a name.
_RANK = re.compile(
    rf"(?<![^\W_])(?:PC|PCSO|DC|WPC|Cst|Const|Sgt|Cpl|LCpl|Pte|Pvt|Spc|Lt|Capt|Cpt|Maj|Col|Cmdr|TSV|SV|FC|VfB|VfL|TuS|SpVgg|KS|MKS|FK|IFK|SK|TJ|HK|CD|UD|AFC|RFC)\s(?={_GONE})"
)
#: A particle between two parts of a name, and what is somebody's: Virgen del Prado, Holden's Butchers.
_BETWEEN = re.compile(
    rf"(?<={_GONE})\s(?:del?|d[aeiou]s?|della|delle|van|von|der|den|la|le|las|los|cha|ya|wa|el|al)\s?(?={_GONE})"
    rf"|(?<={_GONE})['’]s(?P<own>(?:\s[A-ZÀ-Ý][\w'’]{{2,}}){{1,2}})(?!\w)"
)
#: The kind of a house, in small letters behind its name: X high court.
_KIND = re.compile(
    rf"(?<={_GONE})\s(?P<kind>(?:(?:high|primary|secondary|middle|crown|supreme|county)\s)?[^\W\d_]+)(?![^\W_])"
)
#: A calendar week behind a place or a name.
_WEEK = re.compile(
    rf"(?<={_GONE})[ ,]{{1,2}}(?:week|wk|woche|kw|semaine|semana|settimana|tydzień|uge|uke|vecka|v\.|viikko|viikolla"
    r"|týden|hét|săptămâna|неделя|тиждень)\s?(?:[1-9]|[1-4]\d|5[0-3])(?![\w%]|[.,]\d)",
    re.IGNORECASE,
)
#: A town behind the name of a house and a comma.
_TOWN = re.compile(rf"(?<={_GONE}),\s([A-ZÀ-Ý][a-zß-ÿ]{{3,}}(?:[ \-][A-ZÀ-Ý][a-zß-ÿ]{{3,}})?)(?=\s*(?:$|[.;,)\r\n]))")
#: The number of a house before the name of its street; in Greek and Cyrillic, with a word before the unknown one.
_HOUSE = re.compile(
    rf"(?<![\w.,/\-])\d{{1,4}}[а-яα-ω]?\s[Α-ΩА-Я][^\W\d_]{{2,}}\s(?={_GONE})|"
    rf"(?<![\w.,/\-])(?<!\w )\d{{1,4}}[a-z]?\s(?={_GONE}+\s{_GONE})"
)
#: Remains of a user's or an account's name: mia.moves, @radtech_lu.
_OF_ACCOUNT = re.compile(rf"(?<![\w.])@?(?:{_GONE}+\.[a-z]{{2,}}|[a-z]{{2,}}\.{_GONE}+)(?![\w.])")
#: Prefixes of words with a hyphen.
_PREFIXES = frozenset(
    {"pre", "post", "non", "sub", "mid", "low", "high", "in", "re", "co", "anti", "intra", "semi", "peri"}
)


def without_belongings(text: str) -> str:
    """Return a text with CUT in the place of what belongs to a name that was cut out of it."""
    if CUT not in text and STRANGER not in text:
        return text
    text = _BEHIND_NUMBER.sub(CUT, _OF_NAME.sub(CUT, _INITIALS.sub(CUT, text)))
    text = _WARD_AND_BED.sub(CUT, _GROUPS.sub(CUT, text))
    text = _TWO_LETTERS.sub(_without_initials, _short_name_beside().sub(CUT, text))
    text = _BETWEEN.sub(_without_particle, _RANK.sub(CUT, text))
    text = _WITH_PARTICLE.sub(_without_word, text)
    text = _SECOND_SYLLABLE.sub(CUT, _OTHER_HALF.sub(_without_half, text))
    text = _OF_HOUSE.sub(CUT, _OF_ORIGIN.sub(_without_town, text))
    text = _TOWN.sub(_without_town, without_second_name(text))
    text = _WEEK.sub(CUT, _OF_ACCOUNT.sub(CUT, text))
    text = _KIND.sub(_without_kind, text)
    if capitals_tell(text):
        text = _CAPITAL.sub(_without_capital, text)
    return _number_beside().sub(CUT, _HOUSE.sub(CUT, text))


def without_second_name(text: str) -> str:
    """Return a text without initials before a name that was cut out, and given names of two syllables behind it."""
    text = _INITIALS.sub(CUT, text)
    return _TWO_SYLLABLES.sub(lambda match: match[0] if match[2].lower() in _PREFIXES else CUT, text)


def _without_initials(match: re.Match[str]) -> str:
    known = technique()
    folded = match[match.lastindex or 0].lower()
    listed = (
        folded in known["abbreviations"] | known["units"] | known["labels"] | known["stems"] or folded in medicine()
    )
    return match[0] if listed or folded in cues()["stop"] | cues()["company"] else CUT


def _without_word(match: re.Match[str]) -> str:
    return match[0] if _is_of_the_field(match[1]) else CUT


def _without_particle(match: re.Match[str]) -> str:
    own = (match["own"] or "").split()
    return match[0] if any(map(_is_of_the_field, own)) else CUT


def _without_half(match: re.Match[str]) -> str:
    word = match[1] or match[2]
    return match[0] if _is_of_the_field(word) or word.lower() in terms() or is_of_reports(word) else CUT


def _without_town(match: re.Match[str]) -> str:
    return match[0] if any(map(_is_noun, re.split(r"[ \-]", match[1]))) else CUT


def _without_kind(match: re.Match[str]) -> str:
    kind = match["kind"].split()
    return CUT if len(kind) > 1 and kind[-1].lower() in _houses() else match[0]


def _without_capital(match: re.Match[str]) -> str:
    """Return CUT for a part of a name or an address; a word of medicine stays, and an abbreviation."""
    word = match["word"] or match["before"]
    folded = word.lower()
    if folded in cues()["facility"] or (match["word"] and folded in _houses()):
        return CUT
    if folded in medicine() or is_of_reports(word) or is_eponym(word) or folded in technique()["abbreviations"]:
        return match[0]
    return CUT


@cache
def _houses() -> frozenset[str]:
    """Return what houses, companies and offices are called by their kind."""
    return cues()["facility"] | cues()["house"]


def _is_of_the_field(word: str) -> bool:
    return word.lower() in medicine() | cues()["facility"] or (is_of_reports(word) and is_nobody(word.lower()))


def _is_noun(word: str) -> bool:
    """Return whether a capitalised word may begin a remark: a noun, as German writes it, or a word of medicine."""
    folded = word.lower()
    if folded in medicine() or folded in terms() or folded in _words():
        return True
    return is_of_reports(word) or is_of_languages(folded, small=False)


@cache
def _words() -> frozenset[str]:
    return table_words("words.txt")


@cache
def _short_name_beside() -> re.Pattern[str]:
    """Return a pattern for short names that are words elsewhere, beside what was cut out: Fan Weichi, Weichi Fan."""
    names = f"(?:{any_of({name.title() for name in technique()['names beside others']})})"
    return re.compile(rf"(?<![^\W_]){names}[\s,^]{{1,2}}(?={_GONE})|(?<={_GONE})[\s,^]{{1,2}}{names}(?![^\W_])")


@cache
def _number_beside() -> re.Pattern[str]:
    """Return a pattern for a number that is not measured, or a day, behind what was cut out."""
    units = any_of(technique()["units"])
    return re.compile(
        rf"(?<={_GONE})(?:\s\([^()\d]{{1,24}}\))?[ ,.]{{1,2}}(?:#|no\.?\s|nr\.?\s)?['’]?\d{{2,6}}"
        rf"(?![\w%°:/+*]|[.,\-]\d|\s?(?i:{units}|y|yo|m|f|d|h)(?!\w))"
        rf"|(?<={_GONE})\s(?:0?[1-9]|[12]\d|3[01])/(?:0?[1-9]|[12]\d|3[01])(?![\w/.,])"
    )
