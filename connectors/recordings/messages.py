"""Records as bytes: Protocol Buffers, each after its length.

    message Record {
      string partition = 1;
      uint64 offset = 2;
      fixed64 stamp_ns = 3;
      uint32 kind = 4;   // numbered by the manifest
      bytes body = 5;
    }

A message follows its length as a varint, as `parseDelimitedFrom` and its like read it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

from optimizer.observe.columns import Record, RecordKind

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_PACKAGE = "llm_optimizer.recordings"
_MORE = 0x80  # the bit of a varint's byte that says another one follows
_FIELDS = ("string", "uint64", "fixed64", "uint32", "bytes")


def _message_class() -> Any:
    """Build the class without generated code: five fields do not deserve a compiler."""
    file = descriptor_pb2.FileDescriptorProto(
        name="llm_optimizer/recording.proto", package=_PACKAGE, syntax="proto3"
    )
    message = file.message_type.add(name="Record")
    for number, (name, kind) in enumerate(zip(Record._fields, _FIELDS, strict=True), 1):
        message.field.add(
            name=name,
            number=number,
            type=descriptor_pb2.FieldDescriptorProto.Type.Value(f"TYPE_{kind.upper()}"),
            label=descriptor_pb2.FieldDescriptorProto.LABEL_OPTIONAL,
        )
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.Record"))


_Message = _message_class()


def encode(record: Record) -> bytes:
    """Give the bytes of a record, its length before them.

    Raises:
        ValueError: A number is negative or too large, or its body is not bytes.
    """
    if not isinstance(record.body, bytes):
        raise ValueError("calls as columns: only a recording of columns holds them")  # noqa: TRY004
    message: bytes = _Message(**record._asdict()).SerializeToString()
    return varint(len(message)) + message


def decode(content: bytes, kinds: Mapping[int, RecordKind]) -> Iterator[Record]:
    """Read records.

    Args:
        content: Messages, each after its length.
        kinds: What the numbers of kinds mean.

    Raises:
        ValueError: The bytes are no such messages.
    """
    place = 0
    while place < len(content):
        size, place = read_varint(content, place)
        end = place + size
        if end > len(content):
            raise ValueError("a record reaches beyond the end")
        try:
            message = _Message.FromString(content[place:end])
        except DecodeError as error:
            raise ValueError(f"a record is damaged ({error})") from error
        kind = kinds.get(message.kind)
        if kind is None:
            raise ValueError(f"a record has kind {message.kind}, which the manifest does not name")
        yield Record(message.partition, message.offset, message.stamp_ns, kind, message.body)
        place = end


def varint(number: int) -> bytes:
    """Give a number as a varint: seven bits a byte, the lowest first."""
    written = bytearray()
    while number >= _MORE:
        written.append(number % _MORE | _MORE)
        number >>= 7
    written.append(number)
    return bytes(written)


def read_varint(data: bytes, place: int) -> tuple[int, int]:
    """Read a varint.

    Returns:
        The number, and the place after it.

    Raises:
        ValueError: The data end inside of it, or it is longer than 64 bits need.
    """
    number = 0
    for shift in range(0, 70, 7):
        if place >= len(data):
            raise ValueError("the data end inside of a length")
        byte = data[place]
        place += 1
        number |= byte % _MORE << shift
        if byte < _MORE:
            return number, place
    raise ValueError("a length is longer than ten bytes")
