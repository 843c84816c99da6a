"""The sections that say where things are and how the stream runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from optimizer.settings.kinds import LINE, PART, Choice, Names, Number, Switch, Text
from optimizer.settings.knobs import knob

DAY_SECS = 86_400


class DeploymentMode(StrEnum):
    """How the optimizer is deployed."""

    SIDECAR = "sidecar"
    STANDALONE = "standalone"
    DAEMON = "daemon"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceSettings:
    """The process itself."""

    name: str = field(
        default="llm-auto-optimizer",
        metadata=knob("Name of this installation, in the source of all it says", Text()),
    )
    host: str = field(
        default="0.0.0.0",  # noqa: S104 - the contract's default
        metadata=knob("Address the API listens on", Text(), later=True),
    )
    port: int = field(
        default=8080,
        metadata=knob(
            "Port the API listens on", Number(least=1, most=65_535, whole=True), later=True
        ),
    )
    mode: DeploymentMode = field(
        default=DeploymentMode.STANDALONE,
        metadata=knob("How it is deployed", Choice(DeploymentMode), later=True),
    )
    # Minutes are the finest windows there are, so a finer interval would be rounded in silence.
    optimization_interval_secs: int = field(
        default=900,
        metadata=knob(
            "Main loop: cost is optimised at its multiples only, urgent rules act at any minute",
            Number(least=60, most=DAY_SECS, whole=True, step=60),
            unit="s",
        ),
    )
    data_dir: str = field(
        default="data", metadata=knob("Folder for recorded inputs and recovery state", Text())
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseSettings:
    """Where findings, decisions and views are kept."""

    connection_string: str = field(
        default="sqlite://optimizer.db",
        metadata=knob(
            "Where findings, decisions and views are kept",
            Text(
                pattern=rf"sqlite://{LINE}|memory://",
                rule="sqlite://PATH or memory://",
                promised=r"postgres(ql)?://[\s\S]*",
            ),
        ),
    )
    max_connections: int = field(
        default=10,
        metadata=knob(
            "Most connections open at once", Number(least=1, most=1000, whole=True), later=True
        ),
    )
    timeout_secs: float = field(
        default=30.0,
        metadata=knob("Longest wait for a locked database", Number(above=0, most=3600), unit="s"),
    )
    auto_migrate: bool = field(
        default=True, metadata=knob("Bring the schema up to date at start", Switch(), later=True)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class IntegrationSettings:
    """Peers."""

    observatory_url: str | None = field(
        default=None,
        metadata=knob(
            "Telemetry over OTLP, such as http://host:4317", Text(), null=True, later=True
        ),
    )
    orchestrator_url: str | None = field(
        default=None,
        metadata=knob(
            "Who routes the traffic, such as http://host:8080", Text(), null=True, later=True
        ),
    )
    governance_url: str | None = field(
        default=None,
        metadata=knob(
            "Who is asked before a change, such as http://host:8080", Text(), null=True, later=True
        ),
    )
    registry_url: str | None = field(
        default=None,
        metadata=knob(
            "Which models exist, such as http://host:8080", Text(), null=True, later=True
        ),
    )
    sentinel_kafka_brokers: tuple[str, ...] | None = field(
        default=None,
        metadata=knob(
            "Brokers of kafka.sentinel_topics, such as [host:9092]; null for kafka.brokers",
            Names(),
            null=True,
        ),
    )


class LogLevel(StrEnum):
    """What is logged: this and what is worse."""

    TRACE = "trace"
    DEBUG = "debug"
    INFO = "info"
    WARN = "warn"
    ERROR = "error"


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservabilitySettings:
    """What the optimizer says about itself."""

    log_level: LogLevel = field(
        default=LogLevel.INFO,
        metadata=knob("What is logged: this and what is worse", Choice(LogLevel)),
    )
    json_logging: bool = field(
        default=False, metadata=knob("One JSON object a line instead of text", Switch())
    )
    metrics_endpoint: str | None = field(
        default=None,
        metadata=knob(
            "Where metrics are sent, such as http://host:4318", Text(), null=True, later=True
        ),
    )
    traces_endpoint: str | None = field(
        default=None,
        metadata=knob(
            "Where traces are sent, such as http://host:4318", Text(), null=True, later=True
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class InputSettings:
    """Where telemetry comes from."""

    path: str | None = field(
        default=None,
        metadata=knob(
            "File or folder to follow: OTLP as JSON lines or length-delimited protobuf",
            Text(),
            null=True,
        ),
    )
    tenant: str = field(
        default="default",
        metadata=knob(
            "Who owns that telemetry: first part of its routes' names",
            Text(pattern=PART, rule="a name without /"),
        ),
    )
    keep_hours: int = field(
        default=24,
        metadata=knob(
            "How long what was read is kept, prompts included; 0 keeps all, `record` keeps numbers",
            Number(least=0, most=87_600, whole=True),
            unit="h",
        ),
    )
    otlp_http_port: int | None = field(
        default=None,
        metadata=knob(
            "Port that OTLP is received on over HTTP, such as 4318; null receives nothing",
            Number(least=0, most=65_535, whole=True),
            null=True,
        ),
    )
    otlp_http_host: str = field(
        default="127.0.0.1",
        metadata=knob("Address that it is received on", Text()),
    )
    otlp_http_token: str | None = field(
        default=None,
        repr=False,
        metadata=knob(
            "What exporters must send as Authorization: Bearer; best given as the variable "
            "OPTIMIZER_INPUT__OTLP_HTTP_TOKEN",
            Text(pattern=r"[!-~]{8,500}", rule="8 to 500 letters, digits or signs"),
            null=True,
            secret=True,
        ),
    )
    otlp_http_max_mb: int = field(
        default=16,
        metadata=knob(
            "Largest request that is received, inflated",
            Number(least=1, most=64, whole=True),
            unit="MiB",
        ),
    )

    @property
    def is_live(self) -> bool:
        """Whether something comes in that is written to a recording of our own."""
        return self.path is not None or self.otlp_http_port is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamSettings:
    """Time, order and partitioning."""

    allowed_disorder_secs: int = field(
        default=15,
        metadata=knob(
            "How much later than a newer call one may come and still count on time",
            Number(least=0, most=300, whole=True),
            unit="s",
        ),
    )
    max_skew_secs: int = field(
        default=30,
        metadata=knob(
            "How far past its record's stamp a call may end before it is set aside",
            Number(least=0, most=3600, whole=True),
            unit="s",
        ),
    )
    dedupe_secs: int = field(
        default=120,
        metadata=knob(
            "How long repeats of a call are recognised; above allowed_disorder_secs",
            Number(least=1, most=600, whole=True),
            unit="s",
        ),
    )
    shard_groups: int = field(
        default=8,
        metadata=knob(
            "Groups that routes are dealt to; fixed once an installation holds state",
            Number(least=1, most=64, whole=True),
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoverySettings:
    """What a crash costs."""

    interval_secs: float = field(
        default=5.0,
        metadata=knob(
            "Time between snapshots; 0 takes one after every batch",
            Number(least=0, most=3600),
            unit="s",
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceSettings:
    """What tokens cost."""

    overrides: str | None = field(
        default=None,
        metadata=knob(
            "YAML file of prices that win over the published ones, from the settings file's folder",
            Text(),
            null=True,
        ),
    )
    trust_reported: bool = field(
        default=False,
        metadata=knob("Believe the cost a span reports instead of working it out", Switch()),
    )
