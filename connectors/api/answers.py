"""What a run says to an order: findings in the log, named after the order."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from connectors.api.looking import EVERY_S, told
from connectors.publisher import FINDINGS
from optimizer.decide.orders import OBEYED, REFUSED
from optimizer.events import Order, OrderAction
from optimizer.findings import Finding, finding_id
from optimizer.starting import WAITS

if TYPE_CHECKING:
    from optimizer.events import FeedbackEvent
    from optimizer.ports import Log


class Answers:
    """Looks for the answers to an order, from the end of the log on.

    Args:
        log: Where the run says what it finds.
        event: The order, not yet given.
    """

    def __init__(self, log: Log, event: FeedbackEvent) -> None:
        self._event = event
        self._said = told(log, FINDINGS, Finding, log.end(FINDINGS))

    def wait(self, seconds: float) -> list[Finding]:
        """Give the answer when it has come, and what came with it.

        That is, of an order to several routes, the answers of others; of an approval, what its
        start waits for.

        Args:
            seconds: How long to wait; after that none is given.
        """
        until = time.monotonic() + seconds  # noqa: TID251 - an edge: a person waits
        found: list[Finding] = []
        for finding in self._said:
            if finding is not None:
                if self._answers(finding) or self._holds_up(finding, found):
                    found.append(finding)
            elif found or time.monotonic() > until:  # noqa: TID251 - as above
                break
            else:
                time.sleep(EVERY_S)
        return found

    @staticmethod
    def is_refusal(finding: Finding) -> bool:
        """Tell whether an answer says that the order was not carried out."""
        return finding.rule == REFUSED

    def _answers(self, finding: Finding) -> bool:
        name = finding_id(finding.route, self._event.id, finding.rule, finding.since)
        return finding.rule in {OBEYED, REFUSED} and finding.id == name

    def _holds_up(self, finding: Finding, found: list[Finding]) -> bool:
        """Tell whether a finding says why what was approved in that instant does not begin."""
        order = self._event.data
        approves = isinstance(order, Order) and order.action is OrderAction.APPROVE
        answered = {(one.route, one.since) for one in found}
        return approves and finding.rule == WAITS and (finding.route, finding.since) in answered
