"""Small worlds, valid by default; a test varies only what matters to it."""

from datetime import UTC, datetime, timedelta
from typing import Any

from optimizer.models import Arm, ModelConfig
from optimizer.simulate.arrivals import Rhythmic
from optimizer.simulate.incidents import Incident, IncidentKind
from optimizer.simulate.quantities import Judged, Lognormal
from optimizer.simulate.worlds import Scores, SimulatedArm, SimulatedRoute, World

ROUTE = "acme/chat/support"


def an_arm(model: str = "large", share: float = 1.0, **changes: Any) -> SimulatedArm:
    given = {
        "arm": Arm(config=ModelConfig(model=model)),
        "name": model,
        "share": share,
        "provider": "openai",
        "latency_ms": Lognormal(median=1000, sigma=0.5),
        "tokens_in": Lognormal(median=800, sigma=0.5),
        "tokens_out": Lognormal(median=200, sigma=0.4),
        "quality": Judged(mean=0.8, sd=0.2),
    }
    return SimulatedArm(**given | changes)


def a_route(route: str = ROUTE, **changes: Any) -> SimulatedRoute:
    given = {
        "route": route,
        "arms": (an_arm(),),
        "traffic": Rhythmic(calls_per_minute=60),
        "scores": Scores(share=0.5),
    }
    return SimulatedRoute(**given | changes)


def a_world(*routes: SimulatedRoute, **changes: Any) -> World:
    given = {
        "start": datetime(2026, 3, 2, tzinfo=UTC),
        "length": timedelta(hours=2),
        "routes": routes or (a_route(),),
    }
    return World(**given | changes)


def an_incident(kind: IncidentKind, **changes: Any) -> Incident:
    given = {
        "kind": kind,
        "route": ROUTE,
        "start": timedelta(minutes=60),
        "length": timedelta(minutes=20),
    }
    return Incident(**given | changes)
