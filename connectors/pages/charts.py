"""Charts over time, as SVG that takes its colours from the page around it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from connectors.pages.markup import element, together

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from connectors.pages.markup import Markup

WIDTH, LEFT, RIGHT, TOP, BOTTOM = 1000, 62, 24, 20, 24
_TICKS = 4
_HOUR_S = 3600
_DAY_S = 24 * _HOUR_S
_STEPS_H = (1 / 12, 1 / 6, 0.25, 0.5, 1, 2, 3, 4, 6, 12, 24, 48, 168, 336)
_MOST_TIMES = 13


class Clock(NamedTuple):
    """The time that a chart shows.

    Attributes:
        length_s: Its length in seconds.
        begin_s: The time of day, UTC, at which it begins, in seconds.
    """

    length_s: float
    begin_s: float

    def x(self, at_s: float) -> float:
        """Place an instant, in seconds from the beginning."""
        return LEFT + (WIDTH - LEFT - RIGHT) * min(max(at_s / self.length_s, 0.0), 1.0)

    def ticks(self) -> list[tuple[float, str]]:
        """Give where time is labelled, and how."""
        hours = self.length_s / _HOUR_S
        step = next((one for one in _STEPS_H if hours / one < _MOST_TIMES), _STEPS_H[-1])
        step_s = step * _HOUR_S
        first = math.ceil(self.begin_s / step_s) * step_s - self.begin_s
        count = int((self.length_s - first) / step_s) + 1
        at_s = [first + n * step_s for n in range(count)]
        return [(at, self._label(at)) for at in at_s]

    def _label(self, at_s: float) -> str:
        day, second = divmod(round(self.begin_s + at_s), _DAY_S)
        if not second and self.length_s > _DAY_S:
            return f"day {day + 1}"
        return f"{second // _HOUR_S:02}:{second % _HOUR_S // 60:02}"


class Line(NamedTuple):
    """One line of a chart.

    Attributes:
        name: What it shows.
        style: Its class on the page, which gives its colour.
        values: One a stretch of equal length; None, where there is none, is left out.
    """

    name: str
    style: str
    values: Sequence[float | None]


class Band(NamedTuple):
    """A while that a chart points out: seconds from the beginning, and why."""

    start_s: float
    end_s: float
    text: str


class Cue(NamedTuple):
    """An instant that a chart points out: seconds from the beginning, a short word, and why."""

    at_s: float
    word: str
    text: str


class Chart:
    """A chart under a title; put things on it in the order they lie.

    Args:
        clock: The time it shows.
        least: Smallest value.
        most: Greatest value.
        words: Writes a value.
        height: Of the plot, pixels.
    """

    def __init__(
        self,
        clock: Clock,
        least: float,
        most: float,
        words: Callable[[float], str],
        *,
        height: int = 130,
    ) -> None:
        self._clock = clock
        self._least, self._most = least, most if most > least else least + 1
        self._height = height
        self._words = words
        self._pieces: list[Markup] = []

    def y(self, value: float) -> float:
        """Place a value."""
        part = (value - self._least) / (self._most - self._least)
        return TOP + self._height * (1 - min(max(part, 0.0), 1.0))

    def bands(self, bands: Iterable[Band]) -> Chart:
        """Shade whiles over the whole height."""
        for band in bands:
            x, end = self._clock.x(band.start_s), self._clock.x(band.end_s)
            self._pieces.append(
                element(
                    "rect",
                    element("title", band.text),
                    class_="band",
                    x=x,
                    y=TOP,
                    width=max(end - x, 2.0),
                    height=self._height,
                )
            )
        return self

    def cues(self, cues: Iterable[Cue]) -> Chart:
        """Mark instants by thin lines; words that would lie on the one before are left out."""
        free = 0.0
        for cue in cues:
            x = self._clock.x(cue.at_s)
            word = element("text", cue.word, class_="cue", x=x, y=TOP - 6, text_anchor="middle")
            shown = word if x >= free else None
            free = x + 7.0 * len(cue.word) + 4 if shown else free
            line = element("line", class_="cue", x1=x, x2=x, y1=TOP - 3, y2=TOP + self._height)
            self._pieces.append(element("g", element("title", cue.text), line, shown))
        return self

    def stacked(self, lines: Sequence[Line], width_s: float) -> Chart:
        """Lay shares on one another, stretch by stretch."""
        below = [0.0] * max((len(line.values) for line in lines), default=0)
        for line in lines:
            top = [one + (own or 0.0) for one, own in zip(below, line.values, strict=True)]
            there = self._steps(top, width_s)
            back = self._steps(below, width_s)[::-1]
            points = " ".join(f"{x:.1f},{y:.1f}" for x, y in there + back)
            title = element("title", line.name)
            self._pieces.append(
                element("polygon", title, class_=f"area {line.style}", points=points)
            )
            below = top
        return self

    def lines(self, lines: Iterable[Line], width_s: float, *, steps: bool = False) -> Chart:
        """Draw lines; as stairs where a value holds for a stretch."""
        for line in lines:
            points = self._steps(line.values, width_s) if steps else self._ends(line, width_s)
            drawn = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
            title = element("title", line.name)
            self._pieces.append(
                element("polyline", title, class_=f"line {line.style}", points=drawn)
            )
        return self

    def _steps(self, values: Sequence[float | None], width_s: float) -> list[tuple[float, float]]:
        return [
            (self._clock.x((place + edge) * width_s), self.y(value))
            for place, value in enumerate(values)
            if value is not None
            for edge in (0, 1)
        ]

    def _ends(self, line: Line, width_s: float) -> list[tuple[float, float]]:
        begin = (self._clock.x(0), self.y(0))
        ends = [
            (self._clock.x((place + 1) * width_s), self.y(value))
            for place, value in enumerate(line.values)
            if value is not None
        ]
        return [begin, *ends]

    def drawn(self, label: str) -> Markup:
        """Give the chart; `label` says what it shows to who cannot see it."""
        return _svg(
            self._height, label, [*self._grid(), *self._pieces, *times(self._clock, self._height)]
        )

    def _grid(self) -> Iterable[Markup]:
        for value in round_values(self._least, self._most):
            y = self.y(value)
            yield element("line", class_="grid", x1=LEFT, x2=WIDTH - RIGHT, y1=y, y2=y)
            yield element("text", self._words(value), x=LEFT - 7, y=y + 4, text_anchor="end")


class Strip(NamedTuple):
    """A stretch of a strip: seconds from the beginning, its class on the page, and why."""

    start_s: float
    end_s: float
    style: str
    word: str
    text: str


def strips(clock: Clock, rows: Sequence[tuple[str, Sequence[Strip]]], label: str) -> Markup:
    """Draw rows of stretches, each row under its name."""
    pieces: list[Markup] = []
    for place, (name, stretches) in enumerate(rows):
        y = TOP + place * 42
        pieces.append(element("text", name, class_="row", x=LEFT, y=y + 2))
        pieces += [_stretch(clock, one, y + 8) for one in stretches]
    height = 42 * len(rows) - 6
    return _svg(height, label, [*pieces, *times(clock, height)])


def _stretch(clock: Clock, one: Strip, y: float) -> Markup:
    x = clock.x(one.start_s)
    width = max(clock.x(one.end_s) - x, 1.5)
    fits = width > 7.0 * len(one.word) + 8
    word = element("text", one.word, class_="on", x=x + 5, y=y + 15) if fits else None
    rect = element("rect", class_=f"strip {one.style}", x=x, y=y, width=width, height=22, rx=2)
    return element("g", element("title", one.text), rect, word)


def times(clock: Clock, height: int) -> Iterable[Markup]:
    """Draw the axis of time below a plot."""
    y = TOP + height
    yield element("line", class_="axis", x1=LEFT, x2=WIDTH - RIGHT, y1=y, y2=y)
    for at_s, label in clock.ticks():
        x = clock.x(at_s)
        yield element("line", class_="axis", x1=x, x2=x, y1=y, y2=y + 4)
        yield element("text", label, x=x, y=y + 17, text_anchor="middle")


def legend(entries: Iterable[tuple[str, str]]) -> Markup:
    """Name what colours stand for: class on the page, then text."""
    keys = [
        element("span", element("i", class_=f"key {style}"), text, class_="entry")
        for style, text in entries
    ]
    return element("p", *keys, class_="legend")


def round_values(least: float, most: float) -> list[float]:
    """Give a few round values between two, at most six."""
    raw = (most - least) / _TICKS
    magnitude = 10.0 ** math.floor(math.log10(raw))
    step = next(m * magnitude for m in (1, 2, 2.5, 5, 10) if m * magnitude >= raw * 0.999)
    first = math.ceil(least / step - 1e-9)
    return [n * step for n in range(first, math.floor(most / step + 1e-9) + 1)]


def _svg(height: int, label: str, pieces: Iterable[Markup]) -> Markup:
    whole = TOP + height + BOTTOM
    return element(
        "svg",
        together(pieces),
        viewBox=f"0 0 {WIDTH} {whole}",
        role="img",
        aria_label=label,
    )
