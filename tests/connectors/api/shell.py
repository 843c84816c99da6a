"""The command line called in this process, where it leaves nothing behind."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, NamedTuple

from dataflows import main

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


class Done(NamedTuple):
    """How a command ended.

    Attributes:
        code: Its exit code.
        output: What it wrote to standard output.
        errors: What it wrote to standard error.
    """

    code: int
    output: str
    errors: str


class Shell:
    """Runs commands in an empty folder, without settings from outside."""

    def __init__(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
    ) -> None:
        self.folder = folder
        self._monkeypatch = monkeypatch
        self._capfd = capfd
        monkeypatch.chdir(folder)
        for name in [name for name in os.environ if name.startswith("OPTIMIZER_")]:
            monkeypatch.delenv(name)

    def __call__(self, *arguments: object) -> Done:
        """Run one command to its end."""
        self._monkeypatch.setattr(sys, "argv", ["llm-optimizer", *map(str, arguments)])
        try:
            code = main.main()
        except SystemExit as left:  # argparse leaves so
            code = int(left.code or 0)
        return Done(code, *self._capfd.readouterr())
