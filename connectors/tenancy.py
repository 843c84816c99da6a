"""Whose calls a source may speak of: its own tenant's, unless it is trusted to name others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from optimizer.errors import DecodeFailed

if TYPE_CHECKING:
    from collections.abc import Iterable

    from optimizer.settings import SourceSettings


def refuse_others(tenants: Iterable[str], source: SourceSettings) -> None:
    """Refuse what was decoded when it was recorded, and speaks of somebody else's calls.

    Raises:
        DecodeFailed: It concerns another tenant than the source may speak of.
    """
    others = {*tenants} - {source.tenant}
    if others and source.tenant_attribute is None:
        wanted = f"must be {source.tenant}, as {source.source} is"
        detail = f"tenant is {min(others)}: {wanted} (sources[].tenant)"
        raise DecodeFailed("another_tenant", detail)
