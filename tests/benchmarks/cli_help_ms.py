"""How long `llm-optimizer --help` takes, a whole process."""

from __future__ import annotations

import subprocess
import sys
import time
from typing import TYPE_CHECKING

from tests.benchmarks.figures import Figure, share

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


def run(*, small: bool, data: Path | None) -> Iterable[Figure]:  # noqa: ARG001 - needs none
    """Measure the best and the median of several processes."""
    times = []
    for _ in range(2 if small else 15):
        began = time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "dataflows.main", "--help"], check=True, capture_output=True
        )
        times.append((time.perf_counter() - began) * 1e3)
    yield Figure("cli_help_ms", min(times), "ms", "best")
    yield Figure("cli_help_ms_median", share(times, 0.5), "ms")
