"""World files: what they may hold, and all that is wrong with them at once."""

import gzip
import os
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given, strategies as st

import connectors.worlds
from connectors.worlds import kinds, read, records, schema
from optimizer.errors import WorldInvalid
from optimizer.observe.columns import RecordKind
from optimizer.simulate.arrivals import ClientWindows, Traced
from optimizer.simulate.quantities import Lognormal, Recorded, RecordedScores
from optimizer.simulate.simulation import simulate
from optimizer.simulate.worlds import Following, Stale

WORLD = """
start: 2026-03-02T06:00:00Z
length: 2h
routes:
  - route: acme/chat/support
    arms:
      - {model: gpt-4o, share: 0.9, latency_ms: {median: 900}, quality: {mean: 0.8, sd: 0.2}}
      - {model: gpt-4o-mini, share: 0.1, latency_ms: {median: 500}, quality: {mean: 0.7, sd: 0.2}}
      - {model: claude-haiku-4-5}
    arrivals: {calls_per_minute: 5}
    tokens_in: {median: 500, sigma: 0.5}
    tokens_out: {median: 100}
    scores: {share: 0.1}
incidents:
  - {kind: latency, route: acme/chat/support, start: 1h, length: 10m, factor: 2}
"""


def a_file(folder: Path, world: Any) -> Path:
    path = folder / "world.yaml"
    path.write_text(world if isinstance(world, str) else yaml.safe_dump(world))
    return path


def changed(*changes: tuple[str, Any]) -> Any:
    """Set values of the sound world by their keys, such as `routes[0].arms[1].share`."""
    world = yaml.safe_load(WORLD)
    for key, value in changes:
        steps = [int(step) if step.isdigit() else step for step in re.findall(r"\w+", key)]
        holder = world
        for step in steps[:-1]:
            holder = holder[step]
        if value is None:
            del holder[steps[-1]]
        elif isinstance(holder, list) and steps[-1] == len(holder):
            holder.append(value)
        else:
            holder[steps[-1]] = value
    return world


def faults(folder: Path, world: Any) -> list[str]:
    with pytest.raises(WorldInvalid) as caught:
        read(a_file(folder, world))
    path, *found = str(caught.value).split("\n")
    assert path == f"{folder / 'world.yaml'}:"
    return found


LOOP = [("routes[0].arms[0].share", 1), ("routes[0].arms[1].share", 0)]
HAIKU = {"latency_ms": {"median": 700}, "quality": {"mean": 0.8, "sd": 0.2}}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        pytest.param(
            [],
            [
                "routes[0].arms[2].latency_ms is not given, and no matrix records it",
                (
                    "routes[0].arms[2].quality is not given, and no matrix records it: "
                    "the route is scored"
                ),
            ],
            id="each arm may come to serve",
        ),
        pytest.param(
            [
                ("routes[0].arms[2]", {"model": "claude-haiku-4-5", **HAIKU}),
                ("routes[0].arms[0].share", 0.9),
                ("routes[0].arms[1].share", 0.1),
            ],
            [
                (
                    "routes[0].arms[0].share is 0.9: "
                    "must be 1, for documents give the others their shares"
                )
            ],
            id="documents give shares",
        ),
        pytest.param(
            [
                ("routes[0].arms[2]", {"model": "claude-haiku-4-5", **HAIKU}),
                ("routes[0].route", "acme/chat/default"),
                ("incidents[0].route", "acme/chat/default"),
                ("routes[0].revision", 0),
            ],
            ["routes[0].revision is 0: documents steer only calls that are stamped"],
            id="calls are stamped",
        ),
    ],
)
def test_what_a_loop_needs_is_told(tmp_path, changes, told):
    world = a_file(tmp_path, changed(*LOOP, *changes))
    with pytest.raises(WorldInvalid) as caught:
        read(world, loop=True)
    assert str(caught.value).split("\n")[1:] == told


def test_in_a_loop_a_matrix_must_record_the_candidates_too(tmp_path):
    (tmp_path / "data.csv").write_text("task_id,task,q:gpt-4o,q:gpt-4o-mini\n1,a,0.5,0.4\n")
    haiku = ("routes[0].arms[2]", {"model": "claude-haiku-4-5", **HAIKU})
    world = a_file(tmp_path, changed(*LOOP, haiku, ("routes[0].matrix", "data.csv")))
    assert read(world).world.routes[0].tasks == 1
    with pytest.raises(WorldInvalid, match="claude-haiku-4-5"):
        read(world, loop=True)


