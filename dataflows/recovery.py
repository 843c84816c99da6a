"""The folder of the engine's recovery state: there as a whole or not at all, for one dealing."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

from bytewax.recovery import RecoveryConfig, init_db_dir

from dataflows.failures import recovery_explained
from optimizer.errors import SettingsInvalid, StorageFailed

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_DEALING = "dealing.json"
_INPUTS = "inputs.json"
_MAY_JOIN = frozenset({"sentinel"})


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
        if not is_begun(folder):
            with recovery_explained(folder):
                _begin(folder, shard_groups)
        groups = json.loads((folder / _DEALING).read_text())["shard_groups"]
    except OSError as error:
        raise StorageFailed(
            f"{folder}: {error.strerror}: free some space, or name a folder this user may write to"
        ) from error
    if groups != shard_groups:
        fault = (
            f"stream.shard_groups is {shard_groups}: must stay {groups}, with which the state "
            f"in {folder} was begun (OPTIMIZER_STREAM__SHARD_GROUPS)"
        )
        raise SettingsInvalid([fault])
    return RecoveryConfig(folder)


def is_begun(folder: Path) -> bool:
    """Tell whether there is a recovery state in a folder."""
    return (folder / _DEALING).exists()


def begun_with(folder: Path, inputs: Iterable[str]) -> frozenset[str]:
    """Give the inputs that a recovery state was begun with; of a new one, those of now.

    Windows wait for every partition they know: for ever, where nobody reads it any more. And what
    is read for the first time would tell of windows that have closed. Only anomalies may be added.

    Args:
        folder: The folder of the state.
        inputs: What is read now, of `input`, `kafka` and `sentinel`.

    Raises:
        SettingsInvalid: The state cannot go on with these.
        StorageFailed: The folder cannot be read or written.
    """
    now, path = frozenset(inputs), folder / _INPUTS
    try:
        begun = frozenset(json.loads(path.read_text()) if path.exists() else now)
        if begun - now or now - begun - _MAY_JOIN:
            told, wanted = "+".join(sorted(now)), "+".join(sorted(begun))
            fault = (
                f"the input is {told}: the state in {folder} was begun with {wanted}: go on with "
                "that, or name another folder (OPTIMIZER_SERVICE__DATA_DIR)"
            )
            raise SettingsInvalid([fault])
        new = path.with_suffix(".new")
        new.write_text(json.dumps(sorted(now)))
        new.replace(path)
    except OSError as error:
        raise StorageFailed(
            f"{path}: {error.strerror}: free some space, or name a folder this user may write to"
        ) from error
    return begun


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
