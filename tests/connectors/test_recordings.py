"""A recording gives back what it was given, in order, whatever happened meanwhile."""

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings, strategies as st

from connectors.recordings import RecordingReader, RecordingWriter, Stamps, open_reader
from connectors.recordings.cursor import Cursor
from connectors.recordings.messages import encode, read_varint, varint
from connectors.recordings.writer import RECORD_BYTES
from optimizer.errors import OptimizerError, RecordingInvalid, UnknownVersion
from optimizer.observe.columns import Record, RecordKind

ROOT = Path(__file__).parents[2]


def record(number, partition="p", body=None):
    body = f"body {number}".encode() if body is None else body
    return Record(partition, number, 1_000 + number, RecordKind.OTLP, body)


def write(folder, *frames, **options):
    """Write frames of records, each flushed."""
    with RecordingWriter(folder, ["p", "q"], **options) as writer:
        for frame in frames:
            for each in frame:
                writer.append(each)
            writer.flush()


def frame_starts(folder, name="00000000.zst"):
    """Give where frames begin and the last one ends, as the cursors tell."""
    reader = RecordingReader(folder)
    starts, pairs = [0], reader.read()
    while pairs:
        cursor = Cursor.parse(pairs[-1][1])
        starts += [cursor.frame] if cursor.file == int(name[:8]) else []
        pairs = reader.read(pairs[-1][1])
    return starts


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "deep" / "recording"


RECORDS = st.builds(
    Record,
    st.sampled_from(["p", "größe/路由", ""]),
    st.integers(0, 2**64 - 1),
    st.integers(0, 2**64 - 1),
    st.sampled_from(RecordKind),
    st.binary(max_size=50),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.lists(RECORDS, max_size=4), max_size=5), st.sampled_from([1, 100, 1 << 20]))
def test_what_was_written_is_read_and_every_cursor_resumes_behind_its_record(
    tmp_path_factory, frames, file_bytes
):
    folder = tmp_path_factory.mktemp("recording")
    written = [each for frame in frames for each in frame]
    with RecordingWriter(folder, ["p", "größe/路由", ""], file_bytes=file_bytes) as writer:
        for frame in frames:
            for each in frame:
                writer.append(each)
            writer.flush()
    reader = RecordingReader(folder)
    assert list(reader) == written
    place, pairs = 0, reader.read()
    while pairs:
        for seen, cursor in pairs:
            assert seen == written[place]
            place += 1
            following = RecordingReader(folder).read(cursor)
            assert [each for each, _ in following] == written[place : place + len(following)]
            assert bool(following) == (place < len(written))
        pairs = reader.read(pairs[-1][1])
    assert place == len(written)
    assert not reader.torn


def test_a_record_is_the_message_that_is_documented():
    message = encode(Record("p", 300, 2, RecordKind.SCORE, b"xy"))
    expected = [b"\x0a\x01p", b"\x10\xac\x02", b"\x19\x02" + bytes(7), b"\x20\x03", b"\x2a\x02xy"]
    assert message == b"\x15" + b"".join(expected)


@given(st.integers(0, 2**64 - 1), st.binary(max_size=3))
def test_a_varint_is_read_as_it_was_written(number, before):
    written = before + varint(number)
    assert read_varint(written, len(before)) == (number, len(written))


@pytest.mark.parametrize("data", [b"", b"\x80", b"\xff" * 11])
def test_a_varint_that_does_not_end_is_refused(data):
    with pytest.raises(ValueError, match="length"):
        read_varint(data, 0)


def test_files_are_plain_zstandard(folder):
    frames = [[record(1), record(2)], [record(3)]]
    write(folder, *frames)
    whole = b"".join(encode(each) for frame in frames for each in frame)
    with zstandard.open(folder / "00000000.zst") as file:
        assert file.read() == whole
    if shutil.which("zstd"):
        command = ["zstd", "-dc", folder / "00000000.zst"]
        assert subprocess.run(command, capture_output=True, check=True).stdout == whole


