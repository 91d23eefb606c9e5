"""Pydantic's errors, translated: with the place as written in orthanc.json, and the remedy."""

from __future__ import annotations

import re
from collections.abc import Iterator
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import ValidationError

from sendit.config.guesses import did_you_mean, nearest
from sendit.config.types import Section
from sendit.deidentify.options import PRESETS
from sendit.errors import Misconfigured


def translate(error: ValidationError, name: str, root: type[Section]) -> Misconfigured:
    """Return the first of pydantic's errors as ours. The input is left out: it may hold a password.

    Args:
        error: the error of the library.
        name: of the section that was read, for the place.
        root: what it was read as.
    """
    first = error.errors(include_url=False, include_input=False)[0]
    location, parent, here = _placed(first["loc"], root)
    message = first["msg"].removeprefix("Value error, ")
    remedy = "Correct it in orthanc.json."
    if first["type"].startswith("union_tag"):
        tag = first["ctx"]["discriminator"].split("'")[-2]  # 'type' | 'Type': the field, and its alias
        choices = _choices(here)
        location, message = (*location, tag), f"give one of {', '.join(choices)}"
        remedy = did_you_mean(str(first["ctx"].get("tag", "")), choices).strip() or remedy
    elif first["type"] in ("literal_error", "enum"):
        expected = first["ctx"]["expected"]
        if "Options" in location:
            presets = " or ".join(f"'{name}'" for name in PRESETS)
            message, expected = f"{message}; or {presets}", f"{expected}, {presets}"
        remedy = _mistyped(error, expected) or remedy
    elif location and location[-1] in ("str", "list[str]"):  # pydantic names the member of the union that it tried
        location, message = location[:-1], "give a string, or a list of strings"
    elif location and location[-1] == "[key]":  # a name that is a key of a dictionary
        location, message = location[:-1], "a name may contain up to 64 letters, digits, dots, dashes and underscores"
    place = name + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    if first["type"] == "extra_forbidden":
        return Misconfigured(place, "there is no such key", _suggest(str(location[-1]), parent))
    if first["type"] == "missing":
        return Misconfigured(place, "this key is missing", "Add it.")
    return Misconfigured(place, message[0].lower() + message[1:], remedy)


def _mistyped(error: ValidationError, expected: str) -> str:
    """Return which of the expected values ("'Risky', 'All' or 'Off'") was probably meant; "" if none is similar.

    What was given is not repeated: it may be anything, where a value was put in the wrong place.
    """
    given = error.errors(include_url=False)[0]["input"]
    expected_names = re.findall(r"'([^']*)'", expected)
    guess = nearest(given, expected_names) if isinstance(given, str) else None
    return f"Did you mean {guess}?" if guess is not None else ""


def _suggest(key: str, parent: type[Section] | None) -> str:
    """Return the keys that stand at this place, the nearest one first."""
    if parent is None:
        return "Remove it."
    keys = [field.alias or name for name, field in parent.model_fields.items()]
    return did_you_mean(key, keys).strip() or f"Available: {', '.join(keys)}."


def _placed(
    location: tuple[int | str, ...], root: type[Section]
) -> tuple[tuple[int | str, ...], type[Section] | None, Any]:
    """Return a place as written in orthanc.json, the section of its last key (None if not one of ours), and its type.

    Where several types of a section are possible, pydantic puts the one that it took into the place; it goes out.
    """
    here: Any = root
    parent: type[Section] | None = None
    place: list[int | str] = []
    for part in location:
        options = list(_sections(here))
        chosen = [option for option in options if part in _tags(option)]
        if len(options) > 1 and chosen:
            here = chosen[0]
            continue
        place.append(part)
        parent = options[0] if len(options) == 1 else None
        here = _below(here, parent, part)
    return tuple(place), parent, here


def _choices(annotation: Any) -> list[str]:
    return [str(tag) for section in _sections(annotation) for tag in _tags(section)]


def _sections(annotation: Any) -> Iterator[type[Section]]:
    """Yield the sections that a value of this type can be, through Annotated and unions."""
    if get_origin(annotation) is Annotated:
        yield from _sections(get_args(annotation)[0])
    elif get_origin(annotation) in (Union, UnionType):
        for member in get_args(annotation):
            yield from _sections(member)
    elif isinstance(annotation, type) and issubclass(annotation, Section):
        yield annotation


def _tags(section: type[Section]) -> list[object]:
    """Return the values of "Type" or "Source" that name this section."""
    fields = (section.model_fields.get(name) for name in ("type", "source"))
    return [value for field in fields if field is not None for value in get_args(field.annotation)]


def _below(here: Any, parent: type[Section] | None, part: int | str) -> Any:
    """Return the type of what stands under `part`: a field of a section, an item of a list, a value of a dictionary."""
    if parent is not None:
        fields = {field.alias or name: field.annotation for name, field in parent.model_fields.items()}
        return fields.get(str(part))
    while get_origin(here) is Annotated:
        here = get_args(here)[0]
    return get_args(here)[-1] if get_args(here) else None
