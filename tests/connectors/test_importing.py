"""Bare OTLP files of every form become a recording, with stamps inferred."""

import gzip
import json

import pytest
import zstandard
from google.protobuf.json_format import MessageToJson
from hypothesis import HealthCheck, given, settings, strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from connectors import record_times
from connectors.recordings import RecordingReader, RecordingWriter, merging
from connectors.recordings.bare_files import MESSAGE_BYTES, Form, bare_messages, form_of
from connectors.recordings.importing import ImportCounts, import_files
from connectors.recordings.merging import UNDATED, merge
from connectors.recordings.messages import varint
from optimizer.errors import RecordingInvalid
from optimizer.observe.columns import RecordKind


def request(*ends, service="chat"):
    """Make an export request whose spans end at these times."""
    made = ExportTraceServiceRequest()
    spans = made.resource_spans.add()
    attribute = spans.resource.attributes.add(key="service.name")
    attribute.value.string_value = service
    scope = spans.scope_spans.add()
    for end in ends:
        scope.spans.add(name="chat", trace_id=bytes(16), span_id=bytes(8), end_time_unix_nano=end)
    return made.SerializeToString()


def as_json(*ends):
    spans = [{"name": "chat", "endTimeUnixNano": str(end)} for end in ends]
    return {"resourceSpans": [{"resource": {}, "scopeSpans": [{"spans": spans}]}]}


def latest_ns(_kind, body):
    """Give the greatest end in a request of either encoding."""
    if body.startswith(b"{"):
        try:
            groups = json.loads(body).get("resourceSpans", [])
        except ValueError:
            return None
        scopes = [scope for group in groups for scope in group["scopeSpans"]]
        spans = [span for scope in scopes for span in scope["spans"]]
        return max((int(span["endTimeUnixNano"]) for span in spans), default=None)
    try:
        groups = ExportTraceServiceRequest.FromString(body).resource_spans
    except Exception:  # noqa: BLE001 - whatever protobuf finds wrong
        return None
    scopes = [scope for group in groups for scope in group.scope_spans]
    ends = [span.end_time_unix_nano for scope in scopes for span in scope.spans]
    return max(ends, default=None)


def lines(*messages):
    return b"".join(json.dumps(message).encode() + b"\n" for message in messages)


def delimited(*messages):
    return b"".join(varint(len(message)) + message for message in messages)


def prefixed(*messages):
    return b"".join(len(message).to_bytes(4) + message for message in messages)


def packed(*messages):
    return prefixed(*map(zstandard.compress, messages))


REQUESTS = [request(100, 300), request(200), request(500, service="x" * 300)]
DOCUMENTS = [as_json(100, 300), as_json(200), as_json(500)]
COMPACT = [json.dumps(document).encode() for document in DOCUMENTS]
WEEK = merging.BELIEVED_NS
FORMS = {
    "json lines": (lines(*DOCUMENTS), COMPACT),
    "json lines without an end": (lines(*DOCUMENTS)[:-1], COMPACT),
    "json lines of Windows": (lines(*DOCUMENTS).replace(b"\n", b"\r\n"), COMPACT),
    "json lines after a mark": (b"\xef\xbb\xbf" + lines(*DOCUMENTS), COMPACT),
    "json lines with gaps": (b"\n\n" + lines(*DOCUMENTS).replace(b"\n", b"\n\n"), COMPACT),
    "one line": (lines(DOCUMENTS[0]), COMPACT[:1]),
    "a document": (json.dumps(DOCUMENTS[0], indent=1).encode(), None),
    "a document laid out flat": (json.dumps(DOCUMENTS[0], indent=0).encode(), None),
    "a document laid out oddly": (b'{"resourceSpans": [\n{"scopeSpans": []}\n]}', None),
    "a document of no resources": (b"{}", [b"{}"]),
    "a message": (REQUESTS[0], REQUESTS[:1]),
    "several messages in one": (b"".join(REQUESTS), [b"".join(REQUESTS)]),
    "messages after varints": (delimited(*REQUESTS), REQUESTS),
    "an empty message among others": (delimited(REQUESTS[0], b"", REQUESTS[1]), REQUESTS[:2]),
    "messages after four bytes": (prefixed(*REQUESTS), REQUESTS),
    "messages after four bytes, compressed": (packed(*REQUESTS), REQUESTS),
    "json after four bytes": (prefixed(*COMPACT), COMPACT),
    "json after four bytes, compressed": (packed(*COMPACT), COMPACT),
}  # fmt: skip
COMPRESSIONS = {
    "plain": bytes,
    "gzip": gzip.compress,
    "zstd": zstandard.compress,
    "zstd in frames": lambda data: b"".join(
        zstandard.compress(data[place : place + 50]) for place in range(0, len(data), 50)
    ),
    "gzip in members": lambda data: gzip.compress(data[:50]) + gzip.compress(data[50:]),
}


