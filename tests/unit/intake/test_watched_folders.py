"""What the configuration of watched folders refuses."""

from __future__ import annotations

import pytest

from sendit.errors import Misconfigured
from sendit.settings import load


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
