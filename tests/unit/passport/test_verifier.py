"""sendit-verify: what is as it was released passes, and every fault is named."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pydicom
import pytest

import sendit_verify
from sendit.pipeline.passport import document
from sendit.pipeline.passport.dicom_object import staged_passport
from tests.destinations.staged_instances import read_testfile, shipment, shipment_of, to_bytes
from tests.passports import ISSUED, key_file, kinds, new_signer, passport_of, public_of, rotated, verified

if TYPE_CHECKING:
    from sendit.model import Shipment

pytestmark = pytest.mark.long

PROGRAM = Path(sendit_verify.__file__)


class Release:
    """What a recipient has: a folder with a study and its passport, and the public key."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.signer = new_signer()
        self.folder = home / "received"
        self.folder.mkdir()
        self.sent = self.add("a")
        self.key = key_file(home, self.signer)

    def add(self, name: str, signer: document.Signer | None = None) -> Shipment:
        """Another study in a folder of its own."""
        place = self.folder / name
        place.mkdir()
        sent = shipment(place, 3)
        (place / "manifest.json").write_bytes(passport_of(sent, signer or self.signer))
        return sent

    @property
    def passport(self) -> Path:
        return self.folder / "a" / "manifest.json"

    def path(self, number: int) -> Path:
        return self.sent.staged_instances[number].path

    def uid(self, number: int) -> str:
        return self.sent.staged_instances[number].receipt.sop_instance_uid

    def report(self, *revocations: Path) -> sendit_verify.Report:
        return verified(self.folder, self.key, revocations)

    def revoke(self, *studies: str, name: str = "revoked.json", signer: document.Signer | None = None) -> Path:
        path = self.home / name
        path.write_bytes(document.revocations("IRB1", studies, ISSUED, signer or self.signer))
        return path


