"""Does a name leave in another encoding than the file declares? And what innocent text is lost by looking for it?

Names of 34 languages, in the bytes of 18 encodings, stand in PatientName and in every text attribute that the Basic
profile or the options of research keep; the file declares their encoding, or another one.
"""

from __future__ import annotations

import os
import random
import struct
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.encodings_names import names
from sendit.config.schema import Option
from sendit.deidentify import KeyedIdentities, Plan, compile_plan, deidentify
from sendit.deidentify.dicom.dataset import TEXT_VRS, Dataset
from sendit.deidentify.dicom.reader import read_file
from sendit.deidentify.plan import Action
from sendit.model import Released

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

NAMES = int(os.environ.get("ENCODINGS_NAMES", "1000"))
_SLICE = 34  # names of one job
_PAGE = Path(__file__).parents[1] / "docs" / "benchmarks" / "encodings.md"
_TEXT = """# Names in other encodings than declared

Written by `python -m benchmarks encodings`; the same version gives the same figures. {names} names of 34 languages
are in PatientName and in every text attribute that the profile retains and cleans ({basic} of the
Basic profile, {research} with CleanDescriptors, RetainLongitudinalModifiedDates and RetainPatientCharacteristics; and
meanings of codes, of the standard and of a site's own): whole, as PN, and each part by itself. In one file of four
they are in those that the options retain unchanged; a name there holds the instance. Each name is written in every
encoding that has its letters. Per name and encoding there are two or three files: one that declares another encoding,
one that declares this one if DICOM has a term for it, and one whose PatientName is in another encoding than its
texts. Outputs are searched for the planted bytes and for UTF-8, independently of SendIt's own search.

For each encoding: the names that it can write; then, for the Basic profile and for the research options, files,
values planted, names leaked, and files held (quarantined by SendIt's own check).

| Encoding | Term | Names | Basic: files | values | leaked | held | Research: files | values | leaked | held |
| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |
{rows}

What it costs: of {tried} files whose StudyDescription is a text about the technique, correctly declared, in Japanese,
Chinese, Korean, Greek, Cyrillic, German, French and Polish, with a patient of that language, {lost} lost it (research
options). The texts are ones that stayed before names were searched for in this way.
"""
_RESEARCH = [
    Option.CLEAN_DESCRIPTORS,
    Option.RETAIN_LONGITUDINAL_MODIFIED_DATES,
    Option.RETAIN_PATIENT_CHARACTERISTICS,
]
#: The encodings, and the SpecificCharacterSet that declares each; "" where DICOM has none.
ENCODINGS = {
    "utf-8": "ISO_IR 192",
    "gb18030": "GB18030",
    "cp932": "",
    "euc_jp": "",
    "iso2022_jp": "\\ISO 2022 IR 87",
    "cp950": "",
    "cp949": "",
    "latin_1": "ISO_IR 100",
    "cp1250": "",
    "iso8859_2": "ISO_IR 101",
    "cp1251": "",
    "koi8_r": "",
    "iso8859_5": "ISO_IR 144",
    "iso8859_7": "ISO_IR 126",
    "cp1255": "",
    "cp1256": "",
    "cp874": "ISO_IR 166",
    "utf-16-le": "",
}
#: What files declare that are of another encoding.
_WRONG = ("ISO_IR 100", "", "ISO_IR 192", "ISO_IR 144", "\\ISO 2022 IR 87", "GB18030", "ISO_IR 13", "Not Supplied")

