"""Headers that an object adds to calls become stamps that telemetry is believed by."""

from __future__ import annotations

import pytest

from connectors.gateways.gateway_api.references import steered
from connectors.gateways.gateway_api.serving import served
from connectors.gateways.trials import Trial
from optimizer.documents import Unit
from optimizer.observe.stamps import Proof, StampReader
from optimizer.observe.words import read_words
from optimizer.settings import StampCheck, validate
from tests.kubernetes.manifests import KINDS, ROUTE, a_place, an_object

KEY = "the key of all stamps"
CALL = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "check-new"}


def attributes_of(headers: list[dict[str, str]]) -> dict[str, str]:
    """What a backend writes on its span, as the page of the gateway says."""
    prefix = "x-llm-optimizer-"
    return {
        f"llm.optimizer.{one['name'].removeprefix(prefix)}": one["value"]
        for one in headers
        if one["name"].startswith(prefix)
    }


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("returned", [False, True])
def test_headers_copied_to_a_span_are_a_signed_stamp(kind: str, returned: bool) -> None:  # noqa: FBT001 - a table
    mapping = {"gateway": {"gateway_api": {"routes": [a_place(kind)]}}}
    place = validate(mapping).gateway.gateway_api.routes[0]
    document = Trial(open=lambda: None, route=ROUTE, unit=Unit.CALL).document(7, 30)
    base = an_object(kind)["spec"]["rules"][1]["backendRefs"]
    made = steered(base, served(document, place, KEY, returned=returned), place)
    new = next(one for one in made if one["name"] == "new-model")
    filters = new.get("filters", [{"requestHeaderModifier": new.get("headerMutation")}])
    attributes = CALL | attributes_of(filters[0]["requestHeaderModifier"]["set"])
    words = read_words(attributes, {})
    assert words
    taken, proof = StampReader(StampCheck.REQUIRED, KEY).read(words, "default", attributes, {})
    assert proof is Proof.SOUND
    assert (taken.route, taken.arm, taken.slot) == (ROUTE, document.arms[0].id, -1)
    assert taken.revision == (0 if returned else 7)
