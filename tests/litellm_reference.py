"""A small server that speaks LiteLLM's admin API, as far as the gateway uses it.

Written from the answers of a real proxy (1.106); `tests/litellm_proxy.py` runs one.
"""

from __future__ import annotations

import json
import threading
from copy import deepcopy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import unquote

KEY = "sk-of-a-test"
NO_DATABASE = {
    "error": {
        "message": "{'error': \"No DB Connected. Here's how to do it - https://docs...\"}",
        "type": "auth_error",
        "param": "None",
        "code": "500",
    }
}


class Reference:
    """Keeps deployments as LiteLLM's database does, and serves at once what it keeps.

    Args:
        in_file: Deployments of the proxy's own file: model group and model.
        has_database: Else it takes no write.

    Attributes:
        rows: The deployments that were written, by id.
        writes: What was asked of it, method and path, but for reading.
        most_writes: How many writes are taken before it is down; None for any number.
        address: Where it listens.
    """

    def __init__(self, *in_file: tuple[str, str], has_database: bool = True) -> None:
        self.rows: dict[str, dict[str, Any]] = {}
        self.writes: list[str] = []
        self.most_writes: int | None = None
        self._in_file = in_file
        self._has_database = has_database
        self._lock = threading.Lock()
        server = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                body = self.rfile.read(length)
                if "Authorization" not in self.headers or len(body) < length:
                    self.close_connection = True  # it broke off
                    return
                content = json.loads(body or b"null")
                status, told = server.answer(
                    self.command, unquote(self.path), content, self.headers["Authorization"]
                )
                body = json.dumps(told).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = do_PATCH = answer  # noqa: N815 - the library's names

            def log_message(self, *_: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            def handle_error(self, *_: object) -> None:
                """Say nothing: whoever asked has gone."""

        self._http = Server(("127.0.0.1", 0), Handler)
        self.port: int = self._http.server_address[1]
        self.address = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True).start()

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def answer(self, method: str, path: str, content: Any, shown: str | None) -> tuple[int, Any]:
        """Give status and content of an answer."""
        if shown != f"Bearer {KEY}":
            return 401, {"error": {"message": "Authentication Error, Invalid proxy server token"}}
        with self._lock:
            match method, path.strip("/").split("/"):
                case "GET", ["model", "info"]:
                    return 200, {"data": self._listed()}
                case "POST", ["model", "new"]:
                    return self._written(path, lambda: self._add(content))
                case "PATCH", ["model", name, "update"]:
                    return self._written(path, lambda: self._change(name, content))
                case "POST", ["model", "delete"]:
                    return self._written(path, lambda: self._delete(content["id"]))
        return 404, {"detail": "Not Found"}

    def _written(self, path: str, write: Any) -> tuple[int, Any]:
        if not self._has_database:
            return 500, NO_DATABASE
        if self.most_writes is not None:
            if not self.most_writes:
                self.most_writes = None
                return 503, {"error": {"message": "the server is down"}}
            self.most_writes -= 1
        self.writes.append(path)
        return write()

    def _listed(self) -> list[dict[str, Any]]:
        in_file = [
            {
                "model_name": group,
                "litellm_params": {"model": model},
                "model_info": {"id": f"file-{number}", "db_model": False},
            }
            for number, (group, model) in enumerate(self._in_file)
        ]
        return in_file + deepcopy(list(self.rows.values()))

    def _add(self, content: Any) -> tuple[int, Any]:
        name = content["model_info"]["id"]
        if name in self.rows:
            told = "Failed to add model to db. Check your server logs for more details."
            return 500, {"error": {"message": str({"error": told})}}
        info = {**content["model_info"], "db_model": True, "blocked": content.get("blocked")}
        self.rows[name] = {**content, "model_info": info}
        return 200, {"model_id": name}

    def _change(self, name: str, content: Any) -> tuple[int, Any]:
        if name not in self.rows:
            return 404, {"error": {"message": f"Model {name} not found on proxy."}}
        row = self.rows[name]
        row["model_name"] = content.get("model_name") or row["model_name"]
        for part in ("litellm_params", "model_info"):
            given = content.get(part) or {}
            row[part] |= {key: value for key, value in given.items() if value is not None}
        if content.get("blocked") is not None:
            row["model_info"]["blocked"] = content["blocked"]
        return 200, {"model_id": name}

    def _delete(self, name: str) -> tuple[int, Any]:
        if self.rows.pop(name, None) is None:
            return 400, {
                "error": {"message": f"{{'error': 'Model with id={name} not found in db'}}"}
            }
        return 200, {"message": f"Model: {name} deleted successfully"}
