"""That the recording of a live run leads the job to say what it said live, byte for byte."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from dataflows.live_demo.stage import DemoFailed

if TYPE_CHECKING:
    from dataflows.live_demo.stage import Stage

_TOO_LONG_S = 300


def repeat(stage: Stage) -> str:
    """Replay what a run recorded, and have all it said compared with what is said now.

    Returns:
        What the comparison found.

    Raises:
        DemoFailed: Something differs, or the replay failed.
    """
    program = ("replay", "data/inputs", "--config", "optimizer.yaml", "--out", "replayed")
    log = stage.out / "replay.log"
    with log.open("wb") as file:
        done = subprocess.run(  # noqa: S603 - our own command line
            stage.command(*program, "--windows", "none", "--verify"),
            cwd=stage.out,
            env=stage.variables(),
            stdout=file,
            stderr=file,
            timeout=_TOO_LONG_S,
            check=False,
        )
    if done.returncode:
        raise DemoFailed(f"the replay failed: see {log}")
    return log.read_text().splitlines()[-1]
