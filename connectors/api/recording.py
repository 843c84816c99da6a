"""`llm-optimizer import` and `simulate`: make recordings."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from connectors.api.new_folders import new_folder
from connectors.api.progress import Progress
from connectors.record_times import latest_ns
from connectors.recordings import importing
from connectors.worlds import write
from optimizer.errors import NotFound, RecordingInvalid
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
DEMO = Path(__file__).parent.parent / "worlds" / "demo.yaml"


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


def simulate(options: argparse.Namespace) -> int:
    """Write a world's telemetry as a recording; it is there when all is written, or not at all."""
    world = DEMO if options.world == "demo" else Path(options.world)
    if not world.exists():
        raise NotFound(f"{world}: no such world file; `demo` names the one that ships")
    out = new_folder(options.out, force=options.force)
    unfinished = out.with_name(f".{out.name}.simulating")
    progress = Progress()
    try:
        shutil.rmtree(unfinished, ignore_errors=True)  # of one that was killed
        summary = write(
            world, unfinished, lambda share: progress.tell(f"writing {out}: {share:.0%}")
        )
        if out.exists():
            shutil.rmtree(out)
        unfinished.replace(out)
    except OSError as error:
        raise RecordingInvalid(f"{out}: {error.strerror}: name another folder") from error
    finally:
        progress.clear()
        shutil.rmtree(unfinished, ignore_errors=True)
    sys.stdout.write(
        f"{options.out}: {summary.calls:,} calls from {summary.start:%Y-%m-%d %H:%M} to "
        f"{summary.end:%Y-%m-%d %H:%M}, {summary.incidents} incidents planted (truth.json)\n"
    )
    return 0
