"""What becomes of a unit under a document, worked out once for each slot."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from optimizer.documents import SLOTS
from optimizer.observe.aliases import STAMP
from optimizer.slots import slot_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from optimizer.documents import Document
    from optimizer.models import Arm

PARAMETERS = (  # what a request may say beside its model
    "temperature",
    "top_p",
    "top_k",
    "max_tokens",
    "presence_penalty",
    "frequency_penalty",
)
_MOST_CELLS = 64
_NONE: Mapping[str, Any] = MappingProxyType({})


class Choice(NamedTuple):
    """How to make one call.

    Attributes:
        route: `tenant/service/route`.
        arm: The arm's id; `""` when there is no document: call as without an optimizer.
        model: The model to ask; `""` as above.
        parameters: What else the request says, such as `temperature`; never changed.
        written: Those of the parameters that an operator wrote down; the others are what is usual
            for the task. Who stands between callers and models leaves those to the caller.
        prompt: Name of the prompt; `""` when the caller brings its own.
        prompt_version: Version of the prompt.
        system_prompt: Its text, or its reference; None when the caller brings its own.
        cache: The answer may come from a cache.
        slot: The unit's slot; -1 where no document dealt it.
        revision: The document's; 0 where no document dealt it.
        cell: The cell it was asked for.
        stamps: Attributes for the call's span, by name; never changed.
        patience_ms: Above 0, the call hangs when it has not ended this long after its start, and a
            small span named `ASSIGNMENT` must tell of it when it starts.
    """

    route: str
    arm: str = ""
    model: str = ""
    parameters: Mapping[str, Any] = _NONE
    prompt: str = ""
    prompt_version: str = ""
    system_prompt: str | None = None
    cache: bool = False
    slot: int = -1
    revision: int = 0
    cell: str = ""
    stamps: Mapping[str, str | int] = _NONE
    patience_ms: int = 0
    written: Mapping[str, Any] = _NONE

    @property
    def request(self) -> dict[str, Any]:
        """What a request says instead of its own: the model and `written`; empty as above."""
        return {"model": self.model, **self.written} if self.model else {}


class Choices:
    """Chooses by one document.

    Args:
        document: What is followed.
        stamp_key: Signs stamps; None leaves them unsigned.
    """

    def __init__(self, document: Document, stamp_key: str | None = None) -> None:
        self._document = document
        self._key = stamp_key
        self._salt = document.salt
        self._owners = [one.arm for one in document.allotments for _ in range(one.slots)]
        self._arms = {arm.id: arm for arm in document.arms}  # an id is a hash: worked out once
        self._parameters = {id_: _parameters(arm) for id_, arm in self._arms.items()}
        self._written = {
            id_: _written(arm, self._parameters[id_]) for id_, arm in self._arms.items()
        }
        # A slot's choice is made when it is first asked for: of ten thousand routes few are.
        self._made: dict[str, list[Choice | None]] = {"": [None] * SLOTS}
        self._fallbacks: dict[str, Choice] = {}

    def choose(self, unit: str, cell: str = "") -> Choice:
        """Give what becomes of a unit."""
        slot = slot_of(self._salt, unit)
        made = self._made.get(cell)
        if made is None:
            made = [None] * SLOTS
            if len(self._made) < _MOST_CELLS:
                self._made[cell] = made
        choice = made[slot]
        if choice is None:
            choice = made[slot] = self._at(slot, cell)
        return choice

    def fall_back(self, cell: str = "") -> Choice:
        """Give the incumbent, as no part of the document: its calls prove nothing of a step."""
        choice = self._fallbacks.get(cell)
        if choice is None:
            choice = self._choice(self._document.incumbent, cell)
            if len(self._fallbacks) < _MOST_CELLS:
                self._fallbacks[cell] = choice
        return choice

    def _at(self, slot: int, cell: str = "") -> Choice:
        return self._choice(self._owners[slot], cell, slot, self._document.revision)

    def _choice(self, id_: str, cell: str, slot: int = -1, revision: int = 0) -> Choice:
        route, key, arm = self._document.route, self._key, self._arms[id_]
        return Choice(
            route=route,
            arm=id_,
            model=arm.config.model,
            parameters=self._parameters[id_],
            prompt=arm.prompt,
            prompt_version=arm.prompt_version,
            system_prompt=arm.config.system_prompt,
            cache=arm.cache,
            slot=slot,
            revision=revision,
            cell=cell,
            stamps=stamps_of(route, id_, cell, revision=revision, slot=slot, key=key),
            patience_ms=self._document.patience_ms if revision else 0,
            written=self._written[id_],
        )


def _parameters(arm: Arm) -> Mapping[str, Any]:
    told = {name: getattr(arm.config, name) for name in PARAMETERS}
    parameters = {name: value for name, value in told.items() if value is not None}
    return MappingProxyType(parameters | dict(arm.config.extra_params))


def _written(arm: Arm, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    written = {*arm.declared, *arm.config.extra_params}
    return MappingProxyType({name: told for name, told in parameters.items() if name in written})


def stamps_of(
    route: str,
    arm: str = "",
    cell: str = "",
    *,
    revision: int = 0,
    slot: int = -1,
    key: str | None = None,
) -> Mapping[str, str | int]:
    """Give what a call is stamped with; what there is nothing of is left out."""
    stamps: dict[str, str | int] = {f"{STAMP}route": route}
    if arm:
        stamps[f"{STAMP}arm"] = arm
    if cell:
        stamps[f"{STAMP}cell"] = cell
    if revision:
        stamps[f"{STAMP}revision"] = revision
    if slot >= 0:
        stamps[f"{STAMP}slot"] = slot
    if key is not None:
        from optimizer.observe.stamps import Stamp, sign  # noqa: PLC0415 - only signers load it

        tenant = route.partition("/")[0]
        stamps[f"{STAMP}signature"] = sign(key, Stamp(tenant, route, arm, cell, revision, slot))
    return MappingProxyType(stamps)
