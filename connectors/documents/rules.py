"""What a document must be, every breach of it named at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from optimizer.documents import MOST_PATIENCE_MS, SLOTS, Unit
from optimizer.observe.words import MAX_REVISION

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from optimizer.documents import Document

MOST_ARMS = 64
MOST_BYTES = 262_144  # of a document's file
MOST_PROMPT_BYTES = 1 << 20
_MOST_NAME, _MOST_SALT, _MOST_MODEL, _MOST_REASON = 128, 400, 2048, 2000
_ROUTE_PARTS = 3


def faults_of(document: Document) -> list[str]:
    """Give all that is wrong with a document, a sentence each; empty when it is sound."""
    return [*_names(document), *_arms(document), *_allotments(document), *_rest(document)]


def is_name(text: str, most: int = _MOST_NAME) -> bool:
    """Tell whether a text can be a name: some printable characters, no blanks around."""
    return 0 < len(text) <= most and text.isprintable() and text == text.strip()


def is_route(text: str) -> bool:
    """Tell whether a text is `tenant/service/route`."""
    parts = text.split("/")
    return len(parts) == _ROUTE_PARTS and all(map(is_name, parts))


def _names(document: Document) -> Iterator[str]:
    name = "1 to 128 printable characters without blanks around"
    if not is_route(document.route):
        yield f"route is {document.route[:400]!r}: must be tenant/service/route, each part {name}"
    if not is_name(document.salt, _MOST_SALT):  # at rest it is the route
        told = name.replace(str(_MOST_NAME), str(_MOST_SALT))
        yield f"salt is {document.salt[:200]!r}: must be {told}"
    if document.decision_id and not is_name(document.decision_id):
        yield f"decision_id is {document.decision_id[:200]!r}: must be empty or {name}"


def _arms(document: Document) -> Iterator[str]:
    ids = [arm.id for arm in document.arms]
    if not 1 <= len(ids) <= MOST_ARMS:
        yield f"arms are {len(ids)}: must be 1 to {MOST_ARMS}"
    yield from (f"arms hold {arm} twice: each stands once" for arm in _repeated(ids))
    for arm in document.arms:
        if not is_name(arm.config.model, _MOST_MODEL):
            yield f"arm {arm.id} has the model {arm.config.model[:200]!r}: must name one"
    if document.incumbent not in ids:
        yield f"incumbent is {document.incumbent[:200]!r}: must be one of {', '.join(ids)}"


def _allotments(document: Document) -> Iterator[str]:
    known = {arm.id for arm in document.arms}
    slots = sum(allotment.slots for allotment in document.allotments)
    if slots != SLOTS:
        yield f"allotments sum to {slots} slots: must be {SLOTS}"
    for allotment in document.allotments:
        if allotment.slots < 1:
            yield f"allotment of {allotment.arm[:200]} is {allotment.slots} slots: must be above 0"
        if allotment.arm not in known:
            yield f"allotment of {allotment.arm[:200]!r}: must be of one of the arms"
    allotted = [allotment.arm for allotment in document.allotments]
    yield from (f"allotments hold {arm[:200]} twice: each once" for arm in _repeated(allotted))


def _rest(document: Document) -> Iterator[str]:
    if not 1 <= document.revision < MAX_REVISION:
        yield f"revision is {document.revision}: must be from 1 to {MAX_REVISION - 1}"
    if document.unit not in set(Unit):
        yield f"unit is {document.unit!r}: must be one of {', '.join(Unit)}"
    if not 0 <= document.patience_ms <= MOST_PATIENCE_MS:
        yield f"patience_ms is {document.patience_ms}: must be from 0 to {MOST_PATIENCE_MS}"
    if document.created_at.tzinfo is None:
        yield f"created_at is {document.created_at}: must have a time zone"
    if len(document.reason) > _MOST_REASON:
        yield f"reason has {len(document.reason)} characters: must be at most {_MOST_REASON}"


def _repeated(names: Sequence[str]) -> list[str]:
    return sorted({name for name in names if names.count(name) > 1})
