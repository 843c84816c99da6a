"""The actuator brings rollouts to remote gateways while servers are killed and the way fails."""

from __future__ import annotations

import socket
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from connectors.gateways.http import HttpClient
from optimizer.errors import GatewayUnreachable
from tests.command_line import ENVIRONMENT
from tests.connectors.acting import ROUTE, Stage, a_document
from tests.connectors.gateways.scenes import LONG_S, QUICK_S, REMOTES, Remote, Scene
from tests.faulty_way import Fault, FaultyWay, Kind, some_of

if TYPE_CHECKING:
    from pathlib import Path

MODULES = {
    "orchestrator": "orchestrator",
    "configurations": "configurations",
    "config_manager": "managed_configs",
}
STEPS = (0, 10, 50, 100, 190, 0)  # slots of the new arm: a rollout, and it is undone


class Program:
    """A reference server as a process of its own, which can be killed and started again."""

    def __init__(self, module: str, folder: Path) -> None:
        with closing(socket.create_server(("127.0.0.1", 0))) as free:
            self.port: int = free.getsockname()[1]
        self._command = [
            *(sys.executable, "-m", f"connectors.gateways.reference.{module}"),
            *("--port", str(self.port), "--file", str(folder / "kept.json")),
        ]
        self.start()

    def start(self) -> None:
        self._process = subprocess.Popen(
            self._command, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == f"http://127.0.0.1:{self.port}\n"

    def close(self) -> None:
        """Kill it, whatever it is doing."""
        self._process.kill()
        self._process.communicate()


@pytest.mark.parametrize("remote", REMOTES, ids=lambda remote: remote.name)
def test_a_rollout_gets_through_a_way_that_fails_and_restarts(
    remote: Remote, tmp_path: Path
) -> None:
    with closing(Scene(remote, tmp_path, QUICK_S)) as scene:
        stage = Stage(tmp_path)
        actuator = stage.actuator(gateway=scene.gateway())
        for revision, slots in enumerate(STEPS, 1):
            scene.way.faults = some_of(revision, 0.2)
            stage.say(a_document(revision, slots, leased=slots > 0))
            stage.play(actuator, 0.4)
            scene.restart()
            scene.way.faults = iter(())
            stage.play(actuator, 40, lambda: len(stage.told()) == revision)  # noqa: B023 - now
            assert scene.patient_gateway().read(ROUTE) == a_document(
                revision, slots, leased=slots > 0
            )
        assert stage.told() == [("applied", revision) for revision in range(1, len(STEPS) + 1)]
        assert {event.data.gateway for event in stage.events()} == {remote.name.partition("-")[0]}


@pytest.mark.slow
@pytest.mark.parametrize(
    "remote", [one for one in REMOTES if one.name in MODULES], ids=lambda remote: remote.name
)
def test_a_rollout_gets_through_kills_of_the_server(remote: Remote, tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    with (
        closing(Program(MODULES[remote.name], tmp_path)) as program,
        closing(FaultyWay(program.port)) as way,
    ):
        gateway = remote.opened(HttpClient(way.address, None, QUICK_S))
        patient = remote.opened(HttpClient(way.address, None, LONG_S))
        actuator = stage.actuator(gateway=gateway)
        for revision, slots in enumerate(STEPS, 1):
            document = a_document(revision, slots, leased=slots > 0)
            way.faults = some_of(revision, 0.5)
            stage.say(document)
            stage.play(actuator, 0.4)
            program.close()
            stage.play(actuator, 5)
            with pytest.raises(GatewayUnreachable):
                gateway.read(ROUTE)
            program.start()
            way.faults = iter(())
            stage.play(actuator, 120, lambda: len(stage.told()) == revision)  # noqa: B023 - now
            assert patient.read(ROUTE) == document
    assert stage.told() == [("applied", revision) for revision in range(1, len(STEPS) + 1)]


@pytest.mark.parametrize("remote", REMOTES, ids=lambda remote: remote.name)
def test_an_actuator_that_starts_before_its_gateway_finds_it_later(
    remote: Remote, tmp_path: Path
) -> None:
    with closing(Scene(remote, tmp_path, QUICK_S)) as scene:
        scene.way.faults = iter([Fault(Kind.CUT)] * 9)
        stage = Stage(tmp_path)
        stage.say(a_document(1))
        actuator = stage.actuator(gateway=scene.gateway())
        stage.play(actuator, 20, lambda: bool(stage.told()))
        assert stage.told() == [("applied", 1)]
        assert scene.way.taken > 9
        (event,) = stage.events()
        assert event.data.gateway == remote.name.partition("-")[0]
