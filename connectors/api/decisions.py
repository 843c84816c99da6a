"""`llm-optimizer decisions`: look at what was decided, in the views and in the log."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

from connectors.api import rendering
from connectors.api.looking import MOST, database_of, follow, is_within, only, print_lines
from connectors.api.opening import open_store
from connectors.codecs import from_json, plain
from connectors.publisher import DECISIONS
from optimizer.decisions import DecisionStatus, OptimizationDecision
from optimizer.errors import SettingsInvalid

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable

    from optimizer.ports import Row

_SHORT = 8  # digits of an id in a list


def listing(options: argparse.Namespace) -> int:
    """Print the newest decisions, a line each."""
    if options.status and options.status not in set(DecisionStatus):
        known = ", ".join(DecisionStatus)
        raise SettingsInvalid([f"--status is {options.status!r}: must be one of {known}"])
    with closing(open_store(*database_of(options))) as store:
        found = [
            decision
            for decision in map(_decision, store.scan("decisions", limit=MOST))
            if is_within(decision.route, options.route)
            and (not options.status or decision.status == options.status)
        ]
    total, found = len(found), found[: options.limit]
    if options.output == "json":
        print_lines(rendering.as_json(decision) for decision in found)
        return 0
    rows = [
        (
            decision.id[:_SHORT],
            f"{decision.created_at:%Y-%m-%d %H:%M}",
            decision.route,
            decision.rule,
            str(decision.status),
            f"{decision.incumbent} -> {decision.candidate}",
        )
        for decision in found
    ]
    head = ("id", "created (UTC)", "route", "rule", "status", "change")
    told = [rendering.as_table(head, rows)] if rows else ["no decisions"]
    print_lines([*told, *rendering.left_out(len(found), total)])
    return 0


def showing(options: argparse.Namespace) -> int:
    """Print one decision, whole."""
    with closing(open_store(*database_of(options))) as store:
        row = only(store, options.id)
    if options.output == "json":
        print_lines([rendering.as_json(_decision(row))])
        return 0
    print_lines(_lines(plain(_decision(row))))  # in the order of its fields, not of the alphabet
    return 0


def tailing(options: argparse.Namespace) -> int:
    """Print decisions as they are appended to the log, a repeated event once."""
    render = rendering.as_json if options.output == "json" else rendering.as_line
    follow(options, DECISIONS, OptimizationDecision, render, nothing="no decisions")
    return 0


def _decision(row: Row) -> OptimizationDecision:
    return from_json(OptimizationDecision, row.value)


def _lines(value: dict[str, Any], indent: str = "") -> Iterable[str]:
    for name, item in value.items():
        match item:
            case dict() if item:
                yield f"{indent}{name}:"
                yield from _lines(item, indent + "  ")
            case [dict(), *_]:
                yield f"{indent}{name}:"
                for each in item:
                    first, *rest = _lines(each, indent + "    ")
                    yield f"{indent}  - {first.strip()}"
                    yield from rest
            case _:
                yield f"{indent}{name}: {_told(item)}"


def _told(value: Any) -> str:
    match value:
        case None | "":
            return "not known"
        case bool():
            return "yes" if value else "no"
        case [] | {}:
            return "none"
        case list():
            return ", ".join(map(str, value))
        case _:
            return str(value)
