"""Worlds written as recordings: what was planted stands in the telemetry, and nowhere else."""

import json
import os
import time
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import yaml
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from connectors.codecs import from_json
from connectors.configuration import load
from connectors.otlp import OtlpDecoder
from connectors.recordings import RecordingReader
from connectors.worlds import Summary, derived, read, write
from optimizer.errors import RecordingInvalid
from optimizer.events import FeedbackEvent
from optimizer.observe.columns import ERROR, RecordKind
from optimizer.observe.keys import CallKey, KeyTable
from optimizer.prices import Price
from optimizer.simulate.export import travel
from optimizer.simulate.incidents import IncidentKind
from optimizer.simulate.simulation import simulate
from optimizer.simulate.worlds import Dialect

ROOT = Path(__file__).parents[2]
DEMO = ROOT / "connectors" / "worlds" / "demo.yaml"
AZURE = ROOT / "tests" / "worlds" / "azure_coderouter.yaml"

recorded_data = pytest.mark.skipif(
    "RECORDED_DATA" not in os.environ, reason="RECORDED_DATA names no folder"
)


class Telemetry:
    """A written world, decoded by the official classes: columns by route and arm."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.records = list(RecordingReader(folder))
        self.truth = json.loads((folder / "truth.json").read_bytes())
        self.config = load(folder / "config.yaml", {})
        rows = defaultdict(list)
        for record in self.records:
            if record.kind is RecordKind.OTLP:
                for route, arm, row in _rows(record.body):
                    rows[route, arm].append(row)
        self.calls = {
            key: {name: np.array([row[name] for row in of]) for name in of[0]}
            for key, of in rows.items()
        }
        self.scores = [
            from_json(FeedbackEvent, record.body)
            for record in self.records
            if record.kind is RecordKind.SCORE
        ]

    def incumbent(self, route: str) -> dict[str, np.ndarray]:
        return self.calls[route, self.config.route(route).incumbent.id]

    def candidate(self, route: str) -> dict[str, np.ndarray]:
        return self.calls[route, self.config.route(route).candidates[0].id]

    def incident(self, kind: IncidentKind) -> dict:
        return next(found for found in self.truth["incidents"] if found["kind"] == kind)


def _rows(body: bytes):
    for resource_spans in ExportTraceServiceRequest.FromString(body).resource_spans:
        named = {pair.key: pair.value.string_value for pair in resource_spans.resource.attributes}
        for span in resource_spans.scope_spans[0].spans:
            found = {pair.key: pair.value for pair in span.attributes}
            route = f"acme/{named['service.name']}/{found['llm.optimizer.route'].string_value}"
            yield (
                route,
                found["llm.optimizer.arm"].string_value,
                {
                    "start_s": span.start_time_unix_nano / 1e9,
                    "latency_ms": (span.end_time_unix_nano - span.start_time_unix_nano) / 1e6,
                    "failed": span.status.code == span.status.STATUS_CODE_ERROR,
                    "tokens_in": found["gen_ai.usage.input_tokens"].int_value
                    if "gen_ai.usage.input_tokens" in found
                    else -1,
                    "tokens_out": found["gen_ai.usage.output_tokens"].int_value
                    if "gen_ai.usage.output_tokens" in found
                    else -1,
                },
            )


def seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def during(incident: dict, start_s: np.ndarray) -> np.ndarray:
    return (start_s >= seconds(incident["start"])) & (start_s < seconds(incident["end"]))


@pytest.fixture(scope="module")
def demo(tmp_path_factory) -> Telemetry:
    folder = tmp_path_factory.mktemp("worlds") / "demo"
    write(DEMO, folder)
    return Telemetry(folder)


SUPPORT, SEARCH, TICKETS = (
    "acme/chat/support",
    "acme/search/summaries",
    "acme/tickets/classify",
)


class Rewritten(NamedTuple):
    """The demo written once more."""

    folder: Path
    summary: Summary
    told: list[float]


@pytest.fixture(scope="module")
def again(tmp_path_factory) -> Rewritten:
    folder, told = tmp_path_factory.mktemp("worlds") / "again", []
    return Rewritten(folder, write(DEMO, folder, told.append), told)


def test_the_summary_counts_what_was_written(demo, again):
    summary = again.summary
    kinds = Counter(record.kind.name.lower() for record in demo.records)
    assert summary.records == kinds
    assert summary.calls == sum(len(of["start_s"]) for of in demo.calls.values()) <= 120_000
    assert summary.errors == sum(of["failed"].sum() for of in demo.calls.values())
    assert summary.incidents == len(demo.truth["incidents"]) == 5
    for route, arms in summary.calls_by_arm.items():
        for arm, calls in arms.items():
            assert calls == len(demo.calls.get((route, arm), {"start_s": []})["start_s"])


def test_progress_rises_to_one(again):
    assert again.told == sorted(again.told)
    assert again.told[-1] == 1.0
    assert len(again.told) == 100


def test_the_same_world_is_written_in_the_same_bytes(demo, again):
    files = sorted(path.name for path in demo.folder.iterdir())
    assert files == sorted(path.name for path in again.folder.iterdir())
    for name in files:
        assert (again.folder / name).read_bytes() == (demo.folder / name).read_bytes()


def test_another_seed_gives_other_calls(tmp_path):
    world = yaml.safe_load(DEMO.read_text()) | {"length": "20m", "incidents": []}
    bodies = []
    for seed in (1, 2):
        path = tmp_path / f"{seed}.yaml"
        path.write_text(yaml.safe_dump(world | {"seed": seed}))
        write(path, tmp_path / str(seed))
        records = RecordingReader(tmp_path / str(seed))
        bodies.append({record.body for record in records if record.body})
    assert len(bodies[0]) > 1000
    assert not bodies[0] & bodies[1]


def test_a_folder_that_holds_something_is_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(RecordingInvalid, match="empty or new"):
        write(DEMO, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_records_arrive_in_order_and_offsets_rise_by_one(demo):
    stamps = [record.stamp_ns for record in demo.records]
    assert stamps == sorted(stamps)
    offsets = defaultdict(int)
    for record in demo.records:
        assert record.offset == offsets[record.partition]
        offsets[record.partition] += 1
    assert set(offsets) == set(RecordingReader(demo.folder).manifest.partitions)


def test_each_partition_beats_once_a_second_to_the_end(demo):
    beats = defaultdict(list)
    for record in demo.records:
        if record.kind is RecordKind.HEARTBEAT:
            beats[record.partition].append(record.stamp_ns)
    for stamps in beats.values():
        assert set(np.diff(stamps).tolist()) == {1_000_000_000}
        assert stamps[0] / 1e9 == seconds(demo.truth["start"]) + 1
        assert stamps[-1] / 1e9 >= seconds(demo.truth["end"])
    assert demo.records[-1].kind is RecordKind.HEARTBEAT


def test_the_settings_load_and_know_every_arm_of_the_telemetry(demo):
    known = {
        (route.route, arm.id)
        for route in demo.config.routes
        for arm in (route.incumbent, *route.candidates)
    }
    assert set(demo.calls) < known
    assert {key for key in known if key not in demo.calls} == {
        (route.route, route.candidates[1].id) for route in demo.config.routes
    }
    assert demo.config.input.tenant == "acme"
    assert (demo.folder / demo.config.prices.overrides).is_file()


@pytest.mark.parametrize("route", [SUPPORT, SEARCH, TICKETS])
def test_the_incumbent_carries_most_of_an_uneven_traffic(demo, route):
    carried = len(demo.incumbent(route)["start_s"])
    assert 0.88 < carried / (carried + len(demo.candidate(route)["start_s"])) < 0.97
    per_minute = carried / 540
    assert 50 < per_minute < 80


@pytest.mark.parametrize(
    ("route", "planted"),
    [
        (SUPPORT, (1500, 0.01, 900 * np.exp(0.18), 220 * np.exp(0.151))),
        (TICKETS, (650, 0.02, 400 * np.exp(0.125), 12 * np.exp(0.045))),
    ],
)
def test_the_usual_figures_are_the_planted_ones(demo, route, planted):
    latency_ms, errors, tokens_in, tokens_out = planted
    found = demo.incumbent(route)
    usual = found["start_s"] < seconds(demo.truth["incidents"][0]["start"])
    served = usual & ~found["failed"]
    # Few users make most calls, each with an effect of its own, so latency averages out slowly.
    assert np.median(found["latency_ms"][served]) == pytest.approx(latency_ms, rel=0.1)
    assert found["failed"][usual].mean() == pytest.approx(errors, abs=0.006)
    assert found["tokens_in"][served].mean() == pytest.approx(tokens_in, rel=0.04)
    assert found["tokens_out"][served].mean() == pytest.approx(tokens_out, rel=0.04)


def test_calls_are_three_times_slower_in_the_incident_and_not_outside(demo):
    incident = demo.incident(IncidentKind.LATENCY)
    found = demo.incumbent(incident["route"])
    inside = during(incident, found["start_s"])
    ratio = np.median(found["latency_ms"][inside]) / np.median(found["latency_ms"][~inside])
    assert ratio == pytest.approx(incident["factor"], rel=0.1)
    other = demo.candidate(incident["route"])
    inside = during(incident, other["start_s"])
    ratio = np.median(other["latency_ms"][inside]) / np.median(other["latency_ms"][~inside])
    assert ratio == pytest.approx(1, abs=0.2)


def test_a_quarter_fails_in_the_incident_and_not_outside(demo):
    incident = demo.incident(IncidentKind.ERRORS)
    found = demo.incumbent(incident["route"])
    inside = during(incident, found["start_s"])
    assert found["failed"][inside].mean() == pytest.approx(incident["value"], abs=0.05)
    assert found["failed"][~inside].mean() == pytest.approx(0.02, abs=0.004)


def test_the_price_doubles_and_returns(demo):
    incident = demo.incident(IncidentKind.PRICE)
    history = yaml.safe_load((demo.folder / "prices.yaml").read_text())[incident["model"]]
    assert [seconds(entry["from"]) for entry in history] == [
        seconds(demo.truth["start"]),
        seconds(incident["start"]),
        seconds(incident["end"]),
    ]
    before, inside, after = ({**entry, "from": None} for entry in history)
    assert before == after == {"from": None, "input": 0.4, "output": 1.6, "cache_read": 0.1}
    assert inside == {"from": None, "input": 0.8, "output": 3.2, "cache_read": 0.2}


def test_the_candidate_costs_as_much_before_and_half_when_the_price_has_doubled(demo):
    cost = {}
    for name, found, price in (
        ("incumbent", demo.incumbent(SEARCH), (0.4, 1.6)),
        ("candidate", demo.candidate(SEARCH), (0.3, 2.5)),
    ):
        served = ~found["failed"]
        tokens = (found["tokens_in"][served].mean(), found["tokens_out"][served].mean())
        cost[name] = np.dot(tokens, price)
    assert cost["candidate"] / cost["incumbent"] == pytest.approx(1, abs=0.06)


def test_quality_falls_in_the_incident_and_not_outside(demo):
    incident = demo.incident(IncidentKind.QUALITY)
    arm = demo.config.route(incident["route"]).incumbent.id
    values = defaultdict(list)
    for event in demo.scores:
        if event.data.route == incident["route"] and event.data.arm == arm:
            inside = incident["start"] <= event.timestamp.isoformat() <= incident["end"]
            values[bool(inside)].append(event.data.value)
    # A score comes a minute or two after its call, so the edges of the incident are blurred.
    assert np.mean(values[False]) == pytest.approx(0.88, abs=0.02)
    assert np.mean(values[True]) == pytest.approx(0.88 * 0.6, abs=0.06)


def test_a_fifth_of_the_answers_is_scored_and_the_score_echoes_its_call(demo):
    served = sum((~of["failed"]).sum() for of in demo.calls.values())
    assert len(demo.scores) / served == pytest.approx(0.2, abs=0.01)
    assert len({event.id for event in demo.scores}) == len(demo.scores)
    for event in demo.scores:
        assert (event.data.route, event.data.arm) in demo.calls
        assert event.data.revision == 1
        assert 0 <= event.data.slot < 200
        assert event.data.cell in {"", *demo.config.route(event.data.route).cells}


def test_a_score_arrives_when_it_was_given(demo):
    stamps = [record.stamp_ns for record in demo.records if record.kind is RecordKind.SCORE]
    for stamp_ns, event in zip(stamps, demo.scores, strict=True):
        assert 0 <= stamp_ns / 1e9 - event.timestamp.timestamp() < 0.501


def test_the_traffic_stops_and_the_other_routes_go_on(demo):
    incident = demo.incident(IncidentKind.TRAFFIC)
    for route in (SUPPORT, SEARCH, TICKETS):
        inside = during(incident, demo.incumbent(route)["start_s"]).sum()
        assert (inside == 0) == (route == incident["route"])


def test_the_demo_has_history_and_calm_between_incidents_of_five_kinds(demo):
    incidents = demo.truth["incidents"]
    instants = [(seconds(item["start"]), seconds(item["end"])) for item in incidents]
    assert instants[0][0] - seconds(demo.truth["start"]) >= 3 * 3600
    for (_, end), (start, _) in pairwise(instants):
        assert start - end >= 3600
    assert len({item["kind"] for item in incidents}) == 5


@pytest.mark.slow
def test_half_a_million_calls_are_written_in_less_than_a_minute(tmp_path):
    text = DEMO.read_text().replace("calls_per_minute: 60", "calls_per_minute: 280")
    (tmp_path / "large.yaml").write_text(text)
    began = time.process_time()
    summary = write(tmp_path / "large.yaml", tmp_path / "out")
    assert summary.calls > 500_000
    assert time.process_time() - began < 60


class NoPrices:
    """Knows no price at all."""

    def history(self, model: str, provider: str = "") -> tuple[Price, ...]:
        del model, provider
        return ()

    def overridden(self, model: str, provider: str = "") -> bool:
        del model, provider
        return False


@pytest.mark.slow
def test_the_decoder_reads_every_call_as_it_was_simulated(demo):
    world = read(DEMO).world
    calls, _ = travel(world, simulate(world))
    table = KeyTable()
    decoder = OtlpDecoder(demo.config, NoPrices(), "acme")
    found = [
        decoder.decode(record.body, table)
        for record in demo.records
        if record.kind is RecordKind.OTLP
    ]
    assert sum(len(decoded.refused) for decoded in found) == 0

    def column(name: str) -> np.ndarray:
        return np.concatenate([getattr(decoded.columns, name) for decoded in found])

    for name in ("end_ns", "tokens_in", "tokens_out", "slot"):
        assert np.array_equal(column(name), getattr(calls, name)), name
    assert np.array_equal(column("latency_ns"), calls.end_ns - calls.start_ns)
    assert np.array_equal((column("flags") & ERROR) != 0, calls.failed)
    newer = np.array([route.dialect is Dialect.G2 for route in world.routes])[calls.route]
    assert np.array_equal(column("tokens_cached"), np.where(newer, calls.tokens_cached, 0))
    assert np.abs(column("ttft_ns") - calls.ttft_ns).max() <= 1  # told as seconds, a double
    expected = [
        CallKey(
            route=route.route,
            arm=route.arms[arm].arm.id,
            revision=1,
            cell=route.cells[cell].name if route.cells else "",
        )
        for route, arm, cell in zip(
            [world.routes[place] for place in calls.route.tolist()],
            calls.arm.tolist(),
            calls.cell.tolist(),
            strict=True,
        )
    ]
    assert [table.keys[code] for code in column("key").tolist()] == expected


def test_what_was_planted_is_told_once_for_each_route_it_touches(tmp_path):
    world = yaml.safe_load(DEMO.read_text())
    search, tickets = world["routes"][1], world["routes"][2]
    tickets["arms"].append({"model": "gpt-4.1-mini"})
    world["incidents"] = [
        {"kind": "price", "route": SEARCH, "arm": "gpt-4.1-mini", "start": "1h", "factor": 2},
        {"kind": "quality", "route": SUPPORT, "start": "2h", "length": "1h", "factor": 0.5},
    ]
    (tmp_path / "world.yaml").write_text(yaml.safe_dump(world))
    found = derived.truth(read(tmp_path / "world.yaml").world, "world")["incidents"]
    assert [(item["kind"], item["route"], item["model"], item["share"]) for item in found] == [
        ("price", SEARCH, "gpt-4.1-mini", search["arms"][0]["share"]),
        ("price", TICKETS, "gpt-4.1-mini", 0.0),
        ("quality", SUPPORT, None, 1.0),
    ]
    assert found[2]["end"] - found[2]["start"] == timedelta(hours=1)


@pytest.fixture(scope="module")
def azure(tmp_path_factory) -> Telemetry:
    folder = tmp_path_factory.mktemp("worlds") / "azure"
    write(AZURE, folder)
    return Telemetry(folder)


@recorded_data
@pytest.mark.slow
def test_recorded_arms_answer_recorded_arrivals(azure):
    file = read(AZURE, Path(os.environ["RECORDED_DATA"]))
    (route,) = file.world.routes
    calls = {key[1]: of for key, of in azure.calls.items()}
    assert len(calls) == 8
    assert sum(len(of["start_s"]) for of in calls.values()) > 150_000
    for arm in route.arms:
        served = ~calls[arm.arm.id]["failed"]
        tokens = calls[arm.arm.id]["tokens_out"][served]
        assert set(tokens.tolist()) <= set(arm.tokens_out.values.tolist())
        assert tokens.mean() == pytest.approx(arm.tokens_out.values.mean(), rel=0.12)
        usual = calls[arm.arm.id]["start_s"] < seconds(azure.truth["incidents"][0]["start"])
        median = np.median(calls[arm.arm.id]["latency_ms"][served & usual])
        assert median == pytest.approx(np.median(arm.latency_ms.values), rel=0.15)


@recorded_data
@pytest.mark.slow
def test_the_recorded_arrivals_repeat_each_hour(azure):
    starts = np.sort(np.concatenate([of["start_s"] for of in azure.calls.values()]))
    offsets = starts - datetime(2026, 3, 2, 8, tzinfo=UTC).timestamp()
    period = 3501.722 * (1 + 1 / 19365)
    per_round = np.bincount((offsets // period).astype(int), minlength=8)
    assert set(per_round[:7].tolist()) <= {19365, 19366, 19367}
