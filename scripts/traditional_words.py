"""Write deidentify/tables/traditional_words.txt: the known words of Chinese in traditional characters.

python -m scripts.traditional_words       writes it

PyPI's opencc (Apache-2.0) has to be installed; it is not a dependency of SendIt. The words are those of two characters
and more in the tables of simplified Chinese, as China, Taiwan and Hong Kong write them. Single characters are left out:
many are family names.
"""

from __future__ import annotations

import re
import textwrap

from opencc import OpenCC

from scripts.terms import TABLES
from sendit.deidentify.text.vocabulary import dense_words

_CHINESE = re.compile("[\u4e00-\u9fff]{2,}")
_WAYS = ("s2t", "s2tw", "s2twp", "s2hk")
_NAME = "traditional_words.txt"


def main() -> None:
    """Write the table."""
    (TABLES / _NAME).write_text("", "utf-8")  # what it had is not a source
    known = {word for word in dense_words() if _CHINESE.fullmatch(word)}
    converted = {convert(word) for convert in (OpenCC(way).convert for way in _WAYS) for word in known}
    written = {word for word in converted - known if _CHINESE.fullmatch(word)}
    head = (
        "# Words of Chinese in traditional characters.\n"
        "# Written by python -m scripts.traditional_words, from dense_words.txt, words.txt and languages.txt.\n"
    )
    (TABLES / _NAME).write_text(head + textwrap.fill(" ".join(sorted(written)), 100) + "\n", "utf-8")


if __name__ == "__main__":
    main()
