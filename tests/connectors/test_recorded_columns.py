"""A recording of columns holds the same facts, in the same order, with keys by name."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from pyarrow import parquet

from connectors.recordings import ColumnsReader, RecordingReader, RecordingWriter, open_reader
from connectors.recordings.columns import FILE, read_columns, write_columns
from connectors.recordings.manifest import Stamps
from connectors.recordings.tables import VALUES
from optimizer.errors import RecordingInvalid
from optimizer.observe.columns import Block, Columns, Record, RecordKind
from optimizer.observe.keys import CallKey

ROOT = Path(__file__).parents[2]
NAMES = st.text(max_size=4)
KEYS = st.builds(CallKey, NAMES, NAMES, st.integers(0, 2**40), NAMES)


@st.composite
def blocks(draw):
    keys = tuple(draw(st.lists(KEYS, min_size=1, max_size=5, unique=True)))
    rows = draw(st.integers(0, 6))
    columns, mark_ns = draw(some_columns(keys, rows)), draw(st.integers(-1, 2**63 - 1))
    waited = draw(st.integers(not rows, 3))
    assigned = draw(some_columns(keys, waited)) if waited else None
    return Block(keys=keys, columns=columns, mark_ns=mark_ns, assigned=assigned)


@st.composite
def some_columns(draw, keys, rows):
    values = {}
    for name, dtype in VALUES.items():
        limits = np.iinfo(dtype)
        numbers = st.integers(int(limits.min), int(limits.max))
        values[name] = np.array(draw(st.lists(numbers, min_size=rows, max_size=rows)), dtype)
    codes = draw(st.lists(st.integers(0, len(keys) - 1), min_size=rows, max_size=rows))
    return Columns(key=np.array(codes, np.int32), **values)


NUMBERS = st.integers(0, 2**63 - 1)
PARTITIONS = st.sampled_from(["p", "größe/路由"])
CALLS = st.builds(Record, PARTITIONS, NUMBERS, NUMBERS, st.just(RecordKind.COLUMNS), blocks())
OTHERS = st.builds(
    Record,
    PARTITIONS,
    NUMBERS,
    NUMBERS,
    st.sampled_from([kind for kind in RecordKind if kind is not RecordKind.COLUMNS]),
    st.binary(max_size=9),
)


def facts(record):
    """Give what a record says, with keys by name and arrays with their types."""
    block = record.body
    if not isinstance(block, Block):
        return record
    told = [told_in(block, columns) for columns in (block.columns, block.assigned)]
    return record._replace(body=(told, block.mark_ns, block.columns.key.dtype))


def told_in(block, columns):
    if columns is None:
        return None
    keys = [block.keys[code] for code in columns.key.tolist()]
    arrays = {name: getattr(columns, name) for name in VALUES}
    return keys, {name: (array.dtype, array.tolist()) for name, array in arrays.items()}


def calls(number, keys, codes=(0,), mark_ns=-1):
    """Give a record of some calls."""
    values = {name: np.full(len(codes), number).astype(dtype) for name, dtype in VALUES.items()}
    block = Block(
        keys=tuple(keys), columns=Columns(key=np.array(codes, np.int32), **values), mark_ns=mark_ns
    )
    return Record("p", number, 1_000 + number, RecordKind.COLUMNS, block)


def order(number):
    return Record("p", number, 1_000 + number, RecordKind.ORDER, f"order {number}".encode())


A, B = CallKey("t/s/a", "x", 1, "short"), CallKey("t/s/b", "y")


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(CALLS | OTHERS, max_size=6))
def test_what_was_written_is_read_and_every_cursor_resumes_behind_its_record(
    tmp_path_factory, records
):
    folder = tmp_path_factory.mktemp("recording") / "columns"
    write_columns(folder, iter(records))
    written = [facts(record) for record in records]
    assert [facts(record) for record in read_columns(folder)] == written
    reader = open_reader(folder)
    assert set(reader.manifest.partitions) == {record.partition for record in records}
    place, pairs = 0, reader.read()
    while pairs:
        for _, cursor in pairs:
            place += 1
            following = [facts(record) for record, _ in reader.read(cursor)]
            assert following == written[place : place + len(following)]
            assert bool(following) == (place < len(written))
        pairs = reader.read(pairs[-1][1])
    assert place == len(written)
    assert not reader.torn
    reader.close()


def test_orders_keep_their_place_among_blocks(tmp_path):
    written = [calls(0, [A]), order(1), order(2), calls(3, [B]), calls(4, [A]), order(5)]
    write_columns(tmp_path / "r", written)
    assert [record.offset for record in read_columns(tmp_path / "r")] == list(range(6))


def test_a_long_run_of_records_is_read_in_pieces(tmp_path):
    written = [order(number) for number in range(2500)]
    large = [Record("p", 2500 + n, 0, RecordKind.OTLP, bytes(9 << 20)) for n in range(3)]
    write_columns(tmp_path / "r", [*written, *large])
    assert list(read_columns(tmp_path / "r")) == [*written, *large]
    reader = ColumnsReader(tmp_path / "r")
    assert len(reader.read()) == 1000
    reader.close()


def test_blocks_of_a_partition_share_their_names_until_new_ones_come(tmp_path):
    written = [calls(0, [A, B], [0, 1]), calls(1, [B]), calls(2, [A, CallKey("new", "")], [1])]
    write_columns(tmp_path / "r", written)
    first, second, third = (record.body.keys for record in read_columns(tmp_path / "r"))
    assert first is second
    assert third[: len(first)] == first
    assert CallKey("new", "") in third


def test_more_combinations_of_names_than_fit_a_lookup_are_read_the_same(tmp_path):
    keys = [CallKey(f"r{n}", f"a{n}", n, f"c{n}") for n in range(60)]
    written = calls(0, keys, np.random.default_rng(1).permutation(np.repeat(range(60), 3)))
    write_columns(tmp_path / "r", [written])
    assert facts(next(iter(read_columns(tmp_path / "r")))) == facts(written)


def test_the_order_of_codes_changes_no_byte(tmp_path):
    write_columns(tmp_path / "1", [calls(0, [A, B], [0, 1, 1])])
    write_columns(tmp_path / "2", [calls(0, [B, CallKey("unused", ""), A], [2, 0, 0])])
    assert (tmp_path / "1" / FILE).read_bytes() == (tmp_path / "2" / FILE).read_bytes()


def test_other_programs_read_the_names_as_text(tmp_path):
    write_columns(tmp_path / "r", [calls(7, [A, B], [0, 1], mark_ns=5), order(8)])
    rows = parquet.read_table(tmp_path / "r" / FILE).to_pylist()
    expected = {"kind": -1, "partition": "p", "offset": 7, "stamp_ns": 1007, "mark_ns": 5}
    assert expected.items() <= rows[1].items()
    assert [row["route"] for row in rows] == ["t/s/a", "t/s/b", ""]
    assert [row["revision"] for row in rows] == ["1", "0", ""]
    assert rows[2]["kind"] == RecordKind.ORDER
    assert rows[2]["body"] == b"order 8"


def test_a_file_that_another_program_wrote_again_is_read_the_same(tmp_path):
    written = [calls(0, [A, B], [0, 1]), order(1), calls(2, [B])]
    write_columns(tmp_path / "r", written)
    path = tmp_path / "r" / FILE
    with parquet.ParquetFile(path) as file:
        groups = [file.read_row_group(number) for number in range(3)]
    plain = [group.cast(groups[0].schema.remove_metadata()) for group in groups]
    with parquet.ParquetWriter(path, plain[0].schema, store_schema=False) as writer:
        for group in plain:
            writer.write_table(group)
    assert [facts(record) for record in read_columns(tmp_path / "r")] == list(map(facts, written))


def test_the_manifest_says_columns(tmp_path):
    write_columns(tmp_path / "r", [calls(0, [A])], stamps=Stamps.INFERRED)
    reader = open_reader(tmp_path / "r")
    assert isinstance(reader, ColumnsReader)
    assert reader.manifest.stamps is Stamps.INFERRED
    reader.close()
    with pytest.raises(RecordingInvalid, match="form is columns: must be records"):
        RecordingReader(tmp_path / "r")


# What goes wrong, and what is said then.


def test_a_block_without_calls_is_refused_and_nothing_is_left_behind(tmp_path):
    with pytest.raises(RecordingInvalid, match="p at offset 3 has no calls: keep its marks"):
        write_columns(tmp_path / "r", [calls(0, [A]), calls(3, [A], [])])
    assert list((tmp_path / "r").iterdir()) == []


def test_a_recording_is_not_written_over(tmp_path):
    with RecordingWriter(tmp_path / "r", ["p"]):
        pass
    with pytest.raises(RecordingInvalid, match="holds a recording already"):
        write_columns(tmp_path / "r", [calls(0, [A])])


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RecordingInvalid, match=r"file.*this user may write to"):
        write_columns(tmp_path / "file" / "r", [calls(0, [A])])


def test_damage_is_named_or_changes_nothing(tmp_path):
    written = [calls(number, [A, B], [0, 1] * 50) for number in range(2)]
    write_columns(tmp_path / "r", written)
    path = tmp_path / "r" / FILE
    whole = path.read_bytes()
    named = 0
    for place in range(0, len(whole), 13):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        try:
            read = list(map(facts, read_columns(tmp_path / "r")))
        except RecordingInvalid as error:
            named += "columns.parquet: " in str(error)
        else:
            assert read == list(map(facts, written))
    assert named > len(whole) / 13 / 2


@pytest.mark.parametrize("content", [b"", b"PAR1", b"no parquet at all"])
def test_a_file_that_is_no_parquet_is_named(tmp_path, content):
    write_columns(tmp_path / "r", [calls(0, [A])])
    (tmp_path / "r" / FILE).write_bytes(content)
    with pytest.raises(RecordingInvalid, match=r"columns\.parquet: its footer cannot be read"):
        open_reader(tmp_path / "r")


def test_a_missing_file_is_named(tmp_path):
    write_columns(tmp_path / "r", [calls(0, [A])])
    (tmp_path / "r" / FILE).unlink()
    with pytest.raises(RecordingInvalid, match=r"columns\.parquet: its footer cannot be read"):
        open_reader(tmp_path / "r")


def test_a_missing_column_is_named(tmp_path):
    write_columns(tmp_path / "r", [calls(0, [A])])
    path = tmp_path / "r" / FILE
    parquet.write_table(parquet.read_table(path).drop_columns(["slot"]), path)
    with pytest.raises(RecordingInvalid, match=r"row group 0 cannot be read: .*slot"):
        list(read_columns(tmp_path / "r"))


WITHOUT_PYARROW = """
import sys
sys.modules["pyarrow"] = None
from pathlib import Path
from connectors.recordings import RecordingWriter
from connectors.recordings.columns import write_columns
from optimizer.errors import NotAvailable
RecordingWriter(Path(sys.argv[1]) / "records", ["p"]).close()
try:
    write_columns(Path(sys.argv[1]) / "columns", [])
