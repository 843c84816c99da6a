"""Which looks at a rollout say something new: a log is told of these, a view of each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from optimizer.rollouts import Phase

if TYPE_CHECKING:
    from optimizer.rollouts import RolloutProgress

Standing = tuple[str, int, str, bool, str, str, str]


class RolloutChanges:
    """How each rollout in progress stood when it was last told of; one owner, changed in place."""

    def __init__(self) -> None:
        self._told: dict[str, Standing] = {}

    def is_new(self, progress: RolloutProgress) -> bool:
        """Tell whether step, phase, pause or verdict differ from the look before, and note them.

        The end of a rollout is always new: nothing is remembered of it.
        """
        standing = _standing(progress)
        is_new = self._told.get(progress.route) != standing
        if progress.phase is Phase.ENDED:
            self._told.pop(progress.route, None)
        else:
            self._told[progress.route] = standing
        return is_new

    def dump(self) -> bytes:
        """Give the state."""
        return msgspec.msgpack.encode(self._told)

    def load(self, state: bytes) -> None:
        """Read what `dump` gave."""
        self._told = msgspec.msgpack.decode(state, type=dict[str, Standing])


def _standing(progress: RolloutProgress) -> Standing:
    verdict = progress.verdict
    return (
        progress.decision_id,
        progress.step,
        progress.phase.value,
        progress.paused,
        verdict.kind.value,
        verdict.reason,
        verdict.metric,
    )
