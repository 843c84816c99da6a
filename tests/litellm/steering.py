"""Documents for the proxy of the tests, and where they are published."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from connectors.documents.folder import Folder
from connectors.documents.proofs import new_key_pair
from connectors.gateways.documents import DocumentGateway
from optimizer.documents import SLOTS, Allotment, Document
from optimizer.models import Arm, ModelConfig

if TYPE_CHECKING:
    from pathlib import Path

ROUTE, OTHER_ROUTE, TRIED_ROUTE = (f"acme/shop/{name}" for name in ("answer", "other", "tried"))
OLD = Arm(config=ModelConfig(model="gpt-4o"), declared=("model",))
NEW = Arm(
    config=ModelConfig(model="gpt-4o-mini", temperature=0.2, max_tokens=64),
    declared=("model", "temperature", "max_tokens"),
)
PAIR = new_key_pair()
STAMP = "llm.optimizer."


def a_step(revision: int, slots: int, new: Arm = NEW, **changes: object) -> Document:
    """A step of a rollout of which so many slots are the new arm's."""
    shares = ((new.id, slots), (OLD.id, SLOTS - slots))
    told = {
        "route": ROUTE,
        "revision": revision,
        "arms": (OLD, new),
        "allotments": tuple(Allotment(arm=arm, slots=many) for arm, many in shares if many),
        "incumbent": OLD.id,
        "salt": "3f1c0a",
        "leased": True,
        "created_at": datetime(2026, 1, 1, tzinfo=UTC),
    }
    return Document(**(told | changes))


def a_gateway(folder: Path, key: str | None = PAIR.private) -> DocumentGateway:
    return DocumentGateway(Folder(folder, key), timedelta(seconds=600))


def publish(folder: Path, document: Document, key: str | None = PAIR.private) -> None:
    """Bring a document there, whatever is there already."""
    gateway = a_gateway(folder, key)
    there = gateway.read(document.route)
    gateway.apply(document, there.revision if there else 0, "")


def variables(documents: str | Path, sink: str, **more: str) -> dict[str, str]:
    """Give the plugin's environment for the tests' route."""
    return {
        "LLM_OPTIMIZER_DOCUMENTS": str(documents),
        "LLM_OPTIMIZER_PUBLIC_KEYS": PAIR.public,
        "LLM_OPTIMIZER_ROUTES": f"chat={ROUTE},other={OTHER_ROUTE},tried={TRIED_ROUTE}",
        "OTEL_EXPORTER_OTLP_ENDPOINT": sink,
        "OTEL_BSP_SCHEDULE_DELAY": "100",
        **more,
    }
