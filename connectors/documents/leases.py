"""Leases: how long a step of a rollout holds when nobody renews it.

A lease stands beside its document, outside what is hashed, and is renewed by wall clock. Who
follows a document that is leased serves its incumbent when the lease is over, or is not there.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from connectors.documents.checked import Checked, parsed
from connectors.documents.proofs import LEASE, seal, unseal
from optimizer.errors import DocumentInvalid

if TYPE_CHECKING:
    from collections.abc import Sequence

_LONGEST = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """Leave to follow one document for a while.

    Attributes:
        route: `tenant/service/route`.
        revision: The document's.
        document: SHA-256 of the document's body, 64 hexadecimal digits.
        issued_at: When it was given, aware UTC.
        until: When it ends.
        returned: The incumbent serves all until the next document, leased or not.
    """

    route: str
    revision: int
    document: str
    issued_at: datetime
    until: datetime
    returned: bool = False


class Term(NamedTuple):
    """How long a lease holds here, by two clocks.

    Whichever says first that it is over is believed: a wall clock that is set back does not make
    it longer, and neither does a monotonic one that stands still while the machine sleeps.

    Attributes:
        until_ns: Its end by the wall clock, nanoseconds since the epoch.
        deadline_ns: Its end by the monotonic clock.
    """

    until_ns: int
    deadline_ns: int

    def is_over(self, wall_ns: int, monotonic_ns: int) -> bool:
        """Tell whether it has ended."""
        return wall_ns >= self.until_ns or monotonic_ns >= self.deadline_ns


def begin(lease: Lease, wall_ns: int, monotonic_ns: int) -> Term:
    """Begin to hold a lease that just came: never longer than it was given for."""
    until_ns = _nanoseconds(lease.until)
    length_ns = until_ns - _nanoseconds(lease.issued_at)
    return Term(until_ns, monotonic_ns + min(until_ns - wall_ns, length_ns))


def lease_file(lease: Lease, private: str | None = None) -> bytes:
    """Write a lease, signed where there is a key."""
    content = {
        "route": lease.route,
        "revision": lease.revision,
        "document": lease.document,
        "issued_at": lease.issued_at.astimezone(UTC).isoformat(),
        "until": lease.until.astimezone(UTC).isoformat(),
        "returned": lease.returned,
    }
    body = json.dumps(content, separators=(",", ":")).encode()
    return seal(body, private, what=LEASE)


def open_lease(data: bytes, public_keys: Sequence[str] = ()) -> Lease:
    """Read a lease.

    Raises:
        DocumentInvalid: It is torn, changed, not signed as it must be, or has faults.
    """
    faults: list[str] = []
    told = Checked(parsed(unseal(data, public_keys, what=LEASE)), "", faults)
    lease = Lease(
        route=told.take("route", str),
        revision=told.take("revision", int),
        document=told.take("document", str),
        issued_at=told.instant("issued_at"),
        until=told.instant("until"),
        returned=told.take("returned", bool),
    )
    told.end()
    if not timedelta() <= lease.until - lease.issued_at <= _LONGEST:
        told.fault("until", f"is {lease.until}: must be within a day after {lease.issued_at}")
    if faults:
        raise DocumentInvalid(faults)
    return lease


def _nanoseconds(instant: datetime) -> int:
    return int(instant.timestamp() * 1e6) * 1000
