"""No secret of a configuration is ever shown."""

from __future__ import annotations

import json
import re
from typing import Any, get_args

from sendit.config.json_schema import sections_below
from sendit.config.masking import masked, masked_section
from sendit.config.schema import Settings, load

PLANTED = "pl4nted"
#: Fields whose names sound like secrets, and why they are none.
_NO_SECRETS = {
    ("GoogleCloudStorageSettings", "kms_key"): "the name of a key at Google",
    ("Settings", "crosswalk_keys"): "a folder",
    ("DatastoreIndexSettings", "database"): "a name",
}


def _values(annotation: Any) -> bool:
    """Whether a text can stand there."""
    return annotation is str or any(map(_values, get_args(annotation)))


def test_every_field_that_sounds_like_a_secret_is_one() -> None:
    """By name: a field that is added without repr=False fails here."""
    sounding = re.compile(r"pass|secret|token|headers|credential|database|_?key(s|$)|private_key", re.IGNORECASE)
    shown = {
        (section.__name__, name)
        for section in sections_below(Settings)
        for name, field in section.model_fields.items()
        if sounding.search(name) and field.repr and _values(field.annotation)
    }
    assert shown - set(_NO_SECRETS) == set()


def test_planted_secrets_are_masked() -> None:
    """In every place that can hold one; the rest is shown with its defaults, and can be read again as JSON."""
    web = {"Type": "DicomWeb", "Url": "https://a.example/", "Username": "ada", "Password": PLANTED}
    service = {"Source": "Service", "Url": "https://b.example/", "Username": "ada", "Password": PLANTED}
    section = {
        "Database": f"postgresql://ada:{PLANTED}@db.example:5432/sendit?password={PLANTED}",
        "Destinations": {"web": {**web, "Headers": {"X-Key": PLANTED}, "Window": {"From": "20:00", "To": "06:00"}}},
        "Projects": {
            "A": {
                "Identities": {**service, "Headers": {"X-Key": PLANTED}},
                "Destinations": ["web"],
            }
        },
    }
    settings, _ = load({"SendIt": section})
    shown = masked_section(settings)
    text = json.dumps(shown)
    assert PLANTED not in text
    assert shown["Database"] == "postgresql://ada:***@db.example:5432/sendit?***"
    assert shown["Destinations"]["web"]["Headers"] == {"X-Key": "***"}
    assert (shown["Destinations"]["web"]["Username"], shown["Destinations"]["web"]["Password"]) == ("ada", "***")
    assert shown["Destinations"]["web"]["Window"] == {"From": "20:00", "To": "06:00", "TimeZone": None}
    assert shown["Projects"]["A"]["Identities"]["Password"] == "***"
    assert shown["Retention"] == {"StagingDays": 30.0, "JournalDays": None}


def test_a_default_is_no_secret() -> None:
    """`sqlite` is what everybody has; and a variant stands in its project only."""
    variant = {"v": {"Destinations": ["b"]}}
    folders = {name: {"Type": "Folder", "Path": f"/{name}"} for name in "ab"}
    document = {"Destinations": folders, "Projects": {"A": {"Destinations": ["a"], "Variants": variant}}}
    settings, _ = load({"SendIt": document})
    assert masked(settings)["Database"] == "sqlite"
    assert list(masked_section(settings)["Projects"]) == ["A"]
