"""What is particular to a folder: shares that go away, kills between writing and naming, modes, templates."""

from __future__ import annotations

import errno
import os
import subprocess
import threading
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from pydicom.uid import UID

from sendit.config.schema import load
from sendit.errors import Misconfigured, Retry
from sendit.model import Shipment, StagedInstance
from tests.destinations.bench import no_progress, open_out
from tests.destinations.bench_folder import folder_document, mount_small
from tests.destinations.killed_sender import KilledSender
from tests.destinations.staged_instances import read_testfile, shipment, shipment_of
from tests.servers.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PLACE = "SendIt.Destinations.out.Path"


@pytest.fixture
def sent(tmp_path: Path) -> Shipment:
    return shipment(tmp_path)


def _files(share: Path) -> list[str]:
    return sorted(str(file.relative_to(share)) for file in share.rglob("*") if file.is_file())


def test_a_folder_that_is_not_there_is_not_made(share: Path, sent: Shipment) -> None:
    """Missing is a Retry for check, delivery, verification and recall, and stays missing."""
    destination = open_out(folder_document(share))
    share.rmdir()
    for act in (
        destination.check,
        lambda: destination.deliver(sent, no_progress),
        lambda: destination.verify(sent),
        lambda: destination.recall(sent),
    ):
        with pytest.raises(Retry, match="does not exist"):
            act()
    assert not share.exists()


def test_the_marker_of_a_share(share: Path, sent: Shipment) -> None:
    """Without its marker the folder is an empty mount point: nothing is written, and nothing is called lost."""
    destination = open_out(folder_document(share, Marker=".share"))
    (share / ".share").touch()
    destination.check()
    destination.deliver(sent, no_progress)
    (share / ".share").unlink()
    before = _files(share)
    for act in (destination.check, lambda: destination.deliver(sent, no_progress), lambda: destination.verify(sent)):
        with pytest.raises(Retry, match="is the share mounted"):
            act()
    assert _files(share) == before


def test_a_share_that_goes_away_during_a_delivery(tmp_path: Path, share: Path, sent: Shipment) -> None:
    """Another directory stands there at the end: not called delivered, and nothing was written into that one."""
    destination = open_out(folder_document(share, Concurrency=1))

    def swap(count: int) -> None:
        if count == 2:
            share.rename(tmp_path / "away")
            share.mkdir()

    with pytest.raises(Retry, match="was replaced meanwhile"):
        destination.deliver(sent, swap)
    assert _files(share) == []
    assert destination.deliver(sent, no_progress) == 5
    assert destination.verify(sent) == []


@pytest.fixture
def small(share: Path) -> Iterator[Path]:
    mount_small(share, "4m")
    yield share
    subprocess.run(["umount", "--lazy", str(share)], check=True)


def test_a_read_only_share(small: Path, sent: Shipment) -> None:
    """A person has to act; what is there can still be verified."""
    destination = open_out(folder_document(small))
    destination.deliver(sent, no_progress)
    subprocess.run(["mount", "-o", "remount,ro", str(small)], check=True)
    assert destination.verify(sent) == []
    for act in (destination.check, lambda: destination.recall(sent)):
        with pytest.raises(Misconfigured, match="Read-only file system") as caught:
            act()
        assert caught.value.place == PLACE


def test_a_folder_that_may_not_be_written(share: Path) -> None:
    """Another user's folder: told with its place and the user's number."""
    destination = open_out(folder_document(share))
    share.chmod(0o500)
    if os.geteuid() == 0:
        os.seteuid(65534)
    try:
        with pytest.raises(Misconfigured, match="Permission denied") as caught:
            destination.check()
    finally:
        os.seteuid(os.getuid())
    assert caught.value.place == PLACE


def test_a_file_in_the_place_of_the_folder(share: Path) -> None:
    """Told as what it is."""
    destination = open_out(folder_document(share))
    share.rmdir()
    share.touch()
    with pytest.raises(Misconfigured, match="is not a directory"):
        destination.check()


def test_killed_while_a_file_is_written(tmp_path: Path, share: Path) -> None:
    """No file stands under its name in part; the next attempt clears up what was left, and that of no other batch."""
    dataset = read_testfile()
    dataset.add_new(0x00091010, "OB", b"\0" * 200_000_000)
    sent = shipment_of(dataset, folder=tmp_path)
    stranger = share / ".sendit-99-0123456789abcdef"
    stranger.touch()
    with KilledSender(folder_document(share), sent, tmp_path) as sender:
        wait_for(lambda: list(share.rglob(".sendit-1-*")), "the file to be begun", poll=0.001)
        sender.kill()
    assert list(share.rglob("*.dcm")) == []
    destination = open_out(folder_document(share))
    assert destination.deliver(sent, no_progress) == 1
    assert destination.verify(sent) == []
    assert list(share.rglob(".sendit-*")) == [stranger]


def test_what_a_kill_left_after_naming_is_cleared_up(share: Path, sent: Shipment) -> None:
    """Killed between giving the name and removing the other one: the next delivery, or a recall, removes it."""
    destination = open_out(folder_document(share))
    destination.deliver(sent, no_progress)
    file = next(share.rglob("*.dcm"))
    for act in (lambda: destination.deliver(sent, no_progress), lambda: destination.recall(sent)):
        os.link(file, file.parent / ".sendit-1-0123456789abcdef")
        act()
        assert list(share.rglob(".sendit-*")) == []
    assert list(share.iterdir()) == []


