"""A line of JSON is read as what its keys say, wherever they stand."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, strategies as st

from connectors.signals import SIGNALS, kinds_of
from optimizer.observe.columns import RecordKind

DEEP = b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}"


@pytest.mark.parametrize(
    ("line", "kinds"),
    [
        (b'{"resourceSpans":[]}', [RecordKind.OTLP]),
        (b' {\n "resourceMetrics" : []}', [RecordKind.METRICS]),
        (b'{"resourceLogs":[{"x":"resourceSpans"}]}', [RecordKind.LOGS]),
        (b'{"more":{"resourceSpans":[1]},"resourceLogs":[]}', [RecordKind.LOGS]),
        (b'{"text":"\\"resourceSpans\\":","value":1}', [RecordKind.EVENT]),
        (b'{"resourceSpans":[],"resourceLogs":[]}', [RecordKind.OTLP, RecordKind.LOGS]),
        (b'{"score":0.5}', [RecordKind.EVENT]),
        (b"{}", [RecordKind.OTLP]),
        (b"[1]", [RecordKind.OTLP]),
        (b'{"resourceMetrics":', [RecordKind.OTLP]),
        (b'{"score":"\xff"}', [RecordKind.EVENT]),
        (b"\x00\x01", [RecordKind.OTLP]),
        (DEEP, [RecordKind.OTLP]),
    ],
)
def test_a_line_is_known_by_its_keys(line: bytes, kinds: list[RecordKind]) -> None:
    assert list(kinds_of(line)) == kinds


@given(
    st.permutations(
        [*((name, []) for name in SIGNALS), ("score", 1), ("other", {"resourceSpans": 1})]
    ),
    st.integers(0, 5),
    st.sampled_from([None, 1]),
)
def test_the_order_of_keys_does_not_matter(
    pairs: list[tuple[str, object]], many: int, indent: int | None
) -> None:
    chosen = dict(pairs[:many])
    line = json.dumps(chosen, indent=indent).encode()
    known = [kind for name, kind in SIGNALS.items() if name in chosen]
    assert list(kinds_of(line)) == (known or [RecordKind.EVENT if chosen else RecordKind.OTLP])


@given(st.binary())
def test_no_bytes_are_more_than_it_can_take(line: bytes) -> None:
    assert kinds_of(line)
