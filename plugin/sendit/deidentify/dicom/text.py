"""Text in DICOM's character sets (PS3.5 6.1): pydicom's tables without its warnings, which quote values."""

from __future__ import annotations

import re
import warnings

from pydicom.charset import convert_encodings, decode_bytes, encode_string
from pydicom.valuerep import TEXT_VR_DELIMS

from sendit.errors import Reject

#: Of the 2023 edition; pydicom does not know it.
_LATIN_9, _PYTHONS_LATIN_9 = "IR 203", "iso8859_15"
#: The escape sequence of ISO 2022 IR 58, and pydicom's name of the set.
_TO_CHINESE, _CHINESE = "\x1b$)A", "iso_ir_58"


def decoded(value: bytes | memoryview, character_set: bytes | memoryview) -> str:
    """Return the text of a value. Bytes outside of its character set become latin-1 characters, always the same."""
    raw = bytes(value)
    if raw.isascii() and b"\x1b" not in raw:
        return raw.decode("ascii")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            return decoded_in(raw, python_encodings(character_set))
        except (LookupError, ValueError, UserWarning):
            return raw.decode("latin-1")


def decoded_in(raw: bytes, encodings: list[str]) -> str:
    """Return the text of a value in these encodings, by Python's names; errors and warnings are pydicom's.

    pydicom leaves the escape sequence of ISO 2022 IR 58 in the text, where it would become a part of a name.
    """
    return decode_bytes(raw, encodings, TEXT_VR_DELIMS).replace(_TO_CHINESE, "")


def ascii_text(value: bytes | memoryview) -> str:
    """Return the characters of a value that has to be ASCII, without padding; other bytes as latin-1 characters."""
    return bytes(value).decode("latin-1").strip("\0 ")


def encoded(text: str, character_set: bytes | memoryview) -> bytes:
    """Return the bytes of a text.

    Raises:
        Reject: the character set of the file cannot encode it.
    """
    if text.isascii():
        return text.encode("ascii")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            encodings = python_encodings(character_set)
            raw = _in_chinese(text) if _CHINESE in encodings else encode_string(text, encodings)
            if decoded_in(raw, encodings) == text:
                return raw
        except (LookupError, ValueError, UserWarning):
            pass
    raise Reject("a value of the recipe cannot be written in the character set of this file")


def _in_chinese(text: str) -> bytes:
    """Return a text in ISO 2022 IR 58, with the escape sequence in each part that has to have it (PS3.5 6.1.2.5.3)."""
    parts = re.split(r"([\^=\\\r\n\f\t]+)", text)
    return b"".join(
        part.encode("ascii") if part.isascii() else _TO_CHINESE.encode("ascii") + part.encode("gb2312")
        for part in parts
    )


def python_encodings(character_set: bytes | memoryview) -> list[str]:
    """Return Python's names of the encodings in a SpecificCharacterSet."""
    names = [name.strip() for name in bytes(character_set).decode("latin-1").rstrip("\0 ").split("\\")]
    encodings = convert_encodings(["ISO_IR 100" if name.endswith(_LATIN_9) else name for name in names])
    return [
        _PYTHONS_LATIN_9 if name.endswith(_LATIN_9) else encoding
        for name, encoding in zip(names, encodings, strict=False)
    ]
