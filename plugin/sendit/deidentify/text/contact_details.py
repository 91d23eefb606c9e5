"""Find phone numbers, addresses, rooms, bank and insurance numbers, coordinates and times of day in free text.

These forms are searched for before any single number is judged: once a part of them is cut out, the rest ("+49 151",
a town behind its postal code) no longer has the form.
"""

from __future__ import annotations

import re
from functools import cache

from sendit.deidentify.text.patterns import LINKS
from sendit.deidentify.text.record_numbers import CUT, behind_label
from sendit.deidentify.text.sections import any_of, cues, medicine, technique
from sendit.deidentify.text.vocabulary import is_known
from sendit.deidentify.text.wards_and_subjects import (
    without_handles,
    without_initials_beside,
    without_wards_and_subjects,
)

#: An address that is written so that programs do not find it: name[at]clinic[dot]org.
_DISGUISED_MAIL = (
    r"[\w.+\-]+\s?[\[({<]\s?(?:at|ät|chez|arroba|@)\s?[\])}>]\s?[\w\-]+"
    r"(?:\s?(?:\.|[\[({]\s?(?:dot|punkt|point|punto|ponto|\.)\s?[\])}])\s?[\w\-]+)*"
)
_DOT = r"(?:dot|punkt|point|punto|ponto|kropka|piste|punct|точка|tečka)"
#: The same in words: name dot name at clinic dot org.
_SPOKEN_MAIL = (
    rf"[\w.+\-]+(?:\s{_DOT}\s[\w\-]+){{0,3}}\s(?:at|arroba|arobase|chiocciola|ät|małpa|snabel-?a|kukac|собака|zavináč)"
    rf"\s[\w\-]+(?:\s{_DOT}\s[\w\-]+){{1,3}}"
)
_PHONE = (
    r"(?<![^\W_])(?<![Vv]\d-)(?:\+|00)\d[\d\s().\-/]{6,}\d(?![^\W_])"
    r"|(?<![\d.A-Za-z])1[3-9]\d[\- ]\d{4}[\- ]\d{4}(?!\d)"  # of a mobile in China
)
#: A postal code and a place behind a comma: ", 69117 Heidelberg".
_POSTAL = r"(?<=[,;])\s*(?:[A-Z]{1,2}-)?\d{4,5}\s+[^\W\d_a-z][^\W\d_A-Z]{2,}(?:[\s\-][^\W\d_a-z][^\W\d_A-Z]{2,})?"
#: Postal codes of the USA (nine digits) and of Japan.
_ZIP = r"(?<![\w\-])\d{5}-\d{4}(?![\w\-])|〒\s?\d{3}-?\d{4}"
_COORDINATES = (
    r"(?<!\w)(?:gps|coordinates?|coords?|koordinaten)[\s:]{1,2}-?\d{1,3}\.\d+°?\s?[NS]?[,;/\s]{1,3}-?\d{1,3}\.\d+°?\s?[EWO]?(?!\w)|"
    r"(?<![\w.])-?[1-9]\d{0,2}\.\d{4,}°?\s?[NS]?\s*[,;/]\s*-?[1-9]\d{0,2}\.\d{4,}°?(?:\s?[EWO](?!\w))?(?![\w.])"
    r"|\d{1,3}°\s?\d{1,2}['′]\s?(?:\d{1,2}(?:\.\d+)?[\"″]\s?)?[NSEWO](?!\w)"
)
_ACCOUNT = r"(?<![^\W_])[A-Z]{2}\d{2}(?:\s?[A-Z0-9]{4}){3,7}(?:\s?[A-Z0-9]{1,3})?(?![^\W_])"
#: Germany: pension insurance; Québec: health insurance.
_INSURED = r"(?<![^\W_])\d{2}[\s\-]?\d{6}[\s\-]?[A-Z][\s\-]?\d{3}(?![^\W_])|(?<![^\W_])[A-Z]{4}\s\d{4}\s\d{4}(?![^\W_])"
_PLATE = (
    r"(?<![^\W_])(?<!-)[A-ZÄÖÜ]{1,3}-[A-Z]{1,2}\s?(?!\d*[05]0[EH]?(?!\w))\d{3,4}[EH]?(?![^\W_]|-)"
    r"|(?<![^\W_])(?:A[PRS]|BR|C[GH]|DL|G[AJ]|H[PR]|J[HK]|K[AL]|LA|M[HLNPZ]|NL|O[DR]|P[BY]|RJ|SK|T[NS]|U[KP]|WB)"
    r"[ \-]?\d{2}[ \-]?[A-Z]{1,2}[ \-]?\d{4}(?![^\W_])"  # of a state of India
    r"|(?<![^\W_])(?<!-)[A-Z]{2}-\d{3}-[A-Z]{2}(?![^\W_]|-)"  # of France and Italy
)
_POSTCODE = r"(?<![^\W_])[ABCEGHJ-NPRSTVXY]\d[ABCEGHJ-NPRSTV-Z][ _]?\d[ABCEGHJ-NPRSTV-Z]\d(?![^\W_])"  # of Canada
#: Of the United Kingdom: two letters, two digits, three letters. A label (TE30) and a word are none.
_BRITISH_PLATE = re.compile(r"(?<![^\W_])([A-Z]{2})\d{2}[ ]([A-Z]{3})(?![^\W_])")
#: With a word that tells the time of day, or in full with hours of the day.
_CLOCK = r"(?:[01]?\d|2[0-3])"
_TIME = (
    rf"(?<![\w.:]){_CLOCK}(?:[:.]?[0-5]\d)?(?::[0-5]\d)?\s?(?:[ap]\.?m\.?(?!\w)|Uhr(?!\w))"
    rf"|(?<![\w.:])(?:0[6-9]|1\d|2[0-3]):[0-5]\d(?::[0-5]\d)?(?![\w:]|\s?(?:min|sec|s|m)(?!\w))"
    rf"|(?<![\w.:]){_CLOCK}h[0-5]\d(?!\w)"
    rf"|(?<!\w)(?:at|@|called|onset|tod|arrived|um|à|às|alle|a\slas|kl\.?|klo\.?|o\sgodz\.?|ore|hora)\s?(?:[01]\d|2[0-3])[.:h]?[0-5]\d\s?(?:h(?:rs?)?|hours)?(?![\w.:]|\s?(?:mm|ms|hz|hu|s|sec|min|m|ml)(?!\w))"
    rf"|(?<![\w.:])(?:[01]\d|2[0-3])[0-5]\d\s?(?:hrs|hours)(?!\w)|(?<![\w.:])0\d[0-5]\dh(?!\w)"
)
#: A street without the number of a house: in via Tiburtina.
_STREET = re.compile(
    r"((?<!\w)(?i:in|su|at|on|near|en|sur|na|we|w|an\sder|nella|sulla|sulle)\s(?i:via|viale|piazza|piazzale|calle|avenida|plaza|rua|praça|rue|boulevard"
    r"|ulicy|ulici|ulica|ul\.|улице|ул\.|проспекте)\s)[A-ZÀ-ÝА-ЯŁŚŻ][a-zà-ÿа-яłśżćń]{2,}[\w'’\-]*(?:\s[A-ZÀ-ÝА-ЯŁŚŻ][\w'’\-]+){0,2}"
)
#: The name of a road before its kind, and behind a word that means nothing else: Old Quarry Rd, rue des Tanneurs.
_ROADS = re.compile(
    r"(?<!\w)(?:\d{1,5}[A-Za-z]?\s)?(?:[A-Z][a-z'’]+\s){1,3}(?:Rd|Road|Street|Ave|Avenue|Ln|Lane|Blvd|Boulevard|Pde|Parade|Hwy|Highway|Cres|Crescent"
    r"|Tce|Terrace|Pkwy|Parkway|Close|Mews|Cct)(?!\w)\.?"
    r"|((?<!\w)(?i:rue|chemin|impasse|boulevard|calle|avenida|avda\.?|viale|piazza|piazzale|rua|travessa|praça|ul\.|ulica)\s)"
    r"(?:d[eiou]s?l?l?a?\s|d['’]|de\sl['’]|l[ao]s?\s|l['’])*[A-ZÀ-ÝŁŚŻ][a-zà-ÿłśżćń]{2,}[\w'’\-]*(?:\s[A-ZÀ-ÝŁŚŻ][\w'’\-]+){0,2}"
)
#: Rooms and beds; of a tumour or a scanner, a bed has a plain number.
_ROOM = (
    r"(?<!\w)[A-Z]{1,2}\d{1,3}-\d{1,3}(?=\s(?:bed|bett|lit|cama|letto)\s?\d)|"
    r"((?<!\w)(?:room|rm|zimmer|chambre|chbre|hab(?=\.?\s\d)|habitaci[oó]n|stanza|quarto|kamer|sala|pok[oó]j|palata|ward)"
    r"(?!\w)[\s.:#]*(?:(?:no|nr)\.?\s)?"
    r"|(?<!\w)(?:icu|itu|micu|sicu|er|ed|a&e)[\s\-](?:bed|bay)\s)(?!\d\d\s\d\d(?!\w))(?:[A-Z]-?)?\d[\w\-/]*"
    r"|((?<!\w)(?:(?-i:OR)|theat(?:re|er))\s)\d{1,2}(?![\w.,%/])"
    r"|((?<!\w)(?:bed|bett|lit|cama|letto|bay)[\s.:#]*)(?:[A-Z]\d+|\d+[A-Z])(?![^\W_])"
)
#: The name of a machine in a network; the subject of a study in the form of BIDS.
_HOST = (
    r"(?<![\w@/])[a-z][a-z\-]*\d+(?:\.[a-z][a-z\-]*){2,}(?![\w.])|(?<![\w@/])[\w\-]+(?:\.[\w\-]+)*\.(?:com|org|net|edu|gov|local|lan|intra|intern|hospital|clinic"
    r"|(?:[\w\-]{2,}\.)(?:de|fr|it|es|nl|uk|at|ch|be|pl|se|dk|no|pt|br|jp|cn|eu))(?![\w.])"
)
_HOST_NAME = re.compile(_HOST, re.IGNORECASE)
_SUBJECT = r"(?<![^\W_])sub-(?=\w*\d)\w+"
_NUMBERS = re.compile("|".join((_PHONE, _ACCOUNT, _INSURED, _PLATE, _POSTCODE)))
_EVERYWHERE = re.compile("|".join((_POSTAL, _ZIP, _COORDINATES, _ACCOUNT, _INSURED, _PLATE, _POSTCODE)))
_SPOKEN = re.compile("|".join((_PHONE, _TIME, _HOST, _SUBJECT)), re.IGNORECASE)
_ROOMS = re.compile(_ROOM, re.IGNORECASE)
_MAILS = re.compile(f"{_DISGUISED_MAIL}|{_SPOKEN_MAIL}", re.IGNORECASE)
_AT = re.compile(rf"[\[({{<]\s?(?:at|ät|chez|arroba|@)\s?[\])}}>]|\s{_DOT}\s", re.IGNORECASE)
_HOME = re.compile(r"(?:/home/|/Users/|\\Users\\|\\Documents and Settings\\)[^/\\\s]+", re.IGNORECASE)
#: A path of Windows, of a share, or of Unix with three parts.
_PATH = re.compile(
    r"(?<![^\W_])[A-Za-z]:\\\S+|(?<!\S)(?:\\\\[\w.\-]+\\|//[\w.\-]+/)\S*|(?<![^\s(\"'=])/(?:[\w.\-~]+/){2,}[\w.\-~]*",
)
#: The name of a machine, as administrators choose it: KSSG-PACS01, CT3-AWP.
_KIND_OF_HOST = r"(?:PACS|RIS|HIS|SRV|SERVER|WS|WKS|WORKSTATION|PC|VM|NODE|HOST|NAS|AWP|LAPTOP|DESKTOP|DICOM)"
_NAMED_HOST = re.compile(
    rf"(?<![^\W_])(?=[\w\-]*\d)(?:[A-Z]\w{{1,11}}-){{1,3}}{_KIND_OF_HOST}\d{{0,4}}(?:-\w{{1,6}})?(?![^\W_]|-)"
    rf"|(?<![^\W_]){_KIND_OF_HOST}\d{{0,4}}-[A-Z]{{2,8}}\d{{0,4}}(?![^\W_]|[.\-])"
    r"|(?<![^\W_])(?:pacs|ris|srv|server|wks|workstation|nas|awp|laptop|desktop)-[a-z]{2,8}\d{1,4}(?![^\W_]|-)"
    r"|(?<![^\W_])[a-z]{2,8}-(?:pacs|ris|srv|server|wks|workstation|nas|awp|laptop|desktop)-?\d{1,4}(?![^\W_]|-)"
    r"|(?<![^\W_\-])(?:(?:[a-z]{2,10}-)(?:node|host|srv|server|worker)|srv|server)-?\d{1,4}(?![^\W_])",
)
#: A house or town, a modality and a number: MUC-CT-2.
_STATION = re.compile(r"(?<![^\W_])([A-Z]{2,6})-(?:CT|MR|MRI|XR|DX|CR|US|NM|PT|MG|XA)-?\d{1,2}(?![^\W_])")
#: Behind a word that announces it.
_ANNOUNCED_HOST = re.compile(
    r"((?<!\w)(?:host(?:name)?|ip|ip[ \-]?addr(?:ess)?|user(?:name)?|login|logon|domain)(?!\w)\s*[:=]?\s*)"
    r"(?=\S*[\d.@\-])\S+",
    re.IGNORECASE,
)
_QUAD = re.compile(r"(?<![\w.])(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})(?::\d{2,5})?(?![\w.])")
#: The same with its port or mask, or behind a word that announces it: no version.
_QUAD_OF_NETWORK = re.compile(
    r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?:/\d{1,2}|:\d{2,5})(?![\w.])"
    r"|((?<!\w)(?:server|srv|host|node|gateway|gw|dns|proxy|addr(?:ess)?|pacs|ris|dicom|ip)(?!\w)[\s:=@]*)(?:\d{1,3}\.){3}\d{1,3}(?![\w.])",
    re.IGNORECASE,
)
#: Who installed or used a program, where it stands, and whose it is.
_OF_SITE = re.compile(
    r"((?<!\w)(?:by|svc|user|usr|login|oper(?:ator)?|tech|owner|admin)(?:\s?[:=]\s?|\s+(?=[A-Z]\.)))(?:[A-Z]\.\s?)*[^\W\d_][\w.\-]*"
    r"|((?<!\w)(?:(?i:room|rm|bldg|building|zimmer|salle|kamer)\s#?))(?:[A-Z]?\d{1,4}[A-Z]?|[A-Z])(?!\w|[ \-]\d\d[ \-])"
    r"|((?<!\w)(?i:hospital|klinikum|klinik|clinic|h[ôo]pital|ospedale|szpital|spital|krankenhaus|praxis|ziekenhuis|sjukhus)\s+)[^\W\d_a-z][\w'’\-]+(?:\s[^\W\d_a-z][\w'’\-]+)?"
)
_IP_6_SHORT = re.compile(r"(?<![\w:])(?:[\da-f]{1,4}:){1,6}:(?:[\da-f]{1,4}:){0,5}[\da-f]{1,4}(?![\w:])", re.IGNORECASE)
_IP_6 = re.compile(r"(?<![\w:])(?=[\da-f:]*[a-f])(?:[\da-f]{1,4}:(?::)?){3,7}[\da-f]{1,4}(?![\w:])", re.IGNORECASE)
#: A version begins with a small number, and has no two numbers of three digits.
_LARGEST_MAJOR, _LARGEST_OCTET, _THREE_DIGITS, _PRIVATE = 31, 255, 100, 10


