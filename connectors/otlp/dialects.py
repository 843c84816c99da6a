"""Which attributes a producer writes, by the name of its instrumentation scope, as data.

A span is read by its scope's dialect only; scopes not named here are read by every alias. Each
attribute looked for costs time on every span, so producers known well get the short list.
"""

from __future__ import annotations

from dataclasses import dataclass

from optimizer.observe.aliases import ALIASES, PATIENCE, STAMP, WORDS
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


# The conventions have no name for what a cache of the gateway answered.
_OPTIMIZER = _CONVENTIONS | {PATIENCE, *WORDS["from_cache"]}


@dataclass(frozen=True, slots=True, eq=False)
class Dialect:
    """What is read of the spans of a scope.

    Attributes:
        scope: How the scope's name begins.
        producer: The family it belongs to.
        names: The attributes it writes; only those are read.
        only_calls: Nearly all its spans are calls, so it does not pay to sort them out first.
        cached_apart: Its input tokens leave out those of a cache, against the conventions.
        assigns: It may tell of calls when they start.
    """

    scope: str
    producer: Producer
    names: frozenset[str]
    only_calls: bool = False
    cached_apart: bool = False
    assigns: bool = False

    def aliases(self, slot: str) -> tuple[str, ...]:
        """Give the names of one thing, by priority."""
        return tuple(name for name in ALIASES[slot] if name in self.names)


_EARLIER = _CONVENTIONS | {"gen_ai.system"}  # up to 1.36
_EVERY_ALIAS = frozenset(name for names in ALIASES.values() for name in names)
# Of older releases, too, which write all older conventions.
_OPENLLMETRY = frozenset(name for name in _EVERY_ALIAS if not name.startswith("ai."))
_OPENINFERENCE = frozenset(
    name for name in _EVERY_ALIAS if name.startswith(("openinference.", "llm.", "embedding."))
) - {"llm.request.type", "llm.vendor"}
_BESIDE = _EARLIER | {  # what others write beside the conventions
    "gen_ai.usage.prompt_tokens",
    "gen_ai.usage.completion_tokens",
    *WORDS["streamed"],
}
_LITELLM = (
    _BESIDE
    | {name for name in _EVERY_ALIAS if name.startswith(("litellm.", "error.llm"))}
    | {
        "llm.request.type",
        "metadata.usage_object",
        "gen_ai.usage.cache_read_input_tokens",
        "gen_ai.usage.cache_creation_input_tokens",
        "gen_ai.cost.total_cost",
    }
)
_OPENLIT = _BESIDE | {"gen_ai.server.time_to_first_token"}

# The first whose scope fits counts.
DIALECTS = (
    Dialect("llm-optimizer", Producer.OPTIMIZER, _OPTIMIZER, only_calls=True, assigns=True),
    Dialect("opentelemetry.instrumentation.genai.", Producer.OTEL, _CONVENTIONS, only_calls=True),
    Dialect("opentelemetry.util.genai.handler", Producer.OTEL, _CONVENTIONS, only_calls=True),
    Dialect("opentelemetry.instrumentation.openai_v2", Producer.OTEL, _EARLIER, only_calls=True),
    Dialect("opentelemetry.instrumentation.google_genai", Producer.OTEL, _EARLIER),
    Dialect("opentelemetry.instrumentation.botocore", Producer.OTEL, _EARLIER),
    Dialect("litellm", Producer.LITELLM, _LITELLM),
    Dialect("openlit.instrumentation.anthropic", Producer.OPENLIT, _OPENLIT, cached_apart=True),
    Dialect("openlit.instrumentation.bedrock", Producer.OPENLIT, _OPENLIT, cached_apart=True),
    Dialect("openlit", Producer.OPENLIT, _OPENLIT),
    Dialect("openinference.", Producer.OPENINFERENCE, _CONVENTIONS | _OPENINFERENCE),
    Dialect("com.anthropic.sdk.", Producer.ANTHROPIC, _CONVENTIONS),
    Dialect(
        "opentelemetry.instrumentation.bedrock",
        Producer.OPENLLMETRY,
        _OPENLLMETRY,
        cached_apart=True,
    ),
    Dialect("opentelemetry.instrumentation.", Producer.OPENLLMETRY, _OPENLLMETRY),
    Dialect("", Producer.OTHER, _EVERY_ALIAS),
)


def dialect_of(scope: str) -> Dialect:
    """Give the dialect of a scope by its name."""
    return next(dialect for dialect in DIALECTS if scope.startswith(dialect.scope))
