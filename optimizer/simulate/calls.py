"""Simulated calls, in columns: what every call of a world was and what came of it."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Ints = NDArray[np.int64]


class Failure(NamedTuple):
    """A way to fail.

    Attributes:
        error_type: The exception's class name.
        share: Of all failures.
        latency: Factor on the latency the call would have had: a refusal is quick, a timeout not.
    """

    error_type: str
    share: float
    latency: float


FAILURES = (
    Failure("RateLimitError", 0.5, 0.1),
    Failure("InternalServerError", 0.3, 0.5),
    Failure("APITimeoutError", 0.2, 3.0),
)
OUTAGE = len(FAILURES)  # the code of a call made during an outage: it never connects
ERROR_TYPES = (*(failure.error_type for failure in FAILURES), "APIConnectionError")
SERVED = -1  # the failure code of a call that succeeded


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedCalls:
    """Calls, one array of n each; times are nanoseconds since the epoch.

    Attributes:
        route: int16, place in the world's routes.
        arm: int16, place in its route's arms.
        revision: int64, of the document that assigned it; 0 = its stamp names none.
        cell: int16, place in its route's cells, -1 for none.
        slot: int16, 0 to 199; -1 = its stamp names none.
        user: int64, number within the route.
        conversation: int64, number within the route.
        start_ns: int64, when it was made.
        end_ns: int64, its event time.
        ttft_ns: int64, -1 when not streamed or failed.
        tokens_in: int64, -1 when not told or failed.
        tokens_out: int64, likewise.
        tokens_cached: int64, of the input.
        failure: int8, place in `ERROR_TYPES`, `SERVED` for none.
        cut: bool, the answer reached the arm's most tokens.
        score: float64, nan when not judged.
        scored_ns: int64, when the judgement was given; -1 when not judged.
        ids: uint8 `(n, 24)`, trace id then span id.
    """

    route: NDArray[np.int16]
    arm: NDArray[np.int16]
    revision: Ints
    cell: NDArray[np.int16]
    slot: NDArray[np.int16]
    user: Ints
    conversation: Ints
    start_ns: Ints
    end_ns: Ints
    ttft_ns: Ints
    tokens_in: Ints
    tokens_out: Ints
    tokens_cached: Ints
    failure: NDArray[np.int8]
    cut: NDArray[np.bool_]
    score: NDArray[np.float64]
    scored_ns: Ints
    ids: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.end_ns)

    @property
    def failed(self) -> NDArray[np.bool_]:
        """Which calls ended in an error."""
        return np.not_equal(self.failure, SERVED)

    def take(self, rows: NDArray[np.intp] | NDArray[np.bool_] | slice) -> SimulatedCalls:
        """Give some of the calls, by index, mask or slice."""
        return SimulatedCalls(**{name: getattr(self, name)[rows] for name in NAMES})


NAMES = tuple(item.name for item in fields(SimulatedCalls))


def joined(parts: Sequence[SimulatedCalls]) -> SimulatedCalls:
    """Put calls together, sorted by the time they were made."""
    columns = {name: np.concatenate([getattr(part, name) for part in parts]) for name in NAMES}
    order = np.argsort(columns["start_ns"], kind="stable")
    return SimulatedCalls(**{name: column[order] for name, column in columns.items()})