def test_the_manifest_says_what_is_inside(folder):
    write(folder, [record(1)], stamps=Stamps.INFERRED)
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["version"] == 1
    assert manifest["created_by"] == "llm-auto-optimizer"
    assert manifest["partitions"] == ["p", "q"]
    assert manifest["stamps"] == "inferred"
    assert manifest["form"] == "records"
    assert manifest["kinds"]["heartbeat"] == 1
    reader = open_reader(folder)
    assert isinstance(reader, RecordingReader)
    assert reader.manifest.partitions == ("p", "q")


def test_an_empty_recording_is_one(folder):
    write(folder)
    assert list(RecordingReader(folder)) == []
    assert RecordingReader(folder).next_offsets() == {"p": 0, "q": 0}


def test_a_reopened_recording_is_continued_and_may_get_more_partitions(folder):
    write(folder, [record(1)])
    with RecordingWriter(folder, ["q", "r"]) as writer:
        writer.append(record(2, "r"))
    assert list(RecordingReader(folder)) == [record(1), record(2, "r")]
    assert RecordingReader(folder).manifest.partitions == ("p", "q", "r")


def test_what_was_not_flushed_is_not_there_until_it_is_closed(folder):
    with RecordingWriter(folder, ["p"]) as writer:
        writer.append(record(1))
        assert list(RecordingReader(folder)) == []
    assert list(RecordingReader(folder)) == [record(1)]


def test_a_great_many_bytes_are_flushed_unasked(folder):
    with RecordingWriter(folder, ["p"]) as writer:
        for number in range(5):
            writer.append(record(number, body=bytes(4 << 20)))
        assert len(list(RecordingReader(folder))) == 4


def test_frames_larger_than_what_is_read_at_once_are_read(folder):
    bodies = [os.urandom(5 << 20), os.urandom(9 << 20)]
    records = [record(number, body=body) for number, body in enumerate(bodies)]
    write(folder, records, [record(2)])
    assert list(RecordingReader(folder)) == [*records, record(2)]


def test_a_reader_at_the_end_sees_what_is_flushed_later_in_this_file_and_the_next(folder):
    with RecordingWriter(folder, ["p"], file_bytes=100) as writer:
        reader = RecordingReader(folder)
        assert reader.read() == []
        cursor = None
        for number in range(12):
            writer.append(record(number))
            writer.flush()
            ((seen, cursor),) = reader.read(cursor)
            assert seen == record(number)
            assert reader.read(cursor) == []
    assert Cursor.parse(cursor).file > 1


def test_the_writer_tells_where_a_reader_finds_what_comes_next(folder):
    with RecordingWriter(folder, ["p"]) as writer:
        writer.append(record(1))
        writer.flush()
        end = str(writer.end)
        writer.append(record(2))
        writer.flush()
        assert [each for each, _ in RecordingReader(folder).read(end)] == [record(2)]


@pytest.mark.parametrize("file_bytes", [1, 1 << 20])
def test_the_next_offsets_are_those_behind_each_partitions_last_record(folder, file_bytes):
    frames = [[record(7, "q"), record(1)], [record(2)], [record(3), record(4)]]
    write(folder, *frames, file_bytes=file_bytes)
    assert RecordingReader(folder).next_offsets() == {"p": 5, "q": 8}


# What a crash leaves behind.


@contextmanager
def cut(folder, place, *, zeros=0):
    """Cut the last file at a place, as a crash might."""
    path = folder / "00000000.zst"
    whole = path.read_bytes()
    path.write_bytes(whole[:place] + bytes(zeros))
    yield path
    path.write_bytes(whole)


def test_a_tail_torn_at_any_byte_costs_the_last_frame_alone(folder):
    kept, lost = [record(1), record(2)], [record(3), record(4)]
    write(folder, kept, lost)
    _, start, end = frame_starts(folder)
    for place in range(start, end):
        with cut(folder, place):
            reader = RecordingReader(folder)
            assert list(reader) == kept
            assert reader.torn == (place > start)
            last = reader.read()[-1][1]
            write(folder, [record(5)])
            assert [each for each, _ in reader.read(last)] == [record(5)]
            assert not RecordingReader(folder).torn
            assert list(RecordingReader(folder)) == [*kept, record(5)]


