"""What Orthanc's authorization plugin does for users with profiles, as a few lines before SendIt's script.

It refuses every request without a known token, over HTTP, and answers /auth/user/profile for the user whose token came
along. Orthanc lets requests with the token that it gave to a plugin of its own pass without asking.
"""

from __future__ import annotations

from pathlib import Path

PLUGIN = Path(__file__).resolve().parents[2] / "plugin" / "sendit_plugin.py"
_SCRIPT = """
import json, orthanc
from pathlib import Path

def _profile(headers):
    known = json.loads(Path({users!r}).read_text())
    return known.get(headers.get("token", ""))

def _filter(uri, **request):
    return _profile(request["headers"]) is not None or {open!r}

def _answer(output, uri, **request):
    output.AnswerBuffer(json.dumps(_profile(request["headers"])), "application/json")

orthanc.RegisterIncomingHttpRequestFilter(_filter)
orthanc.RegisterRestCallback("/auth/user/profile", _answer)
__file__ = {plugin!r}
exec(compile(Path(__file__).read_text(), __file__, "exec"))
"""


def write_script(folder: Path, *, lets_in_everybody: bool = False) -> tuple[Path, Path]:
    """Write the script, and return it with the file that its users are read from: token → profile, as JSON."""
    script, users = folder / "with_authorization.py", folder / "users.json"
    script.write_text(_SCRIPT.format(users=str(users), open=lets_in_everybody, plugin=str(PLUGIN)))
    return script, users
