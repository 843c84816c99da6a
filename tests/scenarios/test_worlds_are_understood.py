"""Whole worlds through the whole job: each planted incident is found, and nothing before it."""

from __future__ import annotations

import json
import os
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from connectors.configuration import load, located
from connectors.dead_letters import DeadLetterStore
from connectors.logs.memory import MemoryLog
from connectors.publisher import Publisher
from connectors.recordings import open_reader
from connectors.stores.memory import MemoryStore
from connectors.worlds import write
from dataflows.ingest import RecordingSource
from dataflows.optimize import Job, execute
from optimizer.decisions import OptimizationDecision
from optimizer.findings import Finding, FindingStatus

ROOT = Path(__file__).parents[2]
# The rules that answer each kind of incident; the first of them must speak.
RULES = {
    "latency": {"latency_threshold", "latency_increase"},
    "errors": {"error_rate"},
    "price": {"cost_increase", "cost_per_request"},
    "quality": {"quality_min", "quality_drop"},
    "traffic": {"traffic_stop", "traffic_surge"},
    "outage": {"error_rate", "traffic_stop"},
}
DECIDED = {"latency", "errors", "price"}


class Story:
    """What a world's replay said, and what was planted in it."""

    def __init__(self, world: Path, folder: Path) -> None:
        write(world, folder)
        reader = open_reader(folder)
        config = folder / "config.yaml"
        said: list = []
        publisher = Publisher(MemoryLog(), DeadLetterStore(), MemoryStore(), "story", said.append)
        source = RecordingSource(reader, reader.manifest.partitions)
        settings = located(load(config, {}), config)
        execute(Job(settings=settings, source=source, publisher=publisher, recovery=None))
        self.incidents = json.loads((folder / "truth.json").read_text())["incidents"]
        self.opened = [
            each
            for each in said
            if isinstance(each, Finding)
            and each.status is FindingStatus.OPEN
            and each.seen == each.since
        ]
        self.decisions = [each for each in said if isinstance(each, OptimizationDecision)]

    def first(self) -> datetime:
        return min(datetime.fromisoformat(each["start"]) for each in self.incidents)


@pytest.fixture(scope="module")
def demo(tmp_path_factory) -> Story:
    world = ROOT / "connectors" / "worlds" / "demo.yaml"
    return Story(world, tmp_path_factory.mktemp("worlds") / "demo")


@pytest.fixture(scope="module")
def recorded(tmp_path_factory) -> Story:
    if not os.environ.get("RECORDED_DATA"):
        pytest.skip("RECORDED_DATA names no folder of recorded data")
    world = ROOT / "tests" / "worlds" / "azure_coderouter.yaml"
    return Story(world, tmp_path_factory.mktemp("worlds") / "recorded")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["demo", "recorded"])
def test_each_incident_is_found_while_it_lasts(name: str, request) -> None:
    story = request.getfixturevalue(name)
    for incident in story.incidents:
        start, end = (datetime.fromisoformat(incident[key]) for key in ("start", "end"))
        found = [
            finding
            for finding in story.opened
            if finding.route == incident["route"]
            and finding.rule in RULES[incident["kind"]]
            and finding.arm
            in {incident["arm"], ""}
            | ({finding.arm} - {incident["arm"]} if incident["arm"] is None else set())
            and start < finding.since <= end + timedelta(minutes=15)
        ]
        assert found, f"{incident} was not found"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["demo", "recorded"])
def test_nothing_pages_and_nothing_is_decided_before_the_first_incident(name: str, request) -> None:
    story = request.getfixturevalue(name)
    assert [f for f in story.opened if f.severity.pages and f.since <= story.first()] == []
    assert [d for d in story.decisions if d.created_at <= story.first()] == []


@pytest.mark.slow
def test_each_incident_that_a_rule_answers_leads_to_a_proposal(demo: Story) -> None:
    for incident in demo.incidents:
        start, end = (datetime.fromisoformat(incident[key]) for key in ("start", "end"))
        proposed = [
            decision
            for decision in demo.decisions
            if decision.route == incident["route"]
            and decision.status == "pending"
            and start < decision.created_at <= end + timedelta(minutes=15)
        ]
        assert bool(proposed) == (incident["kind"] in DECIDED), incident


@pytest.mark.slow
def test_no_finding_pages_without_an_incident(demo: Story) -> None:
    for finding in demo.opened:
        during = [
            incident
            for incident in demo.incidents
            if finding.route == incident["route"]
            and finding.rule in RULES[incident["kind"]]
            and datetime.fromisoformat(incident["start"]) < finding.since
            and finding.since <= datetime.fromisoformat(incident["end"]) + timedelta(minutes=15)
        ]
        assert during or not finding.severity.pages, finding