def test_a_loop_is_read_with_how_its_gateway_follows(tmp_path):
    stale = {"replicas": 1, "start": "30m", "length": "10m"}
    arm = ("routes[0].arms[2]", {"model": "claude-haiku-4-5", **HAIKU})
    gateway = ("gateway", {"delay": "9s", "replicas": 4, "stale": stale})
    world = read(a_file(tmp_path, changed(*LOOP, arm, gateway)), loop=True).world
    assert world.following == Following(
        delay=timedelta(seconds=9),
        replicas=4,
        stale=Stale(replicas=1, start=timedelta(minutes=30), length=timedelta(minutes=10)),
    )


@pytest.mark.parametrize(
    ("stale", "told"),
    [
        ({"replicas": 2}, "gateway.stale.replicas is 2: must be at most gateway.replicas, 1"),
        ({"length": "90m"}, "gateway.stale ends at 2:30:00: must end with the world at 2:00:00"),
        ({"length": "0s"}, "gateway.stale.length is 0:00:00: must be above 0"),
    ],
)
def test_what_is_wrong_with_a_gateway_is_told(tmp_path, stale, told):
    given = {"replicas": 1, "start": "1h", "length": "10m"} | stale
    assert faults(tmp_path, changed(("gateway", {"stale": given}))) == [told]


def test_a_sound_world_is_read(tmp_path):
    file = read(a_file(tmp_path, WORLD))
    (route,) = file.world.routes
    assert [arm.name for arm in route.arms] == ["gpt-4o", "gpt-4o-mini", "claude-haiku-4-5"]
    assert [arm.share for arm in route.arms] == [0.9, 0.1, 0]
    assert route.arms[0].latency_ms == Lognormal(median=900)
    assert file.name == "world"


ROUTE, ARM, INCIDENT = "routes[0]", "routes[0].arms[1]", "incidents[0]"