@pytest.fixture
def release(tmp_path: Path) -> Release:
    return Release(tmp_path)


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    """The program by itself, in a Python that does not see SendIt."""
    command = [sys.executable, "-I", str(PROGRAM), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_what_was_released_passes(release: Release) -> None:
    """Exit code 0; it says of what, signed by whom and under which rules."""
    release.add("b")
    done = run(release.folder, "--key", release.key)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert "Complete and unchanged: 6 files" in done.stdout
    for expected in ("project IRB1", "batch 1", "options: CleanPixelData", "recipe: irb1.deid", "a key of project.pub"):
        assert expected in done.stdout
    listed = json.loads(run(release.folder, "--key", release.key, "--json").stdout)
    assert (listed["verified"], listed["faults"]) == (6, [])


def test_one_byte(release: Release) -> None:
    content = bytearray(release.path(1).read_bytes())
    content[-100] ^= 1
    release.path(1).write_bytes(content)
    done = run(release.folder, "--key", release.key)
    assert done.returncode == 1
    assert f"CHANGED a/{release.path(1).name}: it is not as {release.uid(1)} was released" in done.stdout
    assert "1 fault: 2 files are as they were released" in done.stdout


def test_one_missing(release: Release) -> None:
    release.path(0).unlink()
    (fault,) = release.report().faults
    assert (fault.kind, fault.subject) == ("missing", release.uid(0))


def test_one_added(release: Release) -> None:
    """A DICOM file, and any other that is not hidden."""
    (release.folder / "a" / "more.dcm").write_bytes(to_bytes(read_testfile()))
    (release.folder / "a" / "report.pdf").write_bytes(b"%PDF-1.7")
    (release.folder / "a" / ".DS_Store").write_bytes(b"x")
    report = release.report()
    assert [(fault.kind, fault.subject) for fault in report.faults] == [
        ("added", "a/more.dcm"),
        ("added", "a/report.pdf"),
    ]
    assert report.verified == 3


def test_a_swapped_receipt(release: Release) -> None:
    """Two receipts of a passport exchange their digests: the signature does not fit, and both files are named."""
    held = json.loads(release.passport.read_bytes())
    one, other = held["manifest"]["instances"][:2]
    for name in ("sha256", "dataset_sha256"):
        one[name], other[name] = other[name], one[name]
    release.passport.write_bytes(document.canonical(held))
    report = release.report()
    assert kinds(report) == ["signature", "swapped", "swapped"]
    assert {fault.subject for fault in report.faults if fault.kind == "swapped"} == {
        f"a/{one['instance']}.dcm",
        f"a/{other['instance']}.dcm",
    }
    assert report.verified == 0


def test_swapped_passports(release: Release) -> None:
    """Each of two studies with the passport of the other, one of them alone: nothing of it passes."""
    release.add("b")
    other = (release.folder / "b" / "manifest.json").read_bytes()
    for path in (release.folder / "b").iterdir():
        path.unlink()
    release.passport.write_bytes(other)
    report = release.report()
    assert kinds(report) == ["added"] * 3 + ["missing"] * 3
    assert report.verified == 0


@pytest.mark.parametrize("change", ["project", "issued", "rules", "leak_check"])
def test_a_changed_passport(release: Release, change: str) -> None:
    held = json.loads(release.passport.read_bytes())
    place: dict[str, Any] = held["manifest"] if change != "leak_check" else held["manifest"]["instances"][0]
    place[change] = {} if change == "rules" else "other"
    release.passport.write_bytes(document.canonical(held))
    assert kinds(release.report()) == ["signature"]
    assert release.report().verified == 0


def test_a_passport_that_was_only_laid_out_anew_passes(release: Release) -> None:
    """What is signed is what it says, however it is spaced."""
    held = json.loads(release.passport.read_bytes())
    release.passport.write_text(json.dumps(held, indent=2))
    assert release.report().faults == []


def test_a_wrong_key(release: Release, tmp_path: Path) -> None:
    """Another project's key; a forger who names the real key; one who brings a chain of keys along."""
    (tmp_path / "other").mkdir()
    wrong = key_file(tmp_path / "other", new_signer())
    report = verified(release.folder, wrong)
    assert (kinds(report), report.verified) == (["key"], 0)
    forger = new_signer()
    forged = document.Signer("IRB1", release.signer.keys, forger.private)
    release.passport.write_bytes(passport_of(release.sent, forged))
    assert kinds(release.report()) == ["signature"]
    successor = rotated(document.Signer("IRB1", release.signer.keys, forger.private))
    release.passport.write_bytes(passport_of(release.sent, successor))
    assert kinds(release.report()) == ["key"]


def test_a_rotated_key(release: Release, tmp_path: Path) -> None:
    """The old public key verifies what the new one signed; the new file verifies what the old one signed."""
    newer = rotated(rotated(release.signer))
    release.add("b", newer)
    report = release.report()
    assert (report.faults, report.verified) == ([], 6)
    assert "key 3, which key 2 has signed as its successor" in report.passports[-1].signer
    (tmp_path / "new").mkdir()
    report = verified(release.folder, key_file(tmp_path / "new", newer))
    assert (report.faults, report.verified) == ([], 6)


def test_a_key_of_another_project_is_no_successor(release: Release) -> None:
    """The statement names the project, the number and the key; each is part of what is signed."""
    newer = rotated(release.signer)
    for name, value in (("project", "IRB2"), ("number", 3), ("made", "2020-01-01T00:00:00Z")):
        held = json.loads(passport_of(release.sent, newer))
        held["keys"][1][name] = value
        release.passport.write_bytes(document.canonical(held))
        assert kinds(release.report()) == ["key"], name


def test_a_revoked_study(release: Release) -> None:
    """Named, with what to do; a list that is not signed by the project's key counts, and is a fault."""
    study = release.sent.staged_instances[0].receipt.study_instance_uid
    done = run(release.folder, "--key", release.key, "--revocations", release.revoke(study, "2.25.1"))
    assert done.returncode == 1
    assert f"REVOKED {study}: it was recalled" in done.stdout
    assert release.report(release.revoke("2.25.1")).faults == []
    assert kinds(release.report(release.revoke(study, signer=new_signer()))) == ["key", "revoked"]
    (release.folder / "revocations_IRB1.json").write_bytes(release.revoke(study).read_bytes())
    assert kinds(release.report()) == ["revoked"]


def test_a_list_of_another_project(release: Release) -> None:
    path = release.home / "other.json"
    path.write_bytes(document.revocations("IRB2", ["2.25.1"], ISSUED, release.signer))
    assert kinds(release.report(path)) == ["revocations"]


def test_a_server_that_wrote_the_file_meta_information_anew(release: Release) -> None:
    """The data set is what was released; another transfer syntax cannot be compared, and is named as that."""
    dataset = pydicom.dcmread(release.path(0))
    dataset.file_meta.SourceApplicationEntityTitle = "ARCHIVE"
    dataset.save_as(release.path(0))
    report = release.report()
    assert (report.faults, report.verified) == ([], 3)
    assert "1 files: a server wrote their file meta information anew" in report.notes[0]
    dataset.compress(pydicom.uid.RLELossless, generate_instance_uid=False)
    dataset.save_as(release.path(0))
    (fault,) = release.report().faults
    assert (fault.kind, "ask for the original syntax" in fault.problem) == ("transcoded", True)


def test_a_passport_as_a_dicom_object(release: Release) -> None:
    """The passport is found in its report, also where a server wrote that in another transfer syntax."""
    content = release.passport.read_text()
    release.passport.unlink()
    path = release.folder / "a" / "passport.dcm"
    staged_passport(release.sent, content, path, write=True)
    assert release.report().faults == []
    for syntax in (pydicom.uid.ImplicitVRLittleEndian, pydicom.uid.DeflatedExplicitVRLittleEndian):
        dataset = pydicom.dcmread(path)
        dataset.file_meta.TransferSyntaxUID = syntax
        dataset.save_as(path, implicit_vr=syntax.is_implicit_VR, little_endian=True)
        report = release.report()
        assert (report.faults, report.verified) == ([], 3)


def test_parts_and_copies(release: Release) -> None:
    """A study that came in two parts has two passports; one without its first part is told."""
    place = release.folder / "a"
    late = shipment_of(read_testfile(), folder=place)
    (place / "manifest_part2.json").write_bytes(passport_of(replace(late, part=2), release.signer))
    report = release.report()
    assert (report.faults, report.verified) == ([], 4)
    assert "part 2 is here, and the passport of part 1 is not" in report.notes[0]
    (place / "copy.dcm").write_bytes(release.path(0).read_bytes())
    assert any("one more copy" in note for note in release.report().notes)
    assert release.report().verified == 4


def test_nothing_to_verify(release: Release, tmp_path: Path) -> None:
    """Exit code 2, and why: no passport, no folder, no key, no list."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "no.pub").write_text("-----BEGIN NOTHING-----")
    for arguments, expected in (
        ((tmp_path / "empty", "--key", release.key), "there is no passport"),
        ((tmp_path / "nowhere", "--key", release.key), "is not a folder"),
        ((release.folder, "--key", tmp_path / "no.pub"), "holds no Ed25519 public key"),
        ((release.folder, "--key", tmp_path / "none.pub"), "cannot be read"),
        ((release.folder, "--key", release.key, "--revocations", release.key), "is not a list of revocations"),
    ):
        done = run(*arguments)
        assert (done.returncode, expected in done.stderr) == (2, True), done.stderr
        assert done.stdout == ""


@pytest.mark.parametrize(
    "text",
    [
        '{"format":"sendit-passport/1"}',
        '{"format":"sendit-passport/1","manifest":[],"keys":[],"signature":{}}',
        '{"format":"sendit-passport/1","manifest":{},"keys":[{},{}],"signature":{"key":"","value":""}}',
        '{"format":"sendit-passport/1","manifest":{"instances":3},"keys":[],"signature":{"key":[],"value":1}}',
        '{"format":["sendit-passport/1"]}',
        "[" * 100_000,
    ],
)
def test_a_document_that_is_none(release: Release, text: str) -> None:
    """A fault like any other; the program does not break."""
    (release.folder / "manifest.json").write_text(text)
    report = release.report()
    assert set(kinds(report)) <= {"signature", "key", "added"}
    assert report.faults
    assert report.verified == 3
    assert run(release.folder, "--key", release.key).returncode == 1


def test_links_are_not_followed_out(release: Release, tmp_path: Path) -> None:
    """A linked folder is not looked into: it is not what was received."""
    (tmp_path / "else").mkdir()
    (tmp_path / "else" / "x.dcm").write_bytes(to_bytes(read_testfile()))
    (release.folder / "link").symlink_to(tmp_path / "else")
    assert release.report().faults == []


def test_it_is_one_file_for_old_pythons() -> None:
    """Python 3.9 parses it, and it imports nothing but the standard library and cryptography."""
    tree = ast.parse(PROGRAM.read_text(), feature_version=(3, 9))
    imported = {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
    imported |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    foreign = {name.partition(".")[0] for name in imported} - set(sys.stdlib_module_names)
    assert foreign == {"cryptography"}


def test_canonical_json() -> None:
    """Both sides write the same, and what has no single form is refused."""
    value = {"b": ['é\n\x01"', 1, True, None], "a": {}}
    assert document.canonical(value) == sendit_verify.canonical(value)
    assert document.canonical(value) == '{"a":{},"b":["é\\n\\u0001\\"",1,true,null]}'.encode()
    for wrong in (1.5, {"é": 1}, {1: 2}, b"x", object()):
        with pytest.raises(TypeError):
            document.canonical([wrong])


def test_keys_of_a_file(tmp_path: Path) -> None:
    """All of them, each by what it is."""
    signer = rotated(new_signer())
    found = sendit_verify.read_keys([key_file(tmp_path, signer)])
    assert list(found) == [key.public for key in signer.keys]
    assert list(found)[-1] == public_of(signer.private)