@pytest.mark.parametrize("written", [0, 1, 5, 12])
def test_zeros_that_were_never_written_over_are_cut_off_too(folder, written):
    write(folder, [record(1)], [record(2)])
    _, start, _ = frame_starts(folder)
    with cut(folder, start + written, zeros=4096):
        write(folder, [record(3)])
        assert list(RecordingReader(folder)) == [record(1), record(3)]


def test_a_torn_frame_is_read_once_it_is_whole(folder):
    write(folder, [record(1)], [record(2)])
    _, start, end = frame_starts(folder)
    reader = RecordingReader(folder)
    for place in range(start, end):
        with cut(folder, place):
            cursor = reader.read()[-1][1]
            assert reader.read(cursor) == []
        assert [each for each, _ in reader.read(cursor)] == [record(2)]


def test_a_last_frame_that_is_damaged_is_replaced_by_what_comes(folder):
    write(folder, [record(1)], [record(2)])
    damage(folder / "00000000.zst", frame_starts(folder)[2] - 1)
    write(folder, [record(3)])
    assert list(RecordingReader(folder)) == [record(1), record(3)]


WRITER = """
import itertools, sys
from pathlib import Path
from connectors.recordings import RecordingWriter
from optimizer.observe.columns import Record, RecordKind
writer = RecordingWriter(Path(sys.argv[1]), ["p"], file_bytes=2_000)
for number in itertools.count(int(sys.argv[2])):
    for each in range(number * 3, number * 3 + 3):
        writer.append(Record("p", each, each, RecordKind.OTLP, str(each).encode() * 1000))
    writer.flush()
    print(number, flush=True)
"""


