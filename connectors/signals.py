"""Which signal a line of JSON carries, told by its keys: they may stand in any order."""

from __future__ import annotations

import msgspec

from optimizer.observe.columns import RecordKind

SIGNALS = {
    "resourceSpans": RecordKind.OTLP,
    "resourceMetrics": RecordKind.METRICS,
    "resourceLogs": RecordKind.LOGS,
}
_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])  # passes over values at a gigabyte a second
_NO_OBJECT = (msgspec.MsgspecError, RecursionError, UnicodeDecodeError)


def kinds_of(line: bytes) -> tuple[RecordKind, ...]:
    """Tell what a line of JSON is to be read as; each kind reads its own key and no other.

    Args:
        line: An export request of OTLP, or an object of another system.

    Returns:
        A kind for each signal in it; `EVENT` for an object without any. What is no object, or is
        empty, is `OTLP`, whose reading refuses it or finds nothing.
    """
    try:
        keys = _OBJECT.decode(line)
    except _NO_OBJECT:
        return (RecordKind.OTLP,)
    kinds = tuple(kind for key, kind in SIGNALS.items() if key in keys)
    return kinds or ((RecordKind.EVENT,) if keys else (RecordKind.OTLP,))
