"""Open panes: columns are added to exact sums and sketch codes, ten seconds of event time each."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from optimizer.observe.columns import ERROR, STREAMED, Columns, join
from optimizer.observe.deduplicate import SeenIds
from optimizer.observe.keys import KeyTable
from optimizer.observe.linked import Linked
from optimizer.panes import (
    AT,
    COST,
    ITSELF,
    LATENCY,
    MEASURED,
    METRIC_SHIFT,
    PANE_NS,
    ROW_SHIFT,
    SLOT_COLUMNS,
    TOKENS,
    TTFT,
    ArmKey,
    Pane,
    Weight,
    derive,
)
from optimizer.statistics.sketch import bucket_of, count_runs, log2_fixed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]

_WIDTH = len(MEASURED)
_CHUNK = 8192  # calls measured at once: what they add fits the processor's cache
_LOG_COLUMNS = {
    LATENCY: AT["latency_log"],
    TTFT: AT["ttft_log"],
    COST: AT["cost_log"],
    TOKENS: AT["tokens_log"],
}


class Measures(NamedTuple):
    """What a batch of calls adds to its panes.

    Attributes:
        values: (n, len(MEASURED)) what each call adds to the sums of its key.
        rows: (k,) the call of each code.
        codes: (k,) metric and bucket, without the row.
    """

    values: Ints
    rows: NDArray[np.intp]
    codes: Ints


def measure(columns: Columns) -> Measures:
    """Work out what each call adds: everything is rounded for one call, so sums stay exact."""
    values = np.zeros((len(columns), _WIDTH), np.int64)
    scored = columns.score >= 0
    call = ~scored
    good = call & ((columns.flags & ERROR) == 0)
    streamed = good & (columns.ttft_ns >= 0)
    priced = call & (columns.cost_nusd >= 0)
    billed = good & (columns.cost_nusd > 0)
    tokens = np.maximum(columns.tokens_in, 0) + np.maximum(columns.tokens_out, 0)
    sized = good & (tokens > 0)
    for name, column in (
        ("calls", call),
        ("errors", call & ~good),
        ("streamed", call & ((columns.flags & STREAMED) != 0)),
        ("latency_ns", np.where(good, columns.latency_ns, 0)),
        ("ttft_calls", streamed),
        ("ttft_ns", np.where(streamed, columns.ttft_ns, 0)),
        ("priced", priced),
        ("cost_nusd", np.where(priced, columns.cost_nusd, 0)),
        ("billed", billed),
        ("sized", sized),
        ("tokens_in", np.where(call, np.maximum(columns.tokens_in, 0), 0)),
        ("tokens_out", np.where(call, np.maximum(columns.tokens_out, 0), 0)),
        ("tokens_cached", np.where(call, columns.tokens_cached, 0)),
    ):
        values[:, AT[name]] = column
    if scored.any():
        score = np.where(scored, columns.score, 0).astype(np.int64)
        values[:, AT["scores"]] = scored
        values[:, AT["score"]] = score
        values[:, AT["score_square"]] = score * score
    rows, codes = _add_logs(
        values,
        (
            (LATENCY, good, columns.latency_ns),
            (TTFT, streamed, columns.ttft_ns),
            (COST, billed, columns.cost_nusd),
            (TOKENS, sized, tokens),
        ),
    )
    return Measures(values, rows, codes)


def _add_logs(
    values: Ints, metrics: tuple[tuple[int, NDArray[np.bool_], Ints], ...]
) -> tuple[NDArray[np.intp], Ints]:
    """Write logs and their squares into `values`; give the sketch codes of all metrics."""
    rows = [np.flatnonzero(mask) for _, mask, _ in metrics]
    amounts = [amount[row] for row, (_, _, amount) in zip(rows, metrics, strict=True)]
    log2 = log2_fixed(np.maximum(np.concatenate(amounts), 1))
    short = (log2 + 128) >> 8
    square = (short * short + 32768) >> 16
    codes = bucket_of(log2)
    start = 0
    for row, (metric, _, _) in zip(rows, metrics, strict=True):
        stop = start + len(row)
        column = _LOG_COLUMNS[metric]
        values[row, column] = short[start:stop]
        values[row, column + 1] = square[start:stop]
        codes[start:stop] += metric << METRIC_SHIFT
        start = stop
    return np.concatenate(rows), codes


class Settled(NamedTuple):
    """What became of rows that were put into a pane: new calls, new scores, repeats."""

    calls: int
    scores: int
    repeated: int


NOTHING = Settled(0, 0, 0)


class OpenPane:
    """The sums of ten seconds that are still being added to.

    Calls of small records wait until there are enough to be worth measuring; when that happens
    cannot be seen in what comes out.

    Args:
        expected: How many calls may come; only saves growing.
        findable: How many of them scores can find.

    Attributes:
        ids: The ids of the calls in it.
        sums: (keys, len(MEASURED)), grown with the key table.
        codes: Sketch codes by arm code, a list of arrays that is only appended to.
        slots: (key code, slot, values) of the calls that carry a slot.
        linked: The calls that scores can find.
    """

    def __init__(self, expected: int = 0, findable: int = 0) -> None:
        self.ids = SeenIds(expected=expected)
        self.linked = Linked(findable)
        self.sums = np.zeros((0, _WIDTH), np.int64)
        self.codes: list[NDArray[np.int32]] = []
        self.slots: list[tuple[NDArray[np.int32], NDArray[np.int16], Ints]] = []
        self._waiting: list[Columns] = []
        self._waiting_rows = 0

    def put(self, columns: Columns, table: KeyTable) -> Settled:
        """Put calls keyed by `table`, repeats among them; when many wait, settle them."""
        self._waiting.append(columns)
        self._waiting_rows += len(columns)
        return self.settle(table) if self._waiting_rows >= _CHUNK else NOTHING

    def settle(self, table: KeyTable) -> Settled:
        """Add what waits; tell what became of it."""
        if not self._waiting:
            return NOTHING
        columns = self._waiting[0] if len(self._waiting) == 1 else join(self._waiting)
        self._waiting, self._waiting_rows = [], 0
        new = self.ids.add(columns.call_id)
        fresh = columns if new.all() else columns.take(new)
        self.add(fresh, table)
        scores = int(np.count_nonzero(fresh.score >= 0))
        return Settled(len(fresh) - scores, scores, len(new) - len(fresh))

    def add(self, columns: Columns, table: KeyTable) -> None:
        """Add calls that were not seen before, keyed by `table`."""
        if len(self.sums) < len(table):
            grown = np.zeros((max(len(table), 2 * len(self.sums)), _WIDTH), np.int64)
            grown[: len(self.sums)] = self.sums
            self.sums = grown
        self.linked.add(columns)
        for start in range(0, len(columns), _CHUNK):
            whole = len(columns) <= _CHUNK
            self._add(columns if whole else columns.part(start, start + _CHUNK), table)

    def _add(self, columns: Columns, table: KeyTable) -> None:
        values, rows, codes = measure(columns)
        place = columns.key.astype(np.int64)[:, None] * _WIDTH + np.arange(_WIDTH)
        np.add.at(self.sums.reshape(-1), place.reshape(-1), values.reshape(-1))
        arm = table.order().arm[columns.key[rows]].astype(np.int64)
        self.codes.append(((arm << ROW_SHIFT) | codes).astype(np.int32))
        slotted = columns.slot >= 0
        if slotted.any():
            self.slots.append(
                (columns.key[slotted], columns.slot[slotted], values[slotted][:, SLOT_COLUMNS])
            )

    def hang(self, columns: Columns, table: KeyTable) -> None:
        """Add calls of which nobody saw the end, none of them in it; no more come after that."""
        self.ids.add(columns.call_id)
        self.add(columns, table)

    def live(self) -> list[int]:
        """Give the codes of keys that calls were added for, and of their arms."""
        arms = [codes >> ROW_SHIFT for codes in self.codes]
        live = [np.flatnonzero(self.sums.any(axis=1)), *arms]
        codes: list[int] = np.unique(np.concatenate(live)).tolist()
        return codes

    def recode(self, code_of: NDArray[np.int32]) -> None:
        """Follow a new key table; `code_of` gives the new code of each live old one."""
        live = np.flatnonzero(self.sums.any(axis=1))
        sums = np.zeros((int(code_of.max()) + 1, _WIDTH), np.int64)
        sums[code_of[live]] = self.sums[live]
        self.sums = sums
        low = np.int32((1 << ROW_SHIFT) - 1)
        self.codes = [(code_of[c >> ROW_SHIFT] << ROW_SHIFT) | (c & low) for c in self.codes]
        self.slots = [(code_of[keys], slots, values) for keys, slots, values in self.slots]
        self.linked.recode(code_of)

    def seal(
        self,
        partition: str,
        pane: int,
        late_at_ns: int,
        table: KeyTable,
        weight: Weight = ITSELF,
    ) -> Pane:
        """Give what was added as a pane; rows, cells and slots sorted by name."""
        arm_of, rank = table.order()
        live = np.flatnonzero(self.sums[: len(table)].any(axis=1))
        live = live[np.argsort(rank[live])]
        arm_codes = np.unique(arm_of[live])
        arm_codes = arm_codes[np.argsort(rank[arm_codes])]
        row_of = np.zeros(len(table), np.int64)
        row_of[arm_codes] = np.arange(len(arm_codes))
        row_of = row_of[arm_of]
        sums = np.zeros((len(arm_codes), _WIDTH), np.int64)
        np.add.at(sums, row_of[live], self.sums[live])
        in_cell = live[arm_of[live] != live]
        lines, slot_sums = self._seal_slots(row_of)
        codes, counts = self._seal_codes(row_of)
        return Pane(
            partition=partition,
            start_ns=pane * PANE_NS,
            late_at_ns=late_at_ns,
            arms=tuple(ArmKey._make(table.keys[code][:3]) for code in arm_codes.tolist()),
            sums=derive(sums, weight),
            cell_rows=row_of[in_cell],
            cell_names=tuple(table.keys[code].cell for code in in_cell.tolist()),
            cell_sums=derive(self.sums[in_cell], weight),
            slots=lines,
            slot_sums=slot_sums,
            codes=codes,
            counts=counts,
        )

    def _seal_codes(self, row_of: Ints) -> tuple[Ints, Ints]:
        if not self.codes:
            return np.zeros(0, np.int64), np.zeros(0, np.int64)
        codes = np.concatenate(self.codes)
        low = np.int32((1 << ROW_SHIFT) - 1)
        codes = (row_of.astype(np.int32)[codes >> ROW_SHIFT] << ROW_SHIFT) | (codes & low)
        return count_runs(codes)

    def _seal_slots(self, row_of: Ints) -> tuple[Ints, Ints]:
        if not self.slots:
            return np.zeros((0, 2), np.int64), np.zeros((0, len(SLOT_COLUMNS)), np.int64)
        keys, slots, values = (np.concatenate(part) for part in zip(*self.slots, strict=True))
        return sum_by_slot(row_of[keys], slots.astype(np.int64), values)


def sum_by_slot(rows: Ints, slots: Ints, values: Ints) -> tuple[Ints, Ints]:
    """Add up (n, k) values of equal row and slot.

    Returns:
        (m, 2) the distinct rows and slots, sorted, and (m, k) their sums.
    """
    names, line = np.unique((rows << 16) | slots, return_inverse=True)
    sums = np.zeros((len(names), values.shape[1]), np.int64)
    np.add.at(sums, line, values)
    return np.stack((names >> 16, names & 0xFFFF), axis=1), sums
