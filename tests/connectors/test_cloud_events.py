"""CloudEvents in messages with headers become JSON that says itself what it is."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from cloudevents.core.bindings.kafka import (
    KafkaMessage,
    from_structured,
    to_binary,
    to_structured,
)
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from hypothesis import given, strategies as st

from connectors.cloud_events import structured, unwrap
from connectors.members import parsed
from optimizer.errors import OptimizerError
from tests.connectors.sentinel_shapes import ANOMALY, as_bytes

ATTRIBUTES = {
    "id": "ce-1",
    "source": "/sentinel",
    "type": "anomaly",
    "specversion": "1.0",
    "time": datetime(2026, 11, 20, 14, 3, 21, 482_000, tzinfo=UTC),
    "subject": "größer",
    "partitionkey": "acme/chat",
}
JSON = "application/json"
BINARY = [("ce_specversion", b"1.0"), ("ce_id", b"1"), ("ce_source", b"/s"), ("ce_type", b"t")]
NAMED = {"specversion": "1.0", "id": "1", "source": "/s", "type": "t"}


def an_event(data: Any, **attributes: Any) -> CloudEvent:
    return CloudEvent(attributes=ATTRIBUTES | attributes, data=data)


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        pytest.param(ANOMALY, JSON, id="json"),
        pytest.param(ANOMALY, "application/vnd.sentinel+json; charset=utf-8", id="json-suffix"),
        pytest.param(b"\x00\xff\x01", "application/octet-stream", id="bytes"),
    ],
)
def test_what_the_sdk_sends_in_binary_mode_the_sdk_reads_in_structured(
    data: Any, kind: str
) -> None:
    event = an_event(data, datacontenttype=kind)
    message = to_binary(event, JSONFormat())
    body = structured(list(message.headers.items()), message.value)
    headers = {"content-type": b"application/cloudevents+json"}
    again = from_structured(KafkaMessage(headers=headers, key=None, value=body), JSONFormat())
    assert again.get_attributes() == event.get_attributes()
    assert again.get_data() == data


def test_what_the_sdk_sends_in_structured_mode_stays_as_it_is() -> None:
    message = to_structured(an_event(ANOMALY, datacontenttype=JSON), JSONFormat())
    assert structured(list(message.headers.items()), message.value) == message.value
    wrapped = unwrap(message.value, json.loads(message.value))
    assert json.loads(wrapped.data) == ANOMALY
    assert (wrapped.id, wrapped.time) == ("/sentinel ce-1", ATTRIBUTES["time"])


@pytest.mark.parametrize(
    ("headers", "value", "event"),
    [
        pytest.param(BINARY, b'{"a":1}', NAMED | {"data": {"a": 1}}, id="json-without-a-type"),
        pytest.param(
            [(name.upper().replace("_", "-"), text.decode()) for name, text in BINARY],
            b"[1]",
            NAMED | {"data": [1]},
            id="headers-of-http-in-capitals-as-text",
        ),
        pytest.param(
            [*BINARY, ("content-type", b"text/plain")],
            b"5",
            NAMED | {"datacontenttype": "text/plain", "data_base64": "NQ=="},
            id="what-is-not-said-to-be-json-is-kept-to-the-byte",
        ),
        pytest.param(
            [*BINARY, ("Content-Type", b"application/json")],
            b"{",
            NAMED | {"datacontenttype": JSON, "data_base64": "ew=="},
            id="what-only-claims-to-be-json",
        ),
        pytest.param(BINARY, b"", NAMED, id="no-data"),
        pytest.param(
            [*BINARY, ("ce_data", b"forged"), ("ce_data_base64", b"AA=="), ("other", b"x")],
            b"1",
            NAMED | {"data": 1},
            id="a-header-is-never-the-data",
        ),
        pytest.param([*BINARY, ("ce_subject", None)], b"1", NAMED | {"data": 1}, id="empty-header"),
        pytest.param(
            [*BINARY, ("ce_subject", b"\xff")],
            b"1",
            NAMED | {"subject": "\ufffd", "data": 1},
            id="no-utf-8",
        ),
    ],
)
def test_binary_mode_becomes_structured(
    headers: list[tuple[str, str | bytes | None]], value: bytes, event: dict[str, Any]
) -> None:
    assert json.loads(structured(headers, value)) == event


@pytest.mark.parametrize(
    "headers",
    [
        None,
        [],
        [("content-type", b"application/json")],
        [("ce_id", b"1"), ("ce_type", b"t")],
        [*BINARY, ("content-type", b"application/cloudevents+json; charset=utf-8")],
        [*BINARY, ("content-type", b"application/cloudevents-batch+json")],
    ],
)
def test_any_other_message_is_its_value(headers: list[tuple[str, bytes | None]] | None) -> None:
    assert structured(headers, b" {} ") == b" {} "


def test_json_keeps_its_bytes_so_that_signatures_in_it_hold() -> None:
    value = b'{ "b": 1.50, "a": "\\u0041" }'
    body = structured(BINARY, value)
    content = parsed(body)
    assert isinstance(content, dict)
    assert unwrap(body, content).data == value == value.strip()
    assert json.loads(as_bytes(json.loads(body)))["data"] == {"b": 1.5, "a": "A"}


@given(
    headers=st.lists(
        st.tuples(
            st.sampled_from(
                [name for name, _ in BINARY] + ["content-type", "ce_time", "ce_é", "x"]
            ),
            st.none() | st.text(max_size=5) | st.binary(max_size=5),
        ),
        max_size=6,
    ),
    value=st.binary(max_size=20) | st.just(b"{}"),
)
def test_no_message_stops_the_door(headers: list[Any], value: bytes) -> None:
    body = structured(headers, value)
    if body != value:
        content = json.loads(body)
        try:
            assert unwrap(body, content).data == value
        except OptimizerError as refused:
            assert str(refused)  # noqa: PT017 - some are read, some refused; nothing else may come
