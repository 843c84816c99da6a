"""The API server of Kubernetes: objects are read and patched, one at a time."""

from __future__ import annotations

import ssl
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any

from connectors.gateways.gateway_api.serving import told
from connectors.gateways.http import HttpClient, path_of
from optimizer.errors import GatewayRefused, GatewayUnreachable, SettingsInvalid
from optimizer.settings import RouteResource

if TYPE_CHECKING:
    from collections.abc import Mapping

    from connectors.gateways.gateway_api.patches import Patch
    from connectors.gateways.http import Answer
    from optimizer.settings import GatewaySettings, RouteObject

FIELD_MANAGER = "llm-auto-optimizer"
# Without `Strict` a server drops a field its CRD does not know, and nobody hears of it.
_HOW = {"fieldManager": FIELD_MANAGER, "fieldValidation": "Strict"}
_ANSWERS = frozenset({404, 409, 422})
_MOST_WORDS = 500
_HEADERS = {"Content-Type": "application/json-patch+json"}
_PATHS = {
    RouteResource.HTTP_ROUTE: ("gateway.networking.k8s.io", "v1", "httproutes"),
    RouteResource.AI_GATEWAY_ROUTE: ("aigateway.envoyproxy.io", "v1alpha1", "aigatewayroutes"),
}


class Changed(Exception):
    """The object is not as it was when the patch was made."""


class ApiServer:
    """Asks an API server.

    Args:
        gateway: Where it is and who we are; in a pod it is found by the variables that
            Kubernetes sets and by the files of the service account.
        environment: Variables of the process.

    Attributes:
        address: Where it is.

    Raises:
        SettingsInvalid: Nothing says where it is, or its certificates cannot be read.
    """

    def __init__(self, gateway: GatewaySettings, environment: Mapping[str, str]) -> None:
        self.address = gateway.url or _in_cluster(environment)
        self._token = gateway.token
        self._timeout_s = gateway.timeout_secs
        self._account = Path(gateway.gateway_api.service_account_dir)
        certificates = gateway.gateway_api.ca_file, self._account / "ca.crt"
        self._context = _context(*certificates) if self.address.startswith("https") else None
        self._client()  # says at once where the address is none

    def get(self, place: RouteObject) -> dict[str, Any] | None:
        """Read an object; None where it is not there.

        Raises:
            GatewayUnreachable: The server does not answer.
            GatewayRefused: It will not, or does not know objects of this kind.
        """
        answer = self._client().request("GET", _path(place))
        return self._object(answer, place)

    def patch(self, place: RouteObject, patch: Patch) -> dict[str, Any]:
        """Patch an object; give it as it is then.

        Raises:
            Changed: It was written since it was read.
            GatewayUnreachable: The server does not answer; the patch may have taken effect.
            GatewayRefused: It will not, or the object is not there.
        """
        answer = self._client().request(
            "PATCH", _path(place), patch, headers=_HEADERS, query=_HOW, answers=_ANSWERS
        )
        if answer.status == HTTPStatus.CONFLICT:
            raise Changed
        if answer.status == HTTPStatus.UNPROCESSABLE_ENTITY:
            raise GatewayRefused(f"{told(place)} cannot be dealt so: {_fault_in(answer)}")
        found = self._object(answer, place)
        if found is None:
            raise GatewayRefused(f"{told(place)} is not there any more")
        return found

    def _object(self, answer: Answer, place: RouteObject) -> dict[str, Any] | None:
        if answer.status == HTTPStatus.NOT_FOUND:
            if "page not found" in answer.words():  # an object that is not there is told otherwise
                raise GatewayRefused(
                    f"{answer.address}: the server knows no {place.resource}: install its CRD"
                )
            return None
        found = answer.json()
        if not isinstance(found, dict) or found.get("kind") != place.resource:
            raise GatewayUnreachable(f"{answer.address} answered with no {place.resource}")
        return found

    def _client(self) -> HttpClient:
        """Give a client with the token of now: that of a service account changes every hour."""
        token = self._token or _read(self._account / "token")
        return HttpClient(self.address, token, self._timeout_s, context=self._context)


def _fault_in(answer: Answer) -> str:
    """Give what is wrong with a patch, without the object that a server may repeat before that."""
    status = answer.json()
    message = str(status.get("message", "")) if isinstance(status, dict) else ""
    return (message.rpartition('}": ')[2] or answer.words())[:_MOST_WORDS]


def _path(place: RouteObject) -> str:
    group, version, plural = _PATHS[place.resource]
    return path_of("apis", group, version, "namespaces", place.namespace, plural, place.name)


def _in_cluster(environment: Mapping[str, str]) -> str:
    host = environment.get("KUBERNETES_SERVICE_HOST")
    port = environment.get("KUBERNETES_SERVICE_PORT", "443")
    if not host:
        fault = (
            "gateway.url is null: name the address of the API server, such as that of `kubectl "
            "proxy`, http://127.0.0.1:8001; in a pod it is known by itself (OPTIMIZER_GATEWAY__URL)"
        )
        raise SettingsInvalid([fault])
    return f"https://{f'[{host}]' if ':' in host else host}:{port}"


def _context(ca_file: str | None, usual: Path) -> ssl.SSLContext:
    path = Path(ca_file) if ca_file else usual
    try:
        if ca_file or path.exists():
            return ssl.create_default_context(cafile=str(path))
        return ssl.create_default_context()
    except (OSError, ValueError) as error:
        key = "gateway.gateway_api.ca_file"
        way_out = "must be a file with certificates in PEM"
        variable = "OPTIMIZER_GATEWAY__GATEWAY_API__CA_FILE"
        raise SettingsInvalid([f"{key} is {str(path)!r}: {way_out} ({variable})"]) from error


def _read(path: Path) -> str | None:
    try:
        return path.read_text().strip() or None
    except OSError:
        return None
