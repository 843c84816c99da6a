"""Events wait for the end of their minute, and find whom they concern."""

import random

import pytest

from optimizer.events import Heard, nanoseconds
from optimizer.inbox import Directory, Inbox
from optimizer.panes import shard_of
from tests.builders import START, an_alert, an_order, minutes_later

SHARDS = 8
KNOWN = ("acme/shop/answer", "acme/shop/ask", "acme/shopping/answer", "other/shop/answer")


def due(event, instant=None):
    return Heard(event, nanoseconds(instant or event.timestamp))


def end(minute):
    return nanoseconds(minutes_later(minute))


def test_events_come_out_in_the_order_of_their_time_whatever_order_they_came_in():
    events = [
        an_alert(id="b", timestamp=minutes_later(0.2)),
        an_alert(id="a", timestamp=minutes_later(0.2)),
        an_alert(id="a", timestamp=minutes_later(0.2), value=1.0),
        an_order(timestamp=minutes_later(0.1)),
    ]
    wanted = None
    for seed in range(20):
        random.Random(seed).shuffle(events)
        inbox = Inbox()
        for event in events:
            inbox.put(due(event))
        taken = inbox.take(end(1))
        wanted = wanted or taken
        assert taken == wanted
        assert [event.id for event in taken] == ["order-1", "a", "a", "b"]
        assert inbox.take(end(1)) == []


def test_what_is_due_later_waits_and_survives_being_stored():
    inbox = Inbox()
    late = an_alert(timestamp=minutes_later(0.5))
    inbox.put(due(late, minutes_later(3)))
    inbox.put(due(an_order(timestamp=minutes_later(1))))
    assert inbox.take(end(1)) == []
    stored = Inbox.load(inbox.dump())
    assert [event.id for event in stored.take(end(2))] == ["order-1"]
    assert stored.take(end(3)) == []
    assert stored.take(end(4)) == [late]


def directory(number, *declared):
    return Directory(f"shard-{number}", declared, SHARDS)


def shown_on(route, known=(), declared=()):
    """Name every route that shows an alert, with the known ones dealt to their shards."""
    shown = set()
    for number in range(SHARDS):
        here = [one for one in known if shard_of(one, SHARDS) == number]
        shown |= directory(number, *declared).concerned(an_alert(route=route), here)
    return shown


@pytest.mark.parametrize(
    ("known", "declared", "shown"),
    [
        pytest.param(KNOWN, KNOWN, {"acme/shop/answer", "acme/shop/ask"}, id="its-routes"),
        pytest.param((), KNOWN, {"acme/shop/answer", "acme/shop/ask"}, id="before-any-traffic"),
        pytest.param((), (), {"acme/shop/default"}, id="of-a-service-nobody-knows"),
        pytest.param(
            ("acme/shop/default",), (), {"acme/shop/default"}, id="of-a-service-without-routes"
        ),
        pytest.param(
            ("acme/shop/answer",),
            (),
            {"acme/shop/answer", "acme/shop/default"},
            id="undeclared-routes-of-other-shards-are-not-known",
        ),
    ],
)
def test_an_alert_of_a_service_concerns_its_routes_and_is_shown_somewhere(known, declared, shown):
    assert shard_of("acme/shop/answer", SHARDS) != shard_of("acme/shop/default", SHARDS)
    assert shown_on("acme/shop/*", known, declared) == shown


def test_an_event_that_names_a_route_concerns_it_alone():
    named = an_alert(route="acme/shop/answer")
    assert directory(0).concerned(named, KNOWN) == {"acme/shop/answer"}
    assert directory(0).concerned(an_order(), KNOWN) == {"acme/shop/answer"}


def test_orders_of_version_1_are_read():
    order = an_order(timestamp=START)
    written = Inbox([due(order)]).dump()
    inbox = Inbox.load((), [encoded for _, encoded in written])
    assert inbox.take(end(0)) == []
    assert inbox.take(end(1)) == [order]
