"""Which arm serves a call, and how the call is rewritten for it: by the document, or not at all."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from typing import TYPE_CHECKING, Any, NamedTuple

from connectors.documents.rules import is_name
from connectors.gateways.litellm_plugin.options import ANY
from connectors.gateways.litellm_plugin.shapes import SHAPES, obstacle, write

if TYPE_CHECKING:
    from connectors.client import Client
    from connectors.documents.choices import Choice
    from connectors.gateways.litellm_plugin.groups import Groups
    from connectors.gateways.litellm_plugin.requests import Request

_MOST_TOLD = 100


class Assignment(NamedTuple):
    """What becomes of a call.

    Attributes:
        choice: The arm and what to stamp; None for a call of no route.
        group: The model group that serves it.
    """

    choice: Choice | None
    group: str


class Steering:
    """Assigns calls to arms.

    Args:
        client: Follows the documents.
        routes: The route of a model group, as the options have it.
        groups: Finds the group of an arm.
    """

    def __init__(self, client: Client, routes: Mapping[str, str], groups: Groups) -> None:
        self._client = client
        self._routes = routes
        self._groups = groups
        self._obstacles: dict[str, dict[str, str]] = {}

    def route_of(self, request: Request) -> str:
        """Give the route of a call; `""` for a call of none."""
        route = self._routes.get(request.group) or self._routes.get(ANY, "")
        if not route.endswith(f"/{ANY}"):
            return route
        named = next(filter(_is_part, (request.route, request.group)), "")
        return route.removesuffix(ANY) + named if named else ""

    def assign(self, request: Request) -> Assignment:
        """Give what becomes of a call: what its route's document says, else as without one.

        An arm that cannot be carried out here leaves its calls to the incumbent, as no part of the
        document, and stands among the obstacles as long as that is so.
        """
        route = self.route_of(request)
        if not route or request.kind not in SHAPES:
            return Assignment(None, request.group)
        unit = self._client.unit_of(route)
        choice = self._client.choose(route, request.unit(unit) if unit else "")
        if not choice.arm:
            return Assignment(choice, request.group)
        told, group = self._obstacle(choice, request)
        if not told:
            if route in self._obstacles:
                self._obstacles[route].pop(choice.arm, None)
            return Assignment(choice, group)
        self._tell(choice, told)
        return self._incumbent(route, request)

    def rewrite(
        self, assigned: Assignment, request: Request, data: MutableMapping[str, Any]
    ) -> None:
        """Write an assignment into a request."""
        choice = assigned.choice
        if choice is not None and choice.arm:
            data["model"] = assigned.group
            write(SHAPES[request.kind], choice, data)

    def obstacles(self, route: str) -> Mapping[str, str]:
        """Give why arms of a route are not carried out, by their ids."""
        return dict(self._obstacles.get(route, {}))

    def _incumbent(self, route: str, request: Request) -> Assignment:
        choice = self._client.fall_back(route)
        told, group = self._obstacle(choice, request)
        if not told:
            return Assignment(choice, group)
        self._tell(choice, told)
        return Assignment(self._client.unassigned(route), request.group)

    def _obstacle(self, choice: Choice, request: Request) -> tuple[str, str]:
        """Say what keeps an arm from being carried out; else give its group."""
        group = self._groups.of(choice.model, request.group)
        if not group:
            return f"no model group serves {choice.model}", ""
        shape = SHAPES[request.kind]
        return obstacle(shape, choice, self._client.fall_back(choice.route)), group

    def _tell(self, choice: Choice, told: str) -> None:
        obstacles = self._obstacles.setdefault(choice.route, {})
        if choice.arm in obstacles or len(obstacles) < _MOST_TOLD:
            obstacles[choice.arm] = told


def _is_part(name: str) -> bool:
    return is_name(name) and "/" not in name
