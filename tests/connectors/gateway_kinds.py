"""The gateways there are, each ready to be tried."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from connectors.documents.folder import Folder
from connectors.documents.leases import Lease
from connectors.gateways.documents import DocumentGateway
from connectors.gateways.faults import Faults
from connectors.gateways.memory import MemoryGateway
from connectors.gateways.shelves import FileShelf, MemoryShelf
from connectors.gateways.trials import Trial
from optimizer.errors import StorageFailed

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from optimizer.documents import Document

SECOND_NS = 1_000_000_000
START_NS = 1_800_000_000 * SECOND_NS
FOUR = ("a", "b", "c", "d")


class Time:
    """A clock that moves when one waits."""

    def __init__(self) -> None:
        self.now_ns = START_NS

    def __call__(self) -> int:
        return self.now_ns

    def wait(self, seconds: float) -> None:
        self.now_ns += round(seconds * SECOND_NS)


def a_trial(kind: type[MemoryGateway] = MemoryGateway, **options) -> Trial:
    """A memory gateway of some kind, opened any number of times."""
    clock, shelf = Time(), options.pop("shelf", None) or MemoryShelf()
    return Trial(
        open=lambda: kind(shelf=shelf, clock=clock, faults=Faults(), **options),
        wait=clock.wait,
        break_off=break_off,
    )


def break_off(gateway: MemoryGateway, writes: int) -> None:
    gateway.faults.writes_left = writes


def in_memory(_: Path) -> Trial:
    return a_trial()


def of_four_replicas(_: Path) -> Trial:
    return a_trial(replicas=FOUR, lags={"b": 2 * SECOND_NS, "d": 9 * SECOND_NS})


def pushed_to_four_replicas(_: Path) -> Trial:
    return a_trial(replicas=FOUR, pushes=True)


def in_a_file(folder: Path) -> Trial:
    return a_trial(replicas=FOUR, pushes=True, shelf=FileShelf(folder / "gateway.json"))


def that_tells_nothing(_: Path) -> Trial:
    return a_trial(tells_replicas=False)


class BreakingFolder(Folder):
    """A folder whose disk is full, once."""

    is_full = False

    def publish(
        self, document: Document, expected: int | None = None, lease: Lease | None = None
    ) -> bool:
        if self.is_full:
            self.is_full = False
            raise StorageFailed("current: No space left on device")
        return super().publish(document, expected, lease)


def of_documents(folder: Path) -> Trial:
    return _of_folder(lambda: BreakingFolder(folder))


def of_signed_documents(folder: Path) -> Trial:
    return _of_folder(lambda: BreakingFolder(folder, "5e" * 32))


def _of_folder(opened: Callable[[], BreakingFolder]) -> Trial:
    clock = Time()

    def break_off(gateway: DocumentGateway, _: int) -> None:
        gateway._folder.is_full = True  # noqa: SLF001 - a fault to inject

    return Trial(
        open=lambda: DocumentGateway(opened(), timedelta(seconds=30), clock),
        wait=clock.wait,
        break_off=break_off,
    )


KINDS: tuple[Callable[[Path], Trial], ...] = (
    in_memory,
    of_four_replicas,
    pushed_to_four_replicas,
    in_a_file,
    that_tells_nothing,
    of_documents,
    of_signed_documents,
)
