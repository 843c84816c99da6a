"""`llm-optimizer record`: keep what came in, decoded, to be replayed without its content."""

from __future__ import annotations

import os
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Protocol

from connectors.api.new_folders import new_folder
from connectors.configuration import load, located
from connectors.decoding import RecordDecoder
from connectors.prices import open_prices
from connectors.recordings import Manifest, RecordingWriter, open_reader
from connectors.recordings.columns import write_columns
from connectors.recordings.condensing import Condenser, Listening, Watched
from dataflows.deciding import hand_on
from dataflows.parts import rules_of
from dataflows.stopping import stop_on_signals
from optimizer.observe.columns import RecordKind
from optimizer.observe.observer import Observer
from optimizer.observe.partition import Partition
from optimizer.settings import LinkIndex

if TYPE_CHECKING:
    import argparse
    import threading
    from collections.abc import Callable, Iterator, Sequence

    from dataflows.ingest import Reader
    from optimizer.observe.columns import Record
    from optimizer.settings import Settings


class Part(Protocol):
    """An engine partition of a source."""

    def next_batch(self) -> Sequence[tuple[str, Record]]:
        """Give what has come, by partition."""


_EVERY_S = 0.2  # between looks for what has come
_FOREVER_NS = 1 << 62


def command(options: argparse.Namespace) -> int:
    """Record until caught up, for as long as asked, or until told to stop."""
    settings = located(load(options.config, os.environ), options.config)
    out = new_folder(options.out)
    until_ns = round(options.until.timestamp() * 1e9) if options.until else _FOREVER_NS
    ends: float = time.monotonic() + options.seconds  # noqa: TID251 - an edge: how long it records
    with ExitStack() as stack:
        stop = stack.enter_context(stop_on_signals())

        def goes_on() -> bool:
            return time.monotonic() < ends  # noqa: TID251 - see above

        if settings.kafka.brokers and not settings.input.is_live and not options.origin:
            origin = None
            found, manifest = _from_kafka(stack, settings, goes_on, stop)
        else:
            origin = options.origin or Path(settings.service.data_dir) / "inputs"
            reader = open_reader(origin)
            found, manifest = _records(reader, goes_on, stop.is_set), reader.manifest
        records = (each for each in found if each.stamp_ns < until_ns)
        if options.raw:
            sys.stderr.write(f"{out}: --raw keeps prompts and answers: guard it as you do those\n")
            _write_raw(out, records, manifest)
        else:
            _write_columns(out, records, manifest, settings)
        if origin:
            hand_on(origin, out)
    if stop.is_set():
        sys.stderr.write("stopped: what was read by then is kept\n")
    sys.stdout.write(f"replay it: llm-optimizer replay {out}\n")
    return 0


def _from_kafka(
    stack: ExitStack, settings: Settings, goes_on: Callable[[], bool], stop: threading.Event
) -> tuple[Iterator[Record], Manifest]:
    """Read the topics as a first start would; what a run has read or will read is untouched."""
    from dataflows.kafka import kafka_sources  # noqa: PLC0415 - only who reads Kafka loads it

    folder = Path(stack.enter_context(TemporaryDirectory()))
    sources = kafka_sources(stack, settings, folder, stop)
    behind = {name for source in sources for name in source.partitions}
    manifest = Manifest(partitions=tuple(sorted(behind)))
    parts = [
        source.build_part("record", name, None)
        for source in sources
        for name in source.list_parts()
    ]

    def records() -> Iterator[Record]:
        while not stop.is_set():
            batch = _batch(parts)
            yield from batch
            behind.difference_update(
                each.partition for each in batch if each.kind is RecordKind.HEARTBEAT
            )
            if not batch and not behind and not goes_on():  # each partition has been at its end
                return

    return records(), manifest


def _batch(parts: Sequence[Part]) -> list[Record]:
    """Give what has come to any part; nothing once they are told to stop."""
    try:
        batch = [record for part in parts for _, record in part.next_batch()]
    except StopIteration:
        return []
    if not batch:
        time.sleep(_EVERY_S)
    return batch


def _records(
    reader: Reader, goes_on: Callable[[], bool], is_stopped: Callable[[], bool]
) -> Iterator[Record]:
    """Give what has come by now; then, while it goes on, what comes."""
    cursor: str | None = None
    while not is_stopped():
        pairs = reader.read(cursor)
        for record, behind in pairs:
            yield record
            cursor = behind
        if not pairs:
            if not goes_on():
                return
            time.sleep(_EVERY_S)


def _write_raw(out: Path, records: Iterator[Record], manifest: Manifest) -> None:
    """Keep records as they came."""
    known = set(manifest.partitions)
    with RecordingWriter(out, manifest.partitions, stamps=manifest.stamps) as writer:
        for record in records:
            if record.partition not in known:
                known.add(record.partition)
                writer.declare(record.partition)
            writer.append(record)


def _write_columns(
    out: Path, records: Iterator[Record], manifest: Manifest, settings: Settings
) -> None:
    """Keep what records say to a job under these settings."""
    prices, rules = open_prices(settings.prices), rules_of(settings)

    def watch(name: str) -> Watched:
        decoder = Listening(RecordDecoder(settings, prices, name))
        return Watched(Observer(Partition(name, rules), decoder, shards=1), decoder)

    condenser = Condenser(watch, rules.skew_ns)
    write_columns(
        out,
        condenser.condense(records),
        stamps=manifest.stamps,
        partitions=manifest.partitions,
        links=settings.attribution.index is not LinkIndex.NONE,
    )
    for reason, letters in sorted(condenser.left_out.items()):
        sys.stderr.write(f"{letters:,} left out: {reason}; --raw keeps their bytes\n")
