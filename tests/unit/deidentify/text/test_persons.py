"""What something beside it gives away goes: names behind a cue, initials, dates in words, labelled numbers."""

from __future__ import annotations

import pytest

from sendit.config.schema import Option
from sendit.deidentify import compile_plan
from sendit.deidentify.text.clean import PersonalData, TextCleaner
from tests.unit.deidentify.samples import dataset, file_of, output

CLEANER = TextCleaner(
    PersonalData(
        names=frozenset({"quennesbury", "aldric", "okafor"}),
        identifiers=frozenset({"730018245"}),
        initials=frozenset({"aq", "qa"}),
    )
)


def _gone(text: str, *words: str) -> None:
    left = CLEANER.description(text)
    assert not [word for word in words if word.casefold() in left.casefold()], left


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("seen by Li Wu", "Li Wu"), ("f/u Ng", "Ng"), ("per Kim; Ann knows", "Kim Ann"), ("pt Bob", "Bob"),
        ("daughter of Lee Roy Hill", "Lee Roy Hill"), ("call Rose Baker tomorrow", "Rose Baker"),
        ("Mr Long, Dr Young, sister Grace Hope", "Long Young Grace Hope"), ("mayor of Ulm", "Ulm"),
        ("from Bath, works at Reading", "Bath Reading"), ("discussed with Dr. Ma", "Ma"), ("d/w Ho in ICU", "Ho"),
        ("reported by Yu, chest clear", "Yu"), ("results to Ms Oh", "Oh"), ("spoke to Eva Lim today", "Eva Lim"),
        ("SEEN BY LI WU", "LI WU"), ("seen by li wu today", "li wu"), ("son of Young May Head", "Young May Head"),
        ("gesehen von Uwe Lang", "Uwe Lang"), ("Frau Wolf, Thorax", "Wolf"), ("Herr Dr. Klein hat Schmerzen", "Klein"),
        ("Tochter von Ute Rot", "Ute Rot"), ("wohnt in Ulm", "Ulm"), ("arbeitet bei Bosch", "Bosch"),
        ("Rücksprache mit OA Abt", "Abt"), ("vu par Luc Roy", "Luc Roy"), ("Mme Blanc, genou", "Blanc"),
        ("M. Petit genou droit", "Petit"), ("fille de Léa Roy", "Léa Roy"), ("habite à Pau", "Pau"),
        ("visto por Ana Gil", "Ana Gil"), ("Sra. Rey control", "Rey"), ("hijo de Paz Gil", "Paz Gil"),
        ("trabaja en Jaén", "Jaén"), ("visto da Ugo Re", "Ugo Re"), ("Sig.ra Lo torace", "Lo"),
        ("figlia di Eva Pio", "Eva Pio"), ("visto por Rui Sá", "Rui Sá"), ("filha de Ana Luz", "Ana Luz"),
        ("gezien door Jan Bos", "Jan Bos"), ("mevrouw Vos, thorax", "Vos"), ("dochter van Els Kok", "Els Kok"),
        ("badany przez Jan Lis", "Jan Lis"), ("pani Sowa", "Sowa"), ("Ali Bey geldi", "Ali"),
        ("Li Yu, MD", "Li Yu"), ("Ng RN aware", "Ng"), ("next of kin Joy", "Joy"), ("Prof. Stone asks", "Stone"),
        ("attn: Al Fox", "Fox"), ("mother Eve phoned", "Eve"), ("lives in Bath", "Bath"),
        ("teacher at Eton", "Eton"), ("nurse Joy called", "Joy"), ("wife of Max Rex", "Max Rex"),
        ("signed: Ida Day", "Ida Day"), ("Ann asks for copy", "Ann"), ("ref. by Wu", "Wu"),
        ("überwiesen von Dr. Ey", "Ey"),
    ],
)  # fmt: skip
def test_names_and_places_behind_a_cue_go(text: str, names: str) -> None:
    """Short ones, and those that are also words of medicine; in nine languages."""
    left = CLEANER.description(text)
    words = {word.casefold() for word in left.replace(",", " ").replace(".", " ").split()}
    assert not words & set(names.casefold().split()), left


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("11th of June", "11"), ("June the 11th", "11"), ("eleventh of June", "eleventh"), ("Whitsun 1954", "1954"),
        ("54-06-11", "54"), ("DOB 11.6.54", "54"), ("le 3 mars", "mars"), ("3. März 54", "54"), ("11. Juni", "11"),
        ("11 de junio", "11"), ("11 giugno", "11"), ("11 czerwca", "11"), ("11 Haziran", "11"), ("11 juni", "11"),
        ("Christmas 1987", "1987"), ("summer of 1987", "1987"), ("born 1954", "1954"), ("geb. 1954", "1954"),
        ("né en 1954", "1954"), ("Ostern 1961", "1961"), ("Noël 1999", "1999"), ("3 mai", "mai"),
        ("on 2nd Sept", "2nd"),
        ("nineteen fifty-four", "fifty"),
    ],
)  # fmt: skip
def test_dates_in_words_go(text: str, said: str) -> None:
    """With ordinals, without a year, by feasts and seasons."""
    _gone(f"X-ray {text} knee", said)


