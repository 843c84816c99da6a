"""What a remote gateway keeps of a document: plain fields for whoever serves calls, and it whole.

The fields say what to do in plain JSON. Beside them stands the document's own file as one text, so
that it is read back as it was, whatever the other side does to numbers and to the order of names.
When the fields say something else than the document, somebody else has changed them.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from connectors.documents.parsing import Opened, document_of, open_file
from connectors.documents.proofs import seal
from connectors.documents.rendering import body_of, prompts_of
from connectors.mixes import reverted
from optimizer.errors import DocumentInvalid, GatewayRefused, RevisionConflict, UnknownVersion

if TYPE_CHECKING:
    from collections.abc import Mapping

    from optimizer.documents import Document

DOCUMENT, PROMPTS, REVERTED = "document", "prompts", "reverted"


class Held(NamedTuple):
    """A document that stands at a gateway.

    Attributes:
        document: The document, as it was applied.
        is_reverted: Its incumbent serves all.
    """

    document: Document
    is_reverted: bool = False

    @property
    def acting(self) -> Document:
        """The document as it acts."""
        return reverted(self.document) if self.is_reverted else self.document


def content_of(held: Held, signing_key: str | None = None) -> dict[str, Any]:
    """Give what is kept of a document: a mapping of JSON without nulls.

    Args:
        held: The document, and whether its incumbent serves all.
        signing_key: Ed25519 private key that signs the document's file; None signs nothing.

    Raises:
        DocumentInvalid: It has faults, or would not be read back as it is.
    """
    body, prompts = body_of(held.document), prompts_of(held.document)
    if document_of(body, prompts.get) != held.document:
        raise DocumentInvalid(["it would be read back as another one: publish what was read"])
    return {
        **_fields(held, body),
        REVERTED: held.is_reverted,
        PROMPTS: prompts,
        DOCUMENT: seal(body, signing_key).decode().rstrip(),
    }


def held_in(content: Mapping[str, Any], where: str) -> Held | None:
    """Give the document that is kept in what a gateway answered; None where none ever was.

    Args:
        content: What it answered; members that we do not know are nobody's business.
        where: Names the place, for messages.

    Raises:
        RevisionConflict: Somebody else changed what is there.
        GatewayRefused: It is in a form that this code does not know.
    """
    if content.get(DOCUMENT) is None:
        return None
    try:
        opened = _opened(content)
    except DocumentInvalid as fault:
        raise foreign(where, f"our document is damaged: {fault}", _revision(content)) from fault
    except UnknownVersion as error:
        raise GatewayRefused(f"{where}: {error}") from error
    held = Held(opened.document, content.get(REVERTED) is True)
    wanted = _fields(held, opened.body)
    if held.is_reverted:  # the mark says it, whether or not they were written anew
        del wanted["allotments"]
    if changed := [name for name, value in wanted.items() if not _is_same(content, name, value)]:
        told = f"{changed[0]} is {str(content.get(changed[0]))[:200]!r}"
        raise foreign(where, f"{told}, our document says otherwise", held.document.revision)
    return held


def _opened(content: Mapping[str, Any]) -> Opened:
    text, prompts = content[DOCUMENT], content.get(PROMPTS, {})
    if not isinstance(text, str) or not isinstance(prompts, dict):
        raise DocumentInvalid([f"{DOCUMENT} and {PROMPTS} must be a text and a mapping"])
    return open_file(f"{text}\n".encode(errors="replace"), (), prompts.get)


def foreign(where: str, told: str, revision: int) -> RevisionConflict:
    """Give the error for what somebody else changed under our document."""
    way_out = "put it back, or take it away there and it is written anew"
    return RevisionConflict(f"{where}: somebody else changed it: {told}: {way_out}", revision)


def _fields(held: Held, body: bytes) -> dict[str, Any]:
    """Give the plain fields, taken from the body so that they say the same."""
    ((route, flag),) = json.loads(body)["flags"].items()
    return {
        "route": route,
        "incumbent": flag["defaultVariant"],
        "salt": held.document.salt,
        "arms": flag["variants"],
        "allotments": [
            {"arm": allotment.arm, "slots": allotment.slots} for allotment in held.acting.allotments
        ],
        **{name: value for name, value in flag["metadata"].items() if name != "form"},
    }


def _is_same(content: Mapping[str, Any], name: str, wanted: Any) -> bool:
    return bool(_without_nulls(content.get(name)) == _without_nulls(wanted))


def _without_nulls(value: Any) -> Any:
    """Give a value as it is where nulls are kept as empty texts."""
    match value:
        case None:
            return ""
        case dict():
            return {name: _without_nulls(item) for name, item in value.items()}
        case list():
            return [_without_nulls(item) for item in value]
    return value


def _revision(content: Mapping[str, Any]) -> int:
    revision = content.get("revision")
    return revision if type(revision) is int and revision > 0 else 0
