"""The example of a settings file: every knob at its default, with what it does and may be."""

from __future__ import annotations

import json
import re
from textwrap import wrap
from typing import TYPE_CHECKING, Any

from optimizer.settings.knobs import Group, Items, Knob, Node
from optimizer.settings.plain import as_mapping
from optimizer.settings.tree import PREFIX, TREE, Settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

HEAD = f"""\
# Settings of llm-auto-optimizer, every one at its default.
#
# A key left out keeps its default. An environment variable wins over this file: {PREFIX}, then
# the key in capitals, a double underscore for each dot, such as
# {PREFIX}STRATEGIES__THRESHOLDS__LATENCY_P95_MS=2000."""

ROUTE: Mapping[str, Any] = {
    "route": "default/support/answer",
    "task": "question_answering",
    "incumbent": {
        "model": "gpt-4o",
        "temperature": 0.2,
        "top_p": 0.9,
        "top_k": None,
        "max_tokens": 400,
        "presence_penalty": None,
        "frequency_penalty": None,
        "system_prompt": None,
        "extra_params": {"seed": 7},
        "prompt": "support-answer",
        "prompt_version": "3",
        "cache": False,
        "latency_p95_ms": None,
    },
    "candidates": [{"model": "gpt-4o-mini", "latency_p95_ms": 1800}],
    "cells": ["short", "long"],
    "producer": "gateway",
    "thresholds": {"latency_p95_ms": 4000},
}

SCORE: Mapping[str, Any] = {
    "name": "faithfulness",
    "min": 1,
    "max": 5,
    "higher_is_better": True,
    "labels": {"faithful": 1, "unfaithful": 0},
    "judge": "llm",
}

SOURCE: Mapping[str, Any] = {
    "source": "otlp_spans",
    "tenant": "acme",
    "tenant_attribute": "tenant.id",
    "stamps": None,
    "sampling_factor": 10,
    "tail_sampled": False,
}

# What YAML reads as the same text without quotes.
BARE = re.compile(
    r"(?!(?:true|false|null|yes|no|on|off|y|n)\Z)[a-z][\w./-]*(://[\w./-]*)?", re.IGNORECASE
)
WIDTH = 100


def example() -> str:
    """Write the example: YAML of every default, and in comments an item of each list."""
    lists = {"routes": ROUTE, "scores": SCORE, "sources": SOURCE}
    listed = [line for name in lists for line in _member(name, TREE[name], [lists[name]], "")]
    shown = ["", "# For example:", *(f"# {line}" for line in listed)]
    return "\n".join([HEAD, *_section(TREE, as_mapping(Settings()), ""), *shown, ""])


def _section(members: Mapping[str, Node], values: Mapping[str, Any], indent: str) -> Iterator[str]:
    """Write those members that have a value."""
    for name, node in members.items():
        if name in values:
            if not indent:
                yield ""
            yield from _member(name, node, values[name], indent)


def _member(name: str, node: Node, value: Any, indent: str) -> Iterator[str]:
    """Write one member: what it is, its name and value."""
    match node:
        case Knob():
            yield from _comment(f"{node.doc} ({_rule(node)})", indent)
            mark = "  # not available yet" if node.later else ""
            yield f"{indent}{name}: {_flow(value)}{mark}"
        case Group():
            yield from _comment(node.doc, indent)
            yield f"{indent}{name}:"
            yield from _section(node.members, value, f"{indent}  ")
        case Items():
            yield from _comment(node.doc, indent)
            yield f"{indent}{name}:" if value else f"{indent}{name}: []"
            for item in value:
                yield from _item(list(_section(node.members, item, f"{indent}    ")), indent)


def _item(lines: list[str], indent: str) -> Iterator[str]:
    """Write a list's item: a dash before its first line that is no comment."""
    first = next(line for line in lines if not line.lstrip().startswith("#"))
    for line in lines:
        yield f"{indent}  - {line.lstrip()}" if line is first else line


def _comment(text: str, indent: str) -> list[str]:
    mark = f"{indent}# "
    return wrap(text, WIDTH - 2, initial_indent=mark, subsequent_indent=mark)


def _rule(knob: Knob) -> str:
    rule = f"{knob.kind.rule} or null" if knob.null else knob.kind.rule
    return f"{knob.unit}; {rule}" if knob.unit else rule


def _flow(value: Any) -> str:
    """Write a value on one line of YAML; whole floats without a fraction, plain text bare."""
    match value:
        case str() if BARE.fullmatch(value):
            return value
        case float() if value.is_integer():
            return str(int(value))
        case _:
            return json.dumps(value, ensure_ascii=False)
