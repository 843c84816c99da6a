"""Judgements that were decoded when they were recorded: numbers and names, none of their words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec

from connectors.tenancy import refuse_others
from optimizer.errors import DecodeFailed
from optimizer.judgements import Judge, Judgement
from optimizer.observe.columns import RecordKind
from optimizer.observe.words import SLOTS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from optimizer.settings import SourceSettings

_TOLD = tuple(name for name in Judgement._fields if name not in {"body", "kind"})
_LAST_NS = 1 << 62


class _Told(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    """What is written of a judgement: its fields, and what each of them can be."""

    identity: int
    time_ns: Annotated[int, msgspec.Meta(ge=-1, le=_LAST_NS)]
    value: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]
    name: str
    judge: Judge
    tenant: str
    trace: int
    span: int
    response: int
    key: tuple[str, str, Annotated[int, msgspec.Meta(ge=0)], str] | None
    slot: Annotated[int, msgspec.Meta(ge=-1, lt=SLOTS)]


_DECODER = msgspec.msgpack.Decoder(list[_Told])


def dump_judgements(judgements: Sequence[Judgement]) -> bytes:
    """Write the judgements of one record; the bytes they came as are left out."""
    return msgspec.msgpack.encode([[getattr(one, name) for name in _TOLD] for one in judgements])


def load_judgements(body: bytes, source: SourceSettings) -> tuple[Judgement, ...]:
    """Read what `dump_judgements` wrote; each has its own bytes again, as such a record.

    Args:
        body: The bytes.
        source: Where they are said to come from.

    Raises:
        DecodeFailed: The bytes are none of these, or judge calls of another tenant.
    """
    try:
        found = tuple(map(_read, _DECODER.decode(body)))
    except (msgspec.MsgspecError, RecursionError, ValueError) as error:
        raise DecodeFailed("not_judgements", str(error)) from error
    routes = (one.key[0] for one in found if one.key)
    told = (one.tenant for one in found)
    refuse_others({*told, *(route.partition("/")[0] for route in routes)}, source)
    return found


def _read(told: _Told) -> Judgement:
    if min(told.identity, told.trace, told.span, told.response) < 0:
        raise ValueError("a link is negative: must be 64 bits without a sign")
    one = Judgement(**msgspec.structs.asdict(told))
    return one._replace(body=dump_judgements([one]), kind=RecordKind.JUDGED)
