"""One look at one route: what the gateway has against what the log says, and what to do about it.

What the gateway has is read first and the log after it: so whatever another actuator brought there
from the log is known as the log's, and only what nobody ever said is foreign.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from connectors.actuator.desired import digest_of
from connectors.actuator.errands import FIRST_PAUSE_S, pause_s
from connectors.actuator.outbox import as_detail
from connectors.journal import note
from connectors.mixes import overshoot
from optimizer.errors import (
    DocumentInvalid,
    GatewayRefused,
    GatewayUnreachable,
    ModelGone,
    RevisionConflict,
)
from optimizer.events import Report, ReportOutcome

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from connectors.actuator.desired import Desired
    from connectors.actuator.errands import Errand
    from connectors.actuator.outbox import Outbox
    from optimizer.documents import Document
    from optimizer.ports import Gateway

AGAIN_S = 60.0  # between looks at a route where all is well
REFUSED_S = 600.0  # trying again does not help; somebody may have put it right
PATIENT_LOOKS = 12  # a good minute for replicas that lag
_MOVING = 3  # conflicts in a row that another actuator may cause


class Reconciler:
    """Brings routes of a gateway to what is desired.

    Args:
        gateway: The gateway.
        desired: What the log says.
        outbox: Takes reports.
        life: Tells this life of the actuator from every other one.
        lease_s: How long a lease of the gateway holds, seconds.
        is_judged: Tells whether somebody still judges the rollouts; else no lease is renewed.
    """

    def __init__(
        self,
        gateway: Gateway,
        desired: Desired,
        outbox: Outbox,
        *,
        life: str,
        lease_s: float,
        is_judged: Callable[[], bool],
    ) -> None:
        self._gateway = gateway
        self._name = ""  # the gateway tells it at the first look, when it can be reached
        self._desired = desired
        self._outbox = outbox
        self._life = life
        self._renew_s = min(AGAIN_S, lease_s / 3)
        self._is_judged = is_judged

    def look(self, errand: Errand) -> float:
        """Look at a route; give the seconds until it is to be looked at again.

        Raises:
            GatewayUnreachable: It could not be reached; the errand says how often by now.
            StorageFailed: The log cannot be read.
        """
        try:
            self._name = self._name or self._gateway.capabilities().name
            again_s = self._reconcile(errand)
        except (GatewayRefused, DocumentInvalid) as refusal:
            self._tell_refused(errand, refusal)
            return REFUSED_S
        except RevisionConflict as conflict:  # somebody wrote while we looked
            return self._again(errand, conflict)
        except GatewayUnreachable:
            errand.attempts += 1
            raise
        errand.attempts = 0
        return again_s

    def _reconcile(self, errand: Errand) -> float:
        found = self._gateway.read(errand.route)
        self._desired.catch_up()
        is_first = errand.seen is None
        self._tell_seen(errand, found)
        wanted = self._desired.documents.get(errand.route)
        if wanted is None:
            return AGAIN_S
        if errand.revision != wanted.revision:
            errand.revision, errand.attempts, errand.looks = wanted.revision, 0, 0
        if self._is_blocked(found, wanted):
            return AGAIN_S
        passed_over: list[int] = []
        if found == wanted:
            self._renew(wanted)
        if found != wanted or is_first:  # an earlier life may have been cut short
            self._bring(wanted, found)
            passed_over = self._desired.between(
                wanted.route, found.revision if found else 0, wanted.revision
            )
        return self._verify(errand, wanted, passed_over)

    def _again(self, errand: Errand, conflict: RevisionConflict) -> float:
        """Try again soon; tell if what stands in the way does not show itself."""
        errand.attempts += 1
        if errand.attempts > _MOVING:
            told = f"revision {errand.revision} is refused: {conflict}"
            self._tell(errand.route, ReportOutcome.CONFLICT, conflict.found, told)
        return pause_s(errand)

    def _is_blocked(self, found: Document | None, wanted: Document) -> bool:
        """Tell whether somebody else's document is there that may not be overwritten."""
        self._tell_doubted(wanted)
        if found is None or not self._desired.is_foreign(found):
            return False
        why = f": {found.reason}" if found.reason else ""
        self._tell_conflict(found, f"the log never said this document{why}")
        return found.revision >= wanted.revision

    def _tell_doubted(self, wanted: Document) -> None:
        """Tell what the log said and cannot be meant: who said it knows too little."""
        route = wanted.route
        if contradicting := self._desired.contradicted.pop(route, None):
            told = "the log says two documents under this revision: the first one counts"
            self._tell_conflict(contradicting, told)
        if outdated := self._desired.outdated.pop(route, None):
            told = f"the log said revision {outdated.revision} after this one"
            outcome, digest = ReportOutcome.SEEN, digest_of(outdated)
            self._tell(route, outcome, wanted.revision, told, digest)

    def _bring(self, wanted: Document, found: Document | None) -> None:
        """Bring a document there.

        Raises:
            GatewayRefused: It will not, or an arm would get too much traffic on the way.
            GatewayUnreachable: It cannot be reached, or still has something else.
            RevisionConflict: It has another revision by now.
        """
        plan = self._gateway.plan(wanted)
        if too_much := overshoot(found, plan, wanted):
            raise GatewayRefused(too_much)
        self._gateway.apply(wanted, found.revision if found else 0, key_of(wanted))
        there = self._gateway.read(wanted.route)
        if there != wanted:
            told = there.revision if there else "nothing"
            raise GatewayUnreachable(f"it took revision {wanted.revision} and has {told}")

    def _verify(self, errand: Errand, wanted: Document, passed_over: list[int]) -> float:
        """Report that a document is in force, once every replica that tells runs it."""
        seen = self._gateway.observe(wanted.route)
        behind = [
            f"{name} runs {revision}"
            for name, revision in seen.items()
            if revision not in (None, wanted.revision)
        ]
        if behind and errand.looks < PATIENT_LOOKS:
            errand.looks += 1
            return min(10.0, FIRST_PAUSE_S * 2.0**errand.looks)
        told = [f"{', '.join(map(str, passed_over))} passed over"] if passed_over else []
        told += [*behind, *_untold(seen)]
        self._tell(wanted.route, ReportOutcome.APPLIED, wanted.revision, "; ".join(told))
        return self._renew_s if wanted.leased else AGAIN_S

    def _renew(self, wanted: Document) -> None:
        if not wanted.leased:
            return
        if self._is_judged():
            self._gateway.renew(wanted.route, wanted.revision)
        else:
            note("warn", "lease_not_renewed", route=wanted.route, why="nobody judges the rollout")

    def _tell_seen(self, errand: Errand, found: Document | None) -> None:
        """Tell what is there: at the first look of a life, and where the log says nothing."""
        is_first = errand.seen is None
        revision = found.revision if found else 0
        is_news = revision != errand.seen and errand.route not in self._desired.documents
        if is_first or is_news:
            errand.seen = revision
            if found:
                self._tell(errand.route, ReportOutcome.SEEN, revision, "", self._life)

    def _tell_refused(self, errand: Errand, refusal: GatewayRefused | DocumentInvalid) -> None:
        arm = refusal.arm if isinstance(refusal, ModelGone) else ""
        outcome = ReportOutcome.MODEL_GONE if arm else ReportOutcome.FAILED
        self._tell(errand.route, outcome, errand.revision, str(refusal), arm, arm=arm)

    def _tell_conflict(self, document: Document, told: str) -> None:
        outcome, digest = ReportOutcome.CONFLICT, digest_of(document)
        self._tell(document.route, outcome, document.revision, told, digest)

    def _tell(
        self,
        route: str,
        outcome: ReportOutcome,
        revision: int,
        detail: str,
        *identity: object,
        arm: str = "",
    ) -> None:
        report = Report(
            route=route,
            outcome=outcome,
            revision=revision,
            gateway=self._name,
            arm=arm,
            detail=as_detail(detail),
        )
        self._outbox.tell(report, *identity)


def _untold(seen: Mapping[str, int | None]) -> list[str]:
    """Say of how many replicas nobody knows what they run."""
    untold = sum(revision is None for revision in seen.values())
    if untold == len(seen):
        return ["nobody tells what its replicas run"]
    return [f"{untold} of {len(seen)} replicas do not tell what they run"] if untold else []


def key_of(document: Document) -> str:
    """Name the attempts to bring a document somewhere: the same for the same document."""
    return f"{document.route}@{document.revision}:{digest_of(document)[:16]}"
