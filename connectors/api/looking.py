"""Looking at views and logs of a run, or of a replay's folder; nothing is made or changed."""

from __future__ import annotations

import json
import os
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from connectors.api.opening import open_log, open_log_of
from connectors.codecs import from_json
from connectors.configuration import load
from optimizer.errors import NotFound
from optimizer.events import CloudEvent

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterable, Iterator

    from connectors.codecs import Said
    from optimizer.ports import Log, Row, Store
    from optimizer.settings import Settings

T = TypeVar("T")
S = TypeVar("S", bound="Said")

MOST = 100_000  # rows of a view that are looked at
RUN_FIRST = "start `llm-optimizer run` with these settings first"  # a way out
EVERY_S = 0.5  # between looks for what has come


def database_of(options: argparse.Namespace) -> tuple[str, float]:
    """Name the database to look at, and how long to wait for it; it is not made.

    Raises:
        NotFound: It is not there, or nobody can look at it.
    """
    return database_in(load(options.config, os.environ), options.db)


def database_in(
    settings: Settings, file: str = "", way_out: str = "--db names optimizer.db of a run"
) -> tuple[str, float]:
    """Name the database of settings, or one in a file, likewise; `way_out` is told if it fails."""
    database = f"sqlite://{file}" if file else settings.database.connection_string
    scheme, _, path = database.partition("://")
    if scheme == "memory":
        raise NotFound(f"{database} keeps nothing to look at: {way_out}")
    if scheme == "sqlite" and not Path(path).is_file():
        raise NotFound(f"{Path(path).absolute()}: no such database: {way_out}")
    return database, settings.database.timeout_secs


def log_of(options: argparse.Namespace) -> Log:
    """Open the log to look at: of the database that is named, else of the settings."""
    settings = load(options.config, os.environ)
    if settings.kafka.log and not options.db:
        return open_log_of(settings)
    return open_log(*database_of(options))


def is_within(route: str, wanted: str) -> bool:
    """Tell whether a route is the wanted one, or of that service or tenant."""
    return not wanted or f"{route}/".startswith(f"{wanted.rstrip('/')}/")


def only(store: Store, beginning: str) -> Row:
    """Give the one decision whose id begins so.

    Raises:
        NotFound: There is none, or there are several.
    """
    rows = list(store.scan("decisions", prefix=beginning, limit=2))
    if not rows:
        raise NotFound(f"no decision begins with {beginning!r}: see `llm-optimizer decisions list`")
    if len(rows) > 1:
        raise NotFound(f"several decisions begin with {beginning!r}: give more of the id")
    return rows[0]


def told(log: Log, topic: str, type_: type[T], start: int) -> Iterator[T | None]:
    """Give what a topic says from a position on, a repeated event once; None at its end.

    Who goes on after a None is given what has come since.
    """
    seen: set[str] = set()
    while True:
        entries = log.read(topic, start)
        for entry in entries:
            start = entry.position + 1
            event = from_json(CloudEvent, entry.value)
            if event.id not in seen:
                seen.add(event.id)
                yield from_json(type_, json.dumps(event.data).encode())
        if not entries:
            yield None


def follow(
    options: argparse.Namespace,
    topic: str,
    type_: type[S],
    render: Callable[[S], str],
    route: str = "",
    *,
    nothing: str,
) -> None:
    """Print what a topic says, the last few first; on and on, unless told to end at its end.

    Args:
        options: `limit` is how many to begin with, `no_follow` ends at the end.
        topic: The topic.
        type_: What is in it.
        render: Makes a line of one.
        route: Only of this route, service or tenant; `""` for all.
        nothing: The line where none was printed by the end; JSON lines are none then.
    """
    is_silent = options.output != "json"
    with closing(log_of(options)) as log:
        for value in told(log, topic, type_, max(log.end(topic) - options.limit, 0)):
            if value is None and options.no_follow:
                print_lines([nothing] if is_silent else [])
                return
            if value is None:
                time.sleep(EVERY_S)
            elif is_within(value.route, route):
                is_silent = False
                print_lines([render(value)])


def print_lines(lines: Iterable[str]) -> int:
    """Print lines at once; give 0, as a command does that went well."""
    for line in lines:
        sys.stdout.write(line + "\n")
    sys.stdout.flush()
    return 0
