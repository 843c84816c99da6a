"""Resident memory of a live run that has nothing to do."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tests.benchmarks.figures import Figure

if TYPE_CHECKING:
    from collections.abc import Iterable


def resident_mb(pid: int) -> float:
    """Read a process's resident memory."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def run(*, small: bool, data: Path | None) -> Iterable[Figure]:  # noqa: ARG001 - makes its own
    """Measure after ten seconds; three when small."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {
            **os.environ,
            "OPTIMIZER_INPUT__PATH": folder,
            "OPTIMIZER_SERVICE__DATA_DIR": f"{folder}/data",
            "OPTIMIZER_DATABASE__CONNECTION_STRING": f"sqlite://{folder}/optimizer.db",
        }
        process = subprocess.Popen(
            [sys.executable, "-m", "dataflows.main", "run"],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        time.sleep(3 if small else 10)
        resident = resident_mb(process.pid)
        process.terminate()
        code = process.wait(20)
    if code:
        raise RuntimeError(f"the run ended with {code}")
    yield Figure("rss_idle_mb", resident, "MB")
