"""`llm-optimizer decisions`: look at what was decided, in the views and in the log."""

from __future__ import annotations

import json
import os
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from connectors.api import rendering
from connectors.api.opening import open_log, open_log_of, open_store
from connectors.codecs import from_json, plain
from connectors.configuration import load
from connectors.publisher import DECISIONS
from optimizer.decisions import DecisionStatus, OptimizationDecision
from optimizer.errors import NotFound, SettingsInvalid
from optimizer.events import CloudEvent

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable

    from optimizer.ports import Log, Row, Store

_EVERY_S = 0.5
_SHORT = 8  # digits of an id in a list
_MOST = 100_000


def listing(options: argparse.Namespace) -> int:
    """Print the newest decisions, a line each."""
    if options.status and options.status not in set(DecisionStatus):
        known = ", ".join(DecisionStatus)
        raise SettingsInvalid([f"--status is {options.status!r}: must be one of {known}"])
    with closing(open_store(*database_of(options))) as store:
        found = [
            decision
            for decision in map(_decision, store.scan("decisions", limit=_MOST))
            if _is_within(decision.route, options.route)
            and (not options.status or decision.status == options.status)
        ][: options.limit]
    if options.output == "json":
        _print(rendering.as_json(decision) for decision in found)
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
    _print([rendering.as_table(head, rows) if rows else "no decisions"])
    return 0


def showing(options: argparse.Namespace) -> int:
    """Print one decision, whole."""
    with closing(open_store(*database_of(options))) as store:
        row = _only(store, options.id)
    if options.output == "json":
        _print([rendering.as_json(_decision(row))])
        return 0
    _print(_lines(plain(_decision(row))))  # in the order of its fields, not of the alphabet
    return 0


def tailing(options: argparse.Namespace) -> int:
    """Print decisions as they are appended to the log, a repeated event once."""
    seen: set[str] = set()
    render = rendering.as_json if options.output == "json" else rendering.as_line
    with closing(_log(options)) as log:
        position = max(log.end(DECISIONS) - options.limit, 0)
        while True:
            entries = log.read(DECISIONS, position)
            for entry in entries:
                position = entry.position + 1
                event = from_json(CloudEvent, entry.value)
                if event.id not in seen:
                    seen.add(event.id)
                    data = json.dumps(event.data).encode()
                    _print([render(from_json(OptimizationDecision, data))])
            if not entries:
                if options.no_follow:
                    return 0
                time.sleep(_EVERY_S)


def _log(options: argparse.Namespace) -> Log:
    """Open the log to look at: of the database that is named, else of the settings."""
    settings = load(options.config, os.environ)
    if settings.kafka.log and not options.db:
        return open_log_of(settings)
    return open_log(*database_of(options))


def database_of(options: argparse.Namespace) -> tuple[str, float]:
    """Name the database to look at, and how long to wait for it; it is not made."""
    settings = load(options.config, os.environ).database
    database = f"sqlite://{options.db}" if options.db else settings.connection_string
    scheme, _, path = database.partition("://")
    if scheme == "memory":
        raise NotFound(f"{database} keeps nothing to look at: --db names optimizer.db of a run")
    if scheme == "sqlite" and not Path(path).is_file():
        raise NotFound(f"{path}: no such database: --db names optimizer.db of a run")
    return database, settings.timeout_secs


def _is_within(route: str, wanted: str) -> bool:
    """Tell whether a route is the wanted one, or of that service or tenant."""
    return not wanted or f"{route}/".startswith(f"{wanted.rstrip('/')}/")


def _only(store: Store, beginning: str) -> Row:
    rows = list(store.scan("decisions", prefix=beginning, limit=2))
    if not rows:
        raise NotFound(f"no decision begins with {beginning!r}: see `llm-optimizer decisions list`")
    if len(rows) > 1:
        raise NotFound(f"several decisions begin with {beginning!r}: give more of the id")
    return rows[0]


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


def _print(lines: Iterable[str]) -> None:
    for line in lines:
        sys.stdout.write(line + "\n")
    sys.stdout.flush()
