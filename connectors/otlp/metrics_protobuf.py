"""OTLP metrics in protobuf to metrics and samples; slim descriptors, as those of traces are."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from google.protobuf import descriptor_pb2

from connectors.otlp import wire
from connectors.otlp.samples import Buckets, Metric, Sample, Temporality
from connectors.otlp.spans import parse, read_attributes, read_resource
from optimizer.errors import DecodeFailed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_Field = descriptor_pb2.FieldDescriptorProto
_ONE, _MANY = _Field.LABEL_OPTIONAL, _Field.LABEL_REPEATED
_BYTES, _FIXED64, _DOUBLE = _Field.TYPE_BYTES, _Field.TYPE_FIXED64, _Field.TYPE_DOUBLE
_UINT32, _SINT32, _INT64 = _Field.TYPE_UINT32, _Field.TYPE_SINT32, _Field.TYPE_INT64

_DATA: wire.Fields = (
    ("data_points", 1, _BYTES, _MANY),
    ("aggregation_temporality", 2, _INT64, _ONE),
    ("is_monotonic", 3, _Field.TYPE_BOOL, _ONE),
)
_TIMES: wire.Fields = (
    ("start_time_unix_nano", 2, _FIXED64, _ONE),
    ("time_unix_nano", 3, _FIXED64, _ONE),
)
_COUNTED: wire.Fields = (
    *_TIMES,
    ("count", 4, _FIXED64, _ONE),
    ("sum", 5, _DOUBLE, _ONE),
)
_MESSAGES: Mapping[str, wire.Fields] = {
    "Request": (("resource_metrics", 1, "ResourceMetrics", _MANY),),
    "ResourceMetrics": (
        ("resource", 1, _BYTES, _ONE),
        ("scope_metrics", 2, "ScopeMetrics", _MANY),
    ),
    "ScopeMetrics": (("scope", 1, _BYTES, _ONE), ("metrics", 2, "Metric", _MANY)),
    "Metric": (
        ("name", 1, _BYTES, _ONE),
        ("unit", 3, _BYTES, _ONE),
        ("gauge", 5, "Data", _ONE),
        ("sum", 7, "Data", _ONE),
        ("histogram", 9, "Data", _ONE),
        ("exponential_histogram", 10, "Data", _ONE),
        ("summary", 11, "Data", _ONE),
    ),
    "Data": _DATA,
    "Number": (
        *_TIMES,
        ("as_double", 4, _DOUBLE, _ONE),
        ("as_int", 6, _Field.TYPE_SFIXED64, _ONE),
        ("attributes", 7, wire.MAP, _MANY),
        ("flags", 8, _UINT32, _ONE),
    ),
    "Explicit": (
        *_COUNTED,
        ("bucket_counts", 6, _FIXED64, _MANY),
        ("explicit_bounds", 7, _DOUBLE, _MANY),
        ("attributes", 9, wire.MAP, _MANY),
        ("flags", 10, _UINT32, _ONE),
    ),
    "Exponential": (
        ("attributes", 1, wire.MAP, _MANY),
        *_COUNTED,
        ("scale", 6, _SINT32, _ONE),
        ("zero_count", 7, _FIXED64, _ONE),
        ("positive", 8, "Buckets", _ONE),
        ("negative", 9, "Buckets", _ONE),
        ("flags", 10, _UINT32, _ONE),
    ),
    "Buckets": (("offset", 1, _SINT32, _ONE), ("bucket_counts", 2, _Field.TYPE_UINT64, _MANY)),
}
_FORMS = ("sum", "histogram", "exponential_histogram", "gauge", "summary")
_Request, _Number, _Explicit, _Exponential = wire.build(
    "metrics", _MESSAGES, ["Request", "Number", "Explicit", "Exponential"]
)


def read(body: bytes, resource_keys: Iterable[str]) -> Iterator[Metric]:
    """Give the metrics of a request.

    Args:
        body: Its bytes.
        resource_keys: The attributes of resources to read.

    Raises:
        DecodeFailed: The bytes are none.
    """
    for resource_metrics in parse(_Request, body).resource_metrics:
        raw = resource_metrics.resource
        resource = read_resource(raw, resource_keys)
        resource_identity = _identity(parse(wire.Resource, raw).attributes)
        for scope_metrics in resource_metrics.scope_metrics:
            origin = resource_identity + b"\0" + scope_metrics.scope
            scope = parse(wire.Scope, scope_metrics.scope).name.decode(errors="replace")
            for metric in scope_metrics.metrics:
                form = next((form for form in _FORMS if metric.HasField(form)), "gauge")
                data = getattr(metric, form)
                temporality = data.aggregation_temporality
                yield Metric(
                    resource=resource,
                    scope=scope,
                    origin=origin,
                    name=metric.name.decode(errors="replace"),
                    unit=metric.unit.decode(errors="replace"),
                    temporality=Temporality(temporality if temporality in {1, 2} else 0),
                    monotonic=data.is_monotonic,
                    samples=data.data_points[:],
                    read=_READERS[form],
                    alone=partial(_alone, raw, scope_metrics.scope, metric, form),
                )


def _alone(resource: bytes, scope: bytes, metric: Any, form: str, sample: bytes) -> bytes:
    """Make a request of one sample."""
    request = _Request()
    of_resource = request.resource_metrics.add(resource=resource)
    of_scope = of_resource.scope_metrics.add(scope=scope)
    only = of_scope.metrics.add(name=metric.name, unit=metric.unit)
    data, whole = getattr(only, form), getattr(metric, form)
    data.aggregation_temporality = whole.aggregation_temporality
    data.is_monotonic = whole.is_monotonic
    data.data_points.append(sample)
    written: bytes = request.SerializeToString()
    return written


def _identity(attributes: Mapping[str, bytes]) -> bytes:
    """Give all attributes in one form, whatever their order.

    Raises:
        DecodeFailed: A name is not UTF-8.
    """
    try:
        pairs = sorted((key.encode(), value) for key, value in attributes.items())
    except UnicodeDecodeError:
        raise DecodeFailed("not_protobuf", "the name of an attribute is not UTF-8") from None
    return b"".join(b"%d:%b%d:%b" % (len(key), key, len(value), value) for key, value in pairs)


def _number(raw: bytes, keys: frozenset[str]) -> Sample:
    point = parse(_Number, raw)
    value: float | None = None
    if point.HasField("as_int"):
        value = point.as_int
    elif point.HasField("as_double"):
        value = point.as_double
    return Sample(**_common(point, keys), calls=None, total=value)


def _explicit(raw: bytes, keys: frozenset[str]) -> Sample:
    point = parse(_Explicit, raw)
    return Sample(
        **_common(point, keys),
        calls=point.count,
        total=point.sum if point.HasField("sum") else None,
        bounds=point.explicit_bounds[:],
        counts=point.bucket_counts[:],
    )


def _exponential(raw: bytes, keys: frozenset[str]) -> Sample:
    point = parse(_Exponential, raw)
    return Sample(
        **_common(point, keys),
        calls=point.count,
        total=point.sum if point.HasField("sum") else None,
        buckets=Buckets(
            scale=point.scale,
            first=point.positive.offset,
            counts=point.positive.bucket_counts[:],
            zeros=point.zero_count,
            negative=any(point.negative.bucket_counts),
        ),
    )


def _common(point: Any, keys: frozenset[str]) -> dict[str, Any]:
    return {
        "attributes": read_attributes(point.attributes, keys),
        "identity": _identity(point.attributes),
        "start_ns": point.start_time_unix_nano,
        "time_ns": point.time_unix_nano,
        "flags": point.flags,
    }


_READERS = {
    "sum": _number,
    "gauge": _number,
    "histogram": _explicit,
    "exponential_histogram": _exponential,
    "summary": _number,
}
