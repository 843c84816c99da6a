"""What a recording says of itself: `manifest.json`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

import msgspec

from connectors.codecs import from_json, to_json
from optimizer.errors import DecodeFailed, InvalidEvent, RecordingInvalid, UnknownVersion
from optimizer.observe.columns import RecordKind

if TYPE_CHECKING:
    from pathlib import Path

VERSION = 1
NAME = "manifest.json"


class Form(StrEnum):
    """How a recording is kept."""

    RECORDS = "records"  # undecoded, in zstd files
    COLUMNS = "columns"  # decoded, in Parquet


class Stamps(StrEnum):
    """Where the records' stamps come from."""

    RECORDED = "recorded"  # the broker or receiver took them so
    INFERRED = "inferred"  # the greatest time in other records


def _numbers() -> dict[str, int]:
    return {kind.name.lower(): kind.value for kind in RecordKind}


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a recording says of itself.

    Attributes:
        partitions: Every source partition it may hold.
        form: How it is kept.
        stamps: Where its stamps come from.
        kinds: The number of each kind of record, by its name in lower case.
        first: Number of its first file; those before it were let go.
        created_by: Who wrote it.
        version: Of the format.
    """

    partitions: tuple[str, ...]
    form: Form = Form.RECORDS
    stamps: Stamps = Stamps.RECORDED
    kinds: Mapping[str, int] = field(default_factory=_numbers)
    first: int = 0
    created_by: str = "llm-auto-optimizer"
    version: int = VERSION

    def kinds_by_number(self) -> dict[int, RecordKind]:
        """Give what the numbers of kinds mean.

        Raises:
            UnknownVersion: It names a kind this code does not know.
        """
        known = _numbers()
        unknown = sorted(set(self.kinds) - set(known))
        if unknown:
            raise UnknownVersion(f"the recording holds records of kind {', '.join(unknown)}")
        return {number: RecordKind(known[name]) for name, number in self.kinds.items()}


def read_manifest(folder: Path, form: Form | None = None) -> Manifest:
    """Read what a recording says of itself.

    Args:
        folder: The recording.
        form: How it must be kept; None for any way.

    Raises:
        RecordingInvalid: The folder is no recording, or one of another form.
        UnknownVersion: A newer version of this product wrote it.
    """
    path = folder / NAME
    try:
        data = path.read_bytes()
    except OSError as error:
        raise RecordingInvalid(
            f"{path}: {error.strerror}: name a folder with a recording"
        ) from error
    try:
        _check_version(path, msgspec.json.decode(data))
        manifest = from_json(Manifest, data)
    except (msgspec.DecodeError, DecodeFailed, InvalidEvent) as error:
        raise RecordingInvalid(f"{path}: {error}: name a folder with a recording") from error
    if form and manifest.form is not form:
        raise RecordingInvalid(f"{path}: form is {manifest.form}: must be {form} here")
    return manifest


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write what a recording says of itself, in one step: a crash leaves the old one or this."""
    written = folder / f".{NAME}"
    with written.open("wb") as file:
        file.write(to_json(manifest) + b"\n")
        file.flush()
        os.fsync(file.fileno())
    written.replace(folder / NAME)
    sync_folder(folder)


def sync_folder(folder: Path) -> None:
    """Make the names of the files in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _check_version(path: Path, manifest: object) -> None:
    version = manifest.get("version") if isinstance(manifest, dict) else None
    if isinstance(version, int) and version != VERSION:
        raise UnknownVersion(
            f"{path}: version is {version}, this code knows {VERSION}: "
            "install the version that wrote it"
        )
