"""Text in DICOM's character sets (PS3.5 6.1), by pydicom's tables and without its warnings, which quote values."""

from __future__ import annotations

import warnings

from pydicom.charset import convert_encodings, decode_bytes, encode_string
from pydicom.valuerep import TEXT_VR_DELIMS

from sendit.errors import Reject


def decoded(value: bytes | memoryview, character_set: bytes | memoryview) -> str:
    """The text of a value. Bytes that are not of the character set stand for themselves (latin-1), always alike."""
    raw = bytes(value)
    if raw.isascii() and b"\x1b" not in raw:
        return raw.decode("ascii")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            return decode_bytes(raw, _encodings(character_set), TEXT_VR_DELIMS)
        except (LookupError, ValueError, UserWarning):
            return raw.decode("latin-1")


def encoded(text: str, character_set: bytes | memoryview) -> bytes:
    """The bytes of a text.

    Raises:
        Reject: the character set of the file cannot express it.
    """
    if text.isascii():
        return text.encode("ascii")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            raw = encode_string(text, _encodings(character_set))
            if decode_bytes(raw, _encodings(character_set), TEXT_VR_DELIMS) == text:
                return raw
        except (LookupError, ValueError, UserWarning):
            pass
    raise Reject("a value of the recipe cannot be written in the character set of this file")


def _encodings(character_set: bytes | memoryview) -> list[str]:
    names = [name.strip() for name in bytes(character_set).decode("latin-1").rstrip("\0 ").split("\\")]
    return convert_encodings(names)
