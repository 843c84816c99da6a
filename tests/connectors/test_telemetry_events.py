"""Calls as other systems write them are counted as if they had been spans."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import pytest

from connectors.decoding import RecordDecoder
from connectors.prices import open_prices
from optimizer.observe.columns import ERROR, STREAMED, Record, RecordKind
from optimizer.observe.keys import CallKey, KeyTable
from optimizer.settings import validate
from tests.connectors.sentinel_shapes import ANOMALY, as_bytes, wrapped

if TYPE_CHECKING:
    from optimizer.observe.columns import Columns
    from optimizer.observe.observer import Decoded

END_NS = 1_795_183_400_000_000_000  # 2026-11-20T14:03:20Z
PROMPT = "what nobody may keep"
TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
TELEMETRY: dict[str, Any] = {
    "event_id": "0b0f3c52-7f0e-4d5b-9a55-0b6a8d0f3c11",
    "timestamp": "2026-11-20T14:03:20Z",
    "service_name": "chat-api",
    "trace_id": TRACE,
    "span_id": SPAN,
    "model": "gpt-4o",
    "prompt": {"text": PROMPT, "tokens": 1200, "embedding": None},
    "response": {"text": PROMPT, "tokens": 24, "finish_reason": "stop", "embedding": None},
    "latency_ms": 1480.2,
    "cost_usd": 0.00324,
    "metadata": {"region": "eu-west-1"},
    "errors": [],
}
FLAT: dict[str, Any] = {
    "timestamp": "2026-11-20T14:03:20Z",
    "service_name": "chat-api",
    "model_name": "gpt-4o",
    "prompt_tokens": 1200,
    "completion_tokens": 24,
    "total_tokens": 1224,
    "latency_ms": 1480.2,
    "user_id": "u-1",
    "session_id": "s-1",
    "request_id": "r-1",
}
LLM_SPAN: dict[str, Any] = {
    "span_id": SPAN,
    "trace_id": TRACE,
    "parent_span_id": None,
    "name": "llm.chat",
    "provider": "openai",
    "model": "gpt-4o",
    "input": {"type": "chat", "messages": [{"role": "user", "content": PROMPT}]},
    "output": {"content": PROMPT, "finish_reason": "stop", "metadata": {}},
    "token_usage": {"prompt_tokens": 1200, "completion_tokens": 24, "total_tokens": 1224},
    "cost": {"amount_usd": 0.00324, "currency": "USD", "prompt_cost": 0.003},
    "latency": {
        "total_ms": 1480,
        "ttft_ms": 320,
        "start_time": "2026-11-20T14:03:18.520Z",
        "end_time": "2026-11-20T14:03:20Z",
    },
    "metadata": {"user_id": None, "session_id": "s-1", "environment": "prod", "attributes": {}},
    "status": "OK",
    "attributes": {"service.name": "chat-api"},
    "events": [],
}
SHAPES = {"telemetry": TELEMETRY, "flat": FLAT, "llm_span": LLM_SPAN}


def decoded(content: Any, **prices: Any) -> tuple[Decoded, KeyTable]:
    settings = validate({"input": {"tenant": "acme"}, "prices": prices})
    decoder = RecordDecoder(settings, open_prices(settings.prices), "events")
    table = KeyTable()
    record = Record("events", 0, END_NS, RecordKind.EVENT, as_bytes(content))
    return decoder.decode(record, table), table


def the_call(content: Any, **prices: Any) -> tuple[Columns, CallKey]:
    found, table = decoded(content, **prices)
    assert not found.refused, found.refused
    assert found.columns is not None
    assert len(found.columns) == 1
    assert (found.counts["events"], found.counts["call_events"], found.counts["calls"]) == (1, 1, 1)
    return found.columns, table.keys[int(found.columns.key[0])]


@pytest.mark.parametrize("name", SHAPES)
def test_a_call_is_read_with_its_times_tokens_and_price(name: str) -> None:
    rows, key = the_call(SHAPES[name])
    latency_ns = 1_480_000_000 if name == "llm_span" else 1_480_200_000
    assert key.route == "acme/chat-api/default"
    assert (int(rows.end_ns[0]), int(rows.latency_ns[0])) == (END_NS, latency_ns)
    assert (int(rows.tokens_in[0]), int(rows.tokens_out[0])) == (1200, 24)
    assert int(rows.cost_nusd[0]) == 3_240_000  # gpt-4o: 2.5 and 10 dollars a million


@pytest.mark.parametrize("name", ["telemetry", "llm_span"])
def test_what_it_is_said_to_cost_counts_only_where_that_is_trusted(name: str) -> None:
    changed = {"cost_usd": 0.5} if name == "telemetry" else {"cost": {"amount_usd": 0.5}}
    content = SHAPES[name] | changed
    assert int(the_call(content)[0].cost_nusd[0]) == 3_240_000
    assert int(the_call(content, trust_reported=True)[0].cost_nusd[0]) == 500_000_000
    euros = LLM_SPAN | {"cost": {"amount_usd": 0.5, "currency": "EUR"}}
    assert int(the_call(euros, trust_reported=True)[0].cost_nusd[0]) == 3_240_000


def test_a_streamed_call_has_a_time_to_the_first_token() -> None:
    rows, _ = the_call(LLM_SPAN)
    assert (int(rows.ttft_ns[0]), int(rows.flags[0])) == (320_000_000, STREAMED)
    rows, _ = the_call(LLM_SPAN | {"latency": LLM_SPAN["latency"] | {"ttft_ms": None}})
    assert (int(rows.ttft_ns[0]), int(rows.flags[0])) == (-1, 0)


@pytest.mark.parametrize(
    "content", [TELEMETRY | {"errors": ["timeout"]}, LLM_SPAN | {"status": "ERROR"}]
)
def test_a_call_that_failed_is_an_error(content: dict[str, Any]) -> None:
    assert int(the_call(content)[0].flags[0]) & ERROR


def test_the_same_call_told_twice_or_in_two_shapes_has_one_id() -> None:
    ids = {int(the_call(content)[0].call_id[0]) for content in (TELEMETRY, LLM_SPAN, TELEMETRY)}
    assert len(ids) == 1
    assert int(the_call(FLAT)[0].call_id[0]) == int(the_call(FLAT)[0].call_id[0])
    other = the_call(FLAT | {"request_id": "r-2"})[0].call_id[0]
    assert int(other) != int(the_call(FLAT)[0].call_id[0])
    odd = TELEMETRY | {"trace_id": "no hexadecimal id", "span_id": None}
    assert int(the_call(odd)[0].call_id[0]) == int(the_call(odd)[0].call_id[0])


@pytest.mark.parametrize(
    "content",
    [
        TELEMETRY | {"metadata": {"llm.optimizer.route": "answer", "llm.optimizer.arm": "b"}},
        LLM_SPAN
        | {"attributes": {"llm.optimizer.route": "chat-api/answer", "llm.optimizer.arm": "b"}},
        LLM_SPAN
        | {"attributes": {"service.name": "chat-api", "llm.optimizer.route": "answer"}}
        | {"metadata": {"attributes": {"llm.optimizer.arm": "b"}}},
    ],
)
def test_stamps_are_taken_as_those_of_spans(content: dict[str, Any]) -> None:
    _, key = the_call(content)
    assert (key.route, key.arm) == ("acme/chat-api/answer", "b")


def test_without_an_end_the_start_and_the_length_tell_it() -> None:
    latency = {name: LLM_SPAN["latency"][name] for name in ("total_ms", "start_time")}
    rows, _ = the_call(LLM_SPAN | {"latency": latency})
    assert (int(rows.end_ns[0]), int(rows.latency_ns[0])) == (END_NS, 1_480_000_000)
    rows, _ = the_call(LLM_SPAN | {"latency": {"total_ms": 1480}})  # its record says when
    assert (int(rows.end_ns[0]), int(rows.latency_ns[0])) == (END_NS, 1_480_000_000)


def test_embeddings_are_told_by_their_input() -> None:
    usage = {"prompt_tokens": 1200}
    rows, _ = the_call(LLM_SPAN | {"input": {"type": "embedding"}, "token_usage": usage})
    assert int(rows.tokens_out[0]) == 0


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (TELEMETRY | {"latency_ms": None}, "latency_ms: must be told"),
        (TELEMETRY | {"latency_ms": -1}, "latency_ms is -1"),
        (TELEMETRY | {"latency_ms": 1e300}, "latency_ms is 1e+300"),
        (TELEMETRY | {"timestamp": "noon"}, "timestamp"),
        (TELEMETRY | {"model": 5}, "model: must be text"),
        (TELEMETRY | {"prompt": "text"}, "prompt: must be a JSON object"),
        (FLAT | {"request_id": None}, "event_id: must be told"),
        (LLM_SPAN | {"provider": 5}, "provider: must be text"),
        (LLM_SPAN | {"latency": {"total_ms": "long"}}, "latency.total_ms: must be a number"),
    ],
)
def test_what_cannot_be_a_call_is_refused_by_name(content: dict[str, Any], words: str) -> None:
    found, _ = decoded(content)
    ((reason, detail, body, kind),) = found.refused
    assert (reason, body, kind) == ("invalid_event", as_bytes(content), None)
    assert words in detail


def test_what_no_span_could_be_is_refused_as_a_span_that_can_be_read_again() -> None:
    found, _ = decoded([TELEMETRY, TELEMETRY | {"prompt": {"tokens": 10**12}, "span_id": None}])
    assert found.columns is not None
    assert len(found.columns) == 1
    (letter,) = found.refused
    assert (letter.reason, letter.kind) == ("absurd_tokens", RecordKind.OTLP)
    assert PROMPT.encode() not in letter.body


def test_calls_and_anomalies_come_in_one_list_and_in_cloud_events() -> None:
    found, table = decoded([LLM_SPAN, ANOMALY, wrapped(FLAT), {"x": 1}])
    assert found.columns is not None
    assert len(found.columns) == 2
    assert {table.keys[code].route for code in found.columns.key} == {"acme/chat-api/default"}
    assert len(found.events) == len(found.refused) == 1
    assert (found.counts["events"], found.counts["call_events"]) == (4, 2)


def test_a_call_of_the_future_is_set_aside_without_its_content() -> None:
    encoded = base64.b64encode(as_bytes(TELEMETRY)).decode()
    event = {name: value for name, value in wrapped(None).items() if name != "data"}
    found, _ = decoded(event | {"data_base64": encoded})
    assert found.columns is not None
    assert found.columns.raw is not None
    again = json.loads(found.columns.raw(0))
    assert "resourceSpans" in again
    assert PROMPT not in str(again)
