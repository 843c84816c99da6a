"""A proxy that carries the plugin, the documents that it follows, and what it exports."""

from __future__ import annotations

from typing import TYPE_CHECKING

from connectors.documents.server import DocumentServer
from tests.dataflows.actuating import wait_until
from tests.litellm.proxy import MODELS, Proxy
from tests.litellm.sink import Sink
from tests.litellm.steering import OTHER_ROUTE, ROUTE, a_step, publish, variables

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from tests.litellm.sink import Seen


class Stage:
    """Everything on this machine's loopback alone.

    Args:
        folder: Where it keeps its files.
        over_http: The proxy follows a server of the documents instead of their folder.
        models: The proxy's model list.
        settings: More of its `litellm_settings`.
    """

    def __init__(
        self,
        folder: Path,
        *,
        over_http: bool = False,
        models: Iterable[Mapping[str, object]] = MODELS,
        **settings: object,
    ) -> None:
        self.documents = folder / "documents"
        self.sink = Sink()
        self.server = DocumentServer(self.documents) if over_http else None
        source = self.server.address if self.server else self.documents
        told = variables(source, self.sink.address, LLM_OPTIMIZER_KEEP_DIR=str(folder / "kept"))
        self.proxy = Proxy(folder, told, models, **settings)

    def steer(self, revision: int, slots: int, **changes: object) -> None:
        """Publish a step and wait until the proxy runs it."""
        publish(self.documents, a_step(revision, slots, **changes))
        wait_until(lambda: self.proxy.runs(ROUTE) == revision)

    def let_it_look(self) -> None:
        """Let the proxy look for newer documents once, all of them."""
        revision = self.proxy.runs(OTHER_ROUTE) + 1
        publish(self.documents, a_step(revision, 10, route=OTHER_ROUTE))
        wait_until(lambda: self.proxy.runs(OTHER_ROUTE) == revision)

    def asked(self, **more: object) -> Seen:
        """Ask the steered group something; give the call's span."""
        self.sink.clear()
        self.proxy.chat(**more)
        (call,) = self.sink.wait_for(1)
        return call

    def close(self) -> None:
        """End all of it."""
        self.proxy.stop()
        self.sink.close()
        if self.server:
            self.server.close()
