"""All that is remembered of a route."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from optimizer.act.acting import Acting
from optimizer.decide.docket import Docket
from optimizer.orient.alerts import Standing
from optimizer.orient.records import Record, profile
from optimizer.orient.signs import Memory
from optimizer.orient.watch import Watched

if TYPE_CHECKING:
    from optimizer.models import ModelPerformanceProfile


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
