"""SendIt under attack. The seed is printed: `--attack-seed` attacks in the same way again."""

from __future__ import annotations

import io
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.uid import UID

from tests.attack import report
from tests.attack.attack import Attack, Outcome
from tests.attack.auditor import audit
from tests.attack.patients import SentStudy, late_instance, make_study, pixel_digest
from tests.servers.postgres import PostgresServer

PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"
#: A slow attack strikes as often as it is told, or so often on each database.
STRIKES = 150


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    given: int | None = request.config.getoption("--attack-seed")
    return random.SystemRandom().randrange(10**6) if given is None else given


def attacked(folder: Path, kills: int, seed: int, postgres: PostgresServer | None) -> Outcome:
    print(f"--attack-seed {seed}")
    outcome = Attack(folder / "attack", kills, seed, postgres).run()
    assert outcome.kills == kills
    assert outcome.clean, f"--attack-seed {seed}: {outcome}"
    return outcome


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_few_strikes(tmp_path: Path, seed: int) -> None:
    """What the large attack does, in small."""
    attacked(tmp_path, 4, seed, None)


@pytest.fixture(scope="module")
def outcomes() -> Iterator[list[Outcome]]:
    """Of the large attacks; written down when both have come to their end and were large enough."""
    found: list[Outcome] = []
    yield found
    if len(found) == 2 and min(outcome.kills for outcome in found) >= report.LEAST:
        report.write(PAGE, found)


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_an_attack(
    request: pytest.FixtureRequest, tmp_path: Path, seed: int, database: str, outcomes: list[Outcome]
) -> None:
    """0 lost, 0 twice, 0 identified, 0 withdrawn that came back, 0 left in staging, 0 orphans, 0 innocent held."""
    postgres: PostgresServer | None = PostgresServer().start() if database == "postgresql" else None
    try:
        kills = request.config.getoption("--attack-strikes") or STRIKES
        outcomes.append(attacked(tmp_path, kills, seed, postgres))
    finally:
        if postgres is not None:
            postgres.stop()


# The auditor itself: a fault that it does not see would make the attack say nothing.


def leaked(data: bytes, study: SentStudy) -> bytes:
    dataset = dcmread(io.BytesIO(data))
    dataset.PatientComments = f"seen {study.maker.person.patient_id}"
    buffer = io.BytesIO()
    dataset.save_as(buffer)
    return buffer.getvalue()


def cleaned(data: bytes) -> bytes:
    """As SendIt would send it, for the auditor's purposes: the samples and nothing else."""
    dataset = dcmread(io.BytesIO(data))
    for element in list(dataset):
        if element.VR in ("PN", "LO", "SH", "DA", "UI") and element.keyword != "SOPClassUID":
            del dataset[element.tag]
    dataset.SOPInstanceUID = UID("2.25.1")
    buffer = io.BytesIO()
    dataset.file_meta.MediaStorageSOPInstanceUID = UID("2.25.1")
    dataset.save_as(buffer)
    return buffer.getvalue()


Harm = Callable[[list[bytes], list[SentStudy]], list[bytes]]
HARMS: dict[str, tuple[Harm, dict[str, int]]] = {
    "nothing": (lambda files, _: files, {}),
    "lost": (lambda files, _: files[1:], {"lost": 1}),
    "twice": (lambda files, _: [*files, files[0]], {"twice": 1}),
    "identified": (lambda files, studies: [leaked(files[0], studies[0]), *files[1:]], {"identified": 1}),
    "another's": (lambda files, studies: [leaked(files[0], studies[1]), *files[1:]], {"identified": 1}),
    "withdrawn": (lambda files, studies: [*files, *map(cleaned, studies[2].files)], {"withdrawn": 2}),
    "unknown": (lambda files, _: [*files, cleaned(make_study(99, 1).files[0])], {"unknown": 1}),
}


@pytest.mark.parametrize("harm", HARMS)
def test_what_the_auditor_finds(harm: str) -> None:
    """Each kind of fault, and nothing where there is none."""
    studies = [make_study(number, 2) for number in range(3)]
    studies[2].withdrawn = True
    files = [cleaned(file) for study in studies[:2] for file in study.files]
    do, expected = HARMS[harm]
    entries = [Image(f"2.25.{number}") for number in range(4)]
    found = audit(studies, {"target": do(files, studies)}, entries)
    kinds = ("lost", "twice", "identified", "withdrawn", "unknown")
    assert {kind: getattr(found, kind) for kind in kinds if getattr(found, kind)} == expected
    assert found.clean is not bool(expected)


class Image(dict[str, str]):
    """An entry of the index."""

    kind = "Image"

    def __init__(self, name: str) -> None:
        super().__init__()
        self.key = type("Key", (), {"name": name})()


def test_studies_are_made_by_their_number() -> None:
    """The same number makes the same samples and another one others; the fourth is of the third's patient."""
    first, third, fourth = (make_study(number, 2) for number in (1, 2, 3))
    assert make_study(1, 2).digests == first.digests
    assert not first.digests & third.digests
    assert len({*third.digests, *map(pixel_digest, (late_instance(third), late_instance(third)))}) == 4
    assert third.maker.person == fourth.maker.person != first.maker.person