def without_contact_details(text: str) -> str:
    """Return the text with CUT in the place of what reaches or locates a person."""
    if _AT.search(text):
        text = _MAILS.sub(CUT, text)
    text = without_initials_beside(without_handles(text))
    if "@" in text or "//" in text or ":" in text or "www" in text:
        text = LINKS.sub(CUT, text)
    if "/" in text or "\\" in text:
        text = _HOME.sub(CUT, _PATH.sub(CUT, text))
    if "-" in text:
        text = _STATION.sub(_without_station, _NAMED_HOST.sub(CUT, text))
    text = _STREET.sub(behind_label, text)
    if not any(map(str.isdigit, text)):
        return _ROADS.sub(behind_label, text)
    text = _without_british_plate(_EVERYWHERE.sub(CUT, text))
    text = _ROADS.sub(behind_label, _streets().sub(CUT, _SPOKEN.sub(CUT, text)))
    return without_wards_and_subjects(_ROOMS.sub(behind_label, text))


def without_numbers_of_persons(text: str) -> str:
    """Return a technical text with CUT in the place of phone, account, insurance and plate numbers."""
    return _without_british_plate(_NUMBERS.sub(CUT, text)) if any(map(str.isdigit, text)) else text


def _without_british_plate(text: str) -> str:
    return _BRITISH_PLATE.sub(
        lambda match: match[0] if match[1].lower() in technique()["labels"] or is_known(match[2]) else CUT, text
    )


