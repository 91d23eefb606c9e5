"""Names in another encoding than the file declares: none leaves, and what is declared correctly stays."""

from __future__ import annotations

import io
import json
import quopri
import random
from email.header import Header
from functools import cache
from typing import TYPE_CHECKING

import pydicom
import pytest

from benchmarks import encodings as benchmark
from benchmarks.encodings_names import names
from sendit.config.schema import Option
from sendit.deidentify import Plan, compile_plan, deidentify
from sendit.deidentify.dicom.charset import looks_foreign, text_in, unreadable
from sendit.deidentify.dicom.reader import read_file
from sendit.deidentify.dicom.vietnamese import forms_in_vietnamese
from sendit.deidentify.retained.remembered import remembered_in
from sendit.deidentify.text.characters import readable
from sendit.deidentify.text.encodings import forms_of, is_plausible, parts_of_dense, readings_of
from sendit.model import Quarantined, Rejected, Released
from tests.unit.deidentify.samples import IDENTITIES, dataset, file_of

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = [pytest.mark.long, pytest.mark.filterwarnings("ignore")]

RESEARCH = [Option.CLEAN_DESCRIPTORS, Option.RETAIN_LONGITUDINAL_MODIFIED_DATES, Option.RETAIN_PATIENT_CHARACTERISTICS]


@cache
def research() -> Plan:
    """The options that research asks for."""
    return compile_plan(RESEARCH, [])


def with_texts(declared: str, **values: bytes) -> bytes:
    """A small report that declares this, with these values as they are."""
    tags = {
        "PatientName": (0x00100010, "PN"),
        "StudyDescription": (0x00081030, "LO"),
        "Manufacturer": (0x00080070, "LO"),
        "ImageComments": (0x00204000, "LT"),
    }
    elements = dict(benchmark._FIXED) | {0x00080005: ("CS", declared.encode())}
    elements |= {tags[keyword][0]: (tags[keyword][1], value) for keyword, value in values.items()}
    return benchmark.written(dict(elements))


@pytest.mark.parametrize("declared", ["GB18030", "GBK", "ISO_IR 192"])
@pytest.mark.parametrize("name", ["李^娜", "王^娜", "张^伟"])
def test_a_short_chinese_name_holds_no_innocent_text(declared: str, name: str) -> None:
    """娜 reads as ÄČ in ISO 8859-2, and 盆腔 as ÅèÇ: both are aec without accents, and neither is meant."""
    encoding = {"GB18030": "gb18030", "GBK": "gbk", "ISO_IR 192": "utf-8"}[declared]
    text = "盆腔 MRI".encode(encoding)
    assert text in left(with_texts(declared, PatientName=name.encode(encoding), StudyDescription=text))


def left(source: bytes, by: Plan | None = None) -> bytes:
    """The bytes of what is released."""
    outcome = deidentify(source, by or research(), IDENTITIES)
    assert isinstance(outcome, Released), outcome
    return b"".join(outcome.chunks)


@pytest.mark.parametrize("name", names(34, seed=7), ids=lambda name: name[0])
def test_no_name_leaves_in_any_encoding(name: tuple[str, str, str]) -> None:
    """In every text attribute that stays, declared and not; a smaller `python -m benchmarks encodings`."""
    chance = random.Random(name[1])
    able = [encoding for encoding in benchmark.ENCODINGS if benchmark._can(name[1] + name[2], encoding)]
    texts = benchmark.kept_texts(research())[::5]
    for encoding in chance.sample(able, min(len(able), 3)):
        for encodings, declared in benchmark.ways(encoding, able, chance):
            source, _ = benchmark.planted(name, encodings, declared, texts)
            outcome = deidentify(source, research(), IDENTITIES)
            if isinstance(outcome, Released):
                assert not benchmark.leaks(b"".join(outcome.chunks), name, encoding), (encodings, declared)