@pytest.mark.parametrize(
    ("key", "value", "fault"),
    [
        ("start", "2026-03-02T06:00:00", "start is '2026-03-02T06:00:00': must have timezone"),
        ("start", None, "start is not given"),
        ("length", "2 hours", "length is '2 hours': must be a duration such as"),
        ("length", 7200, "length is 7200: must be a duration such as"),
        ("length", "0s", "length is '0s': must be greater than"),
        ("length", "999999999999d", "length is '999999999999d': must be a shorter duration"),
        ("length", "400d", "length is '400d': must be less than"),
        ("seed", -1, "seed is -1: must be greater than or equal to 0"),
        ("seed", True, "seed is true: must be a valid integer"),
        ("partitions", 0, "partitions is 0: must be"),
        ("routes", [], "routes is []: List should have at least 1 item"),
        ("lenght", "2h", "lenght is '2h': there is no such key"),
        ("exporter", {"batch": 0}, "exporter.batch is 0: must be"),
        (f"{ROUTE}.route", "chat", "routes[0].route is 'chat': must be tenant/service/route"),
        (f"{ROUTE}.route", None, "routes[0].route is not given"),
        (f"{ROUTE}.task", "cooking", "routes[0].task is 'cooking': must be one of"),
        (f"{ROUTE}.thresholds", {"latency_p95": 3}, "routes[0].thresholds.latency_p95 is not"),
        (f"{ROUTE}.dialect", "G9", "routes[0].dialect is 'G9': must be 'G1' or 'G2'"),
        (f"{ROUTE}.revision", 0, "routes[0].route is acme/chat/support: spans without stamps"),
        (f"{ROUTE}.arrivals", {"calls_per_minute": 0}, "routes[0].arrivals.calls_per_minute is 0"),
        (f"{ROUTE}.arrivals", {"cpm": 3}, "routes[0].arrivals.calls_per_minute is not given"),
        (f"{ROUTE}.arrivals", {"trace": "no.csv"}, "routes[0].arrivals is {'stretch': 1.0, 'trace"),
        (f"{ROUTE}.arrivals", {"trace": "recorded:a.csv"}, "RECORDED_DATA must name its folder"),
        (f"{ROUTE}.matrix", "no.csv", "routes[0].matrix is no.csv: cannot be read"),
        (f"{ROUTE}.cells", "task", "routes[0].cells is task: needs a matrix"),
        (f"{ROUTE}.cells", {"a": {"share": 0.5}}, "routes[0].cells have shares that sum to 0.5"),
        (f"{ROUTE}.tokens_in", None, "routes[0].arms[1].tokens_in is not given"),
        (f"{ROUTE}.load", {"phi": 1}, "routes[0].load.phi is 1: must be less than 1"),
        (f"{ROUTE}.users", {"activity": "flat"}, "routes[0].users.activity is 'flat': must be"),
        (f"{ARM}.share", 0.2, "routes[0].arms have shares that sum to 1.1: must sum to 1"),
        (f"{ARM}.share", 0.1234, "routes[0].arms[1].share is 0.1234: must be a multiple of 0.005"),
        (f"{ARM}.share", 1.2, "routes[0].arms[1].share is 1.2: must be less than or equal to 1"),
        (f"{ARM}.temperature", 9, "routes[0].arms[1].temperature is 9: must be from 0 to 2"),
        (f"{ARM}.model", None, "routes[0].arms[1].model is not given"),
        (f"{ARM}.model", "gpt-4o", "routes[0].arms[1].name is gpt-4o: must differ from that of"),
        (f"{ARM}.latency_ms", None, "routes[0].arms[1].latency_ms is not given, and no matrix"),
        (f"{ARM}.latency_ms", {"median": 0}, "routes[0].arms[1].latency_ms.median is 0: must be"),
        (f"{ARM}.quality", None, "routes[0].arms[1].quality is not given"),
        (f"{ARM}.quality", {"mean": 0.9, "sd": 0.4}, "routes[0].arms[1].quality is {'mean': 0.9"),
        (f"{ARM}.errors", "2%", "routes[0].arms[1].errors is '2%': must be a valid number"),
        (f"{INCIDENT}.kind", "flood", "incidents[0].kind is 'flood': must be 'latency', 'errors'"),
        (f"{INCIDENT}.route", "acme/x/y", "incidents[0].route is acme/x/y: must be one of acme/"),
        (f"{INCIDENT}.arm", "gpt-5", "incidents[0].arm is gpt-5: must be one of gpt-4o, gpt-4o-"),
        (f"{INCIDENT}.start", "5m", "incidents[0].start is 0:05:00: must leave a history of"),
        (f"{INCIDENT}.start", "2h", "incidents[0].start is 2:00:00: must be before the world's"),
        (f"{INCIDENT}.length", "61m", "incidents[0] ends at 2:01:00: must end with the world"),
        (f"{INCIDENT}.length", "0s", "incidents[0].length is 0:00:00: must be above 0"),
        (f"{INCIDENT}.factor", None, "incidents[0] is of latency: needs factor, and no value"),
        (f"{INCIDENT}.factor", -1, "incidents[0].factor is -1: must be"),
        (f"{INCIDENT}.value", 3, "incidents[0] is of latency: needs factor, and no value"),
        (f"{INCIDENT}.kind", "outage", "incidents[0].factor and value say nothing of outage"),
        (f"{INCIDENT}.kind", "hang", "incidents[0].factor and value say nothing of hang"),
        (f"{INCIDENT}.kind", "price", "incidents[0] changes the price of claude-haiku-4-5: prices"),
        (f"{INCIDENT}.kind", "quality", "incidents[0].factor is 2: must be at most 1"),
        ("settings", {"autonomy": "alone"}, "settings.autonomy is 'alone': must be one of"),
        ("settings", {"speed": 3}, "settings.speed is not a setting: did you mean"),
        ("settings", {"routes": []}, "settings.routes is []: follows from the world"),
        ("settings", {"input": {"tenant": "me"}}, "settings.input.tenant is 'me': follows from"),
        ("settings", {"prices": {"overrides": "p"}}, "settings.prices.overrides is 'p': follows"),
        ("prices", {"gpt-4o": {"input": 1}}, "prices.gpt-4o.output is not given"),
    ],
)
def test_a_fault_names_its_key_and_value(tmp_path, key, value, fault):
    found = faults(tmp_path, changed((key, value)))
    assert any(fault in line for line in found), found


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        (
            [("routes[1]", changed(("routes[0].route", "other/a/b"))["routes"][0])],
            "routes[1].route is other/a/b: must have the tenant of routes[0]",
        ),
        (
            [("routes[1]", changed()["routes"][0])],
            "routes[1].route is 'acme/chat/support': must differ from routes[0].route",
        ),
        (
            [
                ("routes[1]", changed(("routes[0].route", "acme/chat/other"))["routes"][0]),
                ("routes[1].dialect", "G1"),
            ],
            "routes[1].dialect is G1: must be G2, as in routes[0] of the same service",
        ),
        (
            [("incidents[0].kind", "errors"), ("incidents[0].value", 0.5)],
            "incidents[0] is of errors: needs either factor or value",
        ),
        (
            [
                ("incidents[0]", {"kind": "errors", "route": "acme/chat/support", "start": "1h"}),
                ("incidents[0].value", 1.5),
            ],
            "incidents[0].value is 1.5: must be at most 1",
        ),
        (
            [("incidents[0].kind", "traffic"), ("incidents[0].arm", "gpt-4o")],
            "incidents[0].arm is gpt-4o: traffic is the route's, leave it out",
        ),
    ],
)
def test_parts_that_contradict_one_another_are_named(tmp_path, changes, fault):
    found = faults(tmp_path, changed(*changes))
    assert any(fault in line for line in found), found


