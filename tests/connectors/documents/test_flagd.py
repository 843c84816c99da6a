"""flagd's own core follows our file and our server, and deals as its second algorithm does."""

from __future__ import annotations

import json
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from openfeature.flag_evaluation import FlagEvaluationDetails

from connectors.documents.flag_file import FlagFile
from connectors.documents.folder import Folder
from connectors.documents.server import DocumentServer
from connectors.openfeature import Stamping
from tests.connectors.documents.examples import NEW, OLD, PAIR, ROUTE, a_document, a_lease
from tests.dataflows.actuating import wait_until
from tests.evaluators import flagd

LADDER = (10, 50, 100, 190, 200)  # of 200 slots
SHAPES = ("conversation-{}", "{}", "ключ-{}-漢字-🙂", "x" * 300 + "{}", "{}\n\t\u200b")
UNITS = [SHAPES[number % len(SHAPES)].format(number) for number in range(20_000)]
SLOT = "llm.optimizer.slot"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(flagd.absent()), reason=flagd.absent()),
]


@pytest.mark.parametrize("over", ["file", "http"])
def test_flagd_follows_each_step_and_its_calls_carry_the_slots_that_it_dealt(
    tmp_path: Path, over: str
) -> None:
    folder, flags = Folder(tmp_path / "documents", PAIR.private), tmp_path / "documents/flags.json"
    hook, before = Stamping(), set[str]()
    with ExitStack() as stack:
        keeping = stack.enter_context(closing(FlagFile(folder.path, (PAIR.public,))))
        wait_until(flags.exists)
        folder.publish(a_document(revision=1, leased=False))
        keeping.changed()
        wait_until(lambda: ROUTE in flags.read_text())
        server = stack.enter_context(closing(DocumentServer(folder.path)))
        place = flags if over == "file" else f"{server.address}/flags.json"
        following = stack.enter_context(flagd.Flagd(tmp_path, place, ROUTE))
        for revision, slots in enumerate(LADDER, 2):
            document = a_document(slots, revision=revision, leased=False)
            folder.publish(document)
            keeping.changed()
            wait_until(lambda revision=revision: following.ask(["one"])[0].revision == revision)
            # The server works out what it tells by itself; the file may come a little later.
            wait_until(lambda revision=revision: _told(flags)["revision"] == revision)
            told = _told(flags)
            answers = following.ask(UNITS)
            for unit, (arm, _) in zip(UNITS, answers, strict=True):
                details = FlagEvaluationDetails(ROUTE, {}, arm, told)
                assert document.arm_of(int(hook.stamps(details, unit)[SLOT])) == arm
            cohort = {unit for unit, (arm, _) in zip(UNITS, answers, strict=True) if arm == NEW.id}
            assert len(cohort) / len(UNITS) == pytest.approx(slots / 200, abs=0.02)
            assert before <= cohort  # nobody leaves when it grows
            before = cohort


def _told(flags: Path) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(flags.read_bytes())["flags"][ROUTE]["metadata"]
    return told


def test_flagd_returns_to_the_incumbent_when_the_lease_is_over(tmp_path: Path) -> None:
    folder, step = Folder(tmp_path / "documents"), a_document(slots=200)
    now = datetime.now(UTC)  # noqa: TID251 - flagd goes by the machine's clock
    folder.publish(step, lease=a_lease(step, now, secs=3600))
    FlagFile(folder.path).close()
    flags = folder.path / "flags.json"
    with flagd.Flagd(tmp_path, flags, ROUTE) as following:
        assert following.ask(["someone"]) == [(NEW.id, 7)]
    until = str(int(now.timestamp()) + 3600)
    ended = tmp_path / "ended.json"
    ended.write_text(flags.read_text().replace(until, str(int(now.timestamp()))))
    with flagd.Flagd(tmp_path, ended, ROUTE) as following:
        assert following.ask(["someone"]) == [(OLD.id, 7)]