@pytest.mark.parametrize("language", benchmark.INNOCENT)
def test_texts_about_the_technique_stay(language: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """In their own language, correctly declared, whoever the patient is."""
    monkeypatch.setattr(benchmark, "INNOCENT", {language: benchmark.INNOCENT[language]})
    tried, lost = benchmark.innocent(research(), patients=2)
    assert tried > 3
    assert lost == []


@pytest.mark.parametrize("declared", ["", "ISO_IR 100", "ISO_IR 192", "\\ISO 2022 IR 87", "ISO_IR 13", "GB18030"])
@pytest.mark.parametrize("attribute", ["StudyDescription", "Manufacturer"])
@pytest.mark.parametrize(
    ("name", "written", "text"),
    [
        ("山田太郎", "cp932", "山田"),
        ("山田太郎", "utf-8", "太郎"),
        ("王芳", "gbk", "王"),
        ("김민수", "cp949", "민수"),
        ("Müller^Jörg", "utf-8", "Müller"),
        ("Dvořák^Jiří", "cp1250", "Dvořák"),
    ],
)
def test_a_name_in_another_encoding_than_the_text(
    declared: str, attribute: str, name: str, written: str, text: str
) -> None:
    """PatientName in undeclared bytes, a description in UTF-8 or the other way round: neither leaves."""
    for in_name, in_text in ((written, "utf-8"), ("utf-8", written)):
        source = with_texts(declared, PatientName=name.encode(in_name), **{attribute: b"CT " + text.encode(in_text)})
        outcome = deidentify(source, research(), IDENTITIES)
        if isinstance(outcome, Released):
            content = b"".join(outcome.chunks)
            assert text.encode(in_text) not in content
            assert text.encode("utf-8") not in content


def test_names_in_several_groups() -> None:
    """Alphabetic, ideographic and phonetic; half-width katakana, hiragana for katakana, one part alone."""
    name = "Yamada^Tarou=山田^太郎=やまだ^たろう"
    for text in ("CT yamada", "CT 山田", "CT 太郎", "CT ヤマダ", "CT ﾔﾏﾀﾞ", "CT ﾀﾛｳ", "CT たろう"):
        content = left(with_texts("ISO_IR 192", PatientName=name.encode(), StudyDescription=text.encode()))
        assert pydicom.dcmread(io.BytesIO(content)).StudyDescription == "CT", text


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("ISO IR 192", "ISO_IR 192"),
        ("iso_ir 100", "ISO_IR 100"),
        ("ISO_IR_100", "ISO_IR 100"),
        ("ISO-IR 144", "ISO_IR 144"),
        ("ISO_IR100", "ISO_IR 100"),
        ("ISO_2022_IR_100", "ISO 2022 IR 100"),
        ("ISO2022 IR 100", "ISO 2022 IR 100"),
        ("UTF-8", "ISO_IR 192"),
        ("utf8", "ISO_IR 192"),
        ("GB2312", "GB18030"),
        ("gb 18030", "GB18030"),
        ("ISO 2022 GBK", "GBK"),
        ("ISO 2022 58", "\\ISO 2022 IR 58"),
        ("ISO_IR 87", "\\ISO 2022 IR 87"),
        ("\\ISO_IR 87", "\\ISO 2022 IR 87"),
        ("ISO_IR 100\\ISO 2022 IR 87", "ISO 2022 IR 100\\ISO 2022 IR 87"),
        ("ISO_IR 192\\ISO 2022 IR 87", "ISO_IR 192"),
        ("ISO8859-1", "ISO_IR 100"),
        ("iso-8859-5", "ISO_IR 144"),
        ("Latin1", "ISO_IR 100"),
        ("TIS-620", "ISO_IR 166"),
        ("Not Supplied", "ISO_IR 192"),
        ("UNKNOWN", "ISO_IR 192"),
        ("US-ASCII", "ISO_IR 192"),
        ("windows-1252", "ISO_IR 192"),
        ("Shift_JIS", "ISO_IR 192"),
    ],
)
def test_misspelt_terms_are_put_right(written: str, meant: str) -> None:
    """What is written declares the defined term, at the top and in items; the receipt says so."""
    made = dataset()
    item = pydicom.Dataset()
    item.add_new("SpecificCharacterSet", "CS", "ISO_IR 101")
    made.AnatomicRegionSequence = [item]
    made.add_new("SpecificCharacterSet", "CS", "ISO_IR 101")
    source = _with_top_term(file_of(made), written.encode() + b" " * (len(written) % 2))
    outcome = deidentify(source, research(), IDENTITIES)
    assert isinstance(outcome, Released), outcome
    content = pydicom.dcmread(io.BytesIO(b"".join(outcome.chunks)))
    assert content["SpecificCharacterSet"].value in (meant, meant.split("\\"))
    assert any("SpecificCharacterSet" in repair for repair in outcome.receipt.repairs)


def _with_top_term(source: bytes, value: bytes) -> bytes:
    return source.replace(
        b"\x08\0\x05\0CS\x0a\0ISO_IR 101", b"\x08\0\x05\0CS" + len(value).to_bytes(2, "little") + value, 1
    )


