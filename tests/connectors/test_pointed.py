"""Points of metrics in recordings of columns: the same numbers, none of the words beside."""

from __future__ import annotations

from pathlib import Path

import pytest

from connectors.decoding import RecordDecoder
from connectors.pointed import dump_points, load_points
from connectors.prices import open_prices
from optimizer.errors import DecodeFailed
from optimizer.observe.columns import DeadLetter, Record, RecordKind
from optimizer.observe.keys import KeyTable
from optimizer.observe.observer import Observer
from optimizer.observe.partition import Partition
from optimizer.observe.rules import StreamRules
from optimizer.settings import SourceSettings, validate
from tests.optimizer.observe.test_meters import a_point

SETTINGS = validate({"input": {"tenant": "acme"}})
SOURCE = SourceSettings(source="p", tenant="acme")
METRICS = sorted((Path(__file__).parents[1] / "samples" / "metrics").iterdir())


def decoded(kind: RecordKind, body: bytes):
    decoder = RecordDecoder(SETTINGS, open_prices(SETTINGS.prices), "p")
    return decoder.decode(Record("p", 0, 1 << 61, kind, body), KeyTable())


def facts(points) -> list[tuple]:
    return [one[:-1] for one in points]


@pytest.mark.parametrize("path", METRICS, ids=lambda path: path.name)
def test_captured_metrics_are_the_same_points_again_without_their_words(path: Path) -> None:
    points = decoded(RecordKind.METRICS, path.read_bytes()).points
    body = dump_points(points)
    again = decoded(RecordKind.POINTED, body).points
    assert points
    assert facts(again) == facts(points)
    assert b"hidden_params" not in body
    assert b"service.instance" not in body
    assert facts(load_points(again[0].alone(), SOURCE)) == facts(points[:1])


def test_points_of_another_tenant_are_refused() -> None:
    rival = SourceSettings(source="p", tenant="rival")
    point = a_point(3, 5)
    owner = SourceSettings(source="p", tenant=point.key.route.partition("/")[0])
    assert facts(load_points(dump_points([point]), owner)) == facts([point])
    with pytest.raises(DecodeFailed, match="another_tenant"):
        load_points(dump_points([point]), rival)


@pytest.mark.parametrize(
    "change",
    [
        {"calls": -2},
        {"total": -1},
        {"stream": b"short"},
        {"start_ns": 1 << 61, "time_ns": 1},
        {"key": ("acme/a/b", "arm", -1, "")},
    ],
    ids=str,
)
def test_what_no_metric_can_say_is_refused(change: dict) -> None:
    with pytest.raises(DecodeFailed, match="not_points"):
        load_points(dump_points([a_point(3, 5)._replace(**change)]), SOURCE)


def test_a_point_from_the_future_is_set_aside_as_what_it_came_as() -> None:
    point = a_point(3, 5)
    tenant = point.key.route.partition("/")[0]
    settings = validate({"input": {"tenant": tenant}})
    decoder = RecordDecoder(settings, open_prices(settings.prices), "p")
    observer = Observer(Partition("p", StreamRules()), decoder, shards=1)
    early = point.time_ns - 3600 * 1_000_000_000
    record = Record("p", 0, early, RecordKind.POINTED, dump_points([point]))
    (letter,) = [item for _, item in observer.take(record) if isinstance(item, DeadLetter)]
    assert letter.reason == "future_timestamp"
    again = decoder.decode(record._replace(kind=letter.kind, body=letter.body), KeyTable())
    assert facts(again.points) == facts([point])
