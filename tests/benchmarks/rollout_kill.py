"""Kill the job with SIGKILL at random outputs of a rollout, resume it, and compare all it said.

The recording is of a world whose loop was closed: a candidate is promoted, another one undone. What
each run put into its log of documents, repeats and all, is then brought to a gateway in memory, as
an actuator that follows the log would, and every write there is looked at.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import tempfile
from collections import Counter
from contextlib import closing, suppress
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import yaml

from connectors.codecs import from_json, to_json
from connectors.gateways.memory import MemoryGateway
from connectors.logs.sqlite import SqliteLog
from connectors.publisher import DOCUMENTS
from optimizer.documents import Document
from optimizer.errors import RevisionConflict
from tests.benchmarks.figures import Figure
from tests.benchmarks.kill import disturb, replay, said
from tests.benchmarks.rollback_by_limit_s import ROUTE, WORLD

if TYPE_CHECKING:
    from collections.abc import Iterable


FAILS = {"kind": "outage", "route": ROUTE, "arm": "candidate", "start": "18m"}


class Brought(NamedTuple):
    """What a gateway holds once it has followed a log of documents.

    Attributes:
        documents: In force at the end, by route.
        applied: Revisions that were written, in their order, by route.
        lower: How often a lower revision was written than before.
    """

    documents: dict[str, Document]
    applied: dict[str, list[int]]
    lower: int


def run(*, small: bool, data: Path | None) -> Iterable[Figure]:
    """Kill 60 times; `data` is a recording to use instead of the demo's loop.

    When small, kill 3 times in a shorter world, in which a candidate is undone.
    """
    kills, rng, wrong = 3 if small else 60, random.Random(1), Counter[str]()
    with tempfile.TemporaryDirectory() as folder:
        recording = data or make_recording(Path(folder), small=small)
        whole = Path(folder) / "whole"
        replay(recording, whole, []).wait()
        expected, state = said(whole), brought(whole)
        total = sum(len(events) for events in expected.values())
        done = trial = 0
        while done < kills:
            trial += 1
            out = Path(folder) / f"trial-{trial}"
            done += disturb(rng, recording, out, total, min(kills - done, rng.randint(1, 3)))
            wrong["differ"] += said(out) != expected
            end = brought(out)
            wrong["wrong_ends"] += end.documents != state.documents
            wrong["steps_skipped"] += end.applied != state.applied
            wrong["lower_revisions"] += end.lower
    yield Figure("rollout_kill", done, "kills", f"{trial} replays of {total} outputs")
    for name in ("differ", "wrong_ends", "steps_skipped", "lower_revisions"):
        yield Figure(f"rollout_kill_{name}", wrong[name], "replays", "0 is asked")


def make_recording(folder: Path, *, small: bool) -> Path:
    """Play the world of the demo, or a shorter one, with its loop closed."""
    recording, world = folder / "recording", folder / "world.yaml"
    world.write_text(yaml.safe_dump(WORLD | {"incidents": [FAILS]}))
    command = [sys.executable, "-m", "dataflows.main", "simulate", "--loop", "--out", recording]
    subprocess.run([*command, world if small else "closed-loop"], check=True, capture_output=True)
    return recording


def brought(out: Path) -> Brought:
    """Bring all documents of a run's log, repeats and all, to a gateway in memory."""
    gateway, routes = MemoryGateway(), set[str]()
    with closing(SqliteLog(out / "optimizer.db", 30)) as log:
        entries = log.read(DOCUMENTS, 0, 1_000_000)
    for entry in entries:
        document = from_json(Document, to_json(json.loads(entry.value)["data"]))
        there = gateway.read(document.route)
        routes.add(document.route)
        with suppress(RevisionConflict):  # an older one, which must change nothing
            key = f"{document.route} {document.revision}"
            gateway.apply(document, there.revision if there else 0, key)
    applied: dict[str, list[int]] = {route: [] for route in routes}
    for write in gateway.writes():
        applied[write.route].append(write.revision)
    lower = sum(later < sooner for each in applied.values() for sooner, later in pairwise(each))
    held = {route: gateway.read(route) for route in routes}
    return Brought({route: one for route, one in held.items() if one}, applied, lower)
