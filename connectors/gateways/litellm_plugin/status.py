"""What a proxy tells of itself: which revision of each route it runs, since when, what is wrong."""

from __future__ import annotations

import hmac
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from connectors.client import Client, Status
    from connectors.gateways.litellm_plugin.steering import Steering

PATH = "/llm-optimizer/status"
FORM = 1


def status_of(replica: str, following: str, client: Client, steering: Steering) -> dict[str, Any]:
    """Tell how a replica stands, as JSON has it.

    Args:
        replica: The replica's name.
        following: Where it follows documents from.
        client: Follows them.
        steering: Carries them out.
    """
    routes = {
        route: _route(client.status(route), steering.obstacles(route)) for route in client.routes()
    }
    return {"form": FORM, "replica": replica, "following": following, "routes": routes}


def may_ask(token: str, authorization: str) -> bool:
    """Tell whether who bears something may be told; anyone may where no token is asked for."""
    given = authorization.removeprefix("Bearer ").encode(errors="replace")
    return not token or hmac.compare_digest(given, token.encode())


def _route(status: Status, obstacles: Mapping[str, str]) -> dict[str, Any]:
    troubles = [status.trouble] if status.trouble else []
    troubles += [f"arm {arm}: {told}" for arm, told in sorted(obstacles.items())]
    since = datetime.fromtimestamp(status.since_ns / 1e9, UTC) if status.since_ns else None
    return {
        "revision": status.revision,
        "sha256": status.sha256,
        "since": since.isoformat() if since else None,
        "unit": str(status.unit) if status.unit else None,
        "is_followed": status.is_followed,
        "trouble": "; ".join(troubles),
    }
