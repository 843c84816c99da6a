"""How a figure is measured and printed: `BENCH <name> <value> <unit>`.

Floors are judged on the best run; the median stands beside it, and the time of a fixed loop, to
tell a slow machine from slow code.
"""

from __future__ import annotations

import json
import platform
import statistics
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

RESULTS = Path(__file__).parent / "results"


class Figure(NamedTuple):
    """One number.

    Attributes:
        name: What was measured.
        value: The number.
        unit: Of the number.
        note: What else belongs to it.
    """

    name: str
    value: float
    unit: str
    note: str = ""


def rate(name: str, items: int, run: Callable[[], None], runs: int) -> Iterable[Figure]:
    """Measure items a CPU-second of this process: best and median of some runs."""
    cpu, wall = [], []
    for _ in range(runs):
        began, began_cpu = time.perf_counter(), time.process_time()
        run()
        cpu.append(time.process_time() - began_cpu)
        wall.append(time.perf_counter() - began)
    yield Figure(name, items / min(cpu), "items/cpu-s", f"best of {runs}")
    yield Figure(f"{name}_median", items / statistics.median(cpu), "items/cpu-s")
    yield Figure(f"{name}_wall", items / min(wall), "items/s", f"best of {runs}")


def calibration() -> Figure:
    """Time a fixed loop of plain Python."""
    times = []
    for _ in range(5):
        began, total = time.process_time(), 0
        for number in range(1_000_000):
            total += number * number % 7
        times.append(time.process_time() - began)
    return Figure("calibration_ms", min(times) * 1e3, "ms", "1,000,000 rounds of a fixed loop")


def share(values: list[float], part: float) -> float:
    """Give the quantile of measured values, nearest rank."""
    ordered = sorted(values)
    return ordered[min(int(part * len(ordered)), len(ordered) - 1)]


def show(figure: Figure) -> None:
    """Print a figure."""
    note = f"  # {figure.note}" if figure.note else ""
    print(f"BENCH {figure.name} {figure.value:.6g} {figure.unit}{note}", flush=True)  # noqa: T201


def commit() -> str:
    """Name the commit that is checked out."""
    command = ["git", "rev-parse", "--short", "HEAD"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip()


def keep(bench: str, figures: list[Figure]) -> None:
    """Write the figures of a full run with the commit they belong to."""
    RESULTS.mkdir(exist_ok=True)
    content = {
        "commit": commit(),
        "seed": 1,
        "machine": f"{platform.machine()}, Python {platform.python_version()}",
        "figures": [figure._asdict() for figure in figures],
    }
    (RESULTS / f"{bench}.json").write_text(json.dumps(content, indent=1) + "\n")
