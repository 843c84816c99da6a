"""Keys of the stream, the prices and the input: records through the whole job."""

from __future__ import annotations

import sqlite3
from contextlib import chdir, closing
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from bytewax.inputs import AbortExecution

from connectors.decoding import RecordDecoder
from connectors.prices import open_prices
from dataflows.ingest import RecordingSource
from dataflows.parts import rules_of
from optimizer.observe.columns import Record, RecordKind
from optimizer.observe.observer import Observer
from optimizer.observe.partition import Partition
from optimizer.panes import Pane
from optimizer.windows import WindowSummary
from tests.benchmarks.job import MemoryReader, run_source
from tests.settings_probes.probe import Probe
from tests.settings_probes.telemetry import (
    PARTITION,
    Traffic,
    a_span,
    as_record,
    counts_of,
    minutes,
    outputs_of,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from optimizer.settings import Settings


def told(counted: str, records: Sequence[Record], settings: Settings) -> int:
    """How many calls the ledger counts under a name."""
    return counts_of(settings, records)[counted]


def calls(*numbers_and_ends: tuple[int, float]) -> list[Record]:
    """A record for each call, by number and end, that came when the newest so far had ended."""
    newest, records = 0.0, []
    for offset, (number, second) in enumerate(numbers_and_ends):
        newest = max(newest, second)
        records.append(as_record(a_span(number, second), offset=offset, second=newest))
    return records


LATE = calls((1, 0), (2, 40), (3, 5), (4, 120))  # the third ended 35 s before the newest
AGAIN = calls((1, 5), (2, 100), (1, 5), (3, 200))  # the first comes again 95 s later
AHEAD = as_record(a_span(2, 60), offset=1, second=0)  # it ended 60 s after it arrived
EARLY = [*calls((1, 0)), AHEAD, as_record(a_span(3, 300), offset=2, second=300)]


def shards(settings: Settings) -> int:
    """Count the shards that the engine keeps state of."""
    with TemporaryDirectory() as folder:
        outputs_of(settings, minutes(0, 2, Traffic()), Path(folder))
        with closing(sqlite3.connect(next(Path(folder).glob("part-*.sqlite3")))) as state:
            rows = state.execute("SELECT DISTINCT state_key FROM snaps")
            return sum(key.startswith("shard-") for (key,) in rows)


class BreakingReader(MemoryReader):
    """A recording that breaks the job off at its end; it remembers from where it was read."""

    def __init__(self, records: Sequence[Record], *, breaks: bool) -> None:
        super().__init__(records)
        self.breaks = breaks
        self.began: list[str | None] = []

    def read(self, cursor: str | None = None) -> list[tuple[Record, str]]:
        self.began.append(cursor)
        found = super().read(cursor)
        if self.breaks and not found:
            raise AbortExecution
        return found


def repeated_after_a_crash(settings: Settings) -> int:
    """Break the job off after 128 records; count those it takes again when it is resumed."""
    records = minutes(0, 128, Traffic(calls=1))
    with TemporaryDirectory() as folder:
        for breaks in (True, False):
            reader = BreakingReader(records, breaks=breaks)
            run_source(RecordingSource(reader, [PARTITION]), settings, recovery=Path(folder))
    return len(records) - int(reader.began[0] or 0)


def routes(settings: Settings) -> set[str]:
    outputs = outputs_of(settings, calls((1, 0)))
    return {each.route for each in outputs if isinstance(each, WindowSummary)}


def summed(name: str, settings: Settings) -> float:
    """Give what a single call counts for in the summary of its minute."""
    outputs = outputs_of(settings, calls((1, 0)))
    (minute,) = {each for each in outputs if isinstance(each, WindowSummary) and each.kind == "1m"}
    found: float = getattr(minute, name)
    return found


REPORTED_USD, OWN_USD = 0.25, 0.0061  # the latter of 1,000 input and 100 output tokens
OWN_PRICES = "gpt-4o: [{input: 6, output: 1}]"


def costs(usd: float, settings: Settings) -> bool:
    """Tell whether a call that is reported to cost something is said to cost so much."""
    with TemporaryDirectory() as folder, chdir(folder):
        Path("prices.yaml").write_text(OWN_PRICES)
        span = a_span(**{"gen_ai.usage.cost": REPORTED_USD})
        outputs = outputs_of(settings, [as_record(span)])
    return {each.cost_usd for each in outputs if isinstance(each, WindowSummary)} == {usd}


def cells(settings: Settings) -> set[str]:
    """Name the cells in which an observer sums a call of the cell `short`."""
    decoder = RecordDecoder(settings, open_prices(settings.prices), PARTITION)
    observer = Observer(Partition(PARTITION, rules_of(settings)), decoder, shards=1)
    span = a_span(**{"llm.optimizer.cell": "short"})
    end = Record(PARTITION, 1, 0, RecordKind.END, b"")
    targets = (*observer.take(as_record(span)), *observer.take(end))
    panes = [item for _, item in targets if isinstance(item, Pane)]
    return {name for pane in panes for name in pane.cell_names}


PROBES = (
    Probe("stream.allowed_disorder_secs", (15, 60), partial(told, "corrected", LATE), (1, 0)),
    Probe("stream.dedupe_secs", (120, 60), partial(told, "late", AGAIN), (0, 1)),
    Probe("stream.dedupe_secs", (120, 60), partial(told, "duplicate", AGAIN), (1, 0)),
    Probe("stream.max_skew_secs", (30, 90), partial(told, "future_timestamp", EARLY), (1, 0)),
    Probe("stream.shard_groups", (3, 8), shards, (3, 8)),
    Probe("recovery.interval_secs", (0, 3600), repeated_after_a_crash, (0, 128)),
    Probe("input.tenant", ("acme", "other"), routes, ({"acme/shop/answer"}, {"other/shop/answer"})),
    Probe(
        "sources[].source",
        ("p0", "elsewhere"),
        routes,
        ({"acme/shop/answer"}, {"default/shop/answer"}),
        {"sources": [{"tenant": "acme"}]},
    ),
    Probe(
        "sources[].tenant",
        ("acme", "other"),
        routes,
        ({"acme/shop/answer"}, {"other/shop/answer"}),
        {"sources": [{"source": "p0"}]},
    ),
    Probe(
        "sources[].tenant_attribute",
        ("service.name", None),
        routes,
        ({"shop/shop/answer"}, {"acme/shop/answer"}),
        {"sources": [{"source": "p0", "tenant": "acme"}]},
    ),
    Probe(
        "sources[].sampling_factor",
        (1, 10),
        partial(summed, "calls_estimated"),
        (1, 10),
        {"sources": [{"source": "p0"}]},
    ),
    Probe(
        "sources[].tail_sampled",
        (False, True),
        partial(summed, "biased"),
        (0, 1),
        {"sources": [{"source": "p0"}]},
    ),
    Probe("prices.trust_reported", (True, False), partial(costs, REPORTED_USD), (True, False)),
    Probe("prices.overrides", ("prices.yaml", None), partial(costs, OWN_USD), (True, False)),
    Probe(
        "routes[].cells",
        (["short"], ["long"]),
        cells,
        ({"short"}, {"~other"}),
        {"routes": [{"route": "acme/shop/answer"}], "input": {"tenant": "acme"}},
    ),
)
