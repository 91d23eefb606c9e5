"""An Orthanc that plays a PACS: it answers C-FIND, C-MOVE, C-GET and DICOMweb."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.servers.orthanc import OrthancServer

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from tests.servers.stack import Stack

DICOM_WEB = "/usr/share/orthanc/plugins/libOrthancDicomWeb.so"
_ANSWERS = {"DicomAlwaysAllowFind": True, "DicomAlwaysAllowMove": True, "DicomAlwaysAllowGet": True}
COLUMNS = "AccessionNumber,PatientID,StudyInstanceUID,StudyDateFrom,StudyDateTo,Modality"


def make_pacs(folder: Path, *stacks: Stack) -> OrthancServer:
    """A PACS that knows the source of each stack; each source knows it as "pacs", and by DICOMweb as "web"."""
    pacs = OrthancServer(folder, {"Plugins": [DICOM_WEB], **_ANSWERS}, name="PACS")
    known: dict[str, Any] = {}
    for number, stack in enumerate(stacks):
        known[f"source{number}"] = ["SOURCE", "127.0.0.1", stack.source.dicom_port]
        stack.source.configuration["Plugins"].append(DICOM_WEB)
        stack.configure(
            DicomModalities={"pacs": ["PACS", "127.0.0.1", pacs.dicom_port]},
            DicomWeb={"Servers": {"web": [f"{pacs.url}/dicom-web/"]}},
            DicomAlwaysAllowStore=True,
        )
    pacs.configuration["DicomModalities"] = known
    return pacs


def cohort(rows: Iterable[str]) -> str:
    """A cohort list of these rows, each with all `COLUMNS`."""
    return "\n".join((COLUMNS, *rows)) + "\n"
