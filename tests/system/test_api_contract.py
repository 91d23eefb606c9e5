"""The API does what its OpenAPI page says, through Orthanc and with a user: thousands of requests, right and wrong."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.dicom import StudyMaker

if TYPE_CHECKING:
    from tests.conftest import MakeStack

#: Not checked: that TRACE is 405 (Orthanc itself says 400); that what the schema allows is taken (it cannot say that
#: a recall names either a batch or a patient). All else is: no answer but those that are declared, in the form that is
#: declared, none of them 5xx, and nothing wrong is taken.
_LEFT_OUT = "unsupported_method,positive_data_acceptance"
#: Random requests to each operation. What the API takes and answers does not depend on the database; each request
#: takes longer on PostgreSQL: with 60 the test took 374 s on SQLite and 619 s there, and ran out of time on a machine
#: that was busier still.
_EXAMPLES = {"sqlite": 60, "postgresql": 15}


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_declared_answers_only(make_stack: MakeStack, tmp_path: Path, database: str) -> None:
    """schemathesis finds no undeclared answer and no fault; a small journal that holds one batch, on both databases."""
    stack = make_stack(database)
    stack.configure(AuthenticationEnabled=True, RegisteredUsers={"alice": "secret-1"})
    stack.source.session.auth = ("alice", "secret-1")
    stack.start()
    stack.source.upload(StudyMaker().instance())
    stack.wait_batches(1)
    url = f"{stack.source.url}/sendit"
    command = [str(Path(sys.executable).parent / "schemathesis"), "run", f"{url}/api/openapi.json", "--url", url]
    options = [
        "--auth",
        "alice:secret-1",
        "--exclude-checks",
        _LEFT_OUT,
        "--seed",
        "1",
        "--max-examples",
        str(_EXAMPLES[database.partition(":")[0]]),
        "--no-color",
    ]
    bounds = ["--request-timeout", "30", "--generation-database", "none", "--continue-on-failure"]
    done = subprocess.run(
        [*command, *options, *bounds], cwd=tmp_path, capture_output=True, text=True, timeout=1400, check=False
    )
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    assert stack.is_ready()
    assert "Traceback" not in stack.source.log()
