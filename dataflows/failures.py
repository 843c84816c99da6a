"""What fails inside the engine, as one clear error instead of its wrapping and its backtraces."""

from __future__ import annotations

import os
import re
import sys
import tempfile
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING

from optimizer.errors import OptimizerError, StorageFailed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_UNDERSTOOD = (OptimizerError, OSError, KeyboardInterrupt)
_RECOVERY_STORE = "SqliteFailure"  # how the engine's own database says that it failed
_TOLD = re.compile(r'Some\("([^"]*)"\)')  # and what it says
_STDERR = 2


@contextmanager
def explained() -> Iterator[None]:
    """Raise what a step of the job raised, without what the engine adds to it.

    The engine is compiled: before it raises it writes a backtrace to descriptor 2, past Python.
    So that leads to a file meanwhile, and `sys.stderr` to where it led before; what the file holds
    is shown only when the error is not one of those we expect.
    """
    with tempfile.TemporaryFile() as noise, _diverted(noise):
        try:
            yield
        except BaseException as error:
            cause = _cause(error)
            if cause is None:
                noise.seek(0)
                sys.stderr.write(noise.read().decode(errors="replace"))
                raise
            raise cause from None


@contextmanager
def recovery_explained(folder: Path) -> Iterator[None]:
    """Say of an error of the engine's own database which one it is and what to do."""
    try:
        yield
    except BaseException as error:  # what the engine panics with is no Exception
        if _cause(error) is not None or _RECOVERY_STORE not in str(error):
            raise
        told = _TOLD.search(str(error))
        raise StorageFailed(
            f"{folder}: {told.group(1) if told else error}: the recovery state cannot be read or "
            "written: free some space, or name another folder; what was decided is kept"
        ) from error


@contextmanager
def _diverted(noise: IO[bytes]) -> Iterator[None]:
    usual = sys.stderr
    usual.flush()
    descriptor = os.dup(_STDERR)
    shown = open(  # noqa: PTH123, SIM115 - a descriptor has no path; closed below
        descriptor, "w", buffering=1, encoding=usual.encoding, errors="backslashreplace"
    )
    try:
        sys.stderr = shown
        os.dup2(noise.fileno(), _STDERR)
        yield
    finally:
        os.dup2(descriptor, _STDERR)
        sys.stderr = usual
        shown.close()


def _cause(error: BaseException | None) -> BaseException | None:
    """Find what was understood, under what the engine wrapped around it."""
    while error is not None and not isinstance(error, _UNDERSTOOD):
        error = error.__cause__ or error.__context__
    return error
