"""JSON Schema (draft 2020-12) of the settings, for editors and for whoever writes them by program.

It says what one value may be. What concerns several values together (an order between two
durations, a route declared twice) only `validate` tells.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from optimizer.settings.kinds import (
    LABEL,
    OFF,
    SHARE,
    Choice,
    Kind,
    Labels,
    Names,
    Number,
    Parameters,
    Switch,
    Text,
)
from optimizer.settings.knobs import UNSET, Group, Items, Knob, Node
from optimizer.settings.plain import plain
from optimizer.settings.tree import TREE

if TYPE_CHECKING:
    from collections.abc import Mapping

Schema = dict[str, Any]


def schema() -> Schema:
    """Give the JSON Schema of all the settings."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Settings of llm-auto-optimizer",
        **_section(TREE),
        "type": "object",
    }


def _section(members: Mapping[str, Node]) -> Schema:
    """Describe a section; null stands for one with nothing in it."""
    required = [name for name, node in members.items() if isinstance(node, Knob) and node.required]
    return {
        "type": ["object", "null"],
        "properties": {name: _member(node) for name, node in members.items()},
        "additionalProperties": False,
        **({"required": required} if required else {}),
    }


def _member(node: Node) -> Schema:
    match node:
        case Knob():
            return _knob(node)
        case Group():
            return {"description": node.doc, **_section(node.members)}
        case Items():
            items = _section(node.members) | {"type": "object"}
            return {"description": node.doc, "type": ["array", "null"], "items": items}


def _knob(knob: Knob) -> Schema:
    unit = f" ({knob.unit})" if knob.unit else ""
    described: Schema = {"description": f"{knob.doc}{unit}"}
    if knob.secret:
        described["writeOnly"] = True
    if knob.default is not UNSET:
        described["default"] = plain(knob.default)
    if knob.later:
        described["description"] += "; not available yet"
        return described | {"const": described["default"]}
    rules = _rules(knob.kind)
    if not knob.null:
        return described | rules
    return described | {"anyOf": [rules, {"type": "null"}]}


def _rules(kind: Kind) -> Schema:
    match kind:
        case Number():
            return _range(kind)
        case Text():
            return {"type": "string", "maxLength": kind.most, "pattern": f"^(?:{kind.pattern})$"}
        case Choice():
            bare = [False] if OFF in kind.allowed else []  # what YAML 1.1 makes of `off`
            return {"enum": [*kind.allowed, *bare]}
        case Switch():
            return {"type": "boolean"}
        case Names():
            name = _rules(Text(most=kind.length, pattern=kind.pattern))
            return {"type": "array", "maxItems": kind.most, "uniqueItems": True, "items": name}
        case Parameters() | Labels():
            return {"type": "object", **_entries(kind)}


def _entries(kind: Parameters | Labels) -> Schema:
    if isinstance(kind, Parameters):
        return {}
    return {
        "maxProperties": kind.most,
        "propertyNames": _rules(LABEL),
        "additionalProperties": _rules(SHARE),
    }


def _range(kind: Number) -> Schema:
    bounds = {
        "minimum": kind.least,
        "exclusiveMinimum": kind.above,
        "maximum": kind.most,
        "exclusiveMaximum": kind.below,
        "multipleOf": kind.step or None,
    }
    limits = {name: bound for name, bound in bounds.items() if bound is not None}
    return {"type": "integer" if kind.whole else "number", **limits}
