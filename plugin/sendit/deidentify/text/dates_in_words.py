"""Find incomplete dates, and ages over 89, in free text: "11th of June", "Whitsun 1954", "93 yo m"."""

from __future__ import annotations

import re
from functools import cache

from sendit.deidentify.text.record_numbers import CUT
from sendit.deidentify.text.sections import any_of, cues

_YEAR = r"(?:(?:19|20)\d{2}|['’]\d{2})"
#: Of Persian, Islamic and Buddhist calendars.
_OTHER_YEAR = r"(?:1[34]|2[45])\d{2}(?!\d)"
_SHORT_YEAR = r"\d{2}(?!\w|[.,]\d|\s?(?:mm|cm|ml|kv|%))"
_DAY = r"(?:0?[1-9]|[12]\d|3[01])"
_MONTH = r"(?:0[1-9]|1[0-2])"
_HEBREW_MONTH = "תשרי|חשו?ון|מרחשוון|כסלו|טבת|שבט|אדר|ניסן|איי?ר|סיו?ון|תמוז|אב|אלול"
_ROMAN = r"(?:I{1,3}|IV|VI{0,3}|IX|X|XI{1,2})"
_BORN = (
    r"(?:born|b\.|geb(?:oren|\.)?|né|née|nacid[oa]|nat[oa]|nascid[oa]|ur\.|urodzon[ya]|рожд(?:\.|ения)?|г\.\s?р\.|род\.|род|doğum(?:lu)?|dob|birth\s+year"
    r"|jahrgang|jg\.?|année)"
)
#: Before a day and a month as numbers, which elsewhere are a fraction.
_ON = (
    r"(?:died|born|dob|dated?|on|since|until|am|vom|le|du|el|il|op|dnia|adm(?:itted|ission)?|disch(?:arged)?|seen|surgery|doa|dos|appt|visit"
    r"|exam|mdt|tumou?r\s?board|meeting|konsil|besprechung|conference|konferenz|lmp|edd|dum|dpp|opened|closed|due|replaced|installed|serviced|injured|fell|scanned|aufn(?:ahme)?|entl(?:assen)?|geplant|alta|ingreso|vu|rdv|ricovero)\.?"
)
#: The same in more languages, and words before a signature's date; some of them stand before amounts, too.
_ON_IN_OTHERS = (
    r"(?:στις|από|την|den|dne|dňa|dana|od|do|pada|tanggal|tgl|tarihinde|fra|siden|sedan|от|до|на|від|с|pe|din|data|dated|datum|datert|datiert"
    r"|date|fecha|signed|signert|signiert|signé|firmado|firmato|assinado|vidimert|utført|udført|utfört|podpisano)"
)
#: A day of the week beside a date that was cut out.
_WEEKDAY = (
    r"(?:(?:mon|tues|wednes|thurs|fri|satur|sun)day|(?:mon|diens|donners|frei|sams|sonn)tag|mittwoch|sonnabend|lundi|mardi|mercredi|jeudi|vendredi"
    r"|samedi|dimanche|lunes|martes|miércoles|jueves|viernes|sábado|domingo|lunedì|martedì|mercoledì|giovedì|venerdì|sabato|domenica"
    r"|(?:segunda|terça|quarta|quinta|sexta)-feira|maandag|dinsdag|woensdag|donderdag|vrijdag|zaterdag|zondag)"
)
#: Abbreviations of months in several languages; they count behind a day and a word before it that a date follows.
_SHORT_MONTH = (
    r"(?:jan|feb|mar|apr|may|jun|jul|aug|sept?|oct|nov|dec|janv|févr?|fev|avr|juin|juil|août|déc|ene|abr|ago|dic|gen|mag|giu|lug|set|ott|out"
    r"|mrt|mei|okt|mär|märz|mai|dez|jän|sty|lut|kwi|maj|cze|lip|sie|wrz|paź|lis|gru|янв|фев|мар|апр|мая|июн|июл|авг|сен|окт|ноя|дек|oca|şub|nis"
    r"|haz|tem|ağu|eyl|eki|kas|led|úno|bře|dub|kvě|čvn|srp|zář|říj)"
)
#: A month alone, in full and behind a preposition of its language: since March, de agosto, im August.
_OF_MONTH_ALONE = (
    r"(?:in|since|of|from|last|next|until|before|early|late|mid|end\sof)\s(?-i:January|February|March|April|May|June|July|August|September|October|November|December)"
    r"|(?:im|seit|vom|ab|bis|anfang|mitte|ende)\s(?-i:Januar|Jänner|Februar|März|April|Mai|Juni|Juli|August|September|Oktober|November|Dezember)"
    r"|(?:en|de|depuis|fin|début|mi|du\smois\sde)\s(?-i:janvier|février|avril|juin|juillet|août|septembre|octobre|novembre|décembre)"
    r"|(?:en|de|del|desde|em|do|da|in|di|a|dal)\s(?-i:enero|febrero|marzo|abril|mayo|junio|julio|agosto|septiembre|setiembre|octubre|noviembre|diciembre"
    r"|janeiro|fevereiro|março|maio|junho|julho|setembro|outubro|novembro|dezembro|gennaio|febbraio|aprile|maggio|giugno|luglio|settembre|ottobre|novembre|dicembre)"
    r"|(?:in|van|sinds|begin|eind)\s(?-i:januari|februari|maart|april|juni|juli|augustus|september|oktober|november|december)"
    r"|(?:i|från|fra|sedan|siden)\s(?-i:januari?|februari?|april|juni|juli|augusti?|september|oktober|november|december|desember)"
    r"|(?:w|we|od|z|в|с|от|за|у|з|від)\s(?:{locative})"
)
#: Initials and a year of the last century: (LM 1948).
_BORN_SO = re.compile(r"\(\s*(?!(?:CT|MR|MRI|CR|DX|US|NM|PT|PET|XA|XR)\b)[A-Z]{2,3}[\s,*]+19\d\d\s*\)")
_BESIDE_DATE = re.compile(rf"(?<!\w){_WEEKDAY}[\s,]*(?:the\s|den\s|le\s|el\s)?(?={CUT})", re.IGNORECASE)