#: Texts about the technique that stayed before names were looked for in all encodings, by what declares them.
INNOCENT: dict[str, tuple[str, ...]] = {
    "Japanese": ("頭部", "胸部 CT 造影", "腹部単純", "MRI 頭部 横断", "骨盤 正面", "膝 側面", "上腹部 造影 2mm",
                 "心臓 検査", "頸椎 矢状断層"),
    "Chinese": ("头部 CT 平扫", "腰部 增强", "膝关节 正位", "颈椎 侧位", "盆腔 MRI", "心脏 检查", "双侧"),
    "Korean": ("두부 CT", "흉부 조영", "복부 골반", "경추 MRI", "무릎 좌측", "심장 검사", "양측 어깨"),
    "Greek": ("εγκέφαλος CT", "αξονική θώρακας", "κοιλία", "κεφαλή MRI"),
    "Cyrillic": ("МРТ головного мозга", "КТ грудь", "шея с контрастом", "череп",
                 "исследование печень"),
    "German": ("Schädel nativ", "Hüfte links", "Wirbelsäule 2mm", "Gefäße Hals", "Übersicht Thorax", "Füße",
               "5 µm, 90°"),
    "French": ("crâne sans", "épaule droite", "thoracique vertébral", "échographie", "coupes, 2 mm"),
    "Polish": ("stopa ± 2 mm", "CT 5°"),
}  # fmt: skip
_INNOCENT_SETS = {
    "Japanese": {"ISO_IR 192": "utf-8", "\\ISO 2022 IR 87": "iso2022_jp",
                 "ISO 2022 IR 13\\ISO 2022 IR 87": "iso2022_jp", "GB18030": "gb18030"},
    "Chinese": {"ISO_IR 192": "utf-8", "GB18030": "gb18030", "GBK": "gbk"},
    "Korean": {"ISO_IR 192": "utf-8", "\\ISO 2022 IR 149": "euc_kr"},
    "Greek": {"ISO_IR 192": "utf-8", "ISO_IR 126": "iso8859_7"},
    "Cyrillic": {"ISO_IR 192": "utf-8", "ISO_IR 144": "iso8859_5"},
    "German": {"ISO_IR 192": "utf-8", "ISO_IR 100": "latin_1"},
    "French": {"ISO_IR 192": "utf-8", "ISO_IR 100": "latin_1"},
    "Polish": {"ISO_IR 192": "utf-8", "ISO_IR 101": "iso8859_2"},
}  # fmt: skip
_OF_LANGUAGE = {"Chinese": "Simplified", "Cyrillic": "Russian"}

_TITLE, _NAME, _CODE, _CHARACTER_SET = 0x00081030, 0x00100010, 0x00082218, 0x00080005
_FIXED = {
    0x00080016: ("UI", b"1.2.840.10008.5.1.4.1.1.88.11"),
    0x00080018: ("UI", b"1.2.3.4.1"),
    0x0020000D: ("UI", b"1.2.3.4.2"),
    0x0020000E: ("UI", b"1.2.3.4.3"),
    0x00100020: ("LO", b"PID-7741-905"),
    0x00080060: ("CS", b"SR"),
}


@dataclass
class Figures:
    """Of one plan."""

    names: Counter[str] = field(default_factory=Counter)  # by encoding: names that it can write
    files: Counter[str] = field(default_factory=Counter)
    values: Counter[str] = field(default_factory=Counter)  # planted
    leaked: Counter[str] = field(default_factory=Counter)  # names that were found in what left
    held: Counter[str] = field(default_factory=Counter)

    def add(self, other: Figures) -> None:
        """Add those of other names."""
        for name in ("names", "files", "values", "leaked", "held"):
            getattr(self, name).update(getattr(other, name))


def plans() -> dict[str, Plan]:
    """The two, by the words of the page."""
    return {"Basic profile": compile_plan([], []), "research options": compile_plan(_RESEARCH, [])}


def kept_texts(plan: Plan, as_they_are: bool = False) -> list[tuple[int, str]]:
    """The text attributes of the standard of which the plan keeps anything, with their VRs.

    Args:
        as_they_are: those that an option keeps on purpose and that are not cleaned (a name in them holds the instance);
            else all others.
    """
    found = []
    for tag, rule in sorted(plan.rules.items()):
        uncleaned = rule.action is Action.KEEP and rule.origin == "profile"
        if rule.action in (Action.KEEP, Action.CLEAN) and rule.vr in TEXT_VRS and uncleaned == as_they_are:
            found.append((tag, rule.vr))
    return [(tag, vr) for tag, vr in found if tag not in _FIXED and tag >> 16 != 2]


def written(elements: dict[int, tuple[str, bytes | list[dict[int, tuple[str, bytes]]]]]) -> bytes:
    """A file of these elements, in explicit VR little endian."""
    meta = _element(0x00020010, "UI", b"1.2.840.10008.1.2.1")
    return bytes(128) + b"DICM" + _element(0x00020000, "UL", struct.pack("<I", len(meta))) + meta + _dataset(elements)