@contextmanager
def writing(folder, start):
    command = [sys.executable, "-c", WRITER, str(folder), str(start)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as writer:
        yield writer
        os.kill(writer.pid, signal.SIGKILL)


def test_a_writer_killed_again_and_again_loses_nothing_it_reported(folder):
    for flushes in (1, 2, 25, 7):
        start = RecordingReader(folder).next_offsets()["p"] // 3 if folder.exists() else 0
        with writing(folder, start) as writer:
            reported = [int(writer.stdout.readline()) for _ in range(flushes)][-1]
        offsets = [each.offset for each in RecordingReader(folder)]
        assert offsets == list(range(len(offsets)))
        assert len(offsets) >= 3 * (reported + 1)
        assert len(offsets) % 3 == 0


def test_a_reader_follows_a_writer_at_work(folder):
    with writing(folder, 0) as writer:
        writer.stdout.readline()
        reader, seen, cursor = RecordingReader(folder), [], None
        while len(seen) < 600:
            pairs = reader.read(cursor)
            seen += [each for each, _ in pairs]
            cursor = pairs[-1][1] if pairs else cursor
            writer.stdout.readline()
    assert [each.offset for each in seen] == list(range(len(seen)))
    assert all(each.body == str(each.offset).encode() * 1000 for each in seen)
    assert Cursor.parse(cursor).file > 0


# What goes wrong, and what is said then.


def damage(path, place, mask=0xFF):
    data = bytearray(path.read_bytes())
    data[place] ^= mask
    path.write_bytes(data)


@pytest.mark.parametrize("mask", [0x01, 0x10, 0x80, 0xFF])
def test_any_damage_before_the_end_is_named_by_file_and_byte(folder, mask):
    records = [record(number) for number in range(6)]
    write(folder, records[:2], records[2:4], records[4:])
    path = folder / "00000000.zst"
    _, start, end, _ = frame_starts(folder)
    meaningless = start + 4, 0x10  # one bit of a frame's header
    for place in range(start, end):
        damage(path, place, mask)
        if (place, mask) == meaningless:
            assert list(RecordingReader(folder)) == records
        else:
            fault = rf"00000000\.zst: at byte {start}: .*restore a copy"
            with pytest.raises(RecordingInvalid, match=fault):
                list(RecordingReader(folder))
        damage(path, place, mask)


def test_the_writer_refuses_to_cut_whole_frames_off_with_a_damaged_one(folder):
    write(folder, [record(1)], [record(2)], [record(3)])
    path = folder / "00000000.zst"
    _, start, _, end = frame_starts(folder)
    damage(path, start)
    with pytest.raises(RecordingInvalid, match=rf"00000000\.zst: damaged at byte {start}"):
        RecordingWriter(folder, ["p"])
    assert path.stat().st_size == end


def test_a_file_cut_short_before_another_file_is_damage(folder):
    write(folder, [record(1)], [record(2)], file_bytes=1)
    path = folder / "00000000.zst"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(RecordingInvalid, match=r"00000000\.zst: at byte 0: .*cut short"):
        list(RecordingReader(folder))


def test_a_missing_file_is_named(folder):
    write(folder, [record(1)], [record(2)], [record(3)], file_bytes=1)
    (folder / "00000001.zst").unlink()
    with pytest.raises(RecordingInvalid, match=r"00000001\.zst: at byte 0: the file is missing"):
        list(RecordingReader(folder))


def test_a_cursor_behind_the_end_is_refused(folder):
    write(folder, [record(1)])
    with pytest.raises(RecordingInvalid, match="shorter than when it was read last"):
        RecordingReader(folder).read("0:9999:0")
    with pytest.raises(RecordingInvalid, match="no record 7 in the frame"):
        RecordingReader(folder).read("0:0:7")


@pytest.mark.parametrize("text", ["x", "1:2", "1:2:3:4", "-1:0:0", "1::2", "ended"])
def test_a_text_that_is_no_cursor_is_refused(folder, text):
    write(folder)
    with pytest.raises(RecordingInvalid, match="is no cursor"):
        RecordingReader(folder).read(text)


@pytest.mark.parametrize("told", [True, False])
def test_a_frame_that_would_fill_the_memory_is_refused(folder, told):
    write(folder)
    size = 257 << 20
    bomb = zstandard.ZstdCompressor().compressobj(size=size if told else -1)
    with (folder / "00000000.zst").open("wb") as file:
        for _ in range(size >> 20):
            file.write(bomb.compress(bytes(1 << 20)))
        file.write(bomb.flush())
    with pytest.raises(RecordingInvalid, match=r"00000000\.zst: at byte 0: the frame"):
        RecordingReader(folder).read()


@pytest.mark.parametrize(
    "content",
    [b"\x05abc", b"\x03abc", b"\x80", b"\x02\x20\x63", encode(record(1))[:-1]],
)
def test_a_frame_of_other_bytes_is_refused(folder, content):
    write(folder)
    (folder / "00000000.zst").write_bytes(zstandard.compress(content))
    with pytest.raises(RecordingInvalid, match=r"00000000\.zst: at byte 0: "):
        RecordingReader(folder).read()


def test_a_file_that_is_no_zstandard_is_refused(folder):
    write(folder)
    (folder / "00000000.zst").write_bytes(b"plain text")
    with pytest.raises(RecordingInvalid, match="no frame begins here"):
        RecordingReader(folder).read()


def change_manifest(folder, **changes):
    path = folder / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


@pytest.mark.parametrize(
    ("changes", "error", "fault"),
    [
        ({"version": 2}, UnknownVersion, "version is 2, this code knows 1"),
        ({"version": 2, "kinds": "all"}, UnknownVersion, "version is 2, this code knows 1"),
        ({"version": "1"}, RecordingInvalid, "version: "),
        ({"kinds": {"otlp": 0, "smell": 9}}, UnknownVersion, "records of kind smell"),
        ({"partitions": "p"}, RecordingInvalid, "partitions: "),
        ({"form": "columns"}, RecordingInvalid, "form is columns: must be records"),
        ({"stamps": "guessed"}, RecordingInvalid, "stamps: "),
    ],
)
def test_a_manifest_of_another_kind_is_refused(folder, changes, error, fault):
    write(folder)
    change_manifest(folder, **changes)
    with pytest.raises(error, match=fault):
        RecordingReader(folder)


def test_kinds_have_the_numbers_that_the_manifest_gives_them(folder):
    write(folder, [record(1)._replace(kind=RecordKind.IDLE)])
    change_manifest(folder, kinds={"order": 2})
    assert next(iter(RecordingReader(folder))).kind is RecordKind.ORDER
    change_manifest(folder, kinds={"order": 5})
    with pytest.raises(RecordingInvalid, match="kind 2, which the manifest does not name"):
        list(RecordingReader(folder))


@pytest.mark.parametrize("text", ["", "[]", "{}", "no json"])
def test_a_manifest_that_is_none_is_refused(folder, text):
    write(folder)
    (folder / "manifest.json").write_text(text)
    with pytest.raises(RecordingInvalid, match=r"manifest\.json: .*name a folder with a recording"):
        RecordingReader(folder)


def test_a_folder_without_a_manifest_is_no_recording(tmp_path):
    for path in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(RecordingInvalid, match=r"manifest\.json: No such file"):
            open_reader(path)


@pytest.mark.parametrize(
    ("wrong", "fault"),
    [
        (record(1, "elsewhere"), "partition 'elsewhere' is not declared"),
        (record(1)._replace(offset=-1), "a record has "),
        (record(1)._replace(stamp_ns=1 << 64), "a record has "),
        (record(1)._replace(body=None), "only a recording of columns"),
        (record(1, body=bytes(RECORD_BYTES)), f"at most {RECORD_BYTES}"),
    ],
    ids=["partition", "offset", "stamp", "body", "size"],
)
def test_a_record_that_cannot_be_kept_is_refused_and_others_stay(folder, wrong, fault):
    with RecordingWriter(folder, ["p"]) as writer:
        writer.append(record(1))
        with pytest.raises(RecordingInvalid, match=fault):
            writer.append(wrong)
        writer.append(record(2))
    assert list(RecordingReader(folder)) == [record(1), record(2)]


def test_only_one_writer_at_a_time(folder, monkeypatch):
    monkeypatch.chdir(folder.parents[1])
    near = folder.relative_to(folder.parents[1])
    with (
        RecordingWriter(near, ["p"]),
        pytest.raises(RecordingInvalid, match=f"^{folder}: another writer has it open"),
    ):
        RecordingWriter(near, ["p"])
    RecordingWriter(folder, ["p"]).close()


def test_stamps_of_two_kinds_do_not_mix(folder):
    write(folder)
    with pytest.raises(RecordingInvalid, match="stamps are recorded, not inferred"):
        RecordingWriter(folder, ["p"], stamps=Stamps.INFERRED)


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RecordingInvalid, match=r"file.*this user may write to"):
        RecordingWriter(tmp_path / "file" / "recording", ["p"])


