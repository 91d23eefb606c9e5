"""Identifiers in the forms of real systems: record and order numbers, national health numbers, UUIDs, serial numbers.

All numbers are made up. A check digit or letter is right where the form has one that a reader would test.
"""

from __future__ import annotations

import string
import uuid
from collections.abc import Callable, Mapping
from itertools import pairwise
from random import Random

_LETTERS = string.ascii_uppercase
_HEX = "0123456789ABCDEF"
#: Crockford's alphabet: codes that are read aloud leave out I, L, O and U.
_SPOKEN = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

Form = Callable[[Random], str]


def _digits(random: Random, count: int) -> str:
    return "".join(random.choices(string.digits, k=count))


def _letters(random: Random, count: int) -> str:
    return "".join(random.choices(_LETTERS, k=count))


def _pattern(pattern: str) -> Form:
    """9 is a digit, A a letter, H a hexadecimal digit; all else stands for itself."""
    alphabets = {"9": string.digits, "A": _LETTERS, "H": _HEX}

    def make(random: Random) -> str:
        return "".join(random.choice(alphabets[c]) if c in alphabets else c for c in pattern)

    return make


def _day(random: Random, form: str) -> str:
    parts = {"D": f"{random.randint(1, 28):02}", "M": f"{random.randint(1, 12):02}", "Y": f"{random.randint(20, 99)}"}
    return "".join(parts[c] for c in form)


def _hexadecimal(random: Random) -> str:
    """Eight digits, of them at least two letters and two numbers, as hashed and device-made numbers are."""
    while True:
        code = "".join(random.choices(_HEX, k=8))
        if sum(map(str.isalpha, code)) >= 2 and sum(map(str.isdigit, code)) >= 2:
            return code


def _spoken(random: Random) -> str:
    """Five signs, letters and digits in turn."""
    letters = [c for c in _SPOKEN if c.isalpha()]
    return "".join(random.choice(letters if place % 2 == 0 else string.digits) for place in range(5))


def _mixed_short(random: Random) -> str:
    """Six signs of a booking system, two digits or more, not all behind the letters."""
    while True:
        code = "".join(random.choices(_SPOKEN, k=6))
        changes = sum(a.isdigit() != b.isdigit() for a, b in pairwise(code))
        if sum(map(str.isdigit, code)) >= 2 and changes >= 3:
            return code


def _nhs(random: Random) -> str:
    """England: the tenth digit is a check modulo 11."""
    while True:
        digits = _digits(random, 9)
        check = 11 - sum(int(d) * (10 - place) for place, d in enumerate(digits)) % 11
        if check != 10:
            number = f"{digits}{check % 11}"
            return f"{number[:3]} {number[3:6]} {number[6:]}"


def _nir(random: Random) -> str:
    """France: sex, year, month, department, commune, number, key."""
    parts = [random.choice("12"), _digits(random, 2), f"{random.randint(1, 12):02}", f"{random.randint(1, 95):02}"]
    parts += [f"{random.randint(1, 999):03}", f"{random.randint(1, 999):03}"]
    return " ".join([*parts, f"{97 - int(''.join(parts)) % 97:02}"])


def _fiscale(random: Random) -> str:
    """Italy: six letters of the name, the day, the place, a check letter."""
    month, day = random.choice("ABCDEHLMPRST"), random.randint(1, 28) + random.choice((0, 40))
    place = f"{_letters(random, 1)}{_digits(random, 3)}"
    return f"{_letters(random, 6)}{_digits(random, 2)}{month}{day:02}{place}{_letters(random, 1)}"


def _curp(random: Random) -> str:
    """Mexico."""
    return f"{_letters(random, 4)}{_day(random, 'YMD')}{random.choice('HM')}{_letters(random, 5)}{_digits(random, 2)}"


def _nie(random: Random) -> str:
    """Spain: the letter is the number modulo 23."""
    number = random.randint(0, 99_999_999)
    return f"{number:08}{'TRWAGMYFPDXBNJZSQVHLCKE'[number % 23]}"


def _fin(random: Random) -> str:
    """Singapore."""
    return f"{random.choice('STFG')}{_digits(random, 7)}{_letters(random, 1)}"


def _hetu(random: Random) -> str:
    """Finland."""
    number = int(_day(random, "DMY")), random.randint(2, 899)
    check = "0123456789ABCDEFHJKLMNPRSTUVWXY"[int(f"{number[0]:06}{number[1]:03}") % 31]
    return f"{number[0]:06}{random.choice('-A')}{number[1]:03}{check}"


def _uuid(random: Random) -> str:
    return str(uuid.UUID(int=random.getrandbits(128), version=4))


def _rodne(random: Random) -> str:
    """Czechia."""
    return f"{_day(random, 'YMD')}/{_digits(random, 4)}"


