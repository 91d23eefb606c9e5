"""Recognise words of medicine by how they are built: of Latin and Greek origin in any language, and names of drugs.

Languages spell the same Latin and Greek word each in its way: cholecystitis, colecistite, colecistitis, Cholezystitis.
Two words are cognates if nothing distinguishes them but such spellings and their endings (`skeleton`). Drugs end in
the stems of the WHO's international nonproprietary names (INN): -tinib, -mab, -xaban.
"""

from __future__ import annotations

import re

_SHORTEST, _SHORTEST_DRUG = 8, 7  # letters
_SHORTEST_SKELETON = 6
#: How Latin and Greek letters are spelled in one language or another, and one spelling for all.
_SPELLINGS = (
    ("sch", "sc"), ("ph", "f"), ("th", "t"), ("rh", "r"), ("ch", "c"), ("ck", "c"), ("kh", "c"), ("qu", "c"),
    ("ae", "e"), ("oe", "e"), ("k", "c"), ("z", "c"), ("y", "i"), ("j", "i"), ("x", "s"), ("w", "v"), ("ct", "t"),
    ("pt", "t"),
    ("cs", "s"), ("sc", "c"), ("ce", "se"), ("ci", "si"),
)  # fmt: skip
#: What is an h in Latin letters, and a z that is an s: гидронефроз.
_FIRST_H, _LAST_Z = re.compile("^г(?=[иіе])"), re.compile("(?<=o)z$")
_PAIRS = (
    ("ου", "u"),
    ("αι", "e"),
    ("ει", "i"),
    ("οι", "i"),
    ("ευ", "eu"),
    ("αυ", "au"),
    ("μπ", "b"),
    ("ля", "la"),
    ("лю", "lu"),
)
_IN_LATIN = str.maketrans(
    dict(zip("αβγδεζηθικλμνξοπρσςτυφχω", "abgdezitiklmnxoprsstifco", strict=True))
    | dict(zip("абвгдежзийклмнопрстуфхцчшщыэіїєґ", "abvgdejziiklmnoprstufczcssieiieg", strict=True))
    | {"ψ": "ps", "ю": "iu", "я": "ia", "ь": "", "ъ": "", "ё": "e"}
)
_DOUBLED = re.compile(r"(.)\1")
#: Endings of one meaning, as they are after that, and one for all. The longest first.
_ENDINGS = tuple(
    (re.compile(rf"(?:{ends})$"), one)
    for ends, one in (
        (r"itiden|itides|itide|ites|itis|iti|ite|it", "it~"),
        (r"osiden|oses|osis|ose|osi|os|oza|ozy|osen", "os~"),
        (r"omata|omas|omen|omes|omi|oma|ome|om", "om~"),
        (r"grafien|grafies|grafias|grafia|grafie|grafi|grafy|graf", "graf~"),
        (r"tomien|tomias|tomia|tomie|tomi", "tom~"),
        (r"copien|copias|copia|copie|copi", "cop~"),
        (r"pation|patien|patias|patia|patie|pati", "pat~"),
        (r"sionen|siones|sioni|sion|siones|sone|soes|sao|sia|tion|tionen|tiones", "sion~"),
        (
            r"ical|icals|ice?s|icos|icas|ico|ica|ici|iche|icher|iches|ischer|isches|ische|isch|icer|ices|ice|icni|icna|icny|ic|(?<=g)eal(?:e|es|i|is)?",
            "ic~",
        ),
        (r"oiden|oides|oidal|oide|oidi|oids|oid", "oid~"),
        (r"emien|emias|emia|emie|emi", "em~"),
        (r"lisen|lisis|lise|lisi|lis", "lis~"),
        (r"ien|ies|ias|ia|ie|ium|ius|i|um|us|on|en|er|es|os|as|is|a|e|o|s|n", "~"),
    )
)
#: Endings that names hardly have.
_OF_MEDICINE = re.compile("(?:it|os|om|graf|tom|cop|pat|sion|ic|oid|em|lis)~$")
#: Stems of the WHO's list (2018) that stand at the end of a name, and that no other words have.
_DRUG = re.compile(
    r"cef(?:azolin|alexin|triaxon|epim|tazidim|otaxim|uroxim|ixim|aclor|oxitin|tarolin|iderocol|adroxil|dinir)e?"
    r"|gado(?:b|di|f|p|q|te|v|x)[a-z]*(?:ol|ate?|ic|tol|id|ide)|(?:lep|bival|des)irudin|[a-z]{2,}(?:"
    r"tinib|ciclib|parib|rafenib|metinib|lisib|degib|zomib|sertib|[lz]imus|t[aou]mab|zumab|ximab|[lnrvx][aiou]mab|mab|[cr]cept|kinra|leucel"
    r"|platin|taxel|rubicin|mustine|trexate|trexed|citabine|tecan|bulin|poside|stat|vastatin|fibrate|gliptin|gliflozin|glutide|glitazone"
    r"|xaban|gatran|grelor|parin|parinux|plase|sartan|dipine|[^r]olol|zosin|semide|thiazide|renone|dronate|dronic"
    r"|prazole|conazole|fungin|oxacin|floxacin|cillin|cycline|micin|mycin|penem|ciclovir|[nl]avir|tegravir|buvir|asvir|previr"
    r"|vudine|prazolam|zepam|zolam|barbital|setron|triptan|peridol|peridone|apine|oxetine|oxicam|coxib|profen|fenac|nidazole"
    r"|fentanil|fentanyl|[^n]caine|curium|curonium|azocine|sone|solone|onide|lukast|terol|tropium|relix|relin|reotide|tide"
    r"|poetin|grastim|gestrel|estradiol|afil|amivir|oxaban|setmide|io(?:hexol|pamidol|promide|versol|meprol|dixanol|bitridol|xaglate|talamate)"
    r"|flu[a-z]+(?:pir|tau|capir)|betapir|betaben|metamol"
    r")"
)
#: Beginnings of Latin and Greek words, as `_SPELLINGS` leave them: words with an ending that names also have.
_BEGINNINGS = (
    "ipo",
    "iper",
    "stereo",
    "cole",
    "enter",
    "gastr",
    "epat",
    "nefr",
    "neur",
    "oste",
    "artr",
    "miel",
    "mio",
    "endo",
    "peri",
    "intra",
    "trans",
    "supra",
    "infra",
    "para",
    "poli",
    "pseudo",
    "macro",
    "micro",
    "mono",
    "trom",
    "carcin",
    "scler",
    "sten",
    "laring",
    "bronc",
    "pneum",
    "pulmon",
    "plevr",
    "pleur",
    "diag",
    "diaf",
    "radio",
    "eco",
    "tomo",
    "mamo",
    "angio",
    "flebo",
    "cisto",
    "colp",
    "ister",
    "metast",
    "adeno",
    "linf",
    "limf",
    "fibro",
    "lipo",
    "sarco",
    "dermat",
    "encef",
    "encefal",
    "mening",
    "retro",
    "ante",
    "inter",
    "extra",
    "sub",
    "cardio",
    "esof",
    "farin",
    "tracheo",
    "spondil",
    "displas",
    "disfag",
    "dispn",
    "atel",
    "atro",
    "emato",
    "emor",
    "etero",
    "omo",
    "iso",
    "auto",
    "contra",
    "circum",
    "sin",
    "im",
    "in",
    "re",
    "pro",
    "fotografi",
)
_NAMED_SO = re.compile(
    r"(?:jo|pe|al|son|ander|ol|han|pat)sone|[a-z]{2,4}(?:tide|stat|mab|sone|terol|afil|onide|lukast)"
)


