"""Find the numbers of wards, beds, roads, crews, plates and subjects of trials in free text, and names in networks.

Each has a label that says what the number is; the label stays. The numbers may be short: "leito 07", "subj113". A name
of a file or a series in the form of the Brain Imaging Data Structure (sub-012_ses-01_task-rest_bold) stays whole if it
has nothing but entities and suffixes of its schema (`technique.txt`), small numbers and words that are nobody's name.
"""

from __future__ import annotations

import re

from sendit.deidentify.text.record_numbers import CUT, behind_label
from sendit.deidentify.text.sections import medicine, technique
from sendit.deidentify.text.vocabulary import is_familiar, is_no_name

_NO = r"(?:(?:no|nr|č|№|n°|nº)\.?\s?)?"
_MEASURED = (
    r"(?![\w%]|[.,]\d"
    r"|\s?(?:mm|cm|ml|kg|lb|kv|mas|hz|min|h|hu|d|y|yo|yrs?|years?|m|f|x|pos\w*|of|von|de|da|di|z|из)(?!\w))"
)
#: Words that mean nothing but a bed or a ward.
_WARD = (
    r"(?:leito|enfermaria|cama|letto|lit|bett|łóżk[oau]|oddz|oddział\w*|lůžko|postel|ágy|kórterem|yatak|seng|säng|vårdsal|osasto"
    r"|палат[аеы]|койка|отделение|отд|кабинет|каб|giường|phòng|buồng|cubicle|gurney|stretcher|token|precinct|avd|avdeling|avdelning|afd|majors|minors|resus)"
)
_UNIT = r"(?:uti|cti|icu|itu|micu|sicu|nicu|picu|hdu|ccu|uci|usi|its|oiom)"
_ROAD = (
    r"(?:rte|route(?=\s\d\d)|hwy|highway|interstate|autobahn|rodovia|carretera|autoroute|autostrada|motorway|freeway"
    r"|turnpike|trasa|трасса)"
)
#: The other road of a crossing: Rte 9 & Elm.
_CROSSING = r"(?:\s?(?:&|/|@|and|at)\s?(?-i:[A-Z][a-z]\w+)(?:\s(?-i:St|Ave|Rd|Street|Avenue|Road|Blvd|Ln|Dr))?)"
_CREW = (
    r"(?:medic|paramedic|ambu|ambulanc\w{1,2}|engine|rescue|squad|fire truck|trooper|badge|rtw|samu|smur|helimed"
    r"|christoph|life\s?flight|careflight|air\s?evac)"
)
_STAFF = (
    r"(?:(?:radio|sono|mammo)grapher|technologist|technician|tech|operator|op|radiologist|reporter|reader|nurse|examiner"
    r"|typist|transcriber|rad|rpt|phys|ct\stech|mr\stech|us\stech|mtra|mtr|mta|manip|técnico|tecnico|tsrm|laborant(?:in)?|untersucher(?:in)?|befunder(?:in)?)"
)
#: Modalities and qualifications, which stand behind such words, too.
_NO_INITIALS = r"(?!(?:CT|MR|MRI|US|XR|NM|PT|PET|MG|DX|CR|RF|XA|IR|RT|RTR|RN|MD|DO|NA|NAD|OK|ER|ED|ICU|TBD|TBA)(?!\w))"
_SUBJECT = r"(?:subj(?:ect)?|subjekt|sujet|sujeto|sujeito|soggetto|proband(?:in)?|participant|rando?|screening)"
_STUDY = r"(?:study|trial|protocol|studie|étude|etude|estudio|estudo|studio|badanie|исследование|studien|prüfung)"
#: Animals that are kept in numbers; the tag that each of them has.
_CATTLE = (
    r"(?:cow|bull|bullock|heifer|calf|steer|ewe|ram|lamb|sow|boar|piglet|hog|nanny|buck|doe|mare|stallion|gelding|colt|filly|foal|alpaca|llama"
    r"|kuh|rind|bulle|färse|kalb|schaf|sau|eber|ferkel|ziege|stute|hengst|wallach|fohlen|vache|taureau|génisse|veau|brebis|truie|jument|étalon"
    r"|vaca|toro|ternera|novilla|oveja|cerda|yegua|caballo|touro|bezerro|novilha|ovelha|porca|égua|cavalo|mucca|vacca|vitello|pecora|scrofa|cavalla"
    r"|koe|stier|vaars|kalf|ooi|zeug|merrie|krowa|byk|jałówka|cielę|owca|maciora|klacz|ogier|корова|бык|тёлка|овца|кобыла|mouse|rat|rabbit|pig|dog|cat|monkey|macaque|animal)"
)
_TAG = (
    r"(?:(?:ear|leg|neck|wing)[\s\-]?(?:tag|band|ring|mark)|tag|ohrmarke|boucle|brinco|arete|caravana|crotal|orejera|kolczyk|oormerk|marca|brand"
    r"|freeze\s?brand|brandzeichen|herd|lot|pen|cage|käfig|box|boite|jaula|gaiola|gabbia|klatka)"
)
_CALLING = (
    r"(?:call|ring|dial|phone|bleep|page|rückruf|reach|rappel(?:er)?|lig(?:ar|ue|ando)|telefonar|discar|llam(?:ar|e)|marcar|appel(?:er|ez)|joindre|(?:an)?rufen|anruf(?:en)?|chiam(?:are|ate)"
    r"|telefonare|bellen|zadzwoni[ćc]|dzwoni[ćc]|звонить|позвонить|arayın|ara(?=\s\d)|ring(?:e|a)?|volat|hívni|soita)"
)
_AT_COURT = (
    r"(?:az|aktenzeichen|aktz|gz|geschäftszahl|case|docket|court|file(?:\s(?:no|nr))?|réf(?:érence)?|n°\srg|rg|sygn(?:atura)?\.?(?:\sakt)?|sp\.?\szn|spisová\szn\w*"
    r"|č\.\s?j|posl\.?\sbr|ügyszám|zaak(?:nummer)?|rolnummer|proc(?:esso|edura)?|autos|dossier|sak(?:snr)?|mål(?:nr)?|дело|справа|esas)"
)
#: The label is the last group of each.
_LABELLED = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"((?<!\w){_WARD}(?!\w)[\s.:#]*{_NO})\d{{1,4}}[A-Z]?{_MEASURED}",
        rf"((?<!\w){_UNIT}[\s\-]?\d{{0,2}}[\s\-,]+(?:l|b|bx|box|leito|bed|bett|cama|lit)[.\s#]*)\d{{1,3}}(?!\w)",
        r"((?<!\w)(?:bay|ward|cubicle)[\s#]+)(?:[A-Z](?![\w\-])|\d{1,3}[A-Z]?(?!\w|[.,]\d))",
        # The name of a room and its number, the number of a player, a flight.
        r"((?<!\w)(?:room|ward|bay|suite|zimmer|station|chambre|habitación|stanza|kamer|sala)\s)(?-i:[A-ZÀ-Ý][^\W\d_A-Z]{2,})\s\d{1,3}[A-Z]?(?!\w|[.,]\d|\s?(?:mm|cm|ml)(?!\w))",
        r"((?<!\w)(?:trikot|jersey|dorsal|maillot|maglia|camis(?:et)?a|rugnummer|startnummer|bib|koszulka)\s(?:n[ro°º]?\.?\s?|#\s?)?)\d{1,4}(?!\w)",
        # The letters and the number of a fishing boat, behind its kind or its crew: visser op de X 12.
        r"((?<!\w)(?:visser|kotter|trawler|fish(?:ing|er)\s(?:boat|vessel)|skipper|fisker|fiskare|fischer|kutter|patrón|pesquero|chalutier|peschereccio|pescador|traineira|rybak|kuter)\s(?:[^\W\d_]{2,4}\s){0,2})(?-i:[A-Z]{1,3})[\s\-]?\d{1,4}(?!\w)",
        r"((?<!\w)(?:flight|flug|vol|vuelo|voo|volo|vlucht|rejs|рейс)\s(?:n[ro°º]?\.?\s?)?)(?-i:[A-Z]{1,3}|[A-Z]\d)[\s\-]?\d{1,4}(?!\w)",
        r"((?<!\w)(?:travel\w*|arriv\w*|flew|flown|came|transfer\w*|landed)\s(?:[^\W\d_]+\s){0,4}on\s)(?-i:[A-Z]{2})\s?\d{2,4}(?!\w)",
        r"((?<!\w)bed[\s.:#]*)\d{1,3}(?=[\s,]+(?:bay|ward|room|rm|icu|itu|hdu)(?!\w))",  # alone, of a scanner's table
        r"((?<!\w)(?:stat|zi)\.\s?)\d{1,3}[A-Z]?(?!\w)|((?<!\w)ch\.\s?)\d{3}(?!\w)",
        r"((?<!\w)д\.\s?)\d{1,4}(?=,\s*(?:кв|корп))",
        r"((?<!\w)(?:nr|numer|nº|n°|№)\.?\s[^\W\d_]{3,14}[\s:]+)\d[\d/\-]{2,}(?!\w)",
        r"((?<!\w)(?:больниц\w|поликлиник\w|школ\w|гкб|hospital|clinic|school|szpital|szkoła|escola|ubs)\s?(?:№|no\.?|nr\.?|n[°º])\s?)\d{1,4}(?!\w)",
        r"((?<!\w)(?:room|rm|pok[oó]j|sala|zimmer|gabinet|кабинет)\s[^\W\d_]{3,12}\s)\d{2,4}[A-Z]?(?!\w|[.,]\d|\s?(?:mm|cm|ml))",
        r"(?<!\w)\d{1,3}(?:st|nd|rd|th)(?=\s(?-i:St|Ave|Street|Avenue|Rd|Blvd)(?!\w))",
        r"((?<!\w)(?:user(?:name|\sid)?|usr|login|logon|uid|acct)(?!\w)[\s:=]*)(?=\S*[^\W\d_])(?=\S*[\d_@])[\w.@\-\\]{3,}",
        r"\d{1,4}\s?(?:호실|号室|號房|号床|床|病房|号房)(?![^\W\d_])",
        rf"((?<![^\W_]){_ROAD}[\s.\-#]*{_NO})[A-Z]?\d{{1,4}}[A-Z]?(?!\w|[.,]\d){_CROSSING}?",
        rf"(?<!\w)\d{{1,3}}(?:st|nd|rd|th){_CROSSING}",
        r"(?<![^\W_])(?![CTLS]\d\d?\s)[A-Z]{1,2}-?\d{2,3}(?=,?\s(?:km|kilomet\w+|mile|exit)(?!\w))",
        rf"((?<!\w)km\s)\d{{1,4}}{_MEASURED}",
        rf"((?<!\w){_CREW}[\s\-#]*)\d{{1,4}}{_MEASURED}",
        r"((?<![^\W_])(?:site|centre|center|ctr|zentrum|ośrodek)[\s_\-#]?)\d{1,4}(?=[\s_\-/,]+(?:subj|pt|pat|sub))",
        rf"((?<![^\W_]){_SUBJECT}(?:[\s_.]*(?:no|nr|id)(?![^\W\d_]))?[\s_\-#:.]{{0,2}})\d{{1,6}}{_MEASURED}",
        rf"((?<![^\W_])(?-i:pt|pat|Pt|Pat|[Pp]atient|[Vv]olunteer|[Pp]acjent|[Pp]aciente)[\s_\-#]{{0,2}})(?:0\d{{1,5}}|\d{{3,6}}){_MEASURED}",
        r"((?<!\w)s(?:cr(?:eening)?[.\s]?|[.\s])(?:no|nr)[.:\s]{1,3})[A-Z]{0,3}-?\d{2,6}(?!\w|[.,]\d)",
        rf"((?<![^\W_]){_SUBJECT}[\s_\-#:.]{{1,2}})[A-Z]{{1,4}}[\-_]?\d{{1,5}}{_MEASURED}",
        # The number of a subject behind the name of a study, with initials: Studie VEGA 03-0117 BW.
        rf"((?<!\w){_STUDY}\s(?-i:[A-Z])[\w\-]{{1,15}}\s)(?:[A-Z]{{1,3}}-)?\d{{1,4}}[\-/]\d{{2,6}}(?:[\s,]+(?-i:[A-Z]{{2,3}}))?(?!\w)",
        rf"((?<!\w){_CATTLE}\s(?:(?:no|nr|id)\.?\s|#\s?)?)(?:0\d{{1,6}}|\d{{4,7}}){_MEASURED}",
        rf"((?<!\w){_CATTLE}[\s,]{{1,2}}{_TAG}\.?[\s:#]{{0,2}}(?:(?:no|nr)\.?\s)?)[A-Z]{{0,2}}-?\d{{1,7}}(?!\w)",
        r"((?<!\w)(?:ear[\s\-]?tag|ohrmarke|brinco|arete|crotal|oormerk|leg[\s\-]?band|freeze\s?brand)[\s:#.]{1,3}(?:(?:no|nr)\.?\s)?)[A-Z]{0,2}[\s\-]?\d{1,7}(?!\w)",
        # An application entity of DICOM, and the code of a reader.
        r"((?<!\w)(?:AETs?|(?:called|calling)?\s?AE[\s_\-]?title)(?!\w)\s?[:=]?\s?)(?=\S*[\d_])[\w\-]{3,}",
        rf"((?<!\w){_STAFF}\s(?:(?:no|nr)\.?\s|#\s?)?)(?-i:(?=[\d\-]*[A-Z])(?=[A-Z\-]*\d)[A-Z\d]{{1,5}}-[A-Z\d]{{1,5}})(?!\w)",
        # An extension behind what one does with it: ligar r. 2239.
        rf"((?<!\w){_CALLING}(?:\s[^\W\d_]{{1,12}}\.?){{0,4}}[\s.:#\-]{{1,3}})\d{{3,6}}{_MEASURED}",
        r"((?<!\w)(?:on|off|along|westbound|eastbound|northbound|southbound)\s)(?-i:I|US|SR|CR|M|A|B|E|BR|SP|N|D|RN|RD|DK|S)[\s\-]?\d{1,4}(?=\s*(?:$|[,.;)]|near|exit|jct|junction|j\d|at|[nsew]b|north|south|east|west|km|mile))",
        # A road behind what happened there, or behind a preposition and with a hyphen: Unfall A44, moto na BR-262.
        r"((?<!\w)(?:unfall|verkehrsunfall|accident|crash|mvc|mva|rta|accidente|acidente|incidente|wypadek|ongeval|olycka|ulykke|дтп)\s(?:\w{2,3}\s){0,2})(?-i:(?![TLS]\d)[A-Z]{1,2})[\s\-]?\d{1,4}(?!\w|[.,/]\d)",
        r"((?<!\w)(?:na|en\sla|en\sel|por\sla|pela|sur\sla|auf\sder|sulla|op\sde|på|w\sdrodze)\s)(?-i:(?![TLSC]-)[A-Z]{1,2})-\d{1,4}(?!\w|[.,/]\d|\s(?:tof|scan))",
        # The number of a case at court, and the time of day, behind what says so: Az. 4 O 217/16, ore 4:50.
        rf"((?<!\w){_AT_COURT}[\s.:]*)(?:(?:[IVX]{{1,4}}|\d{{1,3}})\s)?(?-i:[A-Z][A-Za-z]{{0,3}})[\s\-]\d{{1,6}}/\d{{2,4}}(?!\w)",
        r"((?<!\w)(?:ore|alle\s(?:ore\s)?|heures?|vers|à|às|kl\.?|klo|um|gegen|ab|godz\.?|saat|ώρα|час\w*|uur)\s)\d{1,2}[:h]\d\d(?:\s?(?:uhr|h|uur))?(?![\w:]|\s?(?:min|s|sec)(?!\w))",
        r"((?<!\w)(?:kl\.?|klo|godz\.?|um|gegen)\s)(?:[01]?\d|2[0-3])\.[0-5]\d(?:\s?uhr)?(?![\w.]|\s?(?:mm|cm|m|ml|l|s|min|t|mg|kg|%)(?!\w))",
        r"(?<![\w.:])(?:[01]?\d|2[0-3])[:.][0-5]\d(?=\s?(?:uhr|uur|hrs)(?!\w))",
        r"(?<![^\W_])I-\d{1,3}(?=,?\s(?:near|exit|mile|mm|[nsew]b|north|south|east|west|ramp))",
    )
)
_CORNER = re.compile(
    rf"((?<!\w)(?:corner|intersection|junction|crossing)\sof\s)(?-i:[A-Z0-9])[\w'’]+{_CROSSING}", re.IGNORECASE
)
#: British plates; those of the Mercosur and of East Africa.
_PLATES = re.compile(
    r"(?<![^\W_])(?!(?:TR|TE|TI|FA|TD|PD|WL|WW|SL|KV|MA|CT|MR|PT|FS|ST)\d)[A-Z]{2}\d{2}\s[A-HJ-PR-Z]{3}(?![^\W_])"
    r"|(?<![^\W_])[A-Z]{3}-?\d[A-J]\d{2}(?![^\W_])"
    r"|(?<![^\W_])[KUT][A-Z]{2}\s\d{3}[A-Z](?![^\W_])"
)
#: Any plate behind a word for a vehicle: car KR 5JX21.
_PLATE_OF_VEHICLE = re.compile(
    r"((?<!\w)(?i:(?:plate|reg(?:istration)?|kennzeichen|matrícula|placa|targa|plaque|tablica)\s(?:[^\W\d_]{2,9}\s){1,4}?|car|cars|van|vehicle|truck|lorry|taxi|scooter|motorbike|motorcycle|plates?|reg|auto|wagen|fahrzeug|pkw|kennzeichen|voiture"
    r"|immat\w*|coche|carro|moto|matrícula|placa|targa|kenteken|samochód|rejestracja|nr rej)\.?[\s:]+)"
    r"(?=[A-Z0-9\-]*[\s\-]?[A-Z0-9]*\d)(?=[\d\-\s]*[A-Z])[A-Z0-9]{1,4}[\s\-]?(?=[A-Z0-9]*\d)[A-Z0-9]{2,6}(?:[\s\-][A-Z]{2,3})?(?![^\W_])"
)
_ALPHABET = (
    r"(?:alpha|alfa|bravo|charlie|delta|echo|foxtrot|golf|hotel|india|juliett?|kilo|lima|mike|november|oscar|papa|quebec"
    r"|romeo|sierra|tango|uniform|victor|whiskey|x-?ray|yankee|zulu)"
)
#: Names of patients whose name is unknown.
_STAND_INS = re.compile(
    rf"((?<!\w)(?:unknown|unidentified|trauma|disaster)\s){_ALPHABET}(?:[\s\-]?\d{{1,4}})?(?!\w)", re.IGNORECASE
)
#: Initials with an age or a year beside them, as lists of patients have them; three of them with points.
_INITIALS = re.compile(
    r"(?<![^\W_])([A-Z]{2,3})\s?/\s?\d{1,3}\s?[MFmf](?![^\W_])"
    r"|(?<![^\W_])([A-Z]{2,3})[ /]\s?19\d\d(?![^\W_])|(?<![\w.])((?:[A-Z]\.\s?){3,4})(?!\w)"
    r"|(?<=[Pp]t\s)((?:[A-Z]\.){2})(?!\w)|(?<=[Pp]at\s)((?:[A-Z]\.){2})(?!\w)"
)
#: Initials of staff behind a role and a colon.
_OF_STAFF = re.compile(
    rf"((?<!\w)(?i:{_STAFF}(?:[ ](?:initials|name|id))?)[ ]?[:=][ ]?)"
    rf"(?:{_NO_INITIALS}[A-Z]{{2,3}}(?:/[A-Z]{{2,3}})?|[A-Z]\.[ ]?[A-Z]\.?)(?![^\W_])"
)
#: Two letters of a name each, behind a role: MTRA Ko/Sl.
_PAIR_OF_STAFF = re.compile(rf"((?<!\w)(?i:{_STAFF})\s)[A-ZÄÖÜ][a-zäöü]{{1,2}}/[A-ZÄÖÜ][a-zäöü]{{1,2}}(?![^\W_])")
#: Initials in small letters of who edited something: CTV hjb edit.
_OF_EDITOR = re.compile(
    r"(?<![^\W_])([a-z]{2,3})(?=[\s_](?:edit(?:ed)?|rev(?:ised)?|draft|contours?|contoured|checked|approved)(?![^\W_]))"
)
_NETWORK = (
    r"(?:insta(?:gram)?|facebook|tiktok|twitter|whats\s?app|telegram|snap(?:chat)?|wechat|kakao(?:talk)?|linkedin|skype"
    r"|zalo|viber|微信|weixin|카톡|카카오톡)"
)
_HANDLES = re.compile(
    r"(?<!\w)wxid_\w+|(?<![\w.+\-/])@(?=[A-Za-z_.]*[_.\d][A-Za-z_\d]|[A-Za-z]{8,})[A-Za-z_][\w.]{2,}"
    rf"|((?<!\w)(?:{_NETWORK}|(?:ig|fb|vk|tg)(?=\s?[:@]|\s@))(?!\w)[\s:=@]{{1,3}})[^\s,;)]{{3,}}",
    re.IGNORECASE,
)


