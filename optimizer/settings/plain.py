"""Settings as a plain mapping: what `validate` reads, written back."""

from __future__ import annotations

from dataclasses import fields
from enum import StrEnum
from typing import Any

from optimizer.models import Arm, TaskType
from optimizer.settings.routes import ARM, RouteSettings, arm_of
from optimizer.settings.tree import Settings


def as_mapping(settings: Settings) -> dict[str, Any]:
    """Give all the settings as mappings, lists and scalars; `validate` makes the same of them.

    An arm shows what was written down, and what else differs from its task's preset.
    """
    mapping: dict[str, Any] = plain(settings)
    return mapping


def plain(value: Any) -> Any:
    """Give a value of the settings in the types that YAML and JSON have."""
    match value:
        case StrEnum():
            return value.value
        case tuple():
            return [plain(item) for item in value]
        case RouteSettings():
            return _sections(value) | {
                "incumbent": value.incumbent and _arm(value.incumbent, value.task),
                "candidates": [_arm(arm, value.task) for arm in value.candidates],
            }
        case _ if hasattr(value, "__dataclass_fields__") and not isinstance(value, Arm):
            return _sections(value)
        case _:
            return value


def _sections(section: Any) -> dict[str, Any]:
    return {item.name: plain(getattr(section, item.name)) for item in fields(section)}


def _arm(arm: Arm, task: TaskType) -> dict[str, Any]:
    usual = arm_of({"model": arm.config.model}, task)
    return {
        name: _parameter(arm, name)
        for name in ARM
        if name == "model"
        or name in arm.declared
        or _parameter(arm, name) != _parameter(usual, name)
    }


def _parameter(arm: Arm, name: str) -> Any:
    return getattr(arm.config if hasattr(arm.config, name) else arm, name)
