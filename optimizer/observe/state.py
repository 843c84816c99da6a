"""A partition's state as versioned bytes: open panes, ids of sealed ones, watermark, counts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from optimizer.errors import UnknownVersion
from optimizer.judgements import CALLS, Judge, Judgement, Taken
from optimizer.observe import assigned, meters
from optimizer.observe.accounts import Account
from optimizer.observe.deduplicate import SealedIds, SeenIds
from optimizer.observe.keys import CallKey
from optimizer.observe.linked import Linked
from optimizer.observe.names import Names
from optimizer.observe.open_panes import OpenPane
from optimizer.observe.partition import Partition
from optimizer.panes import MEASURED, SLOT_SUMS
from optimizer.pieces import Pieces
from optimizer.statistics.packing import (
    pack,
    pack_rising,
    pack_table,
    unpack,
    unpack_rising,
    unpack_table,
)
from optimizer.statistics.sketch import count_runs

if TYPE_CHECKING:
    from optimizer.observe.rules import StreamRules
    from optimizer.ports import Vault

VERSION = 3
READS = (1, 2, VERSION)  # 1 knew no meters, 2 no calls that are waited for


def dump(partition: Partition, pieces: Pieces) -> bytes:
    """Write a partition's state; ids of sealed panes and names are pieces of it."""
    partition.settle()
    sealed = {
        pane: (pieces.keep(ids.base), ids.late.tobytes()) for pane, ids in partition.sealed.items()
    }
    keys = pieces.keep(partition.names.packed())
    state = {
        "version": VERSION,
        "name": partition.name,
        "watermark_ns": partition.watermark_ns,
        "counts": dict(partition.counts),
        "keys": keys,
        "used": pack_rising(partition.names.used),
        "open": {pane: _dump_pane(content) for pane, content in partition.open.items()},
        "sealed": sealed,
        "judged": partition.scoring.waiting,
        "meters": meters.dump(partition.meters),
        "assigned": assigned.dump(partition.assigned, partition.counts),
    }
    pieces.settle({keys, *(name for name, _ in sealed.values())})
    return msgspec.msgpack.encode(state)


def load(state: bytes, rules: StreamRules, vault: Vault) -> tuple[Partition, Pieces]:
    """Read a partition's state, and the pieces it goes on with.

    Raises:
        UnknownVersion: The bytes come from a version this code does not know.
        NotFound: A piece is missing.
    """
    content = msgspec.msgpack.decode(state, strict=False)
    if content["version"] not in READS:
        raise UnknownVersion(
            f"partition state has version {content['version']}: this program reads {READS}; "
            "resume with the program that wrote it, or start from an empty recovery folder"
        )
    partition = Partition(content["name"], rules)
    pieces = Pieces(vault, partition.name)
    partition.watermark_ns = content["watermark_ns"]
    partition.counts = Account(content["counts"])
    keys = msgspec.msgpack.decode(pieces.fetch(content["keys"]))
    used = content.get("used")  # it was not kept before
    partition.names = Names(
        rules.keys,
        (CallKey(*key) for key in keys),
        None if used is None else unpack_rising(used).astype(np.int64),
    )
    findable = rules.findable
    partition.open = {pane: _load_pane(value, findable) for pane, value in content["open"].items()}
    partition.scoring.waiting = [_taken(*each) for each in content.get("judged", ())]
    partition.sealed = {
        pane: SealedIds(pieces.fetch(base), np.frombuffer(late, np.uint64))
        for pane, (base, late) in content["sealed"].items()
    }
    if "meters" in content:
        partition.meters = meters.load(content["meters"])
    if "assigned" in content:
        partition.assigned = assigned.load(content["assigned"])
    return partition, pieces


def _dump_pane(pane: OpenPane) -> dict[str, Any]:
    live = np.flatnonzero(pane.sums.any(axis=1))
    codes, counts = count_runs(np.concatenate([np.zeros(0, np.int32), *pane.codes]))
    return {
        "ids": pane.ids.ids().tobytes(),
        "keys": pack_rising(live),
        "sums": pack_table(pane.sums[live]),
        "codes": pack_rising(codes),
        "counts": pack(counts),
        "slots": [tuple(part.tobytes() for part in slots) for slots in pane.slots],
        "linked": (pane.linked.rows().tobytes(), pane.linked.offered),
    }


def _load_pane(content: dict[str, Any], findable: int) -> OpenPane:
    pane = OpenPane()
    linked, offered = content.get("linked", (b"", 0))
    pane.linked = Linked(findable, np.frombuffer(linked, CALLS).copy(), offered)
    pane.ids = SeenIds(np.frombuffer(content["ids"], np.uint64))
    live = unpack_rising(content["keys"])
    if len(live):
        pane.sums = np.zeros((int(live.max()) + 1, len(MEASURED)), np.int64)
        pane.sums[live] = unpack_table(content["sums"])
    codes = unpack_rising(content["codes"]).astype(np.int32)
    pane.codes = [np.repeat(codes, unpack(content["counts"]))]
    pane.slots = [
        (
            np.frombuffer(keys, np.int32),
            np.frombuffer(slots, np.int16),
            np.frombuffer(values, np.int64).reshape(-1, len(SLOT_SUMS)),
        )
        for keys, slots, values in content["slots"]
    ]
    return pane


def _taken(count_ns: int, offset: int, place: int, stamp_ns: int, judgement: list[Any]) -> Taken:
    told = Judgement._make(judgement)
    key = None if told.key is None else (told.key[0], told.key[1], told.key[2], told.key[3])
    return Taken(count_ns, offset, place, stamp_ns, told._replace(judge=Judge(told.judge), key=key))
