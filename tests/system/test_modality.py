"""A modality of Orthanc's configuration as a destination of the whole: plugin, worker, and another Orthanc."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.dicom import StudyMaker
from tests.servers.orthanc import OrthancServer

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import MakeStack


def test_what_orthanc_says_of_modalities_reaches_the_worker(make_stack: MakeStack, tmp_path: Path) -> None:
    """DicomModalities and its title: a study goes by C-STORE and is read back; a recall says that DICOM has none."""
    answers = {"DicomAlwaysAllowStore": True, "DicomAlwaysAllowFind": True, "DicomAlwaysAllowGet": True}
    with OrthancServer(tmp_path / "archive", answers, name="ARCHIVE") as archive:
        stack = make_stack()
        stack.configure(DicomModalities={"archive": ["ARCHIVE", "127.0.0.1", archive.dicom_port]})
        stack.sendit["Destinations"]["research"] = {"Type": "DicomModality", "Modality": "archive"}
        stack.start(target=False)
        for file in StudyMaker().instances(3):
            stack.source.upload(file)
        (batch,) = stack.wait_batches(1)
        assert (batch["state"], batch["sent"]) == ("DONE", 3)
        held = archive.get("/instances")
        assert len(held) == 3
        titles = {archive.session.get(f"{archive.url}/instances/{i}/metadata/RemoteAET", timeout=10).text for i in held}
        assert titles == {"SOURCE"}
        done = stack.cli("recall", "--batch", str(batch["id"]), "--yes", "--reason", "consent withdrawn")
        assert done.returncode == 1
        assert len(archive.get("/instances")) == 3
        (batch,) = stack.wait_batches(1, {"RECALL_FAILED"})
        assert "DICOM has no way" in batch["reason"]
