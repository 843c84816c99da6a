"""An application that exports metrics through OpenTelemetry's own SDK; its clock is an argument.

The SDK reads the computer's clock. What it stamps is moved to the time of the story: the instant of
an export becomes the instant that the story says, and what lies between two stays between them.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, Any, NamedTuple

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.sdk.metrics import Counter, Histogram, MeterProvider
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    ExponentialHistogram,
    InMemoryMetricReader,
    Sum,
)
from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation, View
from opentelemetry.sdk.resources import Resource

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SECOND = 1_000_000_000
ADVISED_S = tuple(0.01 * 2**k for k in range(14))
ADVISED_TOKENS = tuple(4.0**k for k in range(14))


class Request(NamedTuple):
    """A call of the application.

    Attributes:
        at_s: When it ended, seconds of the story.
        seconds: How long it took; a multiple of 1/512, so that no sum is rounded.
        tokens_in: Input tokens.
        tokens_out: Output tokens.
        failed: It ended in an error, and told no tokens.
        model: The model asked.
    """

    at_s: float
    seconds: float
    tokens_in: int = 100
    tokens_out: int = 10
    failed: bool = False
    model: str = "gpt-4o"


class App:
    """One process with the instruments that the conventions ask for.

    Args:
        service: Its name.
        start_ns: When it begins in the story.
        delta: It exports what came since the export before, else since its start.
        exponential: Its durations go into exponential buckets, else into the advised ones.
        advised: Else into the SDK's own, which are made for milliseconds.
    """

    def __init__(
        self,
        service: str,
        start_ns: int,
        *,
        delta: bool,
        exponential: bool = False,
        advised: bool = True,
    ) -> None:
        kind = AggregationTemporality.DELTA if delta else AggregationTemporality.CUMULATIVE
        self._reader = InMemoryMetricReader(preferred_temporality={Histogram: kind, Counter: kind})
        views = [
            View(instrument_name="*.duration", aggregation=ExponentialBucketHistogramAggregation())
        ]
        provider = MeterProvider(
            metric_readers=[self._reader],
            resource=Resource({"service.name": service}),
            views=views if exponential else [],
            shutdown_on_exit=False,
        )
        meter = provider.get_meter("app")
        self._durations = meter.create_histogram(
            "gen_ai.client.operation.duration",
            unit="s",
            explicit_bucket_boundaries_advisory=ADVISED_S if advised else None,
        )
        self._tokens = meter.create_histogram(
            "gen_ai.client.token.usage",
            unit="{token}",
            explicit_bucket_boundaries_advisory=ADVISED_TOKENS,
        )
        self._ticks = meter.create_counter("app.ticks")  # so that no export is empty
        self._instants = [(0, start_ns)]  # of the SDK and of the story

    def call(self, request: Request) -> None:
        """Measure a call."""
        named = {"gen_ai.operation.name": "chat", "gen_ai.request.model": request.model}
        if request.failed:
            self._durations.record(request.seconds, {**named, "error.type": "Timeout"})
            return
        self._durations.record(request.seconds, named)
        for sort, tokens in (("input", request.tokens_in), ("output", request.tokens_out)):
            self._tokens.record(tokens, {**named, "gen_ai.token.type": sort})

    def export(self, now_ns: int) -> bytes:
        """Give what is exported at an instant of the story; protobuf."""
        self._ticks.add(1)
        request = ExportMetricsServiceRequest()
        data = self._reader.get_metrics_data()
        for resource_metrics in data.resource_metrics if data else ():
            of_resource = request.resource_metrics.add()
            of_resource.resource.attributes.extend(
                _attributes(resource_metrics.resource.attributes)
            )
            for scope_metrics in resource_metrics.scope_metrics:
                of_scope = of_resource.scope_metrics.add()
                of_scope.scope.name = scope_metrics.scope.name
                for metric in scope_metrics.metrics:
                    self._write(metric, of_scope.metrics.add(), now_ns)
        return request.SerializeToString()

    def _write(self, metric: Any, written: Any, now_ns: int) -> None:
        written.name, written.unit = metric.name, metric.unit or ""
        match metric.data:
            case Sum():
                form = written.sum
                form.is_monotonic = metric.data.is_monotonic
            case ExponentialHistogram():
                form = written.exponential_histogram
            case _:
                form = written.histogram
        form.aggregation_temporality = metric.data.aggregation_temporality.value
        for point in metric.data.data_points:
            if point.time_unix_nano > self._instants[-1][0]:
                self._instants.append((point.time_unix_nano, now_ns))
            _write_point(point, form.data_points.add())
        for point in form.data_points:
            point.start_time_unix_nano = self._moved(point.start_time_unix_nano)
            point.time_unix_nano = self._moved(point.time_unix_nano)

    def _moved(self, instant_ns: int) -> int:
        """Give the instant of the story for one of the SDK."""
        after = bisect_left(self._instants, (instant_ns, 0))
        known, told = self._instants[after]
        if known == instant_ns:
            return told
        before, began = self._instants[after - 1]
        return began + min(instant_ns - before, SECOND) if before else began


def _write_point(point: Any, written: Any) -> None:
    written.attributes.extend(_attributes(point.attributes))
    written.start_time_unix_nano = point.start_time_unix_nano
    written.time_unix_nano = point.time_unix_nano
    if hasattr(point, "value"):
        written.as_int = point.value
        return
    written.count, written.sum = point.count, point.sum
    if hasattr(point, "scale"):
        written.scale, written.zero_count = point.scale, point.zero_count
        written.positive.offset = point.positive.offset
        written.positive.bucket_counts.extend(point.positive.bucket_counts)
        return
    written.bucket_counts.extend(point.bucket_counts)
    written.explicit_bounds.extend(point.explicit_bounds)


def _attributes(given: Mapping[str, Any]) -> Iterator[KeyValue]:
    for key, value in given.items():
        pair = KeyValue(key=key)
        pair.value.string_value = str(value)
        yield pair
