"""The four requests to LiteLLM's admin API, and what its refusals mean."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from connectors.gateways.http import path_of
from connectors.gateways.litellm_admin.deployments import deployment_of
from optimizer.errors import GatewayRefused, GatewayUnreachable

if TYPE_CHECKING:
    from connectors.gateways.http import Answer, HttpClient
    from connectors.gateways.litellm_admin.deployments import Deployment

# LiteLLM answers 400 or 500 to what can never go well: only its words tell that from a mishap.
_NO_DATABASE = ("db not connected", "no db connected", "no connected db")
_NOT_STORED = ("store_model_in_db", "only supported for db-stored models")
_TELLING = (HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND, HTTPStatus.INTERNAL_SERVER_ERROR)


class AdminApi:
    """Asks one proxy.

    Args:
        client: How it is asked.
    """

    def __init__(self, client: HttpClient) -> None:
        self._client = client

    def deployments(self) -> list[Deployment]:
        """Give all deployments that the replica that answers serves.

        Raises:
            GatewayUnreachable: It does not answer.
            GatewayRefused: It is no LiteLLM proxy, or does not take the token.
        """
        answer = self._client.request("GET", "/model/info", answers=_TELLING)
        if answer.status == HTTPStatus.INTERNAL_SERVER_ERROR:
            if "not loaded" in answer.words():  # by a proxy that was never given a model
                return []
            raise GatewayUnreachable(answer.told)
        if answer.status == HTTPStatus.BAD_REQUEST:
            _check(answer)
        content = answer.json() if answer.status == HTTPStatus.OK else {}
        rows = content.get("data") if isinstance(content, dict) else None
        if not isinstance(rows, list):
            way_out = "is it a LiteLLM proxy? (OPTIMIZER_GATEWAY__URL)"
            raise GatewayRefused(f"{answer.told}: {way_out}")
        return [deployment_of(row) for row in rows if _is_whole(row)]

    def add(self, content: dict[str, Any]) -> None:
        """Add a deployment."""
        _check(self._client.request("POST", "/model/new", content, answers=_TELLING))

    def change(self, name: str, content: dict[str, Any]) -> None:
        """Change what is named of a deployment; all else of it stays."""
        path = path_of("model", name, "update")
        _check(self._client.request("PATCH", path, content, answers=_TELLING))

    def delete(self, name: str) -> None:
        """Take a deployment away."""
        _check(self._client.request("POST", "/model/delete", {"id": name}, answers=_TELLING))


def _is_whole(row: Any) -> bool:
    """Tell a deployment from an alias of the router's, which has no settings."""
    return bool(isinstance(row, dict) and row.get("litellm_params"))


def _check(answer: Answer) -> None:
    """Say in a gateway's words what LiteLLM says in its own."""
    if answer.status < HTTPStatus.BAD_REQUEST:
        return
    told, low = answer.told, answer.words().lower()
    if any(each in low for each in _NO_DATABASE):
        # Without one it takes its master key alone, and says so of any other.
        way_out = "give it one (DATABASE_URL), or use its plugin instead (gateway.kind documents)"
        raise GatewayRefused(f"{told}: its admin API needs a database: {way_out}")
    if any(each in low for each in _NOT_STORED):
        way_out = "set general_settings.store_model_in_db: true in its file"
        raise GatewayRefused(f"{told}: it does not keep models in its database: {way_out}")
    if answer.status == HTTPStatus.INTERNAL_SERVER_ERROR or "not found" in low:
        raise GatewayUnreachable(told)  # a mishap, or somebody took it away: to be looked at anew
    raise GatewayRefused(told)
