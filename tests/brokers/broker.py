"""A broker as a process of its own: started, stopped, killed and started again on what it kept."""

from __future__ import annotations

import signal
import socket
import subprocess
import time
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient, NewPartitions, NewTopic

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

READY_S = 180
FOR_EVER = {"retention.ms": "-1"}  # records of these tests may be stamped long ago


class Broker(ABC):
    """One broker on this machine's loopback alone.

    Attributes:
        name: What it is.
        gaps: What it cannot do, with why.
        address: Where it listens.
    """

    name: str
    gaps: ClassVar[dict[str, str]] = {}

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.address = f"127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    @abstractmethod
    def command(self) -> Sequence[object]:
        """Give the command that starts it in the foreground."""

    def start(self) -> None:
        """Start it and wait until it answers."""
        log = (self.folder / "broker.log").open("ab")
        with log:
            self._process = subprocess.Popen(
                list(map(str, self.command())), cwd=self.folder, stdout=log, stderr=log
            )
        until = time.monotonic() + READY_S  # noqa: TID251 - a real server, in real time
        while not self._answers():
            assert self._process.poll() is None, self.told()
            assert time.monotonic() < until, self.told()  # noqa: TID251
            time.sleep(0.02)

    def _answers(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), 0.2).close()
        except OSError:
            return False
        client = AdminClient({"bootstrap.servers": self.address, "log_level": 0})
        try:
            return bool(client.list_topics(timeout=2).brokers)
        except Exception:  # noqa: BLE001 - whatever it is, it does not answer yet
            return False

    def told(self) -> str:
        """Give the end of its log."""
        return (self.folder / "broker.log").read_text(errors="replace")[-2000:]

    def stop(self) -> None:
        """End it as it wants to be ended."""
        self._end(self._process.terminate)

    def kill(self) -> None:
        """End it at once."""
        self._end(self._process.kill)

    def hang(self) -> None:
        """Let it keep its connections and answer nothing."""
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Let it answer again."""
        self._process.send_signal(signal.SIGCONT)

    def _end(self, how: object) -> None:
        if self._process is not None and self._process.poll() is None:
            how()
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def close(self) -> None:
        """End it, if it still runs."""
        if self._process is not None:
            self.kill()

    def create(self, topic: str, partitions: int = 1, **options: str) -> None:
        """Create a topic."""
        config = FOR_EVER | {name.replace("_", "."): value for name, value in options.items()}
        admin = self._admin()
        admin.create_topics([NewTopic(topic, partitions, 1, config=config)])[topic].result(20)

    def partitions(self, topic: str) -> int:
        """Count a topic's partitions; 0 where there is no such topic."""
        topics = self._admin().list_topics(timeout=20).topics
        return len(topics[topic].partitions) if topic in topics else 0

    def widen(self, topic: str, partitions: int) -> None:
        """Let a topic have more partitions."""
        admin = self._admin()
        admin.create_partitions([NewPartitions(topic, partitions)])[topic].result(20)

    def truncate(self, topic: str, first: int) -> None:
        """Delete the records of a topic's first partition that stand before an offset."""
        admin = self._admin()
        (done,) = admin.delete_records([TopicPartition(topic, 0, first)]).values()
        done.result(20)

    def delete(self, topic: str) -> None:
        """Delete a topic."""
        admin = self._admin()
        admin.delete_topics([topic])[topic].result(20)

    def _admin(self) -> AdminClient:
        return AdminClient({"bootstrap.servers": self.address, "log_level": 0})


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])
