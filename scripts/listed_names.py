"""Write deidentify/tables/listed_names.bin: which words any list has as a name of a person or a place.

python -m scripts.listed_names SOURCES       writes it

SOURCES is the folder of `scripts.terms_of_languages`. The table is a Bloom filter (`sorted_words.is_listed_name` reads
it): 2 MB for 1.4 million names, of which none can be read out of it. One of 280 other words counts as a name, too.
"""

from __future__ import annotations

import sys
from pathlib import Path

from scripts.terms import TABLES
from scripts.terms_of_languages import Names
from sendit.deidentify.text.words.sorted_words import BITS_OF_NAMES, bits_of_name

_SHORTEST = 4  # letters; shorter words are judged by tables of their own


def main(root: Path) -> None:
    """Write the table."""
    table = bytearray(BITS_OF_NAMES // 8)
    for name in Names(root).every():
        if len(name) >= _SHORTEST:
            for bit in bits_of_name(name):
                table[bit >> 3] |= 1 << (bit & 7)
    (TABLES / "listed_names.bin").write_bytes(table)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
