"""Colour profiles without their texts (ICC.1:2010): the numbers stay, and so do colours; whose device it is goes."""

from __future__ import annotations

_HEAD = 128
_MOST_TAGS = 200
#: Types of tags that hold numbers only. Whatever else a tag holds is overwritten.
_NUMBERS = frozenset(
    {
        b"XYZ ",
        b"chrm",
        b"clro",
        b"curv",
        b"mAB ",
        b"mBA ",
        b"meas",
        b"mft1",
        b"mft2",
        b"para",
        b"sf32",
        b"sig ",
        b"uf32",
    }
    | {b"ui08", b"ui16", b"ui32", b"ui64", b"view"}
)


def without_texts(profile: bytes) -> bytes:
    """The profile with zeros where its texts were, of the same length; empty if it is no whole profile.

    A tag keeps its type and its place. What lies between the tags, or behind the last one, goes.
    """
    if len(profile) < _HEAD + 4 or profile[36:40] != b"acsp":
        return b""
    count = int.from_bytes(profile[_HEAD : _HEAD + 4], "big")
    start = _HEAD + 4 + 12 * count
    if count > _MOST_TAGS or start > len(profile):
        return b""
    return _with_tags(profile, count, start)


def _with_tags(profile: bytes, count: int, start: int) -> bytes:
    cleaned = bytearray(len(profile))
    cleaned[:44] = profile[:44]
    cleaned[56:80] = profile[56:80]  # attributes, rendering intent, illuminant; not who made the device and its profile
    cleaned[_HEAD:start] = profile[_HEAD:start]
    for entry in range(_HEAD + 4, start, 12):
        offset = int.from_bytes(profile[entry + 4 : entry + 8], "big")
        size = int.from_bytes(profile[entry + 8 : entry + 12], "big")
        if offset < start or size < 8 or offset + size > len(profile):
            return b""
        kind = profile[offset : offset + 4]
        if kind in _NUMBERS:
            cleaned[offset : offset + size] = profile[offset : offset + size]
        else:
            cleaned[offset : offset + 4] = kind
    return bytes(cleaned)
