"""`llm-optimizer rollouts`: how changes on their way to the traffic stand."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from connectors.api import rendering
from connectors.api.looking import MOST, database_of, follow, is_within, print_lines
from connectors.api.opening import open_store
from connectors.codecs import from_json
from connectors.publisher import ROLLOUTS
from optimizer.decisions import OptimizationDecision
from optimizer.documents import Document
from optimizer.errors import NotFound
from optimizer.rollouts import Phase, RolloutProgress

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from optimizer.ports import Store

_SHORT = 8  # digits of an id in a list
_HEAD = ("route", "seen (UTC)", "decision", "candidate", "share", "stands", "evidence")


def listing(options: argparse.Namespace) -> int:
    """Print the newest rollout of each route, a line each."""
    with closing(open_store(*database_of(options))) as store:
        looks = (
            from_json(RolloutProgress, row.value) for row in store.scan("rollouts", limit=MOST)
        )
        found = [
            look
            for look in looks
            if is_within(look.route, options.route)
            and (options.all or look.phase is not Phase.ENDED)
        ]
    if options.output == "json":
        print_lines(map(rendering.as_json, found))
        return 0
    rows = [_row(look) for look in found]
    print_lines([rendering.as_table(_HEAD, rows) if rows else "no rollouts"])
    return 0


def showing(options: argparse.Namespace) -> int:
    """Print a route's newest rollout: how it stands, its document, its decision."""
    with closing(open_store(*database_of(options))) as store:
        look = progress_of(store, options.route)
        if look is None:
            raise NotFound(f"{options.route} has no rollout: see `llm-optimizer rollouts list`")
        if options.output == "json":
            print_lines([rendering.as_json(look)])
        else:
            print_lines(_whole(store, look))
    return 0


def watching(options: argparse.Namespace) -> int:
    """Print what changes in rollouts as it is appended to the log, a repeated event once."""
    render = rendering.as_json if options.output == "json" else rendering.as_line
    lately = f" of {options.route} among the last {options.limit} changes" if options.route else ""
    nothing = f"no rollouts{lately}"
    follow(options, ROLLOUTS, RolloutProgress, render, options.route, nothing=nothing)
    return 0


def progress_of(store: Store, route: str) -> RolloutProgress | None:
    """Give how a route's newest rollout stands; None where there never was one."""
    row = store.get("rollouts", route)
    return from_json(RolloutProgress, row.value) if row else None


def document_of(store: Store, route: str) -> Document | None:
    """Give a route's newest document; None where there is none."""
    row = store.get("documents", route)
    return from_json(Document, row.value) if row else None


def _row(look: RolloutProgress) -> tuple[str, ...]:
    return (
        look.route,
        f"{look.at:%Y-%m-%d %H:%M:%S}",
        look.decision_id[:_SHORT],
        look.candidate,
        f"{look.share:.1%}",
        rendering.standing(look),
        rendering.as_words(look.verdict),
    )


def _whole(store: Store, look: RolloutProgress) -> Iterator[str]:
    yield from (f"{name}: {value}" for name, value in zip(_HEAD, _row(look), strict=True))
    yield f"incumbent: {look.incumbent}"
    yield f"calls: {look.candidate_calls:,} of the candidate, {look.control_calls:,} beside them"
    if document := document_of(store, look.route):
        yield f"document: {rendering.of_document(document)}"
    if row := store.get("decisions", look.decision_id):
        decision = from_json(OptimizationDecision, row.value)
        yield f"change: {rendering.of_decision(decision)}"
