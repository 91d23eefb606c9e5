"""The demonstration's ports: where they come from, and who holds one."""

from __future__ import annotations

import os
import socket

import pytest

from scripts.demo.failure import Failure
from scripts.demo.ports import VARIABLES, Ports, from_environment, holder, is_free, refuse_taken


def test_the_ports_are_those_of_the_readme_unless_the_environment_says_otherwise() -> None:
    """Each of the six variables changes its own port; an empty one changes nothing."""
    assert from_environment({}) == Ports(8042, 4242, 8043, 4243, 9023, 8081)
    assert from_environment({"SENDIT_HTTP_PORT": ""}) == Ports()
    chosen = from_environment({variable: str(9000 + n) for n, variable in enumerate(VARIABLES.values())})
    assert chosen == Ports(9000, 9001, 9002, 9003, 9004, 9005)


@pytest.mark.parametrize("text", ["http", "0", "65536", "-1", "8042.5"])
def test_what_is_no_port_is_refused_by_the_name_of_its_variable(text: str) -> None:
    """The message names the variable and what it holds."""
    with pytest.raises(Failure, match=f"SENDIT_DICOM_PORT is '{text}'"):
        from_environment({"SENDIT_DICOM_PORT": text})


def test_one_port_cannot_serve_twice() -> None:
    """8043 for the source is the target's own default."""
    with pytest.raises(Failure, match="SENDIT_TARGET_HTTP_PORT names port 8043 a second time"):
        from_environment({"SENDIT_HTTP_PORT": "8043"})


def test_a_taken_port_is_named_with_its_holder_and_the_way_out() -> None:
    """Here the holder is this very process."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        port = server.getsockname()[1]
        assert not is_free(port)
        assert f"(process {os.getpid()})" in holder(port)
        with pytest.raises(Failure, match=rf"port {port} is taken by .*process {os.getpid()}\); .* SENDIT_DICOM_PORT="):
            refuse_taken(Ports(dicom=port))
    assert is_free(port)
