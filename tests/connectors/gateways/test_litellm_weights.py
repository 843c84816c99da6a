"""Weights of LiteLLM: they come to the document's shares, and nobody gets too much on the way."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, strategies as st

from connectors.gateways.litellm_admin.weights import are_same, mixes, shares, writes
from connectors.mixes import mix_of
from optimizer.documents import SLOTS, Allotment, Document
from optimizer.models import Arm, ModelConfig
from tests.connectors.acting import a_document

ARMS = tuple(Arm(config=ModelConfig(model=name)) for name in "abcd")
A, B, C, _ = (arm.id for arm in ARMS)


def a_mix(slots: dict[str, int], incumbent: str = A) -> Document:
    allotments = tuple(Allotment(arm=arm, slots=many) for arm, many in slots.items() if many)
    return replace(a_document(1), arms=ARMS, allotments=allotments, incumbent=incumbent)


@pytest.mark.parametrize(
    ("now", "slots", "wanted"),
    [
        pytest.param({}, {A: 200}, [(A, 1000)], id="a first document"),
        pytest.param({A: 1000}, {A: 190, B: 10}, [(B, 1000 * 10 / 190)], id="a first step"),
        pytest.param({A: 1000, B: 500}, {A: 100, B: 100}, [(B, 1000)], id="a further step"),
        pytest.param({A: 1000, B: 500}, {A: 200}, [(B, 0)], id="undone"),
        pytest.param({A: 1000, B: 500}, {B: 200}, [(A, 0)], id="promoted"),
        pytest.param({A: 500, B: 500}, {B: 100, A: 100}, [], id="as it shall be"),
        pytest.param({}, {A: 190, B: 10}, [(A, 950), (B, 50)], id="the incumbent first"),
        pytest.param({A: 1000, B: 50}, {A: 160, C: 40}, [(B, 0), (C, 250)], id="lowered first"),
        pytest.param({B: 50}, {A: 200}, [(A, 1000), (B, 0)], id="never nobody at all"),
    ],
)
def test_one_weight_is_written_where_one_is_enough(
    now: dict[str, float], slots: dict[str, int], wanted: list[tuple[str, float]]
) -> None:
    found = writes(now, a_mix(slots))
    assert [one.arm for one in found] == [arm for arm, _ in wanted]
    assert [one.weight for one in found] == pytest.approx([weight for _, weight in wanted])


deals = st.lists(st.integers(0, SLOTS), min_size=3, max_size=3).map(sorted)
weights = st.dictionaries(st.sampled_from([arm.id for arm in ARMS]), st.floats(0.01, 1e6))


@given(weights, deals, st.sampled_from([arm.id for arm in ARMS]))
def test_from_any_weights_to_any_document_only_the_incumbent_has_more_on_the_way(
    now: dict[str, float], cuts: list[int], incumbent: str
) -> None:
    edges = [0, *cuts, SLOTS]
    slots = {arm.id: edges[place + 1] - edges[place] for place, arm in enumerate(ARMS)}
    document = a_mix(slots, incumbent)
    passed = mixes(now, writes(now, document))
    wanted, had = mix_of([document]), shares(now)
    assert are_same(passed[-1] if passed else had, wanted)
    for mix in passed:
        assert mix
        for arm, share in mix.items():
            most = max(had.get(arm, 0.0), wanted.get(arm, 0.0))
            assert arm == incumbent or share <= most + 1e-6
