"""The domain: telemetry in, findings and decisions out; no clock, no I/O, no unseeded chance.

from optimizer import Controller, Observation, Settings

controller = Controller(Settings(), prices)
state, outputs = controller.step(state, Observation(route=route, at=at, summaries=summaries))
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOMES = {
    "optimizer.controller": ("Controller", "Observation"),
    "optimizer.decisions": ("DecisionStatus", "OptimizationDecision", "transition"),
    "optimizer.documents": ("Document",),
    "optimizer.errors": ("OptimizerError",),
    "optimizer.events": ("Alert", "Call", "CloudEvent", "FeedbackEvent", "Order", "Score"),
    "optimizer.findings": ("Finding", "Severity"),
    "optimizer.models": ("Arm", "ModelConfig", "ModelPerformanceProfile", "TaskType", "preset"),
    "optimizer.panes": ("Mark", "Pane"),
    "optimizer.prices": ("Price", "PriceBook", "Rates"),
    "optimizer.rollouts": ("RolloutProgress", "Tick", "Verdict"),
    "optimizer.route_state": ("RouteState", "profiles"),
    "optimizer.settings": ("Settings", "Thresholds", "validate"),
    "optimizer.open_windows": ("Windows",),
    "optimizer.windows": ("WindowKind", "WindowSummary"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = sorted(_HOME_OF)  # noqa: PLE0605 - a list of strings, worked out


def __getattr__(name: str) -> Any:
    """Load a public name when it is asked for, so that importing the package costs nothing."""
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME_OF[name]), name)


def __dir__() -> list[str]:
    return __all__
