"""The rooms joined for one route: `step(state, observation) -> (state, outputs)`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from optimizer.act.acting import resting
from optimizer.actor import Actor
from optimizer.decide import STRATEGIES
from optimizer.decide.autonomy import most_autonomy, reaches
from optimizer.decide.case import CURRENT_CALLS, Case, Served
from optimizer.decide.coordinator import consider
from optimizer.decide.costing import Mix
from optimizer.decide.docket import Docket, expire, forget
from optimizer.events import nanoseconds
from optimizer.findings import Finding
from optimizer.orient import ANALYZERS
from optimizer.orient.alerts import standing
from optimizer.orient.pooling import pooled
from optimizer.orient.records import Record, busiest, is_gone, profile, record
from optimizer.orient.signs import Memory, Scene
from optimizer.orient.watch import follow
from optimizer.route_state import RouteState
from optimizer.settings import Autonomy
from optimizer.windows import WindowKind

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from optimizer.decide.case import Strategy
    from optimizer.decisions import OptimizationDecision
    from optimizer.documents import Document
    from optimizer.events import FeedbackEvent
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
        self._actor = Actor(settings, self._route)
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
        state, undone = self._actor.guard(state, observation.route, observation.at)
        said = (*said, *undone)
        if state.docket.pending or state.findings.open:
            docket, decided = self._decide(state, scene, observation)
            state, said = replace(state, docket=docket), (*said, *decided)
        if observation.route not in self._controlled:
            return state, said
        state, done = self._actor.act(state, observation.route, nanoseconds(observation.at))
        return state, (*said, *done)

    def tick(self, state: RouteState | None, tick: Tick) -> tuple[RouteState, Outputs]:
        """Take a route through ten seconds: obey orders, and go on with what is being done.

        Args:
            state: What the step before gave; None for a new route.
            tick: What there is; later than the tick before.

        Returns:
            The state to keep, and what there is to say.
        """
        return self._actor.tick(state or RouteState(), tick)

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
        proposes = reaches(most_autonomy(self._settings), Autonomy.RECOMMEND)
        may_decide = proposes and docket.is_open and state.acting.is_at_rest
        if state.findings.open and may_decide:
            case = self._case(state, scene, observation.route)
            docket, decisions = consider(docket, case, self._strategies)
            said += decisions
        return docket, tuple(said)

    def _case(self, state: RouteState, scene: Scene, route: str) -> Case:
        settings = self._route(route)
        lately = {arm: one for arm, one in state.records.items() if not is_gone(one, scene.minute)}
        listed = settings.incumbent.id if settings.incumbent else ""
        in_force = state.acting.document.incumbent if state.acting.document else ""
        return Case(
            at=scene.at,
            route=settings,
            settings=self._settings,
            incumbent=in_force or listed or busiest(lately.items()),
            served=_served(lately, scene),
            findings=state.findings.open,
            alerts=tuple(f"{one.source}:{one.id}" for one in state.alerts),
            prices=self._history,
            resting=resting(state.acting, scene.at, self._settings.rollout.retry_secs),
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
