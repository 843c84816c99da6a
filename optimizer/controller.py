"""The rooms joined for one route: `step(state, observation) -> (state, outputs)`."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from optimizer.decide import STRATEGIES
from optimizer.decide.case import CURRENT_CALLS, Case, Served
from optimizer.decide.coordinator import consider, obey
from optimizer.decide.costing import Mix
from optimizer.decide.docket import Docket, expire, forget
from optimizer.findings import Finding
from optimizer.orient import ANALYZERS
from optimizer.orient.alerts import Standing, standing
from optimizer.orient.pooling import pooled
from optimizer.orient.records import Record, busiest, is_gone, profile, record
from optimizer.orient.signs import Memory, Scene
from optimizer.orient.watch import Watched, follow
from optimizer.settings import Autonomy
from optimizer.summaries import instant
from optimizer.windows import WindowKind

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from optimizer.decide.case import Strategy
    from optimizer.decisions import OptimizationDecision
    from optimizer.documents import Document
    from optimizer.events import FeedbackEvent
    from optimizer.models import ModelPerformanceProfile
    from optimizer.orient.signs import Analyzer, Sign
    from optimizer.prices import Price, PriceBook
    from optimizer.rollouts import RolloutProgress, Tick
    from optimizer.settings import RouteSettings, Settings
    from optimizer.windows import WindowSummary

    Output = Finding | OptimizationDecision | Document | RolloutProgress
    Outputs = tuple[Output, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What concerns a route at the end of a minute.

    Attributes:
        route: `tenant/service/route`.
        at: The end of the minute, aware UTC.
        summaries: Every window of the route that closed then; empty without traffic.
        alerts: What other systems noticed since then.
    """

    route: str
    at: datetime
    summaries: tuple[WindowSummary, ...] = ()
    alerts: tuple[FeedbackEvent, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteState:
    """All that is remembered of a route; plain values, so that it can be stored by type.

    Attributes:
        records: What each arm did lately.
        memories: What each analyzer remembers, by its name.
        findings: Findings that are open or were lately.
        docket: Its decisions.
        alerts: Alerts of other systems that hold.
    """

    records: dict[str, Record] = field(default_factory=dict)
    memories: dict[str, Memory] = field(default_factory=dict)
    findings: Watched = field(default_factory=Watched)
    docket: Docket = field(default_factory=Docket)
    alerts: tuple[Standing, ...] = ()


class Controller:
    """Finds what is wrong with routes and proposes what to do; holds no state of any route."""

    def __init__(
        self,
        settings: Settings,
        prices: PriceBook,
        orient: Sequence[Analyzer] = ANALYZERS,
        decide: Sequence[Strategy] = STRATEGIES,
    ) -> None:
        self._settings = settings
        self._prices = prices
        self._analyzers = tuple(orient)
        self._strategies = tuple(decide)
        self._controlled = frozenset(one.route for one in settings.routes if one.candidates)
        # Both only save asking again for what never changes.
        self._routes: dict[str, RouteSettings] = {}
        self._histories: dict[tuple[str, str], tuple[Price, ...]] = {}

    def step(
        self, state: RouteState | None, observation: Observation
    ) -> tuple[RouteState, Outputs]:
        """Take a route through one minute.

        Args:
            state: What the step before gave; None for a new route.
            observation: What concerns the route; later than the one before.

        Returns:
            The state to keep, and what there is to say: findings that opened, got worse or
            closed; decisions made or in a new status.
        """
        state = state or RouteState()
        expiry = timedelta(seconds=self._settings.sentinel.expiry_secs)
        alerts = standing(state.alerts, observation.alerts, observation.at, expiry)
        state = state if alerts is state.alerts else replace(state, alerts=alerts)
        scene = self._scene(state, observation)
        records = record(state.records, scene.windows, scene.minute)
        state, said = self._orient(replace(state, records=records), scene, observation.route)
        if state.docket.pending or state.findings.open:
            docket, decided = self._decide(state, scene, observation)
            return replace(state, docket=docket), (*said, *decided)
        return state, said

    def tick(self, state: RouteState | None, tick: Tick) -> tuple[RouteState, Outputs]:
        """Take a route through ten seconds: obey orders, and go on with what is being done.

        Args:
            state: What the step before gave; None for a new route.
            tick: What there is; later than the tick before.

        Returns:
            The state to keep, and what there is to say.
        """
        state = state or RouteState()
        at = instant(tick.end_ns)
        docket = state.docket
        said: list[Output] = []
        for event in tick.events:
            docket, answers = obey(docket, event, at)
            said += answers
        return replace(state, docket=docket), tuple(said)

    @property
    def controlled(self) -> frozenset[str]:
        """The routes that may ever be acted on: those that list what else could serve them."""
        return self._controlled

    def _scene(self, state: RouteState, observation: Observation) -> Scene:
        return Scene(
            at=observation.at,
            minute=int(observation.at.timestamp()) // 60,
            thresholds=self._route(observation.route).thresholds,
            windows=pooled(observation.summaries),
            open={(one.rule, one.arm): one for one in state.findings.open},
            alerts=state.alerts,
        )

    def _orient(self, state: RouteState, scene: Scene, route: str) -> tuple[RouteState, Outputs]:
        memories: dict[str, Memory] = {}
        signs: list[Sign] = []
        for analyzer in self._analyzers:
            memory = state.memories.get(analyzer.name) or Memory()
            memory, seen = analyzer.step(memory, scene)
            memories[analyzer.name] = _without_forgotten(memory, state.records)
            # Arms beyond those kept are counted in the route's traffic and spend, not judged.
            signs += [one for one in seen if not one.arm or one.arm in state.records]
        findings, said = follow(
            route,
            state.findings,
            signs,
            scene.at,
            lambda arm: is_gone(state.records.get(arm), scene.minute),
        )
        return replace(state, memories=memories, findings=findings), said

    def _decide(
        self, state: RouteState, scene: Scene, observation: Observation
    ) -> tuple[Docket, Outputs]:
        docket = forget(state.docket, scene.at, self._settings.decisions)
        said: list[Finding | OptimizationDecision] = []
        docket, expired = expire(docket, scene.at, self._settings.decisions)
        said += (expired,) if expired else ()
        may_decide = self._settings.autonomy is not Autonomy.OBSERVE and docket.is_open
        if state.findings.open and may_decide:
            case = self._case(state, scene, observation.route)
            docket, decisions = consider(docket, case, self._strategies)
            said += decisions
        return docket, tuple(said)

    def _case(self, state: RouteState, scene: Scene, route: str) -> Case:
        settings = self._route(route)
        lately = {arm: one for arm, one in state.records.items() if not is_gone(one, scene.minute)}
        listed = settings.incumbent.id if settings.incumbent else ""
        return Case(
            at=scene.at,
            route=settings,
            settings=self._settings,
            incumbent=listed or busiest(lately.items()),
            served=_served(lately, scene),
            findings=state.findings.open,
            alerts=tuple(f"{one.source}:{one.id}" for one in state.alerts),
            prices=self._history,
        )

    def _route(self, name: str) -> RouteSettings:
        if name not in self._routes:
            self._routes[name] = self._settings.route(name)
        return self._routes[name]

    def _history(self, model: str, provider: str) -> tuple[Price, ...]:
        key = (model, provider)
        if key not in self._histories:
            self._histories[key] = self._prices.history(model, provider)
        return self._histories[key]


def profiles(state: RouteState) -> tuple[ModelPerformanceProfile, ...]:
    """Give what telemetry recorded of each arm of a route, by arm."""
    return tuple(
        profile(arm, one, datetime.fromtimestamp(one.end * 60, UTC))
        for arm, one in sorted(state.records.items())
    )


def is_acted_on(state: RouteState) -> bool:
    """Tell whether every tick matters to a route, though nothing may have happened in it."""
    return bool(state.docket.undo)


def is_blank(state: RouteState) -> bool:
    """Tell whether nothing is remembered, so that the route may as well be new."""
    if state.records or state.alerts or state.findings != Watched() or state.docket != Docket():
        return False
    return all(memory == Memory() for memory in state.memories.values())


def _without_forgotten(memory: Memory, records: Mapping[str, Record]) -> Memory:
    if memory.baselines.keys() <= records.keys():
        return memory
    kept = {arm: one for arm, one in memory.baselines.items() if arm in records}
    return replace(memory, baselines=kept)


def _served(records: Mapping[str, Record], scene: Scene) -> dict[str, Served]:
    newest = scene.windows.get(WindowKind.SLIDING, {})
    return {arm: _one_served(arm, one, newest.get(arm)) for arm, one in records.items()}


def _one_served(arm: str, one: Record, newest: WindowSummary | None) -> Served:
    current_calls = newest.calls - newest.errors if newest else 0
    told = newest is not None and not newest.biased and not newest.metered
    enough = told and current_calls >= CURRENT_CALLS
    return Served(
        profile=profile(arm, one, datetime.fromtimestamp(one.end * 60, UTC)),
        mix=Mix(
            one.tokens_in / one.calls, one.tokens_out / one.calls, one.tokens_cached / one.calls
        ),
        calls_per_hour=60 * one.calls_a_minute,
        cost_usd=one.cost_usd / one.priced if one.priced else None,
        latency_log_sd=one.latency_log_sd,
        scores=one.scores,
        score_sd=one.score_sd,
        current_p95_ms=newest.latency_p95_ms if newest and enough else None,
        current_calls=current_calls,
    )
