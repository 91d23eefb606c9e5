"""The contract of `PassportHolder`, and what a recipient gets from each destination: it passes sendit-verify."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from sendit.destinations.orthanc_peer.delivery import orthanc_id
from sendit.destinations.passports import PassportHolder, RevocationsHolder
from sendit.errors import Misconfigured, Retry
from sendit.pipeline.passport import document
from sendit.pipeline.passport.dicom_object import staged_passport
from sendit.pipeline.passport.issue import with_object
from tests.destinations.bench import no_progress, open_out
from tests.destinations.bench_folder import FolderBench, folder_document
from tests.destinations.bench_google_cloud_storage import GoogleCloudStorageBench
from tests.destinations.bench_orthanc_peer import OrthancPeerBench, open_peer
from tests.destinations.staged_instances import shipment
from tests.passports import ISSUED, key_file, kinds, new_signer, passport_of, verified
from tests.servers.fault_proxy import DropBefore, Status
from tests.servers.orthanc import OrthancServer

if TYPE_CHECKING:
    from pathlib import Path

    from sendit.model import Shipment
    from tests.destinations.bench import Bench

LATER = "2026-12-01T12:00:00Z"


def holder_of(bench: Bench) -> PassportHolder:
    if not isinstance(bench.destination, PassportHolder):
        pytest.skip("it has no place for a passport beside the instances")
    return bench.destination


def delivered(bench: Bench, folder: Path) -> Shipment:
    sent = shipment(folder, 3)
    bench.destination.deliver(sent, no_progress)
    return sent


def tamper(bench: Bench, sent: Shipment, content: bytes) -> None:
    """Put this in the place of the passport, behind the destination's back."""
    if isinstance(bench, FolderBench):
        (found,) = bench.path.rglob("manifest*.json")
        found.write_bytes(content)
    elif isinstance(bench, OrthancPeerBench):
        first = sent.staged_instances[0].receipt
        study = orthanc_id(first.patient_id, first.study_instance_uid)
        url = f"{bench.server.url}/studies/{study}/attachments/5100"
        bench.server.session.put(url, data=content).raise_for_status()
    else:
        assert isinstance(bench, GoogleCloudStorageBench)
        bench.blob_of_passport(sent).upload_from_string(content)


def receive(bench: Bench, sent: Shipment, folder: Path) -> None:
    """What a recipient fetches from there: every file, and the passport where it is beside them."""
    folder.mkdir()
    for number, staged in enumerate(sent.staged_instances):
        content = bench.held(staged.receipt)
        assert content is not None
        (folder / f"IM{number}").write_bytes(content)
    if isinstance(bench.destination, PassportHolder):
        held = bench.destination.read_passport(sent)
        assert held is not None
        (folder / "manifest.json").write_bytes(held)


def test_a_recipient_verifies_what_the_destination_holds(bench: Bench, tmp_path: Path) -> None:
    """From every destination: complete and unchanged; one byte, one missing, one added, a wrong key: each is named."""
    signer, key = new_signer(), tmp_path
    sent = shipment(tmp_path, 3)
    content = passport_of(sent, signer)
    if isinstance(bench.destination, PassportHolder):
        bench.destination.deliver(sent, no_progress)
        bench.destination.put_passport(sent, content)
        everything = sent
    else:
        one = staged_passport(sent, content.decode(), tmp_path / "passport.dcm", write=True)
        everything = replace(sent, staged_instances=[*sent.staged_instances, one])
        bench.destination.deliver(everything, no_progress)
    assert bench.destination.verify(everything) == []
    folder, key = tmp_path / "received", key_file(tmp_path, signer)
    receive(bench, everything, folder)
    report = verified(folder, key)
    assert (report.faults, report.verified) == ([], 3)
    whole = (folder / "IM0").read_bytes()
    (folder / "IM0").write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    assert kinds(verified(folder, key)) == ["changed"]
    (folder / "IM0").unlink()
    assert kinds(verified(folder, key)) == ["missing"]
    (tmp_path / "more").mkdir()
    (folder / "more").write_bytes(shipment(tmp_path / "more", 1).staged_instances[0].path.read_bytes())
    assert kinds(verified(folder, key)) == ["added", "missing"]
    (tmp_path / "other").mkdir()
    assert "key" in kinds(verified(folder, key_file(tmp_path / "other", new_signer())))


