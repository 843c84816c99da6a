"""Services' configurations over REST: what orchestrators and edge agents of the contract take.

The optimizer widens a rollout itself, so each document is one configuration at one percentage: a
progression of one step. What a configuration cannot say stands in one text of it, `llm_optimizer`.
"""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from connectors.documents.choices import PARAMETERS
from connectors.gateways.conflicts import conflict
from connectors.gateways.held import Held, content_of, foreign, held_in
from connectors.gateways.http import path_of
from connectors.gateways.remote import Place, RemoteGateway, mapping_in, unfit
from connectors.gateways.service_names import name_of, routes_in
from optimizer.documents import SLOTS, Unit
from optimizer.errors import GatewayRefused
from optimizer.ports import Capabilities

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from connectors.gateways.http import Answer, HttpClient
    from optimizer.documents import Document
    from optimizer.models import Arm
    from optimizer.ports import Write

OURS = "llm_optimizer"
ROLLED_BACK = "rolled_back"
_BASE = "/api/v1/configurations"
_INTERVAL_MINUTES = 15  # the contract's; nothing comes after the one step
_NUMBERS = ("temperature", "max_tokens")
_STEERING = {
    "configuration": ("model", "temperature", "max_tokens", "system_prompt", "arm"),
    "deployment": ("strategy", "initial_percentage"),
}


class ConfigurationsGateway(RemoteGateway):
    """Implements `ports.Gateway` over the contract's configurations.

    Args:
        client: Asks the server.
        most_errors: The error rate at which the server may roll back by itself, in [0, 1].
        signing_key: Ed25519 private key that signs documents; None signs nothing.
    """

    def __init__(
        self, client: HttpClient, most_errors: float = 1.0, signing_key: str | None = None
    ) -> None:
        super().__init__(signing_key)
        self._client = client
        self._most_errors = most_errors

    def capabilities(self) -> Capabilities:
        """Tell what the contract promises; whether it compares is seen by its ETags."""
        return Capabilities(
            name="configurations",
            units=frozenset({Unit.CALL}),
            atomic=True,
            compares=bool(_tag(self._client.request("GET", _BASE))),
        )

    def routes(self) -> Collection[str]:
        """Name the routes among the services that have a configuration."""
        answer = self._client.request("GET", _BASE)
        content = answer.json()
        listed = content.get("configurations") if isinstance(content, dict) else content
        if not isinstance(listed, list):
            raise unfit(answer, f"{str(listed)[:80]!r}, not a list of configurations")
        return routes_in(one.get("service_id") if isinstance(one, dict) else one for one in listed)

    def plan(self, document: Document) -> Sequence[Write]:
        """Give the one write, if it can be one."""
        content_of(Held(document))
        _deployed(document)
        return super().plan(document)

    def _look(self, route: str) -> Place:
        answer = self._client.request("GET", _path(route), answers={HTTPStatus.NOT_FOUND})
        if answer.status == HTTPStatus.NOT_FOUND:
            return Place()
        found = mapping_in(answer)
        held = self._held(found, f"{route} at {self._client.address}")
        return Place(held, _tag(answer))

    def _held(self, found: Mapping[str, Any], where: str) -> Held | None:
        """Give our document, after finding that the configuration is still the one it asks for."""
        ours = _mapping(found.get("configuration")).get(OURS)
        try:
            content = json.loads(ours) if isinstance(ours, str) else None
        except (ValueError, RecursionError) as error:
            raise foreign(where, f"{OURS} is no JSON", 0) from error
        held = held_in(_mapping(content), where)
        if held is None:
            return None
        if _is_rolled_back(found):
            return held._replace(is_reverted=True)
        if told := _changed(found, self._body(held, "")):
            raise foreign(where, told, held.document.revision)
        return held

    def _write(self, place: Place, held: Held, content: Mapping[str, Any], key: str) -> None:
        body = self._body(held, json.dumps(content))
        headers = {"Idempotency-Key": name_of(key)} if key else {}
        if place.tag is None:
            answer = self._client.request("POST", _BASE, body, headers=headers)
        else:
            headers |= {"If-Match": place.tag} if place.tag else {}
            answer = self._client.request("PUT", _path(held.document.route), body, headers=headers)
        if answer.status == HTTPStatus.PRECONDITION_REQUIRED:
            told = "it wants If-Match and gives no ETag in quotes to say there"
            raise GatewayRefused(f"{answer.address} answered {answer.status}: {told}")
        if answer.status == HTTPStatus.NOT_FOUND and place.tag is None:
            raise unfit(answer, "no such path")
        if not (answer.is_done and place.tag):
            self._settle(held)  # nobody compared: see who was last

    def _remove(self, place: Place, route: str) -> None:
        headers = {"If-Match": place.tag} if place.tag else {}
        answer = self._client.request("DELETE", _path(route), headers=headers)
        if not answer.is_done:
            raise conflict(route, self._look(route).acting, place.revision)

    def _body(self, held: Held, ours: str) -> dict[str, Any]:
        document = held.document
        arm, slots = _deployed(held.acting)
        percentage = _number(100 * slots / SLOTS)
        return {
            "service_id": name_of(document.route),
            "configuration": {
                **{
                    name: value
                    for name, value in _configuration(arm).items()
                    if value not in ("", None)
                },
                "arm": arm.id,
                "revision": str(document.revision),
                OURS: ours,
            },
            "deployment": {
                "strategy": "immediate" if slots == SLOTS else "canary",
                "initial_percentage": percentage,
                "progression": [percentage],
                "progression_interval_minutes": _INTERVAL_MINUTES,
                "rollback_on_error_rate": self._most_errors,
            },
        }


