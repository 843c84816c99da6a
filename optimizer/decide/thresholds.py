"""Threshold heuristics: a rule broke, so prefer an arm that would not break it.

| rule                                  | preference                                          |
|---------------------------------------|-----------------------------------------------------|
| error_rate                            | lowest p95 latency known, else cheapest as listed   |
| latency_threshold, latency_increase   | lowest p95 latency that is better by enough         |
| daily_budget, cost_per_request,       | cheapest for the present mix of tokens, better by   |
| cost_increase                         | enough; considered only by the main loop            |

`quality_min` and `quality_drop` propose nothing: which arm answers better is known only where
other arms were judged on the same kind of calls, which takes an experiment, not a table.
`traffic_stop` and `traffic_surge` propose nothing: calls that do not come, or too many, are not
the arm's doing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from optimizer.decide.case import Option, Proposal
from optimizer.decide.impact import impact
from optimizer.decisions import Alternative, OptimizationStrategy
from optimizer.findings import Severity
from optimizer.settings import RiskProfile

if TYPE_CHECKING:
    from collections.abc import Iterator

    from optimizer.decide.case import Case
    from optimizer.findings import OpenFinding
    from optimizer.models import Arm

LATENCY_RULES = ("latency_threshold", "latency_increase")
COST_RULES = ("daily_budget", "cost_per_request", "cost_increase")
PRIORITIES = {
    "error_rate": 1,
    "latency_threshold": 2,
    "latency_increase": 2,
    "daily_budget": 3,
    "cost_per_request": 3,
    "cost_increase": 3,
}
# Source: the contract's risk profiles, smallest improvement worth a change.
LEAST_IMPROVEMENT = {
    RiskProfile.CONSERVATIVE: 0.15,
    RiskProfile.BALANCED: 0.10,
    RiskProfile.AGGRESSIVE: 0.05,
}
NEAR = 1.05  # arms within 5 % of the best are as good as it: preference decides


class Thresholds:
    """Proposes the arm that a table of rules and preferences points to."""

    name = "thresholds"

    def propose(self, case: Case) -> tuple[Proposal, ...]:
        """Say what to do about each open finding of a rule in the table."""
        return tuple(self._proposals(case)) if case.candidates else ()

    def _proposals(self, case: Case) -> Iterator[Proposal]:
        for rule, priority in PRIORITIES.items():
            finding = case.finding(rule)
            if finding is None or not _is_due(case, finding):
                continue
            ranked, rejected = _weighed(case, rule)
            if ranked:
                yield Proposal(
                    strategy=OptimizationStrategy.THRESHOLD_BASED,
                    finding=finding,
                    priority=priority,
                    problem=_problem(finding),
                    options=tuple(_option(case, arm, figure) for arm, figure in ranked),
                    rejected=rejected,
                )


def _is_due(case: Case, finding: OpenFinding) -> bool:
    if finding.rule in COST_RULES:
        interval = case.settings.service.optimization_interval_secs
        return int(case.at.timestamp()) % interval == 0
    return finding.rule != "latency_increase" or finding.severity.rank >= Severity.ERROR.rank


Ranked = list[tuple["Arm", str]]


def _weighed(case: Case, rule: str) -> tuple[Ranked, tuple[Alternative, ...]]:
    """Rank the candidates that would serve, best first, and say why the others would not."""
    if rule in COST_RULES:
        cost_now = case.current_cost_usd()
        return _by_cost(case, cost_now) if cost_now is not None else ([], ())
    if rule in LATENCY_RULES:
        p95_now = case.current_p95_ms()
        return _by_latency(case, p95_now) if p95_now is not None else ([], ())
    ranked, rejected = _by_latency(case, None)
    if ranked:
        return ranked, rejected
    return _by_cost(case, None)


def _by_latency(case: Case, current_ms: float | None) -> tuple[Ranked, tuple[Alternative, ...]]:
    figures = {arm.id: case.p95_ms(arm) for arm in case.candidates}
    return _ranked(case, figures, current_ms, "p95 latency", "ms")


def _by_cost(case: Case, current_usd: float | None) -> tuple[Ranked, tuple[Alternative, ...]]:
    figures = {arm.id: case.listed_cost_usd(arm) for arm in case.candidates}
    return _ranked(case, figures, current_usd, "listed price a call", "USD")


def _ranked(
    case: Case,
    figures: dict[str, float | None],
    current: float | None,
    measure: str,
    unit: str,
) -> tuple[Ranked, tuple[Alternative, ...]]:
    """Rank by a figure of which less is better; None for `current` asks no improvement."""
    least = LEAST_IMPROVEMENT[case.settings.decisions.risk_profile]
    fitting: list[tuple[float, Arm]] = []
    rejected = []
    for arm in case.candidates:
        value = figures[arm.id]
        if case.is_in_error(arm.id):
            rejected.append(Alternative(arm=arm.id, reason="fails too often itself"))
        elif value is None:
            rejected.append(Alternative(arm=arm.id, reason=f"{measure} not known"))
        elif current is not None and value > current * (1 - least):
            reason = f"{measure} {value:.4g} {unit} is not {least:.0%} below {current:.4g} {unit}"
            rejected.append(Alternative(arm=arm.id, reason=reason))
        else:
            fitting.append((value, arm))
    ranked = [
        (arm, f"{measure} {value:.4g} {unit}" + _against(current, unit))
        for value, arm in _preferred_first(case, fitting)
    ]
    return ranked, tuple(rejected)


def _against(current: float | None, unit: str) -> str:
    return "" if current is None else f", now {current:.4g} {unit}"


def _preferred_first(case: Case, fitting: list[tuple[float, Arm]]) -> list[tuple[float, Arm]]:
    """Sort by the figure; among those as good as the best, a preferred arm comes first."""
    best = min((value for value, _ in fitting), default=0.0)
    return sorted(
        fitting,
        key=lambda one: (
            (0, not case.prefers(one[1])) if one[0] <= best * NEAR else (1, False),
            one[0],
            one[1].id,
        ),
    )


def _option(case: Case, arm: Arm, figure: str) -> Option:
    served = case.recorded(arm.id)
    source = f"{served.profile.calls} calls recorded here" if served else "not yet seen here"
    return Option(arm=arm, impact=impact(case, arm), why=f"{figure} ({source})")


def _problem(finding: OpenFinding) -> str:
    return (
        f"{finding.rule} since {finding.since:%Y-%m-%d %H:%M} UTC:"
        f" {finding.value:.4g} {finding.unit} against {finding.reference:.4g} {finding.unit}"
    )