#: A month and a year behind an operation: s/p CABG 6/18.
_SINCE = re.compile(
    r"((?<!\w)(?:s/p|p/o|h/o|hx|z\.\s?n\.|status post|since|seit|post[\s\-]op)\.?\s+(?:[^\W\d_]+\s+){0,3})"
    r"(?:0?[1-9]|1[0-2])/(?:[012]\d)(?=\s*(?:$|[.,;)]|(?:at|by|in|for|with|and)\b))",
    re.IGNORECASE,
)
_OLD = r"0?(?:9\d|1[0-2]\d)"
_YEARS = (
    r"(?:y(?:\.|\s?/)?\s?o\.?[mfw]?|y|yrs?|years?(?:[\s\-]old)?|j\.|jahre?[ns]?|jährig\w*|a\.|ans|an|años|anni|anos|jaar"
    r"|jarige?|lat|letni\w*|yaş\w*|år\w*|vuoti\w*|v\.|éves?|let|лет|года|годов|ετών|χρονών|歳|才|岁|歲|세)"
)
_NINETY = (
    r"(?:ninety|neunzig\w*|noventa|novanta|negentig"
    r"|quatre[\s\-]vingt[\s\-](?:dix|onze|douze|treize|quatorze|quinze|seize))"
)
#: Numbers from ninety-one on.
_OVER_NINETY = (
    r"(?:ninety[\s\-](?:one|two|three|four|five|six|seven|eight|nine)|(?:ein|zwei|drei|vier|fünf|sechs|sieben|acht|neun)undneunzig\w*"
    r"|novant(?:uno|adue|atré|atre|aquattro|acinque|asei|asette|otto|anove)|noventa\s[ye]\s\w+|quatre[\s\-]vingt[\s\-]"
    r"(?:dix[\s\-]\w+|onze|douze|treize|quatorze|quinze|seize)|(?:een|twee|drie|vier|vijf|zes|zeven|acht|negen)[eë]nnegentig"
    r"|dziewięćdziesiąt\s\w+|девяносто\s\w+|doksan\s?(?:bir|iki|üç|dört|beş|altı|yedi|sekiz|dokuz)|nittio(?:en|ett|två|tre|fyra|fem|sex|sju|åtta|nio)"
    r"|(?:en|to|tre|fire|fem|seks|syv|otte|ni)oghalvfems|devadesát\s?\w+)"
)
_NO_AMOUNT = r"(?![\w.%]|\s*(?:%|mm|cm|ml|kg|deg|bpm|hu)\b)"
_AGES = re.compile(
    "|".join(
        (
            rf"(?<![\w.]){_OLD}\+?[\s\-]*{_YEARS}(?![^\W\d_])(?:[\s,\-/]*(?:m|f|w|male|female)(?!\w))?",
            rf"(?<![\w.]){_OLD}\s?[/\-]?\s?[MFWV](?!\w)|(?<!\w)[MF][/\-]?{_OLD}(?![\w.])",
            rf"(?<!\w)(?:aged?|alter|âge|edad|età|anni|idade|leeftijd|wiek|yaş|ålder|alder|ikä|věk|vek|възраст|возраст|ηλικία|年齢|年龄|年齡|나이)\s*[:=]?\s*(?:de\s+)?{_OLD}(?!\d)",
            rf"(?<!\w){_NINETY}(?:[\s\-]\w+)?[\s\-]*(?:y\w*|jahre?|ans|años|anni|anos|jaar)(?!\w)",
            rf"(?<!\w)(?:(?:fe)?male|[mf],|is|turned|turning|turns)\s?{_OLD}{_NO_AMOUNT}",
            rf"(?<![\w.]){_OLD}(?:a(?!\w)|(?:st|nd|rd|th)\s(?:birth|year))",
            rf"(?<!\w)(?:is|aged?|turned|turning|now)\s(?:a|one)\shundred(?:\sand\s\w+)?{_NO_AMOUNT}",
            rf"(?<!\w)(?:aged?|alter|edad|wiek|idade)\s*[:=]?\s*{_NINETY}(?:[\s\-]\w+)?",
            rf"(?<!\w){_OVER_NINETY}(?!\w)(?!\s*(?:%|percent|per\s?cent|deg|grad|mm|cm|ml|kg))",
            r"(?<!\w)(?:nonag[ae]n|centen|supercenten)[aeä][ir]\w*(?:\s?\(?\d{2,3}\)?(?!\w))?|(?<!\w)aged\s+ninety(?:[\s\-]\w+)?",
        )
    ),
    re.IGNORECASE,
)

