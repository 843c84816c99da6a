"""Charts: everything lies inside, at round places, and says in words what it shows."""

import re
from itertools import pairwise

import pytest
from hypothesis import given, strategies as st

from connectors.pages.charts import (
    LEFT,
    RIGHT,
    TOP,
    WIDTH,
    Band,
    Chart,
    Clock,
    Cue,
    Line,
    Strip,
    round_values,
    strips,
)

DAY_S = 86_400
LENGTHS = st.floats(600, 40 * DAY_S)
TIMES = st.integers(0, DAY_S - 1)
NUMBERS = st.floats(-1e6, 1e6, allow_subnormal=False)


@given(length_s=LENGTHS, begin_s=TIMES)
def test_times_are_few_rising_and_inside(length_s: float, begin_s: int) -> None:
    ticks = Clock(length_s, begin_s).ticks()
    assert 1 <= len(ticks) <= 14
    assert all(0 <= at_s <= length_s for at_s, _ in ticks)
    steps = {round(later - one) for (one, _), (later, _) in pairwise(ticks)}
    assert len(steps) <= 1


@pytest.mark.parametrize(
    ("hours", "begin_h", "labels"),
    [
        (3, 6, ["06:00", "06:15", "06:30"]),
        (24, 22.5, ["00:00", "02:00", "04:00"]),
        (96, 0, ["day 1", "12:00", "day 2"]),
        (0.5, 6, ["06:00", "06:05", "06:10"]),
    ],
)
def test_times_are_labelled_by_the_clock(hours: float, begin_h: float, labels: list[str]) -> None:
    ticks = Clock(hours * 3600, begin_h * 3600).ticks()
    assert [label for _, label in ticks][:3] == labels


@given(one=NUMBERS, other=NUMBERS)
def test_values_are_few_round_and_between(one: float, other: float) -> None:
    least, most = sorted((one, other))
    if most - least < 1e-3:
        return
    values = round_values(least, most)
    assert len(values) <= 6
    slack = (most - least) * 1e-6
    assert all(least - slack <= value <= most + slack for value in values)


@given(values=st.lists(NUMBERS, min_size=1, max_size=20), least=NUMBERS, length_s=LENGTHS)
def test_lines_stay_inside_the_plot(values: list[float], least: float, length_s: float) -> None:
    chart = Chart(Clock(length_s, 0), least, max(values), "{:.1f}".format, height=100)
    drawn = chart.lines([Line("one", "a1", values)], length_s / len(values)).drawn("some line")
    (points,) = re.findall(r'points="([^"]*)"', drawn)
    for pair in points.split():
        x, y = map(float, pair.split(","))
        assert LEFT <= x <= WIDTH - RIGHT
        assert TOP <= y <= TOP + 100


def test_a_chart_says_what_its_parts_are() -> None:
    drawn = (
        Chart(Clock(3600, 0), 0, 1, str)
        .bands([Band(0, 600, "an incident")])
        .cues([Cue(60, "12", "revision 12"), Cue(61, "13", "revision 13")])
        .stacked([Line("large", "a0", [0.5, 1.0]), Line("small", "a1", [0.5, 0.0])], 1800)
        .drawn("who served")
    )
    for told in ("an incident", "revision 12", "revision 13", "<title>small</title>"):
        assert told in drawn
    assert 'aria-label="who served"' in drawn
    assert ">12</text>" in drawn
    assert ">13</text>" not in drawn  # it would lie on the one before


def test_a_value_that_is_missing_leaves_a_gap_and_moves_no_other() -> None:
    chart = Chart(Clock(400, 0), 0, 1, str, height=100)
    drawn = chart.lines([Line("one", "a1", [None, 0.5])], 200, steps=True).drawn("x")
    middle = LEFT + (WIDTH - LEFT - RIGHT) / 2
    assert f'points="{middle:.1f},70.0 {WIDTH - RIGHT:.1f},70.0"' in drawn


def test_strips_stand_in_rows_with_a_word_where_there_is_room() -> None:
    rows = [("first", [Strip(0, 1800, "pass", "25%", "it passed")]),
            ("second", [Strip(0, 20, "fail", "5%", "it failed")])]  # fmt: skip
    drawn = strips(Clock(3600, 0), rows, "verdicts")
    assert ">25%</text>" in drawn
    assert ">5%</text>" not in drawn
    assert "<title>it failed</title>" in drawn
