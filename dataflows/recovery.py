"""The folder of the engine's recovery state: there as a whole or not at all, for one dealing."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

from bytewax.recovery import RecoveryConfig, init_db_dir

from dataflows.failures import recovery_explained
from optimizer.errors import SettingsInvalid, StorageFailed

if TYPE_CHECKING:
    from pathlib import Path

_DEALING = "dealing.json"


def recovery_at(folder: Path, shard_groups: int) -> RecoveryConfig:
    """Open the recovery state in a folder, a new one where there is none.

    Args:
        folder: Its folder; the folders above it are made too.
        shard_groups: How many shards routes are dealt to; part of what the state means.

    Raises:
        SettingsInvalid: The state was begun with another number of shards.
        StorageFailed: The folder cannot be written.
    """
    try:
        if not (folder / _DEALING).exists():
            with recovery_explained(folder):
                _begin(folder, shard_groups)
        begun_with = json.loads((folder / _DEALING).read_text())["shard_groups"]
    except OSError as error:
        raise StorageFailed(
            f"{folder}: {error.strerror}: free some space, or name a folder this user may write to"
        ) from error
    if begun_with != shard_groups:
        fault = (
            f"stream.shard_groups is {shard_groups}: must stay {begun_with}, with which the state "
            f"in {folder} was begun (OPTIMIZER_STREAM__SHARD_GROUPS)"
        )
        raise SettingsInvalid([fault])
    return RecoveryConfig(folder)


def unfinished(folder: Path) -> Path:
    """Name the folder that a new recovery state is made in."""
    return folder.with_name(f".{folder.name}")


def _begin(folder: Path, shard_groups: int) -> None:
    """Make an empty state; a crash half-way leaves nothing that looks like one."""
    new = unfinished(folder)
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(parents=True)
    init_db_dir(new, 1)
    (new / _DEALING).write_text(json.dumps({"shard_groups": shard_groups}))
    new.replace(folder)
