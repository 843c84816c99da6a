"""LiteLLM's proxy with the plugin inside, and its own spans in all its dialects: calls count once.

The samples are what a real proxy exported with both; `tests/samples/README.md` says how.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import TracesData

from connectors.api.console import Console
from connectors.otlp import OtlpDecoder
from connectors.prices import TablePrices
from optimizer.observe.columns import ERROR, Record, RecordKind
from optimizer.observe.identify import Claims
from optimizer.observe.keys import KeyTable
from optimizer.observe.observer import Ledger
from optimizer.observe.partition import Partition
from optimizer.observe.rules import StreamRules
from optimizer.settings import CountedProducer, Settings
from tests.otlp_oracle import as_json

SAMPLES = Path(__file__).parents[1] / "samples" / "litellm_plugin"
DIALECTS = ("default", "semconv_optin", "v2")
CALLS, FAILED, ASSIGNED = 6, 1, 5  # one more is of a group that no document steers
HOUR_NS = 3_600_000_000_000


def exported(dialect: str, *, plugin: bool = True) -> bytes:
    """Give what the proxy exported, with or without what the plugin did."""
    data = TracesData.FromString((SAMPLES / f"{dialect}.traces.pb").read_bytes())
    for resource_spans in () if plugin else data.resource_spans:
        for scope_spans in resource_spans.scope_spans:
            if scope_spans.scope.name.startswith("llm-optimizer"):
                scope_spans.ClearField("spans")
    return data.SerializeToString()


def decoder(producer: CountedProducer | None) -> OtlpDecoder:
    return OtlpDecoder(Settings(), TablePrices({}), "acme", claims=Claims(producer=producer))


@pytest.mark.parametrize("encode", [bytes, as_json], ids=["protobuf", "json"])
@pytest.mark.parametrize("dialect", DIALECTS)
def test_with_the_plugin_its_spans_count_and_those_of_litellm_do_not(dialect: str, encode) -> None:
    table = KeyTable()
    decoded = decoder(CountedProducer.OPTIMIZER).decode(encode(exported(dialect)), table)
    columns, counts = decoded.columns, decoded.counts
    assert not decoded.refused
    assert counts["calls"] == len(columns) == CALLS
    assert (columns.flags & ERROR).sum() == FAILED
    assert counts["assignments"] == ASSIGNED
    assert counts["shadowed"] >= CALLS
    assert sum(table.keys[key].revision == 1 for key in columns.key) == ASSIGNED
    assert set(decoded.assigned.call_id.tolist()) < set(columns.call_id.tolist())


@pytest.mark.parametrize("dialect", DIALECTS)
def test_without_the_plugin_the_spans_of_litellm_count(dialect: str) -> None:
    body = exported(dialect, plugin=False)
    for producer in (None, CountedProducer.LITELLM, CountedProducer.GATEWAY):
        columns = decoder(producer).decode(body, KeyTable()).columns
        assert (len(columns), (columns.flags & ERROR).sum()) == (CALLS, FAILED)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_no_call_of_a_proxy_that_ends_its_calls_hangs(dialect: str) -> None:
    partition = Partition("p", StreamRules())
    body = exported(dialect)
    decoded = decoder(CountedProducer.OPTIMIZER).decode(body, partition.table)
    stamp_ns = int(decoded.columns.end_ns.max())
    record = Record("p", 0, stamp_ns, RecordKind.OTLP, body)
    partition.take(record, decoded.columns, decoded.assigned)
    partition.reach(stamp_ns + HOUR_NS)
    counts = partition.counts
    assert (counts["counted"], counts["assignments_closed"]) == (CALLS, ASSIGNED)
    assert counts["hung"] == 0


@pytest.mark.parametrize("dialect", DIALECTS)
def test_where_both_count_it_is_said_that_calls_may_count_twice(dialect: str) -> None:
    def said(*partitions: tuple[CountedProducer | None, bytes]) -> str:
        console = Console("table", "none")
        for number, (producer, body) in enumerate(partitions):
            counts = decoder(producer).decode(body, KeyTable()).counts
            console.watch(Ledger(f"p{number}", 0, counts))
        return " ".join(console.warnings())

    both, litellm = exported(dialect), exported(dialect, plugin=False)
    assert len(decoder(None).decode(both, KeyTable()).columns) == 2 * CALLS
    for producer in (None, CountedProducer.GATEWAY):
        assert "telemetry.producer" in said((producer, both))
    assert "telemetry.producer" in said((CountedProducer.OPTIMIZER, both), (None, litellm))
    assert said((CountedProducer.OPTIMIZER, both)) == ""
    assert said((None, litellm)) == ""


@pytest.mark.parametrize(
    ("counts", "is_said"),
    [
        pytest.param([{"hung": 3, "assignments_closed": 97}], False, id="some hang"),
        pytest.param([{"hung": 60, "assignments_closed": 40}], True, id="most hang"),
        pytest.param([{"hung": 9}, {"hung": 1, "assignments_closed": 9}], True, id="in one"),
        pytest.param([{}], False, id="nobody tells of starts"),
    ],
)
def test_where_most_calls_hang_it_is_said_what_may_be_wrong(counts, is_said) -> None:
    console = Console("table", "none")
    for number, each in enumerate(counts):
        console.watch(Ledger(f"p{number}", 0, each))
    assert any("one partition" in warning for warning in console.warnings()) == is_said
