"""Evaluations among OTLP log records, protobuf and JSON alike."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from google.protobuf import json_format
from hypothesis import given, settings as hypothesis_settings, strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from connectors.decoding import RecordDecoder
from connectors.prices.table import TablePrices
from optimizer.errors import DecodeFailed
from optimizer.judgements import Judge, Judgement
from optimizer.observe.columns import Record, RecordKind
from optimizer.observe.keys import KeyTable
from optimizer.observe.links import response_link, span_link, trace_link
from optimizer.observe.observer import Decoded
from optimizer.settings import Settings, validate

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
TIME_NS = 1_800_000_000 * 10**9
SETTINGS = validate(
    {
        "input": {"tenant": "acme"},
        "scores": [
            {"name": "faithfulness", "min": 0, "max": 10, "judge": "llm", "labels": {"bad": 0}}
        ],
        "attribution": {"index": "responses"},
    }
)
RESULT = "gen_ai.evaluation.result"
NAME, VALUE = "gen_ai.evaluation.name", "gen_ai.evaluation.score.value"
LABEL, RESPONSE = "gen_ai.evaluation.score.label", "gen_ai.response.id"
GOOD: dict[str, Any] = {NAME: "faithfulness", VALUE: 7.5}


def a_log(
    attributes: dict[str, Any], *, event: str = RESULT, trace: str = TRACE, span: str = SPAN
) -> Any:
    return {"attributes": attributes, "event": event, "trace": trace, "span": span}


def a_request(*logs: Any, service: str = "shop") -> ExportLogsServiceRequest:
    request = ExportLogsServiceRequest()
    resource_logs = request.resource_logs.add()
    _add(resource_logs.resource.attributes, {"service.name": service, "secret": "not kept"})
    records = resource_logs.scope_logs.add()
    records.scope.name = "judges"
    for log in logs:
        record = records.log_records.add(
            time_unix_nano=TIME_NS,
            event_name=log["event"],
            trace_id=bytes.fromhex(log["trace"]),
            span_id=bytes.fromhex(log["span"]),
        )
        _add(record.attributes, log["attributes"])
    return request


def _add(attributes: Any, values: dict[str, Any]) -> None:
    fields = {str: "string_value", bool: "bool_value", int: "int_value", float: "double_value"}
    for key, value in values.items():
        setattr(attributes.add(key=key).value, fields[type(value)], value)


def as_json(request: ExportLogsServiceRequest) -> bytes:
    """OTLP/JSON, whose ids are hexadecimal where protobuf's own JSON has Base64."""
    content = json_format.MessageToDict(request)
    for resource_logs, raw in zip(content["resourceLogs"], request.resource_logs, strict=True):
        for scope_logs, raw_scope in zip(resource_logs["scopeLogs"], raw.scope_logs, strict=True):
            pairs = zip(scope_logs["logRecords"], raw_scope.log_records, strict=True)
            for record, raw_record in pairs:
                record["traceId"] = raw_record.trace_id.hex()
                record["spanId"] = raw_record.span_id.hex()
    return json_format.json.dumps(content).encode()


def decoded(body: bytes, settings: Settings = SETTINGS) -> Decoded:
    record = Record("otlp_logs/0", 0, TIME_NS, RecordKind.LOGS, body)
    return RecordDecoder(settings, TablePrices({}), record.partition).decode(record, KeyTable())


def judged(log: Any, settings: Settings = SETTINGS) -> Judgement:
    read = decoded(a_request(log).SerializeToString(), settings)
    assert [each.detail for each in read.refused] == []
    (judgement,) = read.judgements
    return judgement


@pytest.mark.parametrize("form", [ExportLogsServiceRequest.SerializeToString, as_json])
def test_an_evaluation_is_a_judgement_of_the_span_it_stands_in(form: Any) -> None:
    (judgement,) = decoded(form(a_request(a_log(GOOD | {RESPONSE: "r1"})))).judgements
    assert (judgement.value, judgement.judge) == (750_000, Judge.LLM)
    assert (judgement.trace, judgement.span) == (trace_link(TRACE), span_link(SPAN))
    assert (judgement.response, judgement.time_ns) == (response_link("r1"), TIME_NS)
    assert judgement.tenant == "acme"


@pytest.mark.parametrize(
    ("attributes", "value"),
    [
        ({NAME: "faithfulness", LABEL: "bad"}, 0),
        ({NAME: "faithfulness", VALUE: 10}, 1_000_000),
        ({NAME: "grounded", VALUE: True}, 1_000_000),
    ],
)
def test_labels_whole_numbers_and_truths_are_scores_too(attributes: Any, value: int) -> None:
    assert judged(a_log(attributes)).value == value


def test_an_evaluation_without_a_span_is_found_by_its_response() -> None:
    judgement = judged(a_log(GOOD | {RESPONSE: "r1"}, trace="", span=""))
    assert (judgement.trace, judgement.span) == (0, 0)
    assert judgement.response == response_link("r1")


