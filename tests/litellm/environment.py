"""The virtual environment of a LiteLLM proxy: found, or made from its lock."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
LOCK = ROOT / "deploy" / "litellm" / "requirements.lock"
VARIABLE = "LITELLM_ENV"


def python() -> Path:
    """Give the interpreter that has LiteLLM: of `LITELLM_ENV`, or of an environment made here."""
    given = os.environ.get(VARIABLE)
    folder = Path(given) if given else ROOT / ".venv-litellm"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # tests may run side by side
        ready = folder / ".ready"
        if not ready.exists() or (not given and ready.stat().st_mtime < LOCK.stat().st_mtime):
            _make(folder)
            ready.touch()
    return folder / "bin" / "python"


def _make(folder: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    interpreter = str(folder / "bin" / "python")
    if uv := shutil.which("uv"):
        install = [uv, "pip", "sync", "--quiet", "--require-hashes", "--python", interpreter]
    else:
        install = [interpreter, "-m", "pip", "install", "--quiet", "--require-hashes", "-r"]
    subprocess.run([*install, str(LOCK)], check=True)
