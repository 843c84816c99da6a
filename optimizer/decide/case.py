"""What a strategy is asked, and what it may answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from optimizer.decide.costing import Mix, cost_usd
from optimizer.windows import RECORDED_CALLS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from optimizer.decisions import Alternative, ExpectedImpact, OptimizationStrategy
    from optimizer.findings import OpenFinding
    from optimizer.models import Arm, ModelPerformanceProfile
    from optimizer.prices import Price
    from optimizer.settings import RouteSettings, Settings

RECORDED_SCORES = 30
CURRENT_CALLS = 20
ROUTE_WIDE = {"daily_budget"}  # rules of findings that name no arm


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """What an arm did on this route in the last hour.

    Attributes:
        profile: Its record.
        mix: Tokens of its mean call.
        calls_per_hour: How many it served.
        cost_usd: Of its mean priced call; None when none was priced.
        latency_log_sd: Of log latency, over calls.
        scores: How many it was given.
        score_sd: Their standard deviation.
        current_p95_ms: Its p95 in the newest five minutes; None with too few calls in them.
        current_calls: Successful calls in those.
    """

    profile: ModelPerformanceProfile
    mix: Mix
    calls_per_hour: float
    cost_usd: float | None
    latency_log_sd: float
    scores: int
    score_sd: float
    current_p95_ms: float | None = None
    current_calls: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A route with open findings, at a tick.

    Attributes:
        at: The tick, aware UTC.
        route: Its settings.
        settings: All settings.
        incumbent: Id of the arm in force.
        served: What each arm did lately, by id; arms that served nothing are not in it.
        findings: What is open.
        prices: Gives a model's price history, by model and provider.
        alerts: Alerts of other systems that hold, each `source:id`.
        resting: Arms that are not to be tried now: undone lately, or their models are gone.
    """

    at: datetime
    route: RouteSettings
    settings: Settings
    incumbent: str
    served: Mapping[str, Served]
    findings: tuple[OpenFinding, ...]
    prices: Callable[[str, str], tuple[Price, ...]]
    alerts: tuple[str, ...] = ()
    resting: frozenset[str] = frozenset()

    @property
    def candidates(self) -> tuple[Arm, ...]:
        """Arms the route lists, other than the one in force."""
        return tuple(arm for arm in self._listed.values() if arm.id != self.incumbent)

    @property
    def incumbent_arm(self) -> Arm | None:
        """The arm in force as listed; None when the route does not list it."""
        return self._listed.get(self.incumbent)

    @property
    def _listed(self) -> dict[str, Arm]:
        first = (self.route.incumbent,) if self.route.incumbent else ()
        return {arm.id: arm for arm in (*first, *self.route.candidates)}

    def finding(self, rule: str) -> OpenFinding | None:
        """Give the open finding of a rule on the arm in force, or on the route as a whole."""
        arm = "" if rule in ROUTE_WIDE else self.incumbent
        return next((one for one in self.findings if (one.rule, one.arm) == (rule, arm)), None)

    def prefers(self, arm: Arm) -> bool:
        """Tell whether the settings prefer an arm's model or provider."""
        wishes = self.settings.constraints
        return (
            arm.config.model in wishes.preferred_models
            or provider_of(arm) in wishes.preferred_providers
        )

    def is_in_error(self, arm: str) -> bool:
        """Tell whether an arm fails too often now."""
        return any(one.rule == "error_rate" and one.arm == arm for one in self.findings)

    def recorded(self, arm: str) -> Served | None:
        """Give what an arm did lately, when it did enough to go by and is not failing."""
        served = self.served.get(arm)
        enough = served is not None and served.profile.calls >= RECORDED_CALLS
        return served if enough and not self.is_in_error(arm) else None

    def p95_ms(self, arm: Arm) -> float | None:
        """Give an arm's p95: as recorded, the newer of two if worse, else as declared."""
        served = self.recorded(arm.id)
        if served is None or served.profile.p95_latency_ms is None:
            return arm.latency_p95_ms
        return max(served.profile.p95_latency_ms, served.current_p95_ms or 0.0)

    def current_p95_ms(self) -> float | None:
        """Give the p95 of the arm in force: as it is now, as recorded, else as declared."""
        arm, served = self.incumbent_arm, self.served.get(self.incumbent)
        declared = arm.latency_p95_ms if arm else None
        if served is None:
            return declared
        return served.current_p95_ms or served.profile.p95_latency_ms or declared

    def listed_cost_usd(self, arm: Arm) -> float | None:
        """Give the listed price of the incumbent's mean call on an arm; None when not known."""
        served = self.served.get(self.incumbent)
        if served is None:
            return None
        return cost_usd(self.prices(arm.config.model, provider_of(arm)), served.mix, self.at)

    def current_cost_usd(self) -> float | None:
        """Give what the incumbent's mean call costs: as listed, else as recorded."""
        arm = self.incumbent_arm
        listed = self.listed_cost_usd(arm) if arm else None
        served = self.served.get(self.incumbent)
        return listed if listed is not None or served is None else served.cost_usd


def provider_of(arm: Arm) -> str:
    """Name who serves an arm: its `provider` parameter, else what stands before the model's `/`."""
    told = arm.config.extra_params.get("provider")
    if isinstance(told, str):
        return told
    provider, slash, _ = arm.config.model.partition("/")
    return provider if slash else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One arm that would serve, and what it should bring.

    Attributes:
        arm: The arm.
        impact: What it should bring.
        why: Its figures in plain words.
    """

    arm: Arm
    impact: ExpectedImpact
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """What a strategy would do about a finding.

    Attributes:
        strategy: Who proposes.
        finding: The finding.
        priority: 1 the most important; a lesser one does not displace a greater that still holds.
        problem: What is wrong, in plain words.
        options: Arms that would serve, best first, at least one.
        rejected: Arms that would not.
    """

    strategy: OptimizationStrategy
    finding: OpenFinding
    priority: int
    problem: str
    options: tuple[Option, ...]
    rejected: tuple[Alternative, ...]


class Strategy(Protocol):
    """Proposes changes; a new one is a new file and a line in `decide/__init__.py`."""

    name: str

    def propose(self, case: Case) -> tuple[Proposal, ...]:
        """Say what to do about the findings, the most important first; empty for nothing."""
