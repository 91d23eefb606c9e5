"""Decide whether a word with digits is a technical term, or could be somebody's number.

Accession and record numbers have no form of their own: `A12B34C567`, `4F7A9C21`, `12-34A5`, `CT-24-0917`. Technical
terms have: a number stands before its unit (`120kV`), after its label (`TE30`, `b1000`), in the name of a sequence
(`tfl3d1`), or among known words (`ep2d_diff_mddw_20_p2`). A word is judged as a whole: with four or more unexplained
digits, or with letters and digits in turn, it is removed. So is one that could be either.
"""

from __future__ import annotations

import re
from enum import Enum
from functools import cache, lru_cache
from itertools import groupby
from typing import TYPE_CHECKING

from sendit.deidentify.text.sections import any_of, products, technique

if TYPE_CHECKING:
    from collections.abc import Callable

#: They stand in for what was cut out, and for an unknown word. Both count as spaces.
CUT, STRANGER = "\x1f", "\x1e"

_MOST_UNEXPLAINED = 3  # digits
_MOST_AMONG_TERMS = 5  # where two or more technical words stand beside them
_LONGEST_NUMBER = 4  # digits in a row
_LONGEST_GROUPED = 5  # digits of a number in groups, with nothing else in the word
_LONGEST_RUN = 6  # digits of several numbers beside each other
_CHANGES = 3  # from letters to digits or back, within one atom
_LONG_ATOM = 7
_LONGEST_TOKEN = 16
_LARGEST_LISTED, _LARGEST_FINE = 10_000, 3000
_BRIGHTEST = 255
#: Scripts without spaces, whose words are judged by themselves, as numbers and units stand among them: 径18mmの結節.
DENSE_SCRIPTS = "\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3\u0e00-\u0eff\u1000-\u1049\u1050-\u109f\u1780-\u17d3\u17dc"
_DENSE = re.compile(f"[{DENSE_SCRIPTS}]")
_PLAIN_PART = re.compile(f"[^{DENSE_SCRIPTS}\u3001\u3002\uff0c\uff1a\uff1b\u300c\u300d]+")
_DIGITS = re.compile(r"\d+")
#: Systolic and diastolic.
_PRESSURE = re.compile(r"(?:[89]\d|1\d\d|2[0-4]\d)/(?:[4-9]\d|1[0-3]\d)")
#: The number of a model: capitals and up to four digits.
_MODEL = re.compile(r"(?=(?:\D*\d){1,4}\D*$)(?=[\d\-]*[A-Z])[A-Z\d][A-Z\d\-]{2,8}")
_BEFORE_MODEL, _LONGEST_BEFORE_MODEL = re.compile(r"(?<![^\W_])(?:[^\W\d_]+[ ]){1,3}$"), 40
_DEVICES = ("devices by trade name", "implants and programs")
_HEXADECIMAL_ATOM = re.compile(r"(?=(?:\D*\d){2})(?=\d*[A-Fa-f])(?:[0-9A-F]{8,}|[0-9a-f]{8,})")
_SHORTEST_TERM = 3  # letters
_LONG_LABEL = re.compile(r"(?:PLD|LD|FOV|ETL|VENC)[1-9]\d{1,2}0")

