"""The rooms joined for one route: `step(state, observation) -> (state, outputs)`."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from optimizer.act.acting import Acting, call_back, found, hear, move, revert, started
from optimizer.act.breaches import breach
from optimizer.decide import STRATEGIES
from optimizer.decide.autonomy import autonomy_of, most_autonomy, reaches
from optimizer.decide.case import CURRENT_CALLS, Case, Served
from optimizer.decide.coordinator import consider, obey
from optimizer.decide.costing import Mix
from optimizer.decide.docket import Docket, expire, forget
from optimizer.events import Report, nanoseconds
from optimizer.findings import Finding
from optimizer.orient import ANALYZERS
from optimizer.orient.alerts import Standing, standing
from optimizer.orient.pooling import pooled
from optimizer.orient.records import Record, busiest, is_gone, profile, record
from optimizer.orient.signs import Memory, Scene
from optimizer.orient.watch import Watched, follow
from optimizer.settings import Autonomy
from optimizer.starting import may_start, rollout_of, start_of, waiting, what_is_missing
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
        acting: What is done to it: its document, its rollout.
        alerts: Alerts of other systems that hold.
    """

    records: dict[str, Record] = field(default_factory=dict)
    memories: dict[str, Memory] = field(default_factory=dict)
    findings: Watched = field(default_factory=Watched)
    docket: Docket = field(default_factory=Docket)
    acting: Acting = field(default_factory=Acting)
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
            state, said = replace(state, docket=docket), (*said, *decided)
        if observation.route not in self._controlled:
            return state, said
        state, undone = self._guard(state, observation)
        state, done = self._act(state, observation.route, nanoseconds(observation.at))
        return state, (*said, *undone, *done)

    def _guard(self, state: RouteState, observation: Observation) -> tuple[RouteState, Outputs]:
        """Undo what was promoted lately and breaks a limit since."""
        found = breach(state.acting, state.findings.open, observation.at)
        may = reaches(most_autonomy(self._settings), Autonomy.GUARD) and not state.docket.pinned
        if found is None or not may:
            return state, ()
        why = f"{found.rule} of {found.arm} since it was promoted"
        evidence = (found.id_on(observation.route),)
        at_ns = nanoseconds(observation.at)
        acting, said = revert(state.acting, at_ns, found.rule, why, evidence)
        return replace(state, acting=acting), tuple(said)

    def tick(self, state: RouteState | None, tick: Tick) -> tuple[RouteState, Outputs]:
        """Take a route through ten seconds: obey orders, and go on with what is being done.

        Args:
            state: What the step before gave; None for a new route.
            tick: What there is; later than the tick before.

        Returns:
            The state to keep, and what there is to say.
        """
        state = state or RouteState()
        said: list[Output] = []
        for event in tick.events:
            state, answers = self._hear(state, event, tick)
            said += answers
        acting, moved = move(state.acting, tick, widens=self._widens(state))
        state, done = self._act(replace(state, acting=acting), tick.route, tick.end_ns)
        return state, (*said, *moved, *done)

    def _hear(
        self, state: RouteState, event: FeedbackEvent, tick: Tick
    ) -> tuple[RouteState, Outputs]:
        """Take an order or a report."""
        if isinstance(event.data, Report):
            acting, said = hear(state.acting, event.data, tick.end_ns)
            return replace(state, acting=acting), tuple(said)
        docket, answers = obey(state.docket, event, instant(tick.end_ns), state.acting.revision)
        return replace(state, docket=docket), answers

    def _widens(self, state: RouteState) -> bool:
        """Tell whether a rollout may go on; without that it may only be undone."""
        rollout = state.acting.rollout
        if rollout is None or not state.docket.is_open:
            return False
        return reaches(autonomy_of(rollout.decision, self._settings), Autonomy.APPROVE)

    def _act(self, state: RouteState, route: str, at_ns: int) -> tuple[RouteState, Outputs]:
        """Undo what shall be undone, begin what may begin."""
        said: list[Output] = []
        docket, acting = state.docket, state.acting
        if docket.undo:
            undone = call_back if acting.rollout else partial(revert, rule="order")
            acting, said = undone(acting, at_ns, why=docket.undo)
            docket = replace(docket, undo="")
        acting, founded = self._found(acting, route, at_ns)
        if may_start(docket, self._settings) and acting.is_at_rest:
            docket, acting, begun = self._start(docket, replace(state, acting=acting), route, at_ns)
            founded += begun
        return replace(state, docket=docket, acting=acting), (*said, *founded)

    def _found(self, acting: Acting, route: str, at_ns: int) -> tuple[Acting, Outputs]:
        """Write the first document of a route that may be acted on."""
        arm = self._route(route).incumbent
        may_act = reaches(most_autonomy(self._settings), Autonomy.APPROVE)
        if acting.document is not None or arm is None or not may_act:
            return acting, ()
        unit = self._settings.rollout.unit
        acting, document = found(acting, route, arm, instant(at_ns), unit)
        return acting, (document,)

    def _start(
        self, docket: Docket, state: RouteState, route: str, at_ns: int
    ) -> tuple[Docket, Acting, Outputs]:
        """Begin the rollout of the pending decision, or say once what it waits for."""
        acting, decision = state.acting, docket.pending
        if decision is None:
            return docket, acting, ()
        start = start_of(acting, decision, self._route(route), state.records)
        missing = start if isinstance(start, str) else what_is_missing(start, self._settings)
        if isinstance(start, str) or missing:
            told = f"{decision.id}: {missing}"
            waits = () if acting.waits == told else (waiting(decision, missing, instant(at_ns)),)
            return replace(docket, approved=""), replace(acting, waits=told), waits
        rollout, said = rollout_of(start, acting, self._settings, at_ns)
        docket = replace(docket, pending=None, priority=0, approved="")
        return docket, started(acting, rollout), tuple(said)

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
        watches = self._settings.autonomy is Autonomy.OBSERVE
        may_decide = not watches and docket.is_open and state.acting.is_at_rest
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
    return not state.acting.is_at_rest


def is_blank(state: RouteState) -> bool:
    """Tell whether nothing is remembered, so that the route may as well be new."""
    if state.records or state.alerts or state.findings != Watched() or state.docket != Docket():
        return False
    if state.acting != Acting():
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
