"""A journal out of a backup, gone or damaged, with real Orthancs: nothing that was withdrawn leaves again."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
import requests

from tests.dicom import Person, StudyMaker
from tests.servers.stack import PROJECT, Stack
from tests.servers.waiting import wait_for

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import MakeStack


def send(stack: Stack, count: int = 2, person: Person | None = None) -> StudyMaker:
    maker = StudyMaker(person or Person())
    for file in maker.instances(count):
        stack.source.upload(file)
    return maker


def why(stack: Stack) -> str:
    """Why SendIt does not run, as /sendit/ says it; "" while it runs."""
    answer = stack.source.session.get(f"{stack.source.url}/sendit/api/health", timeout=30)
    said = answer.json()
    return f"{said['detail']} {said['cure']}" if "detail" in said else ""


def refusal(stack: Stack, said: str) -> str:
    """Until SendIt stands still for this reason."""

    def found() -> str:
        try:
            error = why(stack)
        except requests.RequestException:
            return ""
        return error if said in error else ""

    return wait_for(found, f"the reason {said!r}; log:\n{stack.source.log()[-2000:]}", limit=60)


def copied(stack: Stack) -> Path:
    """A copy of the journal, as somebody's own script makes one."""
    copy = stack.folder / "yesterday.sqlite"
    with (
        closing(sqlite3.connect(stack.data_directory / "journal.sqlite")) as source,
        closing(sqlite3.connect(copy)) as target,
    ):
        source.backup(target)
    return copy


def put_back(stack: Stack, copy: Path) -> None:
    for name in ("journal.sqlite", "journal.sqlite-wal", "journal.sqlite-shm"):
        (stack.data_directory / name).unlink(missing_ok=True)
    shutil.copyfile(copy, stack.data_directory / "journal.sqlite")


def test_an_older_journal_is_refused_and_the_recalled_study_does_not_go_again(make_stack: MakeStack) -> None:
    """Recalled, journal of before put back: Orthanc receives, nothing leaves; accepted, the recalled stays out."""
    stack = make_stack().start()
    withdrawn = send(stack)
    stack.wait_batches(1)
    copy = copied(stack)
    assert stack.cli("recall", "--batch", "1", "--yes", "--reason", "consent withdrawn").returncode == 0
    assert stack.delivered_files() == []
    send(stack, 1, Person("LATER", "L^L"))
    stack.wait_batches(2, {"DONE", "RECALLED"})
    stack.source.stop()
    put_back(stack, copy)
    stack.source.start()
    said = refusal(stack, "older than what was sent")
    assert f"project {PROJECT} lacks 1 batch begun, 1 release, 1 recalled study or patient" in said
    stack.source.upload(withdrawn.instance(7))  # late, of the recalled study
    assert stack.cli("journal", "accept", "--yes").returncode == 2  # without a reason
    stack.source.stop()
    accepted = stack.cli("journal", "accept", "--yes", "--reason", "the disk broke")
    assert accepted.returncode == 0, accepted.stdout + accepted.stderr
    assert "1 recalled studies stay recalled" in accepted.stdout
    stack.source.start()
    stack.wait_ready()
    batches = stack.wait_batches(3, {"DONE", "RECALLED", "QUARANTINED"})
    assert sorted(b["state"] for b in batches) == ["DONE", "QUARANTINED", "RECALLED"], stack.describe()
    assert len(stack.delivered_files()) == 1
    stack.restart()
    assert len(stack.delivered_files()) == 1
    nothing = stack.cli("journal", "accept", "--yes", "--reason", "x")
    assert (nothing.returncode, "SendIt is running with this data directory" in nothing.stderr) == (2, True)
    assert withdrawn.person.patient_id not in stack.source.log()