@pytest.mark.parametrize(
    ("declared", "encoding", "text"),
    [
        ("windows-1252", "cp1252", "Schädel – nativ"),
        ("Shift_JIS", "cp932", "頭部 造影"),
        ("EUC-KR", "euc_kr", "두부 CT"),
        ("Big5", "cp950", "胸部 CT"),
        ("KOI8-R", "koi8_r", "шея"),
        ("GB2312", "gb2312", "头部 CT"),
        ("UTF-8", "utf-8", "頭部 CT"),
        ("Not Supplied", "utf-8", "頭部 CT"),
        ("ISO8859-7", "iso8859_7", "κοιλία"),
    ],
)
def test_texts_of_recovered_sets_decode(declared: str, encoding: str, text: str) -> None:
    """Under the term that is written, they say the same."""
    content = left(with_texts(declared, PatientName=b"Quimby^Zelda", StudyDescription=text.encode(encoding)))
    assert pydicom.dcmread(io.BytesIO(content)).StudyDescription == text


def test_an_unknown_term_is_rejected() -> None:
    """It might be anybody's word; and encodings that cannot be used together."""
    for declared in ("QUIXWORTH", "ISO_IR 999", "ISO_IR 100\\Shift_JIS"):
        assert isinstance(deidentify(with_texts(declared, PatientName=b"A^B"), research(), IDENTITIES), Rejected)


@pytest.mark.parametrize(
    "declared",
    ["\\ISO 2022 IR 87", "ISO 2022 IR 13\\ISO 2022 IR 87\\ISO 2022 IR 159", "\\ISO 2022 IR 149", "GB18030", "GBK"],
)
def test_the_declared_character_set_stays(declared: str) -> None:
    """It is no code string like others, whose words have to be known."""
    source = with_texts(declared, PatientName=b"Quimby^Zelda", StudyDescription=b"CT")
    assert declared.encode() in left(source)


def test_what_is_left_of_a_text_is_of_the_declared_character_set() -> None:
    """Readers accept letters of Latin 1 where the set has none but ASCII; what cleaning leaves of them goes."""
    source = with_texts(
        "\\ISO 2022 IR 149", PatientName=b"Quimby^Zelda", StudyDescription=b"\x1b$)C\xb3\xb2\xb1\xc3 & S\x1b(B\xf6hne"
    )
    assert isinstance(deidentify(source, research(), IDENTITIES), Released)


def test_every_output_is_of_the_character_set_that_it_declares(monkeypatch: pytest.MonkeyPatch) -> None:
    """A text that is not is no output, even if everything else failed to see it."""
    source = with_texts("ISO_IR 192", PatientName=b"Quimby^Zelda", Manufacturer=b"Ger\xe4tebau")
    assert b"Ger\xe4t" not in left(source)
    remembered_in.cache_clear()  # how it was cleaned just now
    monkeypatch.setattr(
        "sendit.deidentify.retained.clean_values.RetainedValues.checked", lambda self, element, *rest: element.value
    )
    outcome = deidentify(source, research(), IDENTITIES)
    assert isinstance(outcome, Quarantined)
    assert "(0008,0070) is not in the character set" in outcome.reason


@pytest.mark.parametrize(
    ("raw", "declared", "expected"),
    [
        (b"Sch\xe4del", b"ISO_IR 100", "Schädel"),
        (b"Sch\xe4del", b"", None),
        (b"Sch\xe4del", b"\\ISO 2022 IR 100", "Schädel"),
        (b"\x8eR\x93c", b"ISO_IR 100", None),
        (b"\x8eR\x93c", b"ISO_IR 13", None),
        (b"\xd4\xcf\xc0\xde", b"ISO_IR 13", "ﾔﾏﾀﾞ"),
        (b"\x1b$B;3ED\x1b(B", b"\\ISO 2022 IR 87", "山田"),
        (b"\x1b$B;3ED\x1b(B", b"ISO_IR 100", None),
        (b"\xa4", b"ISO_IR 203", "€"),
        (b"K\0i\0m\0", b"ISO_IR 100", None),
        (b"\x1c\x04:\x048\x04", b"ISO_IR 100", None),
        ("HEAD शर्मा".encode("utf-16-le")[10:], b"ISO_IR 100", None),
        ("பாலா".encode("utf-16-be"), b"ISO_IR 192", None),
        (b"b\t0\t1\nte\t9", b"ISO_IR 100", "b\t0\t1\nte\t9"),
    ],
)
def test_text_of_a_character_set(raw: bytes, declared: bytes, expected: str | None) -> None:
    """None where the bytes are not of it, even if a lenient reader makes something of them."""
    assert text_in(raw, declared) == expected


