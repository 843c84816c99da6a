"""What gateways that keep whole documents have in common: look first, compare, then write."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, NamedTuple

from connectors.gateways.conflicts import check_follows, conflict
from connectors.gateways.held import Held, content_of
from connectors.mixes import mix_of
from optimizer.errors import GatewayRefused, RevisionConflict
from optimizer.ports import Write

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from connectors.gateways.http import Answer
    from optimizer.documents import Document


class Place(NamedTuple):
    """What stands at a gateway under the name of a route.

    Attributes:
        held: Our document; None where there is none.
        tag: What tells this content from any other one; None where there is nothing at all.
    """

    held: Held | None = None
    tag: Any = None

    @property
    def acting(self) -> Document | None:
        """The document in force, as it acts."""
        return self.held.acting if self.held else None

    @property
    def revision(self) -> int:
        """The revision that is there; 0 for none."""
        return self.held.document.revision if self.held else 0


class RemoteGateway(ABC):
    """Implements most of `ports.Gateway` by a look and a write.

    Args:
        signing_key: Ed25519 private key that signs documents; None signs nothing.
    """

    def __init__(self, signing_key: str | None = None) -> None:
        self._signing_key = signing_key

    @abstractmethod
    def _look(self, route: str) -> Place:
        """Find what is there."""

    @abstractmethod
    def _write(self, place: Place, held: Held, content: Mapping[str, Any], key: str) -> None:
        """Put a document where `place` is, if it is still there.

        Raises:
            RevisionConflict: Something else is there by now.
        """

    @abstractmethod
    def _remove(self, place: Place, route: str) -> None:
        """Take away what is there, if it is still that."""

    def read(self, route: str) -> Document | None:
        """Give the document in force, as it acts.

        Raises:
            RevisionConflict: Somebody else changed what is there under our document.
        """
        return self._look(route).acting

    def plan(self, document: Document) -> Sequence[Write]:
        """Give the one write."""
        return [Write("the whole document", mix_of([document]))]

    def apply(self, document: Document, expected: int, key: str) -> None:
        """Bring a document there."""
        held = Held(document)
        content = content_of(held, self._signing_key)
        place = self._look(document.route)
        if place.acting == document:
            return
        check_follows(document, place.acting, expected)
        self._write(place, held, content, key)

    def observe(self, route: str) -> Mapping[str, int | None]:  # noqa: ARG002 - the port's
        """Tell nothing: nobody knows what replicas run."""
        return {}

    def renew(self, route: str, revision: int) -> None:
        """Do no more than look: there are no leases."""
        self._expected(route, revision)

    def revert(self, route: str, expected: int) -> None:
        """Let the incumbent serve all."""
        place = self._expected(route, expected)
        if place.held and not place.held.is_reverted:
            held = Held(place.held.document, is_reverted=True)
            self._write(place, held, content_of(held, self._signing_key), "")

    def remove(self, route: str, expected: int) -> None:
        """Take a route's document away."""
        self._remove(self._expected(route, expected), route)

    def _expected(self, route: str, revision: int) -> Place:
        place = self._look(route)
        if place.held is None or place.revision != revision:
            raise conflict(route, place.acting, revision)
        return place

    def _settle(self, held: Held) -> None:
        """Find, after a write was refused, that what was to be written is there all the same.

        It is where our own first attempt got through and only its answer was lost.

        Raises:
            RevisionConflict: Something else is there.
        """
        place = self._look(held.document.route)
        if place.held != held:
            message = f"{held.document.route}: revision {place.revision} was written meanwhile"
            raise RevisionConflict(message, place.revision)


def mapping_in(answer: Answer) -> dict[str, Any]:
    """Give what was answered, which must be a JSON object.

    Raises:
        GatewayUnreachable: It is no JSON.
        GatewayRefused: It is other JSON.
    """
    content = answer.json()
    if not isinstance(content, dict):
        raise unfit(answer, f"a {type(content).__name__}, not an object")
    return content


def unfit(answer: Answer, told: str) -> GatewayRefused:
    """Give the error for an answer that is not what this kind of gateway answers."""
    way_out = "is this the right address and gateway.kind? (OPTIMIZER_GATEWAY__URL)"
    return GatewayRefused(f"{answer.address} answered {answer.status} with {told}: {way_out}")
