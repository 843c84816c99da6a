"""Which stamps records get that came without any, and how files are told apart in time."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Ints = NDArray[np.int64]

UNDATED = -1
# Once a week has passed without a call nothing is judged any more, so a longer jump costs nothing
# and tells nothing: a broken clock is likelier than so long a silence.
BELIEVED_NS = 7 * 24 * 3_600_000_000_000


class Merged(NamedTuple):
    """Messages of several files in the order they are to be taken.

    Attributes:
        files: (n,) which file each message is the next one of.
        stamps: (n,) the stamp of each.
    """

    files: Ints
    stamps: Ints


def merge(files: Sequence[Sequence[int]]) -> Merged:
    """Lay files side by side in time; the order within a file stands.

    A record's stamp is the greatest time in other records, so that a single one from the future is
    found out: what would be lost by it is what stands behind it. The last of all that have a time
    has nothing behind it, and is believed if it is at most a week later than all others: sparse
    telemetry may well end so. A record without a time was taken when time had come so far.

    Args:
        files: For each file the time of each message, or UNDATED.
    """
    times = np.concatenate([np.asarray(file, np.int64) for file in files])
    numbers = np.repeat(np.arange(len(files)), [len(file) for file in files])
    keys = np.concatenate([_reached(np.asarray(file, np.int64)) for file in files])
    order = np.argsort(keys, kind="stable")  # keys never fall within a file
    return Merged(numbers[order], _stamps(times[order], keys[order]))


def _reached(times: Ints) -> Ints:
    """Give how far time has come at each message of a file; never falling.

    A time counts as far as the next one in the file bears it out: so one message from the future
    does not hold up all that follow it.
    """
    dated = np.flatnonzero(times >= 0)
    if not len(dated):
        return times
    told = times[dated]
    borne_out = np.append(np.minimum(told[:-1], told[1:]), told[-1])
    reached = np.full(len(times), borne_out[0])  # before the first one: as if it came with it
    reached[dated] = borne_out
    rising: Ints = np.maximum.accumulate(reached)
    return rising


def _stamps(times: Ints, keys: Ints) -> Ints:
    """Give the stamps of messages in the order they are taken."""
    dated = np.flatnonzero(times >= 0)
    if not len(dated):
        return np.zeros(len(times), np.int64)
    first = keys[keys >= 0].min()
    stamps: Ints = np.where(times >= 0, times.max(), np.maximum(keys, first))
    if len(dated) > 1:
        holder = int(np.argmax(times))
        others = int(np.delete(times, holder).max())
        is_last = holder == dated[-1]
        is_believed = is_last and times[holder] - others <= BELIEVED_NS
        stamps[holder] = times[holder] if is_believed else others
    return stamps
