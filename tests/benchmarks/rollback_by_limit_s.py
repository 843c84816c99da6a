"""How soon a candidate that fails is taken back.

Measured from the call that completes the breach of a hard limit, in event time, to the document
that puts the old arm back. A world's loop is played; its candidate fails every call from a random
moment of its rollout on. The clock is the world's: the stamp of the record that made the job say
the document.
"""

from __future__ import annotations

import tempfile
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import yaml

from connectors.worlds import read
from dataflows.loop import Loop
from dataflows.playing import job_of
from optimizer.documents import Document
from optimizer.panes import PANE_NS
from optimizer.simulate.incidents import Incident, IncidentKind
from optimizer.statistics.proportions import surely_exceeds
from tests.benchmarks.figures import Figure, share

if TYPE_CHECKING:
    from collections.abc import Iterable

    from connectors.worlds import WorldFile
    from optimizer.simulate.calls import SimulatedCalls

ROUTE = "acme/chat/support"
SPANS, LIMIT, RISK = (5, 10, 20, 50), 0.05, 1e-4
SECOND_NS = 1_000_000_000
DISORDER_S, ALLOWED_S = 15, 11
WORLD: dict[str, Any] = {
    "start": "2026-03-02T06:00:00Z",
    "length": "45m",
    "exporter": {"processes": 1, "interval": "1s", "jitter": "0.5s"},
    "routes": [
        {
            "route": ROUTE,
            "thresholds": {"cost_per_request": 0.002},
            "unit": "call",
            "arms": [
                {
                    "model": "gpt-4o",
                    "share": 1,
                    "latency_ms": {"median": 900, "sigma": 0.4},
                    "tokens_out": {"median": 220, "sigma": 0.5},
                    "errors": 0.01,
                },
                {
                    "model": "gpt-4.1-mini",
                    "name": "candidate",
                    "latency_ms": {"median": 900, "sigma": 0.4},
                    "tokens_out": {"median": 210, "sigma": 0.5},
                    "errors": 0.01,
                },
            ],
            "arrivals": {"calls_per_minute": 300},
            "tokens_in": {"median": 900, "sigma": 0.5},
        }
    ],
    "settings": {
        "autonomy": "auto",
        "stamps": {"check": "required", "key": "a key that only the gateways hold"},
        "rollout": {"require_quality": False},
        "constraints": {"approval_above_daily_usd": 50_000, "hourly_budget": 5_000},
        "stream": {"allowed_disorder_secs": DISORDER_S},
    },
}


def run(*, small: bool, data: Path | None) -> Iterable[Figure]:  # noqa: ARG001 - as others
    """Take back 60 candidates, 3 when small."""
    waits = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "world.yaml"
        path.write_text(yaml.safe_dump(WORLD))
        file = read(path, loop=True)
        for seed in range(3 if small else 60):
            waits += wait_s(file, seed, Path(folder) / str(seed))
    late = sum(wait > DISORDER_S + ALLOWED_S for wait in waits)
    yield Figure("rollback_by_limit_s", share(waits, 0.5), "s", f"median of {len(waits)}")
    yield Figure("rollback_by_limit_most_s", max(waits), "s", "disorder 15 s + 11 s is asked")
    yield Figure("rollback_by_limit_late", late, "times", "0 is asked")


def wait_s(file: WorldFile, seed: int, folder: Path) -> list[float]:
    """Play one seed; give how long its candidate's breach took to become a document."""
    start = timedelta(minutes=16.5) + timedelta(
        seconds=float(np.random.default_rng(seed).random()) * 600
    )
    outage = Incident(
        kind=IncidentKind.OUTAGE,
        route=ROUTE,
        arm="candidate",
        start=start,
        length=timedelta(hours=1),
    )
    file = replace(file, world=replace(file.world, seed=seed, incidents=(outage,)))
    folder.mkdir()
    _, job = job_of(file, folder)
    loop = Loop(file, job.take)
    loop.run()
    breach_ns = breach_of(served(loop))
    for said in loop.said:
        if isinstance(said.output, Document) and said.output.reason.startswith("undone"):
            return [(said.at_ns - breach_ns) / SECOND_NS]
    return []


def served(loop: Loop) -> SimulatedCalls:
    """Give the calls that the candidate served, in the order of their ends."""
    drawn, steering = loop.drawn[0], loop.steering[ROUTE]
    mine = np.flatnonzero(steering.assigned.arm == 1)
    calls = drawn.calls(mine, steering.assigned.take(mine))
    return calls.take(np.argsort(calls.end_ns, kind="stable"))


def breach_of(calls: SimulatedCalls) -> int:
    """Give the end of the call that completes a breach.

    That is so when the newest panes that hold at least 5, 10, 20 or 50 calls surely exceed the
    limit; which panes there are is known when the last call in them has ended.
    """
    pane, failed = calls.end_ns // PANE_NS, calls.failed.astype(int)
    for number in range(1, len(failed) + 1):
        for span in SPANS:
            first = np.searchsorted(pane, pane[max(number - span, 0)])
            newest = failed[first:number]
            if number >= span and surely_exceeds(int(newest.sum()), len(newest), LIMIT, RISK):
                return int(calls.end_ns[number - 1])
    raise ValueError("the candidate never breached the limit")
