"""Settings: what `validate` takes, what it refuses and says, and what is made of routes."""

from __future__ import annotations

import contextlib
import re
from typing import Any

import pytest
import yaml
from hypothesis import given, settings, strategies as st

from optimizer.errors import SettingsInvalid
from optimizer.settings import Settings, as_mapping, keys_in_force, validate
from optimizer.settings.plain import plain
from optimizer.settings.routes import ARM
from tests.optimizer.settings_strategies import (
    IN_FORCE,
    JUNK,
    KNOBS,
    another,
    as_named,
    faults_of,
    fitting,
    mapping_of,
    mappings,
    misfits,
    variable,
    without_variables,
)

LATER = {key: knob for key, knob in KNOBS.items() if knob.later}


def reached(made: Settings, key: str) -> Any:
    """What the settings hold at a key, `[]` standing for the only item."""
    place: Any = made
    for part in key.split("."):
        place = getattr(place, part.removesuffix("[]"))
        place = place[0] if part.endswith("[]") else place
    return place


# The contract's defaults, and those this product adds.
DEFAULTS = """
service: {name: llm-auto-optimizer, host: 0.0.0.0, port: 8080, mode: standalone,
  optimization_interval_secs: 900, data_dir: data}
database: {connection_string: "sqlite://optimizer.db", max_connections: 10, timeout_secs: 30,
  auto_migrate: true}
integrations: {observatory_url: null, orchestrator_url: null, governance_url: null,
  registry_url: null, sentinel_kafka_brokers: null}
strategies:
  thresholds: {latency_p95_ms: 5000, latency_increase_pct: 20, error_rate_pct: 5,
    cost_per_request: 0.10, daily_budget: 1000, cost_increase_pct: 50, quality_score_min: 0.7,
    quality_drop_pct: 10, psi_threshold: 0.1, ks_test_p_value: 0.05}
  ab_testing: {min_sample_size: 1000, significance_level: 0.05, max_duration_seconds: 604800,
    allocation_strategy: thompson_sampling}
  rl: {learning_rate: 0.1, exploration_rate: 0.1, discount_factor: 0.95,
    reward_weights: {quality: 0.6, cost: 0.3, latency: 0.1, feedback: 0.0}}
  cost_performance: {mode: balanced, quality_weight: 0.5, cost_weight: 0.3, latency_weight: 0.2}
observability: {log_level: info, json_logging: false, metrics_endpoint: null,
  traces_endpoint: null}
input: {path: null, tenant: default, keep_hours: 24, otlp_http_port: null,
  otlp_http_host: 127.0.0.1, otlp_http_token: null, otlp_http_max_mb: 16}
kafka: {brokers: null, traces_topics: [otlp_spans], metrics_topics: [otlp_metrics],
  logs_topics: [otlp_logs], sentinel_topics: [sentinel.anomalies],
  feedback_topics: [feedback-events], inputs_topics: [llm.optimizer.inputs], start: earliest,
  refresh_secs: 30, log: false, options: {}}
stream: {allowed_disorder_secs: 15, max_skew_secs: 30, dedupe_secs: 120, shard_groups: 8}
recovery: {interval_secs: 5}
dead_letters: {bytes: keep, retention_days: 7, max_mb: 256}
autonomy: recommend
autonomy_by: {model: null, prompt: null, parameters: null, cache: null}
rollout: {unit: conversation, least_step_secs: null, max_step_secs: 86400, holdback_pct: 5,
  cooling_secs: 3600, retry_secs: 86400, require_quality: true, provider_noise_sd: 0.08,
  max_error_rate_pct: null, max_latency_ms: null}
gateway: {kind: none, documents_dir: documents, http_host: 127.0.0.1, http_port: null,
  signing_key: null, lease_secs: 300, replicas: [], url: null, token: null, timeout_secs: 5,
  config_manager: {namespace: llm-optimizer, environment: production},
  gateway_api: {ca_file: null,
    service_account_dir: /var/run/secrets/kubernetes.io/serviceaccount, routes: []},
  litellm_admin: {groups: {}, params: {}, stamped: false}}
decisions: {risk_profile: balanced, cooldown_secs: 3600, pending_ttl_secs: 86400}
constraints: {max_error_rate_pct: 5, max_latency_p95_ms: 3000, min_quality: 0.75,
  daily_budget: 1000, hourly_budget: 50, cost_per_request: 0.50, max_changes_per_day: 5,
  min_minutes_between_changes: 30, approval_above_daily_usd: 100, preferred_models: [],
  preferred_providers: []}
prices: {overrides: null, trust_reported: false}
telemetry: {producer: null}
stamps: {check: "off", unsigned_autonomy: guard, key: null}
limits: {routes: 1000, arms: 64}
sentinel: {expiry_secs: 900, webhook_key: null}
attribution: {index: traces, max_calls: 1000000, max_scores: 1000000, keep_secs: 86400,
  span_wait_secs: 60, wait_secs: 900}
scores: []
routes: []
sources: []
"""


