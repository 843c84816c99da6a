"""Rows of a tick as the arrays that judge: one rollout, so every array has one row in front."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from optimizer.act.minutes import Instant, Minute, empty_instant, empty_minute
from optimizer.act.terms import MEANS
from optimizer.panes import AT, LATENCY, METRIC_SHIFT, ROW_SHIFT, SLOT_SUMS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from optimizer.rollouts import Rows

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Bools = NDArray[np.bool_]

_LN2 = np.log(2.0)
_LOG = _LN2 / (1 << 16)  # logs are summed as log2 in units of 2^-16
_LOG_SQUARE = _LN2**2 / (1 << 16)
_SCORE = 1e-6
_BUCKETS = (1 << METRIC_SHIFT) - 1
# Where each of MEANS is found: how many, the sum and the sum of squares, and their units.
_NAMES = ("latency_log", "ttft_log", "cost_log", "tokens_log", "score")
_COUNT = [AT[name] for name in ("timed", "ttft_calls", "billed", "sized", "scores")]
_TOTAL = [AT[name] for name in _NAMES]
_SQUARE = [AT[f"{name}_square"] for name in _NAMES]
_TOTAL_UNIT = np.array((_LOG, _LOG, _LOG, _LOG, _SCORE))
_SQUARE_UNIT = np.array((_LOG_SQUARE,) * 4 + (_SCORE**2,))
_QUALITY = MEANS.index("quality")
# What a slot's line says of each of SLOT_KINDS; successes are calls less errors.
_SLOT = {name: place for place, name in enumerate(SLOT_SUMS)}
_SLOT_TOTAL = [_SLOT[name] for name in ("errors", "latency_log", "cost_log", "score")]
_SLOT_UNIT = np.array((1.0, _LOG, _LOG, _SCORE))


class Sight(NamedTuple):
    """Whose calls count as what.

    Attributes:
        arms: The candidate and the incumbent.
        first_revision: Of the rollout.
        revision: Of its present step.
        owned: Slots of the candidate, from 0 on.
        slow_bucket: Calls in latency buckets above it are slow.
        limit_bucket: Those above this one are beyond the limit; None for no limit.
        old_are_strays: Calls of older revisions can no longer be ones that were under way when the
            step began.
    """

    arms: tuple[str, str]
    first_revision: int
    revision: int
    owned: int
    slow_bucket: int
    limit_bucket: int | None
    old_are_strays: bool = True


class Folded(NamedTuple):
    """One tick as arrays of one rollout.

    Attributes:
        instant: What is looked at at once.
        minute: What it adds to its minute.
    """

    instant: Instant
    minute: Minute


def fold(rows: Rows | None, sight: Sight) -> Folded:
    """Turn the rows of a tick into arrays.

    Args:
        rows: The rows; None for no calls.
        sight: Whose calls count as what.
    """
    instant, minute = empty_instant(1), empty_minute(1)
    if rows is None or not rows.names:
        return Folded(instant, minute)
    arm = np.array([_place(sight.arms, name) for name, _ in rows.names])
    revision = np.array([each for _, each in rows.names])
    slow = _above(rows, sight.slow_bucket)
    beyond = _above(rows, sight.limit_bucket)
    for place in (0, 1):
        mine = (arm == place) & (revision >= sight.first_revision)
        _add_instant(instant, place, rows.sums[mine], beyond[mine])
        now = mine & (revision == sight.revision)
        _add_means(minute, place, rows.sums[now].sum(0), rows.sums[mine].sum(0))
        minute.trials[0, :, place] = rows.sums[now, AT["calls"]].sum(), slow[now, 0].sum()
        minute.hits[0, :, place] = rows.sums[now, AT["errors"]].sum(), slow[now, 1].sum()
        instant.stamped[0, place] = minute.trials[0, 0, place]
    _add_strays(instant, rows, (arm, revision), sight)
    _add_slots(minute, rows, revision == sight.revision)
    return Folded(instant, minute)


def _place(arms: tuple[str, str], name: str) -> int:
    return arms.index(name) if name in arms else -1


def _above(rows: Rows, bucket: int | None) -> Floats:
    """Give (rows, 2) successful calls that a latency is known of, and those above a bucket."""
    found = np.zeros((len(rows.names), 2))
    is_latency = (rows.codes >> METRIC_SHIFT) & 3 == LATENCY
    row, counts = rows.codes[is_latency] >> ROW_SHIFT, rows.counts[is_latency]
    found[:, 0] = np.bincount(row, counts, len(found))
    if bucket is not None:
        high = rows.codes[is_latency] & _BUCKETS > bucket
        found[:, 1] = np.bincount(row[high], counts[high], len(found))
    return found


def _add_instant(instant: Instant, place: int, sums: Ints, beyond: Floats) -> None:
    instant.calls[0, place] = sums[:, AT["calls"]].sum()
    instant.failed[0, place] = sums[:, AT["errors"]].sum()
    instant.timed[0, place], instant.beyond[0, place] = beyond.sum(0)


def _add_means(minute: Minute, place: int, step: Ints, scored: Ints) -> None:
    """Add an arm's calls of the step, and its scores of any step: they come late, for both arms."""
    for into, columns, unit in (
        (minute.known, _COUNT, 1.0),
        (minute.total, _TOTAL, _TOTAL_UNIT),
        (minute.square, _SQUARE, _SQUARE_UNIT),
    ):
        into[0, :, place] = step[columns] * unit
        into[0, _QUALITY, place] = (scored[columns] * unit)[_QUALITY]


def _add_strays(instant: Instant, rows: Rows, of_row: tuple[Ints, Ints], sight: Sight) -> None:
    """Add calls that are where the document does not send them, and those that could be told."""
    arm, revision = of_row[0][rows.slots[:, 0]], of_row[1][rows.slots[:, 0]]
    calls = rows.slot_sums[:, _SLOT["calls"]]
    now = revision == sight.revision
    misplaced = arm != np.where(rows.slots[:, 1] < sight.owned, 0, 1)
    old = rows.sums[of_row[1] < sight.revision, AT["calls"]].sum()
    instant.seen[0] = rows.sums[:, AT["calls"]].sum()
    instant.strays[0] = calls[now & misplaced].sum() + old * sight.old_are_strays
    instant.slotted[0] = calls[now].sum()


def _add_slots(minute: Minute, rows: Rows, is_step: Bools) -> None:
    """Add the slots of the step's calls, in the order of `SLOT_KINDS`."""
    mine = is_step[rows.slots[:, 0]]
    slot, sums = rows.slots[mine, 1], rows.slot_sums[mine]
    calls, errors = sums[:, _SLOT["calls"]], sums[:, _SLOT["errors"]]
    kinds = (calls, calls - errors, sums[:, _SLOT["billed"]], sums[:, _SLOT["scores"]])
    np.add.at(minute.slot_calls[0], slot, np.stack(kinds, axis=1))
    np.add.at(minute.slot_total[0], slot, sums[:, _SLOT_TOTAL] * _SLOT_UNIT)
