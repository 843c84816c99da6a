"""A document has one form, which flagd reads as a flag and we read back whole."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from jsonschema import Draft7Validator
from openfeature.contrib.tools.flagd.core import FlagdCore
from openfeature.evaluation_context import EvaluationContext
from referencing import Registry, Resource

from connectors.codecs import from_json, to_json
from connectors.documents.parsing import document_of
from connectors.documents.proofs import seal
from connectors.documents.rendering import body_of, prompts_of
from optimizer.act.desired import at_rest, put_back, shared
from optimizer.documents import SLOTS, Allotment, Document, Unit
from optimizer.errors import DocumentInvalid, UnknownVersion
from optimizer.models import Arm, ModelConfig
from optimizer.slots import slot_of
from tests.connectors.documents.examples import NEW, OLD, PAIR, ROUTE, START, a_document, documents

SCHEMAS = Path(__file__).parents[2] / "samples" / "flagd"


def flagd_schema() -> Draft7Validator:
    flags, targeting = (
        json.loads((SCHEMAS / name).read_text()) for name in ("flags.json", "targeting.json")
    )
    beside = ("./targeting.json", Resource.from_contents(targeting))  # as the first refers to it
    return Draft7Validator(flags, registry=Registry().with_resources([beside]))


FLAGS = flagd_schema()


def flagd_with(document: Document) -> FlagdCore:
    flagd = FlagdCore()
    flagd.set_flags(seal(body_of(document), PAIR.private).decode())
    return flagd


@given(documents())
def test_what_is_written_is_read_back(document: Document) -> None:
    body = body_of(document)
    read = document_of(body, prompts_of(document).get)
    assert read == document
    assert body_of(read) == body


@given(documents())
def test_every_document_is_valid_by_the_schema_of_flagd(document: Document) -> None:
    FLAGS.validate(json.loads(seal(body_of(document), PAIR.private)))


def test_the_schema_of_flagd_would_refuse_what_is_no_flag() -> None:
    content = json.loads(body_of(a_document()))
    content["flags"][ROUTE]["targeting"]["fractional"][1] = "no share"
    assert not FLAGS.is_valid(content)


@settings(max_examples=20)
@given(documents())
def test_flagd_gives_each_unit_the_arm_that_owns_its_slot(document: Document) -> None:
    flagd = flagd_with(document)
    for number in range(50):
        unit = f"conversation-{number}"
        answer = flagd.resolve_object_value(document.route, {}, EvaluationContext(unit))
        assert answer.variant == document.arm_of(slot_of(document.salt, unit))


def test_flagd_gives_settings_and_where_they_come_from() -> None:
    flagd = flagd_with(a_document(slots=200))
    answer = flagd.resolve_object_value(ROUTE, {}, EvaluationContext("someone"))
    assert answer.variant == NEW.id
    assert (answer.value["model"], answer.value["temperature"]) == ("gpt-4o-mini", 0.2)
    assert (answer.flag_metadata["revision"], answer.flag_metadata["unit"]) == (7, "conversation")


def test_who_names_no_unit_gets_the_incumbent_from_flagd() -> None:
    answer = flagd_with(a_document(slots=10)).resolve_object_value(ROUTE, {}, EvaluationContext(""))
    assert answer.variant in {OLD.id, None}


def test_equal_documents_are_equal_bytes_however_their_parameters_are_ordered() -> None:
    def document(extra: dict[str, object]) -> Document:
        arm = Arm(config=ModelConfig(model="gpt-4o", extra_params=extra))
        whole = (Allotment(arm=arm.id, slots=SLOTS),)
        return a_document(arms=(arm,), allotments=whole, incumbent=arm.id)

    one = document({"seed": 1, "nested": {"a": 1, "b": [2]}})
    other = document({"nested": {"b": [2], "a": 1}, "seed": 1})
    assert body_of(one) == body_of(other)


def test_how_long_a_call_is_waited_for_is_told_only_where_somebody_waits() -> None:
    metadata = json.loads(body_of(a_document(patience_ms=8000)))["flags"][ROUTE]["metadata"]
    assert metadata["patience_ms"] == 8000
    assert b"patience" not in body_of(a_document())


def test_prompts_are_referred_to_and_not_repeated() -> None:
    body = body_of(a_document())
    (refers,) = prompts_of(a_document())
    assert b"Be brief." not in body
    assert refers.encode() in body


def test_a_document_cannot_be_read_without_its_prompts() -> None:
    with pytest.raises(DocumentInvalid, match=r"its prompt sha256:[0-9a-f]+ is not here"):
        document_of(body_of(a_document()))


def test_a_prompt_that_is_a_reference_already_stays_one() -> None:
    arm = Arm(config=ModelConfig(model="gpt-4o", system_prompt=f"sha256:{'a' * 64}"))
    document = a_document(
        arms=(arm,), allotments=(Allotment(arm=arm.id, slots=SLOTS),), incumbent=arm.id
    )
    assert prompts_of(document) == {}
    assert document_of(body_of(document)) == document


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"route": "shop/answer"}, "route is 'shop/answer': must be tenant/service/route"),
        ({"route": "a/ /c"}, "route is 'a/ /c'"),
        ({"route": "a/b\n/c"}, "route is"),
        ({"revision": 0}, "revision is 0: must be from 1 to"),
        ({"revision": 2**31}, "revision is 2147483648"),
        ({"salt": ""}, "salt is ''"),
        ({"arms": ()}, "arms are 0: must be 1 to 64"),
        ({"arms": (OLD, NEW, OLD)}, f"arms hold {OLD.id} twice"),
        ({"arms": (OLD, NEW, Arm(config=ModelConfig()))}, "has the model ''"),
        ({"incumbent": "gpt-5"}, "incumbent is 'gpt-5': must be one of"),
        ({"allotments": ()}, "allotments sum to 0 slots: must be 200"),
        ({"allotments": (Allotment(arm=OLD.id, slots=199),)}, "sum to 199 slots"),
        ({"allotments": (Allotment(arm="x", slots=200),)}, "'x': must be of one of the arms"),
        (
            {"allotments": (Allotment(arm=NEW.id, slots=0), Allotment(arm=OLD.id, slots=200))},
            "is 0 slots: must be above 0",
        ),
        ({"allotments": (Allotment(arm=OLD.id, slots=100),) * 2}, "allotments hold"),
        ({"reason": "x" * 2001}, "reason has 2001 characters"),
        ({"patience_ms": -1}, "patience_ms is -1: must be from 0 to 86400000"),
        ({"patience_ms": 86_400_001}, "patience_ms is 86400001"),
    ],
)
def test_faults_are_named(changes: dict[str, object], fault: str) -> None:
    with pytest.raises(DocumentInvalid) as refused:
        body_of(a_document(**changes))
    assert any(fault in each for each in refused.value.faults), refused.value.faults


def test_all_faults_are_named_at_once() -> None:
    with pytest.raises(DocumentInvalid) as refused:
        body_of(a_document(revision=0, salt="", allotments=(), incumbent="gpt-5"))
    assert len(refused.value.faults) == 4


@pytest.mark.parametrize("value", [math.nan, math.inf, object(), {1: 2, "a": 3}])
def test_parameters_that_json_cannot_hold_are_refused(value: object) -> None:
    arm = replace(NEW, config=replace(NEW.config, extra_params={"x": value}))
    with pytest.raises(DocumentInvalid):
        body_of(a_document(arms=(OLD, arm)))


def test_a_document_that_is_too_large_is_refused() -> None:
    arm = replace(OLD, prompt="x" * 200_000)
    whole = (Allotment(arm=arm.id, slots=SLOTS),)
    with pytest.raises(DocumentInvalid, match="bytes: must be at most 131072"):
        body_of(a_document(arms=(arm,), allotments=whole, incumbent=arm.id))


def changed(**changes: object) -> bytes:
    """A body with other members in its flag; None takes one away."""
    content = json.loads(body_of(a_document(arms=(OLD,), allotments=(Allotment(
        arm=OLD.id, slots=SLOTS),))))  # fmt: skip
    flag = content["flags"][ROUTE]
    for place, value in changes.items():
        *sections, name = place.split("__")
        target = flag
        for section in sections:
            target = target[OLD.id if section == "arm" else section]
        if value is None:
            del target[name]
        else:
            target[name] = value
    return json.dumps(content, separators=(",", ":")).encode()


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"state": "DISABLED"}, "flag.state must be ENABLED"),
        ({"state": None}, "flag.state is missing: must be text"),
        ({"more": 1}, "flag.more is not known"),
        ({"variants": []}, "flag.variants is []: must be an object"),
        ({"variants__arm__model": 4}, "model is '4': must be str"),
        ({"variants__arm__model": "gpt-5"}, "it was changed"),
        ({"variants__arm__temperature": "hot"}, "temperature is 'hot'"),
        ({"variants__arm__temperature": True}, "temperature is 'True'"),
        ({"variants__arm__max_tokens": 1.5}, "max_tokens is '1.5': must be int"),
        ({"variants__arm__speed": 1}, "speed is not known"),
        ({"variants__arm__declared": [1]}, "declared is '[1]'"),
        ({"targeting": {}}, "flag.targeting must be fractional"),
        ({"targeting": {"fractional": [{"cat": ["s", {"var": "email"}]}]}}, "flag.targeting must"),
        ({"metadata__revision": True}, "metadata.revision is True: must be a whole number"),
        ({"metadata__revision": 0}, "revision is 0"),
        ({"metadata__unit": "planet"}, "metadata.unit is 'planet'"),
        ({"metadata__leased": 1}, "metadata.leased is 1: must be true or false"),
        ({"metadata__created_at": "yesterday"}, "metadata.created_at is 'yesterday'"),
        ({"metadata__created_at": "2025-03-03T12:00:00"}, "metadata.created_at is"),
        ({"metadata__created_at": "2025-03-03T12:00:00Z"}, "not written in its only form"),
        ({"metadata__more": 1}, "metadata.more is not known"),
        ({"metadata": None}, "flag.metadata is missing"),
        ({"defaultVariant": "gpt-5"}, "incumbent is 'gpt-5'"),
    ],
)
def test_what_was_changed_is_named(changes: dict[str, object], fault: str) -> None:
    with pytest.raises(DocumentInvalid) as refused:
        document_of(changed(**changes))
    assert any(fault in each for each in refused.value.faults), refused.value.faults


def test_what_acting_asks_for_can_be_written_however_long_its_names_and_words() -> None:
    route = "/".join(["x" * 128] * 3)
    arm = replace(OLD, config=replace(OLD.config, model="arn:" + "m" * 2000))
    rest = at_rest(route, arm, 1, START, unit=Unit.CALL, reason="what serves it today")
    step = shared(rest, OLD, 10, 2, START, decision_id="6f0c3a52-7f0e-4d5b-9a55-0b6a8d0f3c11")
    back = put_back([rest], (), 3, START, "the gateway said: " + "no " * 10**6)
    for document in (rest, step, back):
        assert document_of(body_of(document)) == document


@pytest.mark.parametrize("number", [0.1234567890123, 1 / 3, -0.0, 1e-300, 123456789.125, 0.2])
def test_a_document_that_went_through_the_log_names_the_same_arms(number: float) -> None:
    extra = {"one": number, "more": [{"two": number}]}
    config = replace(OLD.config, temperature=number, extra_params=extra)
    arm = replace(OLD, config=config, latency_p95_ms=number)
    whole = (Allotment(arm=arm.id, slots=SLOTS),)
    document = a_document(arms=(arm,), allotments=whole, incumbent=arm.id)
    read = from_json(Document, to_json(document))
    assert document_of(body_of(read)) == read
    assert read.arms[0].id == arm.id


def test_many_faults_of_a_file_are_named_at_once() -> None:
    with pytest.raises(DocumentInvalid) as refused:
        document_of(changed(state="OFF", targeting={}, metadata__revision="7", more=1))
    assert len(refused.value.faults) >= 4


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b"\xff",
        b'{"flags":{}}',
        b'{"flags":{"a":1,"a":1}}',
        b'{"flags":NaN}',
        b"[" * 100_000,
        b'{"$schema":"https://flagd.dev/schema/v0/flags.json","flags":{"a/b/c":null}}',
        changed() + b" ",
        changed().replace(b":", b": ", 1),
        changed().replace(b'"state"', b'"state":"ENABLED","state"'),
    ],
)
def test_other_bytes_are_no_document(body: bytes) -> None:
    with pytest.raises(DocumentInvalid):
        document_of(body)


def test_a_later_form_is_told_apart() -> None:
    with pytest.raises(UnknownVersion, match="form 2: this version knows up to 1"):
        document_of(changed(metadata__form=2))


def test_an_unchanged_body_is_read() -> None:
    assert document_of(changed()).revision == 7
