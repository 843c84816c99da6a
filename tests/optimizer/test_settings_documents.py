"""The example file and the JSON Schema say what `validate` does."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import given, settings, strategies as st

from optimizer.errors import SettingsInvalid
from optimizer.settings import Settings, as_mapping, example, schema, validate
from optimizer.settings.plain import plain
from optimizer.settings.routes import ARM
from tests.optimizer.settings_strategies import KNOBS, fitting, mapping_of, misfits

EXAMPLE = (Path(__file__).parents[2] / "config.example.yaml").read_text(encoding="utf-8")
SCHEMA = jsonschema.Draft202012Validator(schema())
WITHOUT_ROUTES = {key: knob for key, knob in KNOBS.items() if "[]" not in key}


def example_route() -> str:
    """The route in the example's comments, as it reads without them."""
    _, _, commented = EXAMPLE.partition("# For example:\n")
    return "".join(line.removeprefix("# ") for line in commented.splitlines(keepends=True))


def test_the_example_in_the_repository_is_the_one_that_is_generated() -> None:
    assert example() == EXAMPLE


def test_the_example_is_the_defaults_and_holds_every_key() -> None:
    given_there = yaml.safe_load(EXAMPLE)
    assert validate(given_there) == Settings()
    assert given_there == as_mapping(Settings())


@pytest.mark.parametrize("key", sorted(WITHOUT_ROUTES))
def test_the_example_says_what_a_knob_does_what_it_may_be_and_whether_it_is_there(key: str) -> None:
    knob, name = KNOBS[key], key.rpartition(".")[2]
    comment: list[str] = []
    for line in map(str.strip, EXAMPLE.splitlines()):
        if line.startswith("#"):
            comment.append(line.removeprefix("# "))
            continue
        words = " ".join(comment)
        comment.clear()
        if line.startswith(f"{name}: ") and words.startswith(knob.doc):
            assert knob.unit in words
            assert knob.kind.rule in words
            assert line.endswith("# not available yet") == knob.later
            return
    pytest.fail(f"{key} is not in the example with its words")


def test_the_route_in_the_example_can_be_taken_as_it_stands() -> None:
    mapping = yaml.safe_load(example_route())
    made = validate(mapping)
    assert set(mapping["routes"][0]) == set(as_mapping(made)["routes"][0])
    assert set(mapping["routes"][0]["incumbent"]) == set(ARM)
    assert SCHEMA.is_valid(mapping)


@pytest.mark.parametrize("name", ["scores", "sources"])
def test_an_item_of_a_list_in_the_example_is_whole(name: str) -> None:
    mapping = yaml.safe_load(example_route())
    assert mapping[name] == as_mapping(validate(mapping))[name]


def test_the_schema_can_be_written() -> None:
    assert json.loads(json.dumps(schema())) == schema()


def test_the_schema_is_one_and_takes_the_example() -> None:
    jsonschema.Draft202012Validator.check_schema(schema())
    SCHEMA.validate(yaml.safe_load(EXAMPLE))


def test_the_schema_describes_every_knob_and_gives_its_default() -> None:
    for key, knob in KNOBS.items():
        place: dict[str, Any] = schema()
        for part in key.split("."):
            place = place["properties"][part.removesuffix("[]")]
            place = place["items"] if part.endswith("[]") else place
        assert place["description"].startswith(knob.doc), key
        if not knob.required and not key.startswith(("routes[].incumbent", "routes[].candidates")):
            assert place["default"] == plain(knob.default), key


def is_taken(mapping: dict[str, Any]) -> bool:
    try:
        validate(mapping)
    except SettingsInvalid:
        return False
    return True


# What JSON cannot say: not-a-number, infinity, more than a double holds, keys that are not text.
IN_JSON = (
    st.none()
    | st.booleans()
    | st.integers(-(10**12), 10**12)
    | st.floats(-1e12, 1e12)
    | st.sampled_from(
        ["", "a", "info", "balanced", "a/b/c", "memory://", "sqlite://x", "postgres://x"]
    )
    | st.lists(st.sampled_from(["a", "b", 1]), max_size=3)
    | st.dictionaries(st.sampled_from(["a", "model"]), st.integers(), max_size=2)
)


@given(st.data(), st.sampled_from(sorted(KNOBS)))
@settings(max_examples=400, deadline=None)
def test_the_schema_and_validate_agree_on_every_value(data: st.DataObject, key: str) -> None:
    value = data.draw(IN_JSON | fitting(KNOBS[key]))
    if key == "stream.allowed_disorder_secs" and isinstance(value, int | float):
        value = min(value, 119)  # the order of two durations is not the schema's to say
    if key == "stream.dedupe_secs" and isinstance(value, int | float):
        value = value if value < 1 else max(value, 16)
    mapping = mapping_of({key: value})
    assert SCHEMA.is_valid(mapping) == is_taken(mapping)


def is_json(value: Any) -> bool:
    try:
        return json.loads(json.dumps(value, allow_nan=False)) == value
    except (TypeError, ValueError):
        return False


@pytest.mark.parametrize("key", sorted(KNOBS))
def test_the_schema_refuses_what_is_out_of_range(key: str) -> None:
    refused = [value for value in misfits(KNOBS[key]) if is_json(value) and value != 10**400]
    assert refused
    for value in refused:
        assert not SCHEMA.is_valid(mapping_of({key: value})), value


@pytest.mark.parametrize("section", ["", "stream", "strategies.thresholds", "routes[]"])
def test_the_schema_refuses_unknown_keys(section: str) -> None:
    known = mapping_of({f"{section}.x".lstrip("."): 1})
    without = copy.deepcopy(known)
    place: Any = without
    for part in filter(None, section.split(".")):
        place = place[part.removesuffix("[]")]
        place = place[0] if part.endswith("[]") else place
    del place["x"]
    assert SCHEMA.is_valid(without)
    assert not SCHEMA.is_valid(known)
