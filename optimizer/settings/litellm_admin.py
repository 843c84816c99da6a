"""The section `gateway.litellm_admin`: a LiteLLM proxy that is steered by its admin API."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from optimizer.settings.kinds import Parameters, Switch
from optimizer.settings.knobs import knob

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class LiteLLMAdminSettings:
    """How routes and arms are written down in a LiteLLM proxy that is steered by its admin API."""

    groups: Mapping[str, object] = field(
        default_factory=dict,
        metadata=knob(
            "The model group of each route, which callers ask for as their model, such as "
            "{default/support/answer: answer}; a route that is left out has one of its own name",
            Parameters(),
        ),
    )
    params: Mapping[str, object] = field(
        default_factory=dict,
        metadata=knob(
            "litellm_params of each model, * for all others, such as {gpt-4o: {model: "
            "openai/gpt-4o, api_key: os.environ/OPENAI_API_KEY}}",
            Parameters(),
        ),
    )
    stamped: bool = field(
        default=False,
        metadata=knob(
            "Whether the proxies stamp calls with what stands beside their deployments",
            Switch(),
        ),
    )
