"""The plugin of a LiteLLM proxy: it steers calls by documents and tells of each in one span.

    litellm_settings:
      callbacks: ["connectors.gateways.litellm_plugin.handler"]

It is set up by environment variables; `litellm.md` beside this folder names them.
"""

from __future__ import annotations

import os
from typing import Any


def __getattr__(name: str) -> Any:
    """Make the handler when the proxy asks for it: importing this starts nothing."""
    if name != "handler":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from connectors.gateways.litellm_plugin.handler import handler_of  # noqa: PLC0415 - loads LiteLLM

    made = globals()["handler"] = handler_of(os.environ)
    return made
