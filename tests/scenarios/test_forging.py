"""Two tenants, one of whom forges: nothing that is said of the other changes by a byte."""

from __future__ import annotations

import json
from ast import literal_eval
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any

import pytest

from connectors.codecs import to_json
from connectors.decoding import RecordDecoder
from connectors.prices import open_prices
from connectors.vaults.memory import MemoryVault
from dataflows.ingest import RecordingSource
from dataflows.parts import rules_of
from optimizer.events import EventSource, EventType, FeedbackEvent, Order, OrderAction, Score
from optimizer.findings import Finding
from optimizer.observe.columns import DeadLetter, Record, RecordKind
from optimizer.observe.observer import Ledger, Observer
from optimizer.observe.partition import Partition
from optimizer.observe.stamps import Stamp, sign
from optimizer.observe.state import dump
from optimizer.pieces import Pieces
from optimizer.settings import validate
from optimizer.summaries import instant
from optimizer.windows import WindowSummary
from tests.benchmarks.job import MemoryReader, run_source
from tests.settings_probes.telemetry import SECOND_NS, START_S, a_request, a_span

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from optimizer.settings import Settings

KEY = "the key of all stamps"
ROUTE = "rival/shop/answer"
MINUTES = 8
VICTIM, FORGER = "rivals", "acmes"  # sources, and so partitions
ARM = {"model": "gpt-4o"}
GIVEN = {
    "sources": [{"source": VICTIM, "tenant": "rival"}, {"source": FORGER, "tenant": "acme"}],
    "routes": [{"route": ROUTE, "incumbent": ARM, "cells": ["short", "long"]}],
    "scores": [{"name": "user_feedback", "min": 0, "max": 1}],
}
SETTINGS = {
    "as they stand": validate(GIVEN),
    "signed": validate(GIVEN | {"stamps": {"check": "required", "key": KEY}}),
}


def stamps(tenant: str, number: int) -> dict[str, Any]:
    """Give what an honest gateway stamps on a call."""
    stamp = Stamp(tenant, "shop/answer", "small", ("short", "long")[number % 2], 3, number % 200)
    values = stamp._asdict() | {"signature": sign(KEY, stamp)}
    del values["tenant"]
    return {f"llm.optimizer.{name}": value for name, value in values.items()}


def an_honest_span(tenant: str, number: int, second: float) -> dict[str, Any]:
    """A call; from the sixth minute on, half of the victim's fail."""
    fails = {"error.type": "timeout"} if second > 300 and number % 2 else {}
    return a_span(number, second, **stamps(tenant, number), **fails)


def of_spans(partition: str, second: float, spans: Iterable[dict[str, Any]], **other) -> Record:
    stamp_ns = int((START_S + second) * SECOND_NS)
    return Record(partition, 0, stamp_ns, RecordKind.OTLP, a_request(*spans, **other))


def honest() -> list[Record]:
    """Both tenants' calls, a record each ten seconds, and a score for each call of the victim."""
    records = []
    for second in range(0, 60 * MINUTES, 10):
        for tenant, partition in (("acme", FORGER), ("rival", VICTIM)):
            first = 1 + 50 * second + 1_000_000 * (tenant == "rival")
            numbers = range(first, first + 20)
            spans = [an_honest_span(tenant, number, second) for number in numbers]
            records.append(of_spans(partition, second, spans))
            records += [a_score(partition, second, tenant, number) for number in numbers[:3]]
            records += [by_trace(partition, second, number, 1.0) for number in numbers[3:6]]
    return records


def an_event(partition: str, second: float, data: Score | Order, name: str) -> Record:
    at_ns = int((START_S + second) * SECOND_NS)
    kind = RecordKind.SCORE if isinstance(data, Score) else RecordKind.ORDER
    event = FeedbackEvent(
        id=name,
        timestamp=instant(at_ns),
        source=EventSource.USER,
        event_type=EventType.FEEDBACK,
        data=data,
    )
    return Record(partition, 0, at_ns, kind, to_json(event))


