"""Write deidentify/tables/languages_of_parts.bin: what parts of words say about the language that they are of.

python -m scripts.languages_of_parts SOURCES       writes it, in a minute

SOURCES is the folder of `scripts.terms_of_languages`, of which wordfreq's frequencies are read. The table has one row
for each place of a part (parts share places by their CRC), and in a row one byte for each language: how much more
frequent the part is there than in all languages, as a logarithm. `sorted_words.shares_of` adds the rows of a text.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import numpy as np

from scripts.terms import TABLES
from scripts.terms_of_languages import LANGUAGES, frequencies
from sendit.deidentify.text.words.sorted_words import (
    LANGUAGES_OF_PARTS,
    ROWS_OF_PARTS,
    STEPS_OF_LANGUAGES,
    parts_of_language,
    row_of_part,
)

_MOST, _LEAST = 60_000, 1.0  # words of a language, and their frequency (Zipf)
_SMOOTHED = 0.02  # of the parts of a language, spread over all places
_WORD = re.compile(r"[^\W\d_]+")


def main(root: Path) -> None:
    """Write the table."""
    counts = np.zeros((ROWS_OF_PARTS, len(LANGUAGES_OF_PARTS)))
    for number, code in enumerate(LANGUAGES_OF_PARTS):
        name = next(language.words for language in LANGUAGES if language.words.endswith(f"_{code}"))
        listed = frequencies(root, name)
        words = sorted((word for word in listed if _WORD.fullmatch(word)), key=lambda word: (-listed[word], word))
        for word in words[:_MOST]:
            weight = 10 ** (listed[word] / 3)  # a rare word tells nearly as much as a frequent one
            for part in parts_of_language(word):
                counts[row_of_part(part), number] += weight
        counts[:, number] /= counts[:, number].sum()
    shares = (1 - _SMOOTHED) * counts + _SMOOTHED / ROWS_OF_PARTS
    weights = np.log(shares) - np.log(shares.mean(axis=1, keepdims=True))
    table = np.clip(np.rint(weights * STEPS_OF_LANGUAGES), -127, 127).astype(np.int8)
    (TABLES / "languages_of_parts.bin").write_bytes(table.tobytes())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
