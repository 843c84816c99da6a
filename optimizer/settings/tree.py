"""All the settings, and the names of their knobs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from optimizer.settings.attribution import AttributionSettings
from optimizer.settings.claims import LimitSettings, StampSettings, TelemetrySettings
from optimizer.settings.dead_letters import DeadLetterSettings
from optimizer.settings.gateways import GatewaySettings
from optimizer.settings.kafka import KafkaSettings
from optimizer.settings.kinds import Choice
from optimizer.settings.knobs import Items, Knob, declared, knob, members, walk
from optimizer.settings.outside import SentinelSettings
from optimizer.settings.policy import (
    Autonomy,
    ConstraintSettings,
    DecisionSettings,
)
from optimizer.settings.rollout import AutonomySettings, RolloutSettings
from optimizer.settings.routes import RouteSettings
from optimizer.settings.scores import ScoreSettings
from optimizer.settings.sections import (
    DatabaseSettings,
    InputSettings,
    IntegrationSettings,
    ObservabilitySettings,
    PriceSettings,
    RecoverySettings,
    ServiceSettings,
    StreamSettings,
)
from optimizer.settings.sources import SourceSettings, source_of
from optimizer.settings.strategies import StrategyConfig

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that can be set; `Settings()` holds the defaults."""

    service: ServiceSettings = field(default_factory=ServiceSettings)
    database: DatabaseSettings = field(default_factory=DatabaseSettings)
    integrations: IntegrationSettings = field(default_factory=IntegrationSettings)
    strategies: StrategyConfig = field(default_factory=StrategyConfig)
    observability: ObservabilitySettings = field(default_factory=ObservabilitySettings)
    input: InputSettings = field(default_factory=InputSettings)
    kafka: KafkaSettings = field(default_factory=KafkaSettings)
    stream: StreamSettings = field(default_factory=StreamSettings)
    recovery: RecoverySettings = field(default_factory=RecoverySettings)
    dead_letters: DeadLetterSettings = field(default_factory=DeadLetterSettings)
    autonomy: Autonomy = field(
        default=Autonomy.RECOMMEND,
        metadata=knob(
            "How far it may go alone: watch; also propose; also undo what it promoted; carry out "
            "what a person approves; carry out alone. stamps.unsigned_autonomy may cap it",
            Choice(Autonomy),
        ),
    )
    autonomy_by: AutonomySettings = field(default_factory=AutonomySettings)
    decisions: DecisionSettings = field(default_factory=DecisionSettings)
    rollout: RolloutSettings = field(default_factory=RolloutSettings)
    gateway: GatewaySettings = field(default_factory=GatewaySettings)
    constraints: ConstraintSettings = field(default_factory=ConstraintSettings)
    prices: PriceSettings = field(default_factory=PriceSettings)
    telemetry: TelemetrySettings = field(default_factory=TelemetrySettings)
    stamps: StampSettings = field(default_factory=StampSettings)
    sentinel: SentinelSettings = field(default_factory=SentinelSettings)
    limits: LimitSettings = field(default_factory=LimitSettings)
    routes: tuple[RouteSettings, ...] = field(
        default=(),
        metadata=declared(
            Items(doc="What is known of routes beforehand.", members=members(RouteSettings))
        ),
    )

    attribution: AttributionSettings = field(default_factory=AttributionSettings)
    scores: tuple[ScoreSettings, ...] = field(
        default=(),
        metadata=declared(
            Items(doc="What the values of scores mean.", members=members(ScoreSettings))
        ),
    )
    sources: tuple[SourceSettings, ...] = field(
        default=(),
        metadata=declared(
            Items(doc="What is known of who sends telemetry.", members=members(SourceSettings))
        ),
    )

    def source(self, partition: str) -> SourceSettings:
        """Give the settings of the source that a partition belongs to."""
        name = source_of(partition)
        for declared_source in self.sources:
            if declared_source.source == name:
                return declared_source
        return SourceSettings(source=name, tenant=self.input.tenant)

    def route(self, name: str) -> RouteSettings:
        """Give a route's settings; one that is not declared has no incumbent and no candidates."""
        for declared_route in self.routes:
            if declared_route.route == name:
                return declared_route
        return RouteSettings(route=name, thresholds=self.strategies.thresholds)


TREE = members(Settings)
PREFIX = "OPTIMIZER_"


def keys_in_force() -> tuple[str, ...]:
    """Give the dotted key of every knob whose code is there, an item of a list written `[]`."""
    knobs = walk(TREE, into_lists=True)
    return tuple(key for key, knob in knobs if isinstance(knob, Knob) and not knob.later)


def variable_of(key: str) -> str:
    """Name the environment variable that sets a key; for what is in a list, the list's."""
    return PREFIX + key.partition("[")[0].replace(".", "__").upper()


def variables() -> Mapping[str, tuple[str, Knob | Items]]:
    """Give every environment variable with the dotted key and the knob or list that it sets."""
    return {variable_of(key): (key, node) for key, node in walk(TREE, into_lists=False)}
