"""Every knob: default, unit, range; a mapping is validated with all its faults at once."""

from optimizer.settings.policy import (
    Autonomy,
    ConstraintSettings,
    DecisionSettings,
    RiskProfile,
)
from optimizer.settings.routes import RouteSettings
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
from optimizer.settings.tree import Settings, keys_in_force

__all__ = [
    "ABTestConfig",
    "Autonomy",
    "ConstraintSettings",
    "CostPerformanceConfig",
    "DatabaseSettings",
    "DecisionSettings",
    "DeploymentMode",
    "InputSettings",
    "IntegrationSettings",
    "LogLevel",
    "ObservabilitySettings",
    "OptimizationMode",
    "PriceSettings",
    "RLConfig",
    "RecoverySettings",
    "RewardWeights",
    "RiskProfile",
    "RouteSettings",
    "ServiceSettings",
    "Settings",
    "StrategyConfig",
    "StreamSettings",
    "Thresholds",
    "TrafficAllocationStrategy",
    "keys_in_force",
]
