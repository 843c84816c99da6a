"""What has ended but not yet arrived: calls on their way from a gateway to the receiver."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from optimizer.simulate.calls import joined
from optimizer.simulate.export import Sending, batched, score_stamps, sending
from optimizer.simulate.incidents import nanoseconds

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from optimizer.simulate.calls import SimulatedCalls
    from optimizer.simulate.export import Batch
    from optimizer.simulate.worlds import World

    Ints = NDArray[np.int64]


FOREVER_NS = 1 << 62


class Departure(NamedTuple):
    """What left at once.

    Attributes:
        spans: Calls in the order their spans arrive in; None for none.
        batches: The batches they arrive in.
        scores: Calls whose judgements arrive, by rising time; None for none.
        score_stamps: (n,) when each judgement arrives.
    """

    spans: SimulatedCalls | None
    batches: list[Batch]
    scores: SimulatedCalls | None
    score_stamps: Ints


class Outbox:
    """Calls on their way; one owner, changed in place.

    What leaves, call by call and batch by batch, is what `travel` gives of all calls at once.

    Args:
        world: The world.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._spans: SimulatedCalls | None = None
        self._judged: SimulatedCalls | None = None
        self._left_ns = -1  # what arrives until then has left
        # So long a process may still fill the batch that a span which has left was in.
        exporter = world.exporter
        self._kept_ns = nanoseconds(exporter.interval) + nanoseconds(exporter.jitter)

    def put(self, calls: SimulatedCalls) -> None:
        """Take calls that were made; none may end before what has left already."""
        judged = calls.take(calls.scored_ns >= 0)
        self._spans = joined([self._spans, calls]) if self._spans else calls
        self._judged = joined([self._judged, judged]) if self._judged else judged

    def leave(self, until_ns: int = FOREVER_NS) -> Departure:
        """Give what arrives until an instant, later than the one before, that has not left yet."""
        spans, batches = self._leave_spans(until_ns)
        scores, stamps = self._leave_scores(until_ns)
        self._left_ns = until_ns
        return Departure(spans, batches, scores, stamps)

    def _leave_spans(self, until_ns: int) -> tuple[SimulatedCalls | None, list[Batch]]:
        if not self._spans:
            return None, []
        ended = self._spans.take(self._spans.end_ns <= until_ns)
        sent = sending(self._world, ended)
        leaving = (sent.stamp_ns > self._left_ns) & (sent.stamp_ns <= until_ns)
        self._spans = self._spans.take(self._spans.end_ns > until_ns - self._kept_ns)
        mine = Sending(*(column[leaving] for column in sent))
        return batched(self._world, ended.take(leaving), mine)

    def _leave_scores(self, until_ns: int) -> tuple[SimulatedCalls | None, Ints]:
        if not self._judged:
            return None, np.zeros(0, np.int64)
        stamps = score_stamps(self._world, self._judged)
        rows = np.flatnonzero(stamps <= until_ns)
        rows = rows[np.argsort(stamps[rows], kind="stable")]
        leaving = self._judged.take(rows)
        self._judged = self._judged.take(stamps > until_ns)
        return leaving, stamps[rows]
