"""`llm-optimizer import` and `simulate`: make recordings."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from connectors.api.new_folders import new_folder, whole_folder
from connectors.api.progress import Progress
from connectors.record_times import latest_ns
from connectors.recordings import importing
from connectors.worlds import write
from optimizer.errors import NotFound
from optimizer.observe.columns import RecordKind

if TYPE_CHECKING:
    import argparse

_SIGNALS = {
    "auto": None,
    "traces": RecordKind.OTLP,
    "metrics": RecordKind.METRICS,
    "logs": RecordKind.LOGS,
    "events": RecordKind.EVENT,
}
WORLDS = Path(__file__).parent.parent / "worlds"
SHIPPED = {"demo": WORLDS / "demo.yaml", "closed-loop": WORLDS / "closed_loop.yaml"}


def import_files(options: argparse.Namespace) -> int:
    """Turn bare OTLP files into a recording."""
    if not options.source.exists():
        raise NotFound(f"{options.source}: no such file or folder")
    destination = new_folder(options.destination)
    progress = Progress()

    def tell(done: int, total: int) -> None:
        progress.tell(f"importing {options.source}: {done / max(total, 1):.0%}")

    try:
        counts = importing.import_files(
            options.source, destination, latest_ns, tell, _SIGNALS[options.signal]
        )
    finally:
        progress.clear()
    sys.stdout.write(
        f"{destination}: {counts.records:,} records of {counts.files:,} files, "
        f"{counts.undated:,} without a time\n"
        f"replay it: llm-optimizer replay {destination}\n"
    )
    if counts.guessed:
        sys.stderr.write(
            f"{counts.guessed:,} without a time were read as traces: if they hold another signal, "
            "say so with --signal, or in the file's name, such as x.metrics.pb\n"
        )
    return 0


def world_file(name: str) -> Path:
    """Find a world file.

    Raises:
        NotFound: There is none.
    """
    world = SHIPPED.get(name, Path(name))
    if not world.exists():
        known = " and ".join(f"`{one}`" for one in SHIPPED)
        raise NotFound(f"{world}: no such world file; {known} name those that ship")
    return world


def simulate(options: argparse.Namespace) -> int:
    """Write a world's telemetry as a recording; it is there when all is written, or not at all."""
    world = world_file(options.world)
    out = new_folder(options.out, force=options.force)
    progress = Progress()
    try:
        with whole_folder(out) as folder:
            summary = write(
                world, folder, lambda share: progress.tell(f"writing {out}: {share:.0%}")
            )
    finally:
        progress.clear()
    sys.stdout.write(
        f"{options.out}: {summary.calls:,} calls from {summary.start:%Y-%m-%d %H:%M} to "
        f"{summary.end:%Y-%m-%d %H:%M}, {summary.incidents} incidents planted (truth.json)\n"
    )
    return 0
