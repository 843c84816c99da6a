"""One patch brings a whole document to a rule: exact weights, stamps, and all of it taken back."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings, strategies as st

from connectors.gateways.gateway_api.annotations import MOST_BYTES, kept_in, names_of
from connectors.gateways.gateway_api.changes import acting
from connectors.gateways.gateway_api.patches import bringing, removing, rule_in
from connectors.gateways.gateway_api.references import arm_in
from connectors.mixes import nearest, reverted
from optimizer.documents import SLOTS, Allotment, Document, Unit
from optimizer.errors import DocumentInvalid, GatewayRefused, ModelGone
from optimizer.models import Arm, ModelConfig
from optimizer.settings import RouteResource, validate
from tests.connectors.documents.examples import START
from tests.kubernetes.api_server import patched
from tests.kubernetes.crd import faults_of, unknown_in, with_defaults
from tests.kubernetes.manifests import KINDS, ROUTE, a_place, an_object

if TYPE_CHECKING:
    from optimizer.settings import RouteObject

MOST_WEIGHT = 1_000_000


def placed(**given_there: Any) -> RouteObject:
    mapping = {"gateway": {"gateway_api": {"routes": [given_there]}}}
    return validate(mapping).gateway.gateway_api.routes[0]


def created(manifest: dict[str, Any]) -> dict[str, Any]:
    """An object as a server holds it."""
    found = with_defaults(manifest["kind"], copy.deepcopy(manifest))
    found["metadata"]["resourceVersion"] = "7"
    return found


def an_arm(model: str, **config: Any) -> Arm:
    return Arm(config=ModelConfig(model=model, **config), declared=tuple(config))


NEW, OLD = an_arm("check-new"), an_arm("check-old")


def a_document(slots: int = 10, revision: int = 1, **changes: Any) -> Document:
    shares = ((NEW.id, slots), (OLD.id, SLOTS - slots))
    document = Document(
        route=ROUTE,
        revision=revision,
        arms=(NEW, OLD),
        allotments=tuple(Allotment(arm=arm, slots=many) for arm, many in shares if many),
        incumbent=OLD.id,
        salt="check",
        unit=Unit.CALL,
        created_at=START,
    )
    return replace(document, **changes)


@st.composite
def steps(draw: st.DrawFn) -> tuple[dict[str, Any], RouteObject, list[Document]]:
    """An object, what of it serves whom, and documents that come one after the other."""
    kind = draw(st.sampled_from(KINDS))
    many = draw(st.integers(1, 9))
    arms = [an_arm(f"model {number}", **draw(_configs(kind))) for number in range(many)]
    manifest = an_object(kind)
    backends = [f"backend-{number}" for number in range(many)]
    references = [_reference(draw, kind, name) for name in backends]
    references += [_reference(draw, kind, f"other-{number}") for number in range(3)]
    manifest["spec"]["rules"][1]["backendRefs"] = draw(st.permutations(references))
    named = [
        {"arm": arm.id if kind == "HTTPRoute" else arm.config.model, "name": name}
        for arm, name in zip(arms, backends, strict=True)
    ]
    answers = {"stamp_responses": draw(st.booleans())} if kind == "HTTPRoute" else {}
    place = placed(**a_place(kind, backends=named, **answers))
    documents = [_document(draw, arms, revision) for revision in range(1, 4)]
    return created(manifest), place, documents


def _configs(kind: str) -> st.SearchStrategy[dict[str, Any]]:
    sets = {"temperature": st.floats(0, 2), "max_tokens": st.integers(1, 9000)}
    if kind == "HTTPRoute":
        sets["system_prompt"] = st.text(st.characters(codec="utf-8"), min_size=1, max_size=40)
    return st.fixed_dictionaries({}, optional=sets)


def _reference(draw: st.DrawFn, kind: str, name: str) -> dict[str, Any]:
    reference: dict[str, Any] = {"name": name}
    if draw(st.booleans()):
        reference["weight"] = draw(st.integers(0, MOST_WEIGHT))
    header = {"set": [{"name": "x-own", "value": draw(st.sampled_from("ab"))}]}
    if kind == "HTTPRoute":
        reference["port"] = draw(st.integers(1, 65_535))
        kinds = draw(st.sets(st.sampled_from(["Request", "Response"])))
        reference["filters"] = [
            {"type": f"{each}HeaderModifier", f"{each.lower()}HeaderModifier": header}
            for each in sorted(kinds)
        ]
    else:
        reference["priority"] = draw(st.integers(0, 1))
        if draw(st.booleans()):
            reference["headerMutation"] = header
    return reference


def _document(draw: st.DrawFn, arms: list[Arm], revision: int) -> Document:
    order = draw(st.permutations(arms))
    cuts = sorted(draw(st.sets(st.integers(1, SLOTS - 1), max_size=len(arms) - 1)))
    slots = [end - start for start, end in zip([0, *cuts], [*cuts, SLOTS], strict=True)]
    allotments = [
        Allotment(arm=arm.id, slots=many) for arm, many in zip(order, slots, strict=False)
    ]
    incumbent = draw(st.sampled_from(arms)).id
    return a_document(
        revision=revision, arms=tuple(arms), allotments=tuple(allotments), incumbent=incumbent
    )


def weights_of(found: dict[str, Any], place: RouteObject) -> dict[str, int]:
    """The weight of each arm, by its stamp."""
    references = rule_in(found, place)[1] or []
    return {arm: one["weight"] for one in references if (arm := arm_in(one))}


def is_taken(found: dict[str, Any]) -> bool:
    return faults_of(found["kind"], found) + unknown_in(found["kind"], found) == []


def brought(
    found: dict[str, Any], place: RouteObject, document: Document, **more: Any
) -> dict[str, Any]:
    """The object after a document was brought to it, as a server holds it."""
    patch = bringing(found, place, document, kept_in(found, ROUTE), **more)
    return with_defaults(found["kind"], patched(found, patch))


@given(steps())
@settings(max_examples=100, deadline=None)
def test_weights_are_the_slots_exactly_and_the_object_is_one_its_crd_takes(
    given_there: tuple[dict[str, Any], RouteObject, list[Document]],
) -> None:
    found, place, documents = given_there
    before = found["spec"]
    for document in documents:
        found = brought(found, place, document)
        assert is_taken(found)
        slots = {one.arm: one.slots for one in document.allotments}
        assert {arm: many for arm, many in weights_of(found, place).items() if many} == slots
        others = [
            one
            for one in rule_in(found, place)[1] or []
            if not arm_in(one) and not one.get("priority")
        ]
        assert {one["weight"] for one in others} <= {0}
        kept = kept_in(found, ROUTE)
        assert kept
        assert acting(kept, rule_in(found, place)[1], place) == document
        assert found["spec"]["rules"][0] == before["rules"][0]
    kept = kept_in(found, ROUTE)
    assert kept
    after = patched(found, removing(found, place, kept))
    assert after["spec"] == before
    assert after["metadata"]["annotations"] == {}


@given(steps())
@settings(max_examples=40, deadline=None)
def test_once_reverted_the_incumbent_has_all_and_no_call_is_part_of_the_document(
    given_there: tuple[dict[str, Any], RouteObject, list[Document]],
) -> None:
    found, place, (document, *_) = given_there
    found = brought(brought(found, place, document), place, document, returned=True)
    assert is_taken(found)
    assert weights_of(found, place) == {document.incumbent: SLOTS}
    kept = kept_in(found, ROUTE)
    assert kept
    assert acting(kept, rule_in(found, place)[1], place) == reverted(document)
    assert "llm-optimizer-revision" not in str(found["spec"])


@given(steps())
@settings(max_examples=40, deadline=None)
def test_where_somebody_took_our_annotations_away_our_stamps_go_too_in_the_end(
    given_there: tuple[dict[str, Any], RouteObject, list[Document]],
) -> None:
    found, place, (first, second, _) = given_there
    found = brought(found, place, first)
    found["metadata"]["annotations"] = {}
    found = brought(found, place, second)
    kept = kept_in(found, ROUTE)
    assert kept
    after = patched(found, removing(found, place, kept))
    assert "x-llm-optimizer" not in str(after["spec"])
    assert is_taken(after)
    if place.resource is RouteResource.HTTP_ROUTE:
        own = {one.arm: one.slots for one in first.allotments}
        names = {backend.name: own.get(backend.arm, 0) for backend in place.backends}
        weights = {one["name"]: one["weight"] for one in after["spec"]["rules"][1]["backendRefs"]}
        assert weights == dict.fromkeys(weights, 0) | names


@given(st.dictionaries(st.text(min_size=1, max_size=3), st.integers(0, MOST_WEIGHT), max_size=20))
def test_foreign_weights_are_dealt_to_200_slots_and_none_above_0_is_lost(
    weights: dict[str, int],
) -> None:
    slots = {one.arm: one.slots for one in nearest(weights)}
    above = {arm: weight for arm, weight in weights.items() if weight}
    assert slots.keys() == above.keys()
    assert sum(slots.values()) == (SLOTS if above else 0)
    total = sum(above.values())
    small = sum(weight * SLOTS < total for weight in above.values())
    for arm, weight in above.items():
        assert slots[arm] >= 1
        assert abs(slots[arm] - weight * SLOTS / total) <= 1 + small


def test_a_patch_says_all_at_once_and_only_for_the_version_it_was_made_for() -> None:
    found, place = created(an_object()), placed(**a_place())
    patch = bringing(found, place, a_document())
    assert patch[0] == {"op": "replace", "path": "/metadata/resourceVersion", "value": "7"}
    paths = [one["path"] for one in patch]
    assert paths[1] == "/metadata/annotations"
    assert [path for path in paths if path.startswith("/spec")] == ["/spec/rules/1/backendRefs"]
    assert "resourceVersion" not in str(bringing(an_object(), place, a_document()))


def test_an_http_route_is_stamped_in_requests_and_where_wanted_in_responses() -> None:
    found, place = created(an_object()), placed(**a_place(stamp_responses=True))
    old, new, spare = rule_in(brought(found, place, a_document(30)), place)[1] or []
    stamps = [
        {"name": "x-llm-optimizer-route", "value": ROUTE},
        {"name": "x-llm-optimizer-arm", "value": OLD.id},
        {"name": "x-llm-optimizer-revision", "value": "1"},
    ]
    own = {"name": "x-team", "value": "chat"}
    assert (old["weight"], new["weight"], spare["weight"]) == (170, 30, 0)
    request, response = old["filters"]
    assert request["requestHeaderModifier"] == {"set": [own, *stamps]}
    assert response == {
        "type": "ResponseHeaderModifier",
        "responseHeaderModifier": {"set": stamps},
    }
    assert "filters" not in spare


def test_an_ai_gateway_route_deals_one_provider_to_several_arms() -> None:
    backends = [{"arm": model, "name": "old-model"} for model in ("check-old", "check-new")]
    place = placed(**a_place("AIGatewayRoute", backends=backends))
    warm = an_arm("check-old", temperature=1.5)
    document = a_document(arms=(NEW, warm, OLD), allotments=(
        Allotment(arm=NEW.id, slots=20), Allotment(arm=warm.id, slots=30),
        Allotment(arm=OLD.id, slots=150),
    ))  # fmt: skip
    found = brought(created(an_object("AIGatewayRoute")), place, document)
    told = [
        (one["name"], one["weight"], one.get("modelNameOverride"), one.get("bodyMutation"))
        for one in rule_in(found, place)[1] or []
    ]
    assert told == [
        ("old-model", 20, "check-new", None),
        ("old-model", 30, "check-old",
         {"set": [{"path": "temperature", "value": "1.5"}]}),
        ("old-model", 150, "check-old", None),
        ("new-model", 0, None, None),
        ("spare", 1, None, None),
    ]  # fmt: skip
    assert is_taken(found)


def of_flagger(name: str) -> dict[str, Any]:
    owner = {"apiVersion": "flagger.app/v1beta1", "kind": "Canary", "name": name, "uid": "1"}
    return {"ownerReferences": [owner | {"controller": True}]}


@pytest.mark.parametrize(
    ("metadata", "told"),
    [
        (of_flagger("podinfo"), "Flagger for its Canary podinfo, .*delete the Canary"),
        ({"managedFields": [{"manager": "flagger"}]}, "Flagger for one of its Canaries"),
        ({"labels": {"rollouts.argoproj.io/gatewayapi-canary": "in-progress"}}, "Argo Rollouts"),
        (
            {"annotations": {"rollouts.argoproj.io/gatewayapi-active-rollouts": "a"}},
            "wait until its canary has ended",
        ),
        (
            {"ownerReferences": [{"kind": "AIGatewayRoute", "name": "chat", "controller": True}]},
            "controller from the AIGatewayRoute chat.*name that one",
        ),
    ],
)
def test_where_somebody_else_deals_the_calls_nothing_is_written(
    metadata: dict[str, Any], told: str
) -> None:
    found = created(an_object(**metadata))
    with pytest.raises(GatewayRefused, match=told):
        bringing(found, placed(**a_place()), a_document())


def test_whoever_owns_an_object_without_dealing_its_calls_may() -> None:
    owners = [{"apiVersion": "apps/v1", "kind": "Canary", "name": "x"}]
    found = created(an_object(ownerReferences=owners, managedFields=[{"manager": "kubectl"}]))
    assert bringing(found, placed(**a_place()), a_document())


COLD = an_arm("check-new", temperature=0.0)
PROMPTED = Arm(config=NEW.config, prompt="answer", prompt_version="4")
BY_ID = [{"arm": PROMPTED.id, "name": "new-model"}, {"arm": "check-old", "name": "old-model"}]
SAME = [{"arm": name, "name": "old-model"} for name in ("check-new", "check-old")]


def replaced_by(arm: Arm, slots: int = 10) -> Document:
    return a_document(
        arms=(arm, OLD),
        allotments=(
            Allotment(arm=arm.id, slots=slots),
            Allotment(arm=OLD.id, slots=SLOTS - slots),
        ),
    )


@pytest.mark.parametrize(
    ("document", "changes", "error", "told"),
    [
        (a_document(unit=Unit.USER), {}, GatewayRefused, "sticks to user.*ROLLOUT__UNIT"),
        (a_document(), {"backends": BY_ID[1:]}, GatewayRefused, "serves check-new .*name one"),
        (a_document(), {"backends": SAME}, GatewayRefused, "check-new.* and check-old.* alike"),
        (replaced_by(COLD), {}, GatewayRefused, "differs from .* in temperature"),
        (replaced_by(PROMPTED), {}, GatewayRefused, f"prompt, .*name it for {PROMPTED.id}"),
        (a_document(), {"rule": "2"}, GatewayRefused, "no rule 2: it has 2"),
        (a_document(), {"rule": "0"}, ModelGone, "no backendRef default/new-model: add it"),
        (a_document(route="default/gateway-check/größe"), {}, GatewayRefused, "no header"),
    ],
)
def test_what_an_object_cannot_do_is_refused_with_the_way_out(
    document: Document, changes: dict[str, Any], error: type[Exception], told: str
) -> None:
    place = placed(**a_place(**changes))
    with pytest.raises(error, match=told):
        bringing(created(an_object()), place, document)


def test_a_model_that_is_gone_names_its_arm() -> None:
    manifest = an_object()
    del manifest["spec"]["rules"][1]["backendRefs"][1]
    with pytest.raises(ModelGone) as gone:
        bringing(created(manifest), placed(**a_place()), a_document())
    assert gone.value.arm == NEW.id


def test_a_backend_named_for_an_arm_by_its_id_carries_out_all_of_it() -> None:
    place = placed(**a_place(backends=BY_ID))
    found = brought(created(an_object()), place, replaced_by(PROMPTED))
    assert weights_of(found, place) == {PROMPTED.id: 10, OLD.id: 190}


def test_two_backends_of_one_name_and_too_many_headers_are_refused() -> None:
    twice = an_object()
    twice["spec"]["rules"][1]["backendRefs"].append({"name": "new-model", "port": 9})
    with pytest.raises(GatewayRefused, match="2 backendRefs default/new-model: leave one"):
        bringing(created(twice), placed(**a_place()), a_document())
    full = an_object()
    header = full["spec"]["rules"][1]["backendRefs"][0]["filters"][0]["requestHeaderModifier"]
    header["set"] = [{"name": f"x-{number}", "value": "y"} for number in range(14)]
    with pytest.raises(GatewayRefused, match=r"sets 14 entries already.*more than the 16"):
        bringing(created(full), placed(**a_place()), a_document())


def test_an_inference_pool_has_no_shares() -> None:
    manifest = an_object("AIGatewayRoute")
    pool = {"group": "inference.networking.k8s.io", "kind": "InferencePool"}
    manifest["spec"]["rules"][1]["backendRefs"][1] |= pool
    with pytest.raises(GatewayRefused, match="is an InferencePool: it has no shares"):
        bringing(created(manifest), placed(**a_place("AIGatewayRoute")), a_document())


@pytest.mark.parametrize(("spare", "fits"), [(3000, True), (1000, False)])
def test_annotations_hold_what_kubernetes_allows_and_no_more(spare: int, fits: bool) -> None:  # noqa: FBT001 - a table
    found = created(an_object(annotations={"other": "x" * (MOST_BYTES - spare)}))
    place = placed(**a_place())
    if fits:
        assert is_taken(brought(found, place, a_document()))
    else:
        with pytest.raises(GatewayRefused, match=f"Kubernetes allows {MOST_BYTES}.*by their hash"):
            bringing(found, place, a_document())


@pytest.mark.parametrize("damage", ["", "{", '{"form":1}', "null"])
@pytest.mark.parametrize("which", [0, 1])
def test_damaged_annotations_are_told_from_none(damage: str, which: int) -> None:
    found = brought(created(an_object()), placed(**a_place()), a_document())
    found["metadata"]["annotations"][names_of(ROUTE)[which]] = damage
    with pytest.raises(DocumentInvalid):
        kept_in(found, ROUTE)


def test_prompts_are_kept_beside_the_document_so_that_it_is_read_back_whole() -> None:
    prompted = an_arm("check-new", system_prompt="Be brief, 😀.\n")
    backends = [{"arm": prompted.id, "name": "new-model"}, *BY_ID[1:]]
    place = placed(**a_place(backends=backends))
    found = brought(created(an_object()), place, replaced_by(prompted))
    kept = kept_in(found, ROUTE)
    assert kept
    assert kept.document == replaced_by(prompted)
    assert place.resource is RouteResource.HTTP_ROUTE
