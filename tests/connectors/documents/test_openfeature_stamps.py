"""Calls that OpenFeature steered carry the stamps that our client would have given them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import mmh3
import pytest
from openfeature import api
from openfeature.client import OpenFeatureClient
from openfeature.evaluation_context import EvaluationContext
from openfeature.flag_evaluation import FlagResolutionDetails, Reason
from openfeature.provider.in_memory_provider import InMemoryFlag, InMemoryProvider
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from connectors.client import Client
from connectors.documents.flag_set import FlagSet
from connectors.documents.folder import Folder
from connectors.documents.names import CURRENT, file_of
from connectors.openfeature import CELL, Stamping, request_of
from optimizer.documents import SLOTS, Allotment
from optimizer.models import Arm, ModelConfig
from tests.connectors.documents.examples import NEW, OLD, ROUTE, START, a_document, a_lease
from tests.connectors.documents.test_client import Clocks

flagd = pytest.importorskip("openfeature.contrib.provider.flagd", reason="not in this environment")

UNITS = [f"conversation-{number}" for number in range(400)]
KEY = "the key of all stamps"
STAMPS = "llm.optimizer."
OWN = {"model": "gpt-4o", "max_tokens": 7}


@pytest.fixture
def now() -> datetime:
    return datetime.now(UTC)  # noqa: TID251 - evaluators of flags go by the machine's clock


@pytest.fixture
def clocks(now: datetime) -> Clocks:
    return Clocks(wall_s=(now - START).total_seconds())


@pytest.fixture
def folder(tmp_path: Path, now: datetime) -> Folder:
    folder = Folder(tmp_path / "documents")
    step = a_document(slots=50)
    folder.publish(step, lease=a_lease(step, now, secs=3600))
    return folder


@pytest.fixture
def client(folder: Folder, clocks: Clocks) -> Iterator[Client]:
    with Client(folder.path, stamp_key=KEY, routes=[ROUTE], poll_secs=3600, clocks=clocks) as made:
        yield made


@pytest.fixture
def follow(tmp_path: Path) -> Iterator[Callable[[bytes], OpenFeatureClient]]:
    """Makes applications' clients of flags that stand in files."""
    providers: list[flagd.FlagdProvider] = []

    def made(flags: bytes) -> OpenFeatureClient:
        path = tmp_path / f"flags-{len(providers)}.json"
        path.write_bytes(flags)
        providers.append(
            flagd.FlagdProvider(
                resolver_type=flagd.config.ResolverType.FILE, offline_flag_source_path=str(path)
            )
        )
        api.set_provider_and_wait(providers[-1], str(path))
        return api.get_client(str(path))

    yield made
    for provider in providers:
        provider.shutdown()


def spans_of(asking: OpenFeatureClient, units: list[str], **attributes: str) -> list[ReadableSpan]:
    """Evaluate a route's flag within a span for each unit; give the spans."""
    exporter, tracing = InMemorySpanExporter(), TracerProvider(shutdown_on_exit=False)
    tracing.add_span_processor(SimpleSpanProcessor(exporter))
    for unit in units:
        with tracing.get_tracer("shop").start_as_current_span("chat"):
            asking.get_object_value(ROUTE, {}, EvaluationContext(unit, attributes))
    return list(exporter.get_finished_spans())


def test_a_call_carries_the_stamps_that_our_client_gives(
    folder: Folder, clocks: Clocks, client: Client, follow
) -> None:
    asking = follow(FlagSet(folder.path, clocks).read())
    asking.add_hooks([Stamping(KEY)])
    spans = spans_of(asking, UNITS, **{CELL: "long"})
    wanted = [client.choose(ROUTE, unit, "long").stamps for unit in UNITS]
    assert [dict(span.attributes or {}) for span in spans] == wanted
    assert all(f"{STAMPS}signature" in stamps and f"{STAMPS}slot" in stamps for stamps in wanted)


def stamped(details: Any, unit: str | None, **how: Any) -> dict[str, Any]:
    stamps = Stamping(**how).stamps(details, unit)
    return {name.removeprefix(STAMPS): value for name, value in stamps.items()}


def asked(asking: OpenFeatureClient, unit: str | None = "someone") -> Any:
    return asking.get_object_details(ROUTE, {}, EvaluationContext(unit))


def test_after_its_lease_a_call_proves_nothing(folder: Folder, follow) -> None:
    folder.renew(a_lease(a_document(slots=50)))
    asking = follow(FlagSet(folder.path, Clocks()).read())
    assert stamped(asked(asking), "someone") == {"route": ROUTE, "arm": OLD.id}


def test_stamps_end_with_the_lease_by_the_clock_of_the_application(
    folder: Folder, clocks: Clocks, follow, now: datetime
) -> None:
    details = asked(follow(FlagSet(folder.path, clocks).read()))
    end = int((now + timedelta(hours=1)).timestamp())
    assert "revision" in stamped(details, "someone", clock=lambda: end - 1)
    assert "revision" not in stamped(details, "someone", clock=lambda: end)


def test_what_was_returned_proves_nothing(
    folder: Folder, clocks: Clocks, follow, now: datetime
) -> None:
    folder.renew(a_lease(a_document(slots=50), now, returned=True))
    asking = follow(FlagSet(folder.path, clocks).read())
    assert stamped(asked(asking), "someone") == {"route": ROUTE, "arm": OLD.id}


def test_of_a_document_alone_the_slot_is_not_known(folder: Folder, follow) -> None:
    asking = follow((folder.path / file_of(CURRENT, ROUTE)).read_bytes())
    details = asked(asking)
    wanted = {"route": ROUTE, "arm": details.variant, "revision": 7}
    assert stamped(details, "someone") == wanted


