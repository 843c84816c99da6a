"""Judgements that were decoded when they were recorded: numbers and names, none of their words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from optimizer.errors import DecodeFailed
from optimizer.judgements import Judge, Judgement
from optimizer.observe.columns import RecordKind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from optimizer.settings import SourceSettings

_TOLD = tuple(name for name in Judgement._fields if name not in {"body", "kind"})


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
        found = tuple(_read(told) for told in msgspec.msgpack.decode(body))
    except (msgspec.MsgspecError, TypeError, ValueError) as error:
        raise DecodeFailed("not_judgements", str(error)) from error
    others = {one.tenant for one in found} - {source.tenant}
    if others and source.tenant_attribute is None:
        wanted = f"must be {source.tenant}, as {source.source} is"
        raise DecodeFailed(
            "another_tenant", f"tenant is {min(others)}: {wanted} (sources[].tenant)"
        )
    return found


def _read(told: Any) -> Judgement:
    values = dict(zip(_TOLD, told, strict=True))
    key = values["key"] and tuple(values["key"])
    one = Judgement(**values | {"judge": Judge(values["judge"]), "key": key})
    return one._replace(body=dump_judgements([one]), kind=RecordKind.JUDGED)
