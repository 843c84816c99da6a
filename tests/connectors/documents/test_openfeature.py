"""An application that asks OpenFeature calls the very arms that our client would have it call."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from openfeature import api
from openfeature.client import OpenFeatureClient
from openfeature.evaluation_context import EvaluationContext
from openfeature.event import ProviderEvent

from connectors.client import Client
from connectors.documents.flag_file import FlagFile
from connectors.documents.folder import Folder
from connectors.documents.names import CURRENT, file_of
from connectors.gateways.documents import DocumentGateway
from connectors.gateways.litellm_plugin.groups import Groups
from connectors.gateways.litellm_plugin.requests import Request
from connectors.gateways.litellm_plugin.steering import Steering
from tests.connectors.documents.examples import NEW, OLD, PAIR, ROUTE, a_document
from tests.dataflows.actuating import wait_until

flagd = pytest.importorskip("openfeature.contrib.provider.flagd", reason="not in this environment")

MODELS = [
    {"model_name": model, "litellm_params": {"model": f"openai/{model}"}}
    for model in (OLD.config.model, NEW.config.model)
]
LADDER = (10, 50, 100, 190, 200)  # of 200 slots
SALTS = ("3f1c0a", "acme/shop/answer", "ü 漢🙂" * 40)
SHAPES = ("conversation-{}", "{}", "ключ-{}-漢字-🙂", "x" * 300 + "{}", "{}\n\t\u200b", "0{}.50")
LONG_AGO = datetime(2025, 3, 3, tzinfo=UTC)


def units(count: int) -> list[str]:
    """So many units of all shapes, some of awkward lengths among them."""
    told = [SHAPES[number % len(SHAPES)].format(number) for number in range(count)]
    return ["\x00", *("y" * length for length in (17, 18, 23, 24, 249, 250, 65_535)), *told]


@pytest.fixture
def evaluator() -> Iterator[Callable[[Path], OpenFeatureClient]]:
    """Makes clients of flagd's provider, each following a file of its own."""
    with ExitStack() as stack:

        def follow(flags: Path) -> OpenFeatureClient:
            provider = flagd.FlagdProvider(
                resolver_type=flagd.config.ResolverType.FILE,
                offline_flag_source_path=str(flags),
                deadline_ms=50,  # how often it looks at the file
            )
            api.set_provider_and_wait(provider, str(flags))
            stack.callback(provider.shutdown)
            return api.get_client(str(flags))

        yield follow


class Published:
    """A folder that a gateway publishes to, with its flag file and a client of ours."""

    def __init__(self, stack: ExitStack, folder: Path) -> None:
        self.flags = folder / "flags.json"
        self.file = FlagFile(folder, (PAIR.public,))
        stack.callback(self.file.close)
        self.gateway = DocumentGateway(Folder(folder, PAIR.private), timedelta(seconds=300))
        self.gateway.changed = self.file.changed
        self.client = Client(folder, PAIR.public, routes=[ROUTE], poll_secs=3600)
        stack.callback(self.client.close)
        groups = Groups(lambda: MODELS, {}, lambda: 0)
        self.plugin = Steering(self.client, {OLD.config.model: ROUTE}, groups)
        wait_until(self.flags.exists)

    def put(self, slots: int, revision: int, **changes: object) -> None:
        document = a_document(slots, revision=revision, **changes)
        self.gateway.apply(document, revision - 1, "")
        self.client.refresh()

    def arm(self, unit: str) -> str:
        """Give the arm that our client chooses, and so does the plugin of a LiteLLM proxy."""
        arm = self.client.choose(ROUTE, unit).arm
        call = Request(OLD.config.model, "acompletion", "call-1", conversation=unit)
        assigned = self.plugin.assign(call).choice
        assert assigned is not None
        assert assigned.arm == arm
        return arm


@pytest.fixture
def published(tmp_path: Path) -> Iterator[Published]:
    with ExitStack() as stack:
        yield Published(stack, tmp_path / "documents")


def told(client: OpenFeatureClient, unit: str = "someone"):
    return client.get_object_details(ROUTE, {}, EvaluationContext(unit))


