"""Clean Siemens' measurement protocol: "key = value" lines between ASCCONV marks, within a text called XProtocol.

It is in the entry MrPhoenixProtocol of a CSA series header, in (0021,"SIEMENS MR SDS 01",19) of XA, and in attributes
of spectroscopy. XProtocol describes the whole user interface of the scanner, with the patient's size, the UIDs of
reference images and typed texts; of it, only the frame around the lines is written again.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from sendit.deidentify.private_blocks.entries import EntryCleaner, Unreadable, is_technical_name, table

if TYPE_CHECKING:
    from collections.abc import Iterator

_BEGIN = re.compile(rb"### ASCCONV BEGIN[^\r\n]{0,400}?###[ \t]*\r?\n")
_END = b"### ASCCONV END"
_MOST_BYTES = 8 << 20
_LONGEST_LINE = 2048
_LINE = re.compile(
    r"([A-Za-z_]\w{0,63}(?:\[\d{1,5}\]){0,3}(?:\.[A-Za-z_]\w{0,63}(?:\[\d{1,5}\]){0,3}){0,9})"
    r"([ \t]{0,64}=[ \t]{0,8})(\S.*)"
)
_INDEX = re.compile(r"\[\d+\]")
_QUOTED = re.compile(r'("{1,2})([^"]*)\1')
_SIZE = ".__attribute__.size"
_FRAME = (
    b'<XProtocol> \n{\n  <Name> "PhoenixMetaProtocol" \n  <ID> 1000002 \n  <Userversion> 2.0 \n  \n  <ParamMap.""> \n'
    b'  {\n    <ParamLong."Count"> \n    {\n      1 \n    }\n    \n    <ParamString."Protocol0"> \n    {\n      "',
    b'" \n    }\n  }\n}\n',
)
_MARKS = (b"### ASCCONV BEGIN ###\n", b"### ASCCONV END ###")


def is_protocol(block: bytes | memoryview) -> bool:
    """Return whether a value holds such lines."""
    return len(block) <= _MOST_BYTES and _BEGIN.search(bytes(block)) is not None


def clean(block: bytes | memoryview, cleaner: EntryCleaner) -> bytes:
    """Return the protocol with the lines that may stay.

    Raises:
        Unreadable: it is not a protocol, or nothing stays.
    """
    framed = bytes(block[:64]).lstrip().startswith(b"<XProtocol>")
    kept = []
    words: dict[str, bool] = {}  # the names of variables recur hundreds of times
    for key, between, value in lines(block):
        stays = _cleaned(key, value, cleaner, words)
        if stays:
            kept.append(f"{key}{between}{stays}\n".encode())
    if not kept or cleaner.is_personal("XProtocol PhoenixMetaProtocol ASCCONV BEGIN END Param Map Long String Count"):
        raise Unreadable
    whole = b"".join((_MARKS[0], *kept, _MARKS[1]))
    return b"".join((_FRAME[0], whole, _FRAME[1])) if framed else whole + b"\n"


def lines(block: bytes | memoryview) -> Iterator[tuple[str, str, str]]:
    """Yield key, separator and value of each line; lines of another form are skipped.

    Raises:
        Unreadable: the marks are missing.
    """
    raw = bytes(block[: _MOST_BYTES + 1])
    begin = _BEGIN.search(raw) if len(raw) <= _MOST_BYTES else None
    end = raw.find(_END, begin.end()) if begin is not None else -1
    if begin is None or end < 0:
        raise Unreadable
    for line in raw[begin.end() : end].split(b"\n"):
        if len(line) > _LONGEST_LINE:
            continue
        try:
            match = _LINE.fullmatch(line.decode("utf-8").strip())
        except UnicodeDecodeError:
            continue
        if match is not None:
            yield match[1], match[2], match[3]


def _cleaned(key: str, value: str, cleaner: EntryCleaner, decided: dict[str, bool]) -> str:
    """Return what may stay of a value; "" if the line is removed."""
    general = _INDEX.sub("[]", key)
    kind = kind_of(general)
    if not kind:
        return ""
    if general not in decided:
        decided[general] = cleaner.is_personal(general)
    if decided[general]:
        return ""
    quoted = _QUOTED.fullmatch(value)
    if quoted is not None:
        text = cleaner.value(kind, quoted[2]) if kind not in ("number", "numbers") else ""
        return f"{quoted[1]}{text}{quoted[1]}" if text else ""
    number = value.partition("#")[0].strip()  # some lines end with a comment
    return cleaner.value("number", number) if kind == "number" else ""


@lru_cache(maxsize=8192)
def kind_of(key: str) -> str:
    """Return the kind of value of a key without its indexes; "" if the table does not have it.

    An entry "group.*" of the table stands for the numbers of that group that have technical names.
    """
    allowed = table("siemens_protocol")
    if key in allowed:
        return allowed[key]
    if key.endswith(_SIZE) and not allowed.keys().isdisjoint((key.removesuffix(_SIZE), f"{key.removesuffix(_SIZE)}[]")):
        return "number"
    group, *names = key.replace("[]", "").split(".")
    if f"{group}.*" not in allowed:
        return ""
    return "number" if all(is_technical_name(_bare(name)) for name in names) else ""


def _bare(name: str) -> str:
    """Return a name without the letters that denote its type: lPartitions, aflAmplitude."""
    return re.sub(r"^[a-z]{1,4}(?=[A-Z])", "", name)


def values_of(block: bytes | memoryview) -> Iterator[bytes]:
    """Yield the values in a protocol, for the leak check."""
    for _, _, value in lines(block):
        yield value.strip('"').encode()
