"""Folders that a command is to make."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING

from connectors.recordings.manifest import NAME as MANIFEST
from optimizer.errors import RecordingInvalid

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def new_folder(folder: Path, *, force: bool | None = None) -> Path:
    """Find that a folder may be made, or replaced where it is a recording and nothing else.

    Args:
        folder: The folder.
        force: Whether it may be replaced; None where the command cannot be told to.

    Raises:
        RecordingInvalid: It may not; the message says why.
    """
    if not folder.name.strip("."):
        raise RecordingInvalid(f"{folder}: name a folder that is to be made")
    if folder.exists() and not folder.is_dir():
        raise RecordingInvalid(f"{folder}: is a file: name another folder")
    if folder.is_symlink():
        raise RecordingInvalid(f"{folder}: is a link: name the folder itself")
    if folder.exists() and any(folder.iterdir()):
        if not force:
            way_on = "" if force is None else ", or --force"
            raise RecordingInvalid(f"{folder}: is not empty: name another folder{way_on}")
        if not (folder / MANIFEST).exists():
            raise RecordingInvalid(f"{folder}: is no recording: --force replaces recordings only")
    return folder


@contextmanager
def whole_folder(out: Path) -> Iterator[Path]:
    """Give a folder to write to; it becomes `out` at the end, in place of what is there, or never.

    Args:
        out: A folder that may be made or replaced, as `new_folder` found.

    Raises:
        RecordingInvalid: It cannot be written.
    """
    unfinished = out.with_name(f".{out.name}.simulating")
    try:
        shutil.rmtree(unfinished, ignore_errors=True)  # of one that was killed
        yield unfinished
        if out.exists():
            shutil.rmtree(out)
        unfinished.replace(out)
    except OSError as error:
        raise RecordingInvalid(f"{out}: {error.strerror}: name another folder") from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
