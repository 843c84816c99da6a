"""The core of flagd, built once: what flagd follows flag files with, and evaluates them by."""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from tests.brokers.kinds import CACHE

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType
    from typing import Self

VERSION = "v0.17.0"
CORE = "github.com/open-feature/flagd/core"
PROGRAM = Path(__file__).with_suffix(".go")


def absent() -> str:
    """Say why there can be no flagd here; `""` where there can."""
    return "" if shutil.which("go") or _binary().exists() else "no Go here to build flagd's core"


def _binary() -> Path:
    return CACHE / f"flagd-core-{VERSION[1:]}"


def built(folder: Path) -> Path:
    """Give the program; Go's modules are fetched and built the first time, which takes a minute."""
    binary, made = _binary(), folder / "flagd"
    if binary.exists():
        return binary
    (folder / "go.mod").write_text(f"module flagd\n\ngo 1.25\n\nrequire {CORE} {VERSION}\n")
    shutil.copy(PROGRAM, folder / "main.go")
    fetch = ("go", "mod", "download", f"{CORE}@{VERSION}")
    if subprocess.run(fetch, cwd=folder, check=False).returncode:
        pytest.skip(f"flagd's core {VERSION} cannot be fetched")
    command = ("go", "build", "-mod=mod", "-ldflags=-s -w", "-o", made, ".")
    subprocess.run(command, cwd=folder, check=True)
    CACHE.mkdir(parents=True, exist_ok=True)
    shutil.move(made, binary)
    return binary


class Evaluated(NamedTuple):
    """What a flag was evaluated to.

    Attributes:
        arm: The variant.
        revision: Of the document behind it.
    """

    arm: str
    revision: int


class Flagd:
    """Evaluates one flag, in a process of its own.

    Args:
        folder: Where it is built if it must be.
        flags: A file of flags, or the address of one.
        route: The flag.
    """

    def __init__(self, folder: Path, flags: Path | str, route: str) -> None:
        self._command = (built(folder), str(flags), route)

    def ask(self, units: Sequence[str]) -> list[Evaluated]:
        """Evaluate the flag for units."""
        asking = threading.Thread(target=self._write, args=(units,))
        asking.start()
        assert self._process.stdout
        lines = [self._process.stdout.readline() for _ in units]
        asking.join()
        return [Evaluated(*json.loads(line)) for line in lines]

    def _write(self, units: Sequence[str]) -> None:
        assert self._process.stdin
        self._process.stdin.writelines(f"{json.dumps(unit)}\n" for unit in units)
        self._process.stdin.write("\n")
        self._process.stdin.flush()

    def __enter__(self) -> Self:
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(self._command, stdin=pipe, stdout=pipe, text=True)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.communicate()