@pytest.mark.parametrize("harm", ["deleted", "emptied"])
def test_a_journal_deleted_while_running_is_noticed(make_stack: MakeStack, harm: str) -> None:
    """SendIt stands still and says so, once; Orthanc goes on; no start makes a new journal by itself."""
    stack = make_stack().start()
    send(stack)
    stack.wait_batches(1)
    assert stack.cli("recall", "--batch", "1", "--yes", "--reason", "test").returncode == 0
    for path in stack.data_directory.glob("journal.sqlite*"):
        path.unlink() if harm == "deleted" else path.rename(stack.data_directory / f"was-{path.name}")
    if harm == "emptied":
        (stack.data_directory / "journal.sqlite").write_bytes(b"")
    said = refusal(stack, "deleted, moved or replaced while SendIt was running")
    assert str(stack.data_directory / "journal.sqlite") in said
    assert "sendit restore" in said
    assert stack.source.get("/system")["Name"] == "SOURCE"
    wait_for(lambda: "nothing is forwarded" in stack.source.log(), "the plugin to say so")
    assert stack.source.log().count("nothing is forwarded") == 1
    assert "deleted, moved or replaced" in why(stack)
    assert ".py:" not in stack.source.log()
    stack.source.stop()
    stack.source.start()
    assert "1 batch begun" in refusal(stack, "the journal is missing or empty")
    assert sum(p.stat().st_size for p in stack.data_directory.glob("journal.sqlite*")) == 0
    stack.source.stop()
    assert stack.cli("journal", "accept", "--yes", "--reason", "nothing is left of it").returncode == 0
    stack.source.start()
    stack.wait_ready()
    [held] = stack.wait_batches(1)
    assert held["state"] == "QUARANTINED"
    assert "recalled" in held["reason"]
    assert stack.delivered_files() == []


