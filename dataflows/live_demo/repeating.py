"""That the recording of a live run leads the job to say what it said live, byte for byte."""

from __future__ import annotations

import subprocess
from collections import Counter
from contextlib import closing
from typing import TYPE_CHECKING

from connectors.logs.sqlite import SqliteLog
from connectors.publisher import DECISIONS, DOCUMENTS, FINDINGS, ROLLOUTS
from dataflows.live_demo.stage import DemoFailed

if TYPE_CHECKING:
    from pathlib import Path

    from dataflows.live_demo.stage import Stage

_TOPICS = (FINDINGS, DECISIONS, DOCUMENTS, ROLLOUTS)
_MOST = 1_000_000
_TOO_LONG_S = 300


def repeat(stage: Stage) -> int:
    """Replay what a run recorded, and compare all it said with what is said now.

    The replay ends what the run left open, so it may say more in the end; nothing less, and nothing
    else.

    Returns:
        How many findings, decisions, documents and looks at rollouts were the same.

    Raises:
        DemoFailed: Something differs, or the replay failed.
    """
    program = ("replay", "data/inputs", "--config", "optimizer.yaml", "--out", "replayed")
    with (stage.out / "replay.log").open("wb") as log:
        done = subprocess.run(  # noqa: S603 - our own command line
            stage.command(*program, "--windows", "none"),
            cwd=stage.out,
            env=stage.variables(),
            stdout=log,
            stderr=log,
            timeout=_TOO_LONG_S,
            check=False,
        )
    if done.returncode:
        raise DemoFailed(f"the replay failed: see {stage.out / 'replay.log'}")
    live, again = _said(stage.out / "optimizer.db"), _said(stage.out / "replayed/optimizer.db")
    if missing := live - again:
        raise DemoFailed(f"{missing.total()} things were not repeated, such as {min(missing)!r}")
    return live.total()


def _said(database: Path) -> Counter[tuple[str, bytes]]:
    with closing(SqliteLog(database)) as log:
        return Counter(
            (topic, entry.value) for topic in _TOPICS for entry in log.read(topic, 0, _MOST)
        )
