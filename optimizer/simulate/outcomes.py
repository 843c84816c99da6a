"""What comes of a call: latency, tokens, failure, score; arm by arm, incidents included."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from optimizer.simulate.calls import FAILURES, OUTAGE, SERVED
from optimizer.simulate.incidents import IncidentKind, concerning, covers, levels

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from optimizer.simulate.incidents import Incident
    from optimizer.simulate.quantities import Quantity
    from optimizer.simulate.worlds import SimulatedArm, SimulatedRoute

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Bools = NDArray[np.bool_]

# Log latency and log output tokens of one model correlate by .79 to .99 over the eight models of
# CodeRouterBench (Agent-as-a-Router, arXiv 2606.22902); chat answers vary for more reasons.
TOKENS_LATENCY = 0.8

LEAST_LATENCY_MS = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What calls ask for, before an arm answers; `(n,)` each.

    All chance is drawn here, for whichever arm: so two worlds that differ in one arm or one
    incident differ only there.

    Attributes:
        at_ns: When, from the start of the world.
        task: Which recorded task; 0 in a drawn route.
        cell: Place in the route's cells, -1 for none.
        bulk: Standard normal: how long the question is.
        demand: Standard normal: how long an answer is wanted.
        pace: Standard normal: latency that length does not explain.
        start_pace: Standard normal: of the time to the first token.
        slowdown: Factor on latency by load and user.
        luck: Uniform: a call whose luck is below the error rate fails.
        fate: Uniform: how it fails.
        opens: It is the first of its conversation.
        tokens_in: As the arrivals tell, else -1.
        tokens_out: As the arrivals tell, else -1.
    """

    at_ns: Ints
    task: Ints
    cell: NDArray[np.int16]
    bulk: Floats
    demand: Floats
    pace: Floats
    start_pace: Floats
    slowdown: Floats
    luck: Floats
    fate: Floats
    opens: Bools
    tokens_in: Ints
    tokens_out: Ints

    def __len__(self) -> int:
        return len(self.at_ns)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of calls, as in `SimulatedCalls`; a call that hung never ended at all."""

    latency_ns: Ints
    ttft_ns: Ints
    tokens_in: Ints
    tokens_out: Ints
    tokens_cached: Ints
    failure: NDArray[np.int8]
    cut: Bools
    hung: Bools


def answer(
    route: SimulatedRoute, arm: SimulatedArm, asked: Asked, incidents: Sequence[Incident]
) -> Outcome:
    """Let an arm answer calls."""
    failure = _failures(route, arm, asked, incidents)
    served = failure == SERVED
    tokens_in, tokens_out, cut = _tokens(route, arm, asked)
    latency_ms, ttft_ms = _latencies(route, arm, asked, incidents)
    latency_ms *= np.array([*(kind.latency for kind in FAILURES), 0.1, 1.0])[failure]
    latency_ns = _nanoseconds(latency_ms)
    ttft_ns = np.minimum(_nanoseconds(ttft_ms), latency_ns)
    cached = np.where(asked.opens | (tokens_in < 0), 0, tokens_in * arm.cached).astype(np.int64)
    return Outcome(
        latency_ns=latency_ns,
        ttft_ns=np.where(served & (ttft_ms >= 0), ttft_ns, -1),
        tokens_in=np.where(served, tokens_in, -1),
        tokens_out=np.where(served, tokens_out, -1),
        tokens_cached=np.where(served, cached, 0),
        failure=failure,
        cut=cut & served,
        hung=_hung(route, arm, asked, incidents),
    )


def _hung(
    route: SimulatedRoute, arm: SimulatedArm, asked: Asked, incidents: Sequence[Incident]
) -> Bools:
    hung = np.zeros(len(asked), np.bool_)
    for incident in concerning(incidents, IncidentKind.HANG, route.route, arm.name):
        hung |= covers(incident, asked.at_ns)
    return hung


def _nanoseconds(milliseconds: Floats) -> Ints:
    # Clocks of real instrumentations tell microseconds at best.
    return np.rint(milliseconds * 1000).astype(np.int64) * 1000


def _failures(
    route: SimulatedRoute, arm: SimulatedArm, asked: Asked, incidents: Sequence[Incident]
) -> NDArray[np.int8]:
    rising = concerning(incidents, IncidentKind.ERRORS, route.route, arm.name)
    rate = np.clip(levels(arm.errors, rising, asked.at_ns), 0, 1)
    edges = np.cumsum([kind.share for kind in FAILURES])[:-1]
    kinds = np.searchsorted(edges, asked.fate, side="right")
    failure = np.where(asked.luck < rate, kinds, SERVED)
    for outage in concerning(incidents, IncidentKind.OUTAGE, route.route, arm.name):
        failure[covers(outage, asked.at_ns)] = OUTAGE
    return failure.astype(np.int8)


def _factors(route: SimulatedRoute, asked: Asked, name: str) -> Floats:
    """Give what the calls' cells multiply a quantity by."""
    factors = [*(float(getattr(cell, name)) for cell in route.cells), 1.0]
    return np.array(factors)[asked.cell]  # no cell is -1, and so takes the last


def _tokens(route: SimulatedRoute, arm: SimulatedArm, asked: Asked) -> tuple[Ints, Ints, Bools]:
    factors = _factors(route, asked, "tokens")
    read = _counted(arm.tokens_in or route.tokens_in, asked.bulk, asked.task, factors)
    written = _counted(arm.tokens_out or route.tokens_out, asked.demand, asked.task, factors)
    if arm.tokens_in is None:
        read = np.where(asked.tokens_in >= 0, asked.tokens_in, read)
    if arm.tokens_out is None:
        written = np.where(asked.tokens_out >= 0, asked.tokens_out, written)
    most = arm.arm.config.max_tokens
    return read, np.minimum(written, most), written >= most


def _counted(source: Quantity | None, deviates: Floats, task: Ints, factors: Floats) -> Ints:
    """Draw token counts, at least 1; -1 where there is nothing to draw from."""
    if source is None:
        return np.full(len(task), -1, np.int64)
    return np.maximum(1, np.rint(source.draw(deviates, task) * factors)).astype(np.int64)


def _latencies(
    route: SimulatedRoute, arm: SimulatedArm, asked: Asked, incidents: Sequence[Incident]
) -> tuple[Floats, Floats]:
    slowing = concerning(incidents, IncidentKind.LATENCY, route.route, arm.name)
    factor = levels(1.0, slowing, asked.at_ns) * asked.slowdown
    factor *= _factors(route, asked, "latency")
    pace = TOKENS_LATENCY * asked.demand + (1 - TOKENS_LATENCY**2) ** 0.5 * asked.pace
    latency = np.maximum(LEAST_LATENCY_MS, arm.latency_ms.draw(pace, asked.task) * factor)
    if arm.ttft_ms is None:
        return latency, np.full(len(asked), -1.0)
    ttft = arm.ttft_ms.draw(asked.start_pace, asked.task) * factor
    return latency, np.minimum(ttft, latency)