def skeleton(word: str) -> str:
    """Return what the spellings of one Latin or Greek word have in common; "" for a word that may be of another origin.

    Args:
        word: the word, in lower case without accents.
    """
    if len(word) < _SHORTEST:
        return ""
    word = in_latin_letters(word).removeprefix("h")
    for written, one in _SPELLINGS:
        if written in word:
            word = word.replace(written, one)
    word = _DOUBLED.sub(r"\1", word)
    for ending, one in _ENDINGS:
        match = ending.search(word)
        if match:
            word = word[: match.start()] + one
            break
    telling = _OF_MEDICINE.search(word) or word.startswith(_BEGINNINGS)
    return word if telling and len(word) >= _SHORTEST_SKELETON else ""


def in_latin_letters(word: str) -> str:
    """Return a word of Greek or Cyrillic as Latin languages spell it, so that they share skeletons: холецистит.

    Args:
        word: the word, in lower case without accents.
    """
    if word.isascii():
        return word
    for written, one in _PAIRS:
        word = word.replace(written, one)
    return _LAST_Z.sub("s", _FIRST_H.sub("", word).translate(_IN_LATIN))


def is_drug(word: str) -> bool:
    """Return whether a word in lower case has the ending of an international nonproprietary name."""
    return len(word) >= _SHORTEST_DRUG and _DRUG.fullmatch(word) is not None and not _NAMED_SO.fullmatch(word)
