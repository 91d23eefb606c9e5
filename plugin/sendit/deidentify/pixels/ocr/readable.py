"""Tell whether a reading is text, or what the network reads into a shape.

Rings are read as zeros, ticks as ones, crosses as ideographs. What counts is how confident a reading is, and whether
its characters are more than one shape repeated.
"""

from __future__ import annotations

import unicodedata

#: The confidence that a reading needs: where the network that finds lines is sure of a line; where it is not; and for
#: what is too tall for text that machines write. With this many different characters, less is enough: parts are wrong.
_READ, _READ_DOUBTFUL, _READ_HIGH = 0.6, 0.85, 0.8
_MANY, _READ_MANY = 5, 0.5
#: The same for two characters alone where no line is certain, or of two digits (else they need what high ones do), and
#: for ideographs, which are read into most shapes.
_TWO, _READ_TWO, _READ_IDEOGRAPHS = 2, 0.95, 0.85
#: The same for a single character, which must not look like a graphic: a tick, cross, corner, ring or arrow. Large ones
#: are drawn more clearly.
_READ_ONE, _SHAPES = 0.97, frozenset("1Il|iJjLTtVvYyXxOoQCcUu01478rnÎļı")
_LARGE_SHAPES = frozenset("1Il|iXxOo08")
#: The same for three letters or more, not all alike, that have no line's strokes where the network is sure of one: LEE
#: in large letters that touch each other.
_READ_WORD = 0.94
#: The same for what stands beside a line of text.
_READ_BESIDE = 0.5
#: Characters that the same shape is read as, and ideographs that simple shapes are read as.
_ALIKE = str.maketrans("OoQGCDcUIlti|!ļ", "000000001111111")
_SHAPELESS = frozenset("十一二三口日田曰囗中丁工土士上下卜个小木米木不ー人入八乂丫")


def is_readable(text: str, sureness: float, *, sure: bool, plain: bool, large: bool = False) -> bool:
    """Return whether a reading is text.

    Args:
        text: the text that was read.
        sureness: the confidence of the reading.
        sure: whether the network that finds lines is sure that there is one.
        plain: whether it has the strokes of a line, or the height of text that machines write.
        large: whether neither of its sides is small.
    """
    characters = [one for one in text if _is_letter(one)]
    if not characters:
        return False
    if characters in ([characters[0]], [characters[0]] * 2):  # initials that are alike count as one
        shapes = _SHAPELESS | (_LARGE_SHAPES if large else _SHAPES)
        return sure and (plain or large) and sureness >= _READ_ONE and characters[0] not in shapes
    if len(characters) == _TWO:
        needed = _READ_HIGH if sure and not "".join(characters).isdigit() else _READ_TWO
    else:
        needed = _READ if sure else _READ_DOUBTFUL
    if any(unicodedata.category(one) == "Lo" for one in characters):
        needed = max(needed, _READ_IDEOGRAPHS)
    kinds = "".join(characters).translate(_ALIKE)
    most = max(kinds.count(one) for one in set(kinds))
    mixed = len(kinds) > 2 and 2 * most <= len(kinds)
    if not plain:
        word = sure and len(kinds) > 2 and "".join(characters).isalpha()
        return (sureness >= _READ_HIGH and mixed) or (
            sureness >= (_READ_WORD if word else _READ_ONE) and len(set(kinds)) > 1
        )
    if sure and mixed and len(set(kinds)) >= _MANY:
        needed = min(needed, _READ_MANY)
    if 2 * most > len(kinds) + 1:  # mostly one shape: heads side by side are read as 030000
        needed = max(needed, _READ_HIGH)
    return sureness >= needed and len(set(kinds)) > 1 and not set(characters) <= _SHAPELESS


def is_shape(text: str, sureness: float) -> bool:
    """Return whether a reading is that of one shape repeated: ticks, rings, crosses."""
    characters = [one for one in text if _is_letter(one)]
    kinds = set("".join(characters).translate(_ALIKE))
    return sureness >= _READ_BESIDE and len(characters) > 1 and (len(kinds) == 1 or set(characters) <= _SHAPELESS)


def is_varied(text: str) -> bool:
    """Return whether a reading has several letters or digits that no single shape is read as."""
    characters = [one for one in text if _is_letter(one) and unicodedata.category(one) != "Lo"]
    return len(set("".join(characters).translate(_ALIKE))) >= _MANY


def is_same(text: str, other: str) -> bool:
    """Return whether two readings have the same letters and digits, however wide, and whatever stands between them."""
    one, two = (
        [character for character in unicodedata.normalize("NFKC", read) if _is_letter(character)]
        for read in (text, other)
    )
    return one == two


def goes_on(text: str, sureness: float) -> bool:
    """Return whether a reading may belong to the line of text beside it: an initial, a sex."""
    characters = [one for one in text if _is_letter(one)]
    return bool(characters) and sureness >= _READ_BESIDE and not set(characters) <= _SHAPELESS


def _is_letter(character: str) -> bool:
    return unicodedata.category(character)[0] in "LN" and unicodedata.category(character) != "No"
