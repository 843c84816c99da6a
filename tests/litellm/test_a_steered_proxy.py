"""A real LiteLLM proxy follows documents, and its calls show it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from optimizer.slots import slot_of
from tests.dataflows.actuating import wait_until
from tests.litellm.proxy import Proxy
from tests.litellm.sink import Sink
from tests.litellm.steering import NEW, OLD, ROUTE, STAMP, a_step, publish, variables

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.slow
CALLS = 2000
POINTS = 0.02


class Stage:
    """A proxy, the folder that it follows, and what it exports."""

    def __init__(self, folder: Path) -> None:
        self.documents = folder / "documents"
        self.sink = Sink()
        self.proxy = Proxy(folder, variables(self.documents, self.sink.address))

    def steer(self, revision: int, slots: int, **changes: object) -> None:
        """Publish a step and wait until the proxy runs it."""
        publish(self.documents, a_step(revision, slots, **changes))
        wait_until(lambda: self.proxy.runs(ROUTE) == revision)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """One proxy for all tests of this module, each of which raises the revision."""
    stage = Stage(tmp_path_factory.mktemp("steered"))
    stage.proxy.start()
    yield stage
    stage.proxy.stop()
    stage.sink.close()


def test_shares_are_as_commanded_and_nobody_leaves_a_growing_cohort(stage: Stage) -> None:
    sessions = [f"session-{number:06d}" for number in range(CALLS)]
    cohort: set[object] = set()
    for revision, slots in ((1, 10), (2, 50), (3, 100)):
        stage.steer(revision, slots)
        stage.sink.clear()
        assert set(stage.proxy.chats(sessions)) == {200}
        calls = stage.sink.wait_for(CALLS)
        assert len(calls) == CALLS
        arms = Counter(call.attributes[f"{STAMP}arm"] for call in calls)
        assert abs(arms[NEW.id] / CALLS - slots / 200) < POINTS
        assert {call.attributes[f"{STAMP}revision"] for call in calls} == {revision}
        now = {
            call.attributes["gen_ai.conversation.id"]
            for call in calls
            if call.attributes[f"{STAMP}arm"] == NEW.id
        }
        assert now == {session for session in sessions if slot_of("3f1c0a", session) < slots}
        assert cohort < now
        cohort = now


def test_an_arm_s_model_and_parameters_are_what_is_asked_for(stage: Stage) -> None:
    stage.steer(10, 200)
    stage.sink.clear()
    _, answer = stage.proxy.chat(temperature=0.9, max_tokens=4000)
    assert answer["choices"][0]["message"]["content"] == "from small"
    (call,) = stage.sink.wait_for(1)
    assert call.attributes["gen_ai.request.model"] == NEW.config.model
    assert call.attributes["gen_ai.request.temperature"] == NEW.config.temperature
    assert call.attributes["gen_ai.request.max_tokens"] == NEW.config.max_tokens


def test_what_an_arm_does_not_say_stays_the_caller_s(stage: Stage) -> None:
    stage.steer(11, 0)
    stage.sink.clear()
    stage.proxy.chat(temperature=0.9, max_tokens=4000)
    (call,) = stage.sink.wait_for(1)
    assert call.attributes[f"{STAMP}arm"] == OLD.id
    assert call.attributes["gen_ai.request.temperature"] == 0.9
    assert call.attributes["gen_ai.request.max_tokens"] == 4000


def test_who_asks_for_another_group_gets_it(stage: Stage) -> None:
    stage.steer(12, 0)
    stage.sink.clear()
    _, answer = stage.proxy.chat("small")
    assert answer["choices"][0]["message"]["content"] == "from small"
    (call,) = stage.sink.wait_for(1)
    assert f"{STAMP}arm" not in call.attributes
