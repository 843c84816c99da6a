"""Events wait for the end of their minute, and find whom they concern."""

import random

import pytest

from optimizer.events import Heard, OrderAction, nanoseconds
from optimizer.inbox import Directory, Inbox
from optimizer.panes import Served, service_of, shard_of
from tests.builders import START, a_report, an_alert, an_order, minutes_later

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
        an_order(OrderAction.RESUME, id="d", timestamp=minutes_later(0.15)),
        an_order(OrderAction.PAUSE, id="e", timestamp=minutes_later(0.1)),
    ]
    wanted = None
    for seed in range(20):
        random.Random(seed).shuffle(events)
        inbox = Inbox()
        for event in events:
            inbox.put(due(event))
        taken = inbox.take_orders(end(1)), inbox.take_alerts(end(1))
        wanted = wanted or taken
        assert taken == wanted
        assert [[event.id for event in some] for some in taken] == [["e", "d"], ["a", "a", "b"]]
        assert (inbox.take_orders(end(1)), inbox.take_alerts(end(1))) == ([], [])


def test_what_is_due_later_waits_and_survives_being_stored():
    inbox = Inbox()
    late = an_alert(timestamp=minutes_later(0.5))
    inbox.put(due(late, minutes_later(3)))
    inbox.put(due(an_order(timestamp=minutes_later(1))))
    report = a_report(timestamp=minutes_later(1.5))
    inbox.put(due(report))
    assert inbox.take_orders(end(1)) == []
    stored = Inbox.load(*inbox.dump())
    assert stored.next_order_ns() == end(1)
    order, told = stored.take_orders(end(2))
    assert (order.id, told) == ("order-1", report)
    assert stored.take_alerts(end(3)) == []
    assert stored.take_alerts(end(4)) == [late]


def directory(number, *declared):
    return Directory(f"shard-{number}", declared, SHARDS)


def shown_on(known=(), declared=(), minute=10, since=9):
    """Name every route that shows an alert of a service, with known ones dealt to their shards."""
    shown = set()
    for number in range(SHARDS):
        shard = directory(number, *declared)
        for notice in {service_of(one) for one in known}:
            shard.learn(Served(notice, end(since)))
        here = [one for one in known if shard_of(one, SHARDS) == number]
        shown |= shard.concerned(an_alert(), here, end(minute))
    return shown


@pytest.mark.parametrize(
    ("known", "declared", "shown"),
    [
        pytest.param(KNOWN, (), {"acme/shop/answer", "acme/shop/ask"}, id="its-routes"),
        pytest.param((), KNOWN, {"acme/shop/answer", "acme/shop/ask"}, id="before-any-traffic"),
        pytest.param((), (), {"acme/shop/default"}, id="of-a-service-nobody-knows"),
        pytest.param(KNOWN[2:], KNOWN[3:], {"acme/shop/default"}, id="beside-other-services"),
        pytest.param(("acme/shop/default",), (), {"acme/shop/default"}, id="without-named-routes"),
    ],
)
def test_an_alert_of_a_service_concerns_its_routes_and_is_shown_somewhere(known, declared, shown):
    assert len({shard_of(one, SHARDS) for one in (*KNOWN[:2], "acme/shop/default")}) > 1
    assert shown_on(known, declared) == shown


def test_a_service_is_known_from_its_first_pane_on_whenever_the_notice_comes():
    assert shown_on(("acme/shop/ask",), since=10) == {"acme/shop/ask", "acme/shop/default"}
    shard = directory(shard_of("acme/shop/default", SHARDS))
    for minute in (12, 10, 11):
        shard.learn(Served("acme/shop", end(minute)))
    assert shard.served == {"acme/shop": end(10)}


def test_an_event_that_names_a_route_concerns_it_alone():
    named = an_alert(route="acme/shop/answer")
    assert directory(0).concerned(named, KNOWN, end(1)) == {"acme/shop/answer"}
    for event in (an_order(), a_report()):
        assert directory(0).concerned(event, KNOWN, end(1)) == {"acme/shop/answer"}


def test_orders_of_version_1_are_read():
    order = an_order(timestamp=START)
    written, _ = Inbox([due(order)]).dump()
    inbox = Inbox.load((), (), [encoded for _, encoded in written])
    assert inbox.take_orders(end(0)) == []
    assert inbox.take_orders(end(1)) == [order]


def test_an_order_that_is_told_twice_is_given_once_also_after_it_was_stored():
    order, inbox = an_order(timestamp=minutes_later(0.5)), Inbox()
    for _ in range(2):
        inbox.put(due(order))
    assert inbox.take_orders(end(1)) == [order]
    inbox.put(due(order, minutes_later(1.5)))
    stored = Inbox.load(*inbox.dump())
    assert stored.take_orders(end(2)) == []
    other = an_order(id="order-2", timestamp=minutes_later(2.5))
    stored.put(due(other))
    assert stored.take_orders(end(3)) == [other]


def test_a_report_may_say_again_what_it_said():
    report, inbox = a_report(timestamp=minutes_later(0.5)), Inbox()
    for at in (0.5, 0.7):
        inbox.put(due(report, minutes_later(at)))
    assert inbox.take_orders(end(1)) == [report, report]


def test_thousands_of_orders_leave_a_state_that_is_no_larger_than_a_thousand_ids():
    inbox = Inbox()
    for number in range(5000):
        inbox.put(due(an_order(id=f"{number:05}", timestamp=minutes_later(number / 5000))))
    assert len(inbox.take_orders(end(1))) == 5000
    waiting, given = inbox.dump()
    assert waiting == []
    assert given == [f"user {number:05}" for number in range(4000, 5000)]


def concerned(route, known=KNOWN, declared=()):
    """Name the routes that an order concerns, of all shards."""
    order, found = an_order(OrderAction.STOP, route=route), []
    for number in range(SHARDS):
        here = [one for one in known if shard_of(one, SHARDS) == number]
        found += directory(number, *declared).concerned(order, here, end(1))
    return sorted(found)


@pytest.mark.parametrize(
    ("route", "routes"),
    [
        pytest.param("*", KNOWN, id="everything"),
        pytest.param("acme/shop/*", KNOWN[:2], id="a-service"),
        pytest.param("nobody/nothing/*", (), id="a-service-nobody-knows"),
    ],
)
def test_an_order_to_several_concerns_all_that_are_known_or_declared(route, routes):
    assert concerned(route) == sorted(routes)
    assert concerned(route, known=(), declared=KNOWN) == sorted(routes)
    assert concerned(route, known=KNOWN[:1], declared=KNOWN) == sorted(routes)
