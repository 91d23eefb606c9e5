"""The pool of processes: real ones, fed from files and from a real HTTP server."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import pydicom
import pytest

from sendit import keyring
from sendit.config.schema import Option
from sendit.deidentify import RecipeText
from sendit.errors import Misconfigured, Retry
from sendit.model import Quarantined, Receipt, Rejected
from sendit.pipeline.pool.processes import DeidentifyPool, Job, ProjectSpec, Result
from sendit.pipeline.pool.trial import KILLED
from sendit.storage import dataset_digests
from tests.dicom import StudyMaker
from tests.jobs import jobs_of
from tests.servers.processes import children
from tests.servers.serving import serving
from tests.servers.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture
def project(tmp_path: Path) -> ProjectSpec:
    """A project with a key."""
    keyring.load_key(tmp_path / "keys", "irb", create=True)
    return ProjectSpec((), (), tmp_path / "keys", "irb")


@pytest.fixture(scope="module")
def pool() -> Iterator[DeidentifyPool]:
    """Two processes for all the tests that don't end them."""
    with DeidentifyPool(2) as started:
        yield started


class _Answers(BaseHTTPRequestHandler):
    """Answers by the path: /file/<n>, /status/<code>, /short."""

    files: ClassVar[list[bytes]] = []
    asked: ClassVar[list[dict[str, str]]] = []

    def do_GET(self) -> None:
        self.asked.append(dict(self.headers))
        kind, _, rest = self.path.strip("/").partition("/")
        body = self.files[int(rest)] if kind == "file" else self.files[0][:200]
        self.send_response(int(rest) if kind == "status" else 200)
        self.send_header("Content-Length", str(len(body) + (1000 if kind == "short" else 0)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Silent."""


@pytest.fixture
def server() -> Iterator[str]:
    """Its URL."""
    with serving(ThreadingHTTPServer(("127.0.0.1", 0), _Answers)) as httpd:
        yield f"http://127.0.0.1:{httpd.server_port}"
    _Answers.files, _Answers.asked = [], []


def test_files(pool: DeidentifyPool, project: ProjectSpec, tmp_path: Path) -> None:
    """Every job has one result; what was released lies there as its receipt says, what was not does not."""
    jobs = jobs_of(tmp_path, project, *StudyMaker().instances(20), b"no DICOM")
    results = {result.name: result.outcome for result in pool.run(iter(jobs))}
    assert set(results) == {job.name for job in jobs}
    for job in jobs[:-1]:
        receipt = results[job.name]
        assert isinstance(receipt, Receipt)
        assert job.output.stat().st_size == receipt.output_size
        assert pydicom.dcmread(job.output).SOPInstanceUID == receipt.sop_instance_uid
    assert isinstance(results["20"], Rejected)
    assert not jobs[-1].output.exists()
    assert not list(tmp_path.glob("*.part")) + list(tmp_path.glob(".*.part"))


def test_a_dataset_is_digested_if_a_passport_needs_it(
    pool: DeidentifyPool, project: ProjectSpec, tmp_path: Path
) -> None:
    first, second = jobs_of(tmp_path, project, *StudyMaker().instances(2))
    digests = {result.name: result.dataset_sha256 for result in pool.run([first, replace(second, digest_dataset=True)])}
    assert digests == {first.name: None, second.name: dataset_digests.of_file(second.output)}


def test_the_same_in_every_process(pool: DeidentifyPool, project: ProjectSpec, tmp_path: Path) -> None:
    """One instance, done many times: one result."""
    jobs = jobs_of(tmp_path, project, *(StudyMaker().instances(1) * 16))
    assert len({result.outcome.output_sha256 for result in pool.run(jobs) if isinstance(result.outcome, Receipt)}) == 1


def test_over_http(pool: DeidentifyPool, project: ProjectSpec, server: str, tmp_path: Path) -> None:
    """Headers go with it, compression is not asked for, and the result is that of the file."""
    _Answers.files = StudyMaker().instances(3)
    from_files = list(pool.run(jobs_of(tmp_path, project, *_Answers.files)))
    headers = {"Authorization": "Bearer token"}
    jobs = [Job(str(n), project, f"{server}/file/{n}", tmp_path / f"{n}.http", headers) for n in range(3)]
    assert _by_name(pool.run(jobs)) == _by_name(from_files)
    assert {asked["Authorization"] for asked in _Answers.asked} == {"Bearer token"}
    assert {asked["Accept-Encoding"] for asked in _Answers.asked} == {"identity"}


def _by_name(results: Iterator[Result] | list[Result]) -> dict[str, object]:
    return {result.name: result.outcome for result in results}


def test_a_large_instance(pool: DeidentifyPool, project: ProjectSpec, server: str, tmp_path: Path) -> None:
    """More than 64 MB goes through a mapped file, from the disk and from HTTP alike."""
    _Answers.files = [StudyMaker(rows=5900).instance()]
    assert len(_Answers.files[0]) > 64 << 20
    jobs = jobs_of(tmp_path, project, *_Answers.files)
    jobs.append(Job("http", project, f"{server}/file/0", tmp_path / "http.dcm"))
    results = _by_name(pool.run(jobs))
    assert isinstance(results["0"], Receipt)
    assert results["0"] == results["http"]
    assert {path.name for path in tmp_path.iterdir()} == {"0.in", "0.dcm", "http.dcm", "keys"}


@pytest.mark.parametrize("path", ["status/401", "status/500", "status/503", "short"])
def test_http_trouble_is_for_later(
    pool: DeidentifyPool, project: ProjectSpec, server: str, path: str, tmp_path: Path
) -> None:
    """An answer that is no whole instance is Retry, never a rejected instance."""
    _Answers.files = StudyMaker().instances(1)
    with pytest.raises(Retry, match="the local Orthanc"):
        list(pool.run([Job("0", project, f"{server}/{path}", tmp_path / "0.dcm")]))
    assert not (tmp_path / "0.dcm").exists()


def test_no_server_is_for_later(pool: DeidentifyPool, project: ProjectSpec, tmp_path: Path) -> None:
    """Nobody listens: Retry."""
    with pytest.raises(Retry, match="is not responding"):
        list(pool.run([Job("0", project, "http://127.0.0.1:9/", tmp_path / "0.dcm")]))


def test_deleted_meanwhile(pool: DeidentifyPool, project: ProjectSpec, server: str, tmp_path: Path) -> None:
    """What Orthanc does not have any more is rejected, and the batch goes on."""
    _Answers.files = StudyMaker().instances(1)
    (result,) = pool.run([Job("0", project, f"{server}/status/404", tmp_path / "0.dcm")])
    assert result.outcome == Rejected("it was deleted from Orthanc before it was processed")


def test_an_output_that_cannot_be_written(pool: DeidentifyPool, project: ProjectSpec, tmp_path: Path) -> None:
    """Is for later, says why, and leaves nothing beside."""
    (job,) = jobs_of(tmp_path, project, *StudyMaker().instances(1))
    job.output.mkdir()
    with pytest.raises(Retry, match="cannot be written"):
        list(pool.run([job]))
    assert not list(tmp_path.glob(".*.part"))


def test_a_full_disk(pool: DeidentifyPool, project: ProjectSpec, tmp_path: Path) -> None:
    """/dev/full refuses every byte, as a full disk does."""
    (job,) = jobs_of(tmp_path, project, *StudyMaker().instances(1))
    beside = tmp_path / f".{hashlib.sha256(job.output.name.encode()).hexdigest()[:32]}.part"
    beside.symlink_to("/dev/full")
    with pytest.raises(Retry, match="No space left"):
        list(pool.run([job]))
    assert not job.output.exists()


def test_a_missing_key(pool: DeidentifyPool, tmp_path: Path) -> None:
    """Is never made by a process of the pool."""
    spec = ProjectSpec((), (), tmp_path / "none", "irb")
    with pytest.raises(Misconfigured, match="missing"):
        list(pool.run(jobs_of(tmp_path, spec, *StudyMaker().instances(1))))
    assert not (tmp_path / "none").exists()


def test_options_and_recipes_arrive(pool: DeidentifyPool, project: ProjectSpec, tmp_path: Path) -> None:
    """In the children, as in here."""
    recipe = RecipeText("r", "FORMAT dicom\n%header\nREPLACE InstitutionName Somewhere\n")
    spec = ProjectSpec((Option.RETAIN_UIDS,), (recipe,), project.key_directory, "irb")
    maker = StudyMaker()
    (job,) = jobs_of(tmp_path, spec, *maker.instances(1))
    list(pool.run([job]))
    after = pydicom.dcmread(job.output)
    assert (after.InstitutionName, after.StudyInstanceUID) == ("Somewhere", maker.study_uid)


class _Waiting(_Answers):
    """Answers only when it is told to."""

    asked_now = threading.Event()
    go = threading.Event()

    def do_GET(self) -> None:
        self.asked_now.set()
        self.go.wait(60)
        super().do_GET()


@pytest.fixture
def waiting_server() -> Iterator[str]:
    """A server that holds its answers back."""
    _Waiting.asked_now.clear()
    _Waiting.go.clear()
    httpd = ThreadingHTTPServer(("127.0.0.1", 0), _Waiting)
    httpd.daemon_threads = True
    with serving(httpd):
        yield f"http://127.0.0.1:{httpd.server_port}"
        _Waiting.go.set()


def _children(pid: int) -> list[int]:
    """The processes below `pid` that de-identify: children of its fork server."""
    return [child for server in children(pid) if b"forkserver" in _command(server) for child in children(server)]


def _command(pid: int) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()


def test_a_process_that_is_killed(project: ProjectSpec, waiting_server: str, tmp_path: Path) -> None:
    """Its job is Retry, nothing hangs, and the pool works on."""
    _Answers.files = StudyMaker().instances(1)
    before = set(_children(os.getpid()))
    with DeidentifyPool(1) as pool:

        def kill() -> None:
            _Waiting.asked_now.wait(60)
            for child in set(_children(os.getpid())) - before:
                os.kill(child, signal.SIGKILL)

        killer = threading.Thread(target=kill)
        killer.start()
        with pytest.raises(Retry, match="ended unexpectedly"):
            list(pool.run([Job("0", project, f"{waiting_server}/file/0", tmp_path / "0.dcm")]))
        killer.join()
        _Waiting.go.set()
        (result,) = pool.run([Job("0", project, f"{waiting_server}/file/0", tmp_path / "0.dcm")])
        assert isinstance(result.outcome, Receipt)


def _killed_while_it_waits(
    project: ProjectSpec, url: str, folder: Path, times: int, after: Callable[[], None] = lambda: None
) -> dict[str, object]:
    """One job that waits for its source, whose process is ended so many times, and three that do not wait."""
    _Answers.files = StudyMaker().instances(1)
    before, stop = set(_children(os.getpid())), threading.Event()

    def kill() -> None:
        for _ in range(times):
            while not _Waiting.asked_now.wait(0.1):
                if stop.is_set():
                    return
            _Waiting.asked_now.clear()
            for child in set(_children(os.getpid())) - before:
                os.kill(child, signal.SIGKILL)
        after()

    killer = threading.Thread(target=kill)
    killer.start()
    with DeidentifyPool(1) as pool:
        jobs = [Job("waiting", project, f"{url}/file/0", folder / "waiting.dcm")]
        jobs += jobs_of(folder, project, *StudyMaker().instances(3))
        results = _by_name(pool.run(jobs, alone_again=True))
    stop.set()
    killer.join()
    assert len(results) == 4
    return results


@pytest.mark.slow
@pytest.mark.timeout(600)  # many processes are started, one after the other
def test_what_is_killed_for_ever_is_held(project: ProjectSpec, waiting_server: str, tmp_path: Path) -> None:
    """The others are released; the reason says that it is not its own fault."""
    results = _killed_while_it_waits(project, waiting_server, tmp_path, 100)
    assert results.pop("waiting") == Quarantined(KILLED)
    assert all(isinstance(outcome, Receipt) for outcome in results.values())


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_an_innocent_job_is_not_condemned(project: ProjectSpec, waiting_server: str, tmp_path: Path) -> None:
    """Its process was killed in company and three times alone, from outside: it is released as the others are."""
    results = _killed_while_it_waits(project, waiting_server, tmp_path, 4, _Waiting.go.set)
    assert all(isinstance(outcome, Receipt) for outcome in results.values())


_PARENT = """
import sys
from pathlib import Path
from sendit.pipeline.pool.processes import DeidentifyPool, Job, ProjectSpec
if __name__ == "__main__":
    key, url, output = sys.argv[1:]
    list(DeidentifyPool(2).run([Job("0", ProjectSpec((), (), Path(key), "irb"), url, Path(output))]))
"""


@pytest.mark.slow
def test_the_children_end_with_their_parent(project: ProjectSpec, waiting_server: str, tmp_path: Path) -> None:
    """Also when it is killed -9 in the middle of a job."""
    script = tmp_path / "parent.py"
    script.write_text(_PARENT)
    command = [sys.executable, str(script), str(project.key_directory), f"{waiting_server}/file/0", str(tmp_path / "o")]
    parent = subprocess.Popen(command)
    assert _Waiting.asked_now.wait(60)
    children = _children(parent.pid)
    assert children
    parent.kill()
    parent.wait()
    wait_for(lambda: not any(_runs(child) for child in children), "the children to end")


def _runs(pid: int) -> bool:
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False


def test_closing_ends_everything_at_once(project: ProjectSpec, waiting_server: str, tmp_path: Path) -> None:
    """A job that hangs does not hold up the end; whoever waits for it hears Retry."""
    before = set(_children(os.getpid()))
    pool = DeidentifyPool(1)
    caught: list[BaseException] = []

    def work() -> None:
        try:
            list(pool.run([Job("0", project, f"{waiting_server}/file/0", tmp_path / "0.dcm")]))
        except Retry as error:
            caught.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    assert _Waiting.asked_now.wait(60)
    pool.close()
    thread.join(60)
    assert not thread.is_alive()
    assert len(caught) == 1
    wait_for(lambda: not set(_children(os.getpid())) - before, "the children to end")
    with pytest.raises(Retry, match="stopping"):
        list(pool.run(jobs_of(tmp_path, project, *StudyMaker().instances(1))))
