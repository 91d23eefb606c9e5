"""What Datastore accepts as keys, values and entities, and how it orders and filters them.

After https://cloud.google.com/datastore/docs/concepts/limits and …/concepts/queries.
"""

from __future__ import annotations

from typing import Any

import grpc
from google.cloud.datastore_v1.types import query as query_types

#: A key as a value: (project, database, namespace, (kind, id or name), …).
Path = tuple[Any, ...]
#: A value that sorts as Datastore sorts: the rank of its type first.
Ordered = tuple[int, Any]

_LONGEST_INDEXED = 1500  # bytes
_LONGEST_VALUE = 1_048_487  # bytes
_LARGEST_ENTITY = 1_048_572  # bytes

_RANKS = {
    "null_value": 0,
    "integer_value": 1,
    "double_value": 1,
    "timestamp_value": 2,
    "boolean_value": 3,
    "blob_value": 4,
    "string_value": 5,
    "geo_point_value": 6,
    "key_value": 7,
}
_Operator = query_types.PropertyFilter.Operator
_AND = query_types.CompositeFilter.Operator.AND


class Refusal(Exception):
    """What the server answers in place of a result."""

    def __init__(self, code: grpc.StatusCode, words: str) -> None:
        super().__init__(words)
        self.code = code
        self.words = words


def invalid(words: str) -> Refusal:
    return Refusal(grpc.StatusCode.INVALID_ARGUMENT, words)


def path_of(key: Any) -> Path:
    place = key.partition_id
    steps = tuple((e.kind, e.id if e.WhichOneof("id_type") == "id" else e.name) for e in key.path)
    return (place.project_id, place.database_id, place.namespace_id, *steps)


def is_incomplete(key: Any) -> bool:
    return key.path[-1].WhichOneof("id_type") is None


def check_key(key: Any) -> None:
    if not key.path:
        raise invalid("a key has no path")
    for element in key.path:
        for text in (element.kind, element.name):
            if len(text.encode()) > _LONGEST_INDEXED:
                raise invalid("a key path element is longer than 1500 bytes")
            if len(text) > 3 and text.startswith("__") and text.endswith("__"):
                raise invalid(f'"{text}" is reserved')


def check_entity(entity: Any) -> None:
    """Raise `Refusal` for what the real one does not store."""
    check_key(entity.key)
    if entity.ByteSize() > _LARGEST_ENTITY:
        raise invalid("entity is too big")
    for name, value in entity.properties.items():
        if len(name) > 3 and name.startswith("__") and name.endswith("__"):
            raise invalid(f'the property name "{name}" is reserved')
        _check_value(name, value, indexed=True)


def _check_value(name: str, value: Any, indexed: bool) -> None:
    kind = value.WhichOneof("value_type")
    indexed = indexed and not value.exclude_from_indexes
    if kind in ("string_value", "blob_value"):
        content = getattr(value, kind)
        size = len(content.encode() if isinstance(content, str) else content)
        if indexed and size > _LONGEST_INDEXED:
            raise invalid(f'The value of property "{name}" is longer than 1500 bytes.')
        if size > _LONGEST_VALUE:
            raise invalid(f'The value of property "{name}" is longer than 1048487 bytes.')
    elif kind == "array_value":
        if value.exclude_from_indexes:
            raise invalid("exclude_from_indexes cannot be set on a list value")
        for one in value.array_value.values:
            if one.WhichOneof("value_type") == "array_value":
                raise invalid("list_value cannot contain a Value containing another list_value")
            _check_value(name, one, indexed)
    elif kind == "entity_value":
        for inner, one in value.entity_value.properties.items():
            _check_value(f"{name}.{inner}", one, indexed)


def ordered(value: Any) -> Ordered:
    kind = value.WhichOneof("value_type")
    content: Any = getattr(value, kind) if kind else None
    if kind == "timestamp_value":
        content = content.ToNanoseconds()
    elif kind == "string_value":
        content = content.encode()
    elif kind == "null_value":
        content = 0
    elif kind == "key_value":
        content = path_of(content)
    elif kind == "geo_point_value":
        content = (content.latitude, content.longitude)
    return (_RANKS.get(kind, 9), content)


def indexed_values(entity: Any, name: str) -> list[Ordered]:
    """What the index holds of this property of the entity; empty if it is not there, or not indexed."""
    if name == "__key__":
        return [(7, path_of(entity.key))]
    properties, last = entity.properties, name
    if name not in properties:
        *outer, last = name.split(".")
        for part in outer:
            if part not in properties:
                return []
            properties = properties[part].entity_value.properties
    if last not in properties:
        return []
    value = properties[last]
    if value.exclude_from_indexes:
        return []
    if value.WhichOneof("value_type") == "array_value":
        return [ordered(one) for one in value.array_value.values if not one.exclude_from_indexes]
    return [ordered(value)]


def matches(entity: Any, condition: Any) -> bool:
    kind = condition.WhichOneof("filter_type")
    if kind is None:
        return True
    if kind == "composite_filter":
        results = [matches(entity, one) for one in condition.composite_filter.filters]
        return all(results) if condition.composite_filter.op == _AND else any(results)
    wanted = condition.property_filter
    if wanted.op == _Operator.HAS_ANCESTOR:
        above = path_of(wanted.value.key_value)
        return path_of(entity.key)[: len(above)] == above
    return _compare(indexed_values(entity, wanted.property.name), wanted)


def _compare(values: list[Ordered], wanted: Any) -> bool:
    if wanted.op in (_Operator.IN, _Operator.NOT_IN):
        listed = [ordered(one) for one in wanted.value.array_value.values]
        if wanted.op == _Operator.IN:
            return any(value in listed for value in values)
        return bool(values) and all(value not in listed for value in values)
    other = ordered(wanted.value)
    same_kind = [value for value in values if value[0] == other[0]]
    if wanted.op == _Operator.EQUAL:
        return other in same_kind
    if wanted.op == _Operator.NOT_EQUAL:
        return any(value != other for value in values)
    if wanted.op == _Operator.LESS_THAN:
        return any(value < other for value in same_kind)
    if wanted.op == _Operator.LESS_THAN_OR_EQUAL:
        return any(value <= other for value in same_kind)
    if wanted.op == _Operator.GREATER_THAN:
        return any(value > other for value in same_kind)
    if wanted.op == _Operator.GREATER_THAN_OR_EQUAL:
        return any(value >= other for value in same_kind)
    raise invalid("this operator is not known")
