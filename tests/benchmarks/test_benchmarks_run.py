"""Every benchmark runs, and says its figures in the form that programs read."""

from __future__ import annotations

import math
import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.benchmarks.__main__ import NAMES
from tests.benchmarks.actuator_kill import WRONG
from tests.benchmarks.figures import RESULTS, Figure, show
from tests.command_line import ENVIRONMENT, ROOT
from tests.litellm.environment import python

LINE = re.compile(r"BENCH (?P<name>[a-z][\w.%-]*) (?P<value>\S+) (?P<unit>\S+)(?:  # \S.*)?")
AT_ONCE = 3  # two of them mostly wait for the clock
NEVER = ("kill_replays_that_differ", *(f"actuator_kill_{name}" for name in WRONG))
NOUGHT = re.compile(r"(?<!\d)0 is asked")  # what the note of such a figure says
LONG = (
    "decision_latency_p99_ms",
    "snapshot_pause_p99_ms",
    "litellm_kill",
    "litellm_overhead_ms",
    "kill",
    "rollout_kill",
    "actuator_kill",
)


def bench(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.benchmarks", *map(str, arguments)]
    return subprocess.run(
        command, cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def runs(recording: Path) -> Iterator[dict[str, Future[subprocess.CompletedProcess[str]]]]:
    """All benchmarks, small and some at once, the long ones first."""
    data = {"kill": ("--data", recording)}  # quicker than the demo
    python()  # before any is waited for: LiteLLM's environment may have to be made first
    with ThreadPoolExecutor(AT_ONCE) as pool:
        order = [*LONG, *(name for name in NAMES if name not in LONG)]
        yield {name: pool.submit(bench, name, "--small", *data.get(name, ())) for name in order}


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_it_runs_and_says_well_formed_figures(
    name: str, runs: dict[str, Future[subprocess.CompletedProcess[str]]]
) -> None:
    kept = sorted(RESULTS.glob("*"))
    done = runs[name].result(timeout=300)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    said = [LINE.fullmatch(line) for line in done.stdout.splitlines()]
    assert all(said), done.stdout
    figures = {line["name"]: float(line["value"]) for line in said if line}
    assert len(figures) == len(said) >= 2
    assert all(math.isfinite(value) and value >= 0 for value in figures.values())
    assert figures["calibration_ms"] > 0
    assert {figures.get(never, 0) for never in NEVER} == {0}
    nought = {
        line["name"]: float(line["value"]) for line in said if line and NOUGHT.search(line[0])
    }
    assert [name for name, value in nought.items() if value] == []
    assert sorted(RESULTS.glob("*")) == kept  # a small run says nothing of the product's speed


def test_every_name_has_a_file_and_every_file_that_measures_a_name() -> None:
    folder = Path(__file__).parent
    assert [name for name in NAMES if not (folder / f"{name}.py").exists()] == []
    measuring = {
        path.stem
        for path in folder.glob("*.py")
        if re.search(r"^def run\(\*, small", path.read_text(), re.MULTILINE)
    }
    assert measuring == set(NAMES)


def test_a_name_there_is_not_is_told() -> None:
    done = bench("bogus")
    assert (done.returncode, done.stdout) == (2, "")
    assert "invalid choice: 'bogus'" in done.stderr


def test_a_figure_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    show(Figure("some_rate", 1234567.891, "items/s", "best of 3"))
    assert capsys.readouterr().out == "BENCH some_rate 1.23457e+06 items/s  # best of 3\n"
