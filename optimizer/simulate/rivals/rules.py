"""The numbers that rivals go by; the published ones are read from a file."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class FixedThresholdRules:
    """Step-ups while no figure of the candidate is beyond a fixed limit.

    Attributes:
        interval_mins: Minutes between two checks; each looks at what came since the one before.
        failed_checks: How many failed checks in all undo the rollout.
        step: Share of the traffic that a check passed adds.
        most: Share at which one more check passed promotes.
        errors: How much above the usual share of errors the limit is.
        latency: Ratio of the limit to the usual mean latency.
        cost: Ratio of the limit to the usual mean cost.
    """

    interval_mins: int
    failed_checks: int
    step: float
    most: float
    errors: float
    latency: float
    cost: float


@dataclass(frozen=True, slots=True, kw_only=True)
class MannWhitneyRules:
    """A judge that compares two series of minutes by their ranks.

    Attributes:
        run_mins: Minutes between two judgements.
        shares: The candidate's share in each run, one judgement a run.
        confidence: Level of the two-sided interval of the shift.
        tolerance: Part of the estimated shift that the interval's bound must exceed.
        allowed_increase: Ratio of the means that a metric must reach to fail.
        marginal: Score, 0 to 100, below which a run undoes the rollout.
        passing: Score that the last run must reach to promote.
    """

    run_mins: int
    shares: tuple[float, ...]
    confidence: float
    tolerance: float
    allowed_increase: float
    marginal: float
    passing: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RivalRules:
    """The numbers of every rival.

    Attributes:
        fixed_thresholds: Those of the step-ups.
        mann_whitney: Those of the rank judge.
    """

    fixed_thresholds: FixedThresholdRules
    mann_whitney: MannWhitneyRules
