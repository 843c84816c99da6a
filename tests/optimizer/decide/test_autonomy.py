"""How far may it go with a change: the least of all that bounds it."""

import pytest

from optimizer.decide.autonomy import asked_for, autonomy_of, limit_of, most_autonomy, reaches
from optimizer.decisions import ConfigurationChange
from optimizer.settings import Autonomy, validate
from tests.builders import a_decision

SIGNED = {"check": "required", "key": "0123456789abcdef"}


def changing(*parameters):
    return a_decision(changes=tuple(ConfigurationChange(parameter=one) for one in parameters))


@pytest.mark.parametrize(
    ("parameters", "level"),
    [
        (["model"], "auto"),
        (["prompt"], "recommend"),
        (["prompt_version"], "recommend"),
        (["system_prompt"], "recommend"),
        (["temperature"], "approve"),
        (["max_tokens", "extra_params"], "approve"),
        (["cache"], "guard"),
        (["model", "temperature"], "approve"),
        (["model", "prompt", "temperature", "cache"], "recommend"),
        ([], "observe"),
    ],
)
def test_a_change_of_several_kinds_takes_the_least(parameters, level):
    by = {"model": "auto", "prompt": "recommend", "parameters": "approve", "cache": "guard"}
    settings = validate({"autonomy": "observe", "autonomy_by": by, "stamps": SIGNED})
    assert autonomy_of(changing(*parameters), settings) is Autonomy(level)
    assert most_autonomy(settings) is Autonomy.AUTO


@pytest.mark.parametrize("level", Autonomy)
def test_a_kind_that_is_not_set_takes_what_holds_for_all(level):
    settings = validate({"autonomy": level.value, "stamps": SIGNED})
    assert autonomy_of(changing("model", "cache"), settings) is level
    assert most_autonomy(settings) is level


@pytest.mark.parametrize(
    ("stamps", "sources", "level"),
    [
        pytest.param({}, [], "guard", id="not-checked"),
        pytest.param({"check": "preferred"}, [], "guard", id="a-missing-signature-is-taken"),
        pytest.param({"check": "required"}, [], "auto", id="required"),
        pytest.param({"check": "required"}, ["off"], "guard", id="a-source-is-let-off"),
        pytest.param({"check": "required"}, ["required"], "auto", id="of-a-source-too"),
        pytest.param({}, ["required"], "guard", id="of-one-source-only"),
        pytest.param({"unsigned_autonomy": "auto"}, [], "auto", id="trusted-as-they-are"),
        pytest.param({"unsigned_autonomy": "observe"}, [], "observe", id="not-trusted-at-all"),
    ],
)
def test_unsigned_stamps_cap_it(stamps, sources, level):
    listed = [{"source": f"s{at}", "stamps": check} for at, check in enumerate(sources)]
    stamps = {"key": SIGNED["key"], **stamps}
    settings = validate({"autonomy": "auto", "stamps": stamps, "sources": listed})
    assert autonomy_of(changing("model"), settings) is Autonomy(level)
    assert most_autonomy(settings) is Autonomy(level)
    assert asked_for(settings) is Autonomy.AUTO


def test_the_setting_that_bounds_it_is_named():
    by = {"prompt": "approve", "cache": "recommend"}
    settings = validate({"autonomy": "auto", "autonomy_by": by, "stamps": SIGNED})
    names = [limit_of(one, settings).setting for one in (["model"], ["prompt"], ["cache", "model"])]
    assert names == ["autonomy", "autonomy_by.prompt", "autonomy_by.cache"]


def test_levels_rise():
    levels = list(Autonomy)
    for at, level in enumerate(levels):
        assert [reaches(level, other) for other in levels] == [
            place <= at for place in range(len(levels))
        ]
