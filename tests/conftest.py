"""A small world, written once and replayed once, for all tests that look at the whole job."""

from __future__ import annotations

from pathlib import Path

import hypothesis
import pytest

from connectors.worlds import write
from tests.brokers.fixtures import broker, own_broker, running  # noqa: F401 - fixtures
from tests.command_line import llm_optimizer

# No test is timed: how long one takes says more of the machine than of the code. And the same code
# gets the same examples, so that what fails here fails everywhere; `search` looks for new ones.
hypothesis.settings.register_profile("search", deadline=None)
hypothesis.settings.register_profile("fixed", deadline=None, derandomize=True)
hypothesis.settings.load_profile("fixed")
hypothesis.settings.register_profile("quick", max_examples=25)  # of tests that ask for no number

WORLD = Path(__file__).parent / "worlds" / "two_routes.yaml"


@pytest.fixture(scope="session")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two routes, 65 minutes, three incidents; nobody may write to it."""
    folder = tmp_path_factory.mktemp("world") / "recording"
    write(WORLD, folder)
    return folder


@pytest.fixture(scope="session")
def replayed(recording: Path) -> Path:
    """What `replay --out` of it left; nobody may write to it."""
    out = recording.with_name("replayed")
    done = llm_optimizer("replay", recording, "--out", out, "--windows", "none")
    assert done.returncode == 0, done.stderr
    return out