_WORD = re.compile(r"(?:[^\s,;|()\[\]{}<>\"'`!?&\\^=]|(?<=\d),(?=\d))+")
_PARTS = re.compile(r"[_/:+#*~@]+")
_JOINTS = re.compile(r"([_:]+)")
_ATOM = re.compile(r"(?<![\d.,])\d{1,4}[.,]\d{1,4}(?![\d]|[.,]\d)[^\W\d_]*|[^\W_]+")
_RUNS = re.compile(r"\d+|[^\W\d_]+")
_DECIMAL = re.compile(r"[+\-~<>≤≥±]?(?:0?[.,]\d+|\d{1,4}[.,]0+|(?=\D*(?:\d\D*){2,6}$)\d{1,4}[.,]\d{1,3})%?")
_B_VALUE = r"(?:\d{1,2}0|[1-9]\d?[05]0|[05])"
#: After a b; in a text about diffusion, in more forms.
_B_VALUES = re.compile(
    rf"(?:(?<=_)|(?<![^_]))b[_\-]?(?:{_B_VALUE}|[1-9]\d00)t?(?:[_,]b?{_B_VALUE}t?(?![^\W_]))*(?![^_#])"
)
_B_VALUES_OF_DIFFUSION = re.compile(
    rf"(?<![^\W_])\d{{0,2}}b[_\-]?(?:\d{{1,3}}|[1-9]\d?[05]0)t?(?:[_,\-/]b?{_B_VALUE}t?(?![^\W_]))*(?![^\W_])"
)
#: Several of them behind one letter: B-50,400,800s.
_B_LISTED = re.compile(rf"[Bb]-?{_B_VALUE}(?:,{_B_VALUE}){{1,6}}s?")
_B_BARE = re.compile("[1-9]00|[1-3][05]00|[45]000")  # among the words of a series of diffusion
_B_CAPITAL = re.compile(r"B-?[1-9]\d?00(?:[_,\-/]B?[1-9]\d?00)*")
_DIFFUSION = re.compile(r"dwi|dti|diff|adc|trace|ep2d|epi|resolve|noddi|dki|ivim|hardi|shell", re.IGNORECASE)
_SPINE = re.compile(r"(?:[ctls](?:1[0-2]|\d)?[\-/])+[ctls]?(?:1[0-2]|\d)", re.IGNORECASE)
_TNM = re.compile(r"[cpyra]{0,2}T(?:[0-4][a-d]?|is|x)(?:N(?:[0-3][a-c]?|x))?(?:M[01x][a-c]?)?")
#: Scans and samples of optical coherence tomography: 512x49, 1024x7.
_SCANS = re.compile(r"(?:256|384|496|512|768|1024|1536)x\d{1,2}|\d{1,2}x(?:256|384|496|512|768|1024|1536)")
_DIMENSIONS = re.compile(r"(\d{1,4}(?:\.\d+)?)(?:[x*×](\d{1,4}(?:\.\d+)?))(?:[x*×](\d{1,4}(?:\.\d+)?))?(?:mm|cm|um)?")
_POINT = re.compile(r"(?<=\d)p(?=\d)")  # 3x3x3p5
#: Sizes of detectors and cassettes, in cm and in inches.
_DETECTORS = re.compile(
    r"18x24|24x18|20x25|20x40|24x29|24x30|25x30|30x24|30x40|35x35|35x43|43x35|43x43|8x10|10x12|11x14|14x17|17x14|17x17"
)
_CASSETTE = re.compile(r"\d{1,2}(cm|mm|in)x\d{1,2}\1", re.IGNORECASE)
_VOXEL, _MATRIX, _THICKEST = 20, 32, 1.5
_LARGEST_LESION, _LONGEST_SIZE = 300, 18  # mm; characters
#: Three numbers, one of them with a zero in front, as days have it: 14x03x61mm.
_DAY_IN_SIZE = re.compile(r"(?=.*[x*×].*[x*×])(?:\d{1,4}[x*×])*0\d")
#: 5s3s3s. In capitals, as codes are, only in the form of MOLLI.
_REPEATED = re.compile(r"[1-9]([shb])(?:[1-9]\1){1,4}|\d{1,2}(mm|ms|te|sl|ch|ph)(?:\d{1,2}\2){1,4}|(?:[1-5]S){3}")
_CLOCKED = re.compile(r"\d{1,2}i\d{1,2}s|\dI\d{1,2}S|i\d{1,2}s\d{1,2}")  # iterations and subsets
#: Doses in Gy of one plan, from the high to the low, none of them a day: H&N_70/63/56.
_DOSES = re.compile(
    r"(?<![^\W_])(?:3[2-9]|[4-8]\d)(?:\.\d)?(?:/(?:3[2-9]|[4-8]\d)(?:\.\d)?){1,3}(?:Gy)?(?![^\W_]|[./]\d)"
)
_FRACTIONS = re.compile(r"\d{1,2}(?:\.\d{1,2})?c?Gy/\d{1,2}(?:fx|fr)?|\d{1,2}x\d{1,2}(?:\.\d{1,2})?c?Gy", re.IGNORECASE)
#: A target volume and its dose in cGy, and what it is for: PTV_6600, TV-SIB_6600, Eval_PTV_5400. By TG-263, the images
#: it was drawn on: PTVp1_CT1PT1.
_TARGET = re.compile(
    r"(?:(?:Eval|Opt|Prv|z)[_\-]?)?[CGPI]?TV(?:[A-Z]|[pn][1-9]?)?[1-4]?"
    r"(?:[_\-](?:SIB|Boost|Bst|Eval|Opt|High|Low|Mid|Int|Total|Cold|Hot))?[_\-]?[1-8]\d\d0"
    r"|[CGPI]TV(?:[pn]?[1-9]?)_[A-Z]{1,8}_[1-8]\d{3}|(?:iso|dose|isodose)_?(?!19[3-9]0)[1-9]\d[05]0"
    r"|[CGPI]TV[pn]?[1-9]?(?:_(?:(?:CT|MR|PT)[1-9]){1,3})",
    re.IGNORECASE,
)
#: A beam: the angles of gantry, collimator and couch; or a full arc, which begins and ends beside 180 degrees.
_BEAM = re.compile(r"G(\d{1,3})[CK](\d{1,3})[TP](\d{1,3})|G?(?:17\d|18[0-5])-(?:17\d|18[0-5])")
_FULL_TURN, _WHOLE_ANGLE = 360, 5
#: An orientation and a weighting without a space, and more technical abbreviations after them: AXT2, CORPDFS.
_PLANE = re.compile(
    r"(?:AX|SAG|COR|TRA|OBL|SAX|LAX)(?:T[12](?:W|STAR)?|PD|DWI|DTI|ADC|FLAIR|STIR)(?:FS|TSE|FSE|SE|POST|PRE|GD|C)?"
)
_INTERPOLATED = re.compile(r"(\d{2,3})[ip]")  # a matrix: 192i
#: A nuclide before its carrier (PS3.16 CIDs 18 and 4020): 18F-PSMA-1007.
_NUCLIDE = re.compile(
    r"(?<![^\W_])(?:11C|13N|15O|18F|22Na|4[34]Sc|51Cr|52Mn|5[57]Co|6[0124]Cu|6[78]Ga|68Ge|7[56]Br|81mKr|82Rb|8[69]Y|90Y|89Sr|89Zr|99mTc"
    r"|111In|12[345]I|131I|133Xe|153Sm|166Ho|177Lu|18[68]Re|201Tl|211At|21[23]Pb|213Bi|22[35]Ra|225Ac|227Th"
    r"|(?:F-?18|C-?11|Ga-?6[78]|Tc-?99m|In-?111|I-?12[345]|I-?131|Xe-?133|Sm-?153|Lu-?177|Tl-?201|Kr-?81m|Ra-?223|Y-?90))[\-_]"
)
#: An ICD-10 code in its written form, alone or before a word: Q53.21-Abdominal.
_DIAGNOSIS = re.compile(r"[A-TV-Z]\d[\dAB]\.\d[\dA-Z]{0,2}(?=$|-[^\W\d_]{3})")
#: The number of a trial behind the group that runs it, and no other number behind that, which would be a subject's.
_TRIAL = re.compile(
    r"(?<![^\W_])(?:ACRIN|RTOG|ECOG|NRG|EORTC|SWOG|CALGB|NSABP|GOG|TROG|NCIC|ANZGOG|JCOG|AREN|QIBA|I-?SPY)[_\-]?"
    r"(?:\d{4}|[A-Z]{2}\d{3}|\d)(?![^\W_]|[_\-./]?\d|[_\-./][A-Z]{0,3}\d{2})"
)
#: Which of several parts of a study this is: _t1of3, 2of4.
_PART_OF_SEVERAL = re.compile(r"(?<![^\W_])t?[1-9]\d?of[1-9]\d?(?=$|[_\-]|[A-Z][^\W\d_]{2})")
#: A weighting before a word, without a space: T2alternate.
_WEIGHTING = re.compile(r"(?<![^\W_])[Tt][12](?P<word>[^\W\d_]{4,})(?![^\W_])")
_FRAMES = re.compile(r"\d{1,3}x\d{1,3}(?:s|sec|min)")  # of a dynamic series, and how long each is
#: Weeks and days of a pregnancy (20w3d), and how many there were and what became of them (G2P1).
_PREGNANCY = re.compile(r"[1-4]?\dw(?:k|ks)?(?:[0-6]d?)?|G\d{1,2}P\d{1,2}(?:A[bB]?\d)?(?:L\d)?")
_TRANSDUCER = re.compile(r"\d{1,2}[A-Z]{1,2}\d(?:[A-Z]?[a-z])?")  # 3V5Ms, 4V1c
#: A number, the year and the modality: 0917.24.CT.
_ACCESSION = re.compile(r"(?<![^\W_])(?:\d{3,6}[./\-]\d{2}[./\-][A-Z]{2}|[A-Z]{2}[./\-]\d{2}[./\-]\d{4,6})(?![^\W_])")
_MATRICES = frozenset({"1024", "2048", "4096"})
_RANGE = re.compile(r"([1-9]\d{0,3})[\-–]([1-9]\d{0,3})")
_UNIT_BEHIND = re.compile(r"\s([µμ]?[A-Za-z]{1,4})(?![^\W_])")
_SHARE = re.compile(r"[1-9]\d{0,3}/[1-9]\d{0,3}")
_COUNTED = re.compile(
    r"\s(?:projections?|views?|frames?|slices?|images?|coils?|channels?|directions?|nodes?|cores?|fields?|sections?|segments?|points?|fractions?|fx"
    r"|projektionen|bilder|schichten|lymphknoten|coupes|images|cortes|imágenes|imagens|fette|immagini|beelden|plakjes|snitt|bilder|warstw)(?!\w)",
    re.IGNORECASE,
)
#: Voltages of both tubes, with the tin filter of one: 80/Sn150.
_DUAL_ENERGY = re.compile(r"(?:70|80|90|100|110|120)/(?:Sn)?(?:1[0-5]0)(?:kVp?)?")
#: The extent of a Barrett's oesophagus (Prague criteria).
_PRAGUE = re.compile(r"C\d{1,2}M\d{1,2}")
#: Antigens of cells, which antibodies stain: CD3/CD20/BCL6.
_ANTIGEN = (
    r"(?:CD\d{1,3}[a-z]?|(?:CK|GCDFP|HMB|MUC|PAX|SOX|BCL|MUM|OCT|SALL|SF|WT|TTF|GATA|NKX|MSH|MLH|PMS|IDH|HER|S|p|AE|CAM|CA|Ki|MIB|PD-?L?|INI|STAT)"
    r"-?\d{1,3}(?:[./]\d)?)"
)
_ANTIGENS = re.compile(rf"{_ANTIGEN}(?:[/+,]{_ANTIGEN}){{0,6}}")
#: Several small numbers, each larger than the one before, as of flip angles: 2/5/10/15. Three may be a date.
_RISING = re.compile(r"\d{1,2}(?:/\d{1,2}){3,7}")
#: A word and a size: ring2cm, Bolus5mm.
_SIZED = re.compile(r"([^\W\d_]{3,}?)\d{1,2}(?:mm|cm|Gy)")
#: The name of a sequence as Siemens writes it; nobody's number begins like this: *tfl3d1_16ns, *ep_b1000#12, *svs_se.
_OF_SIEMENS = re.compile(
    r"\*(?:[A-Za-z]{1,8}(?:\d{0,2}[A-Za-z]?|\d[a-z]{2,4})[1-4]d\d{0,2}[A-Za-z]{0,4}\d{0,3}t?"
    r"(?:[_#][A-Za-z]{0,3}\d{1,3}[a-z]{0,2}){0,2}(?:_[a-z]{1,4}){0,3}"
    r"|[a-z]{2,4}_b\d{1,5}t?(?:#\d{1,3})?|[a-z]{2,4}_[a-z]{2,4}(?:_\d{1,3})?)"
)
#: A series of the National Lung Screening Trial, with or without commas: 1,OPA,GE,LSQX,STANDARD,360,2.5,120,80,0.1,1.5.
_KERNEL_OF_TRIAL = r"(?:STANDARD|BONE|BONEPLUS|LUNG|SOFT|DETAIL|[BC]\d\d[FS]?|F[CL]\d\d|[A-D])"
_OF_LUNG_TRIAL = re.compile(
    rf"\d,?O[PR][A-Z],?(?:GE|SE|PH|TO)(?:,[A-Z]{{1,6}}\d{{0,4}},{_KERNEL_OF_TRIAL},\d{{3}}(?:\.\d)?,\d{{1,2}}(?:\.\d{{1,2}})?,(?:80|1[0-4]0)"
    rf"(?:,(?:\d{{1,3}}(?:\.\d{{1,2}})?|na)){{2,4}}"
    rf"|[A-Z]{{1,6}}\d{{0,4}}{_KERNEL_OF_TRIAL}\d{{3}}(?:\.\d)?\d(?:\.\d{{1,2}})?(?:80|1[0-4]0)(?:\d{{1,3}}(?:\.\d{{1,2}})?|na)(?:\d?\.\d|na){{2}})"
)
_IN_PROGRESS = re.compile(r"(?:WIP|wip)_?\d{3}[A-Za-z]?")  # works in progress of Siemens
#: The day of a program's build.
_BUILT = r"(?:199[5-9]|20\d\d)[\-./]?(?:0[1-9]|1[0-2])[\-./]?(?:0[1-9]|[12]\d|3[01])"
#: Several numbers with little between them.
_BESIDE = re.compile(
    r"(?<![^\W_])(?<!\d\.)(?:\(\d{1,5}\)[ \t]?)?\d{1,6}(?:(?:[ \t]|[ \t]?[-./][ \t]?)\d{1,6}){1,9}(?![^\W_]|\.\d)"
)
_TOKEN_BEFORE = re.compile(r"(?<![^\W_])[^\W\d_]+-$")
_FIRST = re.compile(r"(\d+)[ \t]")
_LETTERED = re.compile(  # QQ 12 34 56 C
    r"(?<![^\W_])([A-Z]{1,3})[ \t](?=(?:[ \t]?\d){6})\d{2,4}(?:[ \t]\d{2,4}){1,4}(?:[ \t][A-Z])?(?![^\W_]|\.\d)",
    re.IGNORECASE,
)
_HEXADECIMAL = re.compile(r"(?<![^\W_])[0-9A-F]{2}(?:([:\-])[0-9A-F]{2})(?:\1[0-9A-F]{2}){3,}(?![^\W_])", re.IGNORECASE)
#: Numbers that a label explains, and a year as a version.
_LABELLED_PAIR = re.compile(
    r"((?<![\w.])v?\d{1,2}(?:\.\d{1,2}){1,3}[ ]\((?:r|rev\.?[ ]?|svn[ :]?|build[ :]?|b)[1-9]\d{1,4}\)"
    r"|(?<!\w)syngo[ ](?:[A-Z&/]{2,6}[ ])20[0-3]\d[A-Z](?!\w)"
    r"|(?<!\w)V[A-F]\d\d[A-Z][ ][0-2]\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?!\w)"  # Siemens, a day behind
    r"|(?<!\w)(?:T[REI](?:/T[REI]){1,2}|WW?/W?L|W?L/WW?|C/W|W/C)[ \t:=]*\d{1,5}(?:[/\-]{1,2}\d{1,5}){1,2}(?!\w)"
    r"|(?<![^\W_])(?i:b-?val(?:ue)?s?)[_ =:]{1,2}(?:[1-9]\d?[05]0|[1-9]\d0)(?![^\W_])"
    r"|(?<!\w)WW?[ :=]?[1-9]\d{0,2}[05][ ,/]{1,2}(?:W?L|C)[ :=]?-?\d{1,4}(?!\w))"
)
_TIMES_D = re.compile(r"(?:[1-5]d)?([^\W\d_]{3,})(?:[1-5]d[a-z]?)?", re.IGNORECASE)