def test_all_faults_are_told_at_once(tmp_path):
    found = faults(
        tmp_path,
        changed(
            ("seed", -1),
            (f"{ROUTE}.load", {"phi": 2}),
            (f"{ARM}.temperature", 9),
            (f"{INCIDENT}.start", "soon"),
            ("incidents[1]", {"kind": "latency", "route": "acme/x/y", "start": "1h"}),
            ("settings", {"autonomy": "alone"}),
        ),
    )
    for key in (
        "seed",
        "routes[0].load.phi",
        "routes[0].arms[1].temperature",
        "incidents[0].start",
        "incidents[1].route",
        "incidents[1] is of latency",
        "settings.autonomy",
    ):
        assert any(line.startswith(key) for line in found), found
    assert len(found) == 7


@pytest.mark.parametrize(
    ("text", "fault"),
    [("- a\n", "must hold keys and values"), ("{", "is not YAML"), ("", "must hold keys")],
)
def test_what_is_no_mapping_is_refused(tmp_path, text, fault):
    with pytest.raises(WorldInvalid, match=fault):
        read(a_file(tmp_path, text))


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(WorldInvalid, match="cannot be read"):
        read(tmp_path / "none.yaml")


@given(st.integers(0, 99), st.integers(0, 59), st.integers(0, 59), st.integers(0, 999))
def test_a_duration_is_the_sum_of_its_parts(hours, minutes, seconds, milliseconds):
    found = kinds.duration(f"{hours}h{minutes}m{seconds}s{milliseconds}ms")
    assert found.total_seconds() == pytest.approx(
        hours * 3600 + minutes * 60 + seconds + milliseconds / 1000
    )


def test_an_incident_without_a_length_lasts_to_the_end(tmp_path):
    world = read(a_file(tmp_path, changed((f"{INCIDENT}.length", None)))).world
    assert world.incidents[0].end == world.length


def test_a_peak_is_a_time_of_day_wherever_the_world_begins(tmp_path):
    arrivals = {"calls_per_minute": 5, "rhythm": 0.5, "peak": "14h"}
    changes = [("start", "2026-03-02T08:30:00+02:00"), (f"{ROUTE}.arrivals", arrivals)]
    world = read(a_file(tmp_path, changed(*changes))).world
    assert world.routes[0].traffic.peak_ns == 7.5 * 3600 * 10**9


def test_the_settings_of_a_world_stand_beside_what_follows_from_it(tmp_path):
    given_settings = {"input": {"path": "spans"}, "decisions": {"cooldown_secs": 60}}
    found = read(a_file(tmp_path, changed(("settings", given_settings)))).settings
    assert found["input"] == {"path": "spans", "tenant": "acme"}
    assert found["decisions"] == {"cooldown_secs": 60}
    assert found["prices"] == {"overrides": "prices.yaml"}
    assert found["routes"][0]["incumbent"] == {"model": "gpt-4o"}
    assert found["routes"][0]["candidates"] == [
        {"model": "gpt-4o-mini"},
        {"model": "claude-haiku-4-5"},
    ]


TRACE = "t_s,input_tokens,output_tokens\n5,30,3\n0,10,1\n1.5,20,\n"
CLIENTS = (
    "model,client,t_s,rate_rps,cv,in_p50,in_p95,out_p50,out_p95\n"
    "m,4,0,0.5,2,100,500,,\nm,4,600,0.25,1,,,50,50\nother,1,0,9,1,,,,\n"
)
LONG = (
    "task_id,task,model,quality,input_tokens,output_tokens,latency_ms\n"
    "a,fix,gpt-4o,1,10,20,300\na,fix,gpt-4o-mini,0,11,21,310\n"
    "b,new,gpt-4o,0.5,12,22,320\nb,new,gpt-4o-mini,0.25,13,,330\n"
    "c,new,gpt-4o-mini,0.75,14,24,340\nc,new,gpt-4o,0,15,25,350\n"
)
WIDE = "task,q:gpt-4o,quality_mini\nfix,1,0\nnew,0.5,0.25\nfix,,1\n"


