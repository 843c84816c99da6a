"""An orchestrator that keeps one state a route and compares ETags, as `orchestrator.md` asks.

    python -m connectors.gateways.reference.orchestrator --port 8090 --file states.json

Beside what the optimizer asks for it deals calls: `GET .../assignment?unit=ID` gives the arm, the
slot and the revision that a call of that unit is served by, and its telemetry stamped with.
"""

from __future__ import annotations

import hashlib
import json
import threading
import time
from typing import TYPE_CHECKING, Any

from connectors.gateways.reference.serving import JsonFile, Reply, Request, refused, serve
from optimizer.documents import SLOTS
from optimizer.slots import slot_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

_CAN = {
    "leases": True,
    "tells_replicas": True,
    "stamps_slots": True,
    "stamps_revision": True,
    "units": ["user", "conversation", "call"],
}
_ROUTE = 3  # tenant/service/route
_TEXTS = ("document", "incumbent", "salt", "unit")


class Orchestrator:
    """Answers requests; one at a time, so that comparing and writing is one step.

    Args:
        file: Where it keeps its states.
        models: Which models it serves; None for all.
        clock: Gives seconds since the epoch.
    """

    def __init__(
        self,
        file: JsonFile,
        models: Collection[str] | None = None,
        clock: Callable[[], float] = time.time,  # noqa: TID251 - an edge: leases end by it
    ) -> None:
        self._file = file
        self._models = models
        self._clock = clock
        self._lock = threading.Lock()
        self._states: dict[str, dict[str, Any]] = file.read()

    def answer(self, request: Request) -> Reply:
        """Answer a request."""
        with self._lock:
            match request.method, request.parts:
                case "GET", ("v1", "capabilities"):
                    return Reply(200, _CAN)
                case "GET", ("v1", "routes"):
                    return Reply(200, {"routes": sorted(self._states)})
                case _, ("v1", "routes", tenant, service, route, *action) if len(action) < 2:  # noqa: PLR2004
                    return self._of_route(request, f"{tenant}/{service}/{route}", "".join(action))
        return refused(404, "there is nothing of this name")

    def _of_route(self, request: Request, route: str, action: str) -> Reply:
        without_state = {("POST", "validate"): self._validate, ("PUT", ""): self._put}
        with_state = {
            ("GET", ""): self._get,
            ("GET", "observed"): self._observed,
            ("GET", "assignment"): self._assignment,
            ("PUT", "lease"): self._renew,
            ("POST", "rollback"): self._roll_back,
            ("DELETE", ""): self._delete,
        }
        asked = (request.method, action)
        if asked in without_state:
            return without_state[asked](request, route)
        if route not in self._states:
            return refused(404, f"{route} has no state")
        if asked not in with_state:
            return refused(405, "this cannot be done here")
        return with_state[asked](request, route)

    def _get(self, _: Request, route: str) -> Reply:
        return self._state(route)

    def _observed(self, _: Request, route: str) -> Reply:
        return Reply(200, {"replicas": {"one": self._states[route]["revision"]}})

    def _validate(self, request: Request, route: str) -> Reply:
        return self._fault(route, request.content) or Reply(200, {"valid": True})

    def _put(self, request: Request, route: str) -> Reply:
        key, there = request.headers.get("idempotency-key"), self._states.get(route)
        if there and key and there["key"] == key and there["sent"] == request.content:
            return self._state(route)  # the same attempt: somebody on the way repeated it
        refusal = self._compared(request, route) or self._fault(route, request.content)
        if refusal:
            return refusal
        self._states[route] = {
            "sent": request.content,
            "key": key,
            "revision": request.content["revision"],
            "reverted": False,
            "lease_until": self._lease_until(request.content),
        }
        self._file.keep(self._states)
        return self._state(route)

    def _roll_back(self, request: Request, route: str) -> Reply:
        if refusal := self._compared(request, route):
            return refusal
        state = self._states[route]
        if _member(request.content, "to_revision") != state["revision"]:
            return refused(409, f"revision {state['revision']} is in force")
        state["reverted"] = True
        self._file.keep(self._states)
        return self._state(route)

    def _renew(self, request: Request, route: str) -> Reply:
        state = self._states[route]
        if _member(request.content, "revision") != state["revision"]:
            return refused(409, f"revision {state['revision']} is in force")
        state["lease_until"] = self._lease_until(request.content)
        self._file.keep(self._states)
        return Reply(200, {"lease_until": state["lease_until"]})

    def _delete(self, request: Request, route: str) -> Reply:
        if refusal := self._compared(request, route):
            return refusal
        del self._states[route]
        self._file.keep(self._states)
        return Reply(204)

    def _state(self, route: str) -> Reply:
        state = self._states[route]
        content = {
            **state["sent"],
            "reverted": state["reverted"],
            "lease_until": state["lease_until"],
        }
        return Reply(200, content, {"ETag": _tag(state)})

    def _compared(self, request: Request, route: str) -> Reply | None:
        """Refuse what was meant for another state than the one that is there."""
        there = self._states.get(route)
        tag, wants_none = request.headers.get("if-match"), "if-none-match" in request.headers
        if tag is None and not wants_none:
            return refused(428, "say what you expect: If-Match, or If-None-Match: *")
        if tag is not None and (there is None or tag != _tag(there)):
            return refused(412, "another state is there")
        if wants_none and there is not None:
            return refused(412, "a state is there")
        return None

    def _fault(self, route: str, content: Any) -> Reply | None:
        """Refuse what cannot be served, naming the arm where it is one."""
        if told := _told_wrong(route, content):
            return refused(422, told)
        for arm in _slots(content):
            model = content["arms"][arm].get("model")
            if self._models is not None and model not in self._models:
                return refused(422, f"nobody serves {model}", arm=arm)
        return None

    def _lease_until(self, content: Any) -> float | None:
        seconds = _member(content, "lease_secs")
        return None if seconds is None else self._clock() + seconds

    def _assignment(self, request: Request, route: str) -> Reply:
        state, unit = self._states[route], request.query.get("unit", "")
        sent, until = state["sent"], state["lease_until"]
        slot = slot_of(sent["salt"], unit)
        is_over = state["reverted"] or (until is not None and self._clock() >= until)
        arm = sent["incumbent"] if is_over else _arm_of(sent, slot)
        told = {"arm": arm, "slot": slot, "revision": state["revision"]}
        return Reply(200, {**told, **sent["arms"][arm]})