@pytest.mark.parametrize(
    "text", ["Größe", "informações", "příčný řez", "«tête»", "5 µm 90°", "à l'épaule", "Æble", "ÜBERSICHT"]
)
def test_words_of_europe_do_not_look_foreign(text: str) -> None:
    """Two letters beyond ASCII may stand beside each other."""
    declared = b"ISO_IR 101" if "ř" in text else b"ISO_IR 100"
    raw = text.encode("iso8859_2" if "ř" in text else "latin_1")
    assert not looks_foreign(text, raw, declared)


@pytest.mark.parametrize(
    ("text", "encoding"),
    [("Müller", "utf-8"), ("王芳", "gbk"), ("李娜", "gbk"), ("김민수", "cp949"), ("林志明", "cp950")],
)
def test_bytes_of_other_encodings_look_foreign(text: str, encoding: str) -> None:
    """In ISO_IR 100 every byte above A0 is a letter or a sign."""
    raw = b"CT " + text.encode(encoding)
    assert looks_foreign(raw.decode("latin_1"), raw, b"ISO_IR 100")


def test_readings_and_forms() -> None:
    """From bytes to what they may say, and back to all bytes that say it."""
    raw = "山田太郎".encode("cp932")
    assert "山田太郎" in readings_of(raw, b"ISO_IR 100")
    assert readings_of("山田".encode(), b"ISO_IR 192") == ("山田",)
    for encoding in ("utf-16-le", "utf-16-be"):  # bytes that are ASCII throughout, with tabs
        assert "सीता" in readings_of("सीता".encode(encoding), b"ISO_IR 100")
    assert {"山田".encode(e) for e in ("cp932", "euc_jp", "gb18030", "utf-8", "utf-16-le")} <= set(
        forms_of("山田^太郎", names=True)
    )
    assert parts_of_dense("김민수") == ("김", "민수", "김민", "수")
    assert is_plausible("Müller")
    assert not is_plausible("Íõ·¼")


def test_what_is_unreadable_is_named() -> None:
    """By its tag, at every depth."""
    source = with_texts("ISO_IR 192", PatientName=b"A", Manufacturer=b"\xff\xfe")
    assert unreadable(read_file(memoryview(source)).elements) == 0x00080070


VIETNAMESE = "Nguyễn^Thị Hương"
#: As iconv writes them, and as fonts of VNI do.
IN_VIETNAMESE = {
    "VISCII": {"Nguyễn": "4e677579ad6e", "Hương": "48dfbd6e67", "ĐỖ": "d092"},
    "TCVN": {"Nguyễn": "4e677579d46e", "Hương": "48adac6e67", "ĐỖ": "a7f0"},
    "VNI": {"Nguyễn": "4e67757965e36e", "Hương": "48f6f46e67", "ĐỖ": "d14fc3"},
}


@pytest.mark.parametrize("encoding", IN_VIETNAMESE)
@pytest.mark.parametrize("declared", ["ISO_IR 192", "ISO_IR 100", ""])
def test_vietnamese_names_are_known_in_encodings_that_python_does_not_have(encoding: str, declared: str) -> None:
    """The name is in UTF-8; the maker and the description have it in VISCII, TCVN or VNI, with words around it."""
    for word in ("Nguyễn", "Hương"):
        raw = bytes.fromhex(IN_VIETNAMESE[encoding][word])
        for text in (raw, b"CT " + raw + b" HEAD", raw.upper()):
            source = with_texts(
                declared, PatientName=VIETNAMESE.encode(), StudyDescription=text, Manufacturer=text + b" 5mm"
            )
            assert raw not in left(source)


@pytest.mark.parametrize("encoding", IN_VIETNAMESE)
def test_vietnamese_letters_have_the_bytes_of_their_encoding(encoding: str) -> None:
    """Small ones, capitals, and those with two marks."""
    for word, written in IN_VIETNAMESE[encoding].items():
        assert bytes.fromhex(written) in set(forms_in_vietnamese(word))


def test_every_vietnamese_letter_has_a_form_in_each_encoding() -> None:
    """Small ones and capitals: VISCII and TCVN one byte, VNI a letter and its marks, or a byte of its own."""
    small = "àảãáạằẳẵắặầẩẫấậèẻẽéẹềểễếệìỉĩíịòỏõóọồổỗốộờởỡớợùủũúụừửữứựỳỷỹýỵăâêôơưđ"
    for letter in small + small.upper():
        assert len(set(forms_in_vietnamese(letter))) >= 2
    assert list(forms_in_vietnamese("Smith")) == []
    assert list(forms_in_vietnamese("Жук")) == []


