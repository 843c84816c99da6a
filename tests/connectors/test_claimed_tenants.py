"""Who owns telemetry: its source, or what a source that is trusted says; never a stamp."""

from __future__ import annotations

import json
from itertools import chain

import pytest

from connectors.codecs import to_json
from connectors.decoding import RecordDecoder
from connectors.prices import TablePrices
from optimizer.errors import DecodeFailed
from optimizer.events import EventSource, EventType, FeedbackEvent, Score
from optimizer.observe.columns import Record, RecordKind
from optimizer.observe.keys import KeyTable
from optimizer.settings import Settings, SourceSettings
from tests.builders import START
from tests.otlp_oracle import from_json
from tests.settings_probes.telemetry import a_request, a_span

TRUSTED = SourceSettings(source="spans", tenant="acme", tenant_attribute="tenant.id")
UNTRUSTED = SourceSettings(source="spans", tenant="acme")


def routes(body: bytes, *sources: SourceSettings) -> list[str]:
    """Read a request in JSON and in protobuf: the routes of its calls, which must be the same."""
    decoder, table = (
        RecordDecoder(Settings(sources=sources), TablePrices({}), "spans/0"),
        KeyTable(),
    )
    found = []
    for encoded in (body, from_json(body), from_json(body)):
        decoded = decoder.decode(Record("spans/0", 0, 0, RecordKind.OTLP, encoded), table)
        found.append([table.keys[code].route for code in decoded.columns.key])
    assert found[0] == found[1] == found[2]
    return found[0]


def with_resource(value: object, body: bytes) -> bytes:
    """Give a request whose resource has the attribute `tenant.id`."""
    content = json.loads(body)
    attributes = content["resourceSpans"][0]["resource"]["attributes"]
    attributes.append({"key": "tenant.id", "value": value})
    return json.dumps(content).encode()


@pytest.mark.parametrize(
    ("value", "route"),
    [
        pytest.param({"stringValue": "rival"}, "rival/shop/answer", id="named"),
        pytest.param({"intValue": 7}, "7/shop/answer", id="a number"),
        pytest.param({"stringValue": "a/b\n"}, "a-b/shop/answer", id="one part, printable"),
        pytest.param({"stringValue": "x" * 300}, f"{'x' * 128}/shop/answer", id="short"),
        pytest.param({"stringValue": " / "}, "-/shop/answer", id="a slash alone"),
        pytest.param({"stringValue": " "}, "acme/shop/answer", id="empty"),
        pytest.param({"boolValue": True}, "acme/shop/answer", id="no name"),
        pytest.param({}, "acme/shop/answer", id="nothing"),
    ],
)
def test_a_trusted_source_names_the_tenant_of_each_resource(value: object, route: str) -> None:
    body = with_resource(value, a_request(a_span(**{"llm.optimizer.route": "shop/answer"})))
    assert routes(body, TRUSTED) == [route]
    assert routes(body, UNTRUSTED) == ["acme/shop/answer"]


def test_resources_of_two_tenants_that_are_alike_otherwise_are_kept_apart() -> None:
    span = a_span(**{"llm.optimizer.route": "shop/answer"})
    requests = [
        json.loads(with_resource({"stringValue": name}, a_request(span)))["resourceSpans"]
        for name in ("one", "two", "one")
    ]
    body = json.dumps({"resourceSpans": [*chain.from_iterable(requests)]}).encode()
    assert routes(body, TRUSTED) == ["one/shop/answer", "two/shop/answer", "one/shop/answer"]


def test_calls_of_two_tenants_that_have_the_same_ids_are_two() -> None:
    span = a_span(**{"llm.optimizer.route": "shop/answer"})
    bodies = [
        with_resource({"stringValue": name}, a_request(span)) for name in ("one", "two", "one", "")
    ]

    def ids(source: SourceSettings, *, in_json: bool) -> list[int]:
        decoder = RecordDecoder(Settings(sources=(source,)), TablePrices({}), "spans/0")
        return [
            int(decoder.decode(record, KeyTable()).columns.call_id[0])
            for body in bodies
            for encoded in [body if in_json else from_json(body)]
            for record in [Record("spans/0", 0, 0, RecordKind.OTLP, encoded)]
        ]

    one, two, again, own = ids(TRUSTED, in_json=True)
    assert one == again
    assert len({one, two, own}) == 3
    assert ids(TRUSTED, in_json=False) == [one, two, again, own]
    assert len({*ids(UNTRUSTED, in_json=True)}) == 1


@pytest.mark.parametrize("source", [TRUSTED, UNTRUSTED])
def test_a_stamp_never_names_the_tenant(source: SourceSettings) -> None:
    assert routes(a_request(a_span(**{"llm.optimizer.route": "rival/shop/answer"})), source) == [
        "acme/shop/answer"
    ]


def a_score(route: str) -> FeedbackEvent:
    return FeedbackEvent(
        id="s1",
        timestamp=START,
        source=EventSource.USER,
        event_type=EventType.FEEDBACK,
        data=Score(route=route, arm="a", value=1),
    )


@pytest.mark.parametrize(
    ("source", "refused"), [pytest.param(TRUSTED, False), pytest.param(UNTRUSTED, True)]
)
def test_a_score_for_a_route_of_another_tenant_is_refused_unless_its_source_is_trusted(
    source: SourceSettings, *, refused: bool
) -> None:
    decoder = RecordDecoder(Settings(sources=(source,)), TablePrices({}), "spans/0")

    def decode(route: str):
        record = Record("spans/0", 0, 0, RecordKind.SCORE, to_json(a_score(route)))
        return decoder.decode(record, KeyTable()).judgements

    assert [one.key[0] for one in decode("acme/shop/answer")] == ["acme/shop/answer"]
    if refused:
        with pytest.raises(DecodeFailed, match="route is rival/shop/answer: must begin with acme/"):
            decode("rival/shop/answer")
    else:
        assert len(decode("rival/shop/answer")) == 1
