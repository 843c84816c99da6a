"""Deployments of a LiteLLM proxy: what `/model/info` tells of them, and what is ours of it.

Each arm of a route has a deployment of its own in the route's model group. What we know of it
stands in its `model_info`, under a name of our own, and the route's document as text beside it.
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from connectors.documents.parsing import document_of
from optimizer.documents import Unit
from optimizer.errors import GatewayRefused

if TYPE_CHECKING:
    from collections.abc import Mapping

    from optimizer.documents import Document
    from optimizer.models import Arm

OURS = "llm_optimizer"  # what we write in `model_info` stands under this name
ANY = "*"  # the model that stands for all others in the settings
_MAYBE = ("temperature", "top_p", "max_tokens")  # only where somebody wrote them down
_MOST_WEIGHT = 1e9  # ours are at most 1
_IF_SET = ("top_k", "presence_penalty", "frequency_penalty")


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """A deployment, as a replica serves it.

    Attributes:
        id: Its name.
        group: The model group it belongs to: the name callers ask for.
        model: What LiteLLM asks its provider for.
        weight: Its weight in its group; 0 where it may serve nobody.
        in_database: It is no entry of the proxy's own file.
        note: What we wrote beside it; empty for somebody else's.
    """

    id: str
    group: str
    model: str
    weight: float
    in_database: bool
    note: Mapping[str, Any] = field(default_factory=dict)

    @property
    def route(self) -> str:
        """The route it serves; `""` for somebody else's."""
        return str(self.note.get("route", ""))

    @property
    def arm(self) -> str:
        """The arm that it is."""
        return str(self.note.get("arm", ""))

    @property
    def revision(self) -> int:
        """The revision that it was last written for."""
        revision = self.note.get("revision")
        return revision if type(revision) is int else 0  # somebody else's hand, where it is none

    @property
    def is_as_written(self) -> bool:
        """Nobody changed it since we wrote it."""
        weight = self.note.get("weight")
        if not isinstance(weight, int | float) or self.model != self.note.get("model"):
            return False
        return math.isclose(self.weight, weight, rel_tol=1e-9)

    def document(self) -> Document | None:
        """Give the document that stands beside it; None where none does.

        Raises:
            DocumentInvalid: It was changed.
            UnknownVersion: It is in a form this code does not know.
        """
        if "document" not in self.note:
            return None
        return document_of(str(self.note["document"]).encode())


def deployment_of(row: Any) -> Deployment:
    """Read an entry of `/model/info`.

    Raises:
        GatewayRefused: It is none.
    """
    try:
        params, told = row["litellm_params"], row["model_info"]
        note = told.get(OURS)
        return Deployment(
            id=str(told["id"]),
            group=str(row["model_name"]),
            model=str(params["model"]),
            weight=0.0 if told.get("blocked") else _weight(params.get("weight")),
            in_database=bool(told.get("db_model")),
            note=note if isinstance(note, dict) and told.get("db_model") else {},
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        told = json.dumps(row, default=str)[:200]
        raise GatewayRefused(f"/model/info tells of what is no deployment: {told}") from error


def _weight(told: Any) -> float:
    """Give a weight that can be reckoned with, whatever somebody else made of it."""
    weight = float(told or 0.0)
    return min(weight, _MOST_WEIGHT) if weight > 0 else 0.0


def id_of(route: str, arm: str) -> str:
    """Name the deployment of an arm: the same at any time, and without a `/`, as paths need it."""
    digest = hashlib.blake2b(route.encode(), digest_size=5).hexdigest()
    return f"llm-optimizer-{digest}-{arm}"


def params_of(arm: Arm, templates: Mapping[str, Any]) -> dict[str, Any]:
    """Give an arm's `litellm_params`, all but the weight.

    Args:
        arm: The arm.
        templates: What is added to each model's, by its name, or `*` for all others; it may spell
            the model as LiteLLM does.
    """
    config = arm.config
    told = {name: getattr(config, name) for name in _MAYBE if name in arm.declared}
    told |= {name: value for name in _IF_SET if (value := getattr(config, name)) is not None}
    template = templates.get(config.model, templates.get(ANY, {}))
    return {"model": config.model, **told, **config.extra_params, **template}


def check_servable(document: Document) -> None:
    """Refuse what deployments of LiteLLM cannot carry.

    Raises:
        GatewayRefused: It says what.
    """
    if document.unit is not Unit.CALL:
        raise GatewayRefused(
            f"{document.route} sticks to {document.unit}: LiteLLM draws a deployment anew for each "
            "call, so let assignments stick to call (OPTIMIZER_ROLLOUT__UNIT)"
        )
    different = [
        name
        for name in ("prompt", "prompt_version", "cache")
        if len({getattr(arm, name) for arm in document.arms}) > 1
    ]
    if any(arm.config.system_prompt for arm in document.arms):
        different.append("system_prompt")
    if different:
        raise GatewayRefused(
            f"{document.route} has arms that differ in {', '.join(different)}: a deployment of "
            "LiteLLM cannot carry it; its plugin can (OPTIMIZER_GATEWAY__KIND=documents)"
        )
