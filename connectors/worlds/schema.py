"""What a world file may hold, and the words of its faults."""

from __future__ import annotations

from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationError,
    model_validator,
)

from connectors.worlds.kinds import (
    Count,
    Duration,
    Name,
    NotNegative,
    Number,
    Positive,
    Share,
)
from optimizer.documents import Unit
from optimizer.settings.faults import shown
from optimizer.settings.routes import ARM
from optimizer.simulate.incidents import IncidentKind
from optimizer.simulate.worlds import Dialect

if TYPE_CHECKING:
    from collections.abc import Mapping


class _Part(BaseModel):
    """Strict about names; a misspelt key is a fault, not silence."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class LognormalSpec(_Part):
    """`{median, sigma}`."""

    median: Positive
    sigma: NotNegative = 0.0


class QualitySpec(_Part):
    """`{mean, sd}` of a Beta distribution."""

    mean: Annotated[Number, Field(gt=0, lt=1)]
    sd: Positive

    @model_validator(mode="after")
    def _possible(self) -> QualitySpec:
        if self.sd**2 >= self.mean * (1 - self.mean):
            raise ValueError("sd must be below sqrt(mean (1 - mean))")
        return self


class ArmSpec(_Part):
    """One arm: the parameters that `routes[].incumbent` takes, and how it behaves."""

    parameters: dict[str, Any]
    name: Name | None = None
    recorded_as: Name | None = None
    share: Share = 0.0
    provider: str = ""
    latency_ms: LognormalSpec | None = None
    ttft_ms: LognormalSpec | None = None
    tokens_in: LognormalSpec | None = None
    tokens_out: LognormalSpec | None = None
    cached: Share = 0.0
    errors: Share = 0.0
    quality: QualitySpec | None = None

    @model_validator(mode="before")
    @classmethod
    def _split(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        rest = {name: value for name, value in given.items() if name not in ARM}
        return {**rest, "parameters": parameters(given)}

    @property
    def model(self) -> str:
        """The model's name."""
        return str(self.parameters.get("model"))

    @property
    def recorded(self) -> str:
        """What a matrix calls it."""
        return self.recorded_as or self.model

    @property
    def called(self) -> str:
        """What incidents call it."""
        return self.name or self.model


def parameters(arm: Mapping[str, Any]) -> dict[str, Any]:
    """Give those parts of an arm that the settings know."""
    return {name: value for name, value in arm.items() if name in ARM}


class RhythmSpec(_Part):
    """Arrivals drawn at a rate."""

    calls_per_minute: Positive
    rhythm: Share = 0.0
    peak: Duration = timedelta(hours=14)
    dispersion: NotNegative = 0.0


class TraceSpec(_Part):
    """Arrivals as recorded, one row a call."""

    trace: str
    stretch: Positive = 1.0


class ClientsSpec(_Part):
    """Arrivals of recorded clients, one row a client and window."""

    clients: str
    model: str
    scale: Positive = 1.0


def _arrivals_kind(given: Any) -> str:
    keys = given if isinstance(given, dict) else {}
    return next((f"<{key}>" for key in ("trace", "clients") if key in keys), "<rhythm>")


ArrivalsSpec = Annotated[
    Annotated[RhythmSpec, Tag("<rhythm>")]
    | Annotated[TraceSpec, Tag("<trace>")]
    | Annotated[ClientsSpec, Tag("<clients>")],
    Discriminator(_arrivals_kind),
]


class LoadSpec(_Part):
    """What slows all calls of a route together."""

    phi: Annotated[Number, Field(ge=0, lt=1)] = 0.95
    sd: NotNegative = 0.0
    rhythm: Annotated[Number, Field(ge=0, lt=1)] = 0.0
    peak: Duration = timedelta(hours=14)


class UsersSpec(_Part):
    """Who calls."""

    count: Annotated[Count, Field(ge=1)] = 200
    activity: Literal["lognormal", "zipf"] = "lognormal"
    spread: NotNegative = 1.0
    turns: Annotated[Number, Field(ge=1)] = 1.0
    latency_sd: NotNegative = 0.0