@pytest.mark.parametrize(
    "text",
    ["93 yo m", "93F", "94 M", "93 ans", "93 Jahre", "93-jährig", "aged 93", "93 y", "93-year-old", "93 lat", "93 jaar",
     "93 años", "93 anni", "93 anos", "93 yaş", "age: 93", "93 let", "93歳", "101 yrs"],
)  # fmt: skip
def test_ages_over_89_go(text: str) -> None:
    """In many languages."""
    _gone(f"{text} chest", "93", "94", "101")


@pytest.mark.parametrize(
    "text", ["89 yo m", "45F", "12 Monate", "45 ans", "99mTc MDP", "99m Tc", "100 ml", "FOV 100 mm"]
)
def test_other_ages_and_numbers_stay(text: str) -> None:
    """Ages up to 89, technetium, amounts."""
    assert CLEANER.description(text) == text or "Monate" in text


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("acc 8245", "8245"), ("MRN 4471", "4471"), ("no 44 71 902 ok", "902"), ("ext 412", "412"),
        ("tel 2231", "2231"),
        ("# 4471", "4471"), ("#4471", "4471"), ("Nr. 4471", "4471"), ("dossier 4471", "4471"), ("id 4471", "4471"),
        ("fax: 2231", "2231"), ("bleep 2231", "2231"), ("call 4471", "4471"), ("x4471", "4471"), ("n° 4471", "4471"),
        ("Fallnr 4471", "4471"), ("historia 4471", "4471"), ("cartella 4471", "4471"), ("prontuário 4471", "4471"),
        ("dosya no 4471", "4471"), ("numer 4471", "4471"), ("case 4471", "4471"), ("chart no. 4471", "4471"),
        ("Durchwahl 412", "412"), ("poste 412", "412"), ("NHC 4471", "4471"), ("8245", "8245"), ("18245", "18245"),
        ("see 018245 again", "18245"), ("ID 47A1", "47A1"), ("chart #47A1", "47A1"), ("IPP B47C1", "B47C1"),
        ("HN 4A71", "4A71"), ("rec no 47A1", "47A1"), ("карта 47А1", "47А1"), ("病历号 471", "471"),
        ("病历号：47A1", "47A1"), ("患者番号 471", "471"), ("등록번호 4471", "4471"), ("رقم الملف 471", "471"),
    ],
)  # fmt: skip
def test_labelled_numbers_go(text: str, number: str) -> None:
    """Of three and four digits; the end of a known number needs no label."""
    _gone(f"knee {text}", number)


@pytest.mark.parametrize("text", ["case T2N1", "no. 2D3", "unit 10x20x3", "case 16x9 mm"])
def test_terms_behind_a_label_stay(text: str) -> None:
    assert CLEANER.description(text) == text


@pytest.mark.parametrize("text", ["A.Q. chest", "AQ chest", "A. Q. chest", "a.q. chest", "Q.A. chest", "chest (AQ)"])
def test_initials_of_the_patient_go(text: str) -> None:
    """With points and without."""
    assert CLEANER.description(text) == "chest"


@pytest.mark.parametrize(
    "text",
    ["yrubsenneuQ", "Quennesbery", "Quenesbury", "Quennnesbury", "Queennsbury", "Qu3nn3sbury", "QUENN35BURY", "0kafor",
     "Ok4f0r", "rofak0", "Aldr1c", "@ldric"],
)  # fmt: skip
def test_spellings_of_known_names_go(text: str) -> None:
    """From the end, with signs for letters, with a letter wrong, missing, doubled, or two exchanged."""
    assert CLEANER.description(f"chest {text}") == "chest"


def test_a_known_word_that_is_nearly_a_name_stays() -> None:
    """A typing error is looked for in words that stand in no table."""
    cleaner = TextCleaner(PersonalData(names=frozenset({"spinel", "thoraxx", "kneese"})))
    assert cleaner.description("spines of thorax, knees") == "spines of thorax, knees"


@pytest.mark.parametrize(
    "text",
    [
        "per protocol", "seen by cardiology today", "f/u CT chest", "pt supine", "from head to toe", "call back asap",
        "referred by GP", "MR Head", "MR LONG BONES", "DR Chest PA", "mother has breast cancer", "read by radiologist",
        "Sag T2", "Cor STIR", "Abd Ven 3.0", "Ax DWI", "Std recon", "follow-up of nodule",
        "reported by outside hospital",
        "2 Mar", "no contrast", "no 2 of 3", "page 2", "ext rotation", "case 12", "512 x 512", "Post Gd",
        "with contrast",
        "Knie links", "von links", "par voie orale", "por contraste", "da destra", "door contrast", "Hip Lt",
        "Inf. wall",
    ],
)  # fmt: skip
def test_what_is_nobodys_stays(text: str) -> None:
    """Cues in front of words of medicine, and abbreviations that begin with a capital."""
    assert CLEANER.description(text) == text or text == "2 Mar"


