"""Recordings as decoded columns: the same facts in Parquet, read many times faster.

Row groups stand in the order of the recording; each is one block of calls, or a run of records that
are kept whole (orders, heartbeats, what could not be decoded).
"""

from __future__ import annotations

from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from connectors.recordings.cursor import START, Cursor
from connectors.recordings.manifest import (
    NAME,
    Form,
    Manifest,
    Stamps,
    read_manifest,
    write_manifest,
)
from connectors.recordings.tables import (
    ASSIGNED,
    CALL,
    PLACES,
    TEXTS,
    VALUES,
    Names,
    arrow_module,
    block_of,
    records_of,
    table_of_block,
    table_of_records,
)
from optimizer.errors import RecordingInvalid
from optimizer.observe.columns import Block, Record

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

FILE = "columns.parquet"
# What Arrow raises, and what columns of other types than ours lead to.
_UNREADABLE = (OSError, ValueError, LookupError, NotImplementedError, TypeError, AttributeError)
_RUN, _RUN_BYTES = 1000, 16 << 20  # a run of records that is longer becomes two row groups
# Numbers near each other have small differences, which are read faster than anything; ids are not.
_ENCODING = dict.fromkeys(VALUES.keys() - {"call_id"}, "DELTA_BINARY_PACKED")


def write_columns(
    folder: Path,
    records: Iterable[Record],
    *,
    stamps: Stamps = Stamps.RECORDED,
    partitions: Iterable[str] = (),
    links: bool = False,
) -> None:
    """Write a recording of columns; it is there when all is written, or not at all.

    Args:
        folder: The recording; created when it is not there.
        records: Blocks (kind `COLUMNS`) and records that are kept whole, in their order.
        stamps: Where their stamps come from.
        partitions: Partitions that are waited for though they may have no records.
        links: Keep what scores find calls by.

    Raises:
        RecordingInvalid: The folder holds a recording, cannot be written, or a block has no calls.
        NotAvailable: pyarrow is not installed.
    """
    if (folder / NAME).exists():
        raise RecordingInvalid(f"{folder}: holds a recording already: name another folder")
    unfinished = folder / f".{FILE}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        found = _write_file(unfinished, records, links=links)
        unfinished.replace(folder / FILE)
        every = tuple(dict.fromkeys((*partitions, *found)))
        manifest = Manifest(partitions=every, form=Form.COLUMNS, stamps=stamps)
        write_manifest(folder, manifest)
    except OSError as error:
        way_out = "free some space, or name a folder this user may write to"
        raise RecordingInvalid(f"{folder}: {error.strerror or error}: {way_out}") from error
    finally:
        with suppress(OSError):  # it is gone, or its folder never was
            unfinished.unlink()


def read_columns(folder: Path) -> Iterator[Record]:
    """Give all of a recording of columns; errors are those of `ColumnsReader`."""
    return iter(ColumnsReader(folder))


class ColumnsReader:
    """Reads a recording of columns in the order it was written.

    Args:
        folder: The recording.

    Attributes:
        manifest: What the recording says of itself.
        torn: Never: such a recording is there as a whole or not at all.

    Raises:
        RecordingInvalid: The folder is no recording of columns, or is damaged.
        UnknownVersion: A newer version of this product wrote it.
        NotAvailable: pyarrow is not installed.
    """

    torn = False

    def __init__(self, folder: Path) -> None:
        self.manifest = read_manifest(folder, Form.COLUMNS)
        self._kinds = self.manifest.kinds_by_number()
        self._path = folder / FILE
        self._names: dict[str, Names] = {}
        parquet = arrow_module().parquet
        with self._explained("its footer"):
            self._file = parquet.ParquetFile(
                self._path, read_dictionary=list(TEXTS), page_checksum_verification=True
            )

    def __iter__(self) -> Iterator[Record]:
        """Give all of it."""
        pairs = self.read()
        while pairs:
            yield from (record for record, _ in pairs)
            pairs = self.read(pairs[-1][1])

    def read(self, cursor: str | None = None) -> list[tuple[Record, str]]:
        """Give a block, or some other records, each with the cursor behind it.

        Args:
            cursor: The cursor behind the last record that is not wanted; None at the beginning.

        Returns:
            Nothing at the end.

        Raises:
            RecordingInvalid: The file is damaged; the message names it and the row group.
        """
        place = Cursor.parse(cursor) if cursor else START
        if place.frame >= self._file.num_row_groups:
            return []
        records = self._records(place.frame)
        behind = [place._replace(record=number) for number in range(1, len(records))]
        cursors = map(str, [*behind, Cursor(place.file, place.frame + 1)])
        return list(zip(records, cursors, strict=True))[place.record :]

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def _records(self, number: int) -> list[Record]:
        with self._explained(f"row group {number}"):
            table = self._file.read_row_group(number, use_threads=False)
            if table.column("kind")[0].as_py() in {CALL, ASSIGNED}:
                return [block_of(table, self._names)]
            return records_of(table, self._kinds)

    @contextmanager
    def _explained(self, place: str) -> Iterator[None]:
        try:
            yield
        except _UNREADABLE as error:
            fault = f"{place} cannot be read: {error}: restore a copy of the file"
            raise RecordingInvalid(f"{self._path}: {fault}") from error


def _write_file(path: Path, records: Iterable[Record], *, links: bool) -> tuple[str, ...]:
    """Write the Parquet file; give the partitions it holds."""
    partitions: dict[str, None] = {}
    with arrow_module().parquet.ParquetWriter(
        path,
        table_of_records([], links=links).schema,
        compression="zstd",
        use_dictionary=["kind", "body", *PLACES, *TEXTS],
        column_encoding=_ENCODING,
        write_page_checksum=True,
        write_statistics=False,  # nobody looks for rows, and small row groups would be mostly that
    ) as writer:
        for table in _row_groups(records, links=links):
            partitions |= dict.fromkeys(table.column("partition").unique().to_pylist())
            writer.write_table(table, row_group_size=len(table))
    return tuple(partitions)


def _row_groups(records: Iterable[Record], *, links: bool) -> Iterator[Any]:
    run: list[Record] = []
    size = 0
    for record in records:
        body = record.body
        if not isinstance(body, Block):
            run.append(record)
            size += len(body)
        if run and (isinstance(body, Block) or len(run) == _RUN or size > _RUN_BYTES):
            yield table_of_records(run, links=links)
            run, size = [], 0
        if isinstance(body, Block):
            yield table_of_block(record, body, links=links)
    if run:
        yield table_of_records(run, links=links)
