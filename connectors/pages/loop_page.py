"""The page of a played loop: what was decided when, and what came of it, beside the rivals."""

from __future__ import annotations

from typing import TYPE_CHECKING

from connectors.pages.loop_charts import charts
from connectors.pages.loop_style import STYLE
from connectors.pages.loop_words import (
    episode_words,
    fate_words,
    fates,
    money,
    percent,
    saved_words,
    seconds_words,
)
from connectors.pages.markup import document, element, together
from optimizer.simulate.ways import INCUMBENT, OPTIMIZER

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from connectors.pages.markup import Markup
    from connectors.worlds.loop_report import LoopReport, RouteReport
    from optimizer.simulate.ways import Way


def loop_page(reports: Sequence[LoopReport]) -> str:
    """Give the page of a world, played once or with several seeds; plots are of the first.

    Args:
        reports: One a seed, at least one.
    """
    report = reports[0]
    length = seconds_words((report.end - report.start).total_seconds())
    begin = f"{report.start:%Y-%m-%d %H:%M} UTC"
    return document(
        f"{report.world}: the loop closed",
        STYLE,
        element("h1", f"{report.world}: the loop closed"),
        element(
            "p",
            f"{length} from {begin}, seed {report.seed}. Every way of steering met the same calls: "
            "what each arm makes of each call was drawn beforehand, and no decision saw it.",
            class_="soft",
        ),
        _seeds(reports) if len(reports) > 1 else None,
        *(_route(report, route) for route in report.routes),
    )


def _route(report: LoopReport, route: RouteReport) -> Markup:
    return element(
        "section",
        element("h2", route.route),
        element("p", ", ".join(f"{one.name} ({one.id})" for one in route.arms), class_="soft"),
        _tiles(route),
        *charts(report, route),
        element("h3", "What it came to"),
        _table(route),
        element("h3", "Bad arms: how long until they were taken away"),
        _episodes(route),
        _log(route),
    )


def _tiles(route: RouteReport) -> Markup:
    ours = _course(route, OPTIMIZER)
    usual = _course(route, INCUMBENT)
    counts = fates(route)
    told = [
        (saved_words(ours, usual), "against the incumbent only"),
        (f"{ours.bad_calls:,} calls", f"met a bad arm, {money(ours.bad_cost_usd)}"),
        (
            fate_words(counts),
            f"candidates tried: {counts['tried']}",
        ),
    ]
    if ours.total.quality is not None and usual.total.quality is not None:
        change = ours.total.quality - usual.total.quality
        told.append((f"{ours.total.quality:.3f} quality", f"{change:+.3f} to the incumbent"))
    tiles = [element("div", element("b", big), element("span", small), class_="tile")
             for big, small in told]  # fmt: skip
    return element("div", *tiles, class_="tiles")


def _course(route: RouteReport, name: str) -> Way:
    return next(one for one in route.ways if one.name == name)


_HEAD = (
    *("", "cost", "saved", "a thousand calls", "errors", "latency", "p95"),
    *("quality", "bad calls", "cost of these"),
)


def _table(route: RouteReport) -> Markup:
    usual = _course(route, INCUMBENT)
    rows = [_row(one, usual) for one in route.ways]
    return _tabulated(_HEAD, rows)


def _row(way: Way, usual: Way) -> Markup:
    total = way.total
    cells = [
        way.name,
        money(total.cost_usd),
        "" if way is usual else saved_words(way, usual),
        money(1000 * total.cost_per_call_usd),
        percent(total.error_rate),
        "" if total.latency_ms is None else f"{total.latency_ms:,.0f} ms",
        "" if total.latency_p95_ms is None else f"{total.latency_p95_ms:,.0f} ms",
        "" if total.quality is None else f"{total.quality:.3f}",
        f"{way.bad_calls:,}",
        money(way.bad_cost_usd),
    ]
    style = "ours" if way.name == OPTIMIZER else None
    return element("tr", *(element("td", cell) for cell in cells), class_=style)


def _tabulated(head: Iterable[str], rows: Iterable[Markup]) -> Markup:
    titles = element("tr", *(element("th", title) for title in head))
    return element("div", element("table", titles, *rows), class_="wide")


def _episodes(route: RouteReport) -> Markup:
    names = [one.name for one in route.arms]
    lines = [
        element("li", f"{way.name}: {episode_words(one, names[one.arm])}")
        for way in route.ways
        for one in way.episodes
    ]
    if not lines:
        return element("p", "None.", class_="soft")
    return element("ul", *lines)


def _log(route: RouteReport) -> Markup:
    told = [(one.updated_at, "decision", f"{one.status}: {one.reason}") for one in route.decisions]
    told += [(one.at, f"revision {one.revision}", one.reason) for one in route.documents]
    told += [
        (one.since, one.kind.replace("_", " "), f"{one.reason} {one.metric} {one.detail}")
        for one in route.looks
    ]
    rows = [
        element(
            "tr",
            element("td", f"{at:%Y-%m-%d %H:%M:%S}"),
            element("td", what, class_="say"),
            element("td", words.strip(), class_="say"),
        )
        for at, what, words in sorted(told, key=lambda one: one[0])
    ]
    return element("details", element("summary", f"All {len(rows)} events"),
                   _tabulated(("when", "what", "why"), rows))  # fmt: skip


def _seeds(reports: Sequence[LoopReport]) -> Markup:
    """Tell what the same world came to with each seed, by route and way."""
    parts: list[Markup] = [element("h2", f"{len(reports)} seeds")]
    for place, route in enumerate(reports[0].routes):
        rows = [
            _over_seeds([report.routes[place] for report in reports], way.name)
            for way in route.ways
        ]
        parts += [element("h3", route.route), _tabulated(_SEEDS_HEAD, rows)]
    return together(parts)


_SEEDS_HEAD = ("", "saved, mean", "least", "most", "bad calls, mean", "most", "quality, mean")


def _over_seeds(routes: Sequence[RouteReport], name: str) -> Markup:
    ways = [_course(route, name) for route in routes]
    saved = [one.saved_usd for one in ways]
    bad = [one.bad_calls for one in ways]
    quality = [one.total.quality for one in ways if one.total.quality is not None]
    cells = [
        name,
        money(sum(saved) / len(saved)),
        money(min(saved)),
        money(max(saved)),
        f"{sum(bad) / len(bad):,.0f}",
        f"{max(bad):,}",
        f"{sum(quality) / len(quality):.3f}" if quality else "",
    ]
    style = "ours" if name == OPTIMIZER else None
    return element("tr", *(element("td", cell) for cell in cells), class_=style)
