"""`llm-optimizer documents validate, verify, serve, keygen`: documents as gateways get them."""

from __future__ import annotations

import os
import threading
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from connectors.api import rendering
from connectors.api.looking import print_lines
from connectors.codecs import to_json
from connectors.configuration import load
from connectors.documents import files
from connectors.documents.flag_file import FlagFile
from connectors.documents.flag_set import FLAGS
from connectors.documents.folder import Folder
from connectors.documents.leases import open_lease
from connectors.documents.names import CURRENT, HISTORY, LEASES
from connectors.documents.parsing import document_of, open_file
from connectors.documents.proofs import check_public_keys, key_id, new_key_pair, public_key_of
from connectors.documents.rules import MOST_BYTES
from connectors.documents.server import DocumentServer
from connectors.gateways.documents import DocumentGateway
from connectors.journal import note
from optimizer.errors import DocumentInvalid, NotFound, OptimizerError, SettingsInvalid
from optimizer.settings import GatewayKind

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator, Sequence

    from optimizer.ports import Gateway
    from optimizer.settings import GatewaySettings

_FAILED = 1
_PROOF = b'"proof":'


def validating(options: argparse.Namespace) -> int:
    """Report all faults of files, whoever signed them; also of those that nobody did yet."""
    folder = Folder(_folder(options, _settings(options)))
    faults: list[str] = []
    for path in options.files:
        told, wrong = _validated(path, folder)
        print_lines([told] if not wrong else [f"{path}: {fault}" for fault in wrong])
        faults += wrong
    return _FAILED if faults else 0


def verifying(options: argparse.Namespace) -> int:
    """Check every file of a folder, and who signed it."""
    settings = _settings(options)
    keys = check_public_keys(options.public_key) or _public_keys(settings)
    root = _folder(options, settings)
    if not root.is_dir():
        raise NotFound(f"{root}: no such folder: --dir names one that was published to")
    results = list(_verified(root, keys))
    if options.output == "json":
        print_lines(
            to_json({"type": "file", "file": one, "fault": two}).decode() for one, two in results
        )
    else:
        rows = [(name, fault or "as it should be") for name, fault in results]
        by = f"signed by {', '.join(map(key_id, keys))}" if keys else "whoever signed it"
        print_lines(
            [rendering.as_table(("file", by), rows) if rows else f"{root}: nothing published"]
        )
    return _FAILED if any(fault for _, fault in results) else 0


def open_server(settings: GatewaySettings) -> DocumentServer | None:
    """Serve what is published beside whoever publishes it; None where the settings name no port.

    Raises:
        GatewayUnreachable: It cannot listen there.
    """
    if settings.kind is not GatewayKind.DOCUMENTS or settings.http_port is None:
        return None
    root, host, port = Path(settings.documents_dir), settings.http_host, settings.http_port
    server = DocumentServer(root, host, port, public_keys=_public_keys(settings))
    note("info", "documents_served", address=server.address)
    return server


def keep_flags(gateway: Gateway, settings: GatewaySettings) -> FlagFile | None:
    """Keep one flag file of all that a gateway publishes; None where it publishes no documents."""
    if not isinstance(gateway, DocumentGateway):
        return None
    flags = FlagFile(Path(settings.documents_dir), _public_keys(settings))
    gateway.changed = flags.changed
    return flags


def serving(options: argparse.Namespace) -> int:
    """Serve a folder until told to stop."""
    settings = _settings(options)
    port = settings.http_port if options.port is None else options.port
    if port is None:
        fault = "gateway.http_port is null: --port names one to serve on"
        raise SettingsInvalid([f"{fault} (OPTIMIZER_GATEWAY__HTTP_PORT)"])
    root = _folder(options, settings)
    host = options.host or settings.http_host
    server = DocumentServer(root, host, port, public_keys=_public_keys(settings))
    try:
        print_lines([f"documents of {root} at {server.address}"])
        print_lines([f"for flagd, all routes at {server.address}/{FLAGS}"])
        threading.Event().wait()
    finally:
        server.close()
    return 0


def drawing(options: argparse.Namespace) -> int:
    """Draw a pair of keys, and show it or keep its private half in a file."""
    pair = new_key_pair()
    private = pair.private
    if options.out:
        _keep(options.out, pair.private)
        private = f"in {options.out}"
    if options.output == "json":
        told = {"private_key": private, "public_key": pair.public, "key": key_id(pair.public)}
        return print_lines([to_json(told).decode()])
    return print_lines(
        [
            f"private  {private}  (gateway.signing_key; best as OPTIMIZER_GATEWAY__SIGNING_KEY)",
            f"public   {pair.public}  (for gateways and clients)",
        ]
    )


def _settings(options: argparse.Namespace) -> GatewaySettings:
    return load(options.config, os.environ).gateway


def _public_keys(settings: GatewaySettings) -> tuple[str, ...]:
    return (public_key_of(settings.signing_key),) if settings.signing_key else ()


def _folder(options: argparse.Namespace, settings: GatewaySettings) -> Path:
    return options.dir or Path(settings.documents_dir)


def _validated(path: Path, folder: Folder) -> tuple[str, list[str]]:
    """Say which document a file is, and what is wrong with it."""
    try:
        data = files.read(path, MOST_BYTES)
        if data is None:
            return "", ["no such file"]
        if _PROOF in data:
            document = open_file(data, (), folder.prompt).document
        else:
            document = document_of(data.strip(), folder.prompt)
    except DocumentInvalid as invalid:
        return "", invalid.faults
    except OptimizerError as error:
        return "", [str(error)]
    return f"{path}: {document.route}, revision {document.revision}, is valid", []


def _verified(root: Path, keys: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Give each file of a folder and what is wrong with it; `""` for nothing."""
    prompt = Folder(root).prompt
    checks: dict[str, Callable[[bytes], object]] = {
        CURRENT: partial(open_file, public_keys=keys, prompts=prompt),
        LEASES: partial(open_lease, public_keys=keys),
        HISTORY: partial(open_file, public_keys=keys, prompts=prompt),
    }
    for kind, check in checks.items():
        for path in sorted((root / kind).rglob("*.json")):
            try:
                check(files.read(path, MOST_BYTES) or b"")
            except OptimizerError as error:
                yield str(path.relative_to(root)), "; ".join(str(error).splitlines())
            else:
                yield str(path.relative_to(root)), ""


def _keep(path: Path, private: str) -> None:
    """Write a private key where only its owner can read it; an older one is not replaced."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise SettingsInvalid([f"{path} is there already: name another file"]) from error
    with os.fdopen(descriptor, "w") as file:
        file.write(f"{private}\n")
