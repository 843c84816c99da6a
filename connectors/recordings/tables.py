"""Records as Arrow tables: a block of calls is one, a run of other records is one.

A row is a call, with `kind` -1, a call that was only told of when it started, with `kind` -2, or a
record that is kept whole, with its kind and `body`. A block's calls come in this order, and
`partition`, `offset`, `stamp_ns` and `mark_ns` are the same in every row of it. Route, arm,
revision and cell are dictionary-encoded text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from optimizer.errors import NotAvailable, RecordingInvalid
from optimizer.observe.columns import ARRAYS, Block, Columns, Record, RecordKind, join
from optimizer.observe.keys import CallKey, KeyTable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

CALL = -1  # the kind of a row that is a call
ASSIGNED = -2  # of one that was told of when it started, as it is if it hangs
TEXTS = ("partition", *CallKey._fields)
PLACES = ("offset", "stamp_ns", "mark_ns")
_TYPES = {"call_id": "uint64", "slot": "int16", "flags": "uint8", "score": "int32"}
VALUES = {name: _TYPES.get(name, "int64") for name in ARRAYS if name != "key"}
LINKS = ("trace", "span", "response")  # the columns of `Columns.links`, where they are kept
_FEW = 1 << 20  # as many codes as may be looked up in an array


class Names:
    """The keys of one partition, as every block read so far has named them.

    Blocks get the same tuple until a new key appears, so who maps keys need do it only then.
    """

    def __init__(self) -> None:
        self._table = KeyTable()
        self._keys: tuple[CallKey, ...] = ()

    def codes(self, keys: Sequence[CallKey]) -> NDArray[np.int32]:
        """Give the place of each key in `keys()`."""
        return np.array([self._table.code(key) for key in keys], np.int32)

    def keys(self) -> tuple[CallKey, ...]:
        """Give all keys."""
        if len(self._keys) != len(self._table):
            self._keys = tuple(self._table.keys)
        return self._keys


def arrow_module() -> Any:
    """Load pyarrow, which only recordings of columns need.

    Raises:
        NotAvailable: It is not installed.
    """
    try:
        import pyarrow as pa  # noqa: PLC0415 - 30 MB that nothing else needs
        import pyarrow.parquet  # noqa: PLC0415 - see above
    except ImportError as error:
        raise NotAvailable(
            "recordings of columns need pyarrow: pip install 'llm-auto-optimizer[columns]'"
        ) from error
    return pa


def table_of_block(record: Record, block: Block, *, links: bool = False) -> Any:
    """Lay out the calls of a record whose body is a block, with what scores find them by if asked.

    Raises:
        RecordingInvalid: It has none, so no row would tell its place and its marks.
    """
    pa, columns = arrow_module(), block.columns
    kinds = np.full(len(columns), CALL, np.int8)
    if block.assigned is not None:
        columns = join([columns, block.assigned])
        kinds = np.concatenate((kinds, np.full(len(block.assigned), ASSIGNED, np.int8)))
    rows = len(columns)
    if not rows:
        where = f"{record.partition} at offset {record.offset}"
        raise RecordingInvalid(f"the block of {where} has no calls: keep its marks as records")
    distinct, place = _distinct(columns.key, len(block.keys))
    keys = [block.keys[code] for code in distinct.tolist()]
    names = {name: [str(getattr(key, name)) for key in keys] for name in CallKey._fields}
    places = dict(zip(PLACES, (record.offset, record.stamp_ns, block.mark_ns), strict=True))
    return pa.table(
        {
            "partition": _dictionary(pa, [record.partition], np.zeros(rows, np.intp)),
            "kind": kinds,
            **{name: np.full(rows, value, np.int64) for name, value in places.items()},
            **{name: _dictionary(pa, texts, place) for name, texts in names.items()},
            **{name: getattr(columns, name) for name in VALUES},
            **(_links(columns.links, rows) if links else {}),
            "body": pa.repeat(pa.scalar(b"", pa.binary()), rows),
        }
    )


def table_of_records(records: Sequence[Record], *, links: bool = False) -> Any:
    """Lay out records that are kept whole; what only calls have is empty."""
    pa, rows = arrow_module(), len(records)
    order = np.arange(rows)
    return pa.table(
        {
            "partition": _dictionary(pa, [record.partition for record in records], order),
            "kind": np.array([record.kind for record in records], np.int8),
            "offset": np.array([record.offset for record in records], np.int64),
            "stamp_ns": np.array([record.stamp_ns for record in records], np.int64),
            "mark_ns": np.full(rows, -1, np.int64),
            **{name: _dictionary(pa, [""], order * 0) for name in CallKey._fields},
            **{name: np.zeros(rows, dtype) for name, dtype in VALUES.items()},
            **(_links(None, rows) if links else {}),
            "body": pa.array([record.body for record in records], pa.binary()),
        }
    )


def block_of(table: Any, partitions: dict[str, Names]) -> Record:
    """Read the calls of a block.

    Args:
        table: What `table_of_block` gave.
        partitions: The names of each partition; what is new is added.
    """
    partition, offset, stamp_ns, mark_ns = (
        table.column(name)[0].as_py() for name in ("partition", *PLACES)
    )
    names = partitions.setdefault(partition, Names())
    arrays = {
        name: table.column(name).to_numpy().astype(dtype, copy=False)
        for name, dtype in VALUES.items()
    }
    links = None
    if LINKS[0] in table.column_names:
        links = np.column_stack([table.column(name).to_numpy() for name in LINKS])
    columns = Columns(key=_codes(table, names), links=links, **arrays)
    assigned = None
    ended = int(np.count_nonzero(table.column("kind").to_numpy() == CALL))
    if ended < len(columns):
        columns, assigned = columns.part(0, ended), columns.part(ended, len(columns))
    block = Block(keys=names.keys(), columns=columns, mark_ns=mark_ns, assigned=assigned)
    return Record(partition, offset, stamp_ns, RecordKind.COLUMNS, block)


def records_of(table: Any, kinds: Mapping[int, RecordKind]) -> list[Record]:
    """Read records that were kept whole.

    Raises:
        KeyError: One has a kind that the manifest does not name.
    """
    columns = (table.column(name).to_pylist() for name in Record._fields)
    return [
        Record(partition, offset, stamp_ns, kinds[kind], body)
        for partition, offset, stamp_ns, kind, body in zip(*columns, strict=True)
    ]


def _links(links: NDArray[np.uint64] | None, rows: int) -> dict[str, NDArray[np.uint64]]:
    """Give the columns of links; a call without any has zeros."""
    values = np.zeros((rows, len(LINKS)), np.uint64) if links is None else links
    return {name: np.ascontiguousarray(values[:, at]) for at, name in enumerate(LINKS)}


def _dictionary(pa: Any, names: list[str], place: NDArray[np.intp]) -> Any:
    """Encode `names[place]`; equal columns are equal bytes, in whichever order names came."""
    distinct = sorted(set(names))
    code = {name: number for number, name in enumerate(distinct)}
    codes = np.array([code[name] for name in names], np.int32)
    return pa.DictionaryArray.from_arrays(codes[place], pa.array(distinct, pa.string()))


def _codes(table: Any, names: Names) -> NDArray[np.int32]:
    """Give the code of each row's key, looking up each distinct key once."""
    combined = np.zeros(len(table), np.int64)
    texts = []
    for name in CallKey._fields:
        column = table.column(name).unify_dictionaries().combine_chunks()
        texts.append(column.dictionary.to_pylist())
        combined = combined * len(texts[-1]) + column.indices.to_numpy()
    shape = tuple(map(len, texts))
    numbers, place = _distinct(combined, int(np.prod(shape)))
    parts = zip(*(axis.tolist() for axis in np.unravel_index(numbers, shape)), strict=True)
    keys = []
    for part in parts:
        route, arm, revision, cell = (text[code] for text, code in zip(texts, part, strict=True))
        keys.append(CallKey(route, arm, int(revision), cell))
    return names.codes(keys)[place]


def _distinct(codes: NDArray[Any], size: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Give the distinct codes, all below `size`, rising, and for each row which one it has."""
    if size > _FEW:
        distinct, place = np.unique(codes, return_inverse=True)
        return distinct.astype(np.intp), place
    seen = np.zeros(size, np.bool_)  # a lookup is ten times faster than sorting
    seen[codes] = True
    return np.flatnonzero(seen), (np.cumsum(seen) - 1)[codes]
