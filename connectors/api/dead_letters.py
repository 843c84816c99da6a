"""`llm-optimizer dead-letters`: what could not be used, looked at, read again, or removed."""

from __future__ import annotations

import json
import os
import sys
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from connectors.api import rendering
from connectors.api.inputs import open_inputs
from connectors.api.new_folders import new_folder
from connectors.configuration import load
from connectors.dead_letters import DeadLetterStore, StoredLetter, Wanted
from connectors.dead_letters.masking import nature_of
from connectors.dead_letters.replaying import as_they_came, for_the_live_job
from connectors.dead_letters.store import DAY_NS, FILE
from connectors.recordings import RecordingWriter
from optimizer.errors import NotFound

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Iterator, Sequence

    from optimizer.settings import Settings

_SHORT = 8  # digits of an id in a list
_OR_ELSE = "--out makes a recording instead, or "
_AT_ONCE = 100  # letters appended in one transaction


def listing(options: argparse.Namespace) -> int:
    """Print how many there are, and the newest, a line each."""
    wanted = Wanted(reason=options.reason, source=options.source)
    with _opened(options) as (_, store):
        totals, gone = store.totals(wanted), store.gone()
        newest = store.find(wanted, options.limit, newest_first=True)
    if options.output == "json":
        names = ("reason", "source", "letters", "replayed", "bytes")
        _print_json({"type": "total", **dict(zip(names, row, strict=True))} for row in totals)
        _print_json({"type": "gone", "cause": name, "letters": gone[name]} for name in gone)
        _print_json({"type": "dead_letter", **letter._asdict()} for letter in newest)
        return 0
    if not totals:
        sys.stdout.write("no dead letters\n")
    else:
        tables = [_totals_table(totals), "", _newest_table(newest)]
        letters = sum(row[2] for row in totals)
        lines = [*tables, *rendering.left_out(len(newest), letters)]
        sys.stdout.write("\n".join(lines) + "\n")
    for cause, letters in gone.items():
        sys.stdout.write(f"{letters:,} more were let go ({cause})\n")
    return 0


def showing(options: argparse.Namespace) -> int:
    """Print one: its facts and the names in it, or its bytes alone."""
    with _opened(options) as (_, store):
        letter = _only(store, options.id)
        body = store.body(letter.id)
    if options.raw:
        if body is None:
            raise NotFound(f"{letter.id}: its bytes are not kept (OPTIMIZER_DEAD_LETTERS__BYTES)")
        sys.stdout.flush()
        sys.stdout.buffer.write(body)
        return 0
    told = letter._asdict() | {"stamp": _instant(letter.stamp_ns)}
    told |= {"content": nature_of(body) if body is not None else "not kept"}
    if options.output == "json":
        _print_json([{"type": "dead_letter", **told}])
        return 0
    for name, value in told.items():
        sys.stdout.write(f"{name}: {_in_words(value)}\n")
    if body is not None:
        sys.stderr.write("--raw writes its bytes, which may hold prompts and answers\n")
    return 0


def replaying(options: argparse.Namespace) -> int:
    """Have letters read again: by the live run, or as a recording."""
    with _opened(options) as (settings, store):
        letters = _asked(store, options)
        if not letters:
            sys.stdout.write("no dead letters are waiting to be read again\n")
            return 0
        if options.out:
            where = _write_recording(store, letters, new_folder(options.out))
        else:
            where = _append_to_inputs(store, letters, settings)
        store.mark_replayed(letter.id for letter in letters)
    sys.stdout.write(f"{len(letters):,} dead letters {where}\n")
    return 0


def purging(options: argparse.Namespace) -> int:
    """Remove letters for good."""
    with _opened(options) as (settings, store):
        before = options.before
        now = datetime.now(UTC)  # noqa: TID251 - an edge: what is old is so by the clock
        before_ns = round(before.timestamp() * 1e9) if before else 0
        wanted = Wanted(reason=options.reason, source=options.source, before_ns=before_ns)
        if wanted == Wanted() and not options.all:
            keep_ns = round(settings.dead_letters.retention_days * DAY_NS)
            wanted = Wanted(before_ns=round(now.timestamp() * 1e9) - keep_ns)
        sys.stdout.write(f"{store.drop(wanted):,} dead letters removed\n")
    return 0


