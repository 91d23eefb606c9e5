"""Names of files and objects out of templates: "{patient}/{study}/{series}/{instance}.dcm".

Every word stands for a coded value of a receipt or of its batch. Whatever a value holds, a name stays inside its folder
and can be kept by every file system and by a bucket: what is not a letter, a digit, a dot, a dash or an underscore is
written as ~ and the two hexadecimal digits of each of its UTF-8 bytes. Different values give different names.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from string import Formatter

from sendit.model import Receipt, Shipment

#: Meaning of each word of a template.
WORDS: Mapping[str, Callable[[Shipment, Receipt], str]] = {
    "project": lambda shipment, _: shipment.project,
    "patient": lambda _, receipt: receipt.patient_id,
    "study": lambda _, receipt: receipt.study_instance_uid,
    "series": lambda _, receipt: receipt.series_instance_uid,
    "instance": lambda _, receipt: receipt.sop_instance_uid,
    "study_date": lambda _, receipt: receipt.study_date,
    "accession": lambda _, receipt: receipt.accession_number,
    "modality": lambda _, receipt: receipt.modality,
}

#: Words that are the same for all instances of a study.
STUDY_WORDS = ("project", "patient", "study", "study_date", "accession")

#: A value longer than this (bytes, once written safely) is cut, and its digest put behind it.
_LONGEST_VALUE = 120
#: Most file systems take 255 bytes for one part of a path.
_LONGEST_SEGMENT = 240
#: Names that SMB shares refuse, with any ending, in any case.
_DEVICES = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)
_LITERAL = re.compile(r"[A-Za-z0-9._=@+ -]*")


class NameTemplate:
    """One template, read once.

    Args:
        text: as it stands in the configuration.
        words: those of `WORDS` that may stand in it.
        unique: of these words at least one has to stand in it, so that names differ.
        reserved: names (of one part of the path) that something else needs.

    Raises:
        ValueError: it is no template, or could lead out of its folder. The text says what is wrong.
    """

    def __init__(
        self,
        text: str,
        words: Sequence[str] = tuple(WORDS),
        unique: Collection[str] = (),
        reserved: Collection[str] = (),
    ) -> None:
        self.text = text
        self._reserved = {name.casefold() for name in reserved}
        self._segments = [_parse(segment, words) for segment in text.split("/")]
        used = {word for segment in self._segments for _, word in segment}
        if unique and not used & set(unique):
            alternatives = " or ".join(f"{{{word}}}" for word in unique)
            raise ValueError(f"{alternatives} is required, or names would collide")

    def name(self, shipment: Shipment, receipt: Receipt) -> str:
        """Return the name of this instance (or of its study): parts joined by "/", ASCII, never absolute."""
        return "/".join(self._segment(parts, shipment, receipt) for parts in self._segments)

    def study_folder(self, shipment: Shipment, receipt: Receipt) -> tuple[str, bool]:
        """Return the deepest folder that holds all of a study ("" for none), and whether it holds no other study."""
        folders, own = [], False
        for parts in self._segments[:-1]:
            words = {word for _, word in parts if word}
            if not words <= set(STUDY_WORDS):
                break
            folders.append(self._segment(parts, shipment, receipt))
            own = own or "study" in words
        return "/".join(folders), own

    def _segment(self, parts: Sequence[tuple[str, str]], shipment: Shipment, receipt: Receipt) -> str:
        text = ""
        for literal, word in parts:
            text += literal
            if word:
                text += safe(WORDS[word](shipment, receipt)) or f"no-{word.replace('_', '-')}"
        if len(text) > _LONGEST_SEGMENT:
            text = _shortened(text, _LONGEST_SEGMENT)
        if text[0] == ".":
            text = "~2E" + text[1:]
        if text[-1] == ".":
            text = text[:-1] + "~2E"
        if _DEVICES.fullmatch(text) or text.casefold() in self._reserved:
            text = "~" + text
        return text


def safe(value: str) -> str:
    """Return the value as it may stand in a name; another value gives another text."""
    text = re.sub(r"[^A-Za-z0-9._-]", lambda match: _bytes(match[0]), value.strip(" \0"))
    return _shortened(text, _LONGEST_VALUE) if len(text) > _LONGEST_VALUE else text


def _bytes(character: str) -> str:
    return "".join(f"~{byte:02X}" for byte in character.encode("utf-8", "surrogatepass"))


def _shortened(text: str, limit: int) -> str:
    digest = hashlib.sha256(text.encode()).hexdigest()[:32]
    return f"{text[: limit - 34]}~~{digest}"


def _parse(segment: str, words: Sequence[str]) -> list[tuple[str, str]]:
    """Return [(literal text, the word after it or "")]."""
    try:
        parts = [(literal, word, spec, conversion) for literal, word, spec, conversion in Formatter().parse(segment)]
    except ValueError:
        raise ValueError("a brace is unbalanced; write placeholders as {patient}") from None
    for literal, word, spec, conversion in parts:
        if not _LITERAL.fullmatch(literal):
            raise ValueError("a name may contain letters, digits, spaces and . _ = @ + -")
        if word is not None and (word not in words or spec or conversion):
            known = ", ".join(f"{{{one}}}" for one in words)
            raise ValueError(f"unknown placeholder {{{word}}}; available: {known}")
    plain = "".join(literal + (word or "") for literal, word, _, _ in parts)
    if not plain or plain != plain.strip(" ") or plain.startswith(".") or plain.endswith("."):
        raise ValueError("a part between two / is empty, or begins or ends with a dot or a space")
    return [(literal, word or "") for literal, word, _, _ in parts]
