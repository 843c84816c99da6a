"""`llm-optimizer documents list, show, versions, diff`: what traffic should be like, and why."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from connectors.api import rendering
from connectors.api.dry_run import first_document, newest_document
from connectors.api.looking import database_of, is_within, log_of, print_lines
from connectors.api.opening import open_store
from connectors.audit import Version, versions_of
from connectors.codecs import from_json, plain, to_json
from connectors.documents.differences import described, differences, share, traffic
from connectors.documents.rendering import body_of
from optimizer.documents import Document
from optimizer.errors import NotFound

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator
    from datetime import datetime


_MOST = 100_000
_SHORT = 8  # digits of an id in a table


def listing(options: argparse.Namespace) -> int:
    """Print the newest document of each route, a line each."""
    with closing(open_store(*database_of(options))) as store:
        found = [from_json(Document, row.value) for row in store.scan("documents", limit=_MOST)]
    chosen = sorted(
        (one for one in found if is_within(one.route, options.route)), key=lambda one: one.route
    )
    if options.output == "json":
        return print_lines(map(rendering.as_json, chosen))
    rows = [
        (
            one.route,
            str(one.revision),
            _at(one.created_at),
            "leased" if one.leased else "at rest",
            traffic(one),
            one.reason,
        )
        for one in chosen
    ]
    head = ("route", "revision", "made (UTC)", "", "traffic", "reason")
    return print_lines([rendering.as_table(head, rows) if rows else "no documents"])


def showing(options: argparse.Namespace) -> int:
    """Print one document, whole."""
    document = first_document(options) if options.dry_run else _document(options)
    if options.patch:
        from connectors.api.route_patches import patch_of  # noqa: PLC0415 - it loads a gateway

        return print_lines([patch_of(options, document)])
    if options.flags:
        return print_lines([body_of(document).decode()])
    if options.output == "json":
        return print_lines([rendering.as_json(document)])
    return print_lines(_lines(document))


def versions(options: argparse.Namespace) -> int:
    """Print each revision of a route, with who made it and why."""
    found = _versions(options)
    if options.output == "json":
        return print_lines(map(_version_as_json, found))
    rows = [
        (
            str(one.document.revision),
            _at(one.document.created_at),
            traffic(one.document),
            one.document.decision_id[:_SHORT],
            one.why,
        )
        for one in found
    ]
    head = ("revision", "made (UTC)", "traffic", "decision", "why")
    return print_lines([rendering.as_table(head, rows)])


def comparing(options: argparse.Namespace) -> int:
    """Print what one revision changed against another."""
    found = {one.document.revision: one for one in _versions(options)}
    after = _revision(found, options.after or max(found), options.route)
    before = after.before
    if options.before:
        before = _revision(found, options.before, options.route).document
    lines = differences(before, after.document)
    if options.output == "json":
        told = {
            "type": "difference",
            "route": options.route,
            "from": before.revision if before else 0,
            "to": after.document.revision,
            "differences": lines,
        }
        return print_lines([to_json(told).decode()])
    return print_lines(lines or ["nothing but the revision"])


def _document(options: argparse.Namespace) -> Document:
    if not options.route:
        raise NotFound("name a route: see `llm-optimizer documents list`")
    if options.revision:
        found = {one.document.revision: one for one in _versions(options)}
        return _revision(found, options.revision, options.route).document
    return _newest(options)


def _newest(options: argparse.Namespace) -> Document:
    with closing(open_store(*database_of(options))) as store:
        document = newest_document(store, options.route)
    return document or _nothing(options.route)


def _nothing(route: str) -> Document:
    raise NotFound(f"no document of {route!r}: see `llm-optimizer documents list`")


def _versions(options: argparse.Namespace) -> list[Version]:
    with closing(log_of(options)) as log:
        found = versions_of(log, options.route)
    if not found:
        _nothing(options.route)
    return found


def _revision(found: dict[int, Version], revision: int, route: str) -> Version:
    if revision not in found:
        known = ", ".join(map(str, sorted(found)))
        raise NotFound(f"{route} has no revision {revision}: there are {known}")
    return found[revision]


def _version_as_json(version: Version) -> str:
    told = {
        "type": "version",
        "why": version.why,
        "orders": [plain(each) for each in version.orders],
        "decision": plain(version.decision) if version.decision else None,
        "differences": differences(version.before, version.document),
        "document": plain(version.document),
    }
    return to_json(told).decode()


def _lines(document: Document) -> Iterator[str]:
    arms = {arm.id: arm for arm in document.arms}
    kind = "a step of a rollout, leased" if document.leased else "at rest"
    yield f"{document.route}, revision {document.revision}, made {_at(document.created_at)} UTC"
    yield f"  {kind}: {document.reason or 'no reason told'}"
    yield f"  decision   {document.decision_id or 'none'}"
    yield f"  by         {document.unit}, salt {document.salt}"
    for allotment in document.allotments:
        owned = document.slots_of(allotment.arm)
        part = f"{share(allotment.slots):>6}  slots {owned.start} to {owned.stop - 1}"
        yield f"  traffic    {part:<24}  {described(arms[allotment.arm])}"
    yield f"  incumbent  {document.incumbent}"


def _at(instant: datetime) -> str:
    return f"{instant:%Y-%m-%d %H:%M:%S}"
