"""The list `sources`: what is known of who sends telemetry, beyond what the telemetry says."""

from __future__ import annotations

from dataclasses import dataclass, field

from optimizer.settings.claims import StampCheck
from optimizer.settings.kinds import PART, Choice, Number, Switch, Text
from optimizer.settings.knobs import Knob, declared, knob


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceSettings:
    """One source of records: a topic, or `input` for files that are followed or imported.

    Attributes:
        source: Its name: what its partitions are called before their last `/`.
        tenant: Who owns its telemetry; `input.tenant` where it is not set.
        tenant_attribute: The resource attribute that names the owner, in a source trusted to say;
            None where nothing it says can change the owner.
        stamps: What `stamps.check` is for it; None for the same.
        sampling_factor: How many calls each of its calls stands for, at least 1.
        tail_sampled: Its calls were chosen for how they went, so that failed and slow ones are
            over-represented: they are told, but no rate is judged and no gate is fed by them.
    """

    source: str = field(
        metadata=declared(
            Knob(
                doc="Its name: a topic, input for files, or otlp for what is received over HTTP",
                kind=Text(),
                required=True,
            )
        ),
    )
    tenant: str = field(
        default="default",
        metadata=knob(
            "Who owns its telemetry; input.tenant where it is not set",
            Text(pattern=PART, rule="a name without /"),
        ),
    )
    tenant_attribute: str | None = field(
        default=None,
        metadata=knob(
            "Resource attribute that names the owner instead, where the source is trusted to say "
            "so, such as tenant.id; a resource without it is its tenant's",
            Text(),
            null=True,
        ),
    )
    stamps: StampCheck | None = field(
        default=None,
        metadata=knob("Overrides stamps.check for this source", Choice(StampCheck), null=True),
    )
    sampling_factor: float = field(
        default=1.0,
        metadata=knob(
            "How many calls each of its calls stands for: 10 where 1 in 10 is kept",
            Number(least=1, most=10_000),
        ),
    )
    tail_sampled: bool = field(
        default=False,
        metadata=knob(
            "Whether its calls were chosen for how they went: no rate is judged", Switch()
        ),
    )


def source_of(partition: str) -> str:
    """Give the name of the source that a partition belongs to: `otlp_spans` of `otlp_spans/3`."""
    return partition.rpartition("/")[0] or partition
