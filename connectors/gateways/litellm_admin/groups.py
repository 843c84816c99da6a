"""A model group of a LiteLLM proxy as one route's: its arms, its document, and who meddled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from connectors.gateways.conflicts import check_follows, conflict
from connectors.gateways.litellm_admin.weights import are_same, shares
from connectors.journal import note
from connectors.mixes import dealt_by, mix_of, reverted
from optimizer.errors import DocumentInvalid, GatewayRefused, UnknownVersion

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from connectors.gateways.litellm_admin.deployments import Deployment
    from optimizer.documents import Document

BESIDE = ("document", "reverted")
_FINE = 1_000_000  # parts of a weight, where whole numbers are needed


class Group:
    """What a proxy tells of a route's model group.

    Args:
        route: The route.
        name: The group that the settings name for it.
        deployments: All that the proxy tells of.

    Attributes:
        route: The route.
        name: Its group.
        arms: Our deployments of the route, by arm.
        strangers: Somebody else's in the group.
        document: The newest document that stands beside ours, as we left it; None without one.
        beside: What stands for it beside the deployment that holds it.
    """

    def __init__(self, route: str, name: str, deployments: Iterable[Deployment]) -> None:
        self.route = route
        self.name = name
        rows = list(deployments)
        self.arms = {one.arm: one for one in rows if one.route == route}
        self.strangers = [one for one in rows if one.group == name and one.route != route]
        self.document: Document | None = None
        self.beside: Mapping[str, Any] = {}
        self._holder = ""
        for one in self.arms.values():
            self._take(one)

    def _take(self, one: Deployment) -> None:
        found = _document_of(one)
        is_reverted = bool(one.note.get("reverted"))
        there = self.revision, bool(self.beside.get("reverted"))
        if found and (found.revision, is_reverted) > there:
            self.document = reverted(found) if is_reverted else found
            self.beside = {name: one.note[name] for name in BESIDE if name in one.note}
            self._holder = one.arm

    @property
    def revision(self) -> int:
        """Give the revision that is there; 0 for none."""
        return self.document.revision if self.document else 0

    @property
    def weights(self) -> dict[str, float]:
        """Give the weight of each arm."""
        return {arm: one.weight for arm, one in self.arms.items()}

    @property
    def touched(self) -> list[str]:
        """Name the arms whose deployments are not as we wrote them."""
        return [
            arm
            for arm, one in sorted(self.arms.items())
            if one.group != self.name or not one.is_as_written
        ]

    @property
    def is_settled(self) -> bool:
        """The shares are the document's, as far as ours go."""
        return are_same(shares(self.weights), mix_of([self.document]))

    def acting(self) -> Document | None:
        """Give the document as it acts; None where there is none.

        Where somebody else changed what it says, it is another document: under the same revision,
        with the shares that come nearest to the weights, and with a reason that tells of it.
        """
        told = self._meddled()
        if self.document is None or not told:
            return self.document
        parts = {arm: round(weight * _FINE) for arm, weight in sorted(self.weights.items())}
        return dealt_by(parts, self.document, told)

    def kept(self, arm: str) -> Mapping[str, Any]:
        """Give what stands for the document beside an arm's deployment; empty where none does."""
        return self.beside if arm == self._holder else {}

    def _meddled(self) -> str:
        """Say what somebody else did; `""` for nothing."""
        if self.strangers:
            return _told_of(self.strangers[0])
        for arm in self.touched:
            one = self.arms[arm]
            told = (
                f"it is {one.model} with the weight {one.weight:g} in the model group {one.group}"
            )
            return f"somebody else changed the deployment {one.id}: {told}"
        if not self.is_settled and not self._is_half_way:
            return "somebody else took a deployment away, so the shares are others"
        return ""

    @property
    def _is_half_way(self) -> bool:
        """Some were written for a newer document, which broke off."""
        return any(one.revision > self.revision for one in self.arms.values())

    def check_follows(self, document: Document, expected: int) -> None:
        """Find that a document may follow what is there.

        Raises:
            RevisionConflict: Another revision is there, or one as new as the document.
            GatewayRefused: It would be the first, and somebody else's deployments are there.
        """
        check_follows(document, self.acting(), expected)
        if self.document is None and self.strangers:
            raise GatewayRefused(f"{self.route}: {_told_of(self.strangers[0])}")

    def expect(self, revision: int) -> Document:
        """Give the document, which must be of this revision.

        Raises:
            RevisionConflict: It is not.
        """
        if self.document is None or self.revision != revision:
            raise conflict(self.route, self.document, revision)
        return self.document


def _document_of(one: Deployment) -> Document | None:
    """Read the document beside a deployment; one that is damaged is noted, and is none."""
    try:
        return one.document()
    except DocumentInvalid as fault:
        note("warn", "document_damaged", route=one.route, deployment=one.id, fault=fault)
        return None
    except UnknownVersion as error:
        raise GatewayRefused(str(error)) from error


def _told_of(one: Deployment) -> str:
    whose = f"the route {one.route}" if one.route else "somebody else"
    way_out = "name a model group of its own in gateway.litellm_admin.groups"
    if not one.in_database:
        whose, way_out = "the proxy's own file", f"take it out there, or {way_out}"
    return f"the model group {one.group} has the deployment {one.id} of {whose}: {way_out}"