class TextKind(Enum):
    """Name the kinds of text, which differ in what a number in them can be."""

    DESCRIPTION = "description"
    MACHINE = "machine"  # makes, models, sequences, kernels, programs


def behind_label(match: re.Match[str]) -> str:
    """Return CUT behind the label of what was found: the last group that matched, if any did."""
    return f"{match[match.lastindex] if match.lastindex else ''}{CUT}"


def is_sequence_name(text: str) -> bool:
    """Return whether a text is the name of a sequence as Siemens writes it, with a star in front."""
    return _OF_SIEMENS.fullmatch(text) is not None


def is_series_of_trial(text: str) -> bool:
    """Return whether a text describes a series in the form of the National Lung Screening Trial."""
    return _OF_LUNG_TRIAL.fullmatch(text) is not None


def without_record_numbers(text: str, kind: TextKind, is_term: Callable[[str], bool]) -> str:
    """Return the text with CUT in the place of every word that could be somebody's number.

    Args:
        text: the text.
        kind: what the text is about.
        is_term: tells whether letters are a medical or technical word.
    """
    if not any(map(str.isdigit, text)):
        return text
    diffusion = _DIFFUSION.search(text) is not None
    pieces = _LABELLED_PAIR.split(text)
    pieces[::2] = [_without(piece, kind, is_term, diffusion=diffusion) for piece in pieces[::2]]
    return "".join(pieces)


