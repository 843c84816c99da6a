"""`llm-optimizer import` and `simulate`: make recordings."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from connectors.api.progress import Progress
from connectors.otlp.times import latest_end_ns
from connectors.recordings.importing import import_otlp
from connectors.recordings.manifest import NAME as MANIFEST
from connectors.worlds import write
from optimizer.errors import NotFound, RecordingInvalid

if TYPE_CHECKING:
    import argparse

DEMO = Path(__file__).parent.parent / "worlds" / "demo.yaml"


def import_files(options: argparse.Namespace) -> int:
    """Turn bare OTLP files into a recording."""
    if not options.source.exists():
        raise NotFound(f"{options.source}: no such file or folder")
    progress = Progress()

    def tell(done: int, total: int) -> None:
        progress.tell(f"importing {options.source}: {done / max(total, 1):.0%}")

    counts = import_otlp(options.source, options.destination, latest_end_ns, tell)
    progress.clear()
    sys.stdout.write(
        f"{options.destination}: {counts.records:,} records of {counts.files:,} files, "
        f"{counts.undated:,} without a time\n"
        f"replay it: llm-optimizer replay {options.destination}\n"
    )
    return 0


def simulate(options: argparse.Namespace) -> int:
    """Write a world's telemetry as a recording."""
    world = DEMO if options.world == "demo" else Path(options.world)
    if not world.exists():
        raise NotFound(f"{world}: no such world file; `demo` names the one that ships")
    if options.force and options.out.exists():
        _remove(options.out)
    progress = Progress()
    summary = write(
        world, options.out, lambda share: progress.tell(f"writing {options.out}: {share:.0%}")
    )
    progress.clear()
    sys.stdout.write(
        f"{options.out}: {summary.calls:,} calls from {summary.start:%Y-%m-%d %H:%M} to "
        f"{summary.end:%Y-%m-%d %H:%M}, {summary.incidents} incidents planted (truth.json)\n"
    )
    return 0


def _remove(folder: Path) -> None:
    """Remove a recording, and nothing that is none."""
    if any(folder.iterdir()) and not (folder / MANIFEST).exists():
        raise RecordingInvalid(f"{folder}: is no recording: --force replaces recordings only")
    shutil.rmtree(folder)
