"""State that a released version wrote is gone on with as if nothing had happened."""

from __future__ import annotations

from pathlib import Path

import msgspec

from connectors.vaults.memory import MemoryVault
from optimizer.route_state import RouteState
from tests.old_state import WRITTEN_AFTER, OneJob, calls, resumed, written
from tests.rollout_life import Life, given

SAMPLES = Path(__file__).parents[1] / "samples"
ROLLOUT_MINUTES = 6


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


def lived(minutes: int) -> Life:
    """A route in the middle of a rollout."""
    life = Life(given())
    life.minutes(minutes)
    return life


def test_a_rollout_that_a_released_version_began_goes_on() -> None:
    undisturbed = lived(ROLLOUT_MINUTES)
    state = msgspec.msgpack.encode(undisturbed.state)
    wanted = undisturbed.minutes(20)
    files = sorted(SAMPLES.glob("rollout_v*.msgpack"))
    assert files
    for content in (*(file.read_bytes() for file in files), state):
        life = lived(ROLLOUT_MINUTES)
        life.state = msgspec.msgpack.decode(content, type=RouteState)
        assert life.state.acting.rollout is not None
        assert life.minutes(20) == wanted