def without_lettered_groups(text: str, is_term: Callable[[str], bool]) -> str:
    """Return the text with CUT in the place of groups of digits behind letters: QQ 12 34 56 C, but not VENC 120 150."""
    return _LETTERED.sub(lambda match: match[0] if len(match[1]) >= _SHORTEST_TERM and is_term(match[1]) else CUT, text)


def _without(text: str, kind: TextKind, is_term: Callable[[str], bool], *, diffusion: bool) -> str:
    text = _BESIDE.sub(_without_groups, _HEXADECIMAL.sub(_without_bytes, text))
    text = without_lettered_groups(text, is_term)
    return _WORD.sub(
        lambda match: (
            match[0]
            if _is_model(match) or _is_range(match) or _is_share(match)
            else _judged(match[0], kind, is_term, diffusion=diffusion)
        ),
        text,
    )


def _is_model(match: re.Match[str]) -> bool:
    """Return whether a word is the number of a model, behind the name of a device: Micra AV MC1AVR1."""
    if not _MODEL.fullmatch(match[0]):
        return False
    before = _BEFORE_MODEL.search(match.string, max(0, match.start() - _LONGEST_BEFORE_MODEL), match.start())
    return before is not None and any(
        word in products()[section] for word in before[0].lower().split() for section in _DEVICES
    )