#: Beginnings of words for ninety and more.
_STEMS = "nine|neunz|noven|novan|negent|nona|cente|hundred|dziewi|девян|doksan|nittio|halvfems|devades"
#: Every match of _AGES contains one of these.
_OF_AGES = re.compile(rf"9\d|1[0-2]\d|(?i:{_STEMS}|quatre)")

#: A date or an age without a digit contains one of these.
_IN_LETTERS = re.compile(rf"(?i)th\b|vingt|{_STEMS}|day\b|mil[le]?\b|millenove|{_HEBREW_MONTH}")
_LETTERS = re.compile(r"[^\W\d_]+")
#: Adjectives of Romanian, behind mai as "more".
_BEHIND_MORE = re.compile(r"\s(?:mar|mic|mult|puțin|vech|nou|lung|scurt|larg|sub|gros|den|int|pro|rec|acc)")
#: Years of the last century, and of this one, in words.
_SPELLED_YEAR = (
    r"(?:nineteen[\s\-](?:hundred(?:\s+and)?[\s\-]|oh[\s\-])?[a-z]+ty(?:[\s\-][a-z]{3,5})?|neunzehnhundert\w*|zweitausend\w+"
    r"|negentienhonderd\w*|nittonhundra\w*|millenovecento\w*|duemila\w+|mil\s+novecientos(?:\s+\w+(?:\s+y\s+\w+)?)?"
    r"|mil\s+novecentos(?:\s+e\s+\w+){0,2}|mil(?:le)?[\s\-]neuf[\s\-]cents?(?:[\s\-]\w+){0,3})"
)


