"""Most resident memory of the whole job at 1,000 routes x 4 arms; its load is made as it goes."""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tests.benchmarks.figures import Figure
from tests.benchmarks.job import run_job, settings
from tests.benchmarks.load import blocks, keys

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from optimizer.observe.columns import Record

ROWS = 8_192


class Growing:
    """Records that are made when they are read, and then forgotten."""

    def __init__(self, made: Iterator[Record]) -> None:
        self._made = made
        self._next = 0

    def read(self, cursor: str | None = None) -> list[tuple[Record, str]]:  # noqa: ARG002
        record = next(self._made, None)
        self._next += 1
        return [(record, str(self._next))] if record else []


def run(*, small: bool, data: Path | None) -> Iterable[Figure]:  # noqa: ARG001 - makes its own
    """Measure in a process of its own: 20 minutes at 20,000 calls a second, recovery on."""
    minutes, routes, per_second = (2, 50, 2_000) if small else (20, 1000, 20_000)
    command = [sys.executable, "-m", __name__, str(minutes), str(routes), str(per_second)]
    shown = subprocess.run(command, check=True, capture_output=True, text=True)
    note = f"{routes} routes x 4 arms x 6 cells, {minutes} min at {per_second:,} calls/s"
    yield Figure("rss_1000_routes_mb", float(shown.stdout), "MB", note)


def peak(minutes: int, routes: int, per_second: int) -> float:
    """Run the job; give the most memory this process ever held, MB."""
    count = minutes * 60 * per_second // ROWS
    rng = np.random.default_rng(1)
    made = blocks(rng, keys(routes, 4, 6), rows=ROWS, count=count, per_second=per_second)
    with tempfile.TemporaryDirectory() as folder:
        run_job(Growing(made), settings(), recovery=Path(folder) / "recovery")
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


if __name__ == "__main__":
    print(peak(*map(int, sys.argv[1:])))  # noqa: T201