def _is_range(match: re.Match[str]) -> bool:
    """Return whether a word is a range of what is measured: 500-700 µm."""
    numbers = _RANGE.fullmatch(match[0])
    unit = _UNIT_BEHIND.match(match.string, match.end())
    if not numbers or not unit or int(numbers[1]) >= int(numbers[2]):
        return False
    return re.sub("^[µμ]", "u", unit[1]).lower() in technique()["units"]


def _is_share(match: re.Match[str]) -> bool:
    """Return whether a word says how many of all views or samples: 184/360 projections."""
    return _SHARE.fullmatch(match[0]) is not None and _COUNTED.match(match.string, match.end()) is not None


def _without_bytes(match: re.Match[str]) -> str:
    """Return CUT for hexadecimal bytes, as in the address of a network card."""
    return CUT if any(map(str.isalpha, match[0])) else match[0]


def _without_groups(match: re.Match[str]) -> str:
    """Return CUT for several numbers in a row, unless they are few, or a list of b-values or delays."""
    token = _TOKEN_BEFORE.search(match.string, max(0, match.start() - _LONGEST_TOKEN), match.start())
    first = _FIRST.match(match[0])
    if token and first and f"{token[0]}{first[1]}".lower() in technique()["tokens"]:  # AV-1451 80-100
        return first[0] + _BESIDE.sub(_without_groups, match[0][first.end() :])
    numbers = re.findall(r"\d+", match[0])
    if sum(map(len, numbers)) <= _LONGEST_RUN or re.fullmatch(rf"[\d.]+|{_BUILT}", match[0]):
        return match[0]
    values = [int(number) for number in numbers]
    listed = all(map(_is_round, numbers)) and values == sorted(set(values))
    return match[0] if listed else CUT


def _is_round(number: str) -> bool:
    """Return whether a number is as round as a b-value or delay: 0, 50, 850, 1500, 2800, 10000."""
    value = int(number)
    step = 50 if value < 1000 else 100 if value <= _LARGEST_FINE else 500
    return number == str(value) and value <= _LARGEST_LISTED and value % step == 0


def _judged(word: str, kind: TextKind, is_term: Callable[[str], bool], *, diffusion: bool) -> str:
    if not any(map(str.isdigit, word)):
        return word
    if _DENSE.search(word) and max(map(len, _DIGITS.findall(word))) <= _SHORTEST_TERM:
        return _PLAIN_PART.sub(lambda part: _judged(part[0], kind, is_term, diffusion=diffusion), word)
    bare = word.strip(".:-_/#*+~%°")
    for explained in (_PART_OF_SEVERAL, _NUCLIDE):
        bare = explained.sub("", bare, count=1)
    bare = _WEIGHTING.sub(lambda match: match["word"] if is_term(match["word"]) else match[0], bare)
    bare = _DIAGNOSIS.sub("", _TRIAL.sub("", bare))
    if not any(map(str.isdigit, bare)) or not _is_number_of_somebody(bare, kind, is_term, diffusion=diffusion):
        return word
    return _terms_of(word, kind, is_term, diffusion=diffusion)