@contextmanager
def _opened(options: argparse.Namespace) -> Iterator[tuple[Settings, DeadLetterStore]]:
    """Open the store that the options name; it is not made."""
    settings = load(options.config, os.environ)
    path = options.db or Path(settings.service.data_dir) / FILE
    if not path.is_file():
        raise NotFound(f"{path}: no such file: --db names {FILE} of a run or of a replay's --out")
    timeout_secs = settings.database.timeout_secs
    with closing(DeadLetterStore(path, settings.dead_letters, timeout_secs)) as store:
        yield settings, store


def _only(store: DeadLetterStore, beginning: str) -> StoredLetter:
    found = store.find(Wanted(ids=(beginning,)), 2)
    if not found:
        raise NotFound(f"no dead letter begins with {beginning!r}: see `dead-letters list`")
    if len(found) > 1:
        raise NotFound(f"several dead letters begin with {beginning!r}: give more of the id")
    return found[0]


def _asked(store: DeadLetterStore, options: argparse.Namespace) -> Sequence[StoredLetter]:
    """Give the letters to be read again: those named, else all that were not yet."""
    for beginning in options.ids:
        if not _only(store, beginning).kept:
            raise NotFound(f"{beginning}: its bytes are not kept (OPTIMIZER_DEAD_LETTERS__BYTES)")
    wanted = Wanted(
        reason=options.reason,
        source=options.source,
        ids=tuple(options.ids),
        waiting=not options.ids,
    )
    return store.find(wanted)


def _write_recording(store: DeadLetterStore, letters: Sequence[StoredLetter], folder: Path) -> str:
    ordered = sorted(letters, key=lambda letter: letter.stamp_ns)  # else as they were set aside
    with RecordingWriter(folder, dict.fromkeys(letter.partition for letter in ordered)) as writer:
        for record in as_they_came(store.bodies(ordered)):
            writer.append(record)
    return f"written; llm-optimizer replay {folder}"


def _append_to_inputs(
    store: DeadLetterStore, letters: Sequence[StoredLetter], settings: Settings
) -> str:
    """Append letters to the log that a live run reads beside its input."""
    sources = {letter.source for letter in letters}
    with closing(open_inputs(settings, sources, _OR_ELSE)) as inputs:
        for start in range(0, len(letters), _AT_ONCE):
            records = for_the_live_job(store.bodies(letters[start : start + _AT_ONCE]))
            inputs.append(records)
        return (
            f"appended to {inputs.name}: a live run on it reads them again.\n"
            "A call whose time is past counts as late there; --out counts it in a replay."
        )


def _totals_table(totals: Iterable[tuple[str, str, int, int, int]]) -> str:
    rows = [
        (reason, source, f"{letters:,}", f"{replayed:,}", f"{size:,}")
        for reason, source, letters, replayed, size in totals
    ]
    return rendering.as_table(("reason", "source", "letters", "replayed", "bytes"), rows)


def _newest_table(letters: Iterable[StoredLetter]) -> str:
    rows = [
        (
            letter.id[:_SHORT],
            _instant(letter.stamp_ns)[:19],
            f"{letter.partition}@{letter.offset}",
            letter.kind,
            f"{letter.size:,}",
            letter.reason,
            letter.detail,
        )
        for letter in letters
    ]
    head = ("id", "stamp (UTC)", "partition@offset", "kind", "bytes", "reason", "detail")
    return rendering.as_table(head, rows)


def _instant(stamp_ns: int) -> str:
    """Write a stamp; one that no calendar has stays a number."""
    try:
        return datetime.fromtimestamp(stamp_ns // 10**9, UTC).isoformat(" ")
    except (ValueError, OverflowError):
        return str(stamp_ns)


def _in_words(value: Any) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case dict():
            return "; ".join(f"{name}: {_in_words(item)}" for name, item in value.items())
        case list():
            return ", ".join(map(str, value)) or "none"
        case _:
            return str(value)


def _print_json(values: Iterable[dict[str, Any]]) -> None:
    for value in values:
        sys.stdout.write(json.dumps(value, sort_keys=True) + "\n")