#: A date of Vietnam, and one of China or Japan in numerals of theirs: 14 tháng 3 năm 2024, 二〇二四年三月十八日.
_OF_VIETNAM = re.compile(
    r"(?<!\w)(?:ngày\s\d{1,2}\s)?(?:\d{1,2}\s)?tháng\s\d{1,2}(?:\s(?:năm\s)|[/\-])\d{2,4}(?!\w)"
    r"|(?<!\w)(?:ngày\s)?\d{1,2}\stháng\s\d{1,2}(?!\w)|(?<!\w)năm\s(?:19|20)\d\d(?!\w)",
    re.IGNORECASE,
)
#: Ages over 89 in Chinese, Japanese and Korean.
_OLD_IN_HAN = re.compile(
    r"(?:(?<!\d)(?:9\d|1[0-2]\d)|(?<![一二三四五六七八])(?:九十|一?百)[零〇]?[一二三四五六七八九十]{0,2})(?:[多余餘]|有余)?\s?(?:周|週|虛|虚|满|滿)?[岁歲歳才세]"
    r"|九旬|期颐|期頤|卒寿|白寿|百寿|(?<![가-힣])(?:아흔|백)\s?(?:한|두|세|네|다섯|여섯|일곱|여덟|아홉)?\s?살"
)
_IN_HAN_NUMERALS = re.compile(
    r"(?:令和|平成|昭和|大正|明治|民國|民国)?\s?[〇○零一二三四五六七八九十百元]{2,5}年(?:[一二三四五六七八九十]{1,3}月(?:[一二三四五六七八九十]{1,3}[日号號])?)"
    r"|(?:令和|平成|昭和|大正|明治|民國|民国)\s?[〇○零一二三四五六七八九十百元]{1,3}年|[一二三四五六七八九十]{1,3}月[一二三四五六七八九十]{1,3}[日号號]"
)


def without_dates_in_words(text: str) -> str:
    """Return the text with CUT in the place of dates in words and of ages over 89."""
    if "(" in text:
        text = _BORN_SO.sub(CUT, text)
    if not text.isascii():
        text = _IN_HAN_NUMERALS.sub(CUT, _OLD_IN_HAN.sub(CUT, _OF_VIETNAM.sub(CUT, text)))
    told = any(map(str.isdigit, text)) or _IN_LETTERS.search(text) or _feast_days().search(text)
    if not told and cues()["month"].isdisjoint(_LETTERS.findall(text.lower())):
        return text
    dated = _dates().sub(_dated, _SINCE.sub(lambda match: f"{match[1]}{CUT}", text))
    text = _BESIDE_DATE.sub("", dated) if dated != text else text
    return _AGES.sub(_aged, text) if _OF_AGES.search(text) else text


def _dated(match: re.Match[str]) -> str:
    """Return CUT for a date: "lesion 2 may represent" is none, and "doi mai mari" are two that are larger."""
    behind = match.string[match.end() :]
    if match[0].endswith(" mai") and _BEHIND_MORE.match(behind):
        return match[0]
    return match[0] if match[0].endswith("may") and re.match(r"\s+[a-z]", behind) else CUT


def _aged(match: re.Match[str]) -> str:
    """Return CUT for an age. A letter for the sex counts only in capitals: 99m is technetium."""
    letters = re.sub(r"[\W\d_]", "", match[0])
    return match[0] if len(letters) == 1 and letters in "mfwv" else CUT


@cache
def _feast_days() -> re.Pattern[str]:
    return re.compile(rf"(?<!\w)(?:{any_of(cues()['feast day'])})(?!\w)", re.IGNORECASE)


