"""What holds for every analyzer; a new one in `orient/__init__.py` is tested unasked."""

import msgspec
import pytest

from optimizer.orient import ANALYZERS
from optimizer.orient.signs import Memory, Truth
from tests.builders import a_scene, an_alert, an_open_finding, minutes_later
from tests.noisy_traffic import Incident, Noise, Traffic

each = pytest.mark.parametrize("analyzer", ANALYZERS, ids=lambda one: one.name)
HOURS = 3


def scenes(**changes):
    noise = Noise(minutes=HOURS * 60, rate=60, seed=4, **changes)
    for seen in Traffic(noise).observations(0, noise.minutes):
        alerts = [an_alert(timestamp=seen.at)] if "incident" in changes else []
        yield a_scene(seen.at, *seen.summaries, alerts=alerts)


def test_names_are_unique():
    assert len({analyzer.name for analyzer in ANALYZERS}) == len(ANALYZERS)


@each
def test_an_analyzer_says_nothing_of_healthy_traffic(analyzer):
    memory = Memory()
    for scene in scenes():
        memory, said = analyzer.step(memory, scene)
        assert said == ()


@each
def test_what_an_analyzer_remembers_survives_being_stored(analyzer):
    kept = stored = Memory()
    bad = Incident(start=90, latency=4.0, errors=0.4, cost=5.0, quality=-0.5, rate=5.0)
    for scene in scenes(incident=bad):
        kept, said = analyzer.step(kept, scene)
        stored = msgspec.msgpack.decode(msgspec.msgpack.encode(stored), type=Memory)
        stored, again = analyzer.step(stored, scene)
        assert (stored, again) == (kept, said)


@each
def test_an_analyzer_finds_something_when_all_goes_wrong(analyzer):
    memory, found = Memory(), set()
    bad = Incident(start=120, latency=4.0, errors=0.4, cost=5.0, quality=-0.5, rate=5.0)
    for scene in scenes(incident=bad):
        memory, said = analyzer.step(memory, scene)
        found |= {one.rule for one in said if one.truth is Truth.ON}
    assert found


@each
def test_an_analyzer_survives_a_minute_without_traffic_from_the_first_on(analyzer):
    opened = [an_open_finding(rule=rule) for rule in ("error_rate", "latency_increase")]
    memory, said = analyzer.step(Memory(), a_scene(minutes_later(0), opened=opened))
    assert said == ()
    assert analyzer.step(memory, a_scene(minutes_later(1)))[1] == ()
