"""The program as a process of its own."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
# A coverage run or a debugging shell must not change what a user would see.
ENVIRONMENT = {
    name: value
    for name, value in os.environ.items()
    if not name.startswith(("OPTIMIZER_", "RUST", "PYTHONUNBUFFERED"))
} | {"PYTHONPATH": str(ROOT), "RUST_BACKTRACE": "1"}


def start(
    *arguments: object, cwd: Path = ROOT, most_kb: int = 0, **variables: str
) -> subprocess.Popen[str]:
    """Start a command; its output and its errors are read apart.

    `most_kb` is how large it may let any file grow; 0 = as it likes.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", "dataflows.main", *map(str, arguments)],
        cwd=cwd,
        env={**ENVIRONMENT, **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    if most_kb:
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (most_kb * 1024, most_kb * 1024))
    return process


def llm_optimizer(
    *arguments: object, cwd: Path = ROOT, most_kb: int = 0, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    process = start(*arguments, cwd=cwd, most_kb=most_kb, **variables)
    output, errors = process.communicate(timeout=240)
    return subprocess.CompletedProcess(process.args, process.returncode, output, errors)
