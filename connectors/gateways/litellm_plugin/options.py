"""How the plugin is set up: environment variables, all faults told at once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from connectors.documents.proofs import check_public_keys
from connectors.documents.rules import is_name, is_route
from optimizer.errors import SettingsInvalid

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

DOCUMENTS = "LLM_OPTIMIZER_DOCUMENTS"
PUBLIC_KEYS = "LLM_OPTIMIZER_PUBLIC_KEYS"
STAMP_KEY = "LLM_OPTIMIZER_STAMP_KEY"
ROUTES = "LLM_OPTIMIZER_ROUTES"
MODELS = "LLM_OPTIMIZER_MODELS"
KEEP_DIR = "LLM_OPTIMIZER_KEEP_DIR"
POLL_SECS = "LLM_OPTIMIZER_POLL_SECS"
STATUS_TOKEN = "LLM_OPTIMIZER_STATUS_TOKEN"  # noqa: S105 - a variable's name
VARIABLES = (DOCUMENTS, PUBLIC_KEYS, STAMP_KEY, ROUTES, MODELS, KEEP_DIR, POLL_SECS, STATUS_TOKEN)
ANY = "*"
_POLL_SECS, _LEAST_POLL, _MOST_POLL = 0.5, 0.05, 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How the plugin is set up.

    Attributes:
        documents: A folder of documents, or the address of a server of them.
        routes: The route of a model group, `tenant/service/route`, by the group's name; `*` stands
            for any other group, and as a route's last part for the name that the request tells,
            else the group's.
        models: The model group that serves a model, where its name does not tell.
        public_keys: Who may have signed documents; empty believes unsigned ones.
        stamp_key: Signs stamps; None leaves them unsigned.
        keep: The folder that what is followed is kept in; None keeps nothing over a restart.
        poll_secs: How often to look for something newer.
        status_token: What who asks for the status must bear; `""` tells anyone.
    """

    documents: str
    routes: Mapping[str, str]
    models: Mapping[str, str]
    public_keys: tuple[str, ...] = ()
    stamp_key: str | None = None
    keep: Path | None = None
    poll_secs: float = _POLL_SECS
    status_token: str = ""


def options_of(environment: Mapping[str, str]) -> Options:
    """Read the variables.

    Raises:
        SettingsInvalid: With each fault, the variable that has it and the way out.
    """
    told = {name: environment.get(name, "").strip() for name in VARIABLES}
    routes, models = _pairs(told[ROUTES]), _pairs(told[MODELS])
    faults = [*_faults_of(told, environment), *_route_faults(told[ROUTES], routes)]
    if None in models:
        faults.append(f"{MODELS} is {told[MODELS]!r}: must be model=group,... ({MODELS})")
    if faults:
        raise SettingsInvalid(faults)
    return Options(
        documents=told[DOCUMENTS],
        routes={group: route for group, route in routes.items() if group},
        models={model: group for model, group in models.items() if model},
        public_keys=check_public_keys(_listed(told[PUBLIC_KEYS])),
        stamp_key=told[STAMP_KEY] or None,
        keep=Path(told[KEEP_DIR]) if told[KEEP_DIR] else None,
        poll_secs=float(told[POLL_SECS] or _POLL_SECS),
        status_token=told[STATUS_TOKEN],
    )


def _faults_of(told: Mapping[str, str], environment: Mapping[str, str]) -> Iterator[str]:
    if not told[DOCUMENTS]:
        yield f"{DOCUMENTS} is not set: must be a folder of documents or http:// and a host"
    try:
        is_poll = _LEAST_POLL <= float(told[POLL_SECS] or _POLL_SECS) <= _MOST_POLL
    except ValueError:
        is_poll = False
    if not is_poll:
        rule = f"must be {_LEAST_POLL:g} to {_MOST_POLL:g} seconds"
        yield f"{POLL_SECS} is {told[POLL_SECS]!r}: {rule}"
    known = set(VARIABLES)
    for name in sorted(environment):
        if name.startswith("LLM_OPTIMIZER_") and name not in known:
            yield f"{name} is no variable of the plugin: one of {', '.join(VARIABLES)}"


def _route_faults(text: str, routes: Mapping[str | None, str]) -> Iterator[str]:
    if not routes:
        yield f"{ROUTES} is not set: must be model group=tenant/service/route,..."
    elif None in routes:
        yield f"{ROUTES} is {text!r}: must be model group=tenant/service/route,..."
    for group, route in routes.items():
        if group is not None and not is_route(route):
            yield f"{ROUTES} gives {group} the route {route!r}: must be tenant/service/route"
        elif group == ANY and not route.endswith(f"/{ANY}"):
            # A caller who asks for another model by its name shall have it.
            rule = "must end in /*: any model group would be steered as if it were one"
            yield f"{ROUTES} gives * the route {route!r}: {rule}"


def _pairs(text: str) -> dict[str | None, str]:
    """Give what stands before each `=` and what after; None tells of something else."""
    pairs: dict[str | None, str] = {}
    for item in _listed(text):
        before, equals, after = (part.strip() for part in item.rpartition("="))
        pairs[before if equals and is_name(before) and is_name(after, 400) else None] = after
    return pairs


def _listed(text: str) -> list[str]:
    return [item.strip() for item in text.replace("\n", ",").split(",") if item.strip()]