@pytest.fixture
def source(tmp_path):
    return tmp_path / "spans.bin"


@pytest.fixture
def destination(tmp_path):
    return tmp_path / "deep" / "recording"


@pytest.mark.parametrize("compress", COMPRESSIONS.values(), ids=COMPRESSIONS)
@pytest.mark.parametrize(("data", "messages"), FORMS.values(), ids=FORMS)
def test_every_form_gives_its_messages_to_the_byte(source, data, messages, compress):
    source.write_bytes(compress(data))
    assert [message for message, _ in bare_messages(source)] == (messages or [data])


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(
        st.tuples(st.lists(st.integers(1, 2**62), max_size=40), st.text(max_size=400)),
        min_size=1,
        max_size=4,
    )
)
def test_any_requests_are_told_apart_by_form(requests):
    made = [request(*ends, service=service) for ends, service in requests]
    assert form_of(made[0]) is Form.MESSAGE
    assert form_of(delimited(*made)) is Form.DELIMITED
    assert form_of(prefixed(*made)) is Form.PREFIXED
    assert form_of(packed(*made)) is Form.PREFIXED


def test_captured_requests_of_any_signal_are_told_apart():
    metrics = b"\n\x1a\n\x18\n\x16\n\x0cservice.name\x12\x06\n\x04chat"
    schema_first = b"\n\x05\x1a\x03url"
    assert form_of(b"\n\x00") is Form.MESSAGE
    for message in (metrics, schema_first):
        assert form_of(message) is Form.MESSAGE
        assert form_of(delimited(message, message)) is Form.DELIMITED
        assert form_of(prefixed(message, message)) is Form.PREFIXED


@pytest.mark.parametrize(
    "data",
    [
        b"time,latency\n1,2\n",
        b"resourceSpans: []\n",
        b"[1, 2]",
        b"\x7fELF" + bytes(100),
        b"\x89PNG\r\n\x1a\n",
        b"{not json",
        b"\x00\x00\x00\x00",
        b"\x0a\x05",
        b"\x85" * 20,
    ],
)
def test_other_files_are_refused_with_their_beginning(source, destination, data):
    source.write_bytes(data)
    with pytest.raises(RecordingInvalid, match=r"spans\.bin: is no OTLP \(it begins with b"):
        import_files(source, destination, latest_ns)
    assert not destination.exists()


@pytest.mark.parametrize(
    "data", [b"", b"\n\n", gzip.compress(b"", mtime=0), zstandard.compress(b"")]
)
def test_files_without_messages_are_refused(source, destination, data):
    source.write_bytes(data)
    with pytest.raises(RecordingInvalid, match=r"spans\.bin: holds no OTLP messages"):
        import_files(source, destination, latest_ns)


