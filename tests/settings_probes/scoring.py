"""Keys of scores and of how they find their calls."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from dataflows.attribute import rules_of
from tests.optimizer.attribute.a_stream import beat, call, score, told
from tests.settings_probes.probe import Probe

if TYPE_CHECKING:
    from collections.abc import Sequence

    from optimizer.settings import Settings
    from tests.optimizer.attribute.a_stream import Step

KEY = ("t/s/r", "b", 3, "")
CALLS = [call(1, trace, trace) for trace in range(1, 31)]
EARLY = (score(1, trace=1), beat(20), call(45), beat(200))
LATE = (call(1), beat(500), score(501, trace=1), beat(2000))
TWICE = [
    step
    for at_s, identity in ((1, 1), (11, 2), (21, 1))
    for step in (score(at_s, identity=identity, key=KEY), beat(at_s + 9))
]


def counted(name: str, steps: Sequence[Step], settings: Settings) -> int:
    """How many scores became of one kind."""
    return told(*steps, rules=rules_of(settings)).counts.get(name, 0)


SHOWN = [*CALLS, beat(20), score(21, trace=1), beat(40)]

PROBES = (
    Probe("attribution.index", ("none", "traces"), partial(counted, "scores", SHOWN), (0, 1)),
    Probe("attribution.wait_secs", (900, 10), partial(counted, "scores", EARLY), (1, 0)),
    Probe("attribution.keep_secs", (600, 300), partial(counted, "scores", LATE), (1, 0)),
    Probe(
        "attribution.max_calls",
        (12, 500),
        partial(counted, "findable", [*CALLS, beat(20)]),
        (2, 30),
        {"attribution": {"keep_secs": 60}},
    ),
    Probe("attribution.max_scores", (1, 9), partial(counted, "repeated_scores", TWICE), (0, 1)),
)