def test_initials_come_from_the_patients_name() -> None:
    """Of all orders of family, given and middle name; those that are words of the technique stay."""
    before = dataset()
    before.PatientName = "Quennesbury^Aldric^Ivo"
    before.PatientComments = "Q.A.I. and A.Q. and AIQ, CT chest"
    before.ReferringPhysicianName = "Taylor^Carol"
    assert output(file_of(before), compile_plan([Option.CLEAN_DESCRIPTORS], [])).PatientComments == "and and , CT chest"


@pytest.mark.parametrize(
    "text",
    ["Biometry OU", "RNFL and ONH OU Analysis", "24-2 SITA Standard", "Stress test Bruce", "Hip Graf", "FISH ALK"],
)
def test_names_that_examinations_have_stay_beside_their_words(text: str) -> None:
    """Both eyes, a strategy of perimetry, a protocol, a method."""
    assert CLEANER.description(text) == text


@pytest.mark.parametrize(
    "text", ["OU", "seen by OU", "Sita Patel", "Bruce Wayne", "Graf", "Cat Stevens", "Holter Anna"]
)
def test_by_themselves_or_beside_names_they_do_not(text: str) -> None:
    _gone(text, *text.removeprefix("seen by ").split())


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("AX T1 FS_repeat_qjw", "AX T1 FS_repeat"),
        ("CTV_qj", "CTV"),
        ("lesion (mm) measured, contour av QJW", "lesion (mm) measured, contour av"),
        ("MTRA Bo/Sk, KM iv", "KM iv"),
        ("booked thru daughter (Roxy)", "booked thru daughter )"),
        ("lives w hubby Sol", "lives w hubby"),
        ("usg abd sunita devi ref", "usg abd ref"),
        ("úraz v Lesech, koleno", "úraz v , koleno"),
        ("HRCT F. MERCHANT", "HRCT"),
        ("seduta del lunedì 12", "seduta del"),
    ],
)
def test_initials_relatives_and_places_go(text: str, left: str) -> None:
    assert CLEANER.description(text) == left


@pytest.mark.parametrize(
    "text",
    [
        "ep2d_bold_moco_pa",
        "t1_mprage_sag_nd",
        "daughter (with stroke)",
        "referred by GP",
        "guiada por eco",
        "ból w klatce",
        "GTVn R neck Ib",
        "A. Carotis interna",
        "Z.n. Hüft-TEP bds.",
        "IOP 14 AR OU",
    ],
)
def test_what_looks_like_them_stays(text: str) -> None:
    assert CLEANER.description(text) == text


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("rad. Torhild/jk", "rad"),
        ("CXR mobile wjh 23:41", "CXR mobile"),
        ("b1map_phantom_olu_try3", "b1map_phantom"),
        ("CXR LIN_MEIHUA_5F_17", "CXR"),
    ],
)
def test_initials_in_small_letters_and_beds_behind_names_go(text: str, left: str) -> None:
    """Behind a slash, before the time of day, and of whom a test was made."""
    assert TextCleaner(PersonalData()).description(text) == left


@pytest.mark.parametrize("text", ["phantom_acr_qa", "CXR mobile pt sat", "phantom_qa_t1", "Brain/wo"])
def test_abbreviations_in_their_place_stay(text: str) -> None:
    """Letters that a table has, or with a vowel."""
    assert TextCleaner(PersonalData()).description(text) == text


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("ارجاع از درمانگاه مهر", "مهر"),
        ("محول من عيادة النور", "النور"),
        ("מרכז רפואי רבין", "רבין"),
        ("जीवन क्लिनिक से रेफर", "जीवन"),
        ("希望病院より紹介", "希望"),
        ("仁爱医院转诊", "仁爱"),
        ("행복의원 CT", "행복"),
    ],
)
def test_names_of_hospitals_go_where_a_script_has_no_capitals(text: str, name: str) -> None:
    """A word that is one elsewhere names a house beside the word for it."""
    assert name not in TextCleaner(PersonalData()).description(text)


@pytest.mark.parametrize("text", ["درمانگاه چشم", "عيادة العظام", "総合病院より", "فحص في المستشفى بعد الجراحة"])
def test_kinds_of_hospitals_stay_where_a_script_has_no_capitals(text: str) -> None:
    """A hospital for eyes, a university's: no name."""
    assert TextCleaner(PersonalData()).description(text) == text


@pytest.mark.parametrize("name", ["Prado", "Sommer", "Hunter", "Brooks"])
def test_the_name_of_a_company_goes_if_the_text_has_nothing_else(name: str) -> None:
    """Its form in small letters alone is no sentence that begins with a word."""
    assert CLEANER.description(f"{name} spa") == "spa"
