"""Files to records, one frame at a time, also while they are being written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from connectors.recordings import frames, messages
from connectors.recordings.cursor import Cursor, file_path, last_file
from connectors.recordings.manifest import Form, read_manifest
from optimizer.errors import RecordingInvalid

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from optimizer.observe.columns import Record

_CHUNK_BYTES = 4 << 20  # read at once; more only when a frame is larger


class RecordingReader:
    """Reads a recording in the order it was written.

    Args:
        folder: The recording.

    Attributes:
        manifest: What the recording says of itself.
        torn: The newest file ends inside of a frame: it is being written, or a crash cut it.

    Raises:
        RecordingInvalid: The folder is no recording of records.
        UnknownVersion: A newer version of this product wrote it.
    """

    def __init__(self, folder: Path) -> None:
        self.manifest = read_manifest(folder, Form.RECORDS)
        self.torn = False
        self._folder = folder
        self._kinds = self.manifest.kinds_by_number()
        self._held = (-1, 0, b"")  # file, place and bytes of what was read last

    def __iter__(self) -> Iterator[Record]:
        """Give all records there are by now."""
        pairs = self.read()
        while pairs:
            yield from (record for record, _ in pairs)
            pairs = self.read(pairs[-1][1])

    def read(self, cursor: str | None = None) -> list[tuple[Record, str]]:
        """Give the records of one frame, each with the cursor behind it.

        Args:
            cursor: The cursor behind the last record that is not wanted; None at the beginning.

        Returns:
            Nothing when there are no more yet; the same cursor may then be asked again.

        Raises:
            RecordingInvalid: A file is missing or damaged; the message names it and the byte.
        """
        place = Cursor.parse(cursor) if cursor else Cursor(self.manifest.first)
        records: list[Record] = []
        while not records:
            frame = self._frame(place)
            if frame is None:
                return []
            following = place._replace(frame=place.frame + len(frame), record=0)
            if frame:
                records = self._records(place, frame)[place.record :]
            else:
                following = Cursor(place.file + 1)
            behind = [place._replace(record=place.record + n) for n in range(1, len(records))]
            place = following
        cursors = map(str, [*behind, following])
        return list(zip(records, cursors, strict=True))

    def next_offsets(self) -> dict[str, int]:
        """Give the offset behind each partition's last record, 0 where there is none."""
        offsets: dict[str, int] = {}
        for number in range(last_file(self._folder), self.manifest.first - 1, -1):
            places = [Cursor(number)]
            while frame := self._frame(places[-1]):
                places.append(Cursor(number, places[-1].frame + len(frame)))
            for place in reversed(places[:-1]):
                if offsets.keys() >= set(self.manifest.partitions):
                    return offsets
                records = self._records(place, self._frame(place) or b"")
                last = {record.partition: record.offset + 1 for record in records}
                offsets = last | offsets
        return dict.fromkeys(self.manifest.partitions, 0) | offsets

    def _records(self, place: Cursor, frame: bytes) -> list[Record]:
        try:
            records = list(messages.decode(frames.decompress(frame), self._kinds))
        except ValueError as error:
            raise self._damaged(place, str(error)) from error
        if place.record > len(records):
            raise self._damaged(place, f"there is no record {place.record} in the frame")
        return records

    def _frame(self, place: Cursor) -> bytes | None:
        """Give the bytes of a frame; none at the end of its file, None when more may come."""
        file, start, data = self._held
        if file == place.file and start <= place.frame < start + len(data):
            frame = self._cut(place, data, place.frame - start)
            if frame:
                return frame
        # Asked before the file is read: once a later one is there, this one grows no more.
        is_ended = last_file(self._folder) > place.file
        size = _CHUNK_BYTES
        while True:
            data = self._bytes(place, size)
            frame = self._cut(place, data, 0)
            if frame:
                self._held = (place.file, place.frame, data)
                return frame
            if len(data) < size:
                return self._end(place, data, is_ended=is_ended)
            size *= 4

    def _cut(self, place: Cursor, data: bytes, start: int) -> bytes | None:
        try:
            end = frames.frame_end(data, start)
        except frames.FrameBroken as error:
            raise self._damaged(place, str(error)) from error
        return None if end is None else data[start:end]

    def _end(self, place: Cursor, rest: bytes, *, is_ended: bool) -> bytes | None:
        """Tell what the end of a file means: it is over, more may come, or it is damaged."""
        self.torn = bool(rest) and not is_ended
        if rest and (is_ended or frames.holds_whole_frame(rest, 1)):
            raise self._damaged(place, "a frame is cut short and more follows it")
        return b"" if is_ended else None

    def _bytes(self, place: Cursor, size: int) -> bytes:
        path = file_path(self._folder, place.file)
        try:
            with path.open("rb") as file:
                if file.seek(0, 2) < place.frame:
                    raise self._damaged(place, "it is shorter than when it was read last")
                file.seek(place.frame)
                return file.read(size)
        except FileNotFoundError as error:
            if place.frame == 0 and last_file(self._folder) < place.file:
                return b""  # not begun yet
            if place.file < read_manifest(self._folder).first:
                raise RecordingInvalid(
                    f"{path}: was let go since (input.keep_hours): start anew, from what is there"
                ) from error
            raise self._damaged(place, "the file is missing") from error
        except OSError as error:
            raise self._damaged(place, str(error.strerror)) from error

    def _damaged(self, place: Cursor, fault: str) -> RecordingInvalid:
        path = file_path(self._folder, place.file)
        way_out = "restore a copy of the file"
        return RecordingInvalid(f"{path}: at byte {place.frame}: {fault}: {way_out}")
