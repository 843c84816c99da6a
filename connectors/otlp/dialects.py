"""Which attributes a producer writes, by the name of its instrumentation scope, as data.

A span is read by its scope's dialect only; scopes not named here are read by every alias. Each
attribute looked for costs time on every span, so producers known well get the short list.
"""

from __future__ import annotations

from dataclasses import dataclass

from optimizer.observe.aliases import ALIASES, STAMP, WORDS
from optimizer.producers import Producer

_STAMPS = frozenset(name for names in ALIASES.values() for name in names if name.startswith(STAMP))
_CONVENTIONS = _STAMPS | {
    "gen_ai.operation.name",
    "gen_ai.provider.name",
    "gen_ai.request.model",
    "gen_ai.response.model",
    "gen_ai.request.stream",
    "gen_ai.request.temperature",
    "gen_ai.request.top_p",
    "gen_ai.request.max_tokens",
    "gen_ai.prompt.name",
    "gen_ai.prompt.version",
    "gen_ai.response.id",
    "gen_ai.response.time_to_first_chunk",
    "gen_ai.usage.input_tokens",
    "gen_ai.usage.output_tokens",
    "gen_ai.usage.cache_read.input_tokens",
    "gen_ai.usage.cache_write.input_tokens",
    "gen_ai.usage.cache_creation.input_tokens",
    "gen_ai.usage.cost",
    "error.type",
}


@dataclass(frozen=True, slots=True, eq=False)
class Dialect:
    """What is read of the spans of a scope.

    Attributes:
        scope: How the scope's name begins.
        producer: The family it belongs to.
        names: The attributes it writes; only those are read.
        only_calls: Nearly all its spans are calls, so it does not pay to sort them out first.
    """

    scope: str
    producer: Producer
    names: frozenset[str]
    only_calls: bool = False

    def aliases(self, slot: str) -> tuple[str, ...]:
        """Give the names of one thing, by priority."""
        return tuple(name for name in ALIASES[slot] if name in self.names)


_EVERY_ALIAS = frozenset(name for names in ALIASES.values() for name in names)
# Their lists do not differ from the longest; only their families are known.
_FAMILIES = (
    Dialect("openinference.", Producer.OPENINFERENCE, _EVERY_ALIAS),
    Dialect("openlit", Producer.OPENLIT, _EVERY_ALIAS),
    Dialect("opentelemetry.instrumentation.", Producer.OPENLLMETRY, _EVERY_ALIAS),
    Dialect("", Producer.OTHER, _EVERY_ALIAS),
)

# The first whose scope fits counts.
DIALECTS = (
    Dialect("llm-optimizer", Producer.OPTIMIZER, _CONVENTIONS, only_calls=True),
    Dialect("opentelemetry.instrumentation.genai.", Producer.OTEL, _CONVENTIONS, only_calls=True),
    Dialect("opentelemetry.util.genai.handler", Producer.OTEL, _CONVENTIONS, only_calls=True),
    Dialect(
        "opentelemetry.instrumentation.openai_v2",
        Producer.OTEL,
        _CONVENTIONS | {"gen_ai.system"},
        only_calls=True,
    ),
    Dialect(
        "litellm",
        Producer.LITELLM,
        _CONVENTIONS
        | set(WORDS["streamed"])
        | {
            "gen_ai.system",
            "llm.request.type",
            "litellm.provider.model",
            "error.llm_provider",
            "gen_ai.usage.cache_read_input_tokens",
            "gen_ai.usage.cache_creation_input_tokens",
            "gen_ai.cost.total_cost",
        },
    ),
    *_FAMILIES,
)


def dialect_of(scope: str) -> Dialect:
    """Give the dialect of a scope by its name."""
    return next(dialect for dialect in DIALECTS if scope.startswith(dialect.scope))