def with_file(folder: Path, text: str, *changes: tuple[str, Any]):
    """Read the sound world, changed to name a file of that text."""
    (folder / "data.csv").write_text(text)
    return read(a_file(folder, changed(*changes))).world.routes[0]


def test_a_trace_is_sorted_and_keeps_what_is_not_recorded_apart(tmp_path):
    route = with_file(tmp_path, TRACE, (f"{ROUTE}.arrivals", {"trace": "data.csv", "stretch": 2}))
    assert isinstance(route.traffic, Traced)
    assert route.traffic.at_ns.tolist() == [0, 1_500_000_000, 5_000_000_000]
    assert route.traffic.tokens_in.tolist() == [10, 20, 30]
    assert route.traffic.tokens_out.tolist() == [1, -1, 3]
    assert route.traffic.stretch == 2


def test_client_windows_are_those_of_the_model(tmp_path):
    arrivals = {"clients": "data.csv", "model": "m", "scale": 0.1}
    traffic = with_file(tmp_path, CLIENTS, (f"{ROUTE}.arrivals", arrivals)).traffic
    assert isinstance(traffic, ClientWindows)
    assert traffic.client.tolist() == [4, 4]
    assert traffic.calls == pytest.approx([30, 15])
    assert traffic.period_ns == 1200 * 10**9
    assert traffic.tokens_in[0] == pytest.approx([100, np.log(5) / 1.6448536])
    assert np.isnan(traffic.tokens_in[1]).all()
    assert traffic.tokens_out[1] == pytest.approx([50, 0])


def test_a_matrix_of_the_long_form_gives_every_number_of_its_complete_tasks(tmp_path):
    changes = [
        (f"{ROUTE}.matrix", "data.csv"),
        (f"{ROUTE}.cells", "task"),
        (f"{ARM}.latency_ms", None),
        (f"{ARM}.quality", None),
    ]
    route = with_file(tmp_path, LONG, *changes)
    large, small, unserved = route.arms
    assert route.tasks == 2
    assert [cell.name for cell in route.cells] == ["fix", "new"]
    assert route.task_cell.tolist() == [0, 1]
    assert large.latency_ms == Lognormal(median=900)  # what the file says wins
    assert large.tokens_out.values.tolist() == [20, 25]
    assert isinstance(small.latency_ms, Recorded)
    assert small.latency_ms.values.tolist() == [310, 340]
    assert isinstance(small.quality, RecordedScores)
    assert small.quality.values.tolist() == [0, 0.75]
    assert unserved.quality is None


def test_a_matrix_of_the_wide_form_gives_scores(tmp_path):
    changes = [
        (f"{ROUTE}.matrix", "data.csv"),
        (f"{ARM}.recorded_as", "mini"),
        (f"{ARM}.quality", None),
    ]
    route = with_file(tmp_path, WIDE, *changes)
    assert route.arms[1].quality.values.tolist() == [0, 0.25]
    assert route.tasks == 2
    assert route.arms[1].tokens_out is None


def test_recorded_data_stand_in_their_own_folder_zipped_or_not(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "data.csv.gz").write_bytes(gzip.compress(TRACE.encode()))
    path = a_file(tmp_path, changed((f"{ROUTE}.arrivals", {"trace": "recorded:data.csv.gz"})))
    assert len(read(path, tmp_path / "elsewhere").world.routes[0].traffic.at_ns) == 3