def test_two_deliveries_at_once(share: Path, sent: Shipment) -> None:
    """Two attempts of one batch meet: every file whole, nothing else is left."""
    errors: list[Exception] = []

    def deliver() -> None:
        try:
            open_out(folder_document(share)).deliver(sent, no_progress)
        except Retry as error:  # the other one cleared up after this one, as if it had been killed
            errors.append(error)

    threads = [threading.Thread(target=deliver) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    destination = open_out(folder_document(share))
    assert destination.deliver(sent, no_progress) == 5
    assert destination.verify(sent) == []
    assert len(_files(share)) == 5


def test_a_delivery_beside_recalls_of_the_same_patient(tmp_path: Path, share: Path) -> None:
    """Directories that a recall removes are made again by the delivery that needs them."""
    first = shipment(tmp_path, 1)
    second = Shipment(2, "IRB1", [_of_same_study(first.staged_instances[0], tmp_path)])
    destination = open_out(folder_document(share))
    ended = threading.Event()

    def come_and_go() -> None:
        while not ended.is_set():
            destination.deliver(first, no_progress)
            destination.recall(first)

    thread = threading.Thread(target=come_and_go)
    thread.start()
    try:
        for _ in range(100):
            destination.deliver(second, no_progress)
            assert destination.verify(second) == []
            destination.recall(second)
    finally:
        ended.set()
        thread.join()


def _of_same_study(staged: StagedInstance, folder: Path) -> StagedInstance:
    other = shipment_of(read_testfile(), folder=folder).staged_instances[0]
    one = staged.receipt
    return StagedInstance(
        replace(
            other.receipt,
            patient_id=one.patient_id,
            study_instance_uid=one.study_instance_uid,
            series_instance_uid=UID(one.series_instance_uid),
        ),
        other.path,
    )


def test_links_are_not_followed(tmp_path: Path, share: Path, sent: Shipment) -> None:
    """A link in the place of a file is neither read nor written through."""
    destination = open_out(folder_document(share, FileName="{instance}.dcm"))
    outside = tmp_path / "outside"
    outside.write_text("kept")
    (share / f"{sent.staged_instances[0].receipt.sop_instance_uid}.dcm").symlink_to(outside)
    with pytest.raises(Misconfigured, match="in the way"):
        destination.deliver(sent, no_progress)
    assert outside.read_text() == "kept"


def test_modes(share: Path, sent: Shipment) -> None:
    """As configured, whatever the umask says."""
    before = os.umask(0o077)
    try:
        open_out(folder_document(share, FileMode="0664", DirectoryMode="0775")).deliver(sent, no_progress)
    finally:
        os.umask(before)
    for path in share.rglob("*"):
        assert path.stat().st_mode & 0o777 == (0o775 if path.is_dir() else 0o664)


def test_a_share_without_hard_links(share: Path, sent: Shipment, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where files cannot be linked they are renamed, and still nothing is replaced."""

    def no_links(*_: object, **__: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", no_links)
    destination = open_out(folder_document(share))
    assert destination.deliver(sent, no_progress) == 5
    assert destination.verify(sent) == []
    assert len(_files(share)) == 5


def test_a_template_of_ones_own(share: Path, sent: Shipment) -> None:
    """Project and modality in the path; a recall finds it, and leaves no directory."""
    destination = open_out(folder_document(share, FileName="{project}/{patient}/{study_date}/{instance}"))
    destination.deliver(sent, no_progress)
    one = sent.staged_instances[0].receipt
    assert (share / "IRB1" / one.patient_id / "no-study-date" / one.sop_instance_uid).exists()
    assert destination.recall(sent) == []
    assert list(share.iterdir()) == []


def test_errors_name_no_file(share: Path, sent: Shipment) -> None:
    """What is told holds the configured path and coded UIDs, no path of a file."""
    destination = open_out(folder_document(share))
    (share / sent.staged_instances[0].receipt.patient_id).touch()
    with pytest.raises(Misconfigured) as caught:
        destination.deliver(sent, no_progress)
    assert sent.staged_instances[0].receipt.patient_id not in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "place", "words"),
    [
        ({"FileName": "{patient}/{name}.dcm"}, "FileName", "unknown placeholder {name}"),
        ({"FileName": "{patient}.dcm"}, "FileName", "or names would collide"),
        ({"FileName": "../{instance}"}, "FileName", "dot"),
        ({"Path": "relative"}, "Path", "absolute path"),
        ({"FileMode": "640"}, "FileMode", "pattern"),
        ({"Path": "/var/lib/sendit/out"}, "Path", "DataDirectory"),
    ],
)
def test_what_is_wrong_is_told_at_load(share: Path, settings: dict[str, object], place: str, words: str) -> None:
    """With its place in orthanc.json."""
    with pytest.raises(Misconfigured, match=words) as caught:
        load(folder_document(share, **settings) if "Path" not in settings else _document(settings))
    assert caught.value.place == f"SendIt.Destinations.out.{place}"


def _document(settings: dict[str, object]) -> dict[str, object]:
    return {"SendIt": {"Destinations": {"out": {"Type": "Folder", **settings}}}}


def test_a_folder_that_is_watched(share: Path) -> None:
    """What is delivered into a watched folder would come back."""
    document = folder_document(share / "out")
    section = {"WatchedFolders": [{"Path": str(share), "Project": "P"}], "Projects": {"P": {"Destinations": ["out"]}}}
    with pytest.raises(Misconfigured, match=r"WatchedFolders\[0\]"):
        load({"SendIt": {**document["SendIt"], **section}})  # type: ignore[dict-item]
