"""What conformance is tried with: a gateway, documents for it, and what is expected of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from optimizer.documents import SLOTS, Allotment, Document, Unit
from optimizer.errors import RevisionConflict
from optimizer.models import Arm, ModelConfig

if TYPE_CHECKING:
    from collections.abc import Mapping

    from optimizer.ports import Gateway

_ARMS = tuple(Arm(config=ModelConfig(model=f"check-{name}")) for name in ("new", "old"))
_MADE_AT = datetime(2026, 1, 1, tzinfo=UTC)
_LOOKS = 40  # within the patience
_SAME_SHARE = 1e-3


class Outcome(StrEnum):
    """What a check came to."""

    HELD = "held"
    BROKEN = "broken"
    CANNOT = "cannot"  # the gateway says that it cannot
    UNSHOWN = "unshown"  # nothing here can bring it about


class Result(NamedTuple):
    """One check.

    Attributes:
        name: A short constant name.
        claim: What must hold.
        outcome: What it came to.
        detail: What was seen, for a person.
    """

    name: str
    claim: str
    outcome: Outcome
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """A gateway to try.

    Attributes:
        open: Opens it as another process would; each opened one knows nothing of the others.
        route: A route that nobody uses.
        break_off: Lets the next `apply` of an opened one stop after so many writes; None where
            nothing here can.
        wait: Lets so many seconds pass.
        patience_s: How long replicas may take to follow, seconds.
        arms: A new one and the incumbent.
        unit: What assignments stick to; one of those the gateway can.
    """

    open: Callable[[], Gateway]
    route: str = "default/gateway-check/scratch"
    break_off: Callable[[Gateway, int], None] | None = None
    wait: Callable[[float], None] = time.sleep
    patience_s: float = 10.0
    arms: tuple[Arm, ...] = _ARMS
    unit: Unit = Unit.CONVERSATION

    def document(self, revision: int, slots: int = 10, *, leased: bool = False) -> Document:
        """Give a document in which the new arm has so many slots."""
        new, old = self.arms
        shares = ((new.id, slots), (old.id, SLOTS - slots))
        return Document(
            route=self.route,
            revision=revision,
            arms=self.arms,
            allotments=tuple(Allotment(arm=arm, slots=many) for arm, many in shares if many),
            incumbent=old.id,
            salt="check",
            unit=self.unit,
            leased=leased,
            created_at=_MADE_AT,
            reason="a check of the gateway",
        )


class Broken(Exception):
    """A check did not hold."""


class Unshown(Exception):
    """A check could not be made."""


class Cannot(Exception):
    """The gateway says that it cannot."""


def same(found: Document | None, wanted: Document | None) -> None:
    """Find that a document is the wanted one."""
    if found != wanted:
        raise Broken(f"found {_told(found)}, not {_told(wanted)}")


def _told(document: Document | None) -> str:
    if document is None:
        return "no document"
    slots = "/".join(str(one.slots) for one in document.allotments)
    return f"revision {document.revision} with {slots} slots"


def conflict(gateway: Gateway, document: Document, expected: int, found: int) -> None:
    """Find that a document is refused, because of the revision that is there."""
    key = f"{document.revision}-{expected}"
    conflicts(lambda: gateway.apply(document, expected, key), found)


def conflicts(act: Callable[[], None], found: int) -> None:
    """Find that something is refused, because of the revision that is there."""
    try:
        act()
    except RevisionConflict as conflict:
        if conflict.found != found:
            raise Broken(f"the conflict tells of {conflict.found}, not {found}") from conflict
    else:
        raise Broken(f"nobody refused it, though {found} is there")


def wins(trial: Trial, document: Document, expected: int) -> bool:
    """Apply a document; tell whether it was taken."""
    try:
        trial.open().apply(document, expected, document.reason)
    except RevisionConflict:
        return False
    return True


def is_one_of(trial: Trial, first: Document, second: Document) -> None:
    """Find what is half there is one of both, and that neither is written under another name."""
    found = trial.open().read(trial.route)
    if found not in (first, second):
        raise Broken(f"half-way there is {_told(found)}")


def runs(trial: Trial, gateway: Gateway, document: Document) -> str:
    """Wait until each replica that tells runs a document; say how long it took."""
    for look in range(_LOOKS + 1):
        seen = gateway.observe(trial.route)
        if any((revision or 0) > document.revision for revision in seen.values()):
            raise Broken(f"a replica tells of what nobody wrote: {dict(seen)}")
        if all(revision in (None, document.revision) for revision in seen.values()):
            told = sum(revision is not None for revision in seen.values())
            return f"{told} of {len(seen)} tell, after {look * trial.patience_s / _LOOKS:g} s"
        trial.wait(trial.patience_s / _LOOKS)
    raise Broken(f"after {trial.patience_s:g} s replicas run {dict(seen)}")


def differ(one: Mapping[str, float], other: Mapping[str, float]) -> bool:
    """Tell whether two mixes differ by more than a tenth of a percent."""
    names = one.keys() | other.keys()
    return any(abs(one.get(name, 0.0) - other.get(name, 0.0)) > _SAME_SHARE for name in names)
