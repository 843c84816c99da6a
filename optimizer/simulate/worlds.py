"""The nouns of a world: its routes, their arms, and how its telemetry travels."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Literal

from optimizer.documents import Unit
from optimizer.models import TaskType
from optimizer.simulate.load import Load
from optimizer.simulate.users import Users

if TYPE_CHECKING:
    from datetime import datetime

    import numpy as np
    from numpy.typing import NDArray

    from optimizer.models import Arm
    from optimizer.simulate.arrivals import Traffic
    from optimizer.simulate.incidents import Incident
    from optimizer.simulate.quantities import Quality, Quantity


class Dialect(StrEnum):
    """Which generation of the GenAI conventions a service's instrumentation speaks."""

    G1 = "G1"  # up to 1.36: gen_ai.system
    G2 = "G2"  # from 1.37: gen_ai.provider.name


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedArm:
    """An arm and how it behaves.

    Attributes:
        arm: The configuration.
        name: What incidents call it; unique in its route.
        share: Its share of the route's traffic, in whole slots of 0.5 %.
        provider: Who serves it.
        latency_ms: Of a successful call on an average load.
        ttft_ms: Time to the first token; None = answers are not streamed.
        tokens_in: Input tokens; None = as the arrivals or the route say.
        tokens_out: Output tokens; None = as the arrivals or the route say.
        cached: Share of the input that calls after a conversation's first read from a cache.
        errors: Share of calls that fail.
        quality: What its scores are drawn from; None = it is never scored.
    """

    arm: Arm
    name: str
    share: float
    provider: str = ""
    latency_ms: Quantity
    ttft_ms: Quantity | None = None
    tokens_in: Quantity | None = None
    tokens_out: Quantity | None = None
    cached: float = 0.0
    errors: float = 0.0
    quality: Quality | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """A context of a route, and what it does to its calls.

    Attributes:
        name: As stamped.
        share: Share of the calls.
        latency: Factor on latency.
        tokens: Factor on input and output tokens.
    """

    name: str
    share: float
    latency: float = 1.0
    tokens: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """How calls come to be judged.

    Attributes:
        share: Share of the successful calls that are.
        name: What is judged.
        delay_s: Median seconds from the end of a call to its score.
        delay_sigma: Sd of the log delay.
    """

    share: float = 0.0
    name: str = "user_feedback"
    delay_s: float = 60.0
    delay_sigma: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedRoute:
    """One place that calls an LLM, and its traffic.

    Attributes:
        route: `tenant/service/route`.
        task: What its calls are for.
        arms: The first is the incumbent.
        traffic: When calls arrive.
        load: What slows all of them together.
        users: Who makes them.
        unit: What an assignment sticks to.
        revision: The document revision on the stamps; 0 = spans carry no stamps.
        cells: Its contexts; empty for none.
        tasks: How many tasks its arms were recorded on; each call is one of them. 1 where nothing
            is recorded.
        task_cell: `(tasks,)` the cell of each task; None = cells are drawn by their shares.
        tokens_in: Input tokens where neither arm nor arrivals tell.
        tokens_out: Output tokens where neither arm nor arrivals tell.
        scores: How calls are judged.
        dialect: Which conventions its spans follow; one for all routes of a service.
    """

    route: str
    task: TaskType = TaskType.OTHER
    arms: tuple[SimulatedArm, ...]
    traffic: Traffic
    load: Load = field(default_factory=Load)
    users: Users = field(default_factory=Users)
    unit: Unit = Unit.CONVERSATION
    revision: int = 1
    cells: tuple[Cell, ...] = ()
    tasks: int = 1
    task_cell: NDArray[np.int64] | None = None
    tokens_in: Quantity | None = None
    tokens_out: Quantity | None = None
    scores: Scores = field(default_factory=Scores)
    dialect: Dialect = Dialect.G2

    @property
    def service(self) -> str:
        """The service in its name."""
        return self.route.split("/")[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Exporter:
    """How spans leave a service and arrive.

    A process exports what it has each `interval`, or as soon as `batch` spans have gathered; the
    batch arrives within `jitter`. So a span arrives at most `interval + jitter` after its end.

    Attributes:
        processes: Source processes of each service.
        interval: Between exports.
        batch: Most spans of one export.
        jitter: Longest way to the receiver.
    """

    processes: int = 2
    interval: timedelta = timedelta(seconds=5)
    batch: int = 512
    jitter: timedelta = timedelta(milliseconds=500)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stale:
    """Replicas that take up no document for a while.

    Attributes:
        replicas: How many.
        start: From the start of the world.
        length: How long; then they follow the newest again.
    """

    replicas: int
    start: timedelta
    length: timedelta

    @property
    def end(self) -> timedelta:
        """First instant after it, from the start of the world."""
        return self.start + self.length


@dataclass(frozen=True, slots=True, kw_only=True)
class Following:
    """How the gateways of a world follow documents, where documents steer its traffic.

    Attributes:
        delay: From a document's coming out until it is followed.
        replicas: How many replicas the calls are spread over.
        stale: Some that stay behind; None for none.
    """

    delay: timedelta = timedelta(seconds=2)
    replicas: int = 1
    stale: Stale | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """All that is needed to make the same telemetry again.

    Attributes:
        start: First instant, aware UTC.
        length: Calls arrive for so long.
        seed: Of all that is random.
        routes: Different names; routes of one service share its processes.
        incidents: What happens to them.
        partitions: How many source partitions there are.
        partition_by: What a call's partition is a hash of.
        exporter: How spans travel.
        heartbeat: Between heartbeats of a partition; zero for none.
        following: How its gateways follow documents.
    """

    start: datetime
    length: timedelta
    seed: int = 0
    routes: tuple[SimulatedRoute, ...]
    incidents: tuple[Incident, ...] = ()
    partitions: int = 1
    partition_by: Literal["user", "trace"] = "trace"
    exporter: Exporter = field(default_factory=Exporter)
    heartbeat: timedelta = timedelta(seconds=1)
    following: Following = field(default_factory=Following)
