"""What the configuration of watched folders refuses."""

from __future__ import annotations

import pytest

from sendit.config.schema import load
from sendit.errors import Misconfigured


@pytest.mark.parametrize("second", ["/data", "/data/", "/data/in", "/"])
def test_folders_in_each_other(second: str) -> None:
    """Two importers of one folder would take each other's files: the place is named."""
    folders = [{"Path": "/data", "Project": "P"}, {"Path": second, "Project": "P"}]
    section = {
        "WatchedFolders": folders,
        "Destinations": {"d": {"Type": "OrthancPeer", "Peer": "p"}},
        "Projects": {"P": {"Destinations": ["d"]}},
    }
    document = {"SendIt": section, "OrthancPeers": {"p": ["http://127.0.0.1:1"]}}
    with pytest.raises(Misconfigured) as caught:
        load(document)
    assert caught.value.place == "SendIt.WatchedFolders[1].Path"
    folders[1]["Path"] = "/database"
    load(document)


@pytest.mark.parametrize(
    ("path", "other"),
    [
        ("/srv/sendit", "SendIt.DataDirectory"),
        ("/srv", "SendIt.DataDirectory"),
        ("/srv/sendit/staging", "SendIt.DataDirectory"),
        ("/data/../srv/sendit", "SendIt.DataDirectory"),
        ("/safe/keys", "SendIt.CrosswalkKeys"),
        ("/var/lib/orthanc", "StorageDirectory"),
        ("/var/lib/orthanc/index/x", "IndexDirectory"),
    ],
)
@pytest.mark.parametrize("kind", ["watched", "delivered"])
def test_folders_of_sendit_and_orthanc_are_left_alone(path: str, other: str, kind: str) -> None:
    """An importer would move the keys, the journal and Orthanc's files away; nothing may be delivered among them."""
    section = {
        "DataDirectory": "/srv/sendit",
        "CrosswalkKeys": "/safe/keys",
        "WatchedFolders": [{"Path": path if kind == "watched" else "/data", "Project": "P"}],
        "Destinations": {"d": {"Type": "Folder", "Path": path if kind == "delivered" else "/mnt"}},
        "Projects": {"P": {"Destinations": ["d"]}},
    }
    own = {"StorageDirectory": "/var/lib/orthanc/db", "IndexDirectory": "/var/lib/orthanc/index"}
    with pytest.raises(Misconfigured) as caught:
        load({"SendIt": section, **own})
    wanted = {"watched": "SendIt.WatchedFolders[0].Path", "delivered": "SendIt.Destinations.d.Path"}[kind]
    assert (caught.value.place, other in caught.value.problem) == (wanted, True)
