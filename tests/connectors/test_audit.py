"""Who changed a route's traffic, how and why, is found in the log."""

from __future__ import annotations

from datetime import timedelta

from connectors.audit import versions_of
from connectors.codecs import cloud_event, to_json
from connectors.inputs import INPUTS
from connectors.logs.memory import MemoryLog
from connectors.publisher import DECISIONS, DOCUMENTS
from connectors.recordings import messages
from optimizer.decisions import DecisionStatus
from optimizer.events import FeedbackEvent, OrderAction
from optimizer.observe.columns import Record, RecordKind
from tests.builders import ROUTE, START, a_decision, a_document, a_report, an_order


def after(seconds: float):
    return START + timedelta(seconds=seconds)


def say(log: MemoryLog, topic: str, *values) -> None:
    log.append(topic, [(each.route, to_json(cloud_event(each, "svc"))) for each in values])


def hear(log: MemoryLog, *events: FeedbackEvent, kind: RecordKind = RecordKind.ORDER) -> None:
    records = (Record("cli", 0, 0, kind, to_json(event)) for event in events)
    log.append(INPUTS, [("cli", b"".join(map(messages.encode, records)))])


def a_step(revision: int, seconds: float, **changes):
    return a_document(revision=revision, created_at=after(seconds), **changes)


APPROVAL = an_order(
    OrderAction.APPROVE,
    timestamp=after(5),
    decision_id=a_decision().id,
    author="ada",
    reason="looks right",
)


def test_a_revision_is_told_with_its_decision_and_who_approved_it() -> None:
    log = MemoryLog()
    say(log, DOCUMENTS, a_step(2, 0, decision_id="", leased=False), a_step(3, 10), a_step(4, 300))
    say(log, DECISIONS, a_decision())
    hear(log, APPROVAL)
    first, second, third = versions_of(log, ROUTE)
    assert [each.document.revision for each in (first, second, third)] == [2, 3, 4]
    assert (first.before, first.decision, first.orders) == (None, None, ())
    assert (second.author, second.orders) == ("ada", (APPROVAL,))
    assert second.decision == a_decision()
    assert second.before == first.document
    assert (third.author, third.orders) == ("", ())


def test_the_newest_word_on_a_decision_counts() -> None:
    log = MemoryLog()
    say(log, DOCUMENTS, a_step(3, 10))
    say(log, DECISIONS, a_decision(), a_decision(status=DecisionStatus.DEPLOYING))
    (version,) = versions_of(log, ROUTE)
    assert version.decision.status is DecisionStatus.DEPLOYING


def test_repeats_stand_once_and_other_routes_not_at_all() -> None:
    log = MemoryLog()
    say(log, DOCUMENTS, a_step(3, 10), a_step(3, 10), a_step(9, 10, route="acme/shop/sum"))
    assert [each.document.revision for each in versions_of(log, ROUTE)] == [3]
    assert versions_of(log, "acme/shop/none") == []


def test_orders_to_a_service_or_to_all_concern_its_routes() -> None:
    log = MemoryLog()
    say(log, DOCUMENTS, a_step(2, 0), a_step(3, 10), a_step(4, 20), a_step(5, 30))
    orders = [
        an_order(OrderAction.STOP, route="*", timestamp=after(9), author="bob", id="1"),
        an_order(OrderAction.STOP, route="acme/shop/*", timestamp=after(19), author="eve", id="2"),
        an_order(OrderAction.STOP, route="acme/other/*", timestamp=after(29), id="3"),
        an_order(OrderAction.APPROVE, decision_id="another", timestamp=after(29), id="4"),
    ]
    hear(log, *orders)
    assert [each.author for each in versions_of(log, ROUTE)] == ["", "bob", "eve", ""]


def test_what_is_no_order_or_cannot_be_read_is_passed_over() -> None:
    log = MemoryLog()
    say(log, DOCUMENTS, a_step(3, 10))
    log.append(DOCUMENTS, [(ROUTE, b"{}"), (ROUTE, b"torn")])
    log.append(INPUTS, [("cli", b"torn"), ("cli", b"")])
    hear(log, a_report(timestamp=after(5)), kind=RecordKind.REPORT)
    (version,) = versions_of(log, ROUTE)
    assert version.orders == ()


def test_a_long_log_is_read_to_its_end() -> None:
    log = MemoryLog()
    say(log, DOCUMENTS, *(a_step(revision, revision) for revision in range(1, 2502)))
    assert len(versions_of(log, ROUTE)) == 2501
