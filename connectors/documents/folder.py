"""A folder of documents, as gateways and clients follow it.

    current/acme/shop/answer.json      what is in force, for gateways and our client
    leases/acme/shop/answer.json       how long, where it is a step of a rollout
    history/acme/shop/answer/12.json   earlier revisions, the newest few
    prompts/<sha256>.txt               the prompts that documents refer to
    index.json                         what there is
    flags.json                         all of it for flagd, leases included (`flag_file.py`)

Whatever happens between two writes, each file is whole, and publishing again completes the rest.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from connectors.documents import files
from connectors.documents.checked import parsed
from connectors.documents.leases import Lease, lease_file, open_lease
from connectors.documents.names import CURRENT, INDEX, LEASES, file_of, history_of, prompt_file
from connectors.documents.parsing import Opened, document_of, open_file
from connectors.documents.proofs import digest_of, public_key_of, seal
from connectors.documents.rendering import body_of, prompts_of, reference
from connectors.documents.rules import MOST_BYTES, MOST_PROMPT_BYTES
from optimizer.errors import DocumentInvalid, RevisionConflict

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from optimizer.documents import Document

_MOST_INDEX_BYTES = 1 << 28


class Folder:
    """Publishes documents to a folder.

    Args:
        path: The folder; made when something is published.
        signing_key: Ed25519 private key, 64 hexadecimal digits; None signs nothing.
        kept: How many revisions of each route stay in its history.

    Raises:
        SettingsInvalid: The key is none.
    """

    def __init__(self, path: Path, signing_key: str | None = None, kept: int = 20) -> None:
        self.path = path
        self._key = signing_key
        self._trusted = () if signing_key is None else (public_key_of(signing_key),)
        self._kept = kept

    def publish(
        self, document: Document, expected: int | None = None, lease: Lease | None = None
    ) -> bool:
        """Put a document in force; durable when it returns. Publishing twice is publishing once.

        Args:
            document: What shall be in force.
            expected: The revision that must be there now, 0 for none; None asks only for an older
                one.
            lease: Its lease, which is there before it is, so that nobody misses it.

        Returns:
            Whether it was not there already.

        Raises:
            DocumentInvalid: It has faults.
            UnknownVersion: What is there is of a later version of this program.
            RevisionConflict: A newer one is there, another one under its revision, or another
                one than expected.
            StorageFailed: It could not be written; what was there is there still.
        """
        body, prompts = body_of(document), prompts_of(document)
        if document_of(body, prompts.get) != document:
            raise DocumentInvalid(["it would not be read back as it is: use plain JSON values"])
        with files.locked(self.path):
            found = self._newest(document.route)
            is_new = found is None or found.body != body
            if is_new:
                _check(document, found, expected)
            if lease is not None:
                self.renew(lease)
            self._write(document, body, prompts)
        return is_new

    def opened(self, route: str) -> Opened | None:
        """Give what is in force on a route; None for nothing.

        Raises:
            DocumentInvalid: What is there cannot be read, or somebody else wrote it.
        """
        return self._open(file_of(CURRENT, route))

    def version(self, route: str, revision: int) -> Opened | None:
        """Give an earlier document of a route; None where it is not kept."""
        return self._open(f"{history_of(route)}/{revision}.json")

    def versions(self, route: str) -> list[int]:
        """Give the revisions that are kept of a route, rising."""
        files_there = (self.path / history_of(route)).glob("*.json")
        return sorted(int(path.stem) for path in files_there if path.stem.isdecimal())

    def renew(self, lease: Lease) -> None:
        """Write a lease; errors are those of `publish`."""
        files.put(self.path / file_of(LEASES, lease.route), lease_file(lease, self._key))

    def lease(self, route: str) -> Lease | None:
        """Give the lease of a route; None for none.

        Raises:
            DocumentInvalid: What is there cannot be read, or somebody else wrote it.
        """
        data = files.read(self.path / file_of(LEASES, route), MOST_BYTES)
        return None if data is None else open_lease(data, self._trusted)

    def held(self) -> AbstractContextManager[None]:
        """Keep other writers out, for what is to be done between two calls; not for `publish`."""
        return files.locked(self.path)

    def withdraw(self, route: str) -> None:
        """Take a route's document away with its lease and history, the index first.

        Whoever does holds the folder (`held`).

        Raises:
            StorageFailed: It could not be taken away.
        """
        self._put_index([each for each in self.index() if each["route"] != route])
        past = self.path / history_of(route)
        kept = [past / f"{revision}.json" for revision in self.versions(route)]
        for path in (*kept, *(self.path / file_of(kind, route) for kind in (LEASES, CURRENT))):
            files.remove(path)

    def index(self) -> list[dict[str, Any]]:
        """Tell of each document in force, by route.

        Raises:
            DocumentInvalid: The index is damaged; it is mended when something is published.
        """
        data = files.read(self.path / INDEX, _MOST_INDEX_BYTES)
        match {"documents": []} if data is None else parsed(data):
            case {"documents": [*documents]} if all(isinstance(one, dict) for one in documents):
                return documents
        raise DocumentInvalid([f"{self.path / INDEX} is no index"])

    def prompt(self, refers: str) -> str | None:
        """Give the text of a prompt; None where it is not here, or is not what it claims."""
        data = files.read(self.path / prompt_file(refers), MOST_PROMPT_BYTES)
        text = None if data is None else data.decode(errors="replace")
        return text if text is not None and reference(text) == refers else None

    def _open(self, name: str, trusted: Sequence[str] | None = None) -> Opened | None:
        data = files.read(self.path / name, MOST_BYTES)
        keys = self._trusted if trusted is None else trusted
        return None if data is None else open_file(data, keys, self.prompt)

    def _newest(self, route: str) -> Opened | None:
        """Give the newest document that can be read, whoever signed it.

        So a damaged file is replaced, and one from before there was a key is signed.
        """
        kept = (f"{history_of(route)}/{revision}.json" for revision in self.versions(route)[::-1])
        for name in (file_of(CURRENT, route), *kept):
            if found := self._readable(name):
                return found
        return None

    def _write(self, document: Document, body: bytes, prompts: dict[str, str]) -> None:
        data = seal(body, self._key)
        for name, content in self._wanted(document, data, prompts):
            path = self.path / name
            if files.read(path, max(MOST_BYTES, MOST_PROMPT_BYTES)) != content:
                files.put(path, content)
        self._enter(Opened(document, body))
        for revision in self.versions(document.route)[: -self._kept]:
            files.remove(self.path / f"{history_of(document.route)}/{revision}.json")

    def _wanted(
        self, document: Document, data: bytes, prompts: dict[str, str]
    ) -> Iterator[tuple[str, bytes]]:
        """Give the files of a document, what others refer to first."""
        for refers, text in prompts.items():
            yield prompt_file(refers), text.encode()
        yield f"{history_of(document.route)}/{document.revision}.json", data
        yield file_of(CURRENT, document.route), data

    def _enter(self, opened: Opened) -> None:
        """Tell of a document in the index."""
        before: list[dict[str, Any]] | None
        try:
            known = before = self.index()
        except DocumentInvalid:
            known, before = self._told_anew(), None
        entry = _entry(opened)
        others = [each for each in known if each["route"] != entry["route"]]
        documents = sorted([*others, entry], key=lambda each: str(each["route"]))
        if documents != before:
            self._put_index(documents)

    def _put_index(self, documents: list[dict[str, Any]]) -> None:
        content = json.dumps({"form": 1, "documents": documents}, indent=1)
        files.put(self.path / INDEX, f"{content}\n".encode())

    def _told_anew(self) -> list[dict[str, Any]]:
        """Tell of what there is without the index."""
        paths = sorted((self.path / CURRENT).rglob("*.json"))
        found = (self._readable(str(path.relative_to(self.path))) for path in paths)
        return [_entry(opened) for opened in found if opened is not None]

    def _readable(self, name: str) -> Opened | None:
        """Give a document whoever signed it; None for what is none."""
        try:
            return self._open(name, ())
        except DocumentInvalid:
            return None


def _entry(opened: Opened) -> dict[str, Any]:
    document = opened.document
    return {
        "route": document.route,
        "path": file_of(CURRENT, document.route),
        "revision": document.revision,
        "sha256": digest_of(opened.body),
        "leased": document.leased,
    }


def _check(document: Document, found: Opened | None, expected: int | None) -> None:
    there = 0 if found is None else found.document.revision
    what = f"{document.route} is at revision {there}"
    if document.revision <= there:
        raise RevisionConflict(f"{what}: {document.revision} is not newer", there)
    if expected is not None and expected != there:
        raise RevisionConflict(f"{what}: {expected} was expected", there)