def test_a_passport_is_put_read_and_replaced(bench: Bench, tmp_path: Path) -> None:
    """Nothing before; byte for byte afterwards; again it changes nothing; a newer one takes its place."""
    holder, sent, signer = holder_of(bench), delivered(bench, tmp_path), new_signer()
    assert holder.read_passport(sent) is None
    first = passport_of(sent, signer)
    for _ in range(2):
        holder.put_passport(sent, first)
        assert holder.read_passport(sent) == first
    newer = passport_of(sent, signer, LATER)
    holder.put_passport(sent, newer)
    assert holder.read_passport(sent) == newer
    assert bench.destination.verify(sent) == []


def test_the_staged_files_are_not_needed(bench: Bench, tmp_path: Path) -> None:
    """Nor does it matter which instance of the study is the first."""
    holder, sent = holder_of(bench), delivered(bench, tmp_path)
    content = passport_of(sent, new_signer())
    holder.put_passport(sent, content)
    for staged in sent.staged_instances:
        staged.path.unlink()
    backwards = replace(sent, staged_instances=list(reversed(sent.staged_instances)))
    assert holder.read_passport(backwards) == content


def test_each_part_of_a_study_has_its_own(bench: Bench, tmp_path: Path) -> None:
    """The passport of late instances does not replace that of the first; each is removed by itself."""
    holder, sent, signer = holder_of(bench), delivered(bench, tmp_path), new_signer()
    late = replace(sent, batch_id=2, part=2)
    first, second = passport_of(sent, signer), passport_of(late, signer)
    holder.put_passport(sent, first)
    holder.put_passport(late, second)
    assert (holder.read_passport(sent), holder.read_passport(late)) == (first, second)
    assert holder.remove_passport(late) is None
    assert (holder.read_passport(sent), holder.read_passport(late)) == (first, None)


def test_what_is_not_a_passport_of_this_study_stays(bench: Bench, tmp_path: Path) -> None:
    """Another file in its place is neither replaced nor removed; an operator is told."""
    holder, sent, signer = holder_of(bench), delivered(bench, tmp_path), new_signer()
    (tmp_path / "other").mkdir()
    holder.put_passport(sent, passport_of(sent, signer))
    for foreign in (b"a note", b"[1]", passport_of(shipment(tmp_path / "other", 1), signer)):
        tamper(bench, sent, foreign)
        with pytest.raises(Misconfigured, match="Nothing there was overwritten"):
            holder.put_passport(sent, passport_of(sent, signer))
        assert holder.remove_passport(sent) is None
        assert holder.read_passport(sent) == foreign


def test_recall_leaves_nothing(bench: Bench, tmp_path: Path) -> None:
    """The passport goes, twice as well as once, and does not keep folders alive; another study's stays."""
    holder, sent, signer = holder_of(bench), delivered(bench, tmp_path), new_signer()
    (tmp_path / "other").mkdir()
    other = delivered(bench, tmp_path / "other")
    for one in (sent, other):
        holder.put_passport(one, passport_of(one, signer))
    for _ in range(2):
        assert holder.remove_passport(sent) is None
        assert bench.destination.recall(sent) == []
    assert holder.read_passport(sent) is None
    assert holder.read_passport(other) == passport_of(other, signer)
    if isinstance(bench, FolderBench) and type(bench) is FolderBench:
        assert not (bench.path / sent.staged_instances[0].receipt.patient_id).exists()