def test_a_folder_is_imported_in_the_order_of_time_without_hidden_files(tmp_path, destination):
    folder = tmp_path / "in"
    for name, data in {
        "b.json": lines(DOCUMENTS[1]),
        "a/z.pb": REQUESTS[0],
        "c.jsonl.gz": gzip.compress(lines(DOCUMENTS[2])),
        "empty.json": b"",
        ".hidden": b"no OTLP",
        ".git/x": b"no OTLP",
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    counts = import_files(folder, destination, latest_ns)
    expected = [COMPACT[1], REQUESTS[0], COMPACT[2]]
    assert [record.body for record in RecordingReader(destination)] == expected
    size = sum(map(len, expected))
    assert counts == ImportCounts(files=4, records=3, undated=0, guessed=0, bytes=size)


def test_an_import_is_a_recording_of_one_partition_with_inferred_stamps(source, destination):
    source.write_bytes(delimited(*REQUESTS))
    import_files(source, destination, latest_ns)
    reader = RecordingReader(destination)
    assert reader.manifest.partitions == ("import",)
    assert reader.manifest.stamps == "inferred"
    facts = [record[:4] for record in reader]
    assert [record[:2] for record in facts] == [("import", 0), ("import", 1), ("import", 2)]
    assert {kind for *_, kind in facts} == {RecordKind.OTLP}


@pytest.mark.parametrize(
    ("ends", "stamps"),
    [
        pytest.param([5], [5], id="one alone has only its own"),
        pytest.param([5, 9], [9, 9], id="the last of all is believed"),
        pytest.param([9, 5], [5, 9], id="what something stands behind is not"),
        pytest.param([5, 9, 7], [9, 7, 9], id="all but one have the greatest"),
        pytest.param([9, 9, 7], [9, 9, 9], id="the greatest twice vouch for each other"),
        pytest.param([5, 2**62, 7], [2**62, 7, 2**62], id="one from the future is found out"),
        pytest.param([5, 2**62], [2**62, 5], id="one from the future is found out at the end too"),
        pytest.param([5, 5 + WEEK], [5 + WEEK, 5 + WEEK], id="sparse telemetry is believed"),
        pytest.param([5, 6 + WEEK], [6 + WEEK, 5], id="a week is the most that is believed"),
        pytest.param([5, 9, None], [9, 9, 9], id="what has no time stands behind nobody"),
        pytest.param(
            [None, 4, None], [4, 4, 4], id="one without a time came when the next one did"
        ),
        pytest.param([4, None, 9], [9, 4, 9], id="or when time had come so far"),
        pytest.param([None, None], [0, 0], id="no time at all"),
        pytest.param([5, 2**63, 2**64 - 1], [5, 5, 5], id="what is no time does not count"),
    ],
)
def test_a_stamp_is_the_greatest_time_in_other_records(source, destination, ends, stamps):
    source.write_bytes(delimited(*(request(*([] if e is None else [e, 1])) for e in ends)))
    import_files(source, destination, latest_ns)
    assert [record.stamp_ns for record in RecordingReader(destination)] == stamps


dated = st.lists(st.integers(0, 20) | st.integers(WEEK, WEEK + 20), min_size=1, max_size=8)


@given(st.lists(dated, min_size=1, max_size=3))
def test_only_a_single_jump_that_something_stands_behind_is_doubted(files):
    merged = merge(files)
    places = [iter(file) for file in files]
    times = [next(places[number]) for number in merged.files.tolist()]
    assert [sum(number == n for number in merged.files) for n in range(len(files))] == [
        len(file) for file in files
    ]
    for at, (time, stamp) in enumerate(zip(times, merged.stamps.tolist(), strict=True)):
        others = max((other for n, other in enumerate(times) if n != at), default=time)
        believed = at == len(times) - 1 and time - others <= WEEK
        assert stamp == max(others, time if believed else others)


HOSTILE = 1 << 61


@pytest.mark.parametrize(
    ("files", "taken"),
    [
        ([[1, 5, 9], [2, 6, 7]], [1, 2, 5, 6, 7, 9]),
        ([[4, 5], [1, 2]], [1, 2, 4, 5]),
        ([[1, HOSTILE, 3], [2, 4]], [1, 2, HOSTILE, 3, 4]),
        ([[5, 1, 6], [3]], [5, 1, 3, 6]),
        ([[1, 9], [UNDATED, 8, UNDATED]], [1, UNDATED, 8, UNDATED, 9]),
        ([[UNDATED], [1, 2]], [UNDATED, 1, 2]),
    ],
)
def test_files_of_one_time_are_taken_side_by_side(files, taken):
    places = [iter(file) for file in files]
    assert [next(places[number]) for number in merge(files).files.tolist()] == taken


METRICS, LOGS = ExportMetricsServiceRequest(), ExportLogsServiceRequest()
_data = METRICS.resource_metrics.add().scope_metrics.add()
for _kind in ("gauge", "sum", "histogram", "exponential_histogram", "summary"):
    for _time in (3, 5):
        _point = getattr(_data.metrics.add(name="m"), _kind).data_points.add(time_unix_nano=_time)
        _point.start_time_unix_nano = 9
_record = LOGS.resource_logs.add().scope_logs.add().log_records.add(time_unix_nano=3)
_record.body.string_value = "\x09" * 9
_record.observed_time_unix_nano = 4


@pytest.mark.parametrize(
    ("kind", "body", "time"),
    [
        (RecordKind.OTLP, REQUESTS[0], 300),
        (RecordKind.METRICS, METRICS.SerializeToString(), 5),
        (RecordKind.METRICS, MessageToJson(METRICS).encode(), 5),
        (RecordKind.LOGS, LOGS.SerializeToString(), 4),
        (RecordKind.LOGS, MessageToJson(LOGS).encode(), 4),
        (RecordKind.LOGS, LOGS.SerializeToString()[:-1], None),
        (RecordKind.METRICS, b"\x0a\xff", None),
        (RecordKind.METRICS, b"\x0b", None),
        (RecordKind.EVENT, b'{"timestamp":"1970-01-01T00:00:00.000007Z"}', 7000),
        (RecordKind.EVENT, b'{"specversion":"1.0","data":{"detected_at":2}}', 2 * 10**9),
        (
            RecordKind.EVENT,
            b'[{"time":"1970-01-01T00:00:01Z"},{"time":"1970-01-01T00:00:03Z"}]',
            3 * 10**9,
        ),
        (RecordKind.EVENT, b'{"timestamp":"soon"}', None),
        (RecordKind.EVENT, b"no JSON", None),
        (RecordKind.SCORE, b'{"timestamp":"1970-01-01T00:00:01Z","data":{}}', 10**9),
    ],
)
def test_the_greatest_time_of_any_kind_is_found(kind, body, time):
    assert record_times.latest_ns(kind, body) == time


def test_a_folder_of_all_signals_is_one_recording(tmp_path, destination):
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "app.jsonl").write_bytes(lines(*DOCUMENTS, {"score": 1, "time": 5e-6}))
    (folder / "otel_logs-1.pb").write_bytes(LOGS.SerializeToString())
    (folder / "metrics.json").write_bytes(
        lines(json.loads(MessageToJson(METRICS)), as_json(400) | {"resourceLogs": []})
    )
    (folder / "catalogs.pb").write_bytes(REQUESTS[1])
    counts = import_files(folder, destination, record_times.latest_ns)
    found = [(record.kind, record.offset) for record in RecordingReader(destination)]
    assert found == [
        (RecordKind.LOGS, 0),
        (RecordKind.METRICS, 1),
        (RecordKind.OTLP, 2),
        (RecordKind.OTLP, 3),
        (RecordKind.OTLP, 4),
        (RecordKind.OTLP, 5),
        (RecordKind.LOGS, 6),
        (RecordKind.OTLP, 7),
        (RecordKind.EVENT, 8),
    ]
    assert (counts.files, counts.records, counts.undated) == (4, 9, 0)


