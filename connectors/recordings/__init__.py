"""Recordings: what came in, kept so that it can be taken in again, to the byte."""

from __future__ import annotations

from typing import TYPE_CHECKING

from connectors.recordings.columns import ColumnsReader
from connectors.recordings.manifest import Form, Manifest, Stamps, read_manifest
from connectors.recordings.reader import RecordingReader
from connectors.recordings.writer import RecordingWriter

if TYPE_CHECKING:
    from pathlib import Path

__all__ = [
    "ColumnsReader",
    "Manifest",
    "RecordingReader",
    "RecordingWriter",
    "Stamps",
    "open_reader",
]


def open_reader(folder: Path) -> RecordingReader | ColumnsReader:
    """Open a recording, however it is kept.

    Raises:
        RecordingInvalid: The folder is no recording, or is damaged.
        UnknownVersion: A newer version of this product wrote it.
        NotAvailable: It needs pyarrow, which is not installed.
    """
    if read_manifest(folder).form is Form.COLUMNS:
        return ColumnsReader(folder)
    return RecordingReader(folder)
