"""Configuration: a YAML file and variables become settings; settings are shown as YAML."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings, strategies as st

from connectors.configuration import load, show
from optimizer.errors import SettingsInvalid
from optimizer.settings import DatabaseSettings, Settings, as_mapping, validate
from optimizer.settings.kinds import Names, Text
from tests.optimizer.settings_strategies import (
    CHECKS,
    IN_FORCE,
    KNOBS,
    STAMP_KEY,
    fitting,
    mapping_of,
    mappings,
    misfits,
    variable,
)

ROOT = Path(__file__).parents[2]
ENVIRONMENT_KEYS = sorted(key for key in IN_FORCE if "[]" not in key)
one_folder = settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def written(folder: Path, text: str | bytes) -> Path:
    path = folder / "config.yaml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def faults_of(path: Path | None, environment: dict[str, str] | None = None) -> list[str]:
    with pytest.raises(SettingsInvalid) as caught:
        load(path, environment or {})
    return caught.value.faults


def test_without_a_file_and_variables_the_settings_are_the_defaults() -> None:
    assert load(None, {}) == Settings()
    assert load(None, {"PATH": "/bin", "optimizer_service__name": "x"}) == Settings()


def test_the_example_is_the_defaults() -> None:
    assert load(ROOT / "config.example.yaml", {}) == Settings()


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n", "{}", "null", "service:\n"])
def test_an_empty_file_is_the_defaults(tmp_path: Path, text: str) -> None:
    assert load(written(tmp_path, text), {}) == Settings()


def test_the_environment_wins_over_the_file_and_the_file_over_the_defaults(tmp_path: Path) -> None:
    path = written(tmp_path, "stream: {dedupe_secs: 60, max_skew_secs: 60}\nautonomy: observe\n")
    made = load(path, {"OPTIMIZER_STREAM__DEDUPE_SECS": "90", "OPTIMIZER_AUTONOMY": "recommend"})
    assert (made.stream.dedupe_secs, made.stream.max_skew_secs) == (90, 60)
    assert (made.stream.shard_groups, made.autonomy) == (8, "recommend")


@given(st.data(), st.sampled_from(ENVIRONMENT_KEYS))
@settings(max_examples=300, deadline=None)
def test_a_variable_sets_what_the_file_would(data: st.DataObject, key: str) -> None:
    knob = IN_FORCE[key]
    value = data.draw(fitting(knob))
    if key == "stream.allowed_disorder_secs":
        value = min(value, 119)
    if key == "stream.dedupe_secs":
        value = max(value, 16)
    as_it_stands = isinstance(knob.kind, Text) and value is not None
    text = value if as_it_stands else json.dumps(value, ensure_ascii=False)
    needed = {variable("stamps.key"): STAMP_KEY} if key in CHECKS else {}
    assert load(None, needed | {variable(key): text}) == validate(mapping_of({key: value}))


@pytest.mark.parametrize("key", ENVIRONMENT_KEYS)
def test_a_fault_in_a_variable_is_told_once_with_its_name(key: str) -> None:
    if isinstance(KNOBS[key].kind, Names):
        text = "[a, a]"
    elif isinstance(KNOBS[key].kind, Text):
        text = "a\0b/"
    else:
        text = next(json.dumps(bad) for bad in misfits(KNOBS[key]) if bad not in ([1], None))
    [fault] = faults_of(None, {variable(key): text})
    assert fault.startswith(f"{key} is ")
    assert fault.endswith(f"(from {variable(key)})")


@pytest.mark.parametrize(
    ("name", "text", "key", "value"),
    [
        ("OPTIMIZER_INPUT__PATH", "null", "input.path", None),
        ("OPTIMIZER_INPUT__PATH", "1e3", "input.path", "1e3"),
        ("OPTIMIZER_INPUT__PATH", "", "input.path", "from the file"),
        ("OPTIMIZER_CONSTRAINTS__COST_PER_REQUEST", "1e-4", "constraints.cost_per_request", 1e-4),
        ("OPTIMIZER_RECOVERY__INTERVAL_SECS", "+.5E+1", "recovery.interval_secs", 5.0),
        ("OPTIMIZER_OBSERVABILITY__JSON_LOGGING", "true", "observability.json_logging", True),
        (
            "OPTIMIZER_CONSTRAINTS__PREFERRED_MODELS",
            "[a, b]",
            "constraints.preferred_models",
            ["a", "b"],
        ),
    ],
)
def test_a_variable_is_read_as_what_its_key_expects(
    tmp_path: Path, name: str, text: str, key: str, value: object
) -> None:
    made = as_mapping(load(written(tmp_path, "input: {path: from the file}"), {name: text}))
    for part in key.split("."):
        made = made[part]
    assert made == value


def test_routes_come_whole_from_a_variable(tmp_path: Path) -> None:
    path = written(tmp_path, "routes: [{route: a/b/c}, {route: a/b/d}]")
    made = load(path, {"OPTIMIZER_ROUTES": "[{route: x/y/z, cells: [short]}]"})
    assert [(route.route, route.cells) for route in made.routes] == [("x/y/z", ("short",))]


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("OPTIMIZER_STREAM__DEDUP_SECS", "OPTIMIZER_STREAM__DEDUPE_SECS"),
        ("OPTIMIZER_SERVICE_NAME", "OPTIMIZER_SERVICE__NAME"),
        ("OPTIMIZER_ROUTE", "OPTIMIZER_ROUTES"),
    ],
)
def test_an_unknown_variable_is_told_the_nearest(name: str, meant: str) -> None:
    assert faults_of(None, {name: ""}) == [f"{name} is not a setting: did you mean {meant}?"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        pytest.param(
            "stream:\n  shard_groups: 2\n  max_skew_secs: 1\n  shard_groups: 3\n",
            ", line 4: shard_groups stands already in line 2",
            id="a key stands once",
        ),
        pytest.param(
            "prices: {trust_reported: true, trust_reported: false}",
            ", line 1: trust_reported stands already in line 1",
            id="also in one line",
        ),
        pytest.param(
            "stream:\n  shard_groups: [2\n",
            ", line 3, column 1: not YAML: expected ',' or ']', but got '<stream end>'",
            id="a bracket is closed",
        ),
        pytest.param(
            "a: *b",
            ", line 1, column 4: not YAML: found undefined alias 'b'",
            id="an alias is defined",
        ),
        pytest.param(
            "a: 1\n---\nb: 2\n",
            ", line 2, column 1: not YAML: but found another document",
            id="there is one document",
        ),
        pytest.param(
            "!secret x",
            ", line 1, column 1: not YAML: could not determine a constructor for the tag '!secret'",
            id="data are plain",
        ),
        pytest.param("a: \0", ", not YAML: special characters are not allowed", id="no zeros"),
        pytest.param(b"a: \xff", ", not YAML: invalid start byte", id="it is UTF-8"),
        *(
            pytest.param(text, ", not YAML: a value does not fit its tag, or is nested too deep")
            for text in ("!!bool maybe", "!!timestamp soon", "!!int a", "[" * 5000, "9" * 5000)
        ),
    ],
)
def test_a_file_that_is_no_yaml_is_told_where(tmp_path: Path, text: str | bytes, told: str) -> None:
    path = written(tmp_path, text)
    assert faults_of(path) == [f"{path}{told}"]


def test_a_variable_that_is_no_yaml_is_told_by_name() -> None:
    assert faults_of(None, {"OPTIMIZER_ROUTES": "[{route: a/b/c}"}) == [
        "OPTIMIZER_ROUTES, line 1, column 16: not YAML: expected ',' or ']', but got '<stream end>'"
    ]


def test_a_merged_mapping_is_no_repetition(tmp_path: Path) -> None:
    text = """
        routes:
          - route: a/b/c
            incumbent: &usual {model: m, top_k: 5, top_p: 0.5}
            candidates:
              - &other {<<: *usual, top_p: 0.6}
              - {<<: *other, top_p: 0.7}
    """
    arms = load(written(tmp_path, text), {}).routes[0].candidates
    assert [(arm.config.top_k, arm.config.top_p) for arm in arms] == [(5, 0.6), (5, 0.7)]


def test_a_version_that_looks_like_a_date_is_text(tmp_path: Path) -> None:
    text = "routes: [{route: a/b/c, incumbent: {model: m, prompt_version: 2024-06-01}}]"
    incumbent = load(written(tmp_path, text), {}).routes[0].incumbent
    assert incumbent is not None
    assert incumbent.prompt_version == "2024-06-01"


def test_what_cannot_be_read_is_told_with_its_path(tmp_path: Path) -> None:
    missing = tmp_path / "none.yaml"
    assert faults_of(missing) == [
        f"{missing} is not there: name a file that exists, or none for the defaults"
    ]
    assert faults_of(tmp_path) == [f"{tmp_path} cannot be read: Is a directory"]


def test_all_faults_of_file_and_variables_are_told_at_once(tmp_path: Path) -> None:
    path = written(tmp_path, "stream: {shard_groups: 0}\nstream: {shard_groups: 65}\nroute: []\n")
    environment = {"OPTIMIZER_STREAMS": "1", "OPTIMIZER_AUTONOMY": "[", "OPTIMIZER_ROUTES": "5"}
    faults = faults_of(path, environment)
    assert [fault.partition(" ")[0].strip(",") for fault in faults] == [
        str(path),
        "OPTIMIZER_AUTONOMY",
        "OPTIMIZER_STREAMS",
        "route",
        "stream.shard_groups",
        "routes",
    ]


@given(st.text(max_size=60) | st.binary(max_size=60))
@one_folder
def test_any_bytes_are_refused_or_read(tmp_path: Path, junk: str | bytes) -> None:
    path = written(tmp_path, junk if isinstance(junk, bytes) else junk.encode(errors="replace"))
    with contextlib.suppress(SettingsInvalid):
        assert isinstance(load(path, {}), Settings)


@given(st.dictionaries(st.sampled_from([variable(key) for key in KNOBS]), st.text(max_size=30)))
@settings(max_examples=200, deadline=None)
def test_any_variables_are_refused_or_read(environment: dict[str, str]) -> None:
    with contextlib.suppress(SettingsInvalid):
        assert isinstance(load(None, environment), Settings)


@pytest.mark.parametrize(
    "address", ["http://00:/secret@", "http://h/secret@x", "http://u:secret@h:1", "http://u@h"]
)
def test_an_address_in_which_a_password_could_stand_is_refused_and_masked(address: str) -> None:
    with pytest.raises(SettingsInvalid, match=r"item 1 must be such as http://host:4000") as told:
        validate({"gateway": {"replicas": ["http://h:4000/a/b.c", address]}})
    assert ":secret" not in str(told.value)


@given(mappings())
@one_folder
def test_what_is_shown_loads_to_the_same_settings(tmp_path: Path, mapping: dict[str, Any]) -> None:
    made = validate(without_secrets(mapping))
    assert load(written(tmp_path, show(made)), {}) == made


def without_secrets(mapping: dict[str, Any]) -> dict[str, Any]:
    """Leave out what is never shown, and what needs it."""
    sources = [{**source, "stamps": None} for source in mapping.get("sources", ())]
    secrets = {
        "sentinel": ("webhook_key",),
        "gateway": ("signing_key", "token"),
        "input": ("otlp_http_token",),
    }
    sections = {
        section: {**mapping.get(section, {}), **dict.fromkeys(names)}
        for section, names in secrets.items()
    }
    return {**mapping, **sections, "stamps": {}, "sources": sources}


@pytest.mark.parametrize(
    "name", ["1e5", "1_0", "0x1f", "2024-01-01", "yes", "null", "1:30", "=", "é"]
)
def test_text_that_looks_like_something_else_is_shown_as_text(tmp_path: Path, name: str) -> None:
    made = validate({"service": {"name": name}, "constraints": {"preferred_models": [name]}})
    assert load(written(tmp_path, show(made)), {}) == made


def test_every_key_is_shown_with_its_default() -> None:
    assert yaml.safe_load(show(Settings())) == as_mapping(Settings())


def test_passwords_are_not_shown() -> None:
    database = DatabaseSettings(connection_string="postgres://optimizer:s3cr3t@db:5432/o?x=1")
    extra = {"api_base": "https://user:s3cr3t@host/v1"}
    routes = [{"route": "a/b/c", "incumbent": {"model": "m", "extra_params": extra}}]
    made = validate({"routes": routes})
    shown = show(Settings(database=database, routes=made.routes))
    assert "s3cr3t" not in shown
    assert "postgres://optimizer:***@db:5432/o?x=1" in shown
    assert "https://user:***@host/v1" in shown


KEY = "sixteen letters!"


def test_a_secret_is_shown_nowhere(tmp_path: Path) -> None:
    made = load(None, {"OPTIMIZER_STAMPS__KEY": KEY, "OPTIMIZER_STAMPS__CHECK": "required"})
    assert made.stamps.key == KEY
    assert yaml.safe_load(show(made))["stamps"]["key"] == "***"
    assert KEY not in repr(made)
    short = KEY[1:]
    for variables, file in (
        ({"OPTIMIZER_STAMPS__KEY": short}, ""),
        ({}, f"stamps: {{key: {short}}}"),
    ):
        with pytest.raises(SettingsInvalid) as caught:
            load(written(tmp_path, file), variables)
        assert "stamps.key is '***': must be one line of at least 16 characters" in str(
            caught.value
        )
        assert short not in str(caught.value)


def test_the_key_of_webhooks_is_shown_nowhere(tmp_path: Path) -> None:
    made = load(None, {"OPTIMIZER_SENTINEL__WEBHOOK_KEY": KEY})
    assert made.sentinel.webhook_key == KEY
    assert yaml.safe_load(show(made))["sentinel"]["webhook_key"] == "***"
    assert KEY not in repr(made)
    [fault] = faults_of(
        written(tmp_path, json.dumps({"sentinel": {"webhook_key": f"{KEY}\n{KEY}"}}))
    )
    assert fault.startswith("sentinel.webhook_key is '***': must be one line of text")
    assert KEY not in fault


def test_off_is_off_though_yaml_reads_it_as_false(tmp_path: Path) -> None:
    text = f"stamps: {{check: required, key: {KEY}}}\nsources: [{{source: spans, stamps: off}}]"
    made = load(written(tmp_path, text), {"OPTIMIZER_STAMPS__CHECK": "off"})
    assert (made.stamps.check, made.sources[0].stamps) == ("off", "off")


@pytest.mark.parametrize(
    ("given", "key"),
    [
        ({"stamps": {"check": "preferred"}}, "stamps.check is 'preferred'"),
        ({"sources": [{"source": "a", "stamps": "required"}]}, "sources[0].stamps is 'required'"),
    ],
)
def test_signatures_are_not_checked_without_a_key(
    tmp_path: Path, given: dict[str, Any], key: str
) -> None:
    [fault] = faults_of(written(tmp_path, json.dumps(given)))
    assert fault.startswith(
        f"{key}: needs stamps.key: give it (OPTIMIZER_STAMPS__KEY), or set this to off ("
    )


def test_importing_it_brings_nothing_heavy() -> None:
    program = "import sys, connectors.configuration; print(*sys.modules)"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    ran = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    heavy = {"numpy", "scipy", "pydantic", "msgspec", "bytewax", "google.protobuf", "jsonschema"}
    assert not heavy & set(ran.stdout.split())


def test_options_of_kafka_that_are_secret_are_shown_masked() -> None:
    options = {"sasl.password": "hush", "ssl.key.pem": "hush", "sasl.username": "ada", "retries": 3}
    shown = yaml.safe_load(show(validate({"kafka": {"options": options}})))
    masked = {"sasl.password": "***", "ssl.key.pem": "***"}
    assert shown["kafka"]["options"] == {**options, **masked}
