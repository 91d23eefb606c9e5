"""The command line starts without the libraries that do the work."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from sendit.cli.app import app

pytestmark = pytest.mark.long

#: Packages that are slow to import, or that only commands need.
HEAVY = {
    "alembic",
    "cryptography",
    "cv2",
    "dbos",
    "deid",
    "fastapi",
    "google",
    "grpc",
    "jinja2",
    "json5",
    "numpy",
    "onnxruntime",
    "PIL",
    "psycopg",
    "pydantic",
    "pydicom",
    "pynetdicom",
    "requests",
    "sqlalchemy",
    "starlette",
    "uvicorn",
    "watchfiles",
}
_PROGRAM = """
import json, sys
from sendit.cli.app import main
sys.argv = ["sendit", *{arguments!r}]
try:
    main()
finally:
    print(json.dumps(sorted({{name.partition(".")[0] for name in sys.modules}})), file=sys.stderr)
"""


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--version"], "sendit "),
        (["--help"], "check every output for leaks"),
        (["recipe", "--help"], "explain"),
        (["deidentify", "--help"], "SRC"),
    ],
    ids=" ".join,
)
def test_what_the_command_line_loads(arguments: list[str], expected: str) -> None:
    """Neither --version nor any --help imports a library that only commands need; typer may import pydantic itself."""
    program = _PROGRAM.format(arguments=arguments)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, expected in " ".join(done.stdout.split())) == (0, True), done.stdout + done.stderr
    loaded = set(json.loads(done.stderr.splitlines()[-1]))
    assert "typer" in loaded
    allowed = {"pydantic"} if len(arguments) > 1 else set()
    assert loaded & HEAVY <= allowed


def test_the_former_name_of_unlink() -> None:
    """`sendit cut-ties` still works, and is not listed."""

    listed = CliRunner().invoke(app, ["--help"]).output
    assert ("unlink" in listed, "cut-ties" in listed) == (True, False)
    assert CliRunner().invoke(app, ["cut-ties", "--help"]).exit_code == 0
