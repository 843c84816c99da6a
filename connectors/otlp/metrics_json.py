"""OTLP metrics in JSON to metrics and samples; numbers may be written as text, enums by name."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec

from connectors.otlp.samples import Buckets, Metric, Sample, Temporality
from optimizer.errors import DecodeFailed
from optimizer.observe.values import real, whole

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from optimizer.observe.values import Value

# How JSON spells the doubles it has no numbers for.
_NO_NUMBERS = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}
# What msgspec lets escape beside its own errors: endless nesting, text that is not UTF-8.
_UNREADABLE = (msgspec.MsgspecError, RecursionError, UnicodeDecodeError)
_TEMPORALITIES = {
    "AGGREGATION_TEMPORALITY_DELTA": Temporality.DELTA,
    "AGGREGATION_TEMPORALITY_CUMULATIVE": Temporality.CUMULATIVE,
}
_EMPTY = msgspec.Raw(b"{}")


class _KeyValue(msgspec.Struct, gc=False):
    key: str = ""
    value: msgspec.Raw = _EMPTY


class _AnyValue(msgspec.Struct, rename="camel", gc=False):
    string_value: Any = None
    bool_value: Any = None
    int_value: Any = None
    double_value: Any = None


class _Resource(msgspec.Struct):
    attributes: list[_KeyValue] | None = None


class _Scope(msgspec.Struct):
    name: str = ""


class _Data(msgspec.Struct, rename="camel"):
    data_points: list[msgspec.Raw] | None = None
    aggregation_temporality: Any = 0
    is_monotonic: Any = False


class _Metric(msgspec.Struct, rename="camel"):
    name: str = ""
    unit: str = ""
    sum: _Data | None = None
    histogram: _Data | None = None
    exponential_histogram: _Data | None = None
    gauge: _Data | None = None
    summary: _Data | None = None


class _ScopeMetrics(msgspec.Struct):
    scope: msgspec.Raw = _EMPTY
    metrics: list[_Metric] | None = None


class _ResourceMetrics(msgspec.Struct, rename="camel"):
    resource: msgspec.Raw = _EMPTY
    scope_metrics: list[_ScopeMetrics] | None = None


class _Request(msgspec.Struct, rename="camel"):
    resource_metrics: list[_ResourceMetrics] | None = None


class _Buckets(msgspec.Struct, rename="camel"):
    offset: Any = 0
    bucket_counts: list[Any] | None = None


class _Point(msgspec.Struct, rename="camel"):
    attributes: list[_KeyValue] | None = None
    start_time_unix_nano: Any = 0
    time_unix_nano: Any = 0
    flags: Any = 0
    as_double: Any = None
    as_int: Any = None
    count: Any = 0
    sum: Any = None
    bucket_counts: list[Any] | None = None
    explicit_bounds: list[Any] | None = None
    scale: Any = 0
    zero_count: Any = 0
    positive: _Buckets | None = None
    negative: _Buckets | None = None


_FORMS = ("sum", "histogram", "exponential_histogram", "gauge", "summary")
_ONE_WAY = msgspec.json.Encoder(order="sorted")
_RESOURCES = msgspec.json.Decoder(_Resource)
_SCOPES = msgspec.json.Decoder(_Scope | None)
_REQUESTS = msgspec.json.Decoder(_Request)
_POINTS = msgspec.json.Decoder(_Point)
_VALUES = msgspec.json.Decoder(_AnyValue)


def read(body: bytes, resource_keys: Iterable[str]) -> Iterator[Metric]:
    """Give the metrics of a request.

    Args:
        body: Its bytes.
        resource_keys: The attributes of resources to read.

    Raises:
        DecodeFailed: The body is none.
    """
    keys = frozenset(resource_keys)
    for resource_metrics in _decoded(_REQUESTS, body).resource_metrics or ():
        raw = resource_metrics.resource
        pairs = (_decoded(_RESOURCES, raw) if raw != b"null" else _Resource()).attributes or ()
        resource, resource_identity = _attributes(pairs, keys), _identity(pairs)
        for scope_metrics in resource_metrics.scope_metrics or ():
            origin = resource_identity + b"\0" + _one_way(scope_metrics.scope)
            scope = _decoded(_SCOPES, scope_metrics.scope)
            for metric in scope_metrics.metrics or ():
                form = next((form for form in _FORMS if getattr(metric, form)), "gauge")
                data = getattr(metric, form) or _Data()
                yield Metric(
                    resource=resource,
                    scope=scope.name if scope else "",
                    origin=origin,
                    name=metric.name,
                    unit=metric.unit,
                    temporality=_temporality(data.aggregation_temporality),
                    monotonic=data.is_monotonic is True,
                    samples=data.data_points or (),
                    read=partial(_sample, form),
                    alone=partial(_alone, raw, scope_metrics.scope, metric, form),
                )


def _alone(
    resource: msgspec.Raw, scope: msgspec.Raw, metric: _Metric, form: str, sample: bytes
) -> bytes:
    """Make a request of one sample."""
    data = msgspec.structs.replace(getattr(metric, form), data_points=[msgspec.Raw(sample)])
    only = {"name": metric.name, "unit": metric.unit, _name_of(form): data}
    scopes = [{"scope": scope, "metrics": [only]}]
    return msgspec.json.encode(
        {"resourceMetrics": [{"resource": resource, "scopeMetrics": scopes}]}
    )


def _name_of(form: str) -> str:
    return "exponentialHistogram" if form == "exponential_histogram" else form


def _sample(form: str, raw: bytes, keys: frozenset[str]) -> Sample:
    point = _decoded(_POINTS, raw)
    pairs = point.attributes or ()
    common: dict[str, Any] = {
        "attributes": _attributes(pairs, keys),
        "identity": _identity(pairs),
        "start_ns": _whole(point.start_time_unix_nano),
        "time_ns": _whole(point.time_unix_nano),
        "flags": _whole(point.flags),
    }
    if form == "histogram":
        return Sample(
            **common,
            calls=_whole(point.count),
            total=_real(point.sum),
            bounds=[_bound(bound) for bound in point.explicit_bounds or ()],
            counts=[_whole(count) for count in point.bucket_counts or ()],
        )
    if form == "exponential_histogram":
        return Sample(
            **common,
            calls=_whole(point.count),
            total=_real(point.sum),
            buckets=_buckets(point),
        )
    given = point.as_double if point.as_int is None else point.as_int
    return Sample(**common, calls=None, total=_real(given))


def _buckets(point: _Point) -> Buckets:
    positive, negative = point.positive or _Buckets(), point.negative or _Buckets()
    return Buckets(
        scale=_whole(point.scale),
        first=_whole(positive.offset),
        counts=[_whole(count) for count in positive.bucket_counts or ()],
        zeros=_whole(point.zero_count),
        negative=any(_whole(count) for count in negative.bucket_counts or ()),
    )


def _attributes(pairs: Sequence[_KeyValue], keys: Collection[str]) -> dict[str, Value]:
    return {pair.key: _value(_decoded(_VALUES, pair.value)) for pair in pairs if pair.key in keys}


def _value(value: _AnyValue) -> Value:
    """Give a scalar; integers may be written as text."""
    for found in (value.string_value, value.bool_value):
        if isinstance(found, (str, bool)):
            return found
    if value.int_value is not None:
        return whole(value.int_value) if isinstance(value.int_value, (str, int, float)) else None
    return _real(value.double_value)


def _identity(pairs: Iterable[_KeyValue]) -> bytes:
    """Give all attributes in one form, whatever their order and the spaces in them."""
    return _ONE_WAY.encode(sorted((pair.key, _one_way(pair.value)) for pair in pairs))


def _one_way(raw: msgspec.Raw) -> bytes:
    try:
        return _ONE_WAY.encode(msgspec.json.decode(raw))
    except _UNREADABLE as fault:
        raise DecodeFailed("not_otlp_json", str(fault)) from None


def _temporality(given: Any) -> Temporality:
    if isinstance(given, str) and given in _TEMPORALITIES:
        return _TEMPORALITIES[given]
    known = whole(given) if isinstance(given, (str, int)) else 0
    return Temporality(known) if known in {1, 2} else Temporality.UNSPECIFIED


def _whole(given: Any) -> int:
    """Read a whole number; absent is zero, as protobuf has it.

    Raises:
        DecodeFailed: It is something else.
    """
    if given is None:
        return 0
    found = whole(given) if isinstance(given, (str, int, float)) else None
    if found is None:
        raise DecodeFailed("not_otlp_json", "a data point holds no number where one must be")
    return found


def _real(given: Any) -> float | None:
    if isinstance(given, str) and given in _NO_NUMBERS:
        return _NO_NUMBERS[given]
    return real(given) if isinstance(given, (str, int, float)) else None


def _bound(given: Any) -> float:
    found = _real(given)
    if found is None:
        raise DecodeFailed("not_otlp_json", "a bound of a data point is no number")
    return found


def _decoded(decoder: Any, raw: Any) -> Any:
    try:
        return decoder.decode(raw)
    except _UNREADABLE as fault:
        raise DecodeFailed("not_otlp_json", str(fault)) from None
