"""Studies in other languages: names go in every script and declaration, and the words of the field stay."""

from __future__ import annotations

import pytest

from benchmarks import encodings as benchmark
from sendit.config.schema import Option
from sendit.deidentify import Plan, compile_plan
from sendit.deidentify.dicom.text import decoded, encoded
from sendit.deidentify.retained.makes import is_make_or_model
from sendit.deidentify.text.clean import PersonalData, cleaner_for
from tests.unit.deidentify.samples import released

_RESEARCH = [Option.CLEAN_DESCRIPTORS, Option.CLEAN_STRUCTURED_CONTENT]
_NOBODY = cleaner_for(PersonalData())
_CHINA = b"\\ISO 2022 IR 58"
_TO_CHINESE = b"\x1b$)A"
_MANUFACTURER, _STUDY, _NAME = 0x00080070, 0x00081030, 0x00100010


def _left(declared: bytes, values: dict[int, tuple[str, bytes]], by: Plan) -> bytes:
    elements = dict(benchmark._FIXED) | {0x00080005: ("CS", declared)} | values
    return b"".join(released(benchmark.written(dict(elements)), by).chunks)


@pytest.mark.parametrize("options", [[], _RESEARCH], ids=["Basic", "for research"])
@pytest.mark.parametrize("name", ["司马^晓光", "龚^丽萍", "翟墨"])
def test_names_in_code_extensions_of_china(name: str, options: list[Option]) -> None:
    """The escape sequence is no part of a name, wherever it stands: before the name, or before a word in front."""
    written = b"^".join(_TO_CHINESE + part.encode("gb2312") for part in name.split("^"))
    family = name.split("^", maxsplit=1)[0].encode("gb2312")
    values = {
        _NAME: ("PN", written),
        _MANUFACTURER: ("LO", _TO_CHINESE + b"GE " + family),
        _STUDY: ("LO", b"CT " + _TO_CHINESE + family),
    }
    assert family not in _left(_CHINA, values, compile_plan(options, []))


def test_what_is_left_of_a_text_in_these_is_written_in_them() -> None:
    """With the escape sequence in each part that needs it."""
    text = _TO_CHINESE + "胸部CT平扫 龚丽萍".encode("gb2312")
    name = _TO_CHINESE + "龚".encode("gb2312") + b"^" + _TO_CHINESE + "丽萍".encode("gb2312")
    content = _left(_CHINA, {_NAME: ("PN", name), _STUDY: ("LO", text)}, compile_plan(_RESEARCH, []))
    assert _TO_CHINESE + "胸部CT平扫".encode("gb2312") in content
    assert encoded("头颅 MRI\\腹部", _CHINA) == (
        _TO_CHINESE + "头颅 MRI".encode("gb2312") + b"\\" + _TO_CHINESE + "腹部".encode("gb2312")
    )
    assert decoded(encoded("头颅 MRI\\腹部", _CHINA), _CHINA) == "头颅 MRI\\腹部"


@pytest.mark.parametrize("text", ["GE 龚丽萍", "GE 张伟", "Philips 山田", "uMR 김민수", "GE Лю", "NeuViz כהן"])
def test_short_names_of_other_scripts_go_from_technical_texts(text: str) -> None:
    """Three letters are an abbreviation in Latin script; three characters of Chinese are somebody's whole name."""
    assert _NOBODY.technical(text) == text.split(" ")[0]


@pytest.mark.parametrize(
    "make",
    [
        "东软医疗系统股份有限公司",
        "株式会社日立メディコ",
        "キヤノンメディカルシステムズ",
        "삼성메디슨",
        "НИПК Электрон",
        "联影",
    ],
)
def test_makes_stay_in_their_own_script(make: str) -> None:
    """As consoles of their country write them."""
    assert is_make_or_model(_MANUFACTURER, make)
    content = _left(b"ISO_IR 192", {_MANUFACTURER: ("LO", make.encode())}, compile_plan([], []))
    assert make.encode() in content


@pytest.mark.parametrize(
    "text",
    [
        "胸部電腦斷層",
        "頭部磁振造影",
        "右肺上葉結節",
        "雙側肋膜積液",
        "冠狀動脈攝影",
        "攝護腺",
        "右肺上叶见结节影",
        "トウブ",
        "우측 폐상엽 결절",
        "관상동맥 조영술",
        "경과 관찰",
        "עמוד שדרה מותני",
        "קשרית בריאה ימין",
        "όζος δεξιού πνεύμονα",
        "предстательная железа",
        "КТ ОГК с контрастированием",
        "sağ akciğer üst lobda nodül",
        "عقدة في الرئة اليمنى",
    ],
)
def test_words_of_the_field_stay(text: str) -> None:
    """Parts of the body, findings and ways of examining."""
    assert _NOBODY.description(text) == text


@pytest.mark.parametrize("name", ["Fan Weichiu", "Weichiu Fan", "Hu Weichiu", "Sun, Weichiu", "Weichiu Min"])
def test_short_names_that_are_words_go_beside_the_other_half(name: str) -> None:
    """A fan beam, hounsfield units and the sun stay; the family name beside a given name that nobody knows goes."""
    assert _NOBODY.description(f"CT CHEST {name} 3mm") == "CT CHEST 3mm"
    assert _NOBODY.description("Fan beam 40 HU") == "Fan beam 40 HU"
