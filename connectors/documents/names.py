"""Which file of a folder, and which address of a server, holds what of a route."""

from __future__ import annotations

import hashlib
import re
from urllib.parse import quote

CURRENT, LEASES, HISTORY, PROMPTS = "current", "leases", "history", "prompts"
INDEX = "index.json"
# What `file_of` and `prompt_file` give, and nothing else: no other path is ever served.
SERVED = re.compile(
    rf"{INDEX}|(?:{CURRENT}|{LEASES})(?:/[A-Za-z0-9_%~-][A-Za-z0-9_.%~-]*){{3}}\.json"
    rf"|{HISTORY}(?:/[A-Za-z0-9_%~-][A-Za-z0-9_.%~-]*){{3}}/[0-9]{{1,10}}\.json"
    rf"|{PROMPTS}/[0-9a-f]{{64}}\.txt"
)
_LONG, _KEPT, _DIGITS = 180, 100, 24


def file_of(kind: str, route: str) -> str:
    """Give the path of a route's document or lease, below the folder or the server's root."""
    return f"{kind}/{_folder(route)}.json"


def history_of(route: str) -> str:
    """Give the folder of a route's earlier documents; they are called by their revision."""
    return f"{HISTORY}/{_folder(route)}"


def prompt_file(reference: str) -> str:
    """Give the path of a prompt by its reference, `sha256:` and 64 hexadecimal digits."""
    return f"{PROMPTS}/{reference.removeprefix('sha256:')}.txt"


def _folder(route: str) -> str:
    return "/".join(map(_name, route.split("/")))


def _name(part: str) -> str:
    """Give a file name no other part has: escaped, or cut short with a digest behind a tilde."""
    name = quote(part, safe="").replace("~", "%7E")
    if name.startswith("."):
        name = f"%2E{name[1:]}"
    if len(name) <= _LONG:
        return name
    return f"{name[:_KEPT]}~{hashlib.sha256(part.encode()).hexdigest()[:_DIGITS]}"
