"""A played loop, told: what was decided when, and what came of it, route by route."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from optimizer.decisions import OptimizationDecision
from optimizer.documents import SLOTS
from optimizer.rollouts import RolloutProgress
from optimizer.simulate.incidents import EPOCH, Incident
from optimizer.simulate.ways import Way, ways

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from optimizer.simulate.contest import Rivalry
    from optimizer.simulate.hindsight import Hindsight
    from optimizer.simulate.steering import Steering
    from optimizer.simulate.worlds import World

VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ToldArm:
    """An arm of a route; the first one is the incumbent that the world begins with."""

    id: str
    name: str
    model: str
    provider: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ToldDocument:
    """A document: when it came out, from when on it was followed, and what it commanded."""

    revision: int
    at: datetime
    followed: datetime
    shares: Mapping[str, float]
    decision_id: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ToldLook:
    """Looks at a rollout that found the same, one after another."""

    decision_id: str
    since: datetime
    until: datetime
    candidate: str
    phase: str
    step: int
    share: float
    kind: str
    reason: str
    metric: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteReport:
    """What happened on a route.

    Attributes:
        route: `tenant/service/route`.
        arms: Its arms.
        incidents: What was done to it.
        decisions: Each status that a decision took, in order.
        documents: What was commanded.
        looks: What the evidence said.
        ways: What came of it: of the optimizer, of rivals, and of what hindsight would have
            done, on the same calls.
    """

    route: str
    arms: tuple[ToldArm, ...]
    incidents: tuple[Incident, ...]
    decisions: tuple[OptimizationDecision, ...]
    documents: tuple[ToldDocument, ...]
    looks: tuple[ToldLook, ...]
    ways: tuple[Way, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopReport:
    """A world whose traffic the optimizer steered.

    Attributes:
        world: Name of its file.
        seed: Of all that is random.
        start: Its first instant.
        end: First instant after it.
        routes: What happened, by route.
        version: Of this form.
    """

    world: str
    seed: int
    start: datetime
    end: datetime
    routes: tuple[RouteReport, ...]
    version: int = VERSION


def told_route(
    world: World,
    known: Hindsight,
    steering: Steering,
    said: Iterable[Any],
    rivalry: Rivalry,
) -> RouteReport:
    """Tell what happened on a route.

    Args:
        world: The world.
        known: What is known of the route afterwards.
        steering: Its documents, and who served its calls.
        said: What the job said, in order.
        rivalry: Who else tries the candidates.
    """
    route = known.drawn.route
    mine = [one for one in said if getattr(one, "route", "") == route.route]
    return RouteReport(
        route=route.route,
        arms=tuple(
            ToldArm(
                id=item.arm.id,
                name=item.name,
                model=item.arm.config.model,
                provider=item.provider,
            )
            for item in route.arms
        ),
        incidents=tuple(one for one in world.incidents if one.route == route.route),
        decisions=tuple(one for one in mine if isinstance(one, OptimizationDecision)),
        documents=tuple(_documents(steering)),
        looks=tuple(_looks(one for one in mine if isinstance(one, RolloutProgress))),
        ways=tuple(ways(known, steering, rivalry)),
    )


def _documents(steering: Steering) -> Iterable[ToldDocument]:
    followed = steering.effective_ns(steering.replicas).tolist()
    for document, out_ns, at_ns in zip(steering.documents, steering.out_ns, followed, strict=True):
        yield ToldDocument(
            revision=document.revision,
            at=_instant(out_ns),
            followed=_instant(at_ns),
            shares={one.arm: one.slots / SLOTS for one in document.allotments},
            decision_id=document.decision_id,
            reason=document.reason,
        )


def _looks(seen: Iterable[RolloutProgress]) -> Iterable[ToldLook]:
    """Fold looks that found the same into one; the newest tells the detail."""
    current: ToldLook | None = None
    for progress in seen:
        look = _look(progress)
        if current is not None and _is_same(current, look):
            current = replace(look, since=current.since)
            continue
        if current is not None:
            yield replace(current, until=look.since) if _goes_on(current, look) else current
        current = look
    if current is not None:
        yield current


def _look(progress: RolloutProgress) -> ToldLook:
    verdict = progress.verdict
    return ToldLook(
        decision_id=progress.decision_id,
        since=progress.at,
        until=progress.at,
        candidate=progress.candidate,
        phase=progress.phase,
        step=progress.step,
        share=progress.share,
        kind=verdict.kind,
        reason=verdict.reason,
        metric=verdict.metric,
        detail=verdict.detail,
    )


def _is_same(one: ToldLook, other: ToldLook) -> bool:
    same = ("decision_id", "phase", "step", "share", "kind", "reason", "metric")
    return all(getattr(one, name) == getattr(other, name) for name in same)


def _goes_on(one: ToldLook, other: ToldLook) -> bool:
    return one.decision_id == other.decision_id


def _instant(at_ns: int) -> datetime:
    return EPOCH + timedelta(microseconds=at_ns // 1000)
