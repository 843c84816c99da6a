"""How many things a request holds, told cheaply: few bytes can be many spans, and much work."""

from __future__ import annotations

from typing import TYPE_CHECKING

from google.protobuf import descriptor_pb2
from google.protobuf.message import DecodeError

from connectors.otlp import wire

if TYPE_CHECKING:
    from collections.abc import Iterator

_Field = descriptor_pb2.FieldDescriptorProto
_DATA = (5, 7, 9, 10, 11)  # fields of a metric that hold points
# Of each message only what repeats is told apart, as bytes; resources, scopes and items of all
# signals stand in the same places.
_Children, _Metric = wire.build(
    "crowding",
    {
        "Children": tuple(
            (f"of_{number}", number, _Field.TYPE_BYTES, _Field.LABEL_REPEATED) for number in (1, 2)
        ),
        "Metric": tuple(
            (f"of_{number}", number, _Field.TYPE_BYTES, _Field.LABEL_REPEATED) for number in _DATA
        ),
    },
    ["Children", "Metric"],
)
MOST_ITEMS = 100_000  # as many as the largest request holds of the shortest spans there are
_MOST_MARKS = 1_000_000  # braces and commas of JSON: as many as 16 MiB of such a request have


def is_crowded(body: bytes, *, metrics: bool = False) -> bool:
    """Tell whether a request holds more things than anybody sends at once.

    Things are resources, scopes, and spans, log records, or metrics and their points. What cannot
    be read holds none.

    Args:
        body: An export request of OTLP, protobuf or JSON.
        metrics: It is one of metrics.
    """
    if body[:1] == b"{":
        return body.count(b"{") + body.count(b",") > _MOST_MARKS
    found = 0
    try:
        for count in _counts(body, metrics=metrics):
            found += count
            if found > MOST_ITEMS:
                return True
    except DecodeError:
        return False
    return False


def _counts(body: bytes, *, metrics: bool) -> Iterator[int]:
    """Count level by level, so that whoever adds up can stop before it is much."""
    resources = _Children.FromString(body).of_1
    yield len(resources)
    for resource in resources:
        scopes = _Children.FromString(resource).of_2
        yield len(scopes)
        for scope in scopes:
            items = _Children.FromString(scope).of_2
            yield len(items)
            yield from map(_points, items) if metrics else ()


def _points(raw: bytes) -> int:
    metric = _Metric.FromString(raw)
    return sum(
        len(_Children.FromString(data).of_1)
        for number in _DATA
        for data in getattr(metric, f"of_{number}")
    )