def _dataset(elements: dict[int, tuple[str, bytes | list[dict[int, tuple[str, bytes]]]]]) -> bytes:
    made = []
    for tag, (vr, value) in sorted(elements.items()):
        if isinstance(value, list):
            items = [_dataset(dict(item)) for item in value]
            value = b"".join(struct.pack("<HHI", 0xFFFE, 0xE000, len(item)) + item for item in items)
        made.append(_element(tag, vr, value))
    return b"".join(made)


def _element(tag: int, vr: str, value: bytes) -> bytes:
    value += (b"\0" if vr == "UI" else b" ") * (len(value) % 2)
    head = struct.pack("<HH2s", tag >> 16, tag & 0xFFFF, vr.encode())
    if vr in ("UT", "UC", "UR", "SQ"):
        return head + struct.pack("<HI", 0, len(value)) + value
    return head + struct.pack("<H", len(value)) + value


def planted(
    name: tuple[str, str, str], encodings: tuple[str, str], declared: str, texts: list[tuple[int, str]]
) -> tuple[bytes, int]:
    """A file with the name in PatientName and these texts, and the number of texts."""
    _, value, whole = name
    in_name, in_texts = encodings
    parts = [whole, value, *(part for part in value.split("^") if not in_texts.startswith("utf-16"))]
    elements: dict[int, tuple[str, bytes | list[dict[int, tuple[str, bytes]]]]] = dict(_FIXED)
    for number, (tag, vr) in enumerate(texts):
        text = parts[number % len(parts)].encode(in_texts)
        elements[tag] = (vr, b"HEAD " + text + b" 5" * (number % 2))
    meaning = b"HEAD " + whole.encode(in_texts)
    code: dict[int, tuple[str, bytes]] = {
        0x00080100: ("SH", b"69536005"),
        0x00080102: ("SH", b"SCT"),
        0x00080104: ("LO", meaning),
    }
    own = code | {0x00080102: ("SH", b"99OWN"), 0x00080104: ("LO", b"HEAD " + parts[-1].encode(in_texts))}
    elements |= {
        _CODE: ("SQ", [code, own]),
        _NAME: ("PN", value.encode(in_name)),
        _CHARACTER_SET: ("CS", declared.encode()),
    }
    return written(elements), len(texts) + 2


def leaks(output: bytes, name: tuple[str, str, str], encoding: str) -> bool:
    """Whether the name, or a part of it, stands in any value of what left, as the planted bytes or in UTF-8."""
    parts = {name[2], name[1], *name[1].split("^"), *name[2].split()}
    forms = {part.encode(e) for part in parts for e in (encoding, "utf-8") if len(part) > 1 or len(part.encode()) > 2}
    forms = {_bare(form) for form in forms}
    forms = {form for form in forms if len(form) > (2 if form.isascii() else 1)}
    return any(form in value for value in _values(read_file(memoryview(output)).elements) for form in forms)


def _bare(form: bytes) -> bytes:
    """Without the escape sequences of ISO-2022-JP."""
    return form.replace(b"\x1b$B", b"").replace(b"\x1b(B", b"")


def _values(elements: Dataset) -> Iterator[bytes]:
    for element in elements:
        if element.items is not None:
            for item in element.items:
                yield from _values(item)
        elif element.vr in TEXT_VRS:
            yield bytes(element.value)


def _can(text: str, encoding: str) -> bool:
    try:
        text.encode(encoding)
    except UnicodeError:
        return False
    return True


def ways(encoding: str, others: Iterable[str], chance: random.Random) -> list[tuple[tuple[str, str], str]]:
    """How a file may hold a name: the encodings of PatientName and of the texts, and what is declared."""
    wrong = [terms for terms in _WRONG if terms != ENCODINGS[encoding]]
    found = [((encoding, encoding), chance.choice(wrong))]
    if ENCODINGS[encoding]:
        found.append(((encoding, encoding), ENCODINGS[encoding]))
    other = chance.choice(list(others))
    found.append(((other, encoding), ENCODINGS[other] or chance.choice(_WRONG)))
    return found