@pytest.mark.parametrize(
    ("text", "arrivals", "fault"),
    [
        ("", {"trace": "data.csv"}, "has no rows"),
        ("t_s\n", {"trace": "data.csv"}, "has no rows"),
        ("time\n1\n2\n", {"trace": "data.csv"}, "has no column t_s: has time"),
        ("t_s\n1\n1\n", {"trace": "data.csv"}, "a single instant"),
        ("t_s\n1\nsoon\n", {"trace": "data.csv"}, "column t_s: could not convert"),
        (CLIENTS, {"clients": "data.csv", "model": "x"}, "has no model x: has m, other"),
    ],
)
def test_a_file_that_cannot_be_used_is_a_fault_of_the_world(tmp_path, text, arrivals, fault):
    (tmp_path / "data.csv").write_text(text)
    found = faults(tmp_path, changed((f"{ROUTE}.arrivals", arrivals)))
    assert any(line.startswith("routes[0].arrivals is") and fault in line for line in found), found


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (LONG.replace("gpt-4o-mini", "nano"), "has no model gpt-4o-mini: has gpt-4o, nano"),
        (WIDE, "has no model gpt-4o-mini: has q:gpt-4o, quality_mini"),
        (LONG.replace(",20,", ",,").replace(",25,", ",,"), "has no task with all numbers of"),
    ],
)
def test_a_matrix_that_cannot_be_used_is_a_fault_of_the_world(tmp_path, text, fault):
    (tmp_path / "data.csv").write_text(text)
    found = faults(tmp_path, changed((f"{ROUTE}.matrix", "data.csv")))
    assert any(line.startswith("routes[0].matrix is") and fault in line for line in found), found


def test_every_key_of_a_world_file_is_described():
    models = [model for model in vars(schema).values() if isinstance(model, type)]
    specs = [model for model in models if issubclass(model, schema.BaseModel)]
    names = {name for spec in specs for name in spec.model_fields} - {"parameters"}
    described = set(re.findall(r"\w+", connectors.worlds.__doc__))
    assert len(names) > 50
    assert not names - described


def test_a_silent_world_holds_heartbeats_alone(tmp_path):
    arrivals = {"calls_per_minute": 1e-9}
    world = changed((f"{ROUTE}.arrivals", arrivals), ("length", "1m"), ("incidents", []))
    found = list(records(read(a_file(tmp_path, world)).world))
    assert len(found) == 60
    assert {record.kind for record in found} == {RecordKind.HEARTBEAT}


recorded_data = pytest.mark.skipif(
    "RECORDED_DATA" not in os.environ, reason="RECORDED_DATA names no folder"
)


def with_recorded_data(folder: Path, *changes: tuple[str, Any]):
    """Read the sound world, changed to use recorded data, and play it."""
    path = a_file(folder, changed(*changes))
    world = read(path, Path(os.environ["RECORDED_DATA"])).world
    return world.routes[0], simulate(world)


@recorded_data
@pytest.mark.parametrize(("model", "clients"), [("m-small", 35), ("m-mid", 102)])
def test_recorded_clients_call_as_unevenly_as_they_did(tmp_path, model, clients):
    arrivals = {"clients": "recorded:traces/servegen_clients_dev.csv.gz", "model": model}
    changes = [(f"{ROUTE}.arrivals", arrivals | {"scale": 0.002}), ("length", "24h")]
    route, calls = with_recorded_data(tmp_path, *changes)
    first_day = route.traffic.start_ns < 24 * 3600 * 10**9
    planted = np.bincount(route.traffic.client[first_day], route.traffic.calls[first_day])
    assert len(np.unique(route.traffic.client)) == clients
    assert len(calls) == pytest.approx(planted.sum(), rel=0.02)
    found = np.bincount(calls.user, minlength=len(planted)) / len(calls)
    assert found.max() == pytest.approx(planted.max() / planted.sum(), abs=0.01)
    assert found.max() > 5 / clients  # the first makes as many calls as five average ones


@recorded_data
@pytest.mark.parametrize(
    ("path", "models"),
    [
        ("llmrouter9_dev.csv.gz", ("gemma-2-9b-it", "llama3-chatqa-1.5-70b")),
        ("routellm_dev.csv.gz", ("gpt4_1106", "mixtral_8x7b")),
    ],
)
def test_recorded_scores_are_drawn_as_they_were_given(tmp_path, path, models):
    changes = [
        (f"{ROUTE}.matrix", f"recorded:routing/{path}"),
        (f"{ROUTE}.arrivals", {"calls_per_minute": 100}),
        (f"{ROUTE}.scores", {"share": 1.0}),
        (f"{ROUTE}.unit", "call"),
    ]
    for place, model in enumerate(models):
        changes.append((f"{ROUTE}.arms[{place}].recorded_as", model))
        changes.append((f"{ROUTE}.arms[{place}].quality", None))
    route, calls = with_recorded_data(tmp_path, *changes)
    for place in range(2):
        values = route.arms[place].quality.values
        scores = calls.score[calls.arm == place]
        assert set(scores.tolist()) <= set(values.tolist())
        deviation = values.std() / len(scores) ** 0.5
        assert scores.mean() == pytest.approx(values.mean(), abs=4 * deviation)
