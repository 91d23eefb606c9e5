"""Convert the settings of the first SendIt (pydicom/sendit, a Django application) to the configuration of this one.

The files are read as Python source and never run: only constants count, and what is made of constants.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sendit.errors import Misconfigured

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_PROJECT = "study"
_DESTINATION = "google"
#: Of Django, Celery and the like: SendIt has no such part.
_FRAMEWORK = re.compile(
    r"(ALLOWED_HOSTS|ADMINS|MANAGERS|BASE_DIR|LOG_DIR|CACHES?|CACHE_.*|CELERY.*|BROKER.*|CORS_.*|CRISPY.*|DATABASES|DEBUG"
    r"|DOMAIN_NAME.*|EMAIL_.*|INOTIFIER_.*|INSTALLED_APPS|INTERNAL_IPS|LANGUAGE.*|LOGGING|LOGIN_.*|MEDIA_.*|MIDDLEWARE.*"
    r"|PLUGINS.*|REST_.*|API_.*|ROOT_URLCONF|SITE_ID|SOCIAL_.*|STATIC.*|TEMPLATES?|TEMPLATE_.*|TIME_ZONE|USE_.*|WSGI_.*"
    r"|AUTH.*|CSRF_.*|SESSION_.*|SECURE_.*|HELP_.*|USER_.*|GRAVATAR_.*|DATA_UPLOAD_.*|HASHID.*|LOCKDOWN_(?!ENABLED$).*)"
)
_NO_VALUE = object()


@dataclass(frozen=True, slots=True)
class SettingNote:
    """A note for a person about one setting. It never repeats a value."""

    file: str
    line: int  # 0: a setting that no file has
    setting: str
    reason: str
    converted: bool


@dataclass(frozen=True, slots=True)
class _Setting:
    file: str
    line: int
    value: Any  # _NO_VALUE: it is not a constant


def from_sendit(files: Mapping[str, str]) -> tuple[dict[str, Any], list[SettingNote]]:
    """Return the configuration, and notes about what differs or has no equivalent.

    Args:
        files: name → text; a setting of a later file replaces that of a former one.

    Raises:
        Misconfigured: a file is no Python source, or has no setting of the first SendIt.
    """
    settings: dict[str, _Setting] = {}
    for name, text in files.items():
        settings |= _read(name, text, settings)
    return _Converter(settings, next(iter(files))).convert()


def _read(name: str, text: str, before: Mapping[str, _Setting]) -> dict[str, _Setting]:
    """Return the settings of a file: assignments to names in capitals, at its top."""
    try:
        module = ast.parse(text)
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None) or 1
        raise Misconfigured(
            f"{name}, line {line}", "it is not Python source", "Give the file as Django uses it."
        ) from None
    known = {key: one.value for key, one in before.items()}
    settings: dict[str, _Setting] = {}
    for statement in module.body:
        if isinstance(statement, ast.Assign):
            targets, value = statement.targets, statement.value
        elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
            targets, value = [statement.target], statement.value
        else:
            continue
        for target in targets:
            if isinstance(target, ast.Name) and target.id.isupper():
                known[target.id] = _constant(value, known)
                settings[target.id] = _Setting(name, statement.lineno, known[target.id])
    return settings


def _constant(node: ast.expr, known: Mapping[str, Any]) -> Any:
    """Return the value of an expression of constants, names that have one, + and os.path.join; else `_NO_VALUE`."""
    if isinstance(node, ast.Name):
        return known.get(node.id, _NO_VALUE)
    if isinstance(node, ast.List | ast.Tuple):
        values = [_constant(one, known) for one in node.elts]
        return _NO_VALUE if _NO_VALUE in values else values
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        left, right = _constant(node.left, known), _constant(node.right, known)
        return left + right if isinstance(left, str) and isinstance(right, str) else _NO_VALUE
    if isinstance(node, ast.Call) and ast.unparse(node.func) in ("os.path.join", "path.join"):
        parts = [_constant(one, known) for one in node.args]
        return "/".join(parts) if all(isinstance(part, str) for part in parts) else _NO_VALUE
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return _NO_VALUE


class _Converter:
    """Makes the configuration, and marks the settings that it used."""

    def __init__(self, settings: Mapping[str, _Setting], file: str) -> None:
        self._settings, self._file = settings, file
        self._notes: list[SettingNote] = []
        self._used: set[str] = set()

    def convert(self) -> tuple[dict[str, Any], list[SettingNote]]:
        if not self._settings.keys() & {*_SAYINGS, "SEND_TO_GOOGLE", "GOOGLE_CLOUD_STORAGE", "SOM_STUDY"}:
            problem, remedy = "it has no setting of pydicom/sendit", "Give its sendit/settings/config.py."
            raise Misconfigured(self._file, problem, remedy)
        project = self._project_name()
        document: dict[str, Any] = {
            "SendIt": {
                "WatchedFolders": [{"Path": path, "Project": project} for path in self._folders()],
                "Destinations": {},
                "Projects": {
                    project: {
                        "Options": ["CleanPixelData", "RetainLongitudinalModifiedDates"],
                        "Destinations": [],
                    }
                },
            }
        }
        self._destination(document)
        document["SendIt"]["Projects"][project]["Destinations"] = list(document["SendIt"]["Destinations"])
        self._say()
        return document, sorted(self._notes, key=lambda note: (note.file, note.line))

    # --- reading -------------------------------------------------------------------------------------------------

    def _get(self, *names: str) -> Any:
        """Return the value of the first of these settings that has one; None if none has."""
        self._used.update(names)
        for name in names:
            one = self._settings.get(name)
            if one is not None and one.value is _NO_VALUE:
                self._note(name, "its value is computed when the program runs: write it by hand", converted=False)
            elif one is not None and one.value not in (None, ""):
                return one.value
        return None

    def _text(self, *names: str) -> str:
        value = self._get(*names)
        return value if isinstance(value, str) else ""

    def _note(self, name: str, reason: str, *, converted: bool) -> None:
        one = self._settings.get(name)
        self._notes.append(
            SettingNote(one.file if one else self._file, one.line if one else 0, name, reason, converted)
        )

    # --- parts of the configuration ------------------------------------------------------------------------------

    def _project_name(self) -> str:
        """Return the name of the collection, or else of the study: it stands in the names of objects."""
        named = ("GOOGLE_STORAGE_COLLECTION", "SOM_STUDY", "STUDY")
        self._used.update(named)
        for setting in named:
            name = self._text(setting)
            if name and _NAME.fullmatch(name):
                return name
            if name:
                self._note(setting, "a project's name has letters, digits, dots and hyphens only", converted=False)
        self._note("GOOGLE_STORAGE_COLLECTION", f"no study is named; the project is called {_PROJECT}", converted=False)
        return _PROJECT

    def _folders(self) -> list[str]:
        """Return the folders that were watched, or read."""
        base = self._text("DATA_BASE") or "/data"
        given, sub = self._get("DATA_INPUT_FOLDERS"), self._text("DATA_SUBFOLDER")
        folders = [given] if isinstance(given, str) else given
        if folders is not None and not (isinstance(folders, list) and all(isinstance(one, str) for one in folders)):
            self._note("DATA_INPUT_FOLDERS", "it is not a list of folders", converted=False)
            folders = None
        if not folders:
            folders = [f"{base.rstrip('/')}/{sub.strip('/')}" if sub else base]
        paths = [folder if folder.startswith("/") else f"{base.rstrip('/')}/{folder}" for folder in folders]
        where = "DATA_INPUT_FOLDERS" if folders and given else "DATA_BASE"
        self._note(where, "the path is that within the container; imported folders move to .done/", converted=True)
        return list(dict.fromkeys(path.rstrip("/") or "/" for path in paths))

    def _destination(self, document: dict[str, Any]) -> None:
        bucket, google = self._text("GOOGLE_CLOUD_STORAGE"), self._text("GOOGLE_PROJECT_NAME")
        key, send = self._text("GOOGLE_APPLICATION_CREDENTIALS"), self._get("SEND_TO_GOOGLE")
        destinations = document["SendIt"]["Destinations"]
        if send and bucket:
            destinations[_DESTINATION] = self._bucket(bucket, google, key)
        elif send:
            self._note("GOOGLE_CLOUD_STORAGE", "no bucket is named: add the destination by hand", converted=False)
        host, port = self._text("ORTHANC_IPADDRESS"), self._get("ORTHANC_PORT", "ORTHAC_PORT")
        if self._get("SEND_TO_ORTHANC") and host and isinstance(port, int):
            destinations["orthanc"] = {"Type": "DicomModality", "Modality": "orthanc"}
            document["DicomModalities"] = {"orthanc": ["ORTHANC", host, port]}
            self._note(
                "SEND_TO_ORTHANC", "sent by C-STORE to the AE title ORTHANC; pydicom/sendit never sent", converted=True
            )
        if not destinations:
            destinations["folder"] = {"Type": "Folder", "Path": "/srv/sendit"}
            self._note(
                "SEND_TO_GOOGLE", "nothing was sent anywhere: a folder stands for it, change its Path", converted=True
            )

    def _bucket(self, bucket: str, google: str, key: str) -> dict[str, Any]:
        """Return the destination; its default layout and names are those of the first SendIt."""
        made: dict[str, Any] = {"Type": "GoogleCloudStorage", "Bucket": bucket}
        if google:
            made["GoogleProject"] = google
            made["Index"] = {"Type": "Datastore", "GoogleProject": google}
            self._note(
                "GOOGLE_PROJECT_NAME",
                "it is indexed in Datastore; a table of BigQuery is possible, too",
                converted=True,
            )
        else:
            reason = (
                "without it, pydicom/sendit sent nothing; SendIt takes the project of the credentials, without an index"
            )
            self._note("GOOGLE_PROJECT_NAME", reason, converted=True)
        if key.startswith("/"):
            made["Credentials"] = {"Source": "ServiceAccountFile", "Path": key}
        return made

    def _say(self) -> None:
        """Note what was decided otherwise, and what was not used."""
        for name, one in self._settings.items():
            if name in _SAYINGS:
                says = _SAYINGS[name](one.value)
                if says is not None:
                    self._note(name, says[0], converted=says[1])
            elif name not in self._used and not _FRAMEWORK.fullmatch(name):
                self._note(name, "SendIt does not know this setting", converted=False)


_Saying = Callable[[Any], "tuple[str, bool] | None"]


def _if_true(reason: str, *, converted: bool) -> _Saying:
    return lambda value: (reason, converted) if value else None


def _restful(value: Any) -> tuple[str, bool]:
    if value:
        return (
            "codes came from a service: SendIt makes them under the project's key, or asks an identity service",
            False,
        )
    return "identified data left; SendIt always de-identifies", True


def _deid(value: Any) -> tuple[str, bool] | None:
    if not value:
        return None
    remedy = "copy it from deid's data folder beside orthanc.json, and name it in the project's \"Recipes\""
    return f"a recipe of deid's was named: {remedy}", False


def _entity(value: Any) -> tuple[str, bool] | None:
    return None if value == "PatientID" else ("SendIt's entity is always the patient", False)


_PIXELS = "SendIt cleans pixels under CleanPixelData, which the project has: text is made black, not only reported"
#: Notes about a setting, by its value; None: there is nothing to say.
_SAYINGS: Mapping[str, _Saying] = {
    "ANONYMIZE_RESTFUL": _restful,
    "DEIDENTIFY_RESTFUL": _restful,
    "ANONYMIZE_PIXELS": lambda _: (_PIXELS, True),
    "DEIDENTIFY_PIXELS": lambda _: (_PIXELS, True),
    "STUDY_DEID": _deid,
    "ENTITY_ID": _entity,
    "ITEM_ID": lambda _: None,
    "CUSTOM_ENTITY_ID": _if_true("SendIt tells no service about sources", converted=True),
    "STANFORD_APPLICATION_CREDENTIALS": _if_true("DASHER is not asked; an identity service can be", converted=True),
    "GOOGLE_PROJECT_ID_HEADER": _if_true("the credentials tell Google the project", converted=True),
    "LOCKDOWN_ENABLED": lambda _: ("Orthanc's users log in: AuthenticationEnabled and RegisteredUsers", True),
    "SECRET_KEY": lambda _: ("SendIt has no such key: Orthanc authenticates", True),
}
