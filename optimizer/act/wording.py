"""What trials found, as a verdict in plain words."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from optimizer.act.forecast import forecast
from optimizer.act.terms import MEANS, METRICS, RATIOS, SHARES
from optimizer.act.trials import Outcome
from optimizer.panes import AT, MINUTE_NS
from optimizer.rollouts import Verdict, VerdictKind

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from optimizer.act.hard_limits import Breaches
    from optimizer.act.trials import Trials
    from optimizer.rollouts import Rows


_NOBODY = (
    "no call carries this step's revision: do gateways follow the document, and do they sign "
    "stamps with stamps.key?"
)


_SCORES_COME_SECS = 900.0  # of a step; where none have come by then, none are given


class _Saying(NamedTuple):
    kind: VerdictKind
    reason: str
    say: Callable[[Trials, Breaches], tuple[str, str]]  # metric and detail


def verdict_of(trials: Trials, outcome: Outcome, breaches: Breaches, at_ns: int) -> Verdict:
    """Put what was found of the first rollout of trials into words.

    Args:
        trials: Its evidence.
        outcome: What was found.
        breaches: The limits that were found broken.
        at_ns: When.
    """
    saying = _SAYINGS[outcome]
    metric, detail = saying.say(trials, breaches)
    verdict = Verdict(kind=saying.kind, reason=saying.reason, metric=metric, detail=detail)
    return _with_needs(verdict, trials, at_ns) if outcome in _WAITING else verdict


def with_unrevisioned(verdict: Verdict, rows: Rows | None) -> Verdict:
    """Say of the newest calls how many carry no revision: who is elsewhere, or why."""
    if rows is None:
        return verdict
    calls = rows.sums[:, AT["calls"]]
    seen = int(calls.sum())
    without = int(calls[[revision == 0 for _, revision in rows.names]].sum())
    if not without:
        return verdict
    told = f"{without} of the newest {seen} calls carry no revision (lease over, or no unit)"
    return replace(verdict, detail=f"{verdict.detail}; {told}")


def _with_needs(verdict: Verdict, trials: Trials, at_ns: int) -> Verdict:
    """Add how many calls the slowest metric needs, and until when, if that can be told."""
    needed = forecast(trials)
    if needed is None:
        return verdict
    if needed.metric:  # else all seem as good as shown
        verdict = replace(verdict, metric=needed.metric)
        if verdict.reason == "metrics_open":
            verdict = replace(verdict, detail=_slowest(trials, needed.metric))
    if math.isinf(needed.minutes) and _awaits_scores(trials, needed.metric):
        return replace(verdict, detail=f"{verdict.detail}; no scores to compare have come yet")
    if math.isinf(needed.minutes):
        return replace(verdict, detail=f"{verdict.detail}; as things are it never will be")
    # In whole minutes, for a forecast is no better than that.
    until_ns = -(-(at_ns + round(needed.minutes * MINUTE_NS)) // MINUTE_NS) * MINUTE_NS
    until = datetime.fromtimestamp(until_ns // 10**9, UTC)
    return replace(verdict, calls_needed=math.ceil(needed.calls), until=until)


def _awaits_scores(trials: Trials, metric: str) -> bool:
    """Tell whether scores alone are missing, and may still come: they are given after the calls."""
    is_early = bool(trials.age_secs[0] < _SCORES_COME_SECS)
    if metric != "quality" or not is_early:
        return False
    return not trials.gates.contrast.calls[0, MEANS.index(metric)].all()


def effect_of(trials: Trials, metric: str) -> str:
    """Say what is known of a metric's change, such as `latency +12.3 %`."""
    if metric in SHARES:
        rates, place = trials.gates.rates, SHARES.index(metric)
        shares = rates.hits[0, place] / np.maximum(rates.trials[0, place], 1)
        return f"{metric} {shares[0]:.2%} against {shares[1]:.2%}"
    value = float(trials.gates.contrast.effects().value[0, 0, MEANS.index(metric)])
    change = f"{math.expm1(value):+.1%}" if metric in RATIOS else f"{value:+.3f}"
    return f"{metric} {change}"


def _limit(trials: Trials, breaches: Breaches, arm: int) -> tuple[str, str]:
    kind = int(np.argmax(breaches.broken[0, arm]))
    bad, calls = int(breaches.bad[0, arm, kind]), int(breaches.trials[0, arm, kind])
    if kind == 0:
        limit = trials.gates.terms.max_error_share
        return "errors", f"{bad} of the newest {calls} calls failed; the limit is {limit:.1%}"
    return "latency", f"{bad} of the newest {calls} calls are beyond the limit of latency"


def _hard_limit(trials: Trials, breaches: Breaches) -> tuple[str, str]:
    return _limit(trials, breaches, 0)


def _common_cause(trials: Trials, breaches: Breaches) -> tuple[str, str]:
    arm = 0 if breaches.broken[0, 0].any() else 1
    metric, detail = _limit(trials, breaches, arm)
    return metric, f"both arms are bad at once; of the {('candidate', 'incumbent')[arm]} {detail}"


def _limit_unclear(trials: Trials, breaches: Breaches) -> tuple[str, str]:
    metric, detail = _limit(trials, breaches, 0)
    return metric, f"{detail}; too few calls of the incumbent meanwhile to tell whether alone"


