"""The gateway of Kubernetes, opened on an API server as often as one likes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from connectors.gateways.gateway_api.api_server import ApiServer
from connectors.gateways.gateway_api.gateway import GatewayApiGateway
from connectors.gateways.trials import Trial
from optimizer.documents import Unit
from tests.kubernetes.manifests import ROUTE, a_place, settings_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from connectors.gateways.gateway_api.patches import Patch
    from optimizer.settings import RouteObject


class Breaking(ApiServer):
    """Loses the way before the next patch, once."""

    breaks = False

    def patch(self, place: RouteObject, patch: Patch) -> dict[str, Any]:
        if self.breaks:
            self.breaks = False
            self.address = "http://127.0.0.1:1"
        return super().patch(place, patch)


def opened(address: str, kind: str = "HTTPRoute", **more: Any) -> GatewayApiGateway:
    gateway = settings_of(address, a_place(kind), **more).gateway
    return GatewayApiGateway(Breaking(gateway, {}), gateway.gateway_api.routes)


def a_trial(open_one: Callable[[], GatewayApiGateway]) -> Trial:
    return Trial(open=open_one, route=ROUTE, unit=Unit.CALL, break_off=break_off)


def break_off(gateway: GatewayApiGateway, _: int) -> None:
    gateway._server.breaks = True  # noqa: SLF001 - a fault to inject
