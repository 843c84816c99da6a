"""Which gateway the settings name; each kind is loaded only where it is meant."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from optimizer.documents import Unit
from optimizer.errors import SettingsInvalid
from optimizer.settings import GatewayKind

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from optimizer.ports import Gateway
    from optimizer.settings import Settings

MEMORY_FILE = "gateway.json"


def open_gateway(settings: Settings) -> Gateway:
    """Open the gateway of the settings.

    Raises:
        SettingsInvalid: They name none, or what it needs is not given.
    """
    opened = _OPENERS.get(settings.gateway.kind)
    if opened is None:
        fault = "gateway.kind is none: name one to bring documents to (OPTIMIZER_GATEWAY__KIND)"
        raise SettingsInvalid([fault])
    return opened(settings)


def _memory(settings: Settings) -> Gateway:
    from connectors.gateways.memory import (  # noqa: PLC0415 - what one kind needs, for it alone
        SECOND_NS,
        MemoryGateway,
    )
    from connectors.gateways.shelves import FileShelf  # noqa: PLC0415

    shelf = FileShelf(Path(settings.service.data_dir) / MEMORY_FILE)
    return MemoryGateway(shelf=shelf, lease_ns=settings.gateway.lease_secs * SECOND_NS)


def _documents(settings: Settings) -> Gateway:
    from connectors.documents.folder import Folder  # noqa: PLC0415
    from connectors.gateways.documents import DocumentGateway  # noqa: PLC0415
    from connectors.gateways.replicas import replicas_of  # noqa: PLC0415

    gateway = settings.gateway
    folder = Folder(Path(gateway.documents_dir), gateway.signing_key)
    lease = timedelta(seconds=gateway.lease_secs)
    return DocumentGateway(folder, lease, replicas=replicas_of(gateway))


def _gateway_api(settings: Settings) -> Gateway:
    from connectors.gateways.gateway_api.api_server import ApiServer  # noqa: PLC0415
    from connectors.gateways.gateway_api.gateway import GatewayApiGateway  # noqa: PLC0415

    gateway = settings.gateway
    _check_unit(settings)
    server = ApiServer(gateway, os.environ)
    return GatewayApiGateway(server, gateway.gateway_api.routes, settings.stamps.key)


def _orchestrator(settings: Settings) -> Gateway:
    from connectors.gateways.http import client_of  # noqa: PLC0415
    from connectors.gateways.orchestrator import OrchestratorGateway  # noqa: PLC0415

    gateway = settings.gateway
    return OrchestratorGateway(client_of(gateway), gateway.lease_secs, gateway.signing_key)


def _configurations(settings: Settings) -> Gateway:
    from connectors.gateways.configurations import ConfigurationsGateway  # noqa: PLC0415
    from connectors.gateways.http import client_of  # noqa: PLC0415

    _check_unit(settings)
    gateway, most = settings.gateway, settings.rollout.max_error_rate_pct
    # Where the settings name no limit, one that fits each route is watched here, not there.
    most_errors = 1.0 if most is None else most / 100
    return ConfigurationsGateway(client_of(gateway), most_errors, gateway.signing_key)


def _config_manager(settings: Settings) -> Gateway:
    from connectors.gateways.http import client_of  # noqa: PLC0415
    from connectors.gateways.managed_configs import ManagedConfigsGateway  # noqa: PLC0415

    gateway = settings.gateway
    where = gateway.config_manager
    return ManagedConfigsGateway(
        client_of(gateway), where.namespace, where.environment, gateway.signing_key
    )


def _litellm_admin(settings: Settings) -> Gateway:
    from connectors.gateways.http import client_of  # noqa: PLC0415
    from connectors.gateways.litellm_admin.gateway import MOST_BYTES, LiteLLMAdmin  # noqa: PLC0415

    gateway = settings.gateway
    _check_unit(settings)
    return LiteLLMAdmin(client_of(gateway, MOST_BYTES), gateway.litellm_admin)


def _check_unit(settings: Settings) -> None:
    """Refuse to let assignments stick to something where each call is dealt by chance."""
    if settings.rollout.unit is not Unit.CALL:
        fault = (
            f"rollout.unit is {settings.rollout.unit}: must be call with gateway.kind "
            f"{settings.gateway.kind}, which deals each call by chance (OPTIMIZER_ROLLOUT__UNIT)"
        )
        raise SettingsInvalid([fault])


_OPENERS: Mapping[GatewayKind, Callable[[Settings], Gateway]] = {
    GatewayKind.MEMORY: _memory,
    GatewayKind.DOCUMENTS: _documents,
    GatewayKind.GATEWAY_API: _gateway_api,
    GatewayKind.ORCHESTRATOR: _orchestrator,
    GatewayKind.CONFIGURATIONS: _configurations,
    GatewayKind.CONFIG_MANAGER: _config_manager,
    GatewayKind.LITELLM_ADMIN: _litellm_admin,
}