def a_score(partition: str, second: float, tenant: str, number: int) -> Record:
    score = Score(route=f"{tenant}/shop/answer", arm="small", value=number % 3 / 2, revision=3)
    return an_event(partition, second, score, f"score {number}")


def by_trace(partition: str, second: float, number: int, value: float) -> Record:
    """Feedback in Langfuse's shape, which names the trace of a call."""
    at_ns = int((START_S + second) * SECOND_NS)
    content = {
        "id": f"by trace {number}",
        "name": "user_feedback",
        "value": value,
        "traceId": f"{number:032x}",
        "timestamp": instant(at_ns).isoformat(),
    }
    return Record(partition, 0, at_ns, RecordKind.EVENT, json.dumps(content).encode())


NAMES = (
    ROUTE,
    f"/{ROUTE}",
    f"{ROUTE}/",
    f" {ROUTE} ",
    "rival//shop/answer",
    "rival\\shop\\answer",
    "../rival/shop/answer",
    "rival/shop",
    "rival\uff0fshop\uff0fanswer",
    "rival\u2215shop\u2215answer",
    "\u0433ival/shop/answer",
    "r\u0456val/shop/answer",
    "\u200brival/shop/answer",
    "\u202erewsna/pohs/lavir",
    "rival\x00/shop/answer",
    "rival\n/shop\r/answer",
    "rival/shop/answer\x1b[2K",
    f"{ROUTE}{'x' * 10_000}",
    "x" * 10_000,
    "~other/~other/~other",
    "rival/~other/~other",
    "rival/unknown/default",
    "",
)


def routes(second: float) -> Iterable[Record]:
    spans = [
        a_span(9_000_000 + number, second, **{"llm.optimizer.route": name})
        for number, name in enumerate(NAMES)
    ]
    yield of_spans(FORGER, second, spans)
    for name in NAMES:
        yield of_spans(FORGER, second, spans[:1], service=name)


def whole_stamps(second: float) -> Iterable[Record]:
    """Everything the victim's gateway stamps, with its signatures and with others."""
    stamp = {**stamps("rival", 7), "llm.optimizer.route": ROUTE}
    forged = [
        {},
        {"llm.optimizer.signature": "0" * 64},
        {"llm.optimizer.signature": "\u00e9" * 64},
        {"llm.optimizer.revision": -1},
        {"llm.optimizer.revision": 2**63 - 1},
        {"llm.optimizer.revision": "9" * 400},
        {"llm.optimizer.slot": 200},
        {"llm.optimizer.slot": -(2**63)},
        {"llm.optimizer.cell": "c" * 10_000},
        {"llm.optimizer.arm": "~other"},
    ]
    spans = [a_span(8_000_000 + n, second, **stamp | one) for n, one in enumerate(forged)]
    yield of_spans(FORGER, second, spans)


def ids(second: float) -> Iterable[Record]:
    """Calls with the ids of the victim's calls, before and after they come; more of its traces."""
    for at in (second + 10, second, max(second - 10, 0)):
        first = 1 + 50 * int(at) + 1_000_000
        yield of_spans(FORGER, second, [a_span(n, at) for n in range(first, first + 20)])
        scored = {"traceId": f"{first + 3:032x}"}
        spans = [a_span(n, at) | scored for n in range(1, 101)]
        yield of_spans(FORGER, second, spans)


TIMES_NS = (0, 1, 2**62, 2**63 - 1, 2**63, 2**64 - 1)


def times(second: float) -> Iterable[Record]:
    at_ns = int((START_S + second) * SECOND_NS)
    moved = (*TIMES_NS, at_ns - 86_400 * SECOND_NS, at_ns + 86_400 * SECOND_NS, at_ns + 31 * 10**9)
    for number, end_ns in enumerate(moved):
        span = a_span(7_000_000 + number, second)
        span |= {"startTimeUnixNano": str(max(end_ns - 1, 0)), "endTimeUnixNano": str(end_ns)}
        yield of_spans(FORGER, second, [span])