def test_an_outage_is_not_mistaken(bench: Bench, tmp_path: Path) -> None:
    """While the server is not well, nothing is said of the passport."""
    holder, sent = holder_of(bench), delivered(bench, tmp_path)
    content = passport_of(sent, new_signer())
    holder.put_passport(sent, content)
    bench.harm_reading(Status(503, times=3) if Status(503) in bench.faults else DropBefore())
    for call in (holder.read_passport, holder.remove_passport, lambda one: holder.put_passport(one, content)):
        with pytest.raises(Retry):
            call(sent)
    bench.heal()
    assert holder.read_passport(sent) == content


def test_revocations_are_replaced(bench: Bench, tmp_path: Path) -> None:
    """One list for each project; a newer one takes the place of the older."""
    if not isinstance(bench.destination, RevocationsHolder):
        pytest.skip("it has no place for a list")
    signer, other = new_signer(), new_signer("IRB2")
    lists = [
        document.revocations("IRB1", studies, ISSUED, signer) for studies in ([], ["2.25.1"], ["2.25.1", "2.25.2"])
    ]
    for content in (*lists, lists[-1]):
        bench.destination.put_revocations("IRB1", content)
    bench.destination.put_revocations("IRB2", document.revocations("IRB2", [], ISSUED, other))
    if isinstance(bench, FolderBench):
        assert (bench.path / "revocations_IRB1.json").read_bytes() == lists[-1]
        assert json.loads((bench.path / "revocations_IRB2.json").read_bytes())["revocations"]["studies"] == []
    else:
        assert isinstance(bench, GoogleCloudStorageBench)
        assert bench.bucket.get_blob("revocations_IRB1.json").download_as_bytes() == lists[-1]


def test_a_passport_as_an_object_is_an_instance_like_others(bench: Bench, tmp_path: Path) -> None:
    """Delivered once, and verified also when nothing is staged any more."""
    sent = shipment(tmp_path, 2)
    one = staged_passport(sent, passport_of(sent, new_signer()).decode(), tmp_path / "passport.dcm", write=True)
    everything = replace(sent, staged_instances=[*sent.staged_instances, one])
    assert with_object(sent, bench.destination, None, None) is sent  # type: ignore[arg-type]
    if isinstance(bench.destination, PassportHolder):
        pytest.skip("it holds passports beside the instances")
    for _ in range(2):
        assert bench.destination.deliver(everything, no_progress) == 3
        assert bench.uploads() == 3
    one.path.unlink()
    assert bench.destination.verify(replace(everything, staged_instances=[one])) == []


def test_a_folder_for_many_studies(tmp_path: Path, share: Path) -> None:
    """Where the template makes no folder for a study, the passport has the study in its name."""
    destination = open_out(folder_document(share, FileName="{project}/{instance}.dcm"))
    assert isinstance(destination, PassportHolder)
    sent, signer = shipment(tmp_path, 2), new_signer()
    destination.deliver(sent, no_progress)
    destination.put_passport(sent, passport_of(sent, signer))
    study = sent.staged_instances[0].receipt.study_instance_uid
    assert (share / "IRB1" / f"manifest_{study}.json").exists()
    report = verified(share, key_file(tmp_path, signer))
    assert (report.faults, report.verified) == ([], 2)


def test_a_peer_that_checks_revisions(tmp_path: Path) -> None:
    """An Orthanc with CheckRevisions replaces and deletes what is named by its ETag."""
    with OrthancServer(tmp_path / "peer", {"CheckRevisions": True}, name="REVISIONS") as server:
        destination = open_peer({"Url": server.url})
        assert isinstance(destination, PassportHolder)
        sent, signer = shipment(tmp_path, 1), new_signer()
        destination.deliver(sent, no_progress)
        for issued in (ISSUED, LATER):
            destination.put_passport(sent, passport_of(sent, signer, issued))
        assert destination.read_passport(sent) == passport_of(sent, signer, LATER)
        assert destination.remove_passport(sent) is None
        assert destination.read_passport(sent) is None
