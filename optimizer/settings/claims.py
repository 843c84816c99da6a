"""The sections that say what telemetry may claim."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from optimizer.producers import Producer
from optimizer.settings.kinds import NO_LINE, Choice, Number, Text
from optimizer.settings.knobs import knob
from optimizer.settings.policy import Autonomy

LEAST_KEY = 16  # characters


class CountedProducer(StrEnum):
    """Whose spans count as calls, where several watch the same ones: a family, or one of a kind."""

    GATEWAY = "gateway"
    SDK = "sdk"  # whatever is no gateway
    OPTIMIZER = Producer.OPTIMIZER
    LITELLM = Producer.LITELLM
    OPENLLMETRY = Producer.OPENLLMETRY
    OPENINFERENCE = Producer.OPENINFERENCE
    OPENLIT = Producer.OPENLIT
    OTEL = Producer.OTEL
    ANTHROPIC = Producer.ANTHROPIC
    OTHER = Producer.OTHER

    def takes(self, producer: Producer) -> bool:
        """Tell whether the spans of a producer count."""
        match self:
            case CountedProducer.GATEWAY:
                return producer.is_gateway
            case CountedProducer.SDK:
                return not producer.is_gateway
            case _:
                return self.value == producer.value


PRODUCER = Choice(CountedProducer)


@dataclass(frozen=True, slots=True, kw_only=True)
class TelemetrySettings:
    """What telemetry counts."""

    producer: CountedProducer | None = field(
        default=None,
        metadata=knob(
            "Whose spans count as calls, where a gateway and its callers report the same ones; "
            "null counts all",
            PRODUCER,
            null=True,
        ),
    )


class StampCheck(StrEnum):
    """What becomes of `llm.optimizer.*` stamps by their signature."""

    OFF = "off"  # they are taken as they stand
    PREFERRED = "preferred"  # a wrong signature is not taken, a missing one is
    REQUIRED = "required"  # nothing is taken but what is rightly signed


@dataclass(frozen=True, slots=True, kw_only=True)
class StampSettings:
    """Whether what gateways stamp on calls must be signed, and what may be done if not."""

    check: StampCheck = field(
        default=StampCheck.OFF,
        metadata=knob(
            "Whether stamps are taken as they stand, unless wrongly signed, or only when signed",
            Choice(StampCheck),
        ),
    )
    unsigned_autonomy: Autonomy = field(
        default=Autonomy.GUARD,
        metadata=knob(
            "The most that autonomy can be while stamps need not be signed, for then whoever sends "
            "telemetry can say how a change went",
            Choice(Autonomy),
        ),
    )
    key: str | None = field(
        default=None,
        repr=False,
        metadata=knob(
            "What stamps are signed with; best given as the variable OPTIMIZER_STAMPS__KEY",
            Text(
                pattern=rf"[^\s{NO_LINE}][^{NO_LINE}]{{{LEAST_KEY - 2},}}[^\s{NO_LINE}]",
                rule=f"one line of at least {LEAST_KEY} characters",
            ),
            null=True,
            secret=True,
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitSettings:
    """How many names are told apart; beyond, they are pooled as ~other, but never declared ones."""

    routes: int = field(
        default=1000,
        metadata=knob(
            "Most routes of one tenant that are not declared, in one partition",
            Number(least=1, most=100_000, whole=True),
        ),
    )
    arms: int = field(
        default=64,
        metadata=knob(
            "Most arms of one route that are not declared, each under its revisions",
            Number(least=1, most=1000, whole=True),
        ),
    )
