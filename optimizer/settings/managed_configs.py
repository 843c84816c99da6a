"""The section `gateway.config_manager`: where a Config Manager keeps what is written."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from optimizer.settings.kinds import Choice, Text
from optimizer.settings.knobs import knob


class ConfigEnvironment(StrEnum):
    """Which of a key's values is meant."""

    BASE = "base"
    DEVELOPMENT = "development"
    STAGING = "staging"
    PRODUCTION = "production"
    EDGE = "edge"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigManagerSettings:
    """Where a Config Manager keeps documents, one key a route."""

    namespace: str = field(
        default="llm-optimizer",
        metadata=knob(
            "Namespace of the keys",
            Text(pattern=r"[A-Za-z0-9_./-]+", rule="letters, digits, _ . / and -", most=200),
        ),
    )
    environment: ConfigEnvironment = field(
        default=ConfigEnvironment.PRODUCTION,
        metadata=knob("Which of a key's values is written", Choice(ConfigEnvironment)),
    )
