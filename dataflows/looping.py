"""`llm-optimizer simulate --loop`: the optimizer steers a world, and one sees what comes of it."""

from __future__ import annotations

import os
import sys
import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from connectors.api.new_folders import new_folder, whole_folder
from connectors.api.progress import Progress
from connectors.api.recording import world_file
from connectors.api.story import Story
from connectors.codecs import to_json
from connectors.pages.loop_page import loop_page
from connectors.pages.loop_text import loop_text
from connectors.worlds import read
from dataflows.playing import play
from dataflows.verifying import lines_of, verify

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from connectors.worlds import WorldFile
    from connectors.worlds.loop_report import LoopReport
    from dataflows.playing import Played

REPORT, PAGE, SAID = "loop.json", "loop.html", "said.jsonl"


def command(options: argparse.Namespace) -> int:
    """Play the world that the options name, with one seed or with several."""
    recorded = os.environ.get("RECORDED_DATA")
    file = read(world_file(options.world), Path(recorded) if recorded else None, loop=True)
    began = time.monotonic()  # noqa: TID251 - an edge: it tells how long playing took
    with ExitStack() as stack:
        folder = None
        if options.out is not None:
            out = new_folder(options.out, force=options.force)
            folder = stack.enter_context(whole_folder(out))
        first = _first(file, folder, options)
        seconds = time.monotonic() - began  # noqa: TID251 - see above
        reports = [first.report, *_further(file, options)]
        if folder is not None:
            _write(folder, first, reports)
        verified = verify(folder, first) if options.verify and folder is not None else 0
    if options.page is not None:
        options.page.write_text(loop_page(reports))
    if options.output == "json":
        sys.stdout.write(to_json(reports).decode() + "\n")
        return 0
    speed = file.world.length.total_seconds() / seconds
    sys.stdout.write(f"\n{loop_text(reports)}\n")
    sys.stdout.write(f"played in {seconds:.1f} s, {speed:,.0f} times as fast as time\n")
    if verified:
        sys.stdout.write(f"replayed the recording: {verified:,} outputs, the same byte for byte\n")
    sys.stdout.write(_ways_on(options))
    return 0


def _first(file: WorldFile, folder: Path | None, options: argparse.Namespace) -> Played:
    """Play the world's own seed; it is told as it happens, and recorded where asked for."""
    if options.output == "json":
        return play(file, folder)
    story = Story(file.world)
    try:
        return play(file, folder, lambda said: story.watch(said.output))
    finally:
        story.close()


def _further(file: WorldFile, options: argparse.Namespace) -> list[LoopReport]:
    """Play the seeds that follow; nothing is told of them but what they came to."""
    reports, progress = [], Progress()
    try:
        for seed in range(file.world.seed + 1, file.world.seed + (options.seeds or 1)):
            progress.tell(f"playing seed {seed}")
            reports.append(play(replace(file, world=replace(file.world, seed=seed))).report)
    finally:
        progress.clear()
    return reports


def _write(folder: Path, first: Played, reports: Sequence[LoopReport]) -> None:
    (folder / REPORT).write_bytes(to_json(reports) + b"\n")
    (folder / PAGE).write_text(loop_page(reports))
    lines = lines_of(said.output for said in first.loop.said)
    (folder / SAID).write_text("".join(f"{line}\n" for line in lines))


def _ways_on(options: argparse.Namespace) -> str:
    pages = [path for path in (options.out and options.out / PAGE, options.page) if path]
    told = [f"look at it:  {path}" for path in pages]
    if options.out is not None:
        told.append(f"replay it:   llm-optimizer replay {options.out}")
    return "".join(f"{line}\n" for line in told)
