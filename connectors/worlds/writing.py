"""A world written as a recording, with what was planted and the settings to replay it with."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import yaml

from connectors.codecs import to_json
from connectors.recordings import RecordingWriter
from connectors.worlds import derived
from connectors.worlds.batches import partition_names, records
from connectors.worlds.reading import read
from optimizer.errors import RecordingInvalid
from optimizer.observe.columns import RecordKind
from optimizer.simulate.incidents import nanoseconds
from optimizer.simulate.simulation import simulate, start_ns

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from connectors.worlds.reading import WorldFile
    from optimizer.simulate.calls import SimulatedCalls
    from optimizer.simulate.worlds import World

    Progress = Callable[[float], None]

TRUTH_FILE = "truth.json"
CONFIG_FILE = "config.yaml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What was written.

    Attributes:
        start: First instant of the world.
        end: First instant after it.
        calls: How many calls were made.
        errors: How many of them failed.
        calls_by_arm: By route, by arm's id.
        records: By kind, in lower case.
        incidents: How many were planted.
    """

    start: datetime
    end: datetime
    calls: int
    errors: int
    calls_by_arm: Mapping[str, Mapping[str, int]]
    records: Mapping[str, int]
    incidents: int


def write(
    world_path: Path,
    out: Path,
    progress: Progress | None = None,
    recorded: Path | None = None,
) -> Summary:
    """Write what happens in a world as a recording.

    The folder then holds the recording, `truth.json` (what was planted), `prices.yaml` (the
    history of prices) and `config.yaml` (settings to replay it with). The same file gives the same
    bytes.

    Args:
        world_path: The world file.
        out: A folder that is empty or not there.
        progress: Told the share of the world's time that is written, now and then.
        recorded: The folder that `recorded:` stands for; None = `RECORDED_DATA` names it.

    Raises:
        WorldInvalid: The file has faults.
        RecordingInvalid: The folder holds something, or cannot be written.
    """
    if out.exists() and any(out.iterdir()):
        raise RecordingInvalid(f"{out} holds files already: name a folder that is empty or new")
    if recorded is None and (named := os.environ.get("RECORDED_DATA")):
        recorded = Path(named)
    file = read(world_path, recorded)
    calls = simulate(file.world)
    counts = _record(file, calls, out, progress or (lambda _: None))
    write_companions(file, out)
    return _summary(file.world, calls, counts)


def _record(file: WorldFile, calls: SimulatedCalls, out: Path, progress: Progress) -> Counter[str]:
    world = file.world
    counts: Counter[str] = Counter()
    length_ns = nanoseconds(world.length)
    told = 0
    with RecordingWriter(out, partition_names(world)) as writer:
        for record in records(world, calls, file.stamp_key):
            writer.append(record)
            counts[RecordKind(record.kind).name.lower()] += 1
            percent = min(100, 100 * (record.stamp_ns - start_ns(world)) // length_ns)
            if percent > told:
                told = percent
                progress(percent / 100)
    return counts


def write_companions(file: WorldFile, out: Path) -> None:
    """Write what stands beside the records: truth, prices and settings."""
    truth = msgspec.json.format(to_json(derived.truth(file.world, file.name)), indent=2)
    (out / TRUTH_FILE).write_bytes(truth + b"\n")
    prices = derived.prices(file.world, file.prices)
    (out / derived.PRICES_FILE).write_text(yaml.safe_dump(prices, sort_keys=False))
    config = yaml.safe_dump(dict(file.settings), sort_keys=False, allow_unicode=True)
    (out / CONFIG_FILE).write_text(config)


def _summary(world: World, calls: SimulatedCalls, counts: Counter[str]) -> Summary:
    by_arm = {
        route.route: {
            arm.arm.id: int(((calls.route == place) & (calls.arm == number)).sum())
            for number, arm in enumerate(route.arms)
        }
        for place, route in enumerate(world.routes)
    }
    return Summary(
        start=world.start,
        end=world.start + world.length,
        calls=len(calls),
        errors=int(calls.failed.sum()),
        calls_by_arm=by_arm,
        records=dict(counts),
        incidents=len(world.incidents),
    )