@pytest.mark.parametrize("unit", [None, ""])
def test_without_a_unit_nothing_is_proved(
    folder: Folder, clocks: Clocks, follow, unit: str | None
) -> None:
    details = asked(follow(FlagSet(folder.path, clocks).read()), unit)
    assert set(stamped(details, unit)) == {"route", "arm"}


def test_flags_of_others_and_failed_evaluations_are_left_alone(follow) -> None:
    flag = {"state": "ENABLED", "variants": {"on": {"a": 1}}, "defaultVariant": "on"}
    other = {**flag, "metadata": {"form": "long", "revision": 3}}
    asking = follow(json.dumps({"flags": {ROUTE: flag, "other": other}}).encode())
    asking.add_hooks([Stamping()])
    assert [dict(span.attributes or {}) for span in spans_of(asking, ["someone"])] == [{}]
    assert stamped(asking.get_object_details("other", {}), "someone") == {}
    assert stamped(asking.get_object_details("no/such/route", {}), "someone") == {}
    assert stamped(asking.get_string_details("other", "mine"), "someone") == {}


def test_a_route_is_stamped_before_its_first_document_as_our_client_stamps_it(
    tmp_path: Path, follow
) -> None:
    asking = follow(FlagSet(tmp_path / "nothing", Clocks()).read())
    asking.add_hooks([Stamping(KEY, routes=[ROUTE])])
    (span,) = spans_of(asking, ["someone"])
    with Client(tmp_path / "nothing", stamp_key=KEY, routes=[ROUTE]) as client:
        assert dict(span.attributes or {}) == client.choose(ROUTE, "someone").stamps
    assert span.attributes
    assert f"{STAMPS}signature" in span.attributes


class Earlier(InMemoryProvider):
    """Evaluates a flag file by flagd's second fractional algorithm, as flagd core 0.17 does."""

    def __init__(self, flags: bytes) -> None:
        (flag,) = json.loads(flags)["flags"].values()
        told = flag["metadata"]
        owners = [arm for arm, count in json.loads(told["slots"]) for _ in range(count)]

        def evaluate(_: object, context: EvaluationContext) -> FlagResolutionDetails[Any]:
            text = f"{told['salt']}{context.targeting_key}".encode()
            arm = owners[mmh3.hash(text, signed=False) * SLOTS >> 32]
            return FlagResolutionDetails(
                flag["variants"][arm],
                reason=Reason.TARGETING_MATCH,
                variant=arm,
                flag_metadata=dict.fromkeys(told) | told | {"revision": float(told["revision"])},
            )

        super().__init__(
            {ROUTE: InMemoryFlag(OLD.id, flag["variants"], context_evaluator=evaluate)}
        )


def test_slots_are_those_of_the_evaluator_that_chose(
    folder: Folder, clocks: Clocks, client: Client
) -> None:
    api.set_provider_and_wait(Earlier(FlagSet(folder.path, clocks).read()), "earlier")
    asking = api.get_client("earlier")
    hook, document = Stamping(), a_document(slots=50)
    others = 0
    for unit in UNITS:
        details = asked(asking, unit)
        stamps = hook.stamps(details, unit)
        assert document.arm_of(stamps[f"{STAMPS}slot"]) == stamps[f"{STAMPS}arm"] == details.variant
        assert stamps[f"{STAMPS}revision"] == 7
        others += details.variant != client.choose(ROUTE, unit).arm
    assert others > len(UNITS) // 5  # their cohorts are as large, of other units


def test_an_evaluator_of_no_known_algorithm_proves_nothing(folder: Folder, clocks: Clocks) -> None:
    flags = FlagSet(folder.path, clocks).read()
    api.set_provider_and_wait(Earlier(flags), "odd")
    asking, hook = api.get_client("odd"), Stamping()
    document, proved = a_document(slots=50), 0
    for unit in UNITS:
        stamps = hook.stamps(asked(asking, f"{unit}, dealt otherwise"), unit)
        slot = stamps.get(f"{STAMPS}slot", -1)
        assert (slot >= 0) == (f"{STAMPS}revision" in stamps)
        assert slot < 0 or document.arm_of(slot) == stamps[f"{STAMPS}arm"]
        proved += slot >= 0
    assert 0 < proved < len(UNITS)
    assert NEW.id in {asked(asking, unit).variant for unit in UNITS}


def test_a_request_says_what_the_arm_s_author_wrote_down_and_no_more(
    folder: Folder, clocks: Clocks, client: Client, follow
) -> None:
    config = ModelConfig(model="gpt-4o-mini", temperature=0.2, extra_params={"seed": 7})
    arm = Arm(config=config, prompt="short", declared=("model", "temperature", "prompt"))
    whole = (Allotment(arm=arm.id, slots=SLOTS),)
    told = {"arms": (arm,), "allotments": whole, "incumbent": arm.id}
    folder.publish(a_document(**told, revision=8, leased=False))
    client.refresh()
    asking = follow(FlagSet(folder.path, clocks).read())
    value = asking.get_object_value(ROUTE, OWN, EvaluationContext("someone"))
    assert {"max_tokens", "top_p"} <= value.keys()  # what is usual for the task
    wanted = {"model": "gpt-4o-mini", "temperature": 0.2, "seed": 7}
    assert request_of(value) == client.choose(ROUTE, "someone").request == wanted


def test_without_a_flag_a_request_is_the_application_s_own(tmp_path: Path) -> None:
    assert request_of(OWN) == OWN
    with Client(tmp_path, routes=[ROUTE], poll_secs=3600) as following:
        assert OWN | following.choose(ROUTE, "someone").request == OWN
