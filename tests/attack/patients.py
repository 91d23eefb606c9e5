"""What is sent in an attack, and what the auditor may find of it: made from the seed, by number."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from pydicom import dcmread
from pydicom.filebase import DicomBytesIO

from tests.dicom import Person, StudyMaker

_LETTERS = "BCDFGHKLMNPRSTVWXZ"


def pixel_digest(data: bytes) -> str:
    """Of the samples of a DICOM file: SendIt passes them on, so they tell which input an output was made of."""
    return hashlib.sha256(bytes(dcmread(DicomBytesIO(data)).PixelData)).hexdigest()


def _word(number: int) -> str:
    """A surname that no table knows and that stands for this number."""
    text = ""
    for _ in range(5):
        number, digit = divmod(number, len(_LETTERS))
        text += _LETTERS[digit] + "aeiou"[digit % 5]
    return text.capitalize()


@dataclass
class SentStudy:
    """One study that was sent, or is being sent."""

    number: int
    maker: StudyMaker
    files: list[bytes]
    digests: set[str] = field(default_factory=set)
    orthanc_id: str = ""
    withdrawn: bool = False

    @property
    def tokens(self) -> list[bytes]:
        """What would identify it, in whatever leaves."""
        person = self.maker.person
        texts = [person.patient_id, person.birth_date, self.maker.accession_number, *person.name.split("^")]
        texts += [self.maker.study_uid, self.maker.series_uid, "Hospital of Nowhere", "Thistlewood"]
        return [text.encode() for text in texts]


def make_study(number: int, instances: int) -> SentStudy:
    """The study of this number; every fourth one is of the same patient as the one before."""
    patient = number - number % 4 // 3
    name = f"{_word(patient * 7 + 11)}^{_word(patient * 13 + 5)}"
    birth_date = f"19{30 + patient % 60:02}{1 + patient % 12:02}{1 + patient % 28:02}"
    person = Person(f"MRN-{7_000_000 + patient}", name, birth_date)
    maker = StudyMaker(person, accession_number=f"ACC{55_000_000 + number}", rows=32)
    # The numbers go into the samples, so that no two instances have the same ones.
    files = [maker.instance(number * 100 + index + 1) for index in range(instances)]
    return SentStudy(number, maker, files, {pixel_digest(file) for file in files})


def late_instance(study: SentStudy) -> bytes:
    """One more instance of a study; it counts as sent with the rest."""
    file = study.maker.instance(study.number * 100 + len(study.files) + 1)  # another one each time
    study.files.append(file)
    study.digests.add(pixel_digest(file))
    return file
