"""`flags.json` in a folder of documents, for evaluators of flags that watch a file.

Who writes to the folder says so, and a thread writes the file anew: at once, then not before it
has rested nine times as long as that took, so that a thousand documents in a row cost a few files.
A lease's end needs no writing: the file names it.
"""

from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING

from connectors.documents import files
from connectors.documents.flag_set import FLAGS, FlagSet
from connectors.journal import note
from optimizer.errors import OptimizerError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_REST_S, _FAILED_REST_S = 0.2, 2.0
_YOUNGER_NS = 2_000_000_000


class FlagFile:
    """Keeps the file as the documents act.

    Args:
        path: The folder.
        public_keys: Who may have signed what the file tells; empty when nobody asks.

    Attributes:
        trouble: Why the file could not be written the last time; `""` when nothing is wrong.
    """

    def __init__(self, path: Path, public_keys: Sequence[str] = ()) -> None:
        self._path = path / FLAGS
        self._flags = FlagSet(path, _clocks, public_keys)
        self._content, self.trouble = b"", ""
        self._is_due, self._closed = threading.Event(), threading.Event()
        self._is_due.set()
        self._thread = threading.Thread(target=self._keep_on, name="flags", daemon=True)
        self._thread.start()

    def changed(self) -> None:
        """Have the file written anew."""
        self._is_due.set()

    def close(self) -> None:
        """Write what is still due, and nothing more."""
        self._closed.set()
        self._is_due.set()
        self._thread.join()

    def _keep_on(self) -> None:
        while not self._closed.is_set():
            self._is_due.wait()
            self._is_due.clear()
            begun_s = _now()
            self._write()
            took_s = _now() - begun_s
            self._closed.wait(_FAILED_REST_S if self.trouble else max(_REST_S, 9 * took_s))
        self._write()

    def _write(self) -> None:
        """Write the file if it would be another one; what fails is tried again, and told once."""
        try:
            content = self._flags.read(is_new=True)
            if content != self._content:
                _put(self._path, content)
                self._content = content
            self.trouble = ""
        except (OptimizerError, OSError) as error:
            if self.trouble != str(error):
                note("warn", "flags_not_written", error=error)
            self.trouble = str(error)
            self._is_due.set()


def _put(path: Path, content: bytes) -> None:
    """Write a file that is younger than it was by its time stamp too.

    Evaluators load what is younger than what they have, but clocks are set back, and the stamps of
    some file systems are whole seconds.
    """
    before_ns = path.stat().st_mtime_ns if path.exists() else 0
    files.put(path, content)
    if path.stat().st_mtime_ns <= before_ns:
        os.utime(path, ns=(before_ns + _YOUNGER_NS, before_ns + _YOUNGER_NS))


def _clocks() -> tuple[int, int]:
    return time.time_ns(), time.monotonic_ns()  # noqa: TID251 - an edge: leases end by them


def _now() -> float:
    return time.monotonic()  # noqa: TID251 - an edge: it rests by it