def test_the_defaults_are_the_contracts() -> None:
    assert as_mapping(Settings()) == yaml.safe_load(DEFAULTS)


@pytest.mark.parametrize("nothing", [None, {}, {"service": None, "routes": None}])
def test_nothing_given_means_the_defaults(nothing: object) -> None:
    assert validate(nothing) == Settings()


@given(st.data(), st.sampled_from(sorted(IN_FORCE)))
@settings(max_examples=300, deadline=None)
def test_every_knob_arrives_where_it_belongs(data: st.DataObject, key: str) -> None:
    value = data.draw(fitting(IN_FORCE[key]))
    if key == "stream.allowed_disorder_secs":
        value = min(value, 119)
    if key == "stream.dedupe_secs":
        value = max(value, 16)
    made = validate(mapping_of({key: value}))
    arrived = reached(
        made, re.sub(r"(incumbent|candidates\[\])\.(?!prompt|cache|latency)", r"\1.config.", key)
    )
    assert (list(arrived) if isinstance(arrived, tuple) else arrived) == value


@pytest.mark.parametrize("key", sorted(KNOBS))
def test_a_value_outside_its_range_is_one_fault_that_names_key_value_and_variable(
    key: str,
) -> None:
    for value in misfits(KNOBS[key]):
        [fault] = faults_of(mapping_of({key: value}))
        assert fault.startswith(f"{as_named(key)} is "), value
        assert fault.endswith(f"({variable(key)})")
        assert re.search(r": (not available yet, |item \d+ .*|label .*)?must (be|have) ", fault), (
            fault
        )


def test_a_fault_reads_like_this() -> None:
    [fault] = faults_of({"strategies": {"thresholds": {"latency_p95_ms": -5}}})
    assert fault == (
        "strategies.thresholds.latency_p95_ms is -5: must be above 0 "
        "(OPTIMIZER_STRATEGIES__THRESHOLDS__LATENCY_P95_MS)"
    )


@given(st.sets(st.sampled_from(sorted(KNOBS)), min_size=2))
@settings(max_examples=100, deadline=None)
def test_all_faults_are_told_at_once(keys: set[str]) -> None:
    faults = faults_of(mapping_of({key: misfits(KNOBS[key])[0] for key in keys}))
    assert {fault.split(" is ")[0] for fault in faults} == {as_named(key) for key in keys}


@given(JUNK, st.sampled_from(sorted(KNOBS)))
@settings(max_examples=300, deadline=None)
def test_junk_is_refused_or_read_and_never_breaks_anything(junk: Any, key: str) -> None:
    for mapping in (junk, mapping_of({key: junk})):
        with contextlib.suppress(SettingsInvalid):
            assert isinstance(validate(mapping), Settings)


@given(mappings())
@settings(max_examples=100, deadline=None)
def test_settings_written_back_make_the_same_settings(mapping: dict[str, Any]) -> None:
    made = validate(mapping)
    assert validate(as_mapping(made)) == made


@pytest.mark.parametrize("key", sorted(LATER))
def test_what_is_not_built_yet_is_taken_at_its_default_alone(key: str) -> None:
    knob = LATER[key]
    assert validate(mapping_of({key: plain(knob.default)})) == validate(
        mapping_of({key: knob.default})
    )
    [fault] = faults_of(mapping_of({key: another(knob)}))
    assert ": not available yet, must be left at " in fault
    assert key not in keys_in_force()


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("database.connection_string", "postgres://db.example/optimizer"),
        ("database.connection_string", "postgresql://db.example/optimizer"),
    ],
)
def test_a_promised_choice_is_told_from_a_wrong_one(key: str, value: str) -> None:
    [fault] = faults_of(mapping_of({key: value}))
    assert ": not available yet, must be " in fault


@pytest.mark.parametrize(
    ("mapping", "fault"),
    [
        ({"servise": {}}, "servise is not a setting: did you mean service?"),
        (
            {"stream": {"dedup_secs": 5}},
            "stream.dedup_secs is not a setting: did you mean stream.dedupe_secs?",
        ),
        ({"tenant": "acme"}, "tenant is not a setting: did you mean input.tenant?"),
        (
            {"error_rate_pct": 5},
            "error_rate_pct is not a setting: did you mean strategies.thresholds.error_rate_pct?",
        ),
        (
            {"routes": [{"route": "a/b/c", "cell": []}]},
            "routes[0].cell is not a setting: did you mean routes[0].cells?",
        ),
        ({"recovery": {3: 4}}, "recovery.3 is not a setting: did you mean recovery.interval_secs?"),
        (
            {"prices": {"a\nb": 4}},
            "prices.'a\\nb' is not a setting: did you mean prices.trust_reported?",
        ),
    ],
)
def test_an_unknown_key_is_told_the_nearest(mapping: object, fault: str) -> None:
    assert faults_of(mapping) == [fault]