def measure(plan: Plan, count: int = NAMES, start: int = 0) -> Figures:
    """De-identify all of it, from one of the names on."""
    identities, figures, chance = KeyedIdentities(bytes(range(32))), Figures(), random.Random(start + 2)
    cleaned, as_they_are = kept_texts(plan), kept_texts(plan, as_they_are=True)
    for name in names(count)[start:]:
        able = [encoding for encoding in ENCODINGS if _can(name[1] + name[2], encoding)]
        for encoding in able:
            figures.names[encoding] += 1
            leaked = False
            made = [(*way, cleaned) for way in ways(encoding, able, chance)]
            if as_they_are and chance.random() < 0.25:
                made.append((*made[0][:2], as_they_are))
            for encodings, declared, texts in made:
                source, values = planted(name, encodings, declared, texts)
                outcome = deidentify(source, plan, identities)
                figures.files[encoding] += 1
                figures.values[encoding] += values
                if isinstance(outcome, Released):
                    leaked = leaked or leaks(b"".join(outcome.chunks), name, encoding)
                else:
                    figures.held[encoding] += 1
            figures.leaked[encoding] += leaked
    return figures


def _job(job: tuple[str, int]) -> Figures:
    label, start = job
    return measure(plans()[label], min(NAMES, start + _SLICE), start)


def innocent(plan: Plan, patients: int = 12) -> tuple[int, list[str]]:
    """How many texts about the technique, correctly declared, were tried; and which did not stay as they were."""
    identities, tried, lost = KeyedIdentities(bytes(range(32))), 0, []
    for language, texts in INNOCENT.items():
        spoken = [name for name in names(2000, seed=3) if name[0] == _OF_LANGUAGE.get(language, language)]
        for terms, encoding in _INNOCENT_SETS[language].items():
            for text in texts:
                if not _can(text, encoding):
                    continue
                for name in [name for name in spoken if _can(name[1], encoding)][:patients]:
                    tried += 1
                    value = text.encode(encoding) if "149" not in terms else _korean(text)
                    elements = dict(_FIXED) | {
                        _CHARACTER_SET: ("CS", terms.encode()),
                        _NAME: ("PN", name[1].encode(encoding) if "149" not in terms else _korean(name[1])),
                        _TITLE: ("LO", value),
                    }
                    outcome = deidentify(written(dict(elements)), plan, identities)
                    stays = isinstance(outcome, Released) and value in b"".join(outcome.chunks)
                    if not stays:
                        lost.append(f"{text} ({terms}, {name[1]})")
    return tried, lost


def _korean(text: str) -> bytes:
    return b"\x1b$)C" + text.encode("euc_kr")


def main() -> bool:
    """Print and publish; whether no name leaked and no innocent text was lost."""
    rows, total = [], Counter[str]()
    figures = {label: Figures() for label in plans()}
    jobs = [(label, start) for start in range(0, NAMES, _SLICE) for label in plans()]
    with ProcessPoolExecutor(2) as pool:
        for (label, start), found in zip(jobs, pool.map(_job, jobs), strict=True):
            figures[label].add(found)
            print(f"encodings: {label}, {start + _SLICE} names: {found.leaked.total()} leaked", flush=True)
    for encoding in ENCODINGS:
        cells = [
            encoding,
            ENCODINGS[encoding].replace("\\", "\\\\") or "none",
            str(figures["Basic profile"].names[encoding]),
        ]
        for label in plans():
            of = figures[label]
            cells += [
                str(of.files[encoding]),
                str(of.values[encoding]),
                str(of.leaked[encoding]),
                str(of.held[encoding]),
            ]
            total["leaked"] += of.leaked[encoding]
            total["held"] += of.held[encoding]
        rows.append("| " + " | ".join(cells) + " |")
    tried, lost = innocent(plans()["research options"])
    print("\n".join(rows))
    print(f"encodings: {total['leaked']} leaked, {total['held']} files held, {len(lost)} of {tried} texts lost")
    for text in lost[:20]:
        print(f"encodings:   lost: {text}")
    _publish(rows, tried, lost)
    return not total["leaked"] and not lost


def _publish(rows: list[str], tried: int, lost: list[str]) -> None:
    _PAGE.write_text(
        _TEXT.format(
            names=NAMES,
            basic=len(kept_texts(plans()["Basic profile"])),
            research=len(kept_texts(plans()["research options"])),
            rows="\n".join(rows),
            tried=tried,
            lost=len(lost),
        ),
        "utf-8",
    )
