"""Who may order what: a source its own tenant's routes, the installation all of them."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.commands import as_record, concern_all
from connectors.decoding import RecordDecoder
from connectors.inputs import INPUTS
from optimizer.errors import DecodeFailed
from optimizer.events import FeedbackEvent, OrderAction
from optimizer.observe.keys import KeyTable
from optimizer.settings import validate
from tests.builders import PriceList, a_report, an_alert, an_order

MINE, THEIRS, OF_MINE = "default/s/r", "rival/s/r", "default/s/*"


def read(event: FeedbackEvent, partition: str, **settings: Any) -> FeedbackEvent:
    """Let the decoder of a partition read an event as a command's record."""
    decoder = RecordDecoder(validate(settings), PriceList(), partition)
    record = as_record(event, 5)._replace(partition=partition)
    (read,) = decoder.decode(record, KeyTable()).events
    return read


@pytest.mark.parametrize("route", [MINE, OF_MINE])
@pytest.mark.parametrize("partition", ["input", "otlp_spans/3", "acme/replayed", INPUTS])
def test_a_source_may_order_for_its_own_tenant(partition: str, route: str) -> None:
    order = an_order(OrderAction.STOP, route=route)
    assert read(order, partition) == order


@pytest.mark.parametrize("route", [THEIRS, "rival/s/*", "*"])
@pytest.mark.parametrize("partition", ["input", "otlp_spans/3", "acme/replayed"])
def test_no_source_may_order_for_another_tenant(partition: str, route: str) -> None:
    with pytest.raises(DecodeFailed, match="another_tenant"):
        read(an_order(OrderAction.STOP, route=route), partition)


@pytest.mark.parametrize("route", [THEIRS, "rival/s/*", "*"])
@pytest.mark.parametrize("partition", [INPUTS, f"{INPUTS}/0"])
def test_the_installation_may_order_for_all(partition: str, route: str) -> None:
    order = an_order(OrderAction.STOP, route=route)
    assert read(order, partition) == order


def test_the_installation_may_report_for_all_but_not_score_or_alert_for_them() -> None:
    report = a_report(route=THEIRS)
    assert read(report, INPUTS) == report
    with pytest.raises(DecodeFailed, match="another_tenant"):
        read(an_alert(route=THEIRS), INPUTS)


def test_topics_of_inputs_are_the_installations_unless_they_are_declared() -> None:
    order = an_order(OrderAction.STOP, route="*")
    topics = {"kafka": {"inputs_topics": ["commands"]}}
    assert read(order, "commands/0", **topics) == order
    declared = topics | {"sources": [{"source": "commands", "tenant": "acme"}]}
    with pytest.raises(DecodeFailed, match="another_tenant"):
        read(order, "commands/0", **declared)
    assert concern_all(validate(topics), "commands/0")
    assert not concern_all(validate(declared), "commands/0")
    assert not concern_all(validate({}), "commands/0")
