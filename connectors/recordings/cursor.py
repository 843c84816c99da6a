"""Where a reader of a recording stands, and how its files are named."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Self

from optimizer.errors import RecordingInvalid

if TYPE_CHECKING:
    from pathlib import Path

_SUFFIX = ".zst"


class Cursor(NamedTuple):
    """The place of a record; as text, what a source keeps to resume exactly there.

    Attributes:
        file: The file's number.
        frame: The first byte of the frame; of columns, the number of the row group.
        record: The record's number in the frame.
    """

    file: int = 0
    frame: int = 0
    record: int = 0

    def __str__(self) -> str:
        return ":".join(map(str, self))

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what `str` gave.

        Raises:
            RecordingInvalid: The text is no cursor.
        """
        parts = text.split(":")
        if len(parts) != len(cls._fields) or not all(part.isdecimal() for part in parts):
            raise RecordingInvalid(f"{text!r} is no cursor: must be such as 0:1024:7")
        return cls(*map(int, parts))


START = Cursor()  # of a recording that has all its files


def file_path(folder: Path, number: int) -> Path:
    """Give the file of a number."""
    return folder / f"{number:08}{_SUFFIX}"


def file_numbers(folder: Path) -> list[int]:
    """Give the numbers of a recording's files, rising."""
    names = (path.stem for path in folder.glob(f"*{_SUFFIX}"))
    return sorted(int(name) for name in names if name.isdecimal())


def last_file(folder: Path) -> int:
    """Give the number of a recording's newest file, -1 when it has none."""
    return max(file_numbers(folder), default=-1)
