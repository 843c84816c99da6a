"""An API server of Kubernetes on loopback, as far as objects are read and patched.

It answers as a real one does: Status objects, resource versions that rise with every change, JSON
patches and merge patches, conflicts, defaults and faults by the CRDs.
"""

from __future__ import annotations

import copy
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import parse_qs, urlsplit

from tests.kubernetes.crd import faults_of, unknown_in, with_defaults

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

GROUPS = {
    ("gateway.networking.k8s.io", "v1", "httproutes"): "HTTPRoute",
    ("aigateway.envoyproxy.io", "v1alpha1", "aigatewayroutes"): "AIGatewayRoute",
}
_NAMES = {kind: f"{plural}.{group}" for (group, _, plural), kind in GROUPS.items()}
_NOT_APPLIED = "the server rejected our request due to an error in our request"
_REASONS = {
    400: "BadRequest",
    401: "Unauthorized",
    404: "NotFound",
    409: "Conflict",
    415: "UnsupportedMediaType",
    422: "Invalid",
}
JSON_PATCH = "application/json-patch+json"
Key = tuple[str, str, str]
Query = dict[str, list[str]]


class Refused(Exception):
    """The server answers with a Status that is no success."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class KubernetesApi:
    """A server with some objects.

    Args:
        token: What it asks for; None for nothing.
        tls: What it shows of itself; None speaks without TLS.

    Attributes:
        address: Where it listens.
        port: The same.
        requests: Method, path with query, and headers of what was asked.
        before_patch: Called with the server before each patch is looked at.
    """

    def __init__(self, token: str | None = None, tls: ssl.SSLContext | None = None) -> None:
        self.objects: dict[Key, dict[str, Any]] = {}
        self.requests: list[tuple[str, str, dict[str, str]]] = []
        self.before_patch: Callable[[Self], None] | None = None
        self.token = token
        self.lock = threading.RLock()
        self._version = 1000
        self._server = _Server(self)
        if tls:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.port: int = self._server.server_address[1]
        self.address = f"http{'s' * bool(tls)}://127.0.0.1:{self.port}"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def create(self, manifest: dict[str, Any]) -> dict[str, Any]:
        """Add an object as `kubectl create` would."""
        found = copy.deepcopy(manifest)
        metadata = found["metadata"]
        metadata.setdefault("namespace", "default")
        metadata |= {"uid": f"uid-{metadata['name']}", "generation": 1}
        return self.put(found)

    def put(self, found: dict[str, Any]) -> dict[str, Any]:
        """Let an object be as it is given, as whoever writes without asking."""
        with self.lock:
            kind, metadata = found["kind"], found["metadata"]
            if faults := faults_of(kind, found) + unknown_in(kind, found):
                told = "; ".join(faults)
                raise Refused(422, f'{kind} "{metadata["name"]}" is invalid: {told}')
            key = kind, metadata["namespace"], metadata["name"]
            found, before = with_defaults(kind, found), self.objects.get(key)
            if found == before:
                return found
            self._version += 1
            metadata["resourceVersion"] = str(self._version)
            if before and before["spec"] != found["spec"]:
                metadata["generation"] = before["metadata"]["generation"] + 1
            self.objects[key] = found
            return found

    def edit(self, kind: str, name: str, change: Callable[[dict[str, Any]], None]) -> None:
        """Let somebody else change an object."""
        with self.lock:
            found = copy.deepcopy(self.objects[kind, "default", name])
            change(found)
            self.put(found)

    def patch(self, key: Key, patch: Any, media: str, *, strict: bool) -> dict[str, Any]:
        """Patch an object."""
        with self.lock:
            there = self.objects.get(key)
            if there is None:
                raise Refused(404, f'{_NAMES[key[0]]} "{key[2]}" not found')
            found = patched(there, patch, media)
            if found["metadata"].get("resourceVersion") != there["metadata"]["resourceVersion"]:
                raise Refused(
                    409,
                    f'Operation cannot be fulfilled on {_NAMES[key[0]]} "{key[2]}": the object has '
                    "been modified; please apply your changes to the latest version and try again",
                )
            if strict and (unknown := unknown_in(key[0], found)):
                told = ", ".join(f'unknown field "{name}"' for name in unknown)
                value = json.dumps(json.dumps(found))
                fault = f"patch: Invalid value: {value}: strict decoding error: {told}"
                raise Refused(422, f' "" is invalid: {fault}')
            return self.put(found)


def patched(there: dict[str, Any], patch: Any, media: str = JSON_PATCH) -> dict[str, Any]:
    """Give an object as it is after a patch."""
    if media == JSON_PATCH:
        found = copy.deepcopy(there)
        if not isinstance(patch, list):
            raise Refused(400, "error decoding patch: no list of operations")
        for operation in patch:
            _operate(found, operation)
        return found
    if media == "application/merge-patch+json":
        merged: dict[str, Any] = _merged(copy.deepcopy(there), patch)
        return merged
    raise Refused(415, f"the body of the request was in an unknown format: {media}")


def _operate(found: Any, operation: dict[str, Any]) -> None:
    *parents, last = (
        part.replace("~1", "/").replace("~0", "~") for part in operation["path"].split("/")[1:]
    )
    try:
        for part in parents:
            found = found[int(part)] if isinstance(found, list) else found[part]
        key: Any = int(last) if isinstance(found, list) else last
        match operation["op"]:
            case "add":
                found[key] = operation["value"]
            case "replace":
                found[key]
                found[key] = operation["value"]
            case "remove":
                del found[key]
            case "test" if found[key] != operation["value"]:
                raise Refused(422, _NOT_APPLIED)
    except (KeyError, IndexError, ValueError, TypeError) as error:
        raise Refused(422, _NOT_APPLIED) from error


def _merged(there: Any, patch: Any) -> Any:
    """Merge as RFC 7386 says."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(there) if isinstance(there, dict) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = _merged(merged.get(name), value)
    return merged


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, api: KubernetesApi) -> None:
        self.api = api
        super().__init__(("127.0.0.1", 0), _Handler)

    def handle_error(self, *_: object) -> None:
        """Say nothing of who has gone."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answered(lambda key, _: _read(self.server.api, key))

    def do_PATCH(self) -> None:
        content = self.rfile.read(int(self.headers["Content-Length"]))
        if len(content) < int(self.headers["Content-Length"]):
            raise ConnectionError("the request broke off")
        self._answered(lambda key, query: self._patched(key, query, content))

    def log_message(self, *_: object) -> None:
        pass

    def _patched(self, key: Key, query: Query, content: bytes) -> dict[str, Any]:
        api = self.server.api
        if api.before_patch:
            api.before_patch(api)
        try:
            patch = json.loads(content)
        except ValueError as error:
            raise Refused(400, f"error decoding patch: {error}") from error
        is_strict = query.get("fieldValidation") == ["Strict"]
        return api.patch(key, patch, self.headers["Content-Type"], strict=is_strict)

    def _answered(self, answer: Callable[[Key, Query], dict[str, Any]]) -> None:
        api, parts = self.server.api, urlsplit(self.path)
        api.requests.append((self.command, self.path, dict(self.headers)))
        key = _key_of(parts.path)
        if key is None:
            self._send(404, b"404 page not found\n", "text/plain; charset=utf-8")
            return
        try:
            _check_token(api, self.headers["Authorization"])
            found, code = answer(key, parse_qs(parts.query)), 200
        except Refused as refusal:
            found, code = _status(refusal), refusal.code
        self._send(code, json.dumps(found).encode() + b"\n", "application/json")

    def _send(self, code: int, content: bytes, media: str) -> None:
        self.send_response(code)
        self.send_header("Content-Type", media)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


def _key_of(path: str) -> Key | None:
    match path.split("/"):
        case ["", "apis", group, version, "namespaces", namespace, plural, name]:
            kind = GROUPS.get((group, version, plural))
            return (kind, namespace, name) if kind else None
    return None


def _check_token(api: KubernetesApi, shown: str | None) -> None:
    if api.token and shown != f"Bearer {api.token}":
        raise Refused(401, "Unauthorized")


def _read(api: KubernetesApi, key: Key) -> dict[str, Any]:
    with api.lock:
        if key not in api.objects:
            raise Refused(404, f'{_NAMES[key[0]]} "{key[2]}" not found')
        return api.objects[key]


def _status(refusal: Refused) -> dict[str, Any]:
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": str(refusal),
        "reason": _REASONS[refusal.code],
        "code": refusal.code,
    }