@pytest.mark.parametrize(
    ("mapping", "fault"),
    [
        pytest.param(
            {"stream": {"allowed_disorder_secs": 120}},
            "stream.dedupe_secs is 120: must be above stream.allowed_disorder_secs, which is 120",
            id="a repeat outlives the disorder",
        ),
        pytest.param(
            {"routes": ["acme/support/answer"]},
            "routes[0] is 'acme/support/answer': must be a mapping of names to values",
            id="a route is a mapping",
        ),
        pytest.param(
            {"routes": {"a": 1}},
            "routes is {'a': 1}: must be a list",
            id="routes are a list",
        ),
        pytest.param(
            [1],
            "the top level is [1]: must be a mapping of names to values",
            id="settings are a mapping",
        ),
        pytest.param(
            {"stream": 5},
            "stream is 5: must be a mapping of names to values",
            id="a section is a mapping",
        ),
    ],
)
def test_what_contradicts_itself_is_one_fault(mapping: object, fault: str) -> None:
    assert without_variables(faults_of(mapping)) == [fault]


def test_the_environment_wins_and_is_named_as_the_origin() -> None:
    environment = {"stream.dedupe_secs": 60, "autonomy": 1}
    assert (
        validate({"stream": {"dedupe_secs": 0}}, {"stream.dedupe_secs": 60}).stream.dedupe_secs
        == 60
    )
    levels = "observe, recommend, guard, approve, auto"
    assert faults_of({"stream": 5, "autonomy": "observe"}, environment) == [
        "stream is 5: must be a mapping of names to values",
        f"autonomy is 1: must be one of {levels} (from OPTIMIZER_AUTONOMY)",
    ]


@given(st.text(st.characters(min_codepoint=48, max_codepoint=122), min_size=8), st.integers(0, 200))
@settings(max_examples=100, deadline=None)
def test_a_fault_never_shows_a_password(password: str, padding: int) -> None:
    password += "~~"  # unlike any word of ours
    login = f"postgres://{'u' * padding}:{password}@host/{'p' * 200}"
    for value in (login, [login], {"url": login}):
        [fault] = faults_of({"database": {"connection_string": value}})
        assert password not in fault
    [fault] = faults_of({"integrations": {"registry_url": f"http://host/?token={password}"}})
    assert password not in fault


def test_a_fault_is_one_short_line_however_large_the_value() -> None:
    endless: dict[str, Any] = {}
    endless["again"] = [endless] * 3
    for value in (endless, "x\n" * 9999, [[["x" * 999] * 999] * 999] * 999, 10**5000, b"\0" * 999):
        [fault] = faults_of({"service": {"name": value}})
        assert len(fault) < 700
        assert "\n" not in fault


def test_the_names_in_force_are_those_of_every_available_knob() -> None:
    assert set(keys_in_force()) == set(IN_FORCE)
    assert len(keys_in_force()) == len(set(keys_in_force()))
    sections = {key.rpartition(".")[0] for key in keys_in_force()}
    assert {"", "service", "strategies.thresholds", "routes[]", "routes[].thresholds"} <= sections
    for arm in ("routes[].incumbent", "routes[].candidates[]"):
        assert {f"{arm}.{name}" for name in ARM} <= set(keys_in_force())


@pytest.mark.parametrize(
    ("kafka", "fault"),
    [
        (
            {"traces_topics": ["a", "b"], "logs_topics": ["b"]},
            "kafka.logs_topics is 'b': must be in one list, and is in kafka.traces_topics too",
        ),
        ({"feedback_topics": ["a/b"]}, "kafka.feedback_topics is ['a/b']: item 0 must be a name"),
        ({"options": {"group.id": "mine"}}, "group.id is not free: leave it out"),
        ({"options": {"acks": 1}}, "acks is not free: leave it out"),
        ({"refresh_secs": 61}, "kafka.refresh_secs is 61: must be from 1 to 60"),
    ],
)
def test_topics_and_options_of_kafka_that_contradict_it_are_faults(
    kafka: dict[str, object], fault: str
) -> None:
    [told] = faults_of({"kafka": kafka})
    assert fault in told


def test_options_of_kafka_that_are_secret_are_never_told() -> None:
    secrets = {"sasl.password": "hush-1", "ssl.key.pem": "hush-2", "sasl.username": "ada"}
    [told] = faults_of({"kafka": {"options": {**secrets, 1: 2}}})
    assert "ada" in told
    assert "hush" not in told