def _terms_of(word: str, kind: TextKind, is_term: Callable[[str], bool], *, diffusion: bool) -> str:
    """Return what stays of a word that holds somebody's number: CUT, or a phrase joined by "_" or ":" without it.

    A phrase has two terms of four letters or more, or three terms (CT_ABD_PEL_W_CON_74177): of
    CT_CHEST_W_CONTRAST_71260 all stays but the number. What stands between two terms goes as a whole, as a code has
    several parts; a short name elsewhere goes, too, as whose number it is: Kim_CHEST_HEAD_81472.
    """
    pieces = _JOINTS.split(word)
    terms = [_is_phrase(piece, is_term) for piece in pieces]
    words = [part for piece, term in zip(pieces, terms, strict=True) if term for part in piece.split("-")]
    long = sum(len(part) > _SHORTEST_TERM for part in words)
    short = sum(part.lower() in technique()["abbreviations"] for part in words)
    if long < _FEWEST_WORDS and long + short <= _FEWEST_WORDS:
        return CUT
    kept = []
    for term, between in groupby(range(len(pieces)), terms.__getitem__):
        text = "".join(pieces[place] for place in between)
        bare = text.strip("_:")
        numbered = any(map(str.isdigit, bare)) and _goes_between(bare, kind, is_term, diffusion=diffusion)
        goes = not term and (numbered or _has_short_name(bare, is_term))
        kept.append(text.replace(bare, f" {CUT} ") if goes else text)
    phrase = "".join(kept)
    return phrase if CUT in phrase else CUT


def _is_phrase(piece: str, is_term: Callable[[str], bool]) -> bool:
    words = piece.split("-")
    return len(piece) >= _SHORTEST_TERM and all(map(str.isalpha, words)) and all(map(is_term, words))


def _has_short_name(text: str, is_term: Callable[[str], bool]) -> bool:
    """Return whether a piece of two or three letters is neither known nor an abbreviation of the technique."""
    abbreviations = technique()["abbreviations"] | technique()["tokens"]
    return any(
        1 < len(piece) <= _SHORTEST_TERM
        and piece.isalpha()
        and not is_term(piece)
        and (piece.istitle() or piece.lower() not in abbreviations)
        for piece in _JOINTS.split(text)
    )


def _goes_between(text: str, kind: TextKind, is_term: Callable[[str], bool], *, diffusion: bool) -> bool:
    """Return whether what stands between two terms is somebody's number, or has an unknown word beside its digits."""
    strange = any(piece.isalpha() and len(piece) > _SHORTEST_TERM for piece in _JOINTS.split(text))
    return strange or _is_number_of_somebody(text, kind, is_term, diffusion=diffusion)


@lru_cache(maxsize=16384)
def _is_number_of_somebody(word: str, kind: TextKind, is_term: Callable[[str], bool], *, diffusion: bool) -> bool:
    if _ACCESSION.search(word):
        return True
    if _is_explained(word, kind, diffusion=diffusion):
        return False
    if not any(map(str.isalpha, word)):
        return _is_long(word)
    if _is_composite(word, kind, is_term, diffusion=diffusion) or _is_all_measures(word):
        return False
    word = _DOSES.sub("", word)
    word = (_B_VALUES_OF_DIFFUSION if diffusion else _B_VALUES).sub("", word)
    parts = [part for part in _PARTS.split(word) if any(map(str.isdigit, part))]
    if len(parts) > 1 or (parts and parts[0] != word):
        for part in parts:
            if not _is_explained(part, kind, diffusion=diffusion) and not _is_among(
                part, kind, is_term, diffusion=diffusion
            ):
                return True
    return not (
        _is_among(word, kind, is_term, diffusion=diffusion) or _is_spread(word, kind, is_term, diffusion=diffusion)
    )


def _is_composite(word: str, kind: TextKind, is_term: Callable[[str], bool], *, diffusion: bool) -> bool:
    """Return whether a word consists of technical parts joined together: t1_mp2rage_sag_p3_0.75mm_INV1.

    At least two parts are words. A part with digits has a technical form of its own, or is a letter and a number.
    """
    parts = _JOINED.split(word)
    words, weak = 0, 0
    sized = any(map(_has_dimensions, parts))
    for part in filter(None, parts):
        if part.isalpha():
            if len(part) >= _SHORTEST_TERM and not is_term(part) and not _is_abbreviation(part):
                return False
            words += len(part) >= _SHORTEST_TERM
        elif _WEAK_PART.fullmatch(part) or (sized and _FEW.fullmatch(part)):
            weak += 1
        elif _has_dimensions(part) or _LABELLED_VALUE.fullmatch(part):
            words += 1
        elif _B_VALUES.fullmatch(part) and _ROUND_B.fullmatch(part):
            continue
        elif _HEXADECIMAL_ATOM.fullmatch(part) or sum(map(str.isalpha, part)) < 1 + (
            part.lower() not in technique()["tokens"]
        ):
            if not _DECIMAL.fullmatch(part):
                return False
        elif not _is_explained(part, kind, diffusion=diffusion):
            return False
        else:
            words += part.lower() in technique()["tokens"] and sum(map(str.isalpha, part)) >= _SHORTEST_TERM
    return words >= _FEWEST_WORDS and weak <= _MOST_WEAK


def _is_abbreviation(part: str) -> bool:
    return part.lower() in technique()["abbreviations"] or part.lower() in technique()["stems"]


_JOINED = re.compile(r"[_/+]+")
#: Acceleration factors, and the numbers of echoes and runs: p2, s4, e1, 2. No capitals, as codes have them.
_WEAK_PART = re.compile(r"[a-z]\d{1,2}|\d")
#: The parameters of a sequence, each with its label: tr1000, FA20, TE4.
_LABELLED_VALUE = re.compile(r"(?:TR|tr)(?:\d{1,2}|[1-9]\d{0,2}[05]0)|(?:TE|TI|FA|te|ti|fa)\d{1,2}")
_ROUND_B = re.compile(r"b[_\-]?\d{1,2}0?0?")
_FEW = re.compile(r"\d{2}")  # directions, beside the size of a matrix
_FEWEST_WORDS, _MOST_WEAK, _FEWEST_OF_LONG = 2, 3, 3


