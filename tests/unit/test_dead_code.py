"""Everything in SendIt is used by SendIt itself, not by tests alone. What others use is listed here with its reason."""

from __future__ import annotations

from fnmatch import fnmatch
from pathlib import Path

import vulture
from pydicom.datadict import tag_for_keyword

ROOT = Path(__file__).parents[2]

#: Functions that their decorators register.
REGISTERED = [
    "@app.*",
    "@sa.event.listens_for*",
    "@*.callback*",
    "@*.command*",
    "@field_validator*",
    "@model_validator*",
]
#: Who uses what vulture sees no use of. The names may hold "*".
EXCEPTIONS = {
    "answers of the API and the fields of its journal: the JSON has them": [
        "attributes_note",
        "attributes_read",
        "blocked_by",
        "down_since",
        "confidence",
        "masked_differently",
        "not_sent",
        "rules_before",
        "rules_now",
        "entry_hash",
        "recalled_at",
        "has_output",
        "recalling",
        "reload_refused",
        "removable",
        "residual_risk",
        "residual_risk_before",
        "smallest",
        "total_is_exact",
        "unseen_batches",
        "unseen_imports",
        "works",
    ],
    "the digest of a plan, which is made of all its fields": ["edition"],
    "the documentation that scripts/ writes": ["explanation"],
    "classes that the registries load by their names": ["*Destination", "*Index"],
    "deid: what a project's own functions are given has these attributes, too": ["stripped_tag"],
    "files: io and those who read them ask": ["read1", "readinto", "seekable"],
    "the template of a batch's page": ["choosable"],
    "MkDocs calls the functions of scripts/docs_site.py": [
        "on_config",
        "on_files",
        "on_page_markdown",
        "on_post_build",
    ],
    "pydantic": ["model_config"],
    "clients of the API read it in problems and destinations": ["cure"],
    "requests": ["max_redirects", "trust_env"],
    "typer reads a command's parameters there": ["__annotations__", "__signature__"],
    "uvicorn": ["main_loop"],
    "ONNX Runtime": ["inter_op_num_threads", "intra_op_num_threads", "log_severity_level"],
    "pynetdicom": ["STORE_*_CHUNKED_DATASET", "*_timeout", "maximum_pdu_size", "to_provider_queue"],
    "prometheus_client": ["collect"],
    "BigQuery": ["clustering_fields", "time_partitioning"],
    "SQLAlchemy and sqlite3": ["cache_ok", "impl", "isolation_level", "process_*_param", "process_result_value"],
    "DBOS": ["database_backed_queue", "serialize", "deserialize"],
    "the functions that converted scripts of CTP call": ["_truncated", "_moved", "_appended", "_path_element"],
    "expat": ["*ElementHandler", "CharacterDataHandler", "StartDoctypeDeclHandler"],
    "pytest, for which scripts/destinations_docs.py is a plugin": ["pytest_*"],
}


def unused() -> list[tuple[str, str]]:
    """Return file and name of everything without a use. Attributes with DICOM's keywords are written for pydicom."""
    finder = vulture.Vulture(ignore_decorators=REGISTERED)
    finder.scavenge([str(ROOT / folder) for folder in ("plugin", "scripts", "benchmarks")])
    items = [(Path(item.filename).relative_to(ROOT), item) for item in finder.get_unused_code()]
    return [
        (str(path), item.name)
        for path, item in items
        if not {"benchmarks", "migrations"} & set(path.parts)
        and not (item.typ == "attribute" and tag_for_keyword(item.name) is not None)
    ]


def test_nothing_is_dead_and_no_exception_is_left_over() -> None:
    """Remove what nobody uses; take an exception away with the last thing that it was made for."""
    patterns = [pattern for names in EXCEPTIONS.values() for pattern in names]
    dead = unused()
    assert [(path, name) for path, name in dead if not any(fnmatch(name, pattern) for pattern in patterns)] == []
    assert [pattern for pattern in patterns if not any(fnmatch(name, pattern) for _, name in dead)] == []
