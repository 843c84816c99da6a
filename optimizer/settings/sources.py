"""The list `sources`: what is known of who sends telemetry, beyond what the telemetry says."""

from __future__ import annotations

from dataclasses import dataclass, field

from optimizer.settings.kinds import PART, Text
from optimizer.settings.knobs import Knob, declared, knob


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceSettings:
    """One source of records: a topic, or `input` for files that are followed or imported.

    Attributes:
        source: Its name: what its partitions are called before their last `/`.
        tenant: Who owns its telemetry; `input.tenant` where it is not set.
        tenant_attribute: The resource attribute that names the owner, in a source trusted to say;
            None where nothing it says can change the owner.
    """

    source: str = field(
        metadata=declared(
            Knob(
                doc="Its name: a topic, or input for files",
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


def source_of(partition: str) -> str:
    """Give the name of the source that a partition belongs to: `otlp_spans` of `otlp_spans/3`."""
    return partition.rpartition("/")[0] or partition
