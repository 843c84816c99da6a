"""Who changed a route's traffic, how and why, is found in the log."""

from __future__ import annotations

from datetime import timedelta

from connectors.audit import versions_of
from connectors.codecs import cloud_event, to_json
from connectors.logs.memory import MemoryLog
from connectors.publisher import DECISIONS, DOCUMENTS, FINDINGS
from optimizer.decide.docket import Docket
from optimizer.decide.orders import InForce, obey
from optimizer.decisions import DecisionStatus
from optimizer.events import OrderAction
from optimizer.findings import Finding
from optimizer.settings import validate
from tests.builders import ROUTE, START, a_decision, a_document, a_finding, an_order

SETTINGS = validate(
    {"autonomy": "approve", "stamps": {"check": "required", "key": "0123456789abcdef"}}
)


def after(seconds: float):
    return START + timedelta(seconds=seconds)


def say(log: MemoryLog, topic: str, *values) -> None:
    log.append(topic, [(each.route, to_json(cloud_event(each, "svc"))) for each in values])


def a_step(revision: int, seconds: float, **changes):
    return a_document(revision=revision, created_at=after(seconds), **changes)


def answered(action: OrderAction, seconds: float, **changes) -> Finding:
    """What the product says to an order while a decision is pending."""
    event = an_order(action, id=f"at-{seconds}", **changes)
    docket = Docket(pending=a_decision())
    _, (told, *_) = obey(docket, event, after(seconds), SETTINGS, InForce(ROUTE))
    return told


APPROVED = answered(
    OrderAction.APPROVE, 10, decision_id=a_decision().id, author="ada", reason="looks right"
)


def test_a_revision_is_told_with_its_decision_and_who_approved_it() -> None:
    log = MemoryLog()
    say(log, DOCUMENTS, a_step(2, 0, decision_id="", leased=False), a_step(3, 10), a_step(4, 300))
    say(log, DECISIONS, a_decision())
    say(log, FINDINGS, APPROVED, a_finding())
    first, second, third = versions_of(log, ROUTE)
    assert [each.document.revision for each in (first, second, third)] == [2, 3, 4]
    assert (first.before, first.decision, first.orders) == (None, None, ())
    assert second.orders == (APPROVED,)
    assert second.why.endswith("carried out. Given by ada: looks right")
    assert second.decision == a_decision()
    assert second.before == first.document
    assert (third.orders, third.why) == ((), third.document.reason)


def test_orders_that_were_refused_led_to_nothing() -> None:
    log = MemoryLog()
    say(log, DOCUMENTS, a_step(3, 10))
    say(log, FINDINGS, answered(OrderAction.APPROVE, 10, decision_id="another"))
    assert versions_of(log, ROUTE)[0].orders == ()


def test_orders_stand_with_the_revision_after_them() -> None:
    log = MemoryLog()
    say(log, DOCUMENTS, *(a_step(revision, 10 * revision) for revision in range(1, 5)))
    orders = [answered(OrderAction.PAUSE, seconds, author="bob") for seconds in (35, 20, 15, 99)]
    say(log, FINDINGS, *orders, orders[0])
    led = [[each.since for each in version.orders] for version in versions_of(log, ROUTE)]
    assert led == [[], [after(15), after(20)], [], [after(35)]]


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


def test_what_cannot_be_read_is_passed_over() -> None:
    log = MemoryLog()
    say(log, DOCUMENTS, a_step(3, 10))
    log.append(DOCUMENTS, [(ROUTE, b"{}"), (ROUTE, b"torn")])
    assert len(versions_of(log, ROUTE)) == 1


def test_a_long_log_is_read_to_its_end() -> None:
    log = MemoryLog()
    say(log, DOCUMENTS, *(a_step(revision, revision) for revision in range(1, 2502)))
    assert len(versions_of(log, ROUTE)) == 2501
