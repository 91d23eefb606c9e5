"""Write deidentify/tables/dense_words.txt: words of medicine in Chinese, Japanese and Thai, which have no spaces.

python -m scripts.dense_words SOURCES       writes it

SOURCES is the folder of `scripts.terms`, which has PyPI's jieba (MIT) and wordfreq (MIT), too, and Debian's
hunspell-th (LGPL). None is a dependency of SendIt. A word is taken if it has a character for a part of the body, a
disease or a treatment that stands in nobody's name, if a dictionary has it as anything but a name or a saying (jieba),
or if it is common enough (wordfreq); of Thai, if it has such a word within.
"""

from __future__ import annotations

import gzip
import re
import sys
import textwrap
from pathlib import Path

import msgpack

from scripts.terms import TABLES

_LONGEST = 6
#: Bodies, diseases, treatments: simplified, traditional and Japanese characters.
_CHARACTERS = frozenset(
    "脑腦脳颅顱肺肝脾胰膵胃肠腸肾腎肛胸腹腰颈頸頚肩肘腕膝踝髋髖骶椎脊肋胫脛腓髌髕髁趾肱桡橈骨髓膜腔腺腱肌脉脈瘤癌肿腫炎症疼痛咳喘呕嘔"
    "泻瀉痢疹疮瘡疡瘍疝痔癫癲痫癇瘫癱痹痙痉挛攣厥胎妊孕娩喉咽鼻唇舌龈齦颌頜颞顳枕颧顴睫眶睑瞼肤膚脐臍臀髂睾卵尿膀胱栓梗囊嚢溃潰萎硬窄"
    "扭挫烫燙烧燒病诊診疗療醉腭顎瘢瘘瘻癣癬疱疽疣瘀脓膿痰涎粪糞便秘脏臟臓腑腮腋胯腿脚臂脖靱靭嚥蓋盲肥厚肪脂"
)
_NO_WORD_OF_MEDICINE = re.compile("[秘便硬厚脂肥燒烧烫燙脚腿臂腕腰肩脸枕]")  # these need another one, or a common word
_OF_THAI = re.compile(
    "ปอด|ตับ|หัวใจ|กระดูก|ข้อ|เอ็น|กล้าม|สมอง|ไขสันหลัง|กระเพาะ|ลำไส้|ม้าม|ถุงน้ำดี|มดลูก|รังไข่|ต่อม|เต้านม|ท้อง|เอว|ไหล่|แขน|สะโพก|เข่า|เท้า|นิ้ว|จมูก|ปาก|ฟัน"
    "|ลิ้น|ผิวหนัง|เลือด|หลอด|ประสาท|ปวด|เจ็บ|บวม|อักเสบ|หอบ|เหนื่อย|มะเร็ง|เนื้องอก|ก้อน|ซีสต์|นิ่ว|ร้าว|แผล|ผ่าตัด|ตรวจ|รักษา|เอกซเรย์|อัลตรา|สแกน|ฉีด|โรค|ผู้ป่วย|แพทย์"
    "|พยาบาล|ครรภ์|หายใจ|อาเจียน|คลื่นไส้|ปัสสาวะ|อุจจาระ|เบาหวาน|ความดัน|วัณโรค|ไต(?!ร)"
)
_KINDS = frozenset(["n", "v", "vn", "a", "an", "f", "s", "b", "j"])  # of jieba: no names, no sayings
_NAMES = frozenset(["nr", "nrt", "nrfg", "ns", "nt", "nz"])
_LEAST = 3.0  # frequency (Zipf) of a word in wordfreq that jieba does not have


def _is_of_medicine(word: str) -> bool:
    telling = [character for character in word if character in _CHARACTERS]
    certain = [character for character in telling if not _NO_WORD_OF_MEDICINE.match(character)]
    return 1 < len(word) <= _LONGEST and bool(certain)


def _of_jieba(root: Path) -> tuple[set[str], set[str]]:
    """Return the words of medicine, and all names."""
    words, names = set(), set()
    path = next((root / "jieba").rglob("jieba/dict.txt"))
    for line in path.read_text("utf-8").splitlines():
        word, _, kind = line.split(" ")
        if kind in _NAMES:
            names.add(word)
        elif kind in _KINDS and re.fullmatch("[\u4e00-\u9fff]+", word) and _is_of_medicine(word):
            words.add(word)
    return words, names


def _of_wordfreq(root: Path, language: str) -> set[str]:
    path = next((root / "wordfreq").rglob(f"large_{language}.msgpack.gz"))
    with gzip.open(path) as file:
        _, *buckets = msgpack.load(file)
    common = {word for centibels, words in enumerate(buckets) if 9 - centibels / 100 >= _LEAST for word in words}
    return {word for word in common if re.fullmatch("[\u3040-\u30ff\u4e00-\u9fff]+", word) and _is_of_medicine(word)}


def _of_thai(root: Path) -> set[str]:
    path = next((root / "hunspell-th").rglob("th_TH.dic"))
    words = {line.partition("/")[0] for line in path.read_text("utf-8").splitlines()}
    return {word for word in words if _OF_THAI.search(word) and re.fullmatch("[\u0e00-\u0e7f]+", word)}


def main(root: Path) -> None:
    """Write the table."""
    words, names = _of_jieba(root)
    words |= _of_thai(root)
    words |= (_of_wordfreq(root, "ja") | _of_wordfreq(root, "zh")) - names
    head = (
        "# Words of medicine in Chinese, Japanese and Thai.\n"
        "# Written by python -m scripts.dense_words, from PyPI's jieba and wordfreq (MIT), and Debian's\n"
        "# hunspell-th (LGPL).\n"
    )
    (TABLES / "dense_words.txt").write_text(head + textwrap.fill(" ".join(sorted(words)), 100) + "\n", "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
