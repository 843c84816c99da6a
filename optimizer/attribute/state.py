"""Attribution's state as versioned bytes; the calls and scores it remembers are pieces of it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from optimizer.attribute.coverage import Covered
from optimizer.errors import UnknownVersion
from optimizer.judgements import CALLS, SCORES, Judged, Key, Seen

if TYPE_CHECKING:
    from optimizer.attribute.attribution import Attribution
    from optimizer.pieces import Pieces

VERSION = 1


def dump(attribution: Attribution, pieces: Pieces) -> bytes:
    """Write the state."""
    calls = attribution.calls.lasting.dump(pieces)
    recent = attribution.calls.recent.dump(pieces)
    scores = attribution.memory.runs.dump(pieces)
    pieces.settle({*calls, *recent, *scores})
    state = {
        "version": VERSION,
        "marks": attribution.marks,
        "watermark_ns": attribution.watermark_ns,
        "latest_ns": attribution.latest_ns,
        "counts": dict(attribution.counts),
        "covered": attribution.covered.dump(),
        "calls": calls,
        "recent": recent,
        "scores": scores,
        "judged": {pane: [_told(one) for one in some] for pane, some in attribution.judged.items()},
        "seen": {pane: [_shown(one) for one in some] for pane, some in attribution.seen.items()},
        "waiting": _told(attribution.waiting),
    }
    return msgspec.msgpack.encode(state)


def load(attribution: Attribution, state: bytes, pieces: Pieces) -> None:
    """Read what `dump` wrote; partitions that came since begin at -1.

    Raises:
        UnknownVersion: The bytes come from a version this code does not know.
        NotFound: A piece is missing.
    """
    content: dict[str, Any] = msgspec.msgpack.decode(state, strict=False)
    if content["version"] != VERSION:
        raise UnknownVersion(
            f"attribution state has version {content['version']}: this program reads {VERSION}; "
            "resume with the program that wrote it, or start from an empty recovery folder"
        )
    attribution.marks |= content["marks"]
    attribution.watermark_ns = content["watermark_ns"]
    attribution.latest_ns = content["latest_ns"]
    attribution.counts = Counter(content["counts"])
    attribution.covered = Covered.load(content["covered"])
    attribution.calls.lasting.load(content["calls"], pieces)
    attribution.calls.recent.load(content.get("recent", ()), pieces)
    attribution.memory.runs.load(content["scores"], pieces)
    attribution.judged = {p: [_judged(*one) for one in s] for p, s in content["judged"].items()}
    attribution.seen = {p: [_seen(*one) for one in s] for p, s in content["seen"].items()}
    attribution.waiting = _judged(*content["waiting"])


def _told(judged: Judged) -> tuple[Any, ...]:
    rows = judged.rows.tobytes()
    tables = (judged.keys, judged.names, judged.partitions, judged.tenants)
    return rows, tables, judged.bodies


def _judged(rows: bytes, tables: list[Any], bodies: list[bytes]) -> Judged:
    keys, names, partitions, tenants = tables
    return Judged(
        rows=np.frombuffer(rows, SCORES),
        keys=_keys(keys),
        names=tuple(names),
        partitions=tuple(partitions),
        tenants=tuple(tenants),
        bodies=tuple(bodies),
    )


def _shown(seen: Seen) -> tuple[Any, ...]:
    return seen.partition, seen.pane, seen.rows.tobytes(), seen.keys, seen.calls


def _seen(partition: str, pane: int, rows: bytes, keys: list[Any], calls: list[Any]) -> Seen:
    return Seen(
        partition=partition,
        pane=pane,
        rows=np.frombuffer(rows, CALLS),
        keys=_keys(keys),
        calls=tuple((route, arm, count) for route, arm, count in calls),
    )


def _keys(keys: list[Any]) -> tuple[Key, ...]:
    return tuple((route, arm, revision, cell) for route, arm, revision, cell in keys)
