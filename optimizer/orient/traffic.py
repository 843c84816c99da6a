"""Traffic: a route that fell silent, a route that is flooded."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from optimizer.findings import Evidence, Severity
from optimizer.orient.flow import (
    Flow,
    feed,
    feed_silence,
    is_warm,
    longest_silence,
    rates,
    remember_silence,
    spread,
)
from optimizer.orient.signs import Sign, Truth
from optimizer.orient.wording import figure, magnitude
from optimizer.statistics.rounding import rounded
from optimizer.statistics.tails import chance_of_at_least, confidence, log_chance_of_silence
from optimizer.windows import WindowKind

if TYPE_CHECKING:
    from datetime import datetime

    from optimizer.orient.signs import Memory, Scene

STOP = "traffic_stop"
SURGE = "traffic_surge"
RISK = 1e-6  # of a wrong alarm, at a look
LOG_RISK = math.log(RISK)
SILENCE_FACTOR = 3  # a stop is longer than so many times the longest silence of late
# A silence that raised an alarm is remembered as usual only if it was so long: nights are, most
# outages are not, and an outage must not blind us to the next one.
NIGHT_MINUTES = 6 * 60
SURGE_MINUTES = 3
SURGE_FACTOR = 2.0
SURGE_OVER = 1.5
HOLD_MINUTES = 5
RETURN_MINUTES = 3  # one stray call does not end a stop,
RETURN_SHARE = 0.1  # nor do a few that are nothing beside the usual


class Traffic:
    """Finds `traffic_stop` and `traffic_surge`, per route.

    A route whose calls come in clumps, some hours apart, is hardly ever found to have stopped: its
    silences of late are too long.
    """

    name = "traffic"

    def step(self, memory: Memory, scene: Scene) -> tuple[Memory, tuple[Sign, ...]]:
        """Count the minute's calls and compare them with what is usual."""
        minute = scene.windows.get(WindowKind.MINUTE, {})
        flow = memory.flow or Flow()
        calls = sum(summary.calls for summary in minute.values())
        if not calls:
            return memory, _silent(flow, scene)
        flow, over = _returned(flow, calls, scene)
        if any(summary.biased or summary.metered for summary in minute.values()):
            # More errors would look like more traffic, and exports come in clumps.
            return replace(memory, flow=None), over
        surge = _surge(flow, calls, scene)
        learn = not scene.freezes(SURGE, "")
        return replace(memory, flow=feed(flow, calls, scene.minute, learn=learn)), (*over, *surge)


def _silent(flow: Flow, scene: Scene) -> tuple[Sign, ...]:
    """Judge a silence, which changes nothing of what is remembered until it ends."""
    if not is_warm(flow):
        return ()
    silence = scene.minute - flow.minute
    rate = rates(flow)[0]
    if rate * silence < -LOG_RISK or silence < SILENCE_FACTOR * longest_silence(flow, flow.minute):
        return ()
    log_chance = log_chance_of_silence(rate * silence, spread(flow, silence))
    return (_stop(flow, silence, scene, math.exp(log_chance)),) if log_chance < LOG_RISK else ()


def _returned(flow: Flow, calls: int, scene: Scene) -> tuple[Flow, tuple[Sign, ...]]:
    """Take the silence that calls have just ended, if there was one."""
    silence = scene.minute - flow.minute - 1 if flow.minute else 0
    alarmed = (STOP, "") in scene.open
    if silence and (not alarmed or silence >= NIGHT_MINUTES):
        flow = remember_silence(flow, silence, scene.minute)
    if silence and not alarmed:
        flow = feed_silence(flow, silence, scene.minute)
    return flow, (_calls_again(flow, calls, scene),) if alarmed else ()


def _stop(flow: Flow, silence: int, scene: Scene, chance: float) -> Sign:
    rate = rates(flow)[0]
    last = scene.at - timedelta(minutes=silence)
    return Sign(
        rule=STOP,
        arm="",
        truth=Truth.ON,
        severity=Severity.CRITICAL,
        magnitude=magnitude(0.0, rate, "calls/min"),
        confidence=confidence(chance),
        evidence=_evidence(
            "silent_minutes", silence, longest_silence(flow, flow.minute), scene, last
        ),
        hold_minutes=RETURN_MINUTES,
        title=f"No call for {silence} min",
        detail=(
            f"No call since {last:%H:%M} UTC; {figure(rate)} a minute are usual, and the longest"
            f" silence of late was {longest_silence(flow, flow.minute)} min."
        ),
    )


def _calls_again(flow: Flow, calls: int, scene: Scene) -> Sign:
    stop = scene.open[STOP, ""]
    rate = rates(flow)[0] if flow.minute else 0.0  # forgotten when metrics took over
    silence = (stop.seen - stop.since) / timedelta(minutes=1) + 1
    return Sign(
        rule=STOP,
        arm="",
        truth=Truth.OFF if calls >= RETURN_SHARE * rate else Truth.UNSURE,
        magnitude=magnitude(calls, rate, "calls/min"),
        confidence=confidence(0.0),
        evidence=_evidence("silent_minutes", silence, 0, scene, stop.since),
        hold_minutes=RETURN_MINUTES,
        title="Calls have returned",
        detail=f"Calls have come again since {stop.seen:%H:%M} UTC.",
    )


def _surge(flow: Flow, calls: int, scene: Scene) -> tuple[Sign, ...]:
    if not is_warm(flow):
        return ()
    count = calls + flow.recent[1] + flow.recent[2]
    usual = rates(flow)[1] * SURGE_MINUTES
    is_open = (SURGE, "") in scene.open
    on = count > SURGE_FACTOR * usual and _is_significant(flow, count, usual)
    if not on and not is_open:
        return ()
    off = Truth.OFF if count < SURGE_OVER * usual else Truth.UNSURE
    start = scene.at - timedelta(minutes=SURGE_MINUTES)
    now = count / SURGE_MINUTES
    return (
        Sign(
            rule=SURGE,
            arm="",
            truth=Truth.ON if on else off,
            severity=Severity.WARNING,
            magnitude=magnitude(now, usual / SURGE_MINUTES, "calls/min"),
            confidence=confidence(RISK),
            evidence=_evidence("calls", count, usual, scene, start),
            hold_minutes=HOLD_MINUTES,
            title=f"Traffic is {figure(count / usual)} times the usual",
            detail=(
                f"{count} calls in the {SURGE_MINUTES} min to {scene.at:%H:%M} UTC, where"
                f" {figure(usual)} are usual."
            ),
        ),
    )


def _is_significant(flow: Flow, count: int, usual: float) -> bool:
    return chance_of_at_least(count, usual, spread(flow, SURGE_MINUTES)) < RISK


def _evidence(
    metric: str, value: float, reference: float, scene: Scene, start: datetime
) -> Evidence:
    return Evidence(
        metric=metric,
        value=rounded(value),
        reference=rounded(reference),
        n=round((scene.at - start).total_seconds() / 60),
        window=None,
        start=start,
        end=scene.at,
    )
