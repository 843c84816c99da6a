"""The log's own input: records that commands append for the live job to take in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from connectors.recordings import messages
from optimizer.errors import StorageFailed
from optimizer.observe.columns import Record, RecordKind
from optimizer.settings import source_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from optimizer.ports import Log

INPUTS = "llm.optimizer.inputs"
COMMANDS = frozenset({RecordKind.ORDER, RecordKind.REPORT})
_AT_ONCE = 200
_KINDS = {kind.value: kind for kind in RecordKind}
_WITHOUT_BYTES = {RecordKind.HEARTBEAT, RecordKind.IDLE, RecordKind.END, RecordKind.COLUMNS}


class LogInput:
    """Reads records that were appended to the log, each once; its place is kept in a file.

    Args:
        log: The log.
        position: File to keep the place in; without it all of the topic is read.

    Attributes:
        behind: More may be there than was read last.
    """

    def __init__(self, log: Log, position: Path) -> None:
        self.behind = False
        self._log = log
        self._file = position
        self._next = self._kept = self._begin()

    def read(self) -> Sequence[Record]:
        """Give what has come."""
        entries = self._log.read(INPUTS, self._next, _AT_ONCE)
        self.behind = len(entries) == _AT_ONCE
        if entries:
            self._next = entries[-1].position + 1
        return [record for entry in entries for record in _records(entry.value)]

    def keep(self) -> None:
        """Note how far was read, in one step.

        Raises:
            StorageFailed: The disk is full or refuses.
        """
        if self._next == self._kept:
            return
        new = self._file.with_suffix(".new")
        try:
            new.write_text(str(self._next))
            new.replace(self._file)
        except OSError as error:
            raise StorageFailed(
                f"{self._file}: cannot be written: {error.strerror}; free space or choose another "
                "folder (OPTIMIZER_SERVICE__DATA_DIR), then start again"
            ) from error
        self._kept = self._next

    def _begin(self) -> int:
        """Give the place to read on from; the beginning of a log that was begun anew."""
        text = self._file.read_text() if self._file.exists() else ""
        kept = int(text) if text.isdecimal() else 0
        return kept if kept <= self._log.end(INPUTS) else 0


def _records(value: bytes) -> list[Record]:
    """Read an entry; one that is none is given as it is, so that it is set aside with its bytes."""
    try:
        found = list(messages.decode(value, _KINDS))
    except ValueError:
        found = []
    if not found or any(record.kind in _WITHOUT_BYTES for record in found):
        return [Record(INPUTS, 0, 0, RecordKind.OTLP, value)]
    return found


def partition_of(record: Record, followed: str) -> str:
    """Name the partition that takes a record in where one source is followed.

    What that source says, and what nobody can read, goes to its own partition: there a call that
    came before is known again. Any other keeps the partition it names, and with it its tenant; so
    do the installation's own commands, which concern all tenants.
    """
    source = source_of(record.partition)
    is_command = source == INPUTS and record.kind in COMMANDS
    return followed if source in {followed, INPUTS} and not is_command else record.partition