@pytest.mark.parametrize("order", ["le", "be"])
@pytest.mark.parametrize("name", ["Nguyễn", "山田", "Кузнецов"])
def test_undeclared_utf_32_is_no_text_of_the_character_set(name: str, order: str) -> None:
    """Whole, and between ASCII."""
    raw = name.encode(f"utf-32-{order}")
    for declared in ("ISO_IR 192", "ISO_IR 100", "ISO_IR 144", ""):
        for text in (raw, b"CT " + raw + b" HEAD"):
            source = with_texts(declared, PatientName=name.encode(), StudyDescription=text, Manufacturer=text)
            assert raw not in left(source)


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_two_chinese_letters_that_are_ascii_in_utf_16_are_found(encoding: str) -> None:
    """山田 is q, a backslash, 0 and u, and the backslash separates values."""
    raw = "山田".encode(encoding)
    assert raw.isascii()
    source = with_texts("ISO_IR 192", PatientName="山田^太郎".encode(), StudyDescription=b"CT " + raw, Manufacturer=raw)
    assert raw not in left(source)
    harmless = with_texts("ISO_IR 192", PatientName="山田^太郎".encode(), StudyDescription=b"CT HEAD\\T2")
    assert b"CT HEAD\\T2" in left(harmless)


ESCAPED: dict[str, Callable[[str], bytes]] = {
    "quoted-printable": lambda text: quopri.encodestring(text.encode()).strip(),
    "RTF": lambda text: "".join(c if c.isascii() else f"\\u{ord(c)}?" for c in text).encode(),
    "RTF in bytes": lambda text: "".join(
        c if c.isascii() else f"\\'{b:02x}" for c in text for b in c.encode()
    ).encode(),
    "JSON": lambda text: json.dumps(text)[1:-1].encode(),
    "mail": lambda text: Header(text, "utf-8").encode().encode(),
    "mailbox": lambda text: text.encode("utf-7").replace(b"+", b"&"),
}


@pytest.mark.parametrize("way", ESCAPED)
@pytest.mark.parametrize("name", ["Hương", "Кузнецов", "太郎", "山田"])
def test_names_in_escapes_go_with_the_text(way: str, name: str) -> None:
    """Whether somebody in the file has the name or not: nobody writes technique so."""
    raw = ESCAPED[way](name)
    for patient in (name, "Smith"):
        if way == "mailbox" and patient == "Smith":
            continue  # it reads as words of letters
        for text in (raw, b"CT " + raw + b" HEAD"):
            source = with_texts("ISO_IR 192", PatientName=patient.encode(), StudyDescription=text, Manufacturer=text)
            assert raw not in left(source)


WRITTEN_IN_BYTES = {
    "quoted-printable": lambda name: "".join(f"={byte:02X}" for byte in name.encode()),
    "hexadecimal": lambda name: "".join(f"\\x{byte:02x}" for byte in name.encode()),
    "octal": lambda name: "".join(f"\\{byte:03o}" for byte in name.encode()),
}


@pytest.mark.parametrize("way", WRITTEN_IN_BYTES)
@pytest.mark.parametrize("name", ["Quennesbury", "Quännesbüry"])
def test_every_letter_in_an_escape_is_read(way: str, name: str) -> None:
    """Of a name in ASCII, too, whoever has it."""
    escaped = WRITTEN_IN_BYTES[way](name)
    assert readable(f"CT {escaped}") == f"CT {name}"
    assert escaped.encode() not in left(with_texts("ISO_IR 192", ImageComments=escaped.encode()))


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("MRX⁴⁷¹¹⁸⁸²", "MRX4711882"),
        ("①②③④", "1234"),
        ("₄₇₁", "471"),
        ("10⁶ cm² m³", "10⁶ cm² m³"),
        ("a=40 =41", "a=40 =41"),
    ],
)
def test_raised_and_encircled_digits_are_read(text: str, plain: str) -> None:
    """Three and more in a row; a power stays."""
    assert readable(text) == plain


@pytest.mark.parametrize("text", ["TE=80 TR=2000", "FA=90=", "T1\\T2", "b=1000", "C:\\usr", "AX&COR-PD", "eff=AB=T2"])
def test_texts_that_look_a_little_like_escapes_are_none(text: str) -> None:
    assert not looks_foreign(text, text.encode(), b"ISO_IR 192")
