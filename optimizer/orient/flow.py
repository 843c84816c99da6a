"""How many calls a route usually gets, how much that varies, how long it is usually silent.

Counts by minute teach three rates, quick, steady and slow, three minutes late so that a surge does
not excuse itself; those that rest on enough calls are believed. How much counts vary beyond chance
is measured over blocks of 1, 15 and 60 minutes, because calls that come in clumps are irregular by
the minute and regular by the hour.
"""

from __future__ import annotations

from typing import NamedTuple

QUICK = 0.5 ** (1 / 10)  # decay a minute: half-lives of 10 min, 1 h, 12 h
STEADY = 0.5 ** (1 / 60)
SLOW = 0.5 ** (1 / 720)
ENOUGH_CALLS = 30.0
BLOCKS = (1, 15, 60)
BLOCK_DECAYS = tuple(0.5 ** (minutes / 1440) for minutes in BLOCKS)
PRIOR_SPREAD = 0.05  # squared variation of the rate at first, as much worth as ten blocks
PRIOR_BLOCKS = 10.0
LEAST_SPREAD = 0.005
WARM_MINUTES = 30  # with traffic
DELAY = 3  # minutes
WEEK_MINUTES = 7 * 1440
MOST_SILENCE_FED = 24 * 60  # minutes; more tells nothing new


class Block(NamedTuple):
    """Counts over blocks of some minutes: how much more they vary than chance.

    Attributes:
        surplus: Weighted sum of (calls - expected)^2 - expected.
        square: Weighted sum of expected^2.
        calls: Calls in the block that is open.
        expected: What was expected of it.
    """

    surplus: float = 0.0
    square: float = 0.0
    calls: float = 0.0
    expected: float = 0.0


class Flow(NamedTuple):
    """A route's traffic as remembered.

    Attributes:
        minute: End of the last minute with a call, minutes since the epoch; 0 before the first.
        active: Minutes with a call.
        quick: Weighted calls and weighted minutes of the quick rate.
        steady: The same of the steady rate.
        slow: The same of the slow rate, for routes with a few calls an hour.
        blocks: Variation over blocks, as in `BLOCKS`.
        recent: Calls of the last three minutes up to `minute`, the newest last.
        week: The week of the newest silence, weeks since the epoch.
        silence: Longest silence of that week, minutes.
        silence_before: Longest silence of the week before.
    """

    minute: int = 0
    active: int = 0
    quick: tuple[float, float] = (0.0, 0.0)
    steady: tuple[float, float] = (0.0, 0.0)
    slow: tuple[float, float] = (0.0, 0.0)
    blocks: tuple[Block, Block, Block] = (Block(), Block(), Block())
    recent: tuple[int, int, int] = (0, 0, 0)
    week: int = 0
    silence: int = 0
    silence_before: int = 0


def is_warm(flow: Flow) -> bool:
    """Tell whether the route had enough traffic for its rates to mean something."""
    return flow.active >= WARM_MINUTES and flow.slow[0] > 0


def rates(flow: Flow) -> tuple[float, float]:
    """Give the least and the most calls a minute that are usual now."""
    known = [calls / minutes for calls, minutes in _believed(flow)]
    return min(known), max(known)


def _believed(flow: Flow) -> list[tuple[float, float]]:
    """Give the rates that rest on enough calls: the newer ones, else the slow one alone."""
    return [one for one in (flow.quick, flow.steady) if one[0] >= ENOUGH_CALLS] or [flow.slow]


def spread(flow: Flow, minutes: int) -> float:
    """Give the squared variation of the rate over so many minutes, with what is not known of it.

    It is taken from the longest blocks not longer than that.
    """
    place = max(place for place, block in enumerate(BLOCKS) if block <= max(minutes, 1))
    block = flow.blocks[place]
    calls, weight = _believed(flow)[-1]
    prior = PRIOR_BLOCKS * (calls / weight * BLOCKS[place]) ** 2
    measured = (block.surplus + PRIOR_SPREAD * prior) / (block.square + prior)
    return max(measured, LEAST_SPREAD) + 1 / calls


def longest_silence(flow: Flow, minute: int) -> int:
    """Give the longest silence of this week and the last, minutes."""
    weeks = minute // WEEK_MINUTES - flow.week
    known = {0: max(flow.silence, flow.silence_before), 1: flow.silence}
    return known.get(weeks, 0)


def remember_silence(flow: Flow, length: int, minute: int) -> Flow:
    """Remember a silence of so many minutes that ended before a minute."""
    week = minute // WEEK_MINUTES
    if week != flow.week:
        before = flow.silence if week == flow.week + 1 else 0
        flow = flow._replace(week=week, silence=0, silence_before=before)
    return flow._replace(silence=max(flow.silence, length))


def feed(flow: Flow, calls: int, minute: int, *, learn: bool) -> Flow:
    """Take one minute's count.

    Args:
        flow: What is remembered.
        calls: Calls of the minute.
        minute: Its end, minutes since the epoch.
        learn: False while something is so wrong that it must not become usual.
    """
    due = flow.recent[0]
    flow = flow._replace(
        minute=minute if calls else flow.minute,
        active=flow.active + (calls > 0),
        recent=(*flow.recent[1:], calls),
    )
    if not learn or flow.active <= DELAY:
        return flow
    blocks = flow.blocks
    if flow.slow[1]:
        first, quarter, hour = blocks
        calls_known, minutes_known = _believed(flow)[-1]
        expected = calls_known / minutes_known
        blocks = (
            _block(first, due, expected, minute, 0),
            _block(quarter, due, expected, minute, 1),
            _block(hour, due, expected, minute, 2),
        )
    return flow._replace(
        quick=_aged(flow.quick, QUICK, due),
        steady=_aged(flow.steady, STEADY, due),
        slow=_aged(flow.slow, SLOW, due),
        blocks=blocks,
    )


def feed_silence(flow: Flow, length: int, minute: int) -> Flow:
    """Take a silence of so many minutes that ended before a minute, as part of the usual."""
    length = min(length, MOST_SILENCE_FED)
    for silent in range(minute - length, minute):
        flow = feed(flow, 0, silent, learn=True)
    return flow


def _aged(rate: tuple[float, float], decay: float, calls: int) -> tuple[float, float]:
    return rate[0] * decay + calls, rate[1] * decay + 1


def _block(block: Block, calls: int, expected: float, minute: int, place: int) -> Block:
    total, due = block.calls + calls, block.expected + expected
    if minute % BLOCKS[place]:
        return block._replace(calls=total, expected=due)
    decay = BLOCK_DECAYS[place]
    surplus = (total - due) ** 2 - due
    return Block(block.surplus * decay + surplus, block.square * decay + due * due)