def _is_all_measures(word: str) -> bool:
    """Return whether a word consists of at least three measurements, one of them with its unit in lower case."""
    parts = _JOINED.split(word)
    return (
        len(parts) > _FEWEST_WORDS
        and all(map(_measured().fullmatch, parts))
        and any(part[-1].islower() for part in parts)
    )


def _is_long(word: str) -> bool:
    """Return whether a word without letters has five digits in a row, or six in groups that are no b-values."""
    groups = re.findall(r"\d+", word)
    if not groups or _PRESSURE.fullmatch(word):  # superscripts, circled numbers
        return False
    values = [int(group) for group in groups]
    if _RISING.fullmatch(word) and values == sorted(set(values)):
        return False
    colour = re.fullmatch(r"\d{1,3}(?:,\d{1,3}){2}", word) and max(map(int, groups)) <= _BRIGHTEST
    if colour or re.fullmatch(rf"{_B_VALUE}(?:,{_B_VALUE}){{1,5}}", word):
        return False
    if sum(len(group) == 1 for group in groups) > _MOST_UNEXPLAINED - 1 and max(map(len, groups)) <= 2:
        return False  # the number of a chapter: 5.6.3-9-61
    return max(map(len, groups)) > _LONGEST_NUMBER or sum(map(len, groups)) > _LONGEST_GROUPED


def _is_spread(word: str, kind: TextKind, is_term: Callable[[str], bool], *, diffusion: bool) -> bool:
    """Return whether a word is a long name of terms in which unexplained digits stand in single places, few in each."""
    terms, row = 0, 0
    for part in filter(None, _PARTS.split(word)):
        if part.isalpha():
            known = len(part) >= _SHORTEST_TERM and is_term(part)
            terms += known
            row = 0 if known else row
        elif _is_explained(part, kind, diffusion=diffusion):
            row = row if _WEAK_PART.fullmatch(part) else 0
        elif not _is_among(part, kind, is_term, diffusion=diffusion):
            return False
        else:
            row += sum(map(str.isdigit, part))
        if row > _MOST_UNEXPLAINED:
            return False
    return terms >= _FEWEST_OF_LONG


@lru_cache(maxsize=16384)
def _is_explained(word: str, kind: TextKind, *, diffusion: bool) -> bool:
    """Return whether a whole word has a technical form."""
    if _HEXADECIMAL_ATOM.fullmatch(word):
        return False
    folded = word.lower()
    known = technique()
    if folded in known["tokens"] or _DECIMAL.fullmatch(word):
        return True
    if kind is TextKind.MACHINE and (folded in known["models"] or _TRANSDUCER.fullmatch(word)):
        return True
    if (
        _B_VALUES.fullmatch(word)
        or _B_LISTED.fullmatch(word)
        or (diffusion and (_B_VALUES_OF_DIFFUSION.fullmatch(word) or _B_CAPITAL.fullmatch(word)))
    ):
        return True
    if _DETECTORS.fullmatch(folded) or _is_beam(word) or _is_interpolated(word):
        return True
    forms = (
        _CASSETTE,
        _SPINE,
        _TNM,
        _REPEATED,
        _CLOCKED,
        _FRACTIONS,
        _TARGET,
        _PLANE,
        _FRAMES,
        _PREGNANCY,
        _IN_PROGRESS,
        _DUAL_ENERGY,
        _PRAGUE,
        _ANTIGENS,
        _measured(),
        _sequence(),
    )
    return any(form.fullmatch(word) for form in forms) or _has_dimensions(word)


def _is_beam(word: str) -> bool:
    """Return whether a word gives the angles of a beam; those of collimator and couch are round."""
    match = _BEAM.fullmatch(word)
    if match is None or match[1] is None:
        return match is not None
    gantry, *others = map(int, match.groups())
    return gantry <= _FULL_TURN and all(angle <= _FULL_TURN and angle % _WHOLE_ANGLE == 0 for angle in others)


def _is_interpolated(word: str) -> bool:
    match = _INTERPOLATED.fullmatch(word)
    return match is not None and int(match[1]) % _MATRIX == 0


def _has_dimensions(word: str) -> bool:
    """Return whether a word has sides of a voxel or matrix: 512x512, 0.6x0.6x3mm."""
    match = _DIMENSIONS.fullmatch(_POINT.sub(".", word))
    if _SCANS.fullmatch(word):
        return True
    if match is None:
        return False
    sides = [float(side) for side in match.groups() if side]
    collimation = len(sides) > 1 and sides[-1] <= _THICKEST and not sides[-1].is_integer()
    sized = (
        word.endswith(("mm", "cm"))
        and max(sides) <= _LARGEST_LESION
        and len(word) <= _LONGEST_SIZE
        and not _DAY_IN_SIZE.match(word)
    )
    return (
        max(sides) <= _VOXEL
        or sized
        or collimation
        or all(side >= _MATRIX and (side == sides[0] or side % _MATRIX == sides[0] % _MATRIX == 0) for side in sides)
    )


