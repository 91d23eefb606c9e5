"""Family names as thirty languages form them. Nobody has to be called so: the syllables are put together."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_FIRST = ["Ba", "Bre", "Cha", "Da", "Dro", "Fe", "Ga", "Gri", "Ha", "Ja"]
_FIRST += ["Ka", "Kle", "Lo", "Ma", "Ne", "Pa", "Ri", "Sha", "Te", "Vu"]
_SECOND = ["bra", "chi", "dle", "fa", "gro", "ja", "ka", "lli", "mo", "nda"]
_SECOND += ["po", "ri", "sko", "tha", "va", "we", "xi", "yo", "zu", "hle"]
#: What the names of a language end in, without accents: the files of the benchmark have all character sets.
LANGUAGES: Mapping[str, tuple[str, ...]] = {
    language: tuple(endings.split())
    for language, endings in (
        ("Albanian", "aj qi shi lleshi naj zhi dhaj vcij"),
        ("Arabic", "hani bawi dour gheeb mmadi rrazi wfiq zzam"),
        ("Armenian", "nyan rian sian tchyan ljian ghyan khian vyan"),
        ("Basque", "goitia rrieta txea zabal lurre beitia dizabal garate"),
        ("Bulgarian", "rov nchev dzhiev mirov tkov zlatev jdarov lchev"),
        ("Catalan", "dell nyola puig ralls tges vila llach sset"),
        ("Chinese", "ngzhou xiang zheng qiong jiang ngwei shuai ngxue"),
        ("Croatian", "jkovic ncic rsic vcevic zubic lkic dakovic mljan"),
        ("Czech", "cek dlicka hnal jska lcik ranek skocil vrda"),
        ("Danish", "gaard lsen mgaard ndsen rup skov trup bjerg"),
        ("Dutch", "dijk huizen kamp meijer stra veld wijk zenga"),
        ("English", "bury combe dwick field hurst thorpe worth ngham"),
        ("Estonian", "mets pold rand saar sild tamm ver luik"),
        ("Filipino", "dugan gsayo lacay ngban pulag sumpit tagan yonan"),
        ("Finnish", "honen kainen ltonen mpinen npaa rvinen skela ttila"),
        ("French", "chaud deux gnier llaud nnet quin teau vreuil"),
        ("Georgian", "dze shvili uridze kadze lashvili nadze tidze vadze"),
        ("German", "bauer dorfer hauser ltmann mberger nkamp rsleben wald"),
        ("Greek", "akis opoulos idis andreou ntzis ridis stakis vlos"),
        ("Hebrew", "bsohn dovitz hanim kovsky lstein mowitz rzog tzki"),
        ("Hindi", "chand dhary garwal krishn ndey prasad tnagar vastav"),
        ("Hungarian", "falvi gyesi hidi kovary nyi rmezi szegi vasy"),
        ("Icelandic", "dsson grimsson kelsson ldsson mundsson rsdottir steinsson varsson"),
        ("Italian", "cchini dorelli gnone lducci nzetti rbieri scotti vecchi"),
        ("Japanese", "hashi kawa moto mura nishi shima tani zaki"),
        ("Korean", "ngmin hyuk jeong seok woong yeol kyung chul"),
        ("Polish", "browski czyk dlarz kiewicz lski nski rzyk wicki"),
        ("Portuguese", "cedo galhaes lheiro mpos nheiro reira sconcelos valho"),
        ("Turkish", "cioglu demir kaya kurt lmaz oglu rslan yildiz"),
        ("Vietnamese", "nghiep khanh nguyet phuong quynh thanh trinh xuyen"),
    )
}


def name_of(number: int) -> tuple[str, str]:
    """Return the language and the name of a number; each number below 96,000 has a name of its own."""
    rest, which = divmod(number, len(LANGUAGES))
    language = tuple(LANGUAGES)[which]
    rest, end = divmod(rest, len(LANGUAGES[language]))
    first, second = divmod(rest, len(_SECOND))
    return language, _FIRST[first % len(_FIRST)] + _SECOND[second] + LANGUAGES[language][end]