def without_hosts(text: str) -> str:
    """Return a technical text with CUT in the place of addresses and names of machines in a network, and of paths."""
    if "/" in text or "\\" in text:
        text = _PATH.sub(CUT, text)
    if "-" in text:
        text = _STATION.sub(_without_station, _NAMED_HOST.sub(CUT, text))
    text = _OF_SITE.sub(behind_label, _ANNOUNCED_HOST.sub(behind_label, text))
    if not any(map(str.isdigit, text)):
        return text
    text = _IP_6_SHORT.sub(CUT, _QUAD_OF_NETWORK.sub(behind_label, text))
    return _QUAD.sub(_without_address, _IP_6.sub(CUT, _HOST_NAME.sub(CUT, text)))


def _without_station(match: re.Match[str]) -> str:
    known = match[1].lower()
    return match[0] if known in medicine() or known in technique()["abbreviations"] else CUT


def _without_address(match: re.Match[str]) -> str:
    """Return CUT for an IPv4 address; a version may also have four numbers.

    Networks at home and in hospitals begin with 10 or 192.168. A version that begins with 10 stands beside that major
    number once more ("10A 10.1.1.54"), or has numbers of one digit beside the name of a program ("syngo 10.2.3.4").
    """
    numbers = [int(number) for number in match.groups()]
    if max(numbers) > _LARGEST_OCTET:
        return match[0]
    if numbers[0] > _LARGEST_MAJOR or sum(number >= _THREE_DIGITS for number in numbers) > 1:
        return CUT
    rest = match.string[: match.start()] + match.string[match.end() :]
    if numbers[0] == _PRIVATE and (max(numbers[1:]) >= _PRIVATE or not re.search(r"[^\W\d_]{3}", rest)):
        return match[0] if re.search(r"(?<!\d)10(?!\d)", rest) else CUT
    return match[0]


@cache
def _streets() -> re.Pattern[str]:
    """Return a pattern for a street with the number of a house before or behind it."""
    particle = r"(?:d[aeiou]s?l?l?a?\s|l['’]|la\s|las\s|los\s|le\s|les\s|van\s|de\s)*"
    name = particle + r"(?:(?:[^\W\d_a-z][^\W\d_A-Z][\w'’\-]+|[^\W\d_a-z]{4,})\.?\s*){1,3}"
    road = any_of(cues()["road"])
    ends = any_of(cues()["road ends"])
    house = r"\d{1,4}(?:\s?[a-zA-Z](?!\w))?(?:/\d{1,4})?"
    return re.compile(
        rf"(?<!\w)(?:{house}(?:\s(?:bis|ter))?[\s,]+)(?i:{road})\.?\s+{name}"
        rf"|(?<!\w)(?i:{road})\.?\s+{name}[\s,]*(?:(?i:nr|no|n°|nº|д)\.?\s?)?{house}(?!\w)"
        rf"|(?<!\w)[^\W\d_a-z][^\W\d_]+(?i:{ends})\.?\s+{house}(?!\w)"
    )
