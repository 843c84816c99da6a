"""Services' configurations as the contract has them, kept as they were sent.

    python -m connectors.gateways.reference.configurations --port 8091 --file configurations.json

The contract says nothing of comparing: this one answers with ETags and honours `If-Match`.
"""

from __future__ import annotations

import hashlib
import json
import threading
from typing import TYPE_CHECKING, Any

from connectors.gateways.reference.serving import JsonFile, Reply, Request, refused, serve

if TYPE_CHECKING:
    from collections.abc import Callable

_ALL = 100


class Configurations:
    """Answers requests, one at a time.

    Args:
        file: Where it keeps what it holds.
        has_etags: It answers with ETags and compares them; else the last writer wins.
    """

    def __init__(self, file: JsonFile, *, has_etags: bool = True) -> None:
        self._file = file
        self._has_etags = has_etags
        self._lock = threading.Lock()
        self._services: dict[str, dict[str, Any]] = file.read()

    def answer(self, request: Request) -> Reply:
        """Answer a request."""
        with self._lock:
            match request.method, request.parts:
                case "GET", ("api", "v1", "configurations"):
                    return self._told(list(self._services.values()))
                case "POST", ("api", "v1", "configurations"):
                    return self._create(request)
                case _, ("api", "v1", "configurations", service, *action):
                    return self._of_service(request, service, action)
        return refused(404, "there is nothing of this name")

    def _create(self, request: Request) -> Reply:
        if fault := _fault(request.content):
            return refused(400, fault)
        service = request.content["service_id"]
        if service in self._services:
            return refused(409, f"{service} has a configuration")
        return self._keep(service, request.content)._replace(status=201)

    def _of_service(self, request: Request, service: str, action: list[str]) -> Reply:
        there = self._services.get(service)
        if there is None:
            return refused(404, f"{service} has no configuration")
        if request.method == "GET" and not action:
            return self._told(there)
        wanted = request.headers.get("if-match")
        if self._has_etags and wanted is not None and wanted != _tag(there):
            return refused(412, "another configuration is there")
        return self._changed(request, service, action)

    def _changed(self, request: Request, service: str, action: list[str]) -> Reply:
        match request.method, action:
            case "PUT", []:
                return self._replace(service, request.content)
            case "POST", ["rollback"]:
                return self._keep(service, self._services[service], "rolled_back")
            case "DELETE", []:
                return self._delete(service)
        return refused(405, "this cannot be done here")

    def _replace(self, service: str, content: Any) -> Reply:
        fault = _fault(content)
        return refused(400, fault) if fault else self._keep(service, content)

    def _delete(self, service: str) -> Reply:
        del self._services[service]
        self._file.keep(self._services)
        return Reply(204)

    def _keep(self, service: str, content: dict[str, Any], status: str = "deployed") -> Reply:
        self._services[service] = {**content, "service_id": service, "status": status}
        self._file.keep(self._services)
        return self._told(self._services[service])

    def _told(self, content: Any) -> Reply:
        return Reply(200, content, {"ETag": _tag(content)} if self._has_etags else {})


def _tag(content: Any) -> str:
    return f'"{hashlib.sha256(json.dumps(content).encode()).hexdigest()[:32]}"'


def _fault(content: Any) -> str:
    """Say what is wrong with a configuration; `""` for nothing."""
    match content:
        case {
            "service_id": str(),
            "configuration": {"model": str(), **strings},
            "deployment": {"strategy": str(), "initial_percentage": int() | float() as percentage},
        }:
            numbers = {"temperature", "max_tokens"}
            odd = [
                name for name in strings if name not in numbers and type(strings[name]) is not str
            ]
            if odd:
                return f"configuration.{odd[0]} must be a text"
            return "" if 0 < percentage <= _ALL else "initial_percentage must be above 0, to 100"
    return "service_id, configuration.model and deployment must be given"


def made(file: JsonFile) -> Callable[[Request], Reply]:
    """Give what answers requests, over a file."""
    return Configurations(file).answer


def made_without_etags(file: JsonFile) -> Callable[[Request], Reply]:
    """Give what answers requests and never compares."""
    return Configurations(file, has_etags=False).answer


if __name__ == "__main__":
    serve(made, "services' configurations as the contract has them")
