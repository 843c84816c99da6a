"""The list `routes`: what is known of a route beforehand, and what it may be changed to."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any

from optimizer.models import Arm, ModelConfig, TaskType, preset
from optimizer.settings.claims import PRODUCER, CountedProducer
from optimizer.settings.kinds import PART, PROSE, Choice, Names, Number, Parameters, Switch, Text
from optimizer.settings.knobs import Group, Items, Knob, declared, knob, members
from optimizer.settings.strategies import Thresholds

if TYPE_CHECKING:
    from collections.abc import Mapping

    from optimizer.settings.knobs import Node

PENALTY = Number(least=-2, most=2)
# The model is compared anyway, and a latency measured elsewhere is no parameter.
NOT_TOLD_APART = {"model", "latency_p95_ms"}

ARM: Mapping[str, Node] = {
    "model": Knob(doc="The model's name as its provider spells it", kind=Text(), required=True),
    "temperature": Knob(doc="Sampling temperature", kind=Number(least=0, most=2)),
    "top_p": Knob(doc="Nucleus share", kind=Number(above=0, most=1)),
    "top_k": Knob(
        doc="Candidates kept; null is the provider's default",
        kind=Number(least=1, most=1_000_000, whole=True),
        null=True,
    ),
    "max_tokens": Knob(
        doc="Most output tokens", kind=Number(least=1, most=10_000_000, whole=True), unit="tokens"
    ),
    "presence_penalty": Knob(
        doc="Penalty for words used before; null is the provider's default", kind=PENALTY, null=True
    ),
    "frequency_penalty": Knob(
        doc="Penalty by how often a word was used; null is the provider's default",
        kind=PENALTY,
        null=True,
    ),
    "system_prompt": Knob(
        doc="The prompt's text or hash; null when the caller brings its own",
        kind=Text(pattern=PROSE, rule="text", most=100_000),
        null=True,
    ),
    "extra_params": Knob(doc="Anything else the provider takes", kind=Parameters()),
    "prompt": Knob(doc="Name of the prompt", kind=Text()),
    "prompt_version": Knob(doc="Version of the prompt", kind=Text()),
    "cache": Knob(doc="Answers may come from a cache", kind=Switch()),
    "latency_p95_ms": Knob(
        doc="95th percentile of latency measured elsewhere; null when nothing was",
        kind=Number(above=0),
        unit="ms",
        null=True,
    ),
}


def arm_of(given: Mapping[str, Any], task: TaskType) -> Arm:
    """Make an arm of the parameters written down; the task's preset gives the others.

    Args:
        given: Parameters by name, as `ARM` allows them, `model` among them.
        task: What the route's calls are for.
    """
    parameters = {item.name for item in fields(ModelConfig)} - {"model"}
    config = {name: value for name, value in given.items() if name in parameters}
    rest = {name: value for name, value in given.items() if name not in {*parameters, "model"}}
    written = tuple(name for name in ARM if name in given and name not in NOT_TOLD_APART)
    return Arm(config=replace(preset(task, given["model"]), **config), declared=written, **rest)


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteSettings:
    """One route: what its calls are for, what serves it, and what could.

    Attributes:
        route: Its name, `tenant/service/route`.
        task: What its calls are for; gives the parameters its arms do not write down.
        incumbent: What serves it today; None when telemetry shall tell.
        candidates: What could serve it instead.
        cells: The discrete contexts its calls may carry.
        producer: Whose spans count as its calls; None for what `telemetry.producer` says.
        thresholds: Those of `strategies.thresholds`, with what the route overrides.
    """

    route: str = field(
        metadata=declared(
            Knob(
                doc="Its name",
                kind=Text(
                    pattern=f"{PART}/{PART}/{PART}", rule="tenant/service/route, no part empty"
                ),
                required=True,
            )
        ),
    )
    task: TaskType = field(
        default=TaskType.OTHER, metadata=knob("What its calls are for", Choice(TaskType))
    )
    incumbent: Arm | None = field(
        default=None,
        metadata=declared(
            Group(
                doc="What serves it today; parameters not given come from the task's preset",
                members=ARM,
            )
        ),
    )
    candidates: tuple[Arm, ...] = field(
        default=(), metadata=declared(Items(doc="What could serve it instead", members=ARM))
    )
    cells: tuple[str, ...] = field(
        default=(), metadata=knob("Discrete contexts its calls may carry", Names(most=64))
    )
    producer: CountedProducer | None = field(
        default=None,
        metadata=knob("Overrides telemetry.producer for this route", PRODUCER, null=True),
    )
    thresholds: Thresholds = field(
        default_factory=Thresholds,
        metadata=declared(
            Group(
                doc="Overrides of strategies.thresholds, any of them", members=members(Thresholds)
            )
        ),
    )

    @property
    def arms(self) -> tuple[Arm, ...]:
        """Give every arm that is declared, the incumbent first."""
        return (self.incumbent, *self.candidates) if self.incumbent else self.candidates
