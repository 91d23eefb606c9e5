"""Clean and read private blocks of all forms, which the lists of vendors name."""

from __future__ import annotations

from functools import lru_cache
from itertools import chain
from typing import TYPE_CHECKING, TypeAlias

from sendit.deidentify.private_blocks import csa, ge, protocol
from sendit.deidentify.private_blocks.entries import EntryCleaner, Unreadable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

Block: TypeAlias = bytes | memoryview

_FORMS: Mapping[str, Callable[[Block, EntryCleaner], bytes]] = {
    "CSA": csa.clean,
    "MrProtocol": protocol.clean,
    "GEProtocol": ge.clean,
}
#: The names of forms that a vendor's list may use.
FORMS = frozenset(_FORMS)
_READERS: tuple[tuple[Callable[[Block], bool], Callable[[Block], Iterator[bytes]]], ...] = (
    (csa.is_header, csa.values_of),
    (ge.is_protocol_block, ge.values_of),
    (protocol.is_protocol, protocol.values_of),
)
#: Real blocks have a few hundred kilobytes; larger values are something else.
_MOST_BYTES = 16 << 20


_SHORTEST_BLOCK = 64
#: Blocks that are remembered: all images of a series have the same series header.
_REMEMBERED = 16


def cleaned_block(form: str, value: Block, cleaner: EntryCleaner) -> bytes:
    """Return a block with the entries that may stay, of even length; b"" if it cannot be taken apart."""
    return _cleaned(form, bytes(value), cleaner) if len(value) <= _MOST_BYTES else b""


@lru_cache(maxsize=_REMEMBERED)
def _cleaned(form: str, value: bytes, cleaner: EntryCleaner) -> bytes:
    try:
        cleaned = _FORMS[form](value, cleaner)
    except Unreadable:
        return b""
    return cleaned + b"\0" * (len(cleaned) % 2)


def values_in(value: Block) -> tuple[bytes, ...] | None:
    """Return the values of a block of any form, including those of blocks within it; None if it is no block."""
    if len(value) > _MOST_BYTES or not any(is_form(value) for is_form, _ in _READERS):
        return None
    return _values(bytes(value))


@lru_cache(maxsize=_REMEMBERED)
def _values(value: bytes) -> tuple[bytes, ...] | None:
    for is_form, values_of in _READERS:
        if is_form(value):
            try:
                values = list(values_of(value))
            except Unreadable:
                return None
            inner = (values_in(one) or () for one in values if len(one) > _SHORTEST_BLOCK)
            return (*values, *chain.from_iterable(inner))
    return None
