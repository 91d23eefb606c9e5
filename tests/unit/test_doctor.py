"""What `sendit doctor` makes of what it may not read."""

from __future__ import annotations

from sendit.doctor import _find


def test_a_folder_that_may_not_be_read() -> None:
    """Is a finding with a way out, and the other checks go on."""

    def check() -> str:
        raise PermissionError(13, "Permission denied", "keys/irb.key")

    finding = _find("project irb", check)
    assert (finding.ok, finding.says) == (False, "keys/irb.key cannot be read (Permission denied)")
    assert "Orthanc's user" in finding.cure
