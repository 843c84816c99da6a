"""What a replay was begun with: going on with something else would be neither one nor the other."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from dataflows.deciding import digest_of
from optimizer.errors import SettingsInvalid, StorageFailed

if TYPE_CHECKING:
    from pathlib import Path

    from dataflows.ingest import Reader
    from optimizer.settings import Settings

_BEGUN = "begun.json"


def check_begun(recovery: Path, reader: Reader, settings: Settings) -> None:
    """Find that a replay goes on with what it was begun with, or note that when it begins.

    Args:
        recovery: The folder of its recovery state.
        reader: Reads its recording, which is known again by its first record.
        settings: Its settings.

    Raises:
        SettingsInvalid: The recording or the settings are others.
        StorageFailed: The folder cannot be written.
    """
    now = {"recording": _digest_of_recording(reader), "settings": digest_of(settings)}
    note = recovery / _BEGUN
    if note.exists():
        begun = json.loads(note.read_text())
        others = " and other ".join(name for name in now if begun.get(name) != now[name])
        if others:
            fault = f"--resume: {recovery.parent} was begun with other {others}: name the same, or "
            raise SettingsInvalid([f"{fault}begin anew in another --out"])
        return
    try:
        new = note.with_suffix(".new")
        new.write_text(json.dumps(now))
        new.replace(note)
    except OSError as error:
        way_out = "free some space, or name a folder this user may write to"
        raise StorageFailed(f"{note}: {error.strerror}: {way_out}") from error


def _digest_of_recording(reader: Reader) -> str:
    pairs = reader.read()
    if not pairs:
        return ""
    record = pairs[0][0]
    body = record.body if isinstance(record.body, bytes) else record.body.columns.call_id.tobytes()
    facts = (record.partition, record.offset, record.stamp_ns, int(record.kind))
    return hashlib.sha256(repr(facts).encode() + body).hexdigest()
