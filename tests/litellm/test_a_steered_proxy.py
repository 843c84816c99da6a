"""A real LiteLLM proxy follows documents, and its calls show it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from optimizer.models import Arm, ModelConfig
from optimizer.slots import slot_of
from tests.litellm.stage import Stage
from tests.litellm.steering import NEW, OLD, ROUTE, STAMP

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.slow
CALLS = 2000
POINTS = 0.02


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """One proxy for all tests of this module, each of which raises the revision."""
    stage = Stage(tmp_path_factory.mktemp("steered"))
    stage.proxy.start()
    yield stage
    stage.close()


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
    call = stage.asked(temperature=0.9, max_tokens=4000)
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


def test_an_arm_that_the_proxy_has_no_group_for_is_told_and_the_incumbent_serves(
    stage: Stage,
) -> None:
    gone = Arm(config=ModelConfig(model="gpt-5"), declared=("model",))
    stage.steer(13, 200, new=gone)
    call = stage.asked()
    assert call.attributes[f"{STAMP}arm"] == OLD.id
    assert f"{STAMP}revision" not in call.attributes
    told = stage.proxy.status()["routes"][ROUTE]
    assert (told["revision"], told["is_followed"]) == (13, True)
    assert told["trouble"] == f"arm {gone.id}: no model group serves gpt-5"