def without_wards_and_subjects(text: str) -> str:
    """Return the text with CUT in the place of the number behind a label; the label stays."""
    for pattern in _LABELLED:
        text = pattern.sub(behind_label, text)
    return _PLATES.sub(CUT, _PLATE_OF_VEHICLE.sub(behind_label, text))


def without_initials_beside(text: str) -> str:
    """Return the text with CUT for initials beside an age, a year or a role, or with points; stand-ins; corners."""
    text = _CORNER.sub(behind_label, text)
    text = _PAIR_OF_STAFF.sub(behind_label, _OF_STAFF.sub(behind_label, text))
    text = _OF_EDITOR.sub(_without_initials, text)
    return _INITIALS.sub(_without_initials, _STAND_INS.sub(behind_label, text))


def _without_initials(match: re.Match[str]) -> str:
    letters = re.sub(r"\W", "", next(filter(None, match.groups()))).lower()
    return match[0] if letters in medicine() or letters in technique()["abbreviations"] else CUT


def without_handles(text: str) -> str:
    """Return the text with CUT in the place of a name in a social network."""
    return _HANDLES.sub(behind_label, text)


# --- names in the form of BIDS

_BIDS = re.compile(r"(?:sub-\d{1,3}_)?(?:[a-z]+-[A-Za-z0-9]+_)*[A-Za-z0-9]+(?:\.nii(?:\.gz)?|\.json|\.tsv)?")
_PAIR = re.compile(r"([a-z]+)-([A-Za-z0-9]+)")
_SMALL_NUMBER = re.compile(r"\d{1,3}")
_FEWEST_PARTS, _MOST_DIGITS, _SHORT = 2, 3, 3


def is_bids_name(text: str) -> bool:
    """Return whether a text is such a name, of nothing but numbers, terms and words that are nobody's name."""
    if "-" not in text or not _BIDS.fullmatch(text):
        return False
    *pairs, suffix = text.partition(".")[0].split("_")
    if len(pairs) < _FEWEST_PARTS - 1 or suffix not in _suffixes():
        return False
    return all(map(_is_pair, pairs))


def _suffixes() -> frozenset[str]:
    return technique()["bids suffixes"]


def _is_pair(pair: str) -> bool:
    match = _PAIR.fullmatch(pair)
    if match is None or match[1] not in technique()["bids entities"]:
        return False
    label = match[2]
    if label.isdigit() or match[1] == "sub":
        return _SMALL_NUMBER.fullmatch(label) is not None
    digits = sum(map(str.isdigit, label))
    return label.lower() in technique()["tokens"] or (
        digits <= _MOST_DIGITS and all(map(_is_term, re.findall("[A-Z]?[a-z]+|[A-Z]+(?![a-z])", label)))
    )


def _is_term(word: str) -> bool:
    if len(word) <= _SHORT:
        return word.lower() in technique()["abbreviations"] | technique()["stems"] | technique()["units"]
    return is_no_name(word) or is_familiar(word)
