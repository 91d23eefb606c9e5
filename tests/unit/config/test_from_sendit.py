"""The settings of the first SendIt, as the configuration of this one."""

from __future__ import annotations

import pytest

from sendit.config.from_sendit import SettingNote, from_sendit
from sendit.config.schema import load
from sendit.errors import Misconfigured

CONFIG = """
import os
ANONYMIZE_RESTFUL = False
ANONYMIZE_PIXELS = False
SOM_STUDY = "test"
STUDY_DEID = None
ENTITY_ID = "PatientID"
ITEM_ID = "AccessionNumber"
DATA_BASE = "/data"
DATA_SUBFOLDER = "1_6"
DATA_INPUT_FOLDERS = None
SEND_TO_GOOGLE = True
GOOGLE_APPLICATION_CREDENTIALS = os.path.join("/code", ".google")
os.environ["GOOGLE_APPLICATION_CREDENTIALS"] = GOOGLE_APPLICATION_CREDENTIALS
GOOGLE_CLOUD_STORAGE = "radiology"
GOOGLE_STORAGE_COLLECTION = "IRB" + "41449"
GOOGLE_PROJECT_NAME = "some-project"
"""


def test_the_whole() -> None:
    document, notes = from_sendit({"config.py": CONFIG})
    settings = load(document)[0]
    assert document["SendIt"] == {
        "WatchedFolders": [{"Path": "/data/1_6", "Project": "IRB41449"}],
        "Destinations": {
            "google": {
                "Type": "GoogleCloudStorage",
                "Bucket": "radiology",
                "GoogleProject": "some-project",
                "Index": {"Type": "Datastore", "GoogleProject": "some-project"},
                "Credentials": {"Source": "ServiceAccountFile", "Path": "/code/.google"},
            }
        },
        "Projects": {
            "IRB41449": {
                "Options": ["CleanPixelData", "RetainLongitudinalModifiedDates"],
                "Destinations": ["google"],
            }
        },
    }
    assert list(settings.projects) == ["IRB41449"]
    assert all(note.converted for note in notes), notes


def lacking(notes: list[SettingNote]) -> list[tuple[str, int, str]]:
    return [(note.file, note.line, note.setting) for note in notes if not note.converted]


def test_later_files_decide() -> None:
    document, notes = from_sendit(
        {
            "config.py": CONFIG,
            "secrets.py": 'GOOGLE_STORAGE_COLLECTION = "other"\nSECRET_KEY = "geheim"\nDEBUG = False\n',
        }
    )
    assert list(document["SendIt"]["Projects"]) == ["other"]
    assert "geheim" not in str(document) + str(notes)


def test_orthanc_and_several_folders() -> None:
    more = (
        'SEND_TO_GOOGLE = False\nSEND_TO_ORTHANC = True\nORTHANC_IPADDRESS = "10.0.0.5"\nORTHANC_PORT = 4747\n'
        'DATA_INPUT_FOLDERS = ["/data/a", "b"]\n'
    )
    document, _ = from_sendit({"config.py": CONFIG + more})
    load(document)
    assert [one["Path"] for one in document["SendIt"]["WatchedFolders"]] == ["/data/a", "/data/b"]
    assert list(document["SendIt"]["Destinations"]) == ["orthanc"]
    assert document["DicomModalities"] == {"orthanc": ["ORTHANC", "10.0.0.5", 4747]}


def test_nothing_was_sent() -> None:
    document, notes = from_sendit({"config.py": CONFIG + "SEND_TO_GOOGLE = False\n"})
    load(document)
    assert document["SendIt"]["Destinations"] == {"folder": {"Type": "Folder", "Path": "/srv/sendit"}}
    assert any("nothing was sent" in note.reason for note in notes)


def test_what_has_no_equivalent() -> None:
    more = (
        'ANONYMIZE_RESTFUL = True\nSTUDY_DEID = "dicom.xray.chest"\nENTITY_ID = "AccessionNumber"\nUNHEARD_OF = 1\n'
        'GOOGLE_STORAGE_COLLECTION = "two words"\nSOM_STUDY = open("x").read()\nGOOGLE_CLOUD_STORAGE = None\n'
    )
    document, notes = from_sendit({"config.py": CONFIG + more})
    load(document)
    first = CONFIG.count("\n") + 1
    assert {(line, name) for _, line, name in lacking(notes)} == {
        (first, "ANONYMIZE_RESTFUL"),
        (first + 1, "STUDY_DEID"),
        (first + 2, "ENTITY_ID"),
        (first + 3, "UNHEARD_OF"),
        (first + 4, "GOOGLE_STORAGE_COLLECTION"),
        (first + 5, "SOM_STUDY"),
        (first + 6, "GOOGLE_CLOUD_STORAGE"),
    }


def test_folders_that_are_none() -> None:
    document, notes = from_sendit({"config.py": CONFIG + "DATA_INPUT_FOLDERS = True\n"})
    assert [one["Path"] for one in document["SendIt"]["WatchedFolders"]] == ["/data/1_6"]
    assert [name for _, _, name in lacking(notes)] == ["DATA_INPUT_FOLDERS"]


def test_nothing_is_run(tmp_path) -> None:  # type: ignore[no-untyped-def]
    made = tmp_path / "made"
    text = f'{CONFIG}\nDATA_BASE = open({str(made)!r}, "w").name\n'
    _, notes = from_sendit({"config.py": text})
    assert not made.exists()
    assert [name for _, _, name in lacking(notes)] == ["DATA_BASE"]


@pytest.mark.parametrize("text", ["def", "x = 1\n", "\0"])
def test_what_are_no_settings(text: str) -> None:
    with pytest.raises(Misconfigured):
        from_sendit({"config.py": text})
