"""The section `strategies`: thresholds, experiments, learning, weights; names of the contract."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from optimizer.settings.kinds import Choice, Number
from optimizer.settings.knobs import knob

ABOVE_ZERO = Number(above=0)
SHARE = Number(least=0, most=1)
PERCENT_OF_A_WHOLE = Number(least=0, most=100)
WEIGHT = Number(least=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """When a route's numbers become a finding."""

    latency_p95_ms: float = field(
        default=5000.0,
        metadata=knob(
            "95th percentile of latency above which a route is slow", ABOVE_ZERO, unit="ms"
        ),
    )
    latency_increase_pct: float = field(
        default=20.0,
        metadata=knob("Rise of latency over its baseline that counts", ABOVE_ZERO, unit="%"),
    )
    error_rate_pct: float = field(
        default=5.0,
        metadata=knob(
            "Share of failed calls above which a route is unreliable", PERCENT_OF_A_WHOLE, unit="%"
        ),
    )
    cost_per_request: float = field(
        default=0.10,
        metadata=knob(
            "Mean cost of a call above which a route is expensive", ABOVE_ZERO, unit="USD"
        ),
    )
    daily_budget: float = field(
        default=1000.0,
        metadata=knob(
            "Spend of a day above which a route is over its budget", ABOVE_ZERO, unit="USD"
        ),
    )
    cost_increase_pct: float = field(
        default=50.0,
        metadata=knob(
            "Rise of the cost of a call over its baseline that counts", ABOVE_ZERO, unit="%"
        ),
    )
    quality_score_min: float = field(
        default=0.7,
        metadata=knob("Mean score below which a route's answers are poor", SHARE, unit="score"),
    )
    quality_drop_pct: float = field(
        default=10.0,
        metadata=knob(
            "Fall of the mean score below its baseline that counts", PERCENT_OF_A_WHOLE, unit="%"
        ),
    )
    psi_threshold: float = field(
        default=0.1,
        metadata=knob(
            "Population stability index above which inputs have drifted", ABOVE_ZERO, later=True
        ),
    )
    ks_test_p_value: float = field(
        default=0.05,
        metadata=knob(
            "p-value below which a distribution has drifted", Number(above=0, below=1), later=True
        ),
    )


class TrafficAllocationStrategy(StrEnum):
    """How an experiment deals out traffic."""

    FIXED = "fixed"
    THOMPSON_SAMPLING = "thompson_sampling"
    EPSILON_GREEDY = "epsilon_greedy"


@dataclass(frozen=True, slots=True, kw_only=True)
class ABTestConfig:
    """How experiments run."""

    min_sample_size: int = field(
        default=1000,
        metadata=knob("Fewest calls of each variant", Number(least=1, whole=True), later=True),
    )
    significance_level: float = field(
        default=0.05,
        metadata=knob("Accepted rate of false alarms", Number(above=0, below=1), later=True),
    )
    max_duration_seconds: int = field(
        default=604_800,
        metadata=knob(
            "Longest an experiment runs", Number(least=1, whole=True), unit="s", later=True
        ),
    )
    allocation_strategy: TrafficAllocationStrategy = field(
        default=TrafficAllocationStrategy.THOMPSON_SAMPLING,
        metadata=knob("How traffic is dealt out", Choice(TrafficAllocationStrategy), later=True),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class RewardWeights:
    """What a reward is made of."""

    quality: float = field(default=0.6, metadata=knob("Weight of quality", WEIGHT, later=True))
    cost: float = field(default=0.3, metadata=knob("Weight of cost", WEIGHT, later=True))
    latency: float = field(default=0.1, metadata=knob("Weight of latency", WEIGHT, later=True))
    feedback: float = field(
        default=0.0, metadata=knob("Weight of user feedback", WEIGHT, later=True)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class RLConfig:
    """How the bandit learns."""

    learning_rate: float = field(
        default=0.1, metadata=knob("Step of an update", Number(above=0, most=1), later=True)
    )
    exploration_rate: float = field(
        default=0.1, metadata=knob("Share of calls that explore", SHARE, later=True)
    )
    discount_factor: float = field(
        default=0.95, metadata=knob("Worth of a later reward", SHARE, later=True)
    )
    reward_weights: RewardWeights = field(default_factory=RewardWeights)


class OptimizationMode(StrEnum):
    """What is weighed how: quality, cost, latency."""

    COST_OPTIMIZED = "cost_optimized"
    BALANCED = "balanced"
    QUALITY_OPTIMIZED = "quality_optimized"
    CUSTOM = "custom"


@dataclass(frozen=True, slots=True, kw_only=True)
class CostPerformanceConfig:
    """What a better configuration is."""

    mode: OptimizationMode = field(
        default=OptimizationMode.BALANCED,
        metadata=knob("What is weighed how", Choice(OptimizationMode), later=True),
    )
    quality_weight: float = field(
        default=0.5, metadata=knob("Weight of quality in mode custom", WEIGHT, later=True)
    )
    cost_weight: float = field(
        default=0.3, metadata=knob("Weight of cost in mode custom", WEIGHT, later=True)
    )
    latency_weight: float = field(
        default=0.2, metadata=knob("Weight of latency in mode custom", WEIGHT, later=True)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class StrategyConfig:
    """How findings and decisions come about."""

    thresholds: Thresholds = field(default_factory=Thresholds)
    ab_testing: ABTestConfig = field(default_factory=ABTestConfig)
    rl: RLConfig = field(default_factory=RLConfig)
    cost_performance: CostPerformanceConfig = field(default_factory=CostPerformanceConfig)
