"""State that a released version wrote is gone on with as if nothing had happened."""

from __future__ import annotations

from pathlib import Path

from connectors.vaults.memory import MemoryVault
from tests.old_state import WRITTEN_AFTER, OneJob, calls, resumed, written

SAMPLES = Path(__file__).parents[1] / "samples"


def test_what_every_version_wrote_is_resumed_without_a_trace() -> None:
    undisturbed = OneJob(MemoryVault())
    undisturbed.take(calls()[:WRITTEN_AFTER])
    before = len(undisturbed.out)
    undisturbed.take(calls()[WRITTEN_AFTER:])
    undisturbed.finish()
    files = sorted(SAMPLES.glob("state_v*.msgpack"))
    assert files
    for content in (*(file.read_bytes() for file in files), written()):
        job = resumed(content)
        job.take(calls()[WRITTEN_AFTER:])
        job.finish()
        assert job.out == undisturbed.out[before:]