def _deployed(document: Document) -> tuple[Arm, int]:
    """Give the arm that is deployed beside the incumbent, and its slots; the incumbent if none is.

    Raises:
        GatewayRefused: There are several.
    """
    others = [one for one in document.allotments if one.arm != document.incumbent]
    if len(others) > 1:
        names = ", ".join(one.arm for one in others)
        raise GatewayRefused(
            f"{document.route}: revision {document.revision} shares calls between {names} and the "
            "incumbent: a configuration has one arm beside the incumbent: try one at a time"
        )
    arm = others[0].arm if others else document.incumbent
    slots = others[0].slots if others else SLOTS
    return next(one for one in document.arms if one.id == arm), slots


def _configuration(arm: Arm) -> dict[str, Any]:
    """Give an arm's settings: numbers where the contract has numbers, any other as a text.

    What the operator did not write down is left out, so that it stays as it was.
    """
    config = arm.config
    told: dict[str, Any] = {
        name: getattr(config, name) for name in PARAMETERS if name in arm.declared
    }
    if config.extra_params:
        told["extra_params"] = json.dumps(dict(config.extra_params), sort_keys=True)
    return {
        "model": config.model,
        "routing_strategy": "weighted",
        "system_prompt": config.system_prompt,
        "prompt": arm.prompt,
        "prompt_version": arm.prompt_version,
        "cache": str(arm.cache).lower(),
        **{name: told[name] if name in _NUMBERS else str(told[name]) for name in told},
    }


def _changed(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> str:
    """Say what steers calls otherwise than our document does; `""` for nothing."""
    for section, names in _STEERING.items():
        there = _mapping(found.get(section))
        for name in names:
            value = wanted[section].get(name)
            if there.get(name) != value:
                return f"{section}.{name} is {str(there.get(name))[:200]!r}, not {value!r}"
    return ""


def _is_rolled_back(found: Mapping[str, Any]) -> bool:
    told = (found.get("status"), _mapping(found.get("deployment")).get("status"))
    return ROLLED_BACK in told


def _path(route: str) -> str:
    return f"{_BASE}{path_of(name_of(route))}"


def _tag(answer: Answer) -> str:
    """Give the ETag by which a server compares; `""` for none, and for a weak one, which cannot."""
    tag = answer.headers.get("etag", "")
    return tag if tag.startswith('"') else ""


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _number(value: float) -> float:
    return int(value) if value == int(value) else value
