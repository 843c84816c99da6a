"""A route whose traffic follows its documents, from the controller's side."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import msgspec

from optimizer.controller import Controller
from optimizer.decide.docket import Docket
from optimizer.decisions import DecisionStatus, OptimizationDecision
from optimizer.documents import Document
from optimizer.findings import Finding
from optimizer.panes import MINUTE_NS
from optimizer.route_state import RouteState
from optimizer.settings import Settings, validate
from optimizer.summaries import instant
from tests.builders import ROUTE, PriceList, a_decision, a_summary, an_arm, an_observation
from tests.rollout_traffic import Behaviour, Traffic

if TYPE_CHECKING:
    from datetime import datetime

    from optimizer.events import FeedbackEvent
    from optimizer.windows import WindowSummary

OLD, NEW = an_arm("gpt-4o"), an_arm("gpt-4o", temperature=0.1)
PENDING = a_decision(incumbent=OLD.id, candidate=NEW.id)
GIVEN: dict[str, Any] = {
    "autonomy": "auto",
    "stamps": {"check": "required", "key": "x" * 20},
    "rollout": {"require_quality": False, "least_step_secs": 60, "cooling_secs": 300},
    "routes": [
        {
            "route": ROUTE,
            "incumbent": {"model": "gpt-4o"},
            "candidates": [{"model": "gpt-4o", "temperature": 0.1}],
        }
    ],
}


def given(autonomy: str = "auto", **rollout: Any) -> Settings:
    """Settings of the route, with changes of the section `rollout`."""
    return validate(GIVEN | {"autonomy": autonomy, "rollout": GIVEN["rollout"] | rollout})


class Life:
    """A route whose traffic follows its documents, and all that is said of it."""

    def __init__(
        self,
        settings: Settings,
        candidate: Behaviour | None = None,
        pending: OptimizationDecision = PENDING,
        kind: type[Traffic] = Traffic,
        **traffic: Any,
    ) -> None:
        arms = {OLD.id: Behaviour(), NEW.id: candidate or Behaviour()}
        self.traffic = kind(arms, OLD.id, **traffic)
        self.controller = Controller(settings, PriceList())
        self.state, self.said = RouteState(), list[Any]()
        self.scores = 0  # of the incumbent, in five minutes
        self.minutes(3)
        self.state = replace(self.state, docket=Docket(pending=pending))

    def minutes(self, count: float, *events: FeedbackEvent, stored: bool = False) -> list[Any]:
        """Let minutes go by, the events in the first ten seconds; give what is said."""
        before = len(self.said)
        for number in range(round(count * 6)):
            if stored:
                encoded = msgspec.msgpack.encode(self.state)
                self.state = msgspec.msgpack.decode(encoded, type=RouteState)
            tick = self.traffic.tick(*(events if number == 0 else ()))
            self.take(*self.controller.tick(self.state, tick))
            if tick.end_ns % MINUTE_NS == 0:
                at = instant(tick.end_ns)
                self.take(
                    *self.controller.step(self.state, an_observation(at, usual(at, self.scores)))
                )
        return self.said[before:]

    def take(self, state: RouteState, outputs: tuple[Any, ...]) -> None:
        """Keep what a step gave, and let gateways hear of its documents."""
        self.state = state
        self.said += outputs
        for output in outputs:
            if isinstance(output, Document):
                self.traffic.follow(output)

    def of(self, kind: type) -> list[Any]:
        """Give all of a kind that was said."""
        return [one for one in self.said if isinstance(one, kind)]

    @property
    def statuses(self) -> list[DecisionStatus]:
        """The statuses of decisions, in their order."""
        return [one.status for one in self.of(OptimizationDecision)]

    @property
    def shares(self) -> list[int]:
        """The candidate's slots in each document."""
        return [len(one.slots_of(NEW.id)) for one in self.of(Document)]

    @property
    def rules(self) -> list[str]:
        """The rules of all findings."""
        return [one.rule for one in self.of(Finding)]


def usual(at: datetime, scores: int) -> WindowSummary:
    """Five minutes of the incumbent as ever."""
    return a_summary(
        arm=OLD.id,
        end=at,
        calls=3000,
        errors=60,
        latency_slow=0,
        latency_p50_ms=800.0,
        latency_p95_ms=1545.0,
        latency_p99_ms=2030.0,
        scores=scores,
    )
