"""The charts of a played loop's page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from connectors.pages.charts import Band, Chart, Clock, Cue, Line, Strip, legend, strips
from connectors.pages.loop_words import money, quality_words, rounded_percent
from connectors.pages.markup import element
from optimizer.rollouts import Phase, VerdictKind
from optimizer.simulate.ways import BEST_ARM, BEST_TABLE, INCUMBENT, OPTIMIZER

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from connectors.pages.markup import Markup
    from connectors.worlds.loop_report import LoopReport, RouteReport, ToldLook
    from optimizer.rollouts import Phase, VerdictKind
from optimizer.simulate.ways import Way

_HUES = 7
_ROOM = 0.02  # of quality, around the lines
_REFERENCES = {INCUMBENT: "a0 dashed", BEST_ARM: "a4 dashed", BEST_TABLE: "a6 dashed"}
_VERDICTS = {
    "need_data": "not enough data yet",
    "pass": "passed",
    "watched": "promoted, and watched against the rest",
    "fail": "failed",
    "pause": "both are bad",
    "invalid": "traffic is not where it was sent",
}


def charts(report: LoopReport, route: RouteReport) -> Iterable[Markup]:
    """Give the charts of a route, each under its title."""
    begin = report.start
    day_s = begin.hour * 3600 + begin.minute * 60 + begin.second
    look = _Look(Clock((report.end - begin).total_seconds(), day_s), begin, route)
    yield from look.shares()
    yield from look.verdicts()
    yield from look.rivals()
    yield from look.saved()
    yield from look.quality()
    yield from look.bad()


class _Look:
    """One route's charts; all share their axis of time."""

    def __init__(self, clock: Clock, begin: datetime, route: RouteReport) -> None:
        self._clock = clock
        self._begin = begin
        self._route = route
        self._ours = next(one for one in route.ways if one.name == OPTIMIZER)
        self._width_s = self._ours.series.width_s
        self._rivals = [one for one in route.ways if one.name not in {OPTIMIZER, *_REFERENCES}]

    def shares(self) -> Iterable[Markup]:
        """Show who served."""
        shares = self._ours.series.shares
        lines = [
            Line(arm.name, _hue(place), shares[arm.id])
            for place, arm in enumerate(self._route.arms)
            if arm.id in shares
        ]
        chart = Chart(self._clock, 0.0, 1.0, rounded_percent, height=150).stacked(
            lines[::-1], self._width_s
        )
        entries = [(line.style, line.name) for line in lines]
        entries += [("band-key", "incident")] if self._route.incidents else []
        yield from _titled(
            "Who served: share of the calls",
            chart.bands(self._bands()).cues(self._cues()),
            entries,
            "Dashed lines are documents: a number is a revision.",
        )

    def verdicts(self) -> Iterable[Markup]:
        """Show what the evidence said, candidate by candidate."""
        names = {arm.id: arm.name for arm in self._route.arms}
        rows: dict[str, list[Strip]] = {}
        labels: dict[str, str] = {}
        for look in self._route.looks:
            labels.setdefault(
                look.decision_id,
                f"{names.get(look.candidate, look.candidate)}, from {look.since:%H:%M}",
            )
            rows.setdefault(look.decision_id, []).append(self._strip(look))
        if rows:
            drawn = strips(
                self._clock,
                [(labels[decision], stretches) for decision, stretches in rows.items()],
                "Verdicts over time",
            )
            yield element("h3", "What the evidence said")
            yield legend((style, text) for style, text in _VERDICTS.items())
            yield element("figure", drawn)

    def _strip(self, look: ToldLook) -> Strip:
        where = f"{look.phase.replace('_', ' ')}, {look.share:.1%}"
        about = f" ({look.metric})" if look.metric else ""
        text = f"{where}: {look.kind.replace('_', ' ')}, {look.reason}{about}. {look.detail}"
        start_s, end_s = self._at(look.since), max(self._at(look.until), self._at(look.since) + 10)
        is_watched = look.phase == Phase.HOLDBACK and look.kind == VerdictKind.NEED_DATA
        style = "watched" if is_watched else look.kind
        return Strip(start_s, end_s, style, rounded_percent(look.share), text)

    def rivals(self) -> Iterable[Markup]:
        """Show how fast others would have gone with the same candidates."""
        first = self._route.arms[0].id
        lines = [Line(way.name, style, _others(way, first)) for way, style in self._contest()]
        if not self._route.documents:
            return
        chart = Chart(self._clock, 0.0, 1.0, rounded_percent, height=110).bands(self._bands())
        yield from _titled(
            "The same candidates under other rules: share of the calls with another arm",
            chart.lines(lines, self._width_s, steps=True),
            [(line.style, line.name) for line in lines],
            "They look at errors, latency and cost, as published; what answers are worth they do "
            "not see.",
        )

    def saved(self) -> Iterable[Markup]:
        """Show the money."""
        lines = [
            Line(way.name, style, way.series.saved_usd)
            for way, style in [*self._references(), *self._contest()]
        ]
        values = [value or 0.0 for line in lines for value in line.values]
        least, most = min([0.0, *values]), max([0.0, *values])
        chart = Chart(self._clock, least, most, money).bands(self._bands())
        yield from _titled(
            "Saved against the incumbent only, so far",
            chart.lines(lines, self._width_s),
            [(line.style, line.name) for line in lines],
            "Money alone: what the answers were worth stands below.",
        )

    def quality(self) -> Iterable[Markup]:
        """Show what the answers were worth."""
        lines = [
            Line(way.name, style, way.series.quality)
            for way, style in [*self._references(), *self._contest()]
        ]
        ends = [line.values[-1] or 0.0 for line in lines]
        if not any(ends):
            return
        least, most = max(0.0, min(ends) - _ROOM), min(1.0, max(ends) + _ROOM)
        chart = Chart(self._clock, least, most, quality_words).bands(self._bands())
        yield from _titled(
            "Mean quality of the answers, so far",
            chart.lines(lines, self._width_s, steps=True),
            [(line.style, line.name) for line in lines],
            "As if every answer had been judged.",
        )

    def bad(self) -> Iterable[Markup]:
        """Show how many calls met a bad arm."""
        lines = [Line(way.name, style, way.series.bad_calls) for way, style in self._contest()]
        most = max(value or 0.0 for line in lines for value in line.values)
        if not most:
            return
        chart = Chart(self._clock, 0, most, lambda value: f"{value:,.0f}").bands(self._bands())
        yield from _titled(
            "Calls that met a bad arm, so far",
            chart.lines(lines, self._width_s),
            [(line.style, line.name) for line in lines],
            "Bad is worse than the incumbent by a margin of the risk profile, at the same time.",
        )

    def _references(self) -> list[tuple[Way, str]]:
        return [(one, _REFERENCES[one.name]) for one in self._route.ways if one.name in _REFERENCES]

    def _contest(self) -> list[tuple[Way, str]]:
        """Give the rivals, then ours on top."""
        styles = ("a2", "a3", "a5", "a6")
        others = [(one, styles[place % 4]) for place, one in enumerate(self._rivals)]
        return [*others, (self._ours, "a1 ours")]

    def _bands(self) -> list[Band]:
        found = []
        for one in self._route.incidents:
            whom = f" of {one.arm}" if one.arm else ""
            start_s, end_s = one.start.total_seconds(), one.end.total_seconds()
            found.append(Band(start_s, end_s, f"incident: {one.kind}{whom}"))
        return found

    def _cues(self) -> list[Cue]:
        return [
            Cue(
                self._at(one.followed),
                str(one.revision),
                f"revision {one.revision}: "
                + ", ".join(f"{share:.1%} {arm}" for arm, share in one.shares.items())
                + (f" ({one.reason})" if one.reason else ""),
            )
            for one in self._route.documents
        ]

    def _at(self, instant: datetime) -> float:
        return (instant - self._begin).total_seconds()


def _titled(
    title: str, chart: Chart, entries: Sequence[tuple[str, str]], note: str = ""
) -> Iterable[Markup]:
    yield element("h3", title)
    yield legend(entries)
    yield element("figure", chart.drawn(title), element("figcaption", note) if note else None)


def _hue(place: int) -> str:
    return f"a{place}" if place < _HUES else f"a{1 + place % (_HUES - 1)}"


def _others(way: Way, first: str) -> list[float | None]:
    """Give the share of the calls that an arm other than the first served; None without calls."""
    mine = [way.series.shares.get(first, (0.0,) * len(way.series.saved_usd))]
    others = [share for arm, share in way.series.shares.items() if arm != first]
    served = [sum(shares) for shares in zip(*mine, *others, strict=True)]
    tried = [sum(shares) for shares in zip(*others, strict=True)] or [0.0] * len(served)
    return [share if calls else None for share, calls in zip(tried, served, strict=True)]
