"""Find names of Vietnam: a family name with its marks and the syllables behind it, and what stands behind a title.

Every syllable of such a name is a word, too (Mai, Hùng, Ngọc); the family name, the title and the capitals tell.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache

from sendit.deidentify.tables import table_words
from sendit.deidentify.text.record_numbers import CUT

_FAMILIES = (
    "Nguyễn|Trần|Lê|Phạm|Huỳnh|Hoàng|Phan|Vũ|Võ|Đặng|Bùi|Đỗ|Hồ|Ngô|Dương|Lý|Đinh|Trịnh|Mạc|Đào|Đoàn|Lâm|Mai|Tô|Trương"
    "|Lưu|Lương|Thái|Tạ|Quách|Tăng|Kiều|Vương|Châu|Phùng|Hà|Cao|Chu|Tống|Triệu|Nghiêm|Thạch|Danh|Sơn|Kim|La|Giang"
)
_SYLLABLE = r"[A-ZÀ-ỸĐ][a-zà-ỹđ]{0,6}"
_TITLES = (
    "ông|bà|anh|chị|cô|chú|bác|cháu|em|bé|cụ|bác sĩ|bác sỹ|bs|bsck1|bsck2|ths|ts|pgs|gs|ktv|kỹ thuật viên"
    "|điều dưỡng|đd|y tá|dược sĩ"
    "|con gái|con trai|vợ|chồng|mẹ|cha|bố|họ tên|họ và tên|tên|bệnh nhân|bn|người nhà|sản phụ|bé trai|bé gái"
)
_HOUSES = "bệnh viện|bv|phòng khám|pk|trung tâm y tế|ttyt|trạm y tế|viện|nhà thương|trường"
_KINDS = "Đa|Khoa|Đại|Học|Nhi|Phụ|Sản|Trung|Ương|Tỉnh|Thành|Phố|Quận|Huyện|Y|Dược|Mắt|Tim|Quốc|Tế|Quân|Tư"
#: Marked syllables that a text has beside a word without marks, which may be one or a name of another language.
_FEWEST_MARKED = 2
_LONGEST_NAME = 4  # spaces
_SYLLABLES = re.compile(r"[^\W\d_]+")
#: Syllables with capitals, one of which is a family name, or Văn or Thị.
_CHAIN = re.compile(rf"(?<!\w){_SYLLABLE}(?:\s{_SYLLABLE}(?!\w)){{1,5}}")
_OF_NAMES = frozenset((*_FAMILIES.split("|"), "Văn", "Thị"))
_TITLED = re.compile(rf"((?<!\w)(?i:{_TITLES})\.?:?\s)((?:{_SYLLABLE})(?!\w)(?:\s(?:{_SYLLABLE})(?!\w)){{0,3}})")
_HOUSED = re.compile(
    rf"((?<!\w)(?i:{_HOUSES})(?:\s(?:{_KINDS})(?!\w))*\s)((?:{_SYLLABLE})(?!\w)(?:\s(?:{_SYLLABLE})(?!\w)){{0,3}})"
)
_ADDRESS = re.compile(r"((?<!\w)(?i:địa chỉ|đ/c|ngụ tại|sống tại|sống ở|trú tại|quê|quê quán)\s?:?\s)([^;.\n\r]+)")
_MARKS = re.compile("[àáâãèéêìíòóôõùúýăđĩũơưạ-ỹ]", re.IGNORECASE)
#: Family names that are hardly ever words, in small letters, and up to three syllables behind them.
_SMALL = re.compile(
    r"(?<!\w)(?:nguyễn|trần|phạm|huỳnh|đặng|bùi|ngô|trịnh|phan|võ|vũ|đoàn|đinh|trương|dương|lê|hoàng|lý)(?:\s(?:văn|thị|hữu|đức|minh|ngọc|thanh|quốc|thu|kim|xuân|hoàng|công|đình"
    r"|mỹ|bảo|gia|anh|tuấn|hồng|phương|thùy|quang|trung|mai|lan|hùng|dũng|hoa|hương|linh|nam|long|sơn|tâm|hà|hải|thảo|trang|vân|yến))+(?:\s[a-zà-ỹđ]{1,7})?(?!\w)"
)


def without_names_of_vietnam(text: str) -> str:
    """Return the text with CUT in the place of names of Vietnam, of its hospitals, and of addresses there."""
    if text.isascii() or not _MARKS.search(unicodedata.normalize("NFC", text)):
        return text
    text = _ADDRESS.sub(rf"\1{CUT}", text)
    text = _HOUSED.sub(rf"\1{CUT}", text)
    text = _SMALL.sub(CUT, _TITLED.sub(rf"\1{CUT}", text))
    return text if text.istitle() and text.count(" ") > _LONGEST_NAME else _CHAIN.sub(_without_name, text)


def _without_name(match: re.Match[str]) -> str:
    return match[0] if _OF_NAMES.isdisjoint(match[0].split()) else CUT


@cache
def _syllables() -> frozenset[str]:
    return table_words("syllables_of_vietnam.txt")


def is_syllable_of_vietnam(match: re.Match[str]) -> bool:
    """Return whether a word is a syllable of Vietnamese, in small letters or at the beginning of such a text."""
    word, text = match[0], match.string
    if unicodedata.normalize("NFC", word.lower()) not in _syllables() or not (
        word.islower() or (word.istitle() and not text[: match.start()].strip())
    ):
        return False
    words = _SYLLABLES.findall(unicodedata.normalize("NFC", text))
    if word.istitle() and (word in _OF_NAMES or len(words) <= _FEWEST_MARKED):
        return False
    marked = sum(bool(_MARKS.search(one)) for one in words)
    return marked >= _FEWEST_MARKED or (marked > 0 and all(one.lower() in _syllables() for one in words))
