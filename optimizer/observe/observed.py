"""Observed: what one record led to in its partition."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from optimizer.judgements import Judged, Seen
    from optimizer.observe.columns import DeadLetter
    from optimizer.panes import Mark, Pane


class Observed(NamedTuple):
    """What one record led to; panes come before the mark that seals them.

    Attributes:
        panes: Sealed panes by rising time, then corrections.
        mark: The watermark, where it passed a tick.
        dead: Calls and judgements that were set aside.
        scoring: Judgements, and the calls they may be about; also before the mark.
    """

    panes: list[Pane]
    mark: Mark | None
    dead: list[DeadLetter]
    scoring: Sequence[Judged | Seen]
