"""Runs a real LiteLLM proxy whose database is a dictionary: `python in_memory_database.py PORT`.

All is LiteLLM's own (handlers, what they check, how the router reloads) but the client of its
database, which needs an engine that is fetched from elsewhere. The table of models is kept; all
other tables are empty.
"""

from __future__ import annotations

import json
import sys
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import uvicorn
from litellm.proxy import proxy_server
from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class Row(BaseModel):
    """A row of the table of models, as LiteLLM's database client gives it."""

    model_config = ConfigDict(protected_namespaces=())

    model_id: str
    model_name: str
    litellm_params: dict[str, Any]
    model_info: dict[str, Any]
    blocked: bool = False
    created_at: datetime
    created_by: str
    updated_at: datetime
    updated_by: str


class Models:
    """The table of models, with what LiteLLM calls of it."""

    def __init__(self) -> None:
        self._rows: dict[str, Row] = {}

    async def find_unique(self, *, where: dict[str, Any], **_: Any) -> Row | None:
        return self._rows.get(where["model_id"])

    async def find_many(self, *, where: dict[str, Any] | None = None, **_: Any) -> list[Row]:
        wanted = (where or {}).items()
        return [
            row
            for row in self._rows.values()
            if all(getattr(row, name) == value for name, value in wanted)
        ]

    async def create(self, *, data: dict[str, Any]) -> Row:
        if data["model_id"] in self._rows:
            raise ValueError("Unique constraint failed on the fields: (`model_id`)")
        now = datetime.now(UTC)  # noqa: TID251 - as a database does
        return self._put({"created_at": now, "updated_at": now, **data})

    async def update(self, *, where: dict[str, Any], data: dict[str, Any]) -> Row | None:
        there = self._rows.get(where["model_id"])
        return self._put({**there.model_dump(), **data}) if there else None

    async def delete(self, *, where: dict[str, Any]) -> Row | None:
        return self._rows.pop(where["model_id"], None)

    def _put(self, data: dict[str, Any]) -> Row:
        told = {name: data[name] for name in ("litellm_params", "model_info")}
        told = {name: json.loads(v) if isinstance(v, str) else v for name, v in told.items()}
        row = self._rows[data["model_id"]] = Row(**{**data, **told})
        return row


class Empty:
    """A table in which nothing is; as a database, one of such tables."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("litellm_"):
            return Empty()

        async def nothing(*_: Any, **__: Any) -> Any:
            if name in {"find_many", "group_by", "query_raw"}:
                return []
            return 0 if name == "count" else None

        return nothing


class Database(Empty):
    """All tables."""

    def __init__(self) -> None:
        self.litellm_proxymodeltable = Models()


class Client(Empty):
    """LiteLLM's database client."""

    def __init__(self) -> None:
        self.db = self.writer_db = Database()


def main() -> None:
    app = proxy_server.app
    whole = app.router.lifespan_context

    @asynccontextmanager
    async def lifespan(of: Any) -> AsyncIterator[Any]:
        async with whole(of) as state:
            proxy_server.prisma_client = Client()
            try:
                yield state
            finally:
                proxy_server.prisma_client = None  # there is nothing to flush

    app.router.lifespan_context = lifespan
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")


if __name__ == "__main__":
    main()
