"""Keys of LiteLLM's admin API: what is written down in a proxy."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from connectors.api.opening_gateways import open_gateway
from connectors.gateways.trials import Trial
from optimizer.documents import Unit
from optimizer.settings import GatewayKind
from tests.litellm_reference import KEY, Reference
from tests.settings_probes.probe import Probe

if TYPE_CHECKING:
    from collections.abc import Callable

    from optimizer.settings import Settings

ROUTE = "default/shop/chat"


def written(tell: Callable[[Reference], Any], settings: Settings) -> Any:
    """Apply two documents; tell of what a proxy then has."""
    with Reference() as proxy:
        gateway = replace(
            settings.gateway, kind=GatewayKind.LITELLM_ADMIN, url=proxy.address, token=KEY
        )
        rollout = replace(settings.rollout, unit=Unit.CALL)
        opened = open_gateway(replace(settings, gateway=gateway, rollout=rollout))
        trial = Trial(open=lambda: opened, route=ROUTE, unit=Unit.CALL)
        opened.apply(trial.document(1), 0, "1")
        opened.apply(trial.document(2, 50), 1, "2")
        return tell(proxy)


def groups(proxy: Reference) -> set[str]:
    return {row["model_name"] for row in proxy.rows.values()}


def timeouts(proxy: Reference) -> list[Any]:
    return [row["litellm_params"].get("timeout") for row in proxy.rows.values()]


def revisions(proxy: Reference) -> list[int]:
    notes = [row["model_info"]["llm_optimizer"] for row in proxy.rows.values()]
    return sorted(one["revision"] for one in notes)


PROBES = (
    Probe(
        "gateway.litellm_admin.groups",
        ({}, {ROUTE: "chat"}),
        partial(written, groups),
        ({ROUTE}, {"chat"}),
    ),
    Probe(
        "gateway.litellm_admin.params",
        ({}, {"*": {"timeout": 7}}),
        partial(written, timeouts),
        ([None, None], [7, 7]),
    ),
    Probe(
        "gateway.litellm_admin.stamped",
        (False, True),
        partial(written, revisions),
        ([1, 2], [2, 2]),
    ),
)
