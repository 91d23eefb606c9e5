"""Names of 34 languages, family names before the bar and given names behind it. None is anybody's."""

from __future__ import annotations

import random

_LISTS = """
German: Müller Schröder Weiß Jäger Böhm Krüger Groß Köhler | Jörg Käthe Günther Änne Björn Sören Ute
French: Lefèvre Gérard Bézier Noël Légaré Côté Benoît Françoys | François Hélène Zoë André Élodie Gaëlle
Spanish: Muñoz Núñez Peña Ibáñez López Ordóñez Zúñiga | José Íñigo Sofía Ángel Begoña Martín
Portuguese: Gonçalves Simões Araújo Brandão Assunção Falcão | João Inês Conceição Estêvão Antônio Lúcia
Italian: Nicolò Cantù Morrò Forlì Salò Mercurì | Niccolò Noè Giosuè Michè Dalì
Dutch: Reünis Daniëls Oriënt Geërts Beëlaerts | Zoë André Chloë Loïs Daniël
Swedish: Sjöström Åkesson Öberg Lindström Björk Hägg | Åsa Göran Håkan Märta Björn Älva
Danish: Sørensen Kjær Østergård Nørgaard Højgaard Bæk | Søren Åse Jørgen Bjørn Ægir Kåre
Finnish: Hämäläinen Mäkinen Järvi Väisänen Pöyry Yrjönen | Päivi Jyrki Väinö Äijä Jäärni
Icelandic: Þórðarson Sigurðsson Ægisson Guðjónsson Ísfeld | Þór Guðrún Ása Björk Sæmundur Ólöf
Polish: Wójcik Łuczak Kowalczyński Żurek Gąsior Dąbrowa | Łukasz Małgorzata Wojtuś Bożena Święto Józef
Czech: Dvořák Nováček Říha Šťastný Čermák Žižka | Jiří Božena Ondřej Růžena Kateřina Štěpán
Slovak: Ďurčo Ľupták Mäsiar Šimkovič Ťažký | Ľubomír Tomáš Zdeňka Jáchym
Hungarian: Kovács Szőke Győri Tóth Fűzes Nemesűri | György Ágnes Zoltán Ödön Őrs Csilla
Romanian: Ştefan Ţurcanu Bălan Mureşan Cîrciu Vâlcea | Ştefania Ionuţ Cătălin Rareş Măriuca
Croatian: Đurić Šimić Perković Žagar Čović | Đuro Željko Krešimir Šime Živana
Turkish: Yılmaz Çağlar Öztürk Şahin Güneş Işık | Ayşe Gülşen Çağrı Ümit İsmail Özgür
Estonian: Tõnisson Pärn Küttis Õunap Jõgi Tšernov | Õie Jüri Märt Tõnu Külli
Latvian: Bērziņš Kļaviņa Ozoliņš Šķēle Āboliņa | Jānis Ģirts Žanete Ņina Kārlis
Lithuanian: Žukauskas Šarūnė Čiurlis Ėglė Ūselis | Žygimantas Rūta Šarūnas Ąžuolas Gražina
Vietnamese: Nguyễn Trần Phạm Đặng Võ Huỳnh | Thị Đức Hằng Tuấn Phượng Mỹ
Russian: Иванов Щербаков Ли Цой Ёлкин Журавлёва Ким | Пётр Юлия Ян Алёна Эдуард Ольга
Ukrainian: Шевченко Їжакевич Ґалаґан Єременко Коваль | Іван Олексій Їжак Наталія Євген
Bulgarian: Димитров Стоянов Желязкова Ъглева Попова | Георги Цветан Щерьо Юлиян
Serbian: Ђорђевић Љубичић Његош Ћосић Џонић | Ђура Љиљана Живко Његовна
Greek: Παπαδόπουλος Γεωργίου Ξενάκης Ψαρρού Ωραίος | Ιωάννης Ελένη Άννα Θεόδωρος Ζωή
Hebrew: כהן לוי מזרחי פרץ ביטון | דוד שרה יעקב רחל אבי
Arabic: الحسيني خوري منصور عبدالله القاسم | محمد فاطمة يوسف ليلى أحمد
Persian: پورداود گلستان چراغی ژاله کریمی | پروین گیتی کامران چنگیز
Thai: สมบูรณ์ วงศ์ไทย ศรีสุข ใจดี ทองคำ | สมชาย วิชัย มาลี ณัฐ กิตติ
Hindi: शर्मा कुमार सिंह गुप्ता अय्यर | राम सीता विजय अनिल प्रिया
Japanese: 山田 佐藤 林 高橋 五十嵐 斎藤 渡邉 タナカ すずき | 太郎 花子 翔 美咲 健 ヒロシ さくら
Simplified: 王 李 张 欧阳 刘 陈 赵 诸葛 | 芳 伟 娜 小明 秀英 建国 高辉
Traditional: 陳 黃 張 歐陽 劉 蕭 葉 謝 | 淑芬 志明 家豪 雅婷 龍 怡君
Korean: 김 이 박 최 남궁 조 윤 황보 | 민수 서연 영희 준 하늘 지훈
"""
#: So many of a language's names are written without anything between family and given name.
_UNSEPARATED = {"Japanese", "Simplified", "Traditional", "Korean", "Thai"}


def languages() -> dict[str, tuple[list[str], list[str]]]:
    """Family and given names by language."""
    found = {}
    for line in _LISTS.strip().splitlines():
        language, _, names = line.partition(": ")
        families, _, given = names.partition(" | ")
        found[language] = (families.split(), given.split())
    return found


def names(count: int, seed: int = 1) -> list[tuple[str, str, str]]:
    """So many names: language, value of PN, and how the name is written as one in a text."""
    chance, made = random.Random(seed), []
    known = languages()
    for number in range(count):
        language = list(known)[number % len(known)]
        family, given = map(chance.choice, known[language])
        if language in _UNSEPARATED:
            separator = chance.choice(("^", "", " "))
            made.append((language, f"{family}{separator}{given}", f"{family}{given}"))
        else:
            made.append((language, f"{family}^{given}", f"{given} {family}"))
    return made
