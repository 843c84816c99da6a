"""What a live run follows, and what must have become of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from connectors.following import PARTITION
from connectors.recordings import RecordingWriter
from optimizer.observe.columns import Record, RecordKind
from tests.otlp_lines import MINUTE_NS, SECOND_NS, Lines

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

HISTORY_MINUTES = 35  # what the traffic rule needs to know a route


def write_history(folder: Path, until_ns: int, lines: Lines) -> None:
    """Write what a live run would have recorded of steady traffic: a call a second."""
    with RecordingWriter(folder, [PARTITION]) as writer:
        offset = 0
        for stamp_ns in range(until_ns - HISTORY_MINUTES * MINUTE_NS, until_ns, 5 * SECOND_NS):
            line = lines.line(stamp_ns - SECOND_NS, calls=5).encode()
            for kind, body in ((RecordKind.OTLP, line), (RecordKind.HEARTBEAT, b"")):
                writer.append(Record(PARTITION, offset, stamp_ns, kind, body))
                offset += 1


def assert_every_call_once(account: Mapping[str, int], calls: int) -> None:
    """Find in a partition's ledger that no call was lost, set aside or counted twice."""
    assert account["counted"] + account.get("corrected", 0) == calls
    assert account["spans"] == calls + account.get("duplicate", 0)
    assert not [name for name in account if name.startswith(("dead", "late", "future"))]
