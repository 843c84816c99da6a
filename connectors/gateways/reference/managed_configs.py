"""A Config Manager: values with versions and a history, the last writer wins.

    python -m connectors.gateways.reference.managed_configs --port 8092 --file configs.json

A null is kept as an empty text, and a key that was deleted begins at version 1 again while its
history stays: both as the original does.
"""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from connectors.gateways.reference.serving import JsonFile, Reply, Request, refused, serve

if TYPE_CHECKING:
    from collections.abc import Callable

_ENVIRONMENTS = ("base", "development", "staging", "production", "edge")


class ConfigManager:
    """Answers requests, one at a time.

    Args:
        file: Where it keeps what it holds.
    """

    def __init__(self, file: JsonFile) -> None:
        self._file = file
        self._lock = threading.Lock()
        kept = file.read()
        self._entries: dict[str, dict[str, Any]] = kept.get("entries", {})
        self._history: dict[str, list[dict[str, Any]]] = kept.get("history", {})

    def answer(self, request: Request) -> Reply:
        """Answer a request."""
        told = request.content if request.method == "POST" and request.content else request.query
        environment = told.get("env", "development") if isinstance(told, dict) else ""
        if environment not in _ENVIRONMENTS:
            return refused(400, f"env must be one of {', '.join(_ENVIRONMENTS)}")
        with self._lock:
            match request.parts:
                case ("api", "v1", "configs", namespace) if request.method == "GET":
                    within = f"{environment} {namespace} "
                    found = [
                        self._entries[name] for name in self._entries if name.startswith(within)
                    ]
                    return Reply(200, found)
                case ("api", "v1", "configs", namespace, key, *action):
                    return self._of_key(request, (environment, namespace, key), action)
        return refused(404, "there is nothing of this name")

    def _of_key(self, request: Request, place: tuple[str, str, str], action: list[str]) -> Reply:
        name = " ".join(place)
        match request.method, action:
            case "POST", []:
                return self._set(place, request.content)
            case "POST", ["rollback", version]:
                return self._roll_back(place, version)
            case "GET", ["history"]:
                return Reply(200, self._history.get(name, []))
            case "GET" | "DELETE" as method, []:
                return self._of_entry(method, name)
        return refused(405, "this cannot be done here")

    def _of_entry(self, method: str, name: str) -> Reply:
        if name not in self._entries:
            return refused(404, f"Configuration not found: {name}")
        if method == "GET":
            return Reply(200, self._entries[name])
        del self._entries[name]
        self._keep()
        return Reply(204)

    def _set(self, place: tuple[str, str, str], content: Any) -> Reply:
        if not isinstance(content, dict) or "value" not in content:
            return refused(422, "value must be given")
        there = self._entries.get(" ".join(place))
        version = there["version"] + 1 if there else 1
        user = content.get("user", "api-user")
        return self._written(place, _without_nulls(content["value"]), version, user)

    def _roll_back(self, place: tuple[str, str, str], version: str) -> Reply:
        history = self._history.get(" ".join(place), [])
        found = [one for one in history if str(one["version"]) == version]
        if not found:
            return refused(404, f"Version {version} not found")
        return self._written(place, found[0]["value"], history[0]["version"] + 1, "system")

    def _written(self, place: tuple[str, str, str], value: Any, version: int, user: str) -> Reply:
        environment, namespace, key = place
        now = datetime.fromtimestamp(time.time(), UTC).isoformat()  # noqa: TID251 - an edge
        entry = {
            "id": str(uuid4()),
            "namespace": namespace,
            "key": key,
            "value": value,
            "environment": environment,
            "version": version,
            "metadata": {"updated_at": now, "updated_by": user, "tags": [], "description": None},
        }
        name = " ".join(place)
        self._entries[name] = entry
        older = [one for one in self._history.get(name, []) if one["version"] != version]
        kept = {"version": version, "value": value, "created_at": now, "created_by": user}
        self._history[name] = sorted([kept, *older], key=lambda one: -one["version"])
        self._keep()
        return Reply(200, entry)

    def _keep(self) -> None:
        self._file.keep({"entries": self._entries, "history": self._history})


def _without_nulls(value: Any) -> Any:
    match value:
        case None:
            return ""
        case dict():
            return {name: _without_nulls(item) for name, item in value.items()}
        case list():
            return [_without_nulls(item) for item in value]
    return value


def made(file: JsonFile) -> Callable[[Request], Reply]:
    """Give what answers requests, over a file."""
    return ConfigManager(file).answer


if __name__ == "__main__":
    serve(made, "a Config Manager: values with versions and a history")
