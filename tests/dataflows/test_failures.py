"""Errors out of the engine: those we expect come alone, those we do not come with all there is."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from dataflows.failures import explained, recovery_explained
from optimizer.errors import RecordingInvalid, StorageFailed

NOISE = b"thread panicked\n"
FULL = 'unwrap on SqliteFailure(Error { code: DiskFull }, Some("database or disk is full"))'


def fail(cause: BaseException) -> None:
    """Fail as the engine does, after it has written its backtrace past Python."""
    with explained():
        sys.stderr.write("progress\n")
        os.write(2, NOISE)
        raise wrapped(wrapped(cause))


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def wrapped(cause: BaseException) -> RuntimeError:
    """As the engine raises what a step has raised."""
    error = RuntimeError("error calling next_batch")
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    "cause",
    [RecordingInvalid("damaged"), BrokenPipeError(), OSError(28, "full"), KeyboardInterrupt()],
)
def test_what_is_understood_comes_alone(
    cause: BaseException, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(type(cause)) as raised:
        fail(cause)
    assert raised.value is cause
    assert raised.value.__suppress_context__
    assert capfd.readouterr().err == "progress\n"


def test_what_is_not_understood_comes_with_all_there_is(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(RuntimeError, match="error calling"):
        fail(KeyError("a bug"))
    assert capfd.readouterr().err == f"progress\n{NOISE.decode()}"


def test_standard_error_is_as_before_in_the_end(capfd: pytest.CaptureFixture[str]) -> None:
    usual, open_before = sys.stderr, descriptors()
    for _ in range(3):
        with explained():
            os.write(2, NOISE)
    os.write(2, b"after\n")
    assert sys.stderr is usual
    assert descriptors() == open_before
    assert capfd.readouterr().err == "after\n"


def test_the_engines_own_database_is_named(tmp_path: Path) -> None:
    with pytest.raises(StorageFailed) as raised, recovery_explained(tmp_path):
        raise RuntimeError(FULL)
    assert str(raised.value).startswith(f"{tmp_path}: database or disk is full: the recovery state")
    with pytest.raises(RuntimeError, match="something else"), recovery_explained(tmp_path):
        raise RuntimeError("something else")
    with pytest.raises(RuntimeError, match="error calling"), recovery_explained(tmp_path):
        raise wrapped(RecordingInvalid(FULL))
