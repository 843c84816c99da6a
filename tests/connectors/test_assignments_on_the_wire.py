"""What a span may say that tells of a call when it starts, and what becomes of it."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.otlp import OtlpDecoder
from connectors.prices import TablePrices
from optimizer.observe.columns import ERROR
from optimizer.observe.identify import Claims
from optimizer.observe.keys import CallKey, KeyTable
from optimizer.observe.observer import Decoded
from optimizer.observe.stamps import Stamp, StampReader, sign
from optimizer.settings import CountedProducer, Settings, StampCheck
from tests.otlp_oracle import from_json
from tests.settings_probes.telemetry import START_S, a_request, a_span

SECOND_NS = 1_000_000_000
KEY = "the key of all stamps"
STAMP = Stamp("acme", "help", "small", "short", 3, 7)
BOTH = pytest.mark.parametrize("encode", [bytes, from_json], ids=["json", "protobuf"])


def started(signature: str = "", patience_ms: object = 8000, **other: Any) -> dict[str, Any]:
    """A sound span of a call that started, but for what is changed."""
    names = ("route", "arm", "cell", "revision", "slot")
    given = dict(zip(names, STAMP[1:], strict=True)) | {"patience_ms": patience_ms}
    given |= {"signature": signature} if signature else {}
    told = {f"llm.optimizer.{name}": value for name, value in given.items() if value is not None}
    span = a_span(9, 1.0)
    span["attributes"] = a_span(1, **told)["attributes"][4:]  # what is of the call itself
    span |= {"name": "llm.optimizer.assignment", "parentSpanId": f"{5:016x}", **other}
    return span


def decoded(body: bytes, claims: Claims | None = None, table: KeyTable | None = None) -> Decoded:
    settings, prices = Settings(), TablePrices({})
    decoder = OtlpDecoder(settings, prices, "acme", claims=claims or Claims())
    return decoder.decode(body, KeyTable() if table is None else table)


@BOTH
def test_it_tells_of_its_parent_as_that_is_counted_if_it_hangs(encode) -> None:
    table = KeyTable()
    call = a_span(5) | {"traceId": f"{9:032x}"}
    body = a_request(started(), call, scope="llm-optimizer.plugin")
    found = decoded(encode(body), table=table)
    assert found.counts == {"spans": 2, "calls": 1, "assignments": 1} | {
        name: count for name, count in found.counts.items() if name.startswith(("unpriced", "told"))
    }
    begun = found.assigned
    assert begun.call_id.tolist() == found.columns.call_id.tolist()
    assert table.keys[begun.key[0]] == CallKey("acme/shop/help", "small", 3, "")
    assert begun.start_ns.tolist() == [START_S * SECOND_NS]
    assert begun.end_ns.tolist() == [(START_S + 8) * SECOND_NS]
    assert (begun.slot[0], begun.flags[0]) == (7, ERROR)
    assert (begun.tokens_in[0], begun.cost_nusd[0]) == (-1, 0)


@BOTH
@pytest.mark.parametrize(
    ("span", "reason"),
    [
        pytest.param(started(parentSpanId=""), "bad_ids", id="no parent"),
        pytest.param(started(parentSpanId="0" * 16), "bad_ids", id="a parent of zeros"),
        pytest.param(started(parentSpanId="ab" * 7), "bad_ids", id="half a parent"),
        pytest.param(started(traceId=""), "bad_ids", id="no trace"),
        pytest.param(started(patience_ms=None), "absurd_patience", id="no patience"),
        pytest.param(started(patience_ms=0), "absurd_patience", id="patience of nought"),
        pytest.param(started(patience_ms=-5), "absurd_patience", id="patience before it"),
        pytest.param(started(patience_ms=86_400_001), "absurd_patience", id="more than a day"),
        pytest.param(started(patience_ms="soon"), "absurd_patience", id="patience in words"),
        pytest.param(started(endTimeUnixNano="5"), "ends_before_start", id="ends before it starts"),
        pytest.param(started(startTimeUnixNano="0"), "absurd_time", id="no start"),
    ],
)
def test_what_cannot_be_so_is_set_aside_with_its_reason(encode, span, reason: str) -> None:
    found = decoded(encode(a_request(span, started(), scope="llm-optimizer")))
    assert [refusal.reason for refusal in found.refused] == [reason]
    assert found.counts == {"spans": 2, "assignments": 1}
    again = decoded(found.refused[0].body)
    assert [refusal.reason for refusal in again.refused] == [reason]


@BOTH
@pytest.mark.parametrize(
    ("check", "signature", "believed"),
    [
        ("off", "", True),
        ("preferred", "", True),
        ("required", "", False),
        ("required", sign(KEY, STAMP), True),
        ("required", sign(KEY, STAMP._replace(arm="other")), False),
        ("preferred", sign("another key altogether", STAMP), False),
    ],
)
def test_it_counts_as_the_stamps_of_calls_do(encode, check, signature, believed) -> None:
    claims = Claims(stamps=StampReader(StampCheck(check), KEY))
    found = decoded(encode(a_request(started(signature), scope="llm-optimizer")), claims)
    assert found.counts == {"spans": 1, "assignments" if believed else "other_spans": 1}


@BOTH
@pytest.mark.parametrize(
    ("producer", "counts"), [(None, True), ("llm-optimizer", True), ("gateway", True),
                             ("litellm", False), ("sdk", False)],
)  # fmt: skip
def test_where_the_calls_of_others_count_nobody_waits_for_these(encode, producer, counts) -> None:
    claims = Claims(producer=producer and CountedProducer(producer))
    found = decoded(encode(a_request(started(), scope="llm-optimizer")), claims)
    assert (found.assigned is not None) == counts


@BOTH
@pytest.mark.parametrize(
    ("span", "scope"),
    [
        pytest.param(started(), "litellm", id="of somebody else"),
        pytest.param(started(name="llm.optimizer.assigned"), "llm-optimizer", id="of another name"),
    ],
)
def test_what_only_looks_like_it_is_no_call(encode, span, scope: str) -> None:
    assert decoded(encode(a_request(span, scope=scope))).counts == {"spans": 1, "other_spans": 1}