def _mismatch(trials: Trials, _: Breaches) -> tuple[str, str]:
    strays, seen = int(trials.share.strays[0]), int(trials.share.seen[0])
    if strays:
        return "", f"{strays} of {seen} calls are not where this document sends them"
    candidate, control = trials.share.stamped[0].astype(int).tolist()
    share = trials.gates.slots[0] / 200
    return "", f"{candidate} of {candidate + control} calls came to the candidate, not {share:.1%}"


def _hang(trials: Trials, _: Breaches) -> tuple[str, str]:
    owned, held = trials.gates.owned()[0], trials.completed.held[0]
    return "", (
        f"{held[owned].mean():.2f} calls a slot ended on the candidate's slots, "
        f"{held[~owned].mean():.2f} on the others"
    )


def _harm(trials: Trials, _: Breaches) -> tuple[str, str]:
    judged = [METRICS.index(gate.metric) for gate in trials.gates.terms.gates if gate.is_judged]
    logs = trials.gates.log_harm()[0]
    metric = METRICS[max(judged, key=lambda place: logs[place])]
    return metric, effect_of(trials, metric)


def _early(trials: Trials, _: Breaches) -> tuple[str, str]:
    calls, minutes = int(trials.share.stamped[0, 0]), int(trials.gates.minutes[0, 1])
    if trials.age_secs[0] >= trials.gates.terms.grace_secs and not trials.share.stamped[0].any():
        return "", _NOBODY
    return "", f"{calls} calls of the candidate in {minutes} minutes of this step"


def _few(trials: Trials, _: Breaches) -> tuple[str, str]:
    slots = float(trials.gates.effective_slots()[0])
    return "", f"traffic is worth {slots:.0f} independent slots of 200: too few to compare"


def _unverified(trials: Trials, _: Breaches) -> tuple[str, str]:
    slotted, calls = int(trials.share.slotted[0]), int(trials.share.stamped[0].sum())
    return (
        "",
        f"{slotted} of {calls} calls carry a slot: nothing shows that they go where they should",
    )


def _coverage(trials: Trials, _: Breaches) -> tuple[str, str]:
    owned, held = trials.gates.owned()[0], trials.scored.held[0]
    return "quality", (
        f"{held[owned].mean():.2f} scores a slot of the candidate, {held[~owned].mean():.2f} a "
        "slot of the incumbent: a comparison would be biased"
    )


def _passed(trials: Trials, _: Breaches) -> tuple[str, str]:
    required = [gate.metric for gate in trials.gates.terms.gates if gate.is_required]
    return "", "; ".join(effect_of(trials, metric) for metric in required)


def _open(_trials: Trials, _: Breaches) -> tuple[str, str]:
    return "", "not all metrics are shown yet to keep their margins"


def _slowest(trials: Trials, metric: str) -> str:
    return f"not shown yet to keep the margin: {effect_of(trials, metric)}"


def _watched(trials: Trials, _: Breaches) -> tuple[str, str]:
    judged = [gate.metric for gate in trials.gates.terms.gates if gate.is_judged]
    return "", "; ".join(effect_of(trials, metric) for metric in judged)


def _unfinished(trials: Trials, breaches: Breaches) -> tuple[str, str]:
    return (
        "",
        f"too few to show that enough of the candidate's calls end: {_hang(trials, breaches)[1]}",
    )


_WAITING = {Outcome.TOO_EARLY, Outcome.OPEN}
# What is worth saying once a minute; the rest counts calls as they come.
QUIET = {
    *_WAITING,
    Outcome.PASSED,
    Outcome.WATCHED,
    Outcome.FEW_UNITS,
    Outcome.UNVERIFIED,
    Outcome.UNFINISHED,
}
_SAYINGS: Mapping[Outcome, _Saying] = {
    Outcome.HARD_LIMIT: _Saying(VerdictKind.FAIL, "hard_limit", _hard_limit),
    Outcome.COMMON_CAUSE: _Saying(VerdictKind.PAUSE, "common_cause", _common_cause),
    Outcome.LIMIT_UNCLEAR: _Saying(VerdictKind.PAUSE, "limit_unclear", _limit_unclear),
    Outcome.SHARE_MISMATCH: _Saying(VerdictKind.INVALID, "share_mismatch", _mismatch),
    Outcome.HANG: _Saying(VerdictKind.FAIL, "hang", _hang),
    Outcome.HARM: _Saying(VerdictKind.FAIL, "harm", _harm),
    Outcome.TOO_EARLY: _Saying(VerdictKind.NEED_DATA, "too_early", _early),
    Outcome.FEW_UNITS: _Saying(VerdictKind.NEED_DATA, "few_units", _few),
    Outcome.UNVERIFIED: _Saying(VerdictKind.NEED_DATA, "unverified", _unverified),
    Outcome.SCORE_COVERAGE: _Saying(VerdictKind.INVALID, "score_coverage", _coverage),
    Outcome.PASSED: _Saying(VerdictKind.PASS, "passed", _passed),
    Outcome.WATCHED: _Saying(VerdictKind.NEED_DATA, "watched", _watched),
    Outcome.UNFINISHED: _Saying(VerdictKind.NEED_DATA, "unfinished", _unfinished),
    Outcome.OPEN: _Saying(VerdictKind.NEED_DATA, "metrics_open", _open),
}
