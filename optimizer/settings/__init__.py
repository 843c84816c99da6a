"""Every knob: default, unit, range; a mapping is validated with all its faults at once."""

from optimizer.settings.attribution import AttributionSettings, LinkIndex
from optimizer.settings.claims import (
    CountedProducer,
    LimitSettings,
    StampCheck,
    StampSettings,
    TelemetrySettings,
)
from optimizer.settings.dead_letters import DeadLetterSettings, LetterBytes
from optimizer.settings.example_file import example
from optimizer.settings.faults import MASK, is_secret, masked, nearest, unknown
from optimizer.settings.gateway_api import (
    GatewayApiSettings,
    RouteObject,
    RouteResource,
    ServingBackend,
)
from optimizer.settings.gateways import GatewayKind, GatewaySettings
from optimizer.settings.json_schema import schema
from optimizer.settings.kafka import KafkaSettings, Start
from optimizer.settings.kinds import Text
from optimizer.settings.knobs import Items, Knob
from optimizer.settings.litellm_admin import LiteLLMAdminSettings
from optimizer.settings.managed_configs import ConfigEnvironment, ConfigManagerSettings
from optimizer.settings.outside import SentinelSettings
from optimizer.settings.plain import as_mapping
from optimizer.settings.policy import (
    Autonomy,
    ConstraintSettings,
    DecisionSettings,
    RiskProfile,
)
from optimizer.settings.rollout import AutonomySettings, RolloutSettings
from optimizer.settings.routes import RouteSettings
from optimizer.settings.scores import JudgeKind, ScoreSettings
from optimizer.settings.sections import (
    DatabaseSettings,
    DeploymentMode,
    InputSettings,
    IntegrationSettings,
    LogLevel,
    ObservabilitySettings,
    PriceSettings,
    RecoverySettings,
    ServiceSettings,
    StreamSettings,
)
from optimizer.settings.sources import SourceSettings, source_of
from optimizer.settings.strategies import (
    ABTestConfig,
    CostPerformanceConfig,
    OptimizationMode,
    RewardWeights,
    RLConfig,
    StrategyConfig,
    Thresholds,
    TrafficAllocationStrategy,
)
from optimizer.settings.tree import PREFIX, Settings, keys_in_force, variables
from optimizer.settings.validation import validate

__all__ = [
    "MASK",
    "PREFIX",
    "ABTestConfig",
    "AttributionSettings",
    "Autonomy",
    "AutonomySettings",
    "ConfigEnvironment",
    "ConfigManagerSettings",
    "ConstraintSettings",
    "CostPerformanceConfig",
    "CountedProducer",
    "DatabaseSettings",
    "DeadLetterSettings",
    "DecisionSettings",
    "DeploymentMode",
    "GatewayApiSettings",
    "GatewayKind",
    "GatewaySettings",
    "InputSettings",
    "IntegrationSettings",
    "Items",
    "JudgeKind",
    "KafkaSettings",
    "Knob",
    "LetterBytes",
    "LimitSettings",
    "LinkIndex",
    "LiteLLMAdminSettings",
    "LogLevel",
    "ObservabilitySettings",
    "OptimizationMode",
    "PriceSettings",
    "RLConfig",
    "RecoverySettings",
    "RewardWeights",
    "RiskProfile",
    "RolloutSettings",
    "RouteObject",
    "RouteResource",
    "RouteSettings",
    "ScoreSettings",
    "SentinelSettings",
    "ServiceSettings",
    "ServingBackend",
    "Settings",
    "SourceSettings",
    "StampCheck",
    "StampSettings",
    "Start",
    "StrategyConfig",
    "StreamSettings",
    "TelemetrySettings",
    "Text",
    "Thresholds",
    "TrafficAllocationStrategy",
    "as_mapping",
    "example",
    "is_secret",
    "keys_in_force",
    "masked",
    "nearest",
    "schema",
    "source_of",
    "unknown",
    "validate",
    "variables",
]