def follows(client: OpenFeatureClient, revision: int) -> Callable[[], bool]:
    return lambda: told(client).flag_metadata.get("revision") == revision


def agreement_and_cohorts(
    published: Published, client: OpenFeatureClient, salt: str, some: list[str]
) -> Iterator[set[int]]:
    """Take a route up the ladder; give each step's cohort once both have dealt all units alike."""
    first = published.client.status(ROUTE).revision + 1
    for revision, slots in enumerate(LADDER, first):
        published.put(slots, revision, salt=salt)
        wait_until(follows(client, revision))
        arms = [told(client, unit).variant for unit in some]
        assert arms == [published.arm(unit) for unit in some]
        yield {number for number, arm in enumerate(arms) if arm == NEW.id}


def check_ladder(published: Published, client: OpenFeatureClient, salt: str, count: int) -> None:
    some, before = units(count), set[int]()
    for slots, cohort in zip(
        LADDER, agreement_and_cohorts(published, client, salt, some), strict=True
    ):
        assert before <= cohort  # nobody leaves when it grows
        spread = 5 * (slots / 200 * (1 - slots / 200) / len(some)) ** 0.5
        assert len(cohort) / len(some) == pytest.approx(slots / 200, abs=spread + 1e-9)
        before = cohort


@pytest.mark.parametrize("salt", SALTS, ids=["hex", "route", "unicode"])
def test_each_unit_gets_the_arm_of_our_client_and_our_plugin_up_the_whole_ladder(
    published: Published, evaluator, salt: str
) -> None:
    check_ladder(published, evaluator(published.flags), salt, 600)


@pytest.mark.slow
def test_a_hundred_thousand_units_get_the_arms_that_our_client_and_our_plugin_give_them(
    published: Published, evaluator
) -> None:
    check_ladder(published, evaluator(published.flags), SALTS[0], 100_000)


def test_the_file_of_one_document_gives_the_same_arms(published: Published, evaluator) -> None:
    published.put(50, 1)
    alone = evaluator(published.flags.parent / file_of(CURRENT, ROUTE))
    for unit in units(600):
        assert told(alone, unit).variant == published.arm(unit)


def test_a_torn_or_missing_file_leaves_the_last_good_one_in_force(
    published: Published, evaluator
) -> None:
    published.put(200, 1)
    wait_until(lambda: b'"revision":1,' in published.flags.read_bytes())
    client, errors = evaluator(published.flags), []
    client.add_handler(ProviderEvent.PROVIDER_ERROR, errors.append)
    whole = published.flags.read_bytes()
    for torn in (whole[: len(whole) // 2], b"", b"[]", b'{"flags":{"a":1}}', None):
        published.flags.write_bytes(torn) if torn is not None else published.flags.unlink()
        errors.clear()
        wait_until(lambda: len(errors) > 1)  # one may be of what was there before
        assert told(client).variant == NEW.id
    published.put(10, 2)
    wait_until(follows(client, 2))


def test_a_clock_that_is_set_back_keeps_no_file_from_being_followed(
    published: Published, evaluator
) -> None:
    published.put(10, 1)
    wait_until(lambda: b'"revision":1,' in published.flags.read_bytes())
    ahead = published.flags.stat().st_mtime + 3600  # the clock was, when this was written
    os.utime(published.flags, (ahead, ahead))
    client = evaluator(published.flags)
    for revision in (2, 3):
        published.put(50, revision)
        wait_until(follows(client, revision))


def test_the_incumbent_serves_when_a_lease_is_over_and_nobody_is_left(
    published: Published, evaluator
) -> None:
    published.put(200, 1, leased=True)
    wait_until(lambda: b'"until":' in published.flags.read_bytes())
    client = evaluator(published.flags)
    assert told(client).variant == NEW.id
    published.file.close()
    ended = published.flags.with_name("ended.json")
    text = published.flags.read_text()
    until = told(client).flag_metadata["until"]
    ended.write_text(text.replace(str(until), str(int(LONG_AGO.timestamp()))))
    assert told(evaluator(ended)).variant == OLD.id
