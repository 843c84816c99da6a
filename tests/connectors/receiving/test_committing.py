"""Requests that are written down together fail together: none is taken for written by mistake."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from connectors.intake import Entry, Intake
from connectors.receiving.committing import Committing
from connectors.recordings import RecordingReader, RecordingWriter
from optimizer.observe.columns import RecordKind
from tests.dataflows.actuating import wait_until

if TYPE_CHECKING:
    from pathlib import Path

PARTITION = "otlp"


class Clock:
    """A clock that stops whoever reads it until it is told to go on, and fails the first two."""

    def __init__(self) -> None:
        self.reads = 0
        self.goes_on = threading.Event()

    def __call__(self) -> int:
        self.reads += 1
        assert self.goes_on.wait(20)
        if self.reads <= 2:
            raise MemoryError
        return self.reads


def test_whoever_waits_for_another_s_write_that_fails_oddly_is_told_so(tmp_path: Path) -> None:
    clock = Clock()
    with RecordingWriter(tmp_path, [PARTITION]) as writer:
        committing = Committing(Intake(writer, clock, {PARTITION: 0}))

        def commit(number: int) -> bool:
            try:
                committing.commit(Entry(PARTITION, RecordKind.OTLP, b"%d" % number))
            except MemoryError:
                return False
            return True

        with ThreadPoolExecutor(4) as pool:
            first = pool.submit(commit, 0)
            wait_until(lambda: clock.reads == 1)
            others = [pool.submit(commit, number) for number in (1, 2, 3)]
            wait_until(lambda: len(committing._waiting) == 3)  # noqa: SLF001 - nothing else tells
            clock.goes_on.set()
            assert [one.result() for one in (first, *others)] == [False] * 4
    assert list(RecordingReader(tmp_path)) == []
