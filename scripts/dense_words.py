"""Write deidentify/tables/dense_words.txt: words of Chinese, Japanese, Korean and Thai, in which no spaces stand.

python -m scripts.dense_words SOURCES       writes it

SOURCES is the folder of `scripts.terms`, which has PyPI's jieba (MIT), wordfreq (MIT), faker (MIT) and names-dataset,
too, and Debian's hunspell-th (LGPL), hunspell-ko (MPL, GPL, LGPL) and mecab-ipadic. None is a dependency of SendIt.

Of medicine, a word is taken if it has a character for a part of the body, a disease or a treatment that stands in
nobody's name, if a dictionary has it as anything but a name or a saying (jieba), or if it is common enough (wordfreq);
of Thai, if it has such a word within. Of other words, those of two characters and more that no list has as a name, if
they are common (jieba's count, wordfreq for Japanese and Korean). Words of two characters that look like a Chinese
name, a family name and a character that given names have, are left out.
"""

from __future__ import annotations

import gzip
import re
import sys
import unicodedata
from itertools import product
from pathlib import Path

import msgpack

from scripts.terms import TABLES
from scripts.terms_of_languages import Names

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
_OTHER_KINDS = _KINDS | frozenset(["vd", "ad", "d", "t", "m", "r", "c", "p", "z", "u", "q", "l", "i"])
_LEAST_COUNT, _CERTAIN_COUNT = 60, 400  # of jieba; of words that begin with a family name
_SHORTEST, _LONGEST_OTHER, _MOST_ORIGINS = 2, 4, 3
_FAMILIES = frozenset(
    "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕苏卢蒋蔡贾丁魏薛叶阎余潘杜戴夏钟汪田任姜范方石姚"
    "谭廖邹熊金陆郝孔白崔康毛邱秦江史顾侯邵孟龙万段雷钱汤尹黎易常武乔贺赖龚文庞樊兰殷施陶洪翟安颜倪严牛温芦季俞章鲁葛伍韦申尤毕聂丛焦向柳邢骆岳齐梅莫庄辛管祝左涂谷祁时舒耿牟卜路詹关苗凌费纪靳盛童欧甄项曲成游阳裴席卫查屈鲍位覃霍翁隋植甘景薄单包司柏宁柯阮桂闵解强柴华车冉房边"
)
_GIVEN = frozenset(
    "明华伟强军平丽文建国红芳秀英玲娟敏静杰勇涛超燕霞斌波辉刚健俊峰磊鹏飞宇浩鑫凯龙云兰梅雪琴莉萍凤林生春东海玉珍荣庆志福贵祥成德仁义信诚忠孝良善美慧婷欣怡佳宁晨阳光亮雷山川清泉芬雅诗琪瑶月星辰乐安康泰昌兴旺友民才学武力士"
)
#: Labels of a date of birth, and ages over 89.
_DATES_AND_AGES = re.compile("[出生].*[日月]|^出生|^生年|九十|百[岁歳歲]|卒寿|白寿")
_LEAST_JAPANESE = 2.5
#: A family name of Korea and a given name, as some words look.
_NAME_OF_KOREA = re.compile(
    "[김이박최정강조윤장임한오서신권황안송류유홍전고문양손배백허남심노하곽성차주우구민진지엄채원천방공현함변염여추도소석선설마길연위표명기반왕금옥육인맹제모탁국어은편용예경봉사부가복태목형피두감음빈동온호범좌팽승간견시]"
    "[가-힣][희훈호준현진민수영철석우원은혜미아연윤경정숙자순옥환규태식용빈후서온율린별지예나라리람주선]"
)
_LEAST = 3.0  # frequency (Zipf) of a word in wordfreq that jieba does not have


def _is_of_medicine(word: str) -> bool:
    telling = [character for character in word if character in _CHARACTERS]
    certain = [character for character in telling if not _NO_WORD_OF_MEDICINE.match(character)]
    return 1 < len(word) <= _LONGEST and bool(certain)


def _of_jieba(root: Path) -> tuple[set[str], set[str], set[str]]:
    """Return the words of medicine, other common words, and all names."""
    words, others, names = set(), set(), set()
    path = next((root / "jieba").rglob("jieba/dict.txt"))
    for line in path.read_text("utf-8").splitlines():
        word, count, kind = line.split(" ")
        if not re.fullmatch("[\u4e00-\u9fff]+", word):
            continue
        if kind in _NAMES:
            names.add(word)
        elif kind in _KINDS and _is_of_medicine(word):
            words.add(word)
        elif kind in _OTHER_KINDS and int(count) >= _LEAST_COUNT and not _may_be_name(word, int(count)):
            others.add(word)
    return words, others, names