def test_a_full_disk_is_named_and_once_there_is_space_nothing_is_missing(folder):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    records = [record(number, body=os.urandom(3000)) for number in range(4)]
    with RecordingWriter(folder, ["p"]) as writer:
        writer.append(records[0])
        writer.flush()
        resource.setrlimit(resource.RLIMIT_FSIZE, (4000, limits[1]))
        try:
            writer.append(records[1])
            with pytest.raises(RecordingInvalid, match=r"00000000\.zst: .*free some space"):
                writer.flush()
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        assert list(RecordingReader(folder)) == records[:1]
        for each in records[2:]:
            writer.append(each)
    assert list(RecordingReader(folder)) == records


@settings(max_examples=150, deadline=None)
@given(data=st.binary(max_size=60), follows=st.booleans())
def test_whatever_stands_in_a_file_is_read_or_refused(tmp_path_factory, data, follows):
    folder = tmp_path_factory.mktemp("recording")
    write(folder, [record(1)])
    path = folder / "00000000.zst"
    path.write_bytes(path.read_bytes() * follows + data)
    try:
        list(RecordingReader(folder))
    except OptimizerError:
        return
    with RecordingWriter(folder, ["p"]) as writer:
        writer.append(record(2))
    assert list(RecordingReader(folder))[-1] == record(2)
