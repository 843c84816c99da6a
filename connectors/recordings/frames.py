"""Zstandard frames: how bytes are cut into pieces of which each stands or falls as a whole.

A file is frames, one after another, so `zstd -d` reads it too. Where a frame ends is told by its
block headers, without decompressing it; a checksum guards its content.

Source: RFC 8878 (2021), sections 3.1.1.1 (frame header) and 3.1.1.2 (blocks).
"""

from __future__ import annotations

from contextlib import suppress

import zstandard

MAGIC = b"\x28\xb5\x2f\xfd"
CONTENT_BYTES = 256 << 20  # most a frame may hold: above it, it is taken for a bomb
_BLOCK_BYTES = 128 << 10
_DICTIONARY_BYTES = (0, 1, 2, 4)
_RAW, _REPEATED, _COMPRESSED, _RESERVED = range(4)

_compressor = zstandard.ZstdCompressor(level=3, write_checksum=True)
_decompressor = zstandard.ZstdDecompressor()


class FrameBroken(ValueError):
    """Bytes that are no frame of ours, however many more would follow."""


def compress(content: bytes) -> bytes:
    """Give one frame that holds the content, at most `CONTENT_BYTES` of it."""
    return _compressor.compress(content)


def decompress(frame: bytes) -> bytes:
    """Give the content of one whole frame.

    Raises:
        FrameBroken: It is damaged, or holds more than `CONTENT_BYTES`.
    """
    size = zstandard.frame_content_size(frame)  # -1 when whoever wrote it did not know
    if size > CONTENT_BYTES:
        raise FrameBroken(f"the frame says it holds {size} bytes, at most {CONTENT_BYTES} may be")
    try:
        return _decompressor.decompress(frame, max_output_size=CONTENT_BYTES)
    except zstandard.ZstdError as error:
        raise FrameBroken(f"the frame is damaged ({error})") from error


def is_sound(frame: bytes) -> bool:
    """Tell whether one whole frame can be decompressed."""
    try:
        decompress(frame)
    except FrameBroken:
        return False
    return True


def frame_end(data: bytes, start: int = 0) -> int | None:
    """Find where the frame ends that begins at `start`.

    Returns:
        The place after its last byte, None when the data end before that. Zeros to the end of the
        data count as a frame not yet written: a crash may leave them.

    Raises:
        FrameBroken: What stands there is no frame.
    """
    head = data[start : start + len(MAGIC)]
    if head != MAGIC[: len(head)]:
        if not data[start:].strip(b"\0"):
            return None
        raise FrameBroken("no frame begins here")
    place = start + _header_bytes(data[start + len(MAGIC) : start + len(MAGIC) + 1])
    last = False
    while not last:
        header = int.from_bytes(data[place : place + 3], "little")
        if place + 3 > len(data):
            return None
        last, kind, size = bool(header & 1), header >> 1 & 3, header >> 3
        if kind == _RESERVED or size > _BLOCK_BYTES:
            raise FrameBroken("a block of the frame has an impossible header")
        place += 3 + (1 if kind == _REPEATED else size)
    has_checksum = data[start + len(MAGIC)] >> 2 & 1
    place += 4 * has_checksum
    return place if place <= len(data) else None


def holds_whole_frame(data: bytes, start: int) -> bool:
    """Tell whether a whole frame stands anywhere from `start` on."""
    place = data.find(MAGIC, start)
    while place >= 0:
        with suppress(FrameBroken):  # four bytes that look like a beginning and are none
            end = frame_end(data, place)
            if end is not None and is_sound(data[place:end]):
                return True
        place = data.find(MAGIC, place + 1)
    return False


def _header_bytes(descriptor: bytes) -> int:
    """Give the length of a frame's header, of which the fifth byte tells."""
    flags = descriptor[0] if descriptor else 0
    single_segment = flags >> 5 & 1
    if flags >> 3 & 1:
        raise FrameBroken("the frame has a header of an unknown kind")
    content_size = (single_segment, 2, 4, 8)[flags >> 6]
    return len(MAGIC) + 1 + (1 - single_segment) + _DICTIONARY_BYTES[flags & 3] + content_size