#: Systems for records, orders and accession numbers; device-made numbers. Name → how one is made.
SYSTEMS: Mapping[str, Form] = {
    "letters and digits in turn (A12B34C567)": _pattern("A99A99A999"),
    "hexadecimal, short (4F7A9C21)": _hexadecimal,
    "hexadecimal, long (32 digits)": lambda random: f"{random.getrandbits(128):032x}",
    "UUID": _uuid,
    "label and mixed (MRN12A34)": _pattern("MRN99A99"),
    "digits, dash, mixed (12-34A5)": _pattern("99-99A9"),
    "letters, digits, check letter (DKH9321B)": _pattern("AAA9999A"),
    "spoken code (K7Q2M)": _spoken,
    "booking code (7X2QK9)": _mixed_short,
    "site, year, number (CT-24-0917)": lambda random: (
        f"{random.choice(('CT', 'MR', 'US', 'XR', 'NM'))}-{random.randint(10, 26)}-{_digits(random, 4)}"
    ),
    "department, year, number (RAD2024001234)": lambda random: f"RAD{random.randint(2005, 2026)}{_digits(random, 6)}",
    "letter, number, year (E1234/19)": lambda random: (
        f"{_letters(random, 1)}{_digits(random, 4)}/{random.randint(10, 26)}"
    ),
    "number, year (12345/24)": lambda random: f"{_digits(random, 5)}/{random.randint(10, 26)}",
    "letter and six digits (A123456)": _pattern("A999999"),
    "letter and four digits (E4711)": _pattern("A9999"),
    "two letters and five digits (AB12345)": _pattern("AA99999"),
    "four digits and two letters (1234AB)": _pattern("9999AA"),
    "groups of digits (12-345-678)": _pattern("99-999-999"),
    "groups with spaces (12 345 678 9)": _pattern("99 999 999 9"),
    "groups with underscores (AB_123_456)": _pattern("AA_999_999"),
    "groups with dots (12.34.567)": _pattern("99.99.999"),
    "site and number, colon (STJ:004821)": _pattern("AAA:999999"),
    "pathology (S24-10382)": lambda random: f"{random.choice('SCBM')}{random.randint(10, 26)}-{_digits(random, 5)}",
    "serial number (PHC0012X7)": _pattern("AAA9999A9"),
    "MAC address (00:1A:2B:3C:4D:5E)": lambda random: ":".join(f"{random.getrandbits(8):02X}" for _ in range(6)),
    "trial subject (NCT-0417-022)": _pattern("AAA-9999-999"),
    "case in parts (2B-7C-19)": _pattern("9A-9A-99"),
    "number, year, modality (0917.24.CT)": lambda random: f"{_digits(random, 4)}.{_digits(random, 2)}.CT",
    "year, modality, number (24CT00123)": lambda random: f"{random.randint(10, 26)}CT{_digits(random, 5)}",
    "modality, day, number (CT240917-012)": lambda random: f"CT{_day(random, 'YMD')}-{_digits(random, 3)}",
    "modality, year, number (XR/2024/00123)": lambda random: f"XR/20{_digits(random, 2)}/{_digits(random, 5)}",
    "bank account (DE89 3704 0044 0532 0130 00)": _pattern("DE99 9999 9999 9999 9999 99"),
    "phone number (+49 151 2345678)": lambda random: (
        f"+{random.randint(20, 99)} {_digits(random, 3)} {_digits(random, 7)}"
    ),
}
#: National numbers of persons and of the insured.
NATIONAL: Mapping[str, Form] = {
    "England: NHS number": _nhs,
    "USA: social security number": _pattern("999-99-9999"),
    "USA: Medicare": lambda random: f"{random.randint(1, 9)}{_pattern('AA9-AA9-AA99')(random)}",
    "France: NIR": _nir,
    "Denmark: CPR": lambda random: f"{_day(random, 'DMY')}-{_digits(random, 4)}",
    "Sweden: personnummer": lambda random: f"19{_day(random, 'YMD')}-{_digits(random, 4)}",
    "Norway: fødselsnummer": lambda random: f"{_day(random, 'DMY')} {_digits(random, 5)}",
    "Finland: henkilötunnus": _hetu,
    "Korea: RRN": lambda random: f"{_day(random, 'YMD')}-{random.randint(1, 4)}{_digits(random, 6)}",
    "Italy: codice fiscale": _fiscale,
    "Switzerland: AHV": _pattern("756.9999.9999.99"),
    "India: Aadhaar": _pattern("9999 9999 9999"),
    "Mexico: CURP": _curp,
    "Brazil: CPF": _pattern("999.999.999-99"),
    "Spain: DNI": _nie,
    "Netherlands: BSN": _pattern("999999999"),
    "Poland: PESEL": lambda random: f"{_day(random, 'YMD')}{_digits(random, 5)}",
    "Singapore: NRIC": _fin,
    "Germany: KVNR": _pattern("A999999999"),
    "Czechia: rodné číslo": _rodne,
    "Australia: Medicare": _pattern("9999 99999 9"),
    "Canada (Ontario): health card": _pattern("9999-999-999-AA"),
    "Ireland: PPS": _pattern("9999999AA"),
    "Canada (Québec): RAMQ": _pattern("AAAA 9999 9999"),
    "Germany: pension insurance": _pattern("99 999999 A 999"),
    "United Kingdom: national insurance": _pattern("AA 99 99 99 A"),
    "Belgium: rijksregisternummer": lambda random: (
        f"{_digits(random, 2)}.{_digits(random, 2)}.{_digits(random, 2)}-{_digits(random, 3)}.{_digits(random, 2)}"
    ),
    "China: resident identity card": lambda random: f"{_digits(random, 17)}{random.choice('0123456789X')}",
    "Chile: RUT": _pattern("99.999.999-9"),
}
FORMS: Mapping[str, Form] = {**SYSTEMS, **NATIONAL}
