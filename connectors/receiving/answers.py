"""What OTLP answers: an export response or a status, in the encoding of the request.

Source: OpenTelemetry Protocol 1.5 (2025), "OTLP/HTTP Response"; proto3 JSON mapping.
"""

from __future__ import annotations

import json
from typing import NamedTuple

from connectors.recordings.messages import varint
from optimizer.observe.columns import RecordKind

PROTOBUF, JSON = "application/x-protobuf", "application/json"
_COUNTS = {
    RecordKind.OTLP: "rejectedSpans",
    RecordKind.METRICS: "rejectedDataPoints",
    RecordKind.LOGS: "rejectedLogRecords",
}
_FIRST_NUMBER, _FIRST_BYTES, _SECOND_BYTES = b"\x08", b"\x0a", b"\x12"  # tags


class Signal(NamedTuple):
    """What is sent to a path.

    Attributes:
        kind: What its bodies are.
        encoding: Of this one, and so of what is answered.
    """

    kind: RecordKind
    encoding: str


def taken(signal: Signal, damaged: int = 0) -> bytes:
    """Say that all of a request was taken, or all but some spans or records of it."""
    told = f"{damaged} cannot be read: they are kept as dead letters, with the reason"
    if signal.encoding == JSON:
        partial = {_COUNTS[signal.kind]: str(damaged), "errorMessage": told}
        return json.dumps({"partialSuccess": partial} if damaged else {}).encode()
    if not damaged:
        return b""
    return _block(
        _FIRST_BYTES, _FIRST_NUMBER + varint(damaged) + _block(_SECOND_BYTES, told.encode())
    )


def status(encoding: str, told: str) -> bytes:
    """Say why a request was not taken: a `google.rpc.Status`."""
    if encoding == PROTOBUF:
        return _block(_SECOND_BYTES, told.encode())
    return json.dumps({"message": told}).encode()


def _block(tag: bytes, content: bytes) -> bytes:
    return tag + varint(len(content)) + content
