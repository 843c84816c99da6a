"""Hostile payloads of every kind through one partition, with sound records between them."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from tests.benchmarks.figures import Figure
from tests.fuzzing import most_memory_mb, run as fuzz, sound_records
from tests.hostile import payloads

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


def run(*, small: bool, data: Path | None) -> Iterable[Figure]:
    """Send 100,000 payloads; `data` is not read."""
    del data
    count = 3_000 if small else 100_000
    sound = sound_records(60 if small else 2_000)
    alone = fuzz((), sound)
    began = time.process_time()
    outcome = fuzz(payloads(1, count), sound)
    took = time.process_time() - began
    for crash in outcome.crashes[:10]:
        sys.stderr.write(f"{crash.payload}\n{crash.told}\n")
    keys = alone.good.keys() | outcome.good.keys()
    differ = sum(alone.good.get(key) != outcome.good.get(key) for key in keys)
    yield Figure("fuzz_payloads", count, "payloads", f"{took:.0f} CPU-seconds")
    yield Figure("fuzz_crashes", len(outcome.crashes), "payloads")
    yield Figure("fuzz_dead_letters", sum(outcome.reasons.values()), "letters")
    yield Figure("fuzz_sound_keys_that_differ", differ, "keys", f"of {len(keys)}")
    yield Figure("fuzz_max_rss_mb", most_memory_mb(), "MB")
