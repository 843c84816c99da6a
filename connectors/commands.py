"""Commands: orders and reports on their way to the running job, and whom they may concern.

They are records of the log's own input. That is the installation's: who may append to it orders
for every tenant, unless `sources` declares whose it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from connectors.codecs import to_json
from connectors.inputs import INPUTS
from optimizer.events import Order
from optimizer.observe.columns import Record, RecordKind
from optimizer.settings import source_of

if TYPE_CHECKING:
    from optimizer.events import FeedbackEvent
    from optimizer.settings import Settings


def as_record(event: FeedbackEvent, stamp_ns: int) -> Record:
    """Give an order or report as a record of the log's own input.

    Args:
        event: The order or report.
        stamp_ns: When it is appended, nanoseconds since the epoch.
    """
    kind = RecordKind.ORDER if isinstance(event.data, Order) else RecordKind.REPORT
    return Record(INPUTS, 0, stamp_ns, kind, to_json(event))


def concern_all(settings: Settings, partition: str) -> bool:
    """Tell whether commands that come in a partition may concern every tenant."""
    source = source_of(partition)
    is_declared = any(one.source == source for one in settings.sources)
    return source in {INPUTS, *settings.kafka.inputs_topics} and not is_declared
