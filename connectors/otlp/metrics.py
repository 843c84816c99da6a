"""OTLP metrics to points: what clients count and time of their requests to models."""

from __future__ import annotations

import hashlib
from collections import Counter
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from connectors.otlp import metrics_json, metrics_protobuf
from connectors.otlp.dialects import dialect_of
from connectors.otlp.samples import NO_RECORDED_VALUE, Temporality
from connectors.otlp.spans import RESOURCE_KEYS
from optimizer.errors import DecodeFailed
from optimizer.observe.aliases import ALIASES, PARAMETERS, WORDS
from optimizer.observe.figures import MAX_END_NS
from optimizer.observe.histograms import (
    LEAST_SCALE,
    MOST_BUCKETS,
    MOST_NS,
    MOST_SCALE,
    SECOND_NS,
    Histogram,
    explicit,
    exponential,
)
from optimizer.observe.observer import Decoded, Refusal
from optimizer.observe.points import UNCOUNTED, Measure, Point
from optimizer.observe.values import first, text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from connectors.otlp.samples import Metric, Sample
    from optimizer.observe.normalize import Normalizer
    from optimizer.observe.readings import Kind
    from optimizer.observe.values import Value

DURATIONS = ("gen_ai.client.operation.duration", "gen_ai.client.inference.duration")
TOKENS = "gen_ai.client.token.usage"
SORT = "gen_ai.token.type"
# What `gen_ai.token.type` says, the second of each as early conventions had it.
SORTS = {
    "input": Measure.TOKENS_IN,
    "prompt": Measure.TOKENS_IN,
    "output": Measure.TOKENS_OUT,
    "completion": Measure.TOKENS_OUT,
}
COUNTERS = {
    "gen_ai.client.inference.usage.input_tokens": Measure.TOKENS_IN,
    "gen_ai.client.inference.usage.output_tokens": Measure.TOKENS_OUT,
    "gen_ai.client.inference.usage.cache_read.input_tokens": Measure.TOKENS_CACHED,
}
READ = frozenset((*DURATIONS, TOKENS, *COUNTERS))
# What took the place of a metric. Who writes both while it changes over says everything twice.
NEWER = {DURATIONS[0]: DURATIONS[1], TOKENS: "gen_ai.client.inference.usage.input_tokens"}
UNITS_NS = {"s": SECOND_NS, "": SECOND_NS, "ms": 1_000_000, "us": 1000, "ns": 1}
OPERATION = "gen_ai.operation.name"
KEYS = frozenset((SORT, *(key for name in (*WORDS, *PARAMETERS) for key in ALIASES[name])))
MOST_CALLS = 1 << 31
MOST_TOTAL = 1e18
MOST_KINDS = 65_536


