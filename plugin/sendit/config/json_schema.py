"""The JSON schema of orthanc.json, as far as SendIt reads it, with which editors complete and check the section."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from typing import Any, get_args

from sendit.config.schema import SECTION, Settings
from sendit.config.types import Section

_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def json_schema() -> dict[str, Any]:
    """Return the schema of a whole orthanc.json. Keys of Orthanc and of other plugins are not described, and pass."""
    schema = Settings.model_json_schema(by_alias=True, mode="validation")
    sections = schema.pop("$defs")
    models = {model.__name__: model for model in sections_below(Settings)}
    for name, model in models.items():
        _describe(schema if model is Settings else sections[name], model)
    return {
        "$schema": _DIALECT,
        "title": "Orthanc with SendIt",
        "type": "object",
        "properties": {SECTION: schema},
        "required": [SECTION],
        "$defs": sections,
    }


def _describe(schema: dict[str, Any], model: type[Section]) -> None:
    schema["description"] = " ".join((inspect.getdoc(model) or "").split())
    texts = attribute_docs(model)
    for name, field in model.model_fields.items():
        schema["properties"][field.alias or name]["description"] = texts[name]


def sections_below(root: type[Section]) -> list[type[Section]]:
    """Return the section and all that can stand below it, level by level, in the order of their keys."""
    ordered = [root]
    for section in ordered:
        for field in section.model_fields.values():
            ordered += [below for below in dict.fromkeys(_below(field.annotation)) if below not in ordered]
    return ordered


def _below(annotation: Any) -> Iterator[type[Section]]:
    if isinstance(annotation, type) and issubclass(annotation, Section):
        yield annotation
    for part in get_args(annotation):
        yield from _below(part)


def attribute_docs(section: type[Section]) -> dict[str, str]:
    """Return the docstring of each field, those of its base classes included."""
    texts: dict[str, str] = {}
    for cls in reversed(section.__mro__):
        if not (issubclass(cls, Section) and cls is not Section):
            continue
        body = ast.parse(inspect.getsource(cls)).body[0]
        assert isinstance(body, ast.ClassDef)
        for field, text in zip(body.body, body.body[1:], strict=False):
            if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and _is_text(text):
                texts[field.target.id] = " ".join(ast.literal_eval(text.value).split())  # type: ignore[attr-defined]
    return texts


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
