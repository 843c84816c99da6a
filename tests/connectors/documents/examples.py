"""Documents to write and read: valid by default, or of any shape that is valid."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from connectors.documents.leases import Lease
from connectors.documents.proofs import digest_of, new_key_pair
from connectors.documents.rendering import body_of
from optimizer.documents import SLOTS, Allotment, Document, Unit
from optimizer.models import Arm, ModelConfig

ROUTE = "acme/shop/answer"
START = datetime(2025, 3, 3, 12, 0, tzinfo=UTC)
OLD = Arm(config=ModelConfig(model="gpt-4o"), prompt="answer", prompt_version="3")
NEW = Arm(config=ModelConfig(model="gpt-4o-mini", temperature=0.2, system_prompt="Be brief."))
PAIR, OTHER_PAIR = new_key_pair(), new_key_pair()


def a_document(slots: int = 10, **changes) -> Document:
    """A step of a rollout: so many slots are the new arm's."""
    shares = ((NEW.id, slots), (OLD.id, SLOTS - slots))
    document = Document(
        route=ROUTE,
        revision=7,
        arms=(OLD, NEW),
        allotments=tuple(Allotment(arm=arm, slots=count) for arm, count in shares if count),
        incumbent=OLD.id,
        salt="3f1c0a",
        decision_id="6f0c3a52-7f0e-4d5b-9a55-0b6a8d0f3c11",
        leased=True,
        created_at=START,
        reason="cheaper, and as good in the replay",
    )
    return replace(document, **changes)


def a_lease(document: Document, issued_at: datetime = START, secs: float = 300, **changes) -> Lease:
    lease = Lease(
        route=document.route,
        revision=document.revision,
        document=digest_of(body_of(document)),
        issued_at=issued_at,
        until=issued_at + timedelta(seconds=secs),
    )
    return replace(lease, **changes)


_LETTERS = st.characters(codec="utf-8", categories=("L", "N", "P", "S"), exclude_characters="/")
names = st.text(_LETTERS, min_size=1, max_size=20)
_numbers = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**40), 2**40)
_values = st.recursive(
    st.none() | st.booleans() | _numbers | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)
_configs = st.builds(
    ModelConfig,
    model=names,
    temperature=_numbers,
    top_p=_numbers,
    top_k=st.none() | st.integers(0, 10**6),
    max_tokens=st.integers(0, 10**9),
    presence_penalty=st.none() | _numbers,
    frequency_penalty=st.none() | _numbers,
    system_prompt=st.none() | st.text(st.characters(codec="utf-8")),
    extra_params=st.dictionaries(st.text(max_size=5), _values, max_size=3),
)
arms = st.builds(
    Arm,
    config=_configs,
    prompt=st.text(max_size=5),
    prompt_version=st.text(max_size=5),
    cache=st.booleans(),
    declared=st.lists(st.sampled_from(["temperature", "top_p"]), unique=True).map(tuple),
    latency_p95_ms=st.none() | st.floats(0, 1e6),
)


@st.composite
def documents(draw: st.DrawFn) -> Document:
    """Any valid document."""
    some = draw(st.lists(arms, min_size=1, max_size=4, unique_by=lambda arm: arm.id))
    owners = draw(st.permutations(some))[: draw(st.integers(1, len(some)))]
    cuts = st.integers(1, SLOTS - 1)
    ends = sorted(draw(st.lists(cuts, unique=True, min_size=len(owners) - 1,
                                max_size=len(owners) - 1)))  # fmt: skip
    slots = [end - start for start, end in zip([0, *ends], [*ends, SLOTS], strict=True)]
    return Document(
        route="/".join(draw(st.tuples(names, names, names))),
        revision=draw(st.integers(1, 2**31 - 1)),
        arms=tuple(some),
        allotments=tuple(
            Allotment(arm=arm.id, slots=count) for arm, count in zip(owners, slots, strict=True)
        ),
        incumbent=draw(st.sampled_from(some)).id,
        salt=draw(names),
        unit=draw(st.sampled_from(Unit)),
        decision_id=draw(st.just("") | names),
        leased=draw(st.booleans()),
        patience_ms=draw(st.just(0) | st.integers(1, 86_400_000)),
        created_at=draw(st.datetimes(timezones=st.just(UTC))),
        reason=draw(st.text(max_size=50)),
    )
