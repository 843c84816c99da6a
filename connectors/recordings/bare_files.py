"""Bare OTLP files: which form they have, and the messages in them.

Forms: JSON, one object a line or one in all; Protocol Buffers, one message in all, or several, each
after its length, as a varint or as four bytes (so the OpenTelemetry Collector's file exporter
writes them, each compressed for itself if so configured). Any of it compressed with gzip or zstd.
What a message says is not looked at.
"""

from __future__ import annotations

import gzip
import io
import re
import zlib
from contextlib import contextmanager, suppress
from enum import StrEnum
from typing import TYPE_CHECKING, BinaryIO

import zstandard

from connectors.recordings import frames
from connectors.recordings.messages import read_varint
from optimizer.errors import RecordingInvalid

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MESSAGE_BYTES = 100 << 20  # most one message may have
_HEAD_BYTES = 64 << 10  # a form must show in these
_GZIP = b"\x1f\x8b"
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_SPACE = _BYTE_ORDER_MARK + b" \t\r\n"
_JSON = re.compile(rb'\{\s*["}]')
_RESOURCE_SPANS = b"\x0a"  # field 1 of a request; those of logs and metrics have the same number
_RESOURCE_FIELDS = (b"\x0a", b"\x12", b"\x1a")  # resource, scope_spans, schema_url
_PREFIX_BYTES = 4
_MORE = 0x80  # the bit of a varint's byte that says another one follows


class Form(StrEnum):
    """How messages lie in a file."""

    LINES = "JSON lines"
    DOCUMENT = "a JSON document"
    MESSAGE = "a protobuf message"
    DELIMITED = "protobuf messages, each after a varint"
    PREFIXED = "messages, each after four bytes of length"


def bare_messages(path: Path) -> Iterator[tuple[bytes, int]]:
    """Read the messages of a bare OTLP file.

    Yields:
        A message, and how many bytes of the file have been read by then. A last message that is
        cut short is given as far as it goes.

    Raises:
        RecordingInvalid: The file cannot be read, is no OTLP, or has a message above the limit.
    """
    with _explained(path):
        with path.open("rb") as file:
            head = _decompressed(file).read(_HEAD_BYTES)
        with path.open("rb") as file:
            stream = _decompressed(file)
            form = form_of(head)
            if form:
                for message in _READERS[form](stream):
                    yield message, file.tell()
            elif head.strip(_SPACE):
                raise ValueError(f"is no OTLP (it begins with {head[:16]!r}): move it away")


def form_of(head: bytes) -> Form | None:
    """Tell the form of a file by its beginning; None when it is none of them."""
    text = head.lstrip(_SPACE)
    if _JSON.match(text):
        first, line_end, rest = text.partition(b"\n")
        # The first line of a document that is laid out ends openly; an object a line does not,
        # unless it is broken, and then another one begins right below.
        is_closed = first.rstrip().endswith(b"}")
        is_broken = not first.rstrip().endswith((b"{", b"[", b",", b":"))
        is_line = is_closed or (is_broken and rest.lstrip(b"\r\n").startswith(b"{"))
        return Form.LINES if is_line or not line_end else Form.DOCUMENT
    if _is_request(head, 0, MESSAGE_BYTES):
        return Form.MESSAGE
    size, rest = int.from_bytes(head[:_PREFIX_BYTES]), head[_PREFIX_BYTES:]
    if 0 < size <= MESSAGE_BYTES and (
        rest.startswith(frames.MAGIC) or _JSON.match(rest) or _is_request(rest, 0, size)
    ):
        return Form.PREFIXED
    try:
        size, place = read_varint(head, 0)
    except ValueError:
        return None
    return Form.DELIMITED if _is_request(head, place, size) else None


def _is_request(data: bytes, place: int, size: int) -> bool:
    """Tell whether an export request of at most that many bytes may begin at that place.

    No two forms fit one beginning: the first field of a resource's spans is never shorter than the
    length that another form would have to read in its stead.
    """
    if data[place : place + 1] != _RESOURCE_SPANS:
        return False
    try:
        length, inside = read_varint(data, place + 1)
    except ValueError:
        return False
    first = data[inside : inside + 1]
    return inside + length <= place + size and (not length or first in _RESOURCE_FIELDS)


def _lines(stream: BinaryIO) -> Iterator[bytes]:
    for line in iter(lambda: stream.readline(MESSAGE_BYTES + 1), b""):
        message = _checked(line).removeprefix(_BYTE_ORDER_MARK).strip()
        if message:
            yield message


def _whole(stream: BinaryIO) -> Iterator[bytes]:
    yield _checked(stream.read(MESSAGE_BYTES + 1))


def _delimited(stream: BinaryIO) -> Iterator[bytes]:
    while prefix := stream.read(1):
        while prefix[-1] & _MORE:
            byte = stream.read(1)
            if not byte:
                return
            prefix += byte
        size, _ = read_varint(prefix, 0)
        if size:
            yield _sized(stream, size)


def _prefixed(stream: BinaryIO) -> Iterator[bytes]:
    while len(prefix := stream.read(_PREFIX_BYTES)) == _PREFIX_BYTES:
        message = _sized(stream, int.from_bytes(prefix))
        if message.startswith(frames.MAGIC):
            # One that cannot be decompressed is given as it is, like any other unreadable message.
            with suppress(frames.FrameBroken):
                message = _checked(frames.decompress(message))
        if message:
            yield message


def _sized(stream: BinaryIO, size: int) -> bytes:
    return _checked(stream.read(min(size, MESSAGE_BYTES + 1)))


def _checked(message: bytes) -> bytes:
    if len(message) > MESSAGE_BYTES:
        raise ValueError(f"has a message of more than {MESSAGE_BYTES} bytes: split it")
    return message


_READERS = {
    Form.LINES: _lines,
    Form.DOCUMENT: _whole,
    Form.MESSAGE: _whole,
    Form.DELIMITED: _delimited,
    Form.PREFIXED: _prefixed,
}


def _decompressed(file: BinaryIO) -> BinaryIO:
    head = file.read(len(frames.MAGIC))
    file.seek(0)
    if head.startswith(_GZIP):
        return io.BufferedReader(gzip.GzipFile(fileobj=file))
    if head == frames.MAGIC:
        decompressor = zstandard.ZstdDecompressor()
        return io.BufferedReader(decompressor.stream_reader(file, read_across_frames=True))
    return file


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise RecordingInvalid(f"{path}: {error.strerror or error}") from error
    except (EOFError, zlib.error, zstandard.ZstdError) as error:
        raise RecordingInvalid(f"{path}: is damaged ({error}): copy it again") from error
    except ValueError as error:
        raise RecordingInvalid(f"{path}: {error}") from error