def _may_be_name(word: str, count: int) -> bool:
    if not 1 < len(word) <= _LONGEST_OTHER:
        return True
    return word[0] in _FAMILIES and (len(word) > _SHORTEST or count < _CERTAIN_COUNT or word[1] in _GIVEN)


def _traditional(root: Path, words: set[str]) -> set[str]:
    """Return the words in traditional characters, as wordfreq maps those to simplified ones."""
    path = next((root / "wordfreq").rglob("_chinese_mapping.msgpack.gz"))
    mapping = msgpack.unpackb(gzip.decompress(path.read_bytes()), raw=False, strict_map_key=False)
    origins: dict[str, list[str]] = {}
    for traditional, simplified in mapping.items():
        origins.setdefault(simplified, []).append(chr(traditional) if isinstance(traditional, int) else traditional)
    found = set()
    for word in words:
        choices = [[character, *origins.get(character, [])] for character in word]
        if max(map(len, choices)) <= _MOST_ORIGINS:
            found |= set(map("".join, product(*choices)))
    return found


def _of_ipadic(root: Path) -> tuple[set[str], set[str]]:
    """Return the words of Japanese that are common, in all their forms, and all names."""
    folder = next((root / "mecab-ipadic").rglob("Noun.name.csv")).parent
    common = _common(root, "large_ja", _LEAST_JAPANESE)

    def lines(kind: str) -> list[list[str]]:
        return [line.split(",") for line in (folder / f"{kind}.csv").read_text("euc-jp").splitlines()]

    names = {line[0] for kind in ("name", "place", "org", "proper") for line in lines(f"Noun.{kind}")}
    words = {
        line[0]
        for kind in ("Noun", "Noun.verbal", "Noun.adjv", "Noun.adverbal", "Adverb", "Verb", "Adj", "Conjunction")
        for line in lines(kind)
        if line[10] in common or line[0] in common
    }
    words |= {line[0] for kind in ("Auxil", "Postp", "Postp-col", "Noun.others", "Adnominal") for line in lines(kind)}
    return {word for word in words - names if re.fullmatch("[\u3040-\u30ff\u4e00-\u9fff]{2,8}", word)}, names


def _of_korean(root: Path, names: Names) -> set[str]:
    """Return the common words of Korean that no list of names has."""
    path = next((root / "hunspell-ko").rglob("ko.dic"))
    listed = {unicodedata.normalize("NFC", line.partition("/")[0]) for line in path.read_text("utf-8").splitlines()}
    words = {word for word in listed if re.fullmatch("[\uac00-\ud7a3]{2,6}", word) and not names.is_written_so(word)}
    common = _common(root, "small_ko", 0)
    return {word for word in words if (word in common or len(word) > _SHORTEST) and not _NAME_OF_KOREA.fullmatch(word)}


def _common(root: Path, name: str, least: float) -> set[str]:
    with gzip.open(next((root / "wordfreq").rglob(f"{name}.msgpack.gz"))) as file:
        _, *buckets = msgpack.load(file)
    return {word for centibels, words in enumerate(buckets) if 9 - centibels / 100 >= least for word in words}


def _of_wordfreq(root: Path, language: str) -> set[str]:
    common = _common(root, f"large_{language}", _LEAST)
    return {word for word in common if re.fullmatch("[\u3040-\u30ff\u4e00-\u9fff]+", word) and _is_of_medicine(word)}


def _of_thai(root: Path) -> set[str]:
    path = next((root / "hunspell-th").rglob("th_TH.dic"))
    words = {line.partition("/")[0] for line in path.read_text("utf-8").splitlines()}
    return {word for word in words if _OF_THAI.search(word) and re.fullmatch("[\u0e00-\u0e7f]+", word)}


def main(root: Path) -> None:
    """Write the table."""
    names = Names(root)
    words, others, chinese = _of_jieba(root)
    japanese, japanese_names = _of_ipadic(root)
    words |= _of_thai(root) | ((_of_wordfreq(root, "ja") | _of_wordfreq(root, "zh")) - chinese)
    others = {word for word in others - japanese_names if not names.is_written_so(word)}
    words |= _traditional(root, others) - chinese
    words |= {word for word in japanese - chinese if not names.is_written_so(word)} | _of_korean(root, names)
    words = {word for word in words if not _DATES_AND_AGES.search(word)}
    head = (
        "# Words of Chinese, Japanese, Korean and Thai, sorted: sorted_words.py halves it.\n"
        "# Written by python -m scripts.dense_words, from PyPI's jieba and wordfreq (MIT), and Debian's hunspell-th,\n"
        "# hunspell-ko (LGPL) and mecab-ipadic (free).\n"
        "# Not all that the script writes is here: docs/decisions/0031-word-tables.md.\n"
    )
    (TABLES / "dense_words.txt").write_text(head + "\n".join(sorted(words, key=str.encode)) + "\n", "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
