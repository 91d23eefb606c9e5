"""What the image orthancteam/orthanc makes of variables and secrets, as its documentation says.

The image itself is not needed: what it starts is an Orthanc with the document that it has written.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

_PREFIX, _SECRET = "ORTHANC__", "_SECRET"
DEFAULTS = {
    "StorageDirectory": "/var/lib/orthanc/db",
    "RemoteAccessAllowed": True,
    "AuthenticationEnabled": True,
    "HttpsCACertificates": "/etc/ssl/certs/ca-certificates.crt",
    "Plugins": ["/usr/share/orthanc/plugins/"],
}


def key_of(part: str) -> str:
    """SEND_IT → SendIt."""
    return "".join(word.capitalize() for word in part.split("_"))


def document(variables: Mapping[str, str], secrets: Mapping[str, str]) -> dict[str, Any]:
    """The generated configuration. Secrets are files, by name: of a variable, or as a variable …_SECRET names them."""
    named = {name: key.removesuffix(_SECRET) for key, name in variables.items() if key.endswith(_SECRET)}
    given = {key: value for key, value in variables.items() if not key.endswith(_SECRET)}
    given |= {named.get(name, name): value.rstrip("\n") for name, value in secrets.items()}
    made: dict[str, Any] = json.loads(given.get("ORTHANC_JSON", "{}"))
    if "ORTHANC_PASSWORD" in given:
        made.setdefault("RegisteredUsers", {})["orthanc"] = given["ORTHANC_PASSWORD"]
    for key, value in given.items():
        if key.startswith(_PREFIX):
            *sections, last = map(key_of, key.removeprefix(_PREFIX).split("__"))
            place = made
            for section in sections:
                place = place.setdefault(section, {})
            place[last] = _value(value)
    return {**DEFAULTS, **made}


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