def events(second: float) -> Iterable[Record]:
    """Scores and orders for the victim's route, and feedback on its traces."""
    number = 1 + 50 * int(second) + 1_000_000
    yield a_score(FORGER, second, "rival", number)
    yield from (by_trace(FORGER, second, number + at, 0.0) for at in range(20))
    yield an_event(FORGER, second, Order(route=ROUTE, action=OrderAction.PAUSE), f"o{second}")


def floods(second: float) -> Iterable[Record]:
    """Now and then, far more calls, names and scores than anybody can be remembered by."""
    if second % 30:
        return
    numbers = range(2_000_000 + int(second) * 100, 2_000_000 + int(second) * 100 + 400)
    named = ((n, {"llm.optimizer.route": f"r{n}", "llm.optimizer.arm": f"a{n}"}) for n in numbers)
    yield of_spans(FORGER, second, [a_span(n, second, **names) for n, names in named])
    yield from (by_trace(FORGER, second, n + 10_000_000, 0.0) for n in numbers)


FORGERIES: Mapping[str, Callable[[float], Iterable[Record]]] = {
    forge.__name__: forge for forge in (routes, whole_stamps, ids, times, events, floods)
}


def with_forgeries(forge: Callable[[float], Iterable[Record]]) -> list[Record]:
    """Give the honest records with forged ones before each second's, until the last minutes."""
    records: list[Record] = []
    done = -1
    for record in honest():
        second = (record.stamp_ns - START_S * SECOND_NS) // SECOND_NS
        if second != done and second < 60 * (MINUTES - 2):
            records += forge(second)
        done = second
        records.append(record)
    return records


def told(records: list[Record], settings: Settings) -> dict[str, list[str]]:
    """Run the job over records; give what it says of each route and partition, in order."""
    offsets: Counter[str] = Counter()
    numbered = []
    for record in records:
        numbered.append(record._replace(offset=offsets[record.partition]))
        offsets[record.partition] += 1
    said: dict[str, list[str]] = defaultdict(list)

    def watch(output: Any) -> None:
        whose = getattr(output, "route", None) or getattr(output, "partition", "")
        said[whose].append(repr(output))

    source = RecordingSource(MemoryReader(numbered), [VICTIM, FORGER])
    run_source(source, settings, watch=watch)
    return said


def of_the_victim(said: Mapping[str, list[str]]) -> dict[str, list[str]]:
    return {
        name: outputs
        for name, outputs in said.items()
        if name == VICTIM or name.startswith("rival/")
    }


@pytest.fixture(scope="module", params=SETTINGS)
def undisturbed(request: pytest.FixtureRequest) -> tuple[Settings, dict[str, list[str]]]:
    settings = SETTINGS[request.param]
    return settings, of_the_victim(told(honest(), settings))


def test_what_is_said_of_the_victim_is_worth_forging(
    undisturbed: tuple[Settings, dict[str, list[str]]],
) -> None:
    _, said = undisturbed
    assert {*said} == {VICTIM, ROUTE}
    kinds = Counter(output.partition("(")[0] for output in said[ROUTE])
    assert kinds[WindowSummary.__name__] >= 2 * MINUTES - 1
    assert kinds[Finding.__name__] >= 1
    last = said[VICTIM][-1]
    assert last.startswith(Ledger.__name__)
    assert "'counted': 960" in last


@pytest.mark.parametrize("name", FORGERIES)
def test_no_forgery_changes_a_byte_of_what_is_said_of_another_tenant(
    undisturbed: tuple[Settings, dict[str, list[str]]], name: str
) -> None:
    settings, expected = undisturbed
    said = told(with_forgeries(FORGERIES[name]), settings)
    assert of_the_victim(said) == expected
    assert {route.partition("/")[0] for route in said if "/" in route} == {"acme", "rival"}