def test_a_damaged_journal_is_said_with_place_and_remedy_once(make_stack: MakeStack) -> None:
    """Pages of the file are overwritten: no chain of places in the code, no repetition; a backup helps."""
    stack = make_stack().start()
    for number in range(4):
        send(stack, 3, Person(f"P{number}", f"N{number}^N"))
    stack.wait_batches(4)
    backup = stack.folder / "backup"
    made = stack.cli("backup", str(backup))
    assert made.returncode == 0, made.stderr
    stack.source.stop()
    path = stack.data_directory / "journal.sqlite"
    content = bytearray(path.read_bytes())
    for page in range(4, len(content) // 4096, 5):
        content[page * 4096 : page * 4096 + 400] = b"\xa5" * 400
    path.write_bytes(content)
    before = len(stack.source.log())
    stack.source.start()
    said = refusal(stack, "the journal is damaged")
    assert str(path) in said
    assert "sendit restore" in said
    log = stack.source.log()[before:]
    assert log.count("the journal is damaged") == 1
    assert ".py:" not in log
    stack.source.stop()
    assert stack.cli("restore", str(backup), "--yes").returncode == 0
    assert stack.cli("journal", "accept", "--yes", "--reason", "damaged").returncode == 0
    stack.source.start()
    stack.wait_ready()
    assert [b["state"] for b in stack.wait_batches(4)] == ["DONE"] * 4
    assert len(stack.delivered_files()) == 12


@pytest.mark.timeout(240)
def test_a_backup_while_studies_run_and_put_back_elsewhere(
    make_stack: MakeStack, database: str, request: pytest.FixtureRequest
) -> None:
    """20 studies under way; on the new machine each is accounted for, under the same codes, and none is there twice."""
    stack = make_stack(database).start()
    makers = [StudyMaker(Person(f"MRN-{n}", f"Name{n}^Test")) for n in range(20)]
    for maker in makers:
        for file in maker.instances(3):
            stack.source.upload(file)
    stack.wait_batch(lambda b: b["state"] == "DONE", limit=90)
    backup = stack.folder / "backup"
    made = stack.cli("backup", str(backup))
    assert made.returncode == 0, made.stderr
    stack.wait_batches(20, limit=120)
    codes = {str(d.PatientID) for d in stack.delivered()}
    stack.source.stop()
    stack.data_directory.rename(stack.folder / "lost")
    if database != "sqlite":
        stack.sendit["Database"] = request.getfixturevalue("postgres").database()
        document = json.loads((stack.source.folder / "orthanc.json").read_text())
        document["SendIt"]["Database"] = stack.sendit["Database"]
        (stack.source.folder / "orthanc.json").write_text(json.dumps(document))
    restored = stack.cli("restore", str(backup), "--yes")
    assert restored.returncode == 0, restored.stderr
    stack.source.start()
    refusal(stack, "was restored from a backup")
    stack.source.stop()
    assert stack.cli("journal", "accept", "--yes", "--reason", "a new machine").returncode == 0
    stack.source.start()
    stack.wait_ready()
    batches = stack.wait_batches(20, limit=120)
    assert {b["state"] for b in batches} == {"DONE"}, stack.describe()
    assert len({b["study"] for b in batches}) == 20
    assert sum(b["sent"] for b in batches) == 60
    delivered = stack.delivered()
    assert len(delivered) == len({str(d.SOPInstanceUID) for d in delivered}) == 60
    assert {str(d.PatientID) for d in delivered} == codes
    assert len(codes) == 20


def test_an_act_carries_who_did_it_and_why(stack: Stack) -> None:
    """In the journal, of a recall on the command line."""
    send(stack)
    stack.wait_batches(1)
    missing = stack.cli("recall", "--batch", "1", "--yes")
    assert (missing.returncode, "give a reason" in missing.stderr) == (2, True)
    refused = stack.source.session.post(f"{stack.source.url}/sendit/api/recalls", json={"batch": 1}, timeout=30)
    assert refused.status_code >= 400
    assert stack.cli("recall", "--batch", "1", "--yes", "--reason", "consent withdrawn").returncode == 0
    found = rows(stack, "SELECT message, actor, reason FROM events WHERE message LIKE 'recalled by%'")
    assert [(message, reason) for message, _, reason in found] == [
        ("recalled by an operator: consent withdrawn", "consent withdrawn")
    ]


def rows(stack: Stack, query: str) -> list[Any]:
    with closing(sqlite3.connect(stack.data_directory / "journal.sqlite")) as connection:
        return connection.execute(query).fetchall()


def test_no_name_of_a_file_or_folder_stays(make_stack: MakeStack, tmp_path: Path) -> None:
    """A folder named after the patient, watched and by hand: no file of SendIt holds the name, the engine's neither."""
    watched = tmp_path / "inbox"
    watched.mkdir()
    folders = [{"Path": str(watched), "Project": PROJECT, "QuietSeconds": 1, "PollSeconds": 0.5}]
    stack = make_stack(WatchedFolders=folders).start()
    made = tmp_path / "Quixworth_Zebulon.tmp1"
    (made / "MRN-7741-905").mkdir(parents=True)
    (made / "MRN-7741-905" / "Quixworth.dcm").write_bytes(StudyMaker().instance())
    (made / "Zebulon-notes.txt").write_text("no DICOM")
    made.rename(watched / "Quixworth_Zebulon")
    stack.wait_batches(1)
    wait_for((watched / ".err" / "Quixworth_Zebulon").exists, "the folder to be moved away")
    reasons = (watched / ".err" / "Quixworth_Zebulon.reasons.txt").read_text()
    assert "Zebulon-notes.txt" in reasons
    byhand = tmp_path / "Quixworth_byhand"
    byhand.mkdir()
    (byhand / "Quixworth2.dcm").write_bytes(StudyMaker(Person("OTHER", "O^O")).instance())
    assert stack.cli("import", str(byhand), "--project", PROJECT).returncode == 0
    stack.wait_batches(2)
    shown = stack.cli("crosswalk", "files", "1", "--project", PROJECT, "--reason", "a question")
    assert shown.returncode == 0, shown.stderr
    assert "MRN-7741-905/Quixworth.dcm" in shown.stdout
    looks = stack.cli("crosswalk", "looks", "--project", PROJECT)
    assert "a question" in looks.stdout
    stack.source.stop()
    for path in stack.data_directory.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            for word in (b"Quixworth", b"Zebulon", b"MRN-7741-905"):
                assert word not in content, path


def test_a_damaged_schedule_of_the_engine_is_said_and_made_anew(make_stack: MakeStack) -> None:
    """It is not the truth: deleted, as the message says, everything goes on from the journal."""
    stack = make_stack().start(target=False)
    send(stack)
    stack.wait_batch(lambda b: any(d["state"] == "RETRYING" for d in b["deliveries"]))
    stack.source.stop()
    engine = stack.data_directory / "engine.sqlite"
    for path in stack.data_directory.glob("engine.sqlite-*"):
        path.unlink()
    engine.write_bytes(b"this is a shopping list, not a database\n" * 500)
    stack.source.start()
    said = refusal(stack, "the engine's schedule is damaged")
    assert str(engine) in said
    assert "delete engine.sqlite" in said
    stack.source.stop()
    engine.unlink()
    stack.target.start()
    stack.source.start()
    stack.wait_ready()
    [batch] = stack.wait_batches(1)
    assert (batch["state"], batch["sent"]) == ("DONE", 2)


pytestmark = pytest.mark.slow  # several minutes: the whole of make test has twenty
