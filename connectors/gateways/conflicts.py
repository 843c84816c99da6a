"""What is said where a gateway holds another revision than expected, or one as new."""

from __future__ import annotations

from typing import TYPE_CHECKING

from optimizer.errors import RevisionConflict

if TYPE_CHECKING:
    from optimizer.documents import Document


def conflict(route: str, there: Document | None, expected: int) -> RevisionConflict:
    """Give the error for a revision that is there instead of the expected one.

    Args:
        route: Whose it is.
        there: The document that is there; None for none.
        expected: The revision that was expected.
    """
    found = there.revision if there else 0
    return RevisionConflict(f"{route}: revision {found} is there, {expected} was expected", found)


def check_follows(document: Document, there: Document | None, expected: int) -> None:
    """Find that a document may follow what is there.

    Args:
        document: What shall be in force.
        there: What is there, as it acts; None for nothing.
        expected: The revision that was expected there; 0 for none.

    Raises:
        RevisionConflict: Another revision is there, or one as new as the document.
    """
    if (there.revision if there else 0) != expected:
        raise conflict(document.route, there, expected)
    if there and document.revision <= there.revision:
        told = f"revision {there.revision} is there and is no older than {document.revision}"
        reason = f": {there.reason}" if there.reason else ""
        raise RevisionConflict(f"{document.route}: {told}{reason}", there.revision)
