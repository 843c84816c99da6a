"""`llm-optimizer plan`: what a rollout would take at a route's traffic, before there is one."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from connectors.api.looking import database_of
from connectors.api.opening import open_store
from connectors.api.plan_text import as_text
from connectors.codecs import from_json, plain, to_json
from connectors.configuration import load
from optimizer.act.planning import PlannedStep, Spread, Traffic, plan
from optimizer.act.profiles import PROFILES
from optimizer.act.terms import Incumbent, Terms, terms_of
from optimizer.decide.case import provider_of
from optimizer.errors import NotAvailable, NotFound
from optimizer.windows import WindowKind, WindowSummary

if TYPE_CHECKING:
    import argparse
    from datetime import datetime

    from optimizer.models import Arm
    from optimizer.settings import RouteSettings, Settings

_LONGEST_FIRST = (WindowKind.HOUR, WindowKind.QUARTER, WindowKind.SLIDING, WindowKind.MINUTE)
_MOST = 10_000
_YOUNG, _YOUNG_CALLS = 2.0, 20  # so many times the calls an hour, shown by so many calls at least


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a rollout on a route would take.

    Attributes:
        route: `tenant/service/route`.
        incumbent: The arm in force.
        candidate: The arm that would be tried; `""` when none is declared, and then a change of
            model to another provider is planned.
        window: The window that traffic is taken from.
        calls_per_hour: What came in it, whatever arm served, as a rate.
        alpha: Chance, at most, of a wrong verdict.
        max_step_minutes: After which a step that proves nothing is undone.
        steps: What each takes, up to the first that never ends.
        impossible: What cannot be shown at this traffic, in plain words; empty when all can.
    """

    route: str
    incumbent: str
    candidate: str
    window: WindowSummary
    calls_per_hour: float
    alpha: float
    max_step_minutes: float
    steps: tuple[PlannedStep, ...]
    impossible: tuple[str, ...]


def planning(options: argparse.Namespace) -> int:
    """Print what each step would take, and what cannot be shown."""
    settings = load(options.config, os.environ)
    route = next((one for one in settings.routes if one.route == options.route), None)
    with closing(open_store(*database_of(options))) as store:
        rows = store.scan("windows", prefix=f"{options.route}|", limit=_MOST)
        windows = [from_json(WindowSummary, row.value) for row in rows]
    window, pace = _newest(windows, options.route, route)
    told = planned(window, pace, route, options.candidate, settings)
    if options.output == "json":
        written = to_json({"type": "plan", **plain(told)}).decode() + "\n"
    else:
        written = as_text(told)
    sys.stdout.write(written)
    return 0


def planned(
    window: WindowSummary,
    pace: float,
    route: RouteSettings | None,
    wanted: str,
    settings: Settings,
) -> Plan:
    """Plan a rollout.

    Args:
        window: What the incumbent did lately.
        pace: Calls of the route a minute in that window, whatever arm served them.
        route: The route as declared; None when it is not.
        wanted: Beginning of the candidate's id, or its model; `""` for the first declared one.
        settings: All settings.

    Raises:
        NotFound: No candidate of the route is called so.
    """
    candidate = _candidate(route, wanted)
    incumbent = route.incumbent if route else None
    terms = _terms(settings, window, incumbent, candidate)
    least = PROFILES[settings.decisions.risk_profile].least_step_secs
    if settings.rollout.least_step_secs is not None:
        least = (settings.rollout.least_step_secs,) * len(terms.ladder)
    traffic = _traffic(window, pace)
    steps = plan(terms, traffic, tuple(secs / 60 for secs in least))
    most = settings.rollout.max_step_secs / 60
    return Plan(
        route=window.route,
        incumbent=window.arm,
        candidate=candidate.id if candidate else "",
        window=window,
        calls_per_hour=60 * traffic.calls_per_minute,
        alpha=terms.alpha,
        max_step_minutes=most,
        steps=steps,
        impossible=tuple(_impossible(steps, most, window)),
    )


def _newest(
    windows: list[WindowSummary], route: str, declared: RouteSettings | None
) -> tuple[WindowSummary, float]:
    """Give the longest newest window of the arm in force, and all calls of the route a minute.

    That arm is the declared one, else the busiest. A window in most of which the route had no
    traffic yet tells no rate of it: then the next shorter one is taken.
    """
    arm = declared.incumbent.id if declared and declared.incumbent else ""
    told = [newest for kind in _LONGEST_FIRST if (newest := _newest_of(windows, kind))]
    if not told:
        nowhere = "see `llm-optimizer run` or `replay --out`"
        raise NotFound(f"no window of {route!r} is known: {nowhere}")
    seen_until = told[-1][0].end
    paces = [
        sum(each.calls for each in of_kind) / _minutes(of_kind[0], seen_until) for of_kind in told
    ]
    place = 0
    while place + 1 < len(told) and _is_young(told[place], told[place + 1], paces[place:]):
        place += 1
    if place and told[place][0].kind is WindowKind.MINUTE:
        when = told[place][0].end + timedelta(minutes=5)
        raise NotAvailable(
            f"traffic of {route!r} has only begun, and its rate is not known yet: "
            f"ask again at {when:%H:%M} UTC"
        )
    mine = [each for each in told[place] if each.arm == arm] or told[place]
    return max(mine, key=lambda each: (each.calls, each.arm, each.revision)), paces[place]


