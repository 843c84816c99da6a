"""Names for routes where a name may hold no slash: each part escaped, joined by dots.

Letters, digits and hyphens stand as they are, any other byte as `_` and two hexadecimal digits: so
a name needs no escaping in a path, and no other route has it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from connectors.documents.rules import is_route

if TYPE_CHECKING:
    from collections.abc import Iterable

_PLAIN = re.compile(r"[A-Za-z0-9-]")
_NAME = re.compile(r"(?:[A-Za-z0-9-]|_[0-9a-f]{2})+(?:\.(?:[A-Za-z0-9-]|_[0-9a-f]{2})+){2}")


def name_of(route: str) -> str:
    """Give the name of a route, such as `acme.shop.answer` for `acme/shop/answer`."""
    return ".".join(map(_escaped, route.split("/")))


def route_of(name: str) -> str | None:
    """Give the route of a name; None where it is no route's."""
    if not _NAME.fullmatch(name):
        return None
    parts = (_unescaped(part) for part in name.split("."))
    route = "/".join(parts)
    return route if is_route(route) and name_of(route) == name else None


def routes_in(names: Iterable[Any]) -> list[str]:
    """Give the routes among what should be names; what is none is somebody else's."""
    routes = (route_of(name) for name in names if isinstance(name, str))
    return [route for route in routes if route is not None]


def _escaped(part: str) -> str:
    letters = (chr(byte) for byte in part.encode(errors="replace"))
    return "".join(one if _PLAIN.fullmatch(one) else f"_{ord(one):02x}" for one in letters)


def _unescaped(part: str) -> str:
    data = re.sub(r"_([0-9a-f]{2})", lambda found: chr(int(found[1], 16)), part)
    return data.encode("latin-1").decode("utf-8", "replace")