class _Refused(Exception):
    """A data point that cannot be used."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


class _What(NamedTuple):
    """What a metric measures: tokens, or durations in units of so many nanoseconds."""

    unit_ns: int
    measure: Measure | None


class MetricsDecoder:
    """Reads OTLP metrics of one source.

    Args:
        normalizer: Reads what calls are, as for spans, and prices them.
    """

    def __init__(self, normalizer: Normalizer) -> None:
        self._normalizer = normalizer
        self._resource_keys = (*RESOURCE_KEYS, *normalizer.identities.resource_keys)
        self._kinds: dict[tuple[object, ...], Kind | None] = {}
        self._rates: dict[tuple[int, int], tuple[int, ...] | None] = {}

    def decode(self, body: bytes) -> Decoded:
        """Read one record: an `ExportMetricsServiceRequest`, protobuf or JSON.

        Returns:
            Its points in their order; the data points that are meant for us but cannot be used,
            each as a request of its own; and the counts `points` (all data points),
            `other_points` (of other metrics, or of what is no request to a model),
            `points_doubled` (of a metric beside the one that took its place),
            `points_shadowed` (of routes whose calls another producer reports) and `points_empty`
            (that mark the end of a series).

        Raises:
            DecodeFailed: Nothing of it can be read.
        """
        points: list[Point] = []
        refused: list[Refusal] = []
        counts: Counter[str] = Counter()
        metrics = list(self._metrics(body))
        told = {(metric.origin, metric.name) for metric in metrics}
        for metric in metrics:
            counts["points"] += len(metric.samples)
            if metric.name not in READ:
                counts["other_points"] += len(metric.samples)
                continue
            if (metric.origin, NEWER.get(metric.name)) in told:
                counts["points_doubled"] += len(metric.samples)
                continue
            for sample in metric.samples:
                try:
                    point = self._point(metric, bytes(sample))
                except (_Refused, DecodeFailed) as fault:
                    detail = str(fault).removeprefix(f"{fault.reason}: ")
                    refused.append(Refusal(fault.reason, detail, metric.alone(bytes(sample))))
                    continue
                if isinstance(point, str):
                    counts[point] += 1
                else:
                    points.append(point)
        return Decoded(None, refused, counts, points=points)

    def _metrics(self, body: bytes) -> Iterator[Metric]:
        if body[:1] == b"{":
            return metrics_json.read(body, self._resource_keys)
        if body[:1] in {b"", b"\x0a"}:
            return metrics_protobuf.read(body, self._resource_keys)
        detail = f"begins with {body[:4].hex()}: must be protobuf (0a) or JSON (7b)"
        raise DecodeFailed("not_otlp", detail)

    def _point(self, metric: Metric, raw: bytes) -> Point | str:
        """Read a data point; the name of its count when it is none of ours."""
        sample = metric.read(raw, KEYS)
        what = _what(metric, sample.attributes)
        kind = self._kind(sample.attributes, metric)
        if kind is None or what.measure is None:
            return "other_points"
        if kind.shadowed:
            return "points_shadowed"
        if sample.flags & NO_RECORDED_VALUE:
            return "points_empty"
        cumulative = _checked_times(metric, sample)
        content = b"\0".join((metric.origin, metric.name.encode(), sample.identity))
        return Point(
            stream=hashlib.blake2b(content, digest_size=16).digest(),
            start_ns=sample.start_ns,
            time_ns=sample.time_ns,
            cumulative=cumulative,
            key=kind.key,
            measure=what.measure,
            failed=bool(kind.error_type),
            calls=_calls(sample, what.measure),
            total=_total(sample, what.unit_ns),
            histogram=_histogram(sample, what),
            rate_pusd=self._rate(kind, what.measure, sample.time_ns),
            alone=partial(metric.alone, raw),
        )

    def _kind(self, attributes: Mapping[str, Value], metric: Metric) -> Kind | None:
        """Read what the calls of a point are; a point that names no operation is of requests."""
        # With types, for 1 == 1.0 == True; what is no scalar is None and cannot matter.
        content = tuple(
            tuple(sorted((name, type(value).__name__, str(value)) for name, value in each.items()))
            for each in (attributes, metric.resource)
        )
        asked = (*content, metric.scope)
        if asked not in self._kinds:
            if len(self._kinds) >= MOST_KINDS:
                self._kinds.clear()
            named = first(attributes, ALIASES["operation"], text) is not None
            given = attributes if named else {**attributes, OPERATION: "chat"}
            producer = dialect_of(metric.scope).producer
            self._kinds[asked] = self._normalizer.kind(given, metric.resource, producer)
        return self._kinds[asked]

    def _rate(self, kind: Kind, measure: Measure, at_ns: int) -> int | None:
        """Give what a token adds to the cost, by the prices of short contexts."""
        if measure is Measure.CALLS:
            return None
        asked = (kind.priced.history, at_ns)
        if asked not in self._rates:
            if len(self._rates) >= MOST_KINDS:
                self._rates.clear()
            self._rates[asked] = self._normalizer.prices.first_tier(*asked)
        rates = self._rates[asked]
        if rates is None:
            return None
        into, out, cached, _ = rates
        # Cached tokens are among those in, and were priced as such there.
        return {
            Measure.TOKENS_IN: into,
            Measure.TOKENS_OUT: out,
            Measure.TOKENS_CACHED: cached - into,
        }[measure]


def _what(metric: Metric, attributes: Mapping[str, Value]) -> _What:
    if metric.name in DURATIONS:
        unit_ns = UNITS_NS.get(metric.unit)
        if unit_ns is None:
            raise _Refused(
                "unknown_unit", f"{metric.name} is in {metric.unit[:20]!r}: must be in s"
            )
        return _What(unit_ns, Measure.CALLS)
    if metric.name in COUNTERS:
        if not metric.monotonic:
            raise _Refused("not_monotonic", f"{metric.name} must be a monotonic sum")
        return _What(1, COUNTERS[metric.name])
    return _What(1, SORTS.get(text(attributes.get(SORT)) or ""))


def _checked_times(metric: Metric, sample: Sample) -> bool:
    """Check since when and until when a point counts; tell whether it is cumulative."""
    if metric.temporality is Temporality.UNSPECIFIED:
        raise _Refused("unknown_temporality", "aggregation temporality must be delta or cumulative")
    if not 0 < sample.time_ns <= MAX_END_NS or not 0 <= sample.start_ns <= sample.time_ns:
        times = f"from {sample.start_ns} to {sample.time_ns} ns"
        raise _Refused("absurd_time", f"{times}: must be in order and before 2116")
    return metric.temporality is Temporality.CUMULATIVE


def _calls(sample: Sample, measure: Measure) -> int:
    if sample.calls is None:
        if measure is Measure.CALLS:
            raise _Refused("no_histogram", "durations must be a histogram")
        return UNCOUNTED
    if not 0 <= sample.calls < MOST_CALLS:
        raise _Refused("absurd_value", f"count is {sample.calls}: must be in 0 to {MOST_CALLS}")
    return sample.calls


def _total(sample: Sample, unit_ns: int) -> int:
    if sample.total is None:
        if sample.calls == 0:
            return 0
        raise _Refused("no_sum", "the sum is not told")
    if not 0 <= sample.total * unit_ns <= MOST_TOTAL:  # false for NaN
        raise _Refused("absurd_value", f"sum is {sample.total:g}: must be from 0 on")
    return round(sample.total * unit_ns)


def _histogram(sample: Sample, what: _What) -> Histogram | None:
    """Read the buckets of durations; None where there are none, or they are of tokens."""
    if what.measure is not Measure.CALLS:
        return None
    if sample.buckets is not None:
        buckets = sample.buckets
        _check_counts(sample, [*buckets.counts, buckets.zeros])
        if buckets.negative or not LEAST_SCALE <= buckets.scale <= MOST_SCALE:
            raise _Refused("absurd_buckets", f"buckets of scale {buckets.scale}, or below zero")
        if abs(buckets.first) > 1 << 31 or what.unit_ns != SECOND_NS:
            raise _Refused("absurd_buckets", "exponential buckets must be of seconds")
        return exponential(buckets.scale, buckets.first, buckets.counts, buckets.zeros)
    if not sample.counts:
        return None
    _check_counts(sample, sample.counts)
    return explicit(_bounds_ns(sample, what.unit_ns), sample.counts)


def _check_counts(sample: Sample, counts: Sequence[int]) -> None:
    if len(counts) > MOST_BUCKETS:
        raise _Refused("absurd_buckets", f"{len(counts)} buckets: must be {MOST_BUCKETS} at most")
    if min(counts) < 0 or sum(counts) != sample.calls:
        raise _Refused("absurd_buckets", f"buckets hold {sum(counts)} of {sample.calls}")


def _bounds_ns(sample: Sample, unit_ns: int) -> list[int]:
    bounds = sample.bounds or ()
    rising = all(low < high for low, high in pairwise(bounds))  # false where one is NaN
    if len(bounds) != len(sample.counts) - 1 or not rising:
        raise _Refused("absurd_buckets", "bounds must rise, one fewer than buckets")
    return [round(min(max(bound * unit_ns, -1), MOST_NS)) for bound in bounds]