class ScoresSpec(_Part):
    """How calls come to be judged."""

    share: Share = 0.0
    name: Name = "user_feedback"
    delay: Duration = timedelta(minutes=1)
    delay_sigma: NotNegative = 1.0


class CellSpec(_Part):
    """One context of a route."""

    share: Share
    latency: Positive = 1.0
    tokens: Positive = 1.0


class RouteSpec(_Part):
    """One route and its traffic; `route`, `task` and `thresholds` are checked as settings."""

    route: str
    task: Any = None
    thresholds: Any = None
    arms: Annotated[list[ArmSpec], Field(min_length=1, max_length=30)]
    arrivals: ArrivalsSpec
    matrix: str | None = None
    load: LoadSpec = LoadSpec()
    users: UsersSpec = UsersSpec()
    unit: Unit = Unit.CONVERSATION
    revision: Annotated[Count, Field(ge=0)] = 1
    cells: Literal["task"] | dict[Name, CellSpec] = {}
    tokens_in: LognormalSpec | None = None
    tokens_out: LognormalSpec | None = None
    scores: ScoresSpec = ScoresSpec()
    dialect: Dialect = Dialect.G2


class IncidentSpec(_Part):
    """Something that happens to a route; without a length it lasts to the end."""

    kind: IncidentKind
    route: str
    arm: str = ""
    start: Duration
    length: Duration | None = None
    factor: NotNegative | None = None
    value: NotNegative | None = None


class PriceSpec(_Part):
    """US dollars per million tokens at the start of the world."""

    input: NotNegative
    output: NotNegative
    cache_read: NotNegative | None = None


class ExporterSpec(_Part):
    """How spans leave a service."""

    processes: Annotated[Count, Field(ge=1, le=1000)] = 2
    interval: Annotated[Duration, Field(gt=timedelta())] = timedelta(seconds=5)
    batch: Annotated[Count, Field(ge=1, le=10_000)] = 512
    jitter: Duration = timedelta(milliseconds=500)


class StaleSpec(_Part):
    """Replicas that take up no document for a while."""

    replicas: Annotated[Count, Field(ge=1)]
    start: Duration
    length: Duration


class GatewaySpec(_Part):
    """How gateways follow documents."""

    delay: Duration = timedelta(seconds=2)
    replicas: Annotated[Count, Field(ge=1, le=1000)] = 1
    stale: StaleSpec | None = None


class WorldSpec(_Part):
    """The world as a whole; routes, incidents and settings are looked at one by one."""

    start: Annotated[AwareDatetime, AfterValidator(lambda start: start.astimezone(UTC))]
    length: Annotated[Duration, Field(gt=timedelta(), le=timedelta(days=366))]
    seed: Annotated[Count, Field(ge=0)] = 0
    partitions: Annotated[Count, Field(ge=1, le=1000)] = 1
    partition_by: Literal["user", "trace"] = "trace"
    heartbeat: Duration = timedelta(seconds=1)
    exporter: ExporterSpec = ExporterSpec()
    gateway: GatewaySpec = GatewaySpec()
    prices: dict[Name, PriceSpec] = {}
    routes: Annotated[list[Any], Field(min_length=1)]
    incidents: list[Any] = []
    settings: dict[str, Any] = {}


def faults_of(error: ValidationError, prefix: str = "") -> list[str]:
    """Say what is wrong, key and value, one line a fault."""
    return [_fault(dict(item), prefix) for item in error.errors(include_url=False)]


def _fault(error: dict[str, Any], prefix: str) -> str:
    key = prefix
    for part in error["loc"]:
        if isinstance(part, int):
            key += f"[{part}]"
        elif not part.startswith("<"):  # the tags of a union are no keys
            key += f".{part}" if key else part
    match error["type"]:
        case "missing":
            return f"{key} is not given"
        case "extra_forbidden":
            return f"{key} is {shown(error['input'])}: there is no such key"
        case _:
            wrong = error["msg"].removeprefix("Value error, ").replace("Input should", "must")
            return f"{key or 'the top level'} is {shown(error['input'])}: {wrong}"
