"""What is to be done about one route, and how long to wait after an attempt in vain."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 30.0
_MOST_DOUBLINGS = 20


@dataclass(slots=True, kw_only=True)
class Errand:
    """What is known of one route between looks.

    Attributes:
        route: The route.
        due_s: When to look again, on the actuator's clock.
        revision: The revision that is wanted there.
        attempts: How often in a row it could not be brought there.
        looks: How often replicas were seen to lag behind it.
        seen: The revision that was told as seen; None for none yet.
    """

    route: str
    due_s: float = 0.0
    revision: int = 0
    attempts: int = 0
    looks: int = 0
    seen: int | None = None


def pause_s(errand: Errand) -> float:
    """Give how long to wait after an attempt in vain, seconds.

    It doubles, and is spread by half up and down so that those who wait do not come together; by
    what it waits for, not by chance.
    """
    longest = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2.0 ** min(errand.attempts, _MOST_DOUBLINGS))
    facts = f"{errand.route}\n{errand.revision}\n{errand.attempts}".encode()
    drawn = int.from_bytes(hashlib.blake2b(facts, digest_size=4).digest(), "big") / 2**32
    return longest * (0.5 + drawn)