def _is_among(word: str, kind: TextKind, is_term: Callable[[str], bool], *, diffusion: bool) -> bool:
    """Return whether few digits of a word are unexplained, atom by atom. Units and labels count only beside a term."""
    unexplained, explained, measures, terms, row = 0, 0, 0, 0, 0
    for atom in _ATOM.findall(word):
        if atom.isalpha():
            terms += len(atom) >= _SHORTEST_TERM and is_term(atom)
            continue
        if atom.isdigit():
            if atom in _MATRICES or (diffusion and _B_BARE.fullmatch(atom)):
                continue
            row += len(atom)
            if row > _LONGEST_GROUPED or len(atom) >= _LONGEST_NUMBER:
                return False
            unexplained += len(atom)
            continue
        row = 0
        digits, known = _digits_of(atom, is_term)
        if _HEXADECIMAL_ATOM.fullmatch(atom):
            return False
        if _is_explained(atom, kind, diffusion=diffusion):
            weak = sum(map(str.isalpha, atom)) == 1 and atom.lower() not in technique()["tokens"]
            explained += 0 if _DECIMAL.fullmatch(atom) or weak else digits
            unexplained += digits if weak else 0
            measures += not (known or atom.lower() in technique()["tokens"] or _LONG_LABEL.match(atom))
        elif digits > _MOST_UNEXPLAINED or (not known and _is_mixed(atom)):
            return False
        else:
            unexplained += digits
        terms += known
    if not terms or (terms == 1 and measures > 1):
        unexplained += explained
    return unexplained <= (_MOST_AMONG_TERMS if terms > 1 else _MOST_UNEXPLAINED)


def _digits_of(atom: str, is_term: Callable[[str], bool]) -> tuple[int, bool]:
    """Return how many digits an atom has, and whether its letters are known words.

    SE3D, in capitals, could be a code.
    """
    times = _TIMES_D.fullmatch(atom)
    letters = [times[1]] if times else [run for run in _RUNS.findall(atom) if not run.isdigit()]
    known = all(len(run) >= _SHORTEST_TERM and is_term(run) for run in letters)
    sequence = atom[0].isalpha() and not atom.isupper() and _sequence().fullmatch(atom)
    sized = _SIZED.fullmatch(atom)
    known = known or (sized is not None and is_term(sized[1])) or _PLANE.fullmatch(atom) is not None
    return sum(map(str.isdigit, atom)), known or bool(sequence)


def _is_mixed(atom: str) -> bool:
    """Return whether letters and digits alternate several times, or in a word too long for a kernel or a model."""
    changes = len(_RUNS.findall(atom)) - 1
    return changes >= _CHANGES or (changes > 1 and len(atom) >= _LONG_ATOM)


def remains(text: str, is_term: Callable[[str], bool]) -> str:
    """Return a text without its CUTs and STRANGERs, and without the remains of words that were cut in part.

    Beside a CUT, only known words and terms (T1, 3D) stay; beside a STRANGER, only digits that were joined to it go.
    """
    if CUT in text:
        text = re.sub(rf"[^\s]*(?:{CUT}+[^\s]*)+", lambda match: _rest(match[0], is_term), text)
    if STRANGER in text:
        text = re.sub(rf"[^\W_]*(?:{STRANGER}+[^\W_]*)+", lambda match: _rest(match[0], is_term), text)
    return text


def _rest(word: str, is_term: Callable[[str], bool]) -> str:
    pieces = re.split(f"[{CUT}{STRANGER}]+", word)
    if not any(map(str.isdigit, word)):
        return " ".join(pieces)
    return " ".join(piece if _is_harmless(piece, is_term) else "" for piece in pieces)


def _is_harmless(piece: str, is_term: Callable[[str], bool]) -> bool:
    return all(
        (len(atom) >= _SHORTEST_TERM and is_term(atom)) if atom.isalpha() else atom.lower() in technique()["tokens"]
        for atom in _ATOM.findall(piece)
    )


@cache
def _measured() -> re.Pattern[str]:
    """Return a pattern for a number with its unit or label; one of four digits must be round, without mere capitals."""
    small = r"\d{1,3}(?:[.,]\d{1,3})?|\d{1,4}[.,]0+"
    label, unit = f"(?i:{any_of(technique()['labels'])})", f"(?i:{any_of(technique()['units'])})"
    large = r"(?:[1-9]\d00|[1-9]\d?\d[05]0)"
    return re.compile(
        rf"(?:{small})-?{unit}|{label}[-:]?(?:{small}){unit}?|{large}-?(?![A-Z]+$){unit}"
        rf"|(?![A-Z\d]+$){label}[-:]?{large}|(?:TR|TI|PLD|LD|VENC)[1-9]\d00|PLD[1-3]\d\d[05]"
    )


@cache
def _sequence() -> re.Pattern[str]:
    """Return a pattern for names of sequences: tfl3d1, fl3d4d1, tse2d1rr18. In capitals they end in 2D or 3D: FE3D."""
    stems = technique()["stems"]
    letters = f"(?i:{any_of(stem for stem in stems if stem.isalpha())})"
    return re.compile(
        rf"{letters}{{1,2}}[rR]?(?:[1-4]d\d?){{1,2}}(?:rr?s?\d{{0,2}}|s\d{{1,2}}|(?<=d)[a-z]{{1,2}})?|{letters}{{1,2}}[23]D"
        rf"|h[23]d\d?|[23][dD]-?(?i:{any_of(stems)})"
    )
