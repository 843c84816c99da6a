"""What a document comes to whose weights somebody else has changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from connectors.gateways.gateway_api.references import arm_in, identity, is_within
from connectors.mixes import dealt_by, reverted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from connectors.gateways.gateway_api.annotations import Kept
    from connectors.gateways.gateway_api.references import Reference
    from optimizer.documents import Document
    from optimizer.settings import RouteObject


def acting(kept: Kept, there: Sequence[Reference] | None, place: RouteObject) -> Document:
    """Give a document as it acts.

    Where its backendRefs are not those that were written, it is another document: under the same
    revision, with the shares that come nearest to the weights, and with a reason that tells them.

    Args:
        kept: What was written.
        there: The rule's backendRefs; None where the rule is gone.
        place: The object.
    """
    document = reverted(kept.document) if kept.returned else kept.document
    if there is not None and is_within(kept.written, there):
        return document
    weights = [f"{one['name']} {one.get('weight', 1)}" for one in there or ()]
    told = ", ".join(weights) or "no backend at all"
    reason = f"somebody else changed rule {place.rule}, which now deals to {told}"
    return dealt_by(_shares(kept, there or (), place), reverted(document), reason)


def _shares(kept: Kept, there: Sequence[Reference], place: RouteObject) -> dict[str, int]:
    """Give the weight of each arm, by the backends that it was written for."""
    arms = {identity(one, place): arm_in(one) for one in kept.written}
    shares: dict[str, int] = {}
    for one in there:
        if arm := arms.get(identity(one, place)):
            shares[arm] = shares.get(arm, 0) + one.get("weight", 1)
    return shares
