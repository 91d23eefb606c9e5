"""Issuing passports, and their keys, with a journal and key files but without servers."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from sendit.config.schema import load
from sendit.destinations import open_destination
from sendit.errors import Misconfigured, Retry
from sendit.journal import Journal
from sendit.journal.receipts.passports import PublicKey
from sendit.model import Delivery, DeliveryState, Rejected, Shipment
from sendit.pipeline.backups.high_water import JournalGuard
from sendit.pipeline.context import Services
from sendit.pipeline.passport.issue import Passports
from sendit.pipeline.passport.keys import PassportKeys, pem
from sendit.storage import dataset_digests
from sendit.storage.previews import Previews
from sendit.storage.staging import Staging
from tests.destinations.staged_instances import altered, shipment
from tests.passports import public_of, verified

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sendit.journal.receipts.passports import StoredPassport


class Office:
    """A journal with one batch, the folder "share" as its destination, and others that get no passport."""

    def __init__(self, folder: Path, share: Path) -> None:
        self.folder, self.share = folder, share
        modality = {"AET": "A", "Host": "127.0.0.1", "Port": 104}
        document = {
            "DicomModalities": {"archive": modality},
            "SendIt": {
                "DataDirectory": str(folder),
                "Destinations": {
                    "share": {"Type": "Folder", "Path": str(share)},
                    "none": {"Type": "Folder", "Path": str(share / "none"), "Passport": False},
                    "archive": {"Type": "DicomModality", "Modality": "archive"},
                    "object": {"Type": "DicomModality", "Modality": "archive", "Passport": True},
                },
                "Projects": {"IRB1": {"Match": {}, "Destinations": ["share"]}},
            },
        }
        self.settings, orthanc = load(document)
        self.journal = Journal.open("sqlite", folder)
        self.services = Services(
            settings=self.settings,
            journal=self.journal,
            source=cast("Any", None),
            staging=Staging(folder),
            previews=Previews(folder),
            scheduler=cast("Any", None),
            deidentification=cast("Any", SimpleNamespace(projects={})),
            destinations={n: open_destination(n, one, orthanc) for n, one in self.settings.destinations.items()},
            guard=JournalGuard(self.journal, folder),
        )
        self.batch = self.journal.intake.queue("study", "IRB1", ["i"], "x") or 0
        self.passports = Passports(self.services)

    def shipment(self, folder: Path) -> Shipment:
        return replace(shipment(folder, 2), batch_id=self.batch)

    def issue(self, sent: Shipment, destination: str = "share") -> StoredPassport | None:
        delivery = Delivery(self.batch, destination, DeliveryState.SENDING, 1, 0, 0, None, None)
        return Passports(self.services).issue(delivery, sent)

    def keys(self) -> PassportKeys:
        return PassportKeys(self.settings, self.journal)

    def files(self) -> list[str]:
        return sorted(str(path.relative_to(self.folder / "keys")) for path in self.folder.rglob("*.key"))


@pytest.fixture
def office(data_directory: Path, share_folder: Path) -> Iterator[Office]:
    one = Office(data_directory, share_folder)
    yield one
    one.journal.close()


@pytest.fixture
def share_folder(tmp_path: Path) -> Path:
    path = tmp_path / "share"
    path.mkdir()
    return path


def test_every_attempt_delivers_the_same_bytes(office: Office, tmp_path: Path) -> None:
    """Also without the staged files, and after the key was rotated; nothing is stored twice."""
    sent = office.shipment(tmp_path)
    first = office.issue(sent)
    assert first is not None
    office.keys().rotate("IRB1", "cli:root", "each year")
    for staged in sent.staged_instances:
        staged.path.unlink()
    assert office.issue(sent) == first
    assert office.journal.passports.of(office.batch) == {"share": first}


def test_instances_that_were_processed_again_get_another_passport(office: Office, tmp_path: Path) -> None:
    sent = office.shipment(tmp_path)
    first = office.issue(sent)
    other = altered(sent.staged_instances[0], tmp_path / "other", StudyDescription="another")
    changed = replace(sent, staged_instances=[other, *sent.staged_instances[1:]])
    second = office.issue(changed)
    assert second is not None
    assert second != first
    assert office.journal.passports.of(office.batch) == {"share": second}
    digests = {one["sha256"] for one in json.loads(second.content)["manifest"]["instances"]}
    assert digests == {one.receipt.output_sha256 for one in changed.staged_instances}


def test_what_gets_a_passport(office: Office, tmp_path: Path) -> None:
    """A folder unless it is told not to; a modality only if it is told to."""
    sent = office.shipment(tmp_path)
    got = {name for name in office.settings.destinations if office.issue(sent, name) is not None}
    assert got == {"share", "object"}


def test_a_digest_that_is_known_is_not_read_again(office: Office, tmp_path: Path) -> None:
    """It is known by the digest of the file, which the release check compares; the others are read."""
    sent = office.shipment(tmp_path)
    first, second = sent.staged_instances
    office.services.staging.datasets.remember(first.receipt.output_sha256, "a" * 64)
    issued = office.issue(sent)
    assert issued is not None
    named = {one["instance"]: one["dataset_sha256"] for one in json.loads(issued.content)["manifest"]["instances"]}
    read = dataset_digests.of_file(second.path)
    assert named == {first.receipt.sop_instance_uid: "a" * 64, second.receipt.sop_instance_uid: read}


def test_a_missing_staged_file_is_a_retry(office: Office, tmp_path: Path) -> None:
    sent = office.shipment(tmp_path)
    sent.staged_instances[0].path.unlink()
    with pytest.raises(Retry):
        office.issue(sent)
    assert office.journal.passports.of(office.batch) == {}


def test_a_key_is_made_once(office: Office) -> None:
    """Private, recorded with its public part, and the same for another process."""
    office.passports.prepare()
    (name,) = office.files()
    assert name == "passport/IRB1.key"
    assert (office.folder / "keys" / name).stat().st_mode & 0o777 == 0o600
    (known,) = office.keys().public("IRB1")
    assert (known.number, known.signature) == (1, "")
    assert office.keys().signing("IRB1").keys == [known]


def test_a_key_that_is_missing_or_another_is_never_made_anew(office: Office) -> None:
    """Who holds project.pub could not verify what another key signs: an operator is told where the key may be."""
    office.passports.prepare()
    path = office.folder / "keys" / "passport" / "IRB1.key"
    kept = path.read_bytes()
    path.unlink()
    with pytest.raises(Misconfigured, match=r"missing.*copy it from the machine"):
        office.passports.prepare()
    path.write_text("ab" * 32)
    path.chmod(0o600)
    with pytest.raises(Misconfigured, match="not the newest key"):
        office.passports.prepare()
    path.write_bytes(kept)
    office.passports.prepare()


def test_a_rotation_that_was_killed(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before the journal knows the new key, the old one signs; after, the new one does. Never neither."""
    office.passports.prepare()
    keys, old = office.keys(), office.keys().public("IRB1")

    class Killed(Exception):
        """The process ends here."""

    def killed(*_: object) -> bool:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(office.journal.passports, "add_key", killed)
        with pytest.raises(Killed):
            keys.rotate("IRB1", "cli:root", "test")
    assert office.files() == ["passport/IRB1.key", "passport/next/IRB1.key"]
    assert office.keys().signing("IRB1").keys == old
    with monkeypatch.context() as patch:
        patch.setattr("sendit.pipeline.passport.keys.os.replace", killed)
        with pytest.raises(Killed):
            keys.rotate("IRB1", "cli:root", "test")
    assert office.files() == ["passport/IRB1.key", "passport/former/IRB1.key", "passport/next/IRB1.key"]
    signer = office.keys().signing("IRB1")
    assert [key.number for key in signer.keys] == [1, 2]
    assert office.files() == ["passport/IRB1.key"]