def _tag(state: dict[str, Any]) -> str:
    told = [state["sent"], state["reverted"]]
    return f'"{hashlib.sha256(json.dumps(told).encode()).hexdigest()[:32]}"'


def _told_wrong(route: str, content: Any) -> str:
    """Say what is wrong with a state; `""` for nothing."""
    if not isinstance(content, dict) or content.get("route") != route:
        return f"route must be {route}"
    if not all(isinstance(content.get(name), str) for name in _TEXTS):
        return f"{', '.join(_TEXTS)} must be texts"
    if type(content.get("revision")) is not int:
        return "revision must be a whole number"
    arms, slots = content.get("arms"), _slots(content)
    if not isinstance(arms, dict) or not {*slots, content["incumbent"]} <= {*arms}:
        return "each arm that is named must be among the arms"
    total = sum(slots.values())
    return "" if total == SLOTS else f"the slots sum to {total}, not {SLOTS}"


def _arm_of(content: dict[str, Any], slot: int) -> str:
    """Name the arm that owns a slot: arms own ranges of slots, in the order of the allotments."""
    first = 0
    for arm, slots in _slots(content).items():
        first += slots
        if slot < first:
            return arm
    raise ValueError(f"slot {slot} is not below {SLOTS}")


def _slots(content: dict[str, Any]) -> dict[str, int]:
    """Give the slots of each arm, in order; empty where they are not said as they must be."""
    match content.get("allotments"):
        case [*items] if all(_is_allotment(item) for item in items):
            return {item["arm"]: item["slots"] for item in items}
    return {}


def _is_allotment(item: Any) -> bool:
    match item:
        case {"arm": str(), "slots": int() as slots}:
            return slots > 0
    return False


def _member(content: Any, name: str) -> Any:
    return content.get(name) if isinstance(content, dict) else None


def made(file: JsonFile) -> Callable[[Request], Reply]:
    """Give what answers requests, over a file."""
    return Orchestrator(file).answer


if __name__ == "__main__":
    serve(made, "an orchestrator that keeps one state a route and compares ETags")
