"""A played loop in a few lines, for the terminal."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from connectors.api.rendering import as_table
from connectors.pages.loop_words import (
    episode_words,
    fate_words,
    fates,
    money,
    percent,
    quality_words,
    saved_words,
    seconds_words,
)
from optimizer.simulate.ways import INCUMBENT, OPTIMIZER

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from connectors.worlds.loop_report import LoopReport, RouteReport
    from optimizer.simulate.ways import Way

_HEAD = ("", "cost", "saved", "errors", "latency", "quality", "bad-arm calls", "their cost")


def loop_text(reports: Sequence[LoopReport]) -> str:
    """Say what a loop came to, by route.

    Args:
        reports: One a seed, at least one; with several, the ranges over them are told too.
    """
    report = reports[0]
    length = seconds_words((report.end - report.start).total_seconds())
    lines = [f"{report.world}: {length} from {report.start:%Y-%m-%d %H:%M}, seed {report.seed}"]
    for place, route in enumerate(report.routes):
        lines += ["", *_route(route)]
        if len(reports) > 1:
            lines += _over([each.routes[place] for each in reports])
    return "\n".join(lines)


def _route(route: RouteReport) -> Iterator[str]:
    counts = fates(route)
    yield (
        f"{route.route}: candidates tried {counts['tried']}: {fate_words(counts)}; "
        f"documents {len(route.documents)}"
    )
    usual = next(one for one in route.ways if one.name == INCUMBENT)
    yield as_table(_HEAD, [_row(one, usual) for one in route.ways])
    names = [arm.name for arm in route.arms]
    for way in route.ways:
        if way.name == OPTIMIZER:
            for one in way.episodes:
                yield f"met a bad arm: {episode_words(one, names[one.arm])}"


def _row(way: Way, usual: Way) -> tuple[str, ...]:
    total = way.total
    return (
        way.name,
        money(total.cost_usd),
        "" if way is usual else saved_words(way, usual),
        percent(total.error_rate),
        "" if total.latency_ms is None else f"{total.latency_ms:,.0f} ms",
        "" if total.quality is None else quality_words(total.quality),
        f"{way.bad_calls:,}",
        money(way.bad_cost_usd),
    )


def _over(routes: Sequence[RouteReport]) -> Iterator[str]:
    """Say how a route's figures range over seeds."""
    ours = [one for route in routes for one in route.ways if one.name == OPTIMIZER]
    saved = [one.saved_usd for one in ours]
    bad = [one.bad_calls for one in ours]
    counts = sum((fates(route) for route in routes), Counter())
    yield (
        f"{len(routes)} seeds: saved {money(min(saved))} to {money(max(saved))}, bad-arm calls "
        f"{min(bad):,} to {max(bad):,}, {fate_words(counts)}"
    )
