"""plugin/orthanc.pyi promises nothing that the running Orthanc does not have."""

from __future__ import annotations

import ast
import json
from pathlib import Path

from tests.servers.orthanc import OrthancServer
from tests.servers.waiting import wait_for

STUB = Path(__file__).resolve().parents[2] / "plugin" / "orthanc.pyi"

#: Writes {"orthanc": […], "ChangeType": […], …}; GET /names answers what the objects of a callback hold.
SCRIPT = """
import json, orthanc
def write(name, found):
    with open({folder!r} + "/" + name, "w") as file:
        json.dump(found, file)
def answer(output, uri, **request):
    output.AnswerBuffer(json.dumps({{"output": dir(output), "request": sorted(request)}}), "application/json")
def on_change(kind, level, resource):
    if kind == orthanc.ChangeType.ORTHANC_STARTED:
        write("names.json", {{"orthanc": dir(orthanc), **{{n: dir(getattr(orthanc, n)) for n in {classes!r}}}}})
orthanc.RegisterRestCallback("/names", answer)
orthanc.RegisterOnChangeCallback(on_change)
"""


def _promised() -> dict[str, list[str]]:
    """The names of the module, and those of each class in it."""
    promised: dict[str, list[str]] = {"orthanc": []}
    for node in ast.parse(STUB.read_text()).body:
        if isinstance(node, ast.ClassDef):
            members = [m for m in node.body if isinstance(m, (ast.FunctionDef, ast.AnnAssign))]
            promised[node.name] = [m.name if isinstance(m, ast.FunctionDef) else ast.unparse(m.target) for m in members]
        if isinstance(node, (ast.ClassDef, ast.FunctionDef)):
            promised["orthanc"].append(node.name)
    return promised


def _since_plugin_6() -> set[str]:
    """The names of which the stub says that they are newer than what may be installed."""
    nodes = [one for one in ast.parse(STUB.read_text()).body if isinstance(one, (ast.ClassDef, ast.FunctionDef))]
    return {one.name for one in nodes if (ast.get_docstring(one) or "").startswith("Since plugin 6.0: ")}


def test_every_name_exists(tmp_path: Path) -> None:
    """Each function, class and member of the stub is in the plugin of the Orthanc that is installed, if it can be."""
    promised = _promised()
    script = tmp_path / "names_of_orthanc.py"
    script.write_text(
        SCRIPT.format(folder=str(tmp_path), classes=[n for n in promised if n not in {"orthanc", *_since_plugin_6()}])
    )
    with OrthancServer(tmp_path / "orthanc", script=script) as server:
        written = tmp_path / "names.json"
        wait_for(lambda: written.exists() and written.read_text().endswith("}"), "the names to be written")
        found = json.loads(written.read_text())
        answer = server.get("/names")
    newer = set() if "StoreKeyValue" in found["orthanc"] else _since_plugin_6()
    for name, members in promised.items():
        if name not in newer:
            assert set(members) - newer <= set(found[name]), name
    assert set(promised["RestOutput"]) <= set(answer["output"])
    assert answer["request"] == ["get", "groups", "headers", "method"]


def test_every_call_has_a_stub() -> None:
    """The plugin is the only file that imports orthanc, and what it takes from it stands in the stub."""
    promised = _promised()
    sources = [p for p in STUB.parent.rglob("*.py") if "import orthanc\n" in p.read_text()]
    assert [p.name for p in sources] == ["sendit_plugin.py"]
    taken = {
        node.attr
        for node in ast.walk(ast.parse(sources[0].read_text()))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "orthanc"
    }
    assert taken == set(promised["orthanc"]) - {"KeysValuesIterator"}  # what CreateKeysValuesIterator returns