@cache
def _dates() -> re.Pattern[str]:
    month, locative, ordinal, feast = (any_of(cues()[name]) for name in ("month", "locative", "ordinal", "feast"))
    alone = _OF_MONTH_ALONE.replace("{locative}", locative)
    ordinals = rf"(?:{ordinal})(?:[\s\-](?:{ordinal}))?"
    forms = (
        rf"(?<![^\W_])(?:the\s+|le\s+|el\s+|il\s+|den\s+|am\s+)?\d{{1,2}}(?:st|nd|rd|th|er|º|°|ª|e|de|ste|-?(?:го|ого|е|й|о)|\.)?[\s\-]*"
        rf"(?:of\s+|d[eio']l?\s*|van\s+)?(?:{month})(?!\w)\.?(?:\s*,?\s*(?:d[eio]l?\s+)?(?:{_YEAR}|{_OTHER_YEAR}|{_SHORT_YEAR}))?",
        rf"(?<!\w)(?:the\s+|den\s+|am\s+|il\s+|el\s+|le\s+)?{ordinals}\s+(?:(?:of|d[ei]|van)\s+|d['’])?(?:{month})(?!\w)"
        rf"(?:\s*,?\s*(?:d[eio]l?\s+)?(?:{_YEAR}|{_SPELLED_YEAR}))?",
        rf"(?<!\d)(?:19|20)\d{{2}}\.?[\s\-_]+(?:{month})(?!\w)\.?[\s\-_]*\d{{1,2}}(?!\d)\.?",
        r"(?<!\w)ngày\s*\d{1,2}\s*(?:tháng|th\.?|[/\-.])\s*\d{1,2}(?:\s*,?\s*(?:năm|[/\-.])\s*\d{2,4})?(?!\d)"
        r"|(?<!\w)tháng\s*\d{1,2}\s*,?\s*năm\s*\d{2,4}(?!\d)",
        rf"(?<!\w)[א-ל]{{0,2}}[\"״׳'][א-ט]?\s+ב?(?:{_HEBREW_MONTH})(?!\w)(?:\s+ה?'?תש[א-ת]{{0,2}}[\"״׳][א-ת]?)?",
        rf"(?<!\w)(?:{month}|{locative})(?!\w)\.?\s+(?:d[eio]l?\s+|van\s+|roku\s+)?{_YEAR}(?!\d)",
        rf"(?<!\w)(?:{month})\s+(?:the\s+)?(?:\d{{1,2}}(?:st|nd|rd|th)|{ordinals})(?!\w)(?:\s*,?\s*{_YEAR})?",
        rf"(?<!\w)(?:(?:{feast})(?:\s(?:day|eve|(?:mon|tues|wednes|thurs|fri|satur|sun)day))?|st\.?\s\w+['’]s\sday)(?:\s+(?:of|de|del|di|do|van|von|roku))?\s*,?\s*{_YEAR}(?!\d)",
        rf"(?<!\w)(?:{any_of(cues()['feast day'])})(?!\w)",
        r"(?<!\w)(?:maundy|holy|shrove|ash|palm|good|easter|whit|boxing)\s(?:(?:mon|tues|wednes|thurs|fri|satur|sun)day)(?:\s*,?\s*(?:19|20)\d\d)?(?!\w)",
        rf"(?<!\w){_WEEKDAY}\s*,?\s*(?:19|20)\d\d(?!\d)",
        rf"(?<!\w)(?:the\s+)?{ordinals}\s+of\s+(?:the\s+)?{ordinals}\s*,?\s*{_YEAR}(?!\d)",
        rf"(?<!\w)(?-i:{_DAY}/(?:I{{2,3}}|IV|VI{{1,3}}|IX|XI{{1,2}})|(?:1[3-9]|[23]\d)/[IVX])(?!\w)",
        rf"(?<!\w){_ON}\s+{_DAY}[.\s\-]{{0,2}}{_SHORT_MONTH}(?![^\W_])(?!\.?\s*,?\s*['’]?\d\d)\.?",
        rf"(?<!\w){_BORN}\s*(?:in|im|en|nel|em|w|ok\.|около|ca\.?|circa|approx\.?|around|about|um|vers)?\s*:?\s*{_YEAR}(?!\d)",
        rf"(?<!\w){_ON}\s+{_DAY}[/.]{_DAY}(?!\w|[/.]\d)",
        rf"(?<!\w){_ON_IN_OTHERS}\s+{_DAY}/{_DAY}(?!\w|[/.,]\d|\s?(?:mm|cm|ml|мм|см|%|x))",
        # A day or a month with a zero, which no measurement begins with or has behind its point: 03.11., 7.09.
        rf"(?<![\w.,])(?:0[1-9]\.{_MONTH}|{_DAY}\.0[1-9])\.(?![\d\w])",
        r"(?<!\w)(?:am|vom|zum|ab|bis(?:\szum)?|den)\s(?:[1-9]|[12]\d|3[01])\.(?=\s*$|\s(?!post|prä|op)[a-zäöü])",
        rf"(?<=\s)(?:{alone})(?!\w|\s(?:of|der|des|di|de)\s)",
        rf"(?<!\w)(?:on|until|since|by)\s+(?:the\s+)?\d{{1,2}}(?:st|nd|rd|th)(?=\s*(?:$|[.,;)]|(?:of(?!\s(?:{month})\b)|and|at|for|to|inst|ult|prox)\b))",
        r"(?<!\w)(?:geb(?:oren|\.)?|jg\.?|jahrgang|né[e]?|ur\.|dob|born(?:\sin)?|nacid[oa](?:\sen)?|nat[oa](?:\snel)?)\s\d\d(?![\w%]|[.,/\-]\d|\s?(?:mm|cm|ml|kg|g|w|wks?|weeks?|days?|min|h))",
        rf"(?<!\w)(?!\d{{1,2}}\s?[x*]\s)\d{{1,2}}[\s.\-/]{{1,2}}{_ROMAN}[\s.\-/]{{1,2}}(?:(?:19|20)\d\d|\d\d)(?!\w)",
        r"(?<![^\W_])(?-i:(?:0?[1-9]|[12]\d|3[01])-?(?:Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec|Okt|Dez|Mrz)(?:\d\d|(?:19|20)\d\d)?)(?![^\W_])",
        rf"(?<!\w){_WEEKDAY}\s(?:the\s)?\d{{1,2}}(?:st|nd|rd|th)(?!\w|\s(?:of\s)?(?:{month}))",
        rf"(?<!\w){_WEEKDAY}\s(?:the\s|der?\s|den\s|le\s|el\s|dia\s|día\s)?{_DAY}(?!\w|[.,/:]\d|\s?(?:h|uhr|mm|cm|ml|x)(?!\w))\.?(?:\s(?:d[ei]\s)?(?:{month})(?!\w)(?:\s(?:19|20)\d\d)?)?",
        rf"(?<!\w){_ROMAN}/(?:(?:19|20)\d\d|\d\d)(?!\w)",
        rf"(?<![\w.])(?<!\d\s){_DAY}\s{_MONTH}\s\d\d(?![\w.]|\s\d)",
        r"(?<![\w.])(?:19|20)\d\d[/\-](?:0?[1-9]|1[0-2])(?![\w.])",
        rf"(?<!\w){_SPELLED_YEAR}(?!\w)",
        # A calendar week of German, and one of Swedish where it is no week of a pregnancy.
        r"(?<![\w.,])(?<!\d\s)(?-i:KW\s?(?:[1-9]|[1-4]\d|5[0-3])(?:/(?:\d\d){1,2})?)(?!\w|[.,]\d)",
        r"(?:(?<=\bjfr\s)|(?<=\bjämfört\s)|(?<=\båter\s)|(?<=\båterbesök\s)|(?<=\bfrån\s)|(?<=\bsedan\s))v(?:ecka|\.)?\s?(?:[1-9]|[1-4]\d|5[0-3])(?!\w|[.,]\d)",
    )
    return re.compile("|".join(forms), re.IGNORECASE)
