"""The JSON form of a type: how it is checked when it is read, and its published schema.

Pydantic derives both from the type; three things are stricter here. An instant is text with an
offset, and becomes UTC; bytes are Base64; where a field may hold one of several dataclasses, its
`kind` must say which.
"""

from __future__ import annotations

from base64 import b64decode
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydantic_core import CoreSchema, SchemaValidator

DIALECT = "https://json-schema.org/draft/2020-12/schema"
TAG = "kind"

_validators: dict[type, SchemaValidator] = {}


def validator(type_: type) -> SchemaValidator:
    """Give what checks JSON of a type and builds its values; made once a type."""
    from pydantic_core import SchemaValidator  # noqa: PLC0415 - 0.2 s that `--help` need not wait

    if type_ not in _validators:
        _validators[type_] = SchemaValidator(_core_schema(type_))
    return _validators[type_]


def json_schema(type_: type) -> dict[str, Any]:
    """Give the JSON Schema (2020-12) of a type; fields with a default may be missing.

    So what an older version wrote, before a field was added, is still valid.
    """
    from pydantic.json_schema import GenerateJsonSchema  # noqa: PLC0415 - see above

    return {"$schema": DIALECT, **GenerateJsonSchema().generate(_core_schema(type_))}


def _core_schema(type_: type) -> CoreSchema:
    from pydantic import TypeAdapter  # noqa: PLC0415 - see above

    stricter: CoreSchema = _stricter(TypeAdapter(type_).core_schema)
    return stricter


def _stricter(schema: Any) -> Any:
    match schema:
        case {"type": "datetime" | "bytes" as name}:
            read = {"type": "no-info", "function": _READERS[name]}
            return {"type": "function-wrap", "function": read, "schema": schema}
        case {"type": "union", "choices": [{"type": "dataclass"}, *_] as choices}:
            tagged = [_tagged(_stricter(choice)) for choice in choices]
            return {"type": "tagged-union", "discriminator": TAG, "choices": dict(tagged)}
        case dict():
            return {name: _stricter(value) for name, value in schema.items()}
        case list():
            return [_stricter(item) for item in schema]
    return schema


def _tagged(choice: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Give the tag of one dataclass of a union, and its schema with the tag required."""
    fields = choice["schema"]["fields"]
    (place,) = (place for place, field in enumerate(fields) if field["name"] == TAG)
    literal = fields[place]["schema"]["schema"]
    required = [*fields[:place], fields[place] | {"schema": literal}, *fields[place + 1 :]]
    return literal["expected"][0], choice | {"schema": choice["schema"] | {"fields": required}}


def _instant(value: object, _handler: object) -> datetime:
    if not isinstance(value, str):
        raise ValueError("must be text such as 2026-11-20T14:05:00Z")  # noqa: TRY004 - pydantic's
    instant = datetime.fromisoformat(value)
    if instant.tzinfo is None:
        raise ValueError("must end in Z or in an offset such as +02:00")
    try:
        return instant.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("must be in the years 1 to 9999 in UTC") from error


def _from_base64(value: object, _handler: object) -> bytes:
    if not isinstance(value, str):
        raise ValueError("must be text in Base64")  # noqa: TRY004 - pydantic's
    return b64decode(value, validate=True)


_READERS = {"datetime": _instant, "bytes": _from_base64}
