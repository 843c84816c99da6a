"""`make demo-litellm` ends as it says, repeats what it said, and leaves nothing behind."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.litellm.environment import ROOT, python

TOO_LONG_S = 400
_DEMO = ("-m", "dataflows.live_demo")


def demo(out: Path, *more: str) -> subprocess.Popen[str]:
    litellm = python().with_name("litellm")
    return subprocess.Popen(
        (sys.executable, *_DEMO, "--litellm", str(litellm), "--out", str(out), *more),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def left_behind(out: Path) -> list[str]:
    """Name the processes that run in the demo's folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "cwd").readlink() == out:
                found.append((process / "cmdline").read_text().replace("\0", " "))
        except OSError:
            continue  # it has ended, or is somebody else's
    return found


@pytest.mark.slow
def test_a_slower_model_is_taken_back_on_a_real_proxy_and_the_recording_says_the_same(
    tmp_path: Path,
) -> None:
    out = tmp_path / "demo"
    told, faults = demo(out, "--routes", "search").communicate(timeout=TOO_LONG_S)
    assert not faults
    assert "ROLLED BACK  o4-mini: harm: latency" in told
    assert "acme/shop/search: rolled back; now 100% gpt-4.1\n" in told
    assert " 0 failed, " in told
    assert "the same byte for byte" in told
    assert left_behind(out) == []


@pytest.mark.slow
def test_an_interrupt_ends_all_of_its_processes(tmp_path: Path) -> None:
    out = tmp_path / "demo"
    process = demo(out)
    for line in process.stdout:
        if line.startswith("the proxy answers"):
            break
    assert len(left_behind(out)) == 2
    process.send_signal(signal.SIGINT)
    _, faults = process.communicate(timeout=TOO_LONG_S)
    assert process.returncode == 130
    assert "nothing is left running" in faults
    assert left_behind(out) == []