def _newest_of(windows: list[WindowSummary], kind: WindowKind) -> list[WindowSummary]:
    """Give the newest windows of a kind, one for each arm and revision."""
    of_kind = [each for each in windows if each.kind is kind and each.calls]
    end = max((each.end for each in of_kind), default=None)
    return [each for each in of_kind if each.end == end]


def _minutes(window: WindowSummary, seen_until: datetime) -> float:
    """Give the length of a window; of one that a replay cut short, that of what was replayed."""
    is_cut = window.partial and window.start < seen_until < window.end
    return ((seen_until if is_cut else window.end) - window.start).total_seconds() / 60


def _is_young(
    longer: list[WindowSummary], shorter: list[WindowSummary], paces: list[float]
) -> bool:
    """Tell whether traffic began, or rose as much, within the longer of two newest windows."""
    calls, is_newer = sum(each.calls for each in shorter), shorter[0].end >= longer[0].end
    if longer[0].kind is WindowKind.SLIDING and calls == sum(each.calls for each in longer):
        return is_newer  # all of them came in the newest minute
    return is_newer and calls >= _YOUNG_CALLS and paces[1] >= _YOUNG * paces[0]


def _candidate(route: RouteSettings | None, wanted: str) -> Arm | None:
    candidates = route.candidates if route else ()
    if not wanted:
        return candidates[0] if candidates else None
    for arm in candidates:
        if arm.id.startswith(wanted) or arm.config.model == wanted:
            return arm
    known = ", ".join(arm.id for arm in candidates) or "none"
    raise NotFound(f"no candidate of the route is called {wanted!r}: declared are {known}")


def _terms(
    settings: Settings, window: WindowSummary, incumbent: Arm | None, candidate: Arm | None
) -> Terms:
    return terms_of(
        settings,
        (candidate.id if candidate else "", window.arm),
        Incumbent(
            latency_p95_ms=window.latency_p95_ms or 0.0,
            latency_p99_ms=window.latency_p99_ms or 0.0,
            error_rate=window.errors / window.calls,
            is_streamed=window.ttft_calls > 0,
            is_priced=window.billed > 0,
            is_scored=window.scores > 0,
        ),
        changes_answers=_changes_answers(incumbent, candidate),
        other_provider=_is_other_provider(incumbent, candidate),
    )


def _changes_answers(incumbent: Arm | None, candidate: Arm | None) -> bool:
    """Tell whether more than the cache changes; where it is not known, it may."""
    if incumbent is None or candidate is None:
        return True
    return replace(incumbent, cache=candidate.cache).id != candidate.id


def _is_other_provider(incumbent: Arm | None, candidate: Arm | None) -> bool:
    if incumbent is None or candidate is None:
        return True
    if incumbent.config.model == candidate.config.model:
        return False
    mine, theirs = provider_of(incumbent), provider_of(candidate)
    return not mine or mine != theirs


def _traffic(window: WindowSummary, pace: float) -> Traffic:
    calls, good = window.calls, max(window.calls - window.errors, 0)
    spreads: Mapping[str, Spread] = {
        "latency": Spread(sd=window.latency_log_sd, told=good / calls),
        # Windows tell no spread of the time to first token: it is taken to vary as latency does.
        "ttft": Spread(sd=window.latency_log_sd, told=window.ttft_calls / calls),
        "cost": Spread(sd=window.cost_log_sd, told=window.billed / calls),
        "quality": Spread(sd=window.score_sd, told=window.scores / calls),
    }
    return Traffic(calls_per_minute=pace, spreads=spreads, error_rate=window.errors / calls)


def _impossible(steps: tuple[PlannedStep, ...], most: float, window: WindowSummary) -> list[str]:
    """Say which metrics no step can show in its longest time."""
    told = []
    for step in steps:
        for metric in step.metrics:
            if metric.metric == "quality" and not window.scores:
                told.append("quality: no call is scored, and answers may change")
            elif metric.minutes is None or metric.minutes > most:
                told.append(f"{metric.metric}: not within {most / 60:g} h at {step.share:.1%}")
    return list(dict.fromkeys(told))
