"""The actor: what is done to a route, and by whose leave; holds no state of any route."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from optimizer.act.acting import call_back, found, move, revert, started
from optimizer.act.breaches import breach
from optimizer.act.desired import arm_in
from optimizer.act.reports import hear
from optimizer.decide.autonomy import autonomy_of, limit_of, most_autonomy, reaches
from optimizer.decide.drafting import changes_between
from optimizer.decide.orders import InForce, obey
from optimizer.events import Report, nanoseconds
from optimizer.settings import Autonomy
from optimizer.starting import Missing, may_start, rollout_of, start_of, waiting
from optimizer.summaries import instant

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from optimizer.act.acting import Acting
    from optimizer.decide.docket import Docket
    from optimizer.decisions import OptimizationDecision
    from optimizer.documents import Document
    from optimizer.events import FeedbackEvent
    from optimizer.findings import Finding
    from optimizer.rollouts import RolloutProgress, Tick
    from optimizer.route_state import RouteState
    from optimizer.settings import RouteSettings, Settings

    Output = Finding | OptimizationDecision | Document | RolloutProgress
    Outputs = tuple[Output, ...]


class Actor:
    """Carries decisions, orders and reports out.

    Args:
        settings: The settings in force.
        route: Gives a route's settings.
    """

    def __init__(self, settings: Settings, route: Callable[[str], RouteSettings]) -> None:
        self._settings = settings
        self._route = route

    def tick(self, state: RouteState, tick: Tick) -> tuple[RouteState, Outputs]:
        """Take a route through ten seconds: orders and reports first, then what is in progress."""
        said: list[Output] = []
        for event in tick.events:
            state, answers = self._hear(state, event, tick)
            said += answers
        state, undone = _undo(state, tick.end_ns)
        held = not state.docket.is_open
        acting, moved = move(state.acting, tick, widens=self._widens(state), held=held)
        state, done = self.act(replace(state, acting=acting), tick.route, tick.end_ns)
        return state, (*said, *undone, *moved, *done)

    def _hear(
        self, state: RouteState, event: FeedbackEvent, tick: Tick
    ) -> tuple[RouteState, Outputs]:
        """Take an order or a report."""
        if isinstance(event.data, Report):
            is_pinned = state.docket.pinned
            acting, said = hear(state.acting, event.data, tick.end_ns, is_pinned=is_pinned)
            lost = set(acting.gone) - set(state.acting.gone)
            docket = state.docket
            if docket.pending and docket.pending.candidate in lost:  # not what was approved
                docket = replace(docket, approved="")
            return replace(state, docket=docket, acting=acting), tuple(said)
        at, in_force = instant(tick.end_ns), _in_force(state.acting, tick.route)
        docket, answers = obey(state.docket, event, at, self._settings, in_force)
        return replace(state, docket=docket), answers

    def _widens(self, state: RouteState) -> bool:
        """Tell whether a rollout may go on; without that it may only be undone."""
        rollout = state.acting.rollout
        if rollout is None or not state.docket.is_open:
            return False
        return reaches(autonomy_of(rollout.decision, self._settings), Autonomy.APPROVE)

    def act(self, state: RouteState, route: str, at_ns: int) -> tuple[RouteState, Outputs]:
        """Write the route's first document, and begin what may begin."""
        docket = state.docket
        acting, said = self._found(state.acting, route, at_ns)
        if may_start(docket, self._settings) and acting.is_at_rest:
            docket, acting, begun = self._start(docket, replace(state, acting=acting), route, at_ns)
            said += begun
        return replace(state, docket=docket, acting=acting), said

    def _found(self, acting: Acting, route: str, at_ns: int) -> tuple[Acting, Outputs]:
        """Write the first document of a route that may be acted on."""
        listed = self._route(route)
        arm = listed.incumbent if listed.candidates else None
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
        if docket.approved:  # after it was reported gone: a person knows that its model is back
            gone = tuple(arm for arm in acting.gone if arm != decision.candidate)
            acting = replace(acting, gone=gone)
        start = start_of(acting, decision, self._route(route), state.records, self._settings)
        if isinstance(start, Missing):
            approved = docket.approved if start.comes else ""
            told = f"{decision.id}: {start.told}"
            is_told = acting.waits == told and docket.approved == approved
            wait = waiting(decision, start, instant(at_ns), approved=bool(approved))
            docket = replace(docket, approved=approved)
            return docket, replace(acting, waits=told), () if is_told else (wait,)
        rollout, said = rollout_of(start, acting, self._settings, at_ns)
        docket = replace(docket, pending=None, priority=0, approved="")
        excused = {one.rule for one in state.findings.open if one.arm == decision.incumbent}
        excused.add(decision.rule)
        return docket, started(acting, rollout, tuple(sorted(excused))), tuple(said)

    def guard(self, state: RouteState, route: str, at: datetime) -> tuple[RouteState, Outputs]:
        """Undo what was promoted lately and breaks a limit since."""
        finding = breach(state.acting, state.findings.open, at)
        if finding is None or state.docket.pinned or not self._guards(state.acting):
            return state, ()
        why = f"{finding.rule} of {finding.arm} since it was promoted"
        evidence = (finding.id_on(route),)
        acting, said = revert(state.acting, nanoseconds(at), finding.rule, why, evidence)
        return replace(state, acting=acting), tuple(said)

    def _guards(self, acting: Acting) -> bool:
        """Tell whether the change that was promoted may be undone without asking."""
        old, new = (arm_in(one, one.incumbent) for one in acting.known_good[-2:])
        changes = (change.parameter for change in changes_between(old, new))
        return reaches(limit_of(changes, self._settings).level, Autonomy.GUARD)


def _in_force(acting: Acting, route: str) -> InForce:
    """Give what an order to a route can be about."""
    rollout, is_changed = acting.rollout, acting.is_at_rest and acting.is_promoted
    return InForce(
        route,
        acting.revision,
        rollout.decision.id if rollout else "",
        acting.known_good[-1].decision_id if is_changed else "",
    )


def _undo(state: RouteState, at_ns: int) -> tuple[RouteState, Outputs]:
    """Undo what an order wants undone: the rollout, or else what was promoted last."""
    docket, acting = state.docket, state.acting
    if not docket.undo:
        return state, ()
    said: Sequence[Output] = ()
    if acting.rollout is not None:
        acting, said = call_back(acting, at_ns, docket.undo)
    elif acting.is_at_rest:
        acting, said = revert(acting, at_ns, "order", docket.undo)
    return replace(state, docket=replace(docket, undo=""), acting=acting), tuple(said)