except NotAvailable as error:
    assert "llm-auto-optimizer[columns]" in str(error)
    sys.exit(7)
"""


def test_without_pyarrow_only_columns_are_missing(tmp_path):
    command = [sys.executable, "-c", WITHOUT_PYARROW, str(tmp_path)]
    assert subprocess.run(command, cwd=ROOT, check=False).returncode == 7


@pytest.mark.parametrize("kept", [True, False])
def test_what_scores_find_calls_by_is_kept_where_it_is_asked_for(tmp_path, kept):
    record = calls(1, [A, B], [0, 1, 0])
    links = np.arange(9, dtype=np.uint64).reshape(3, 3) + np.uint64(2**63)
    linked = replace(record.body, columns=replace(record.body.columns, links=links))
    records = [record._replace(body=linked), order(2), record]
    write_columns(tmp_path, records, links=kept)
    first, _, last = (each.body for each in read_columns(tmp_path))
    if kept:
        assert first.columns.links.dtype == np.uint64
        assert first.columns.links.tolist() == links.tolist()
        assert last.columns.links.tolist() == [[0, 0, 0]] * 3
    else:
        assert first.columns.links is None


def test_partitions_without_records_are_named_if_they_are_waited_for(tmp_path):
    write_columns(tmp_path, [order(1)], partitions=["quiet", "p"])
    assert ColumnsReader(tmp_path).manifest.partitions == ("quiet", "p")
