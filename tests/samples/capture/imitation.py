"""An imitation of models' APIs and a sink for OTLP/HTTP, both on this machine."""

from __future__ import annotations

import json
import time
from http.server import BaseHTTPRequestHandler

import answers

SLOW_S = 0.02  # before each piece of a stream
# How the path of an API ends, what answers, and what streams.
APIS = (
    ("/chat/completions", answers.completion, answers.chunks),
    ("/embeddings", answers.embedding, None),
    ("/responses", answers.response, None),
    ("/messages", answers.message, answers.message_events),
    (":generateContent", answers.generated, None),
    ("/converse", answers.converse, None),
)


class Imitation(BaseHTTPRequestHandler):
    """Answers as OpenAI and Anthropic do, and takes what is exported."""

    exports: list[bytes] = []  # noqa: RUF012 - of all requests
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Answer a request."""
        body = self._body()
        if self.path.endswith("/v1/traces"):
            self.exports.append(body)
            self._answer(b"")
        elif self.path.endswith(("/v1/metrics", "/v1/logs")):
            self._answer(b"")
        else:
            self._model(json.loads(body))

    def _body(self) -> bytes:
        length = self.headers["content-length"]
        if length is not None:
            return self.rfile.read(int(length))
        chunks = []
        while size := int(self.rfile.readline(), 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(chunks)

    def _model(self, asked: dict) -> None:
        if "ratelimited" in asked.get("model", ""):
            self._answer(json.dumps(answers.LIMITED).encode(), status=429)
            return
        answer, pieces = next(found for end, *found in APIS if self.path.endswith(end))
        if asked.get("stream"):
            self._pieces(pieces())
        else:
            self._answer(json.dumps(answer(asked)).encode())

    def _answer(self, body: bytes, status: int = 200) -> None:
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _pieces(self, events: list[tuple[str | None, dict | None]]) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("connection", "close")
        self.end_headers()
        for name, content in events:
            time.sleep(SLOW_S)
            data = "[DONE]" if content is None else json.dumps(content)
            event = f"event: {name}\n" if name else ""
            self.wfile.write(f"{event}data: {data}\n\n".encode())
            self.wfile.flush()
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Say nothing."""
