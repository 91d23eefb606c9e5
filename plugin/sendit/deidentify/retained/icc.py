"""Remove the texts of colour profiles (ICC.1:2010): the numbers stay, and so do colours; the owner's name goes."""

from __future__ import annotations

_HEAD = 128
_MOST_TAGS = 200
#: Types of tags that hold only numbers. All others are overwritten.
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
    """Return the profile with its texts zeroed, of the same length; empty if it is incomplete.

    Tags keep their type and place. Data between the tags, or behind the last one, are overwritten.
    """
    if len(profile) < _HEAD + 4 or profile[36:40] != b"acsp":
        return b""
    count = int.from_bytes(profile[_HEAD : _HEAD + 4], "big")
    start = _HEAD + 4 + 12 * count
    if count > _MOST_TAGS or start > len(profile):
        return b""
    return _with_tags(profile, start)


def _with_tags(profile: bytes, start: int) -> bytes:
    cleaned = bytearray(len(profile))
    cleaned[:44] = profile[:44]
    cleaned[56:80] = profile[56:80]  # attributes, rendering intent, illuminant; not the makers of device and profile
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