def test_what_the_files_hold_may_be_told(source, destination):
    source.write_bytes(METRICS.SerializeToString())
    import_files(source, destination, record_times.latest_ns, signal=RecordKind.METRICS)
    (record,) = RecordingReader(destination)
    assert (record.kind, record.stamp_ns) == (RecordKind.METRICS, 5)


def test_messages_nobody_can_read_are_kept_and_counted(source, destination):
    data = lines(DOCUMENTS[0]) + b'{"resourceSpans": [cut\nplain text\n' + lines(DOCUMENTS[1])
    source.write_bytes(data)
    counts = import_files(source, destination, latest_ns)
    assert [record.body for record in RecordingReader(destination)] == data.splitlines()
    assert (counts.records, counts.undated) == (4, 2)


def test_lines_whose_first_is_broken_are_lines_all_the_same(source):
    source.write_bytes(b'{"resourceSpans": [cut\n' + lines(DOCUMENTS[0]))
    assert [message for message, _ in bare_messages(source)][1] == COMPACT[0]


@pytest.mark.parametrize("join", [delimited, prefixed], ids=["varints", "four bytes"])
def test_a_last_message_that_is_cut_short_is_kept_as_far_as_it_goes(source, join):
    data = join(*REQUESTS)
    for missing in range(1, len(REQUESTS[2])):
        source.write_bytes(data[:-missing])
        messages = [message for message, _ in bare_messages(source)]
        assert messages == [*REQUESTS[:2], REQUESTS[2][:-missing]]