def test_rotations_and_signatures_at_once(office: Office) -> None:
    """Every signer gets a key that the journal knows as the newest, and no key is lost."""
    office.passports.prepare()
    with ThreadPoolExecutor(8) as threads:
        rotations = [threads.submit(office.keys().rotate, "IRB1", "cli:root", "test") for _ in range(4)]
        signers = [threads.submit(office.keys().signing, "IRB1") for _ in range(16)]
        assert sorted(rotation.result().number for rotation in rotations) == [2, 3, 4, 5]
        assert all(public_of(s.private) == s.keys[-1].public for s in (signer.result() for signer in signers))
    assert [key.number for key in office.keys().signing("IRB1").keys] == [1, 2, 3, 4, 5]
    assert office.files() == ["passport/IRB1.key"]


def test_another_machine_was_faster(office: Office) -> None:
    """The journal has one key of each number; who comes second changes nothing."""
    office.passports.prepare()
    assert not office.journal.passports.add_key("IRB1", PublicKey(1, "00" * 32, "x", ""), "cli:root", "test")
    assert [key.number for key in office.keys().signing("IRB1").keys] == [1]


def test_revocations_are_complete_whoever_writes_last(office: Office, tmp_path: Path) -> None:
    """Another study is recalled while the list is written: it is written again, with both."""
    sent = office.shipment(tmp_path)
    office.issue(sent)
    destination = office.services.destinations["share"]
    lists = iter([["2.25.1"], ["2.25.1", "2.25.2"], ["2.25.1", "2.25.2"], ["2.25.1", "2.25.2"]])
    office.journal.passports.revoked = lambda project: next(lists)  # type: ignore[method-assign]
    office.passports.revoke(destination, "IRB1")
    held = json.loads((office.share / "revocations_IRB1.json").read_bytes())
    assert held["revocations"]["studies"] == ["2.25.1", "2.25.2"]


def test_a_project_that_signed_nothing_writes_no_list(office: Office) -> None:
    office.passports.revoke(office.services.destinations["share"], "IRB1")
    assert list(office.share.iterdir()) == []


def test_retention_deletes_passports(office: Office, tmp_path: Path) -> None:
    """With the receipts of old batches."""
    office.issue(office.shipment(tmp_path))
    office.journal.batches.begin(office.batch, 1)
    office.journal.batches.record(office.batch, 1, {"i": Rejected("test")})
    office.journal.batches.conclude(office.batch, 1, ["share"])
    assert office.journal.retention.prune(datetime.now(UTC) + timedelta(days=1)) == 1
    assert office.journal.passports.of(office.batch) == {}


def test_it_verifies(office: Office, tmp_path: Path) -> None:
    """What is issued is what sendit-verify takes, by the key that was made."""
    (tmp_path / "a").mkdir()
    sent = office.shipment(tmp_path / "a")
    issued = office.issue(sent)
    assert issued is not None
    (tmp_path / "a" / "manifest.json").write_text(issued.content)
    (tmp_path / "project.pub").write_text(pem(office.keys().public("IRB1")))
    report = verified(tmp_path / "a", tmp_path / "project.pub")
    assert (report.faults, report.verified) == ([], 2)