# What becomes of the forgeries themselves: all are the forger's own, or refused.
@pytest.mark.parametrize(
    ("settings", "name", "counted"),
    [
        ("as they stand", "routes", "counted"),
        ("as they stand", "ids", "duplicate"),  # within the forger's own partition
        ("as they stand", "times", "future_timestamp"),
        ("as they stand", "times", "dead:absurd_time"),
        ("as they stand", "events", "dead:another_tenant"),
        ("as they stand", "floods", "pooled"),
        ("signed", "routes", "unsigned"),
        ("signed", "whole_stamps", "badly_signed"),
    ],
)
def test_forgeries_are_counted_with_the_forger(settings: str, name: str, counted: str) -> None:
    ledgers = [
        last_ledger(told(records, SETTINGS[settings]))[counted]
        for records in (honest(), with_forgeries(FORGERIES[name]))
    ]
    assert ledgers[1] > ledgers[0]


def last_ledger(said: Mapping[str, list[str]]) -> Counter[str]:
    *_, last = (output for output in said[FORGER] if output.startswith(Ledger.__name__))
    return Counter(literal_eval(last.partition("counts=")[2].rstrip(")")))


DISTINCT = 100_000
IN_ONE = 1_000


def observer_of(settings: Settings) -> Observer:
    decoder = RecordDecoder(settings, open_prices(settings.prices), FORGER)
    return Observer(Partition(FORGER, rules_of(settings)), decoder, shards=1)


@pytest.mark.slow
def test_a_hundred_thousand_names_take_no_more_room_than_those_that_are_told_apart() -> None:
    observer, sizes = observer_of(SETTINGS["as they stand"]), []
    for first in range(0, DISTINCT, IN_ONE):
        numbers = range(first, first + IN_ONE)
        names = [{"arm": f"arm {number}"} for number in numbers[: IN_ONE // 10]]  # of one route
        names += [{"route": f"route {number}", "arm": f"arm {number}"} for number in numbers]
        spans = [
            a_span(
                2 * first + at + 1,
                5,
                **{f"llm.optimizer.{part}": name for part, name in one.items()},
            )
            for at, one in enumerate(names)
        ]
        list(observer.take(of_spans(FORGER, 10, spans)))
        sizes.append(len(observer.partition.names.packed()))
    observer.partition.settle()
    keys = Counter(key.route for key in observer.partition.table.keys)
    assert len(keys) == 1000 + 1  # and the pool
    assert keys["acme/shop/answer"] == 64 + 1
    assert keys.total() == (1000 - 1) + 1 + 64 + 1
    assert sizes[1] == sizes[-1] < 100_000
    counts = observer.partition.counts
    assert counts["counted"] == counts["calls"] == DISTINCT * 11 // 10
    assert counts["pooled"] == counts["calls"] - (1000 - 1) - 64
    state_of = dump(observer.partition, Pieces(MemoryVault(), FORGER))
    assert len(state_of) < 32 * counts["calls"]  # the calls' ids, for nobody may count twice


def panes_and_marks(observer: Observer, record: Record) -> list[str]:
    return [repr(item) for _, item in observer.take(record) if not isinstance(item, Ledger)]


def test_a_call_from_the_future_moves_nothing_of_its_own_tenants_either() -> None:
    honest_only, forged = (observer_of(SETTINGS["as they stand"]) for _ in range(2))
    for second in range(0, 120, 10):
        record = of_spans(FORGER, second, [an_honest_span("acme", second + 1, second)])
        for ahead in (31, 3_600, 86_400 * 365):
            far = of_spans(FORGER, second, [a_span(10_000 + second + ahead, second + ahead)])
            said = list(forged.take(far))
            assert [type(item) for _, item in said] == [DeadLetter]
        assert panes_and_marks(forged, record) == panes_and_marks(honest_only, record)
        assert forged.partition.watermark_ns == honest_only.partition.watermark_ns
    assert forged.partition.counts["future_timestamp"] == 36