def test_a_message_that_was_compressed_and_damaged_is_kept(source):
    message = bytearray(zstandard.compress(REQUESTS[0]))
    message[-1] ^= 0xFF
    source.write_bytes(prefixed(zstandard.compress(REQUESTS[0]), bytes(message[:-5])))
    messages = [message for message, _ in bare_messages(source)]
    assert messages == [REQUESTS[0], bytes(message[:-5])]


@pytest.mark.parametrize(
    "head", [lines(DOCUMENTS[0]), delimited(REQUESTS[0]), prefixed(REQUESTS[0])]
)
def test_a_message_above_the_limit_is_refused(source, head):
    size = MESSAGE_BYTES + 1
    length = {b"{": b"", b"\x00": size.to_bytes(4)}.get(head[:1], varint(size))
    source.write_bytes(gzip.compress(head + length + bytes(size), 1))
    with pytest.raises(
        RecordingInvalid, match=rf"spans\.bin: has a message of more than {size - 1}"
    ):
        list(bare_messages(source))


CHECKED = zstandard.ZstdCompressor(write_checksum=True)  # as the command line tool does


@pytest.mark.parametrize("compress", [gzip.compress, CHECKED.compress])
def test_a_damaged_compressed_file_is_named(source, destination, compress):
    data = bytearray(compress(lines(*DOCUMENTS * 50)))
    data[len(data) // 2] ^= 0xFF
    source.write_bytes(data)
    with pytest.raises(RecordingInvalid, match=r"spans\.bin: .*damaged"):
        import_files(source, destination, latest_ns)
    assert not destination.exists()


def test_a_gzip_file_cut_short_is_named(source):
    source.write_bytes(gzip.compress(lines(*DOCUMENTS))[:-20])
    with pytest.raises(RecordingInvalid, match=r"spans\.bin: is damaged"):
        list(bare_messages(source))


def test_a_source_that_is_not_there_is_named(tmp_path, destination):
    for path in (tmp_path / "nowhere", tmp_path):
        with pytest.raises(RecordingInvalid, match="no such file, or a folder without files"):
            import_files(path, destination, latest_ns)


def test_a_destination_that_holds_something_is_left_alone(source, destination):
    source.write_bytes(REQUESTS[0])
    with RecordingWriter(destination, ["p"]):
        pass
    with pytest.raises(RecordingInvalid, match="recording: is not empty"):
        import_files(source, destination, latest_ns)
    assert RecordingReader(destination).manifest.partitions == ("p",)


def test_an_import_that_fails_leaves_nothing_and_may_be_repeated(source, destination):
    source.write_bytes(delimited(*REQUESTS))

    def fail_late(done, total):
        if done > total * 0.8:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        import_files(source, destination, latest_ns, fail_late)
    assert list(destination.parent.iterdir()) == []
    destination.mkdir()
    assert import_files(source, destination, latest_ns).records == 3


def test_progress_rises_to_the_whole(tmp_path, destination):
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a").write_bytes(gzip.compress(lines(*DOCUMENTS * 5000)))
    (folder / "b").write_bytes(delimited(*REQUESTS * 3000))
    told = []
    import_files(folder, destination, latest_ns, lambda *each: told.append(each))
    size = sum(path.stat().st_size for path in folder.iterdir())
    assert {total for _, total in told} == {2 * size}
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert told[-1][0] == 2 * size
    assert len({done for done, _ in told}) > 4
