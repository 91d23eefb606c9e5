"""Whatever the bytes are, a block is cleaned or goes, quickly, and nothing planted stays."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from sendit.deidentify.private_blocks.blocks import FORMS, cleaned_block, values_in
from tests.unit.deidentify.private_blocks import makers

SEEDS = (
    makers.csa(makers.IMAGE),
    makers.csa(makers.IMAGE, later=False),
    makers.csa({"MrPhoenixProtocol": ("UN", [makers.XPROTOCOL])}),
    makers.XPROTOCOL.encode(),
    makers.ge(makers.GE_LINES),
)


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=400), st.sampled_from(sorted(FORMS)))
def test_any_bytes(block: bytes, form: str) -> None:
    for front in (b"", b"SV10\4\3\2\1\3\0\0\0M\0\0\0", b"\0\0\0\0\x1f\x8b\x08", b"### ASCCONV BEGIN ###\n"):
        cleaned = cleaned_block(form, front + block, makers.cleaner())
        assert len(cleaned) % 2 == 0
        assert all(isinstance(value, bytes) for value in values_in(front + block) or ())


@settings(max_examples=80, deadline=None)
@given(st.integers(0, len(SEEDS) - 1), st.integers(), st.integers(1, 8))
def test_mutated_blocks(which: int, seed: int, changes: int) -> None:
    chance = random.Random(seed)
    block = bytearray(SEEDS[which])
    for _ in range(changes):
        at = chance.randrange(len(block))
        kind = chance.randrange(3)
        if kind == 0:
            block[at] = chance.randrange(256)
        elif kind == 1:
            del block[at : at + chance.randrange(1, 64)]
        else:
            block[at:at] = b"Quixworth" * chance.randrange(1, 4)
    for form in sorted(FORMS):
        cleaned = cleaned_block(form, bytes(block), makers.cleaner())
        for value in (cleaned, *(values_in(cleaned) or ())):
            left = set(makers.holds_planted(value)) - {"19610307"}  # with one more digit beside it, it is a number
            assert not left