def test_stamps_on_the_event_echo_the_call_and_the_tenant_is_the_sources() -> None:
    stamps = {"llm.optimizer.route": "rival/shop/answer", "llm.optimizer.arm": "b"}
    stamped = a_log(GOOD | stamps | {"llm.optimizer.revision": 3, "llm.optimizer.slot": 17})
    judgement = judged(stamped)
    assert (judgement.key, judgement.slot) == (("acme/shop/answer", "b", 3, ""), 17)


def test_a_trusted_source_may_name_the_tenant_of_its_evaluations() -> None:
    source = {"source": "otlp_logs", "tenant_attribute": "service.name"}
    scores = [{"name": "faithfulness", "min": 0, "max": 10}]
    settings = validate({"sources": [source], "scores": scores})
    assert judged(a_log(GOOD), settings).tenant == "shop"


@pytest.mark.parametrize(
    ("log", "count"),
    [
        pytest.param(a_log(GOOD, event="gen_ai.choice"), "other_logs", id="another event"),
        pytest.param(a_log(GOOD, event=""), "other_logs", id="no event"),
        pytest.param(
            a_log(GOOD | {"error.type": "timeout"}), "failed_evaluations", id="a judge that failed"
        ),
        pytest.param(a_log({NAME: "faithfulness"}), "empty_evaluations", id="no score"),
    ],
)
def test_what_holds_no_score_is_counted(log: Any, count: str) -> None:
    read = decoded(a_request(log).SerializeToString())
    assert (read.judgements, read.refused) == ([], [])
    assert read.counts == {"log_records": 1, count: 1}


def test_the_name_of_the_event_may_be_an_attribute() -> None:
    assert judged(a_log(GOOD | {"event.name": RESULT}, event="")).value == 750_000


@pytest.mark.parametrize("form", [ExportLogsServiceRequest.SerializeToString, as_json])
def test_a_refused_evaluation_is_a_request_of_it_alone_that_is_refused_again(form: Any) -> None:
    bad = a_log({NAME: "unheard of", VALUE: 0.5, "gen_ai.evaluation.explanation": "why"})
    read = decoded(form(a_request(a_log(GOOD), bad, a_log(GOOD, span="00f067aa0ba902b8"))))
    assert len(read.judgements) == 2
    (refusal,) = read.refused
    assert refusal.reason == "unmapped_score"
    again = decoded(refusal.body)
    assert [each.reason for each in again.refused] == ["unmapped_score"]
    assert again.counts["log_records"] == 1
    assert b"not kept" not in refusal.body  # of a resource only what is read


@pytest.mark.parametrize("form", [ExportLogsServiceRequest.SerializeToString, as_json])
def test_what_is_kept_of_an_evaluation_reads_as_the_same(form: Any) -> None:
    (judgement,) = decoded(form(a_request(a_log(GOOD)))).judgements
    assert decoded(judgement.body).judgements == [judgement]
    assert judgement.kind == RecordKind.LOGS


def test_one_damaged_record_does_not_spoil_the_others() -> None:
    request = a_request(a_log(GOOD))
    good = request.resource_logs[0].scope_logs[0].log_records[0].SerializeToString()
    damaged = b"\x12\x02\xff\xff"  # a log record that is no message
    scope = b"\x12" + _length(good) + good + damaged
    resource = b"\x12" + _length(scope) + scope
    read = decoded(b"\x0a" + _length(resource) + resource)
    assert len(read.judgements) == 1
    (refusal,) = read.refused
    assert refusal.reason == "not_protobuf"
    assert [each.reason for each in decoded(refusal.body).refused] == ["not_protobuf"]


@pytest.mark.parametrize("label", [b"\x0a", b"\x21", b"\x0a\x05", b"\x10"])
def test_a_value_that_breaks_off_breaks_nothing(label: bytes) -> None:
    request = a_request(a_log({NAME: "faithfulness"}))
    record = request.resource_logs[0].scope_logs[0].log_records[0].SerializeToString()
    pair = b"\x0a" + _length(LABEL.encode()) + LABEL.encode() + b"\x12" + _length(label) + label
    record += b"\x32" + _length(pair) + pair
    scope = b"\x12" + _length(record) + record
    resource = b"\x12" + _length(scope) + scope
    read = decoded(b"\x0a" + _length(resource) + resource)
    assert read.counts["log_records"] == 1
    assert read.judgements == []


def _length(content: bytes) -> bytes:
    length, head = len(content), bytearray()
    while length > 127:
        head.append(length & 127 | 128)
        length >>= 7
    return bytes((*head, length))


@given(st.binary(max_size=60) | st.binary(max_size=60).map(lambda tail: b"\x0a" + tail))
@hypothesis_settings(max_examples=200)
def test_junk_is_refused_and_breaks_nothing(body: bytes) -> None:
    with suppress(DecodeFailed):
        decoded(body)
