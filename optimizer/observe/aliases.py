"""What LLM instrumentations call things: attribute names and values, as data.

Read are `llm.*` (2023), `gen_ai.system` (conventions up to 1.36), `gen_ai.provider.name` (1.37 on),
its successors in development, OpenInference, and Vercel's AI SDK (`ai.*`); LiteLLM mixes the
second or third with its own.
Source: OpenTelemetry semantic conventions for generative AI, 1.28 to 1.41 and development version.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

STAMP = "llm.optimizer."  # what gateways write, on the span or its resource

# A gateway may tell of a call when it starts, in a small span that has ended: the child of the
# call's own span, which is written later, with its stamps and how long it is waited for.
ASSIGNMENT = f"{STAMP}assignment"  # the name of that span
PATIENCE = f"{STAMP}patience_ms"

# What a call is, apart from its numbers. The first name with a usable value counts.
WORDS: Mapping[str, tuple[str, ...]] = {
    "operation": (
        "gen_ai.operation.name",
        "llm.request.type",
        "openinference.span.kind",
        "ai.operationId",
    ),
    "call_type": ("litellm.call_type",),
    "provider": (
        "gen_ai.provider.name",
        "gen_ai.system",
        "llm.provider",
        "llm.system",
        "llm.vendor",
        "ai.model.provider",
        "error.llm_provider",
    ),
    "request_model": ("gen_ai.request.model", "llm.request.model_name", "ai.model.id"),
    "gateway_model": ("litellm.provider.model",),
    "old_request_model": ("llm.request.model", "llm.model"),
    "response_model": (
        "gen_ai.response.model",
        "llm.response.model_name",
        "llm.model_name",
        "embedding.model_name",
        "llm.response.model",
        "ai.response.model",
    ),
    "streamed": (
        "gen_ai.request.stream",
        "gen_ai.is_streaming",
        "gen_ai.request.is_stream",
        "llm.is_streaming",
        "litellm.request.streaming",
    ),
    "from_cache": ("litellm.cache_hit",),  # of answers, the gateway's own
    "error_type": ("error.type",),
    # JSON: model, stream and parameters
    "invocation": ("llm.invocation_parameters", "embedding.invocation_parameters"),
    "route": (f"{STAMP}route",),
    "arm": (f"{STAMP}arm",),
    "cell": (f"{STAMP}cell",),
    "revision": (f"{STAMP}revision",),
}

STAMPED = ("route", "arm", "cell", "revision")  # the words that a stamp is made of

# What tells arms apart where no stamp does.
PARAMETERS: Mapping[str, tuple[str, ...]] = {
    "prompt": ("gen_ai.prompt.name",),
    "prompt_version": ("gen_ai.prompt.version", "llm.prompt_template.version"),
    "temperature": ("gen_ai.request.temperature", "llm.temperature"),
    "top_p": ("gen_ai.request.top_p", "llm.top_p"),
    "max_tokens": ("gen_ai.request.max_tokens", "llm.request.max_tokens"),
}

WHOLES: Mapping[str, tuple[str, ...]] = {
    "tokens_in": (
        "gen_ai.usage.input_tokens",
        "gen_ai.usage.prompt_tokens",
        "llm.usage.prompt_tokens",
        "llm.token_count.prompt",
        "llm.prompt.tokens",
        "ai.usage.inputTokens",
        "ai.usage.promptTokens",
        "ai.usage.tokens",
    ),
    "tokens_out": (
        "gen_ai.usage.output_tokens",
        "gen_ai.usage.completion_tokens",
        "llm.usage.completion_tokens",
        "llm.token_count.completion",
        "llm.response.tokens",
        "ai.usage.outputTokens",
        "ai.usage.completionTokens",
    ),
    "tokens_cached": (
        "gen_ai.usage.cache_read.input_tokens",
        "gen_ai.usage.cache_read_input_tokens",
        "llm.token_count.prompt_details.cache_read",
        "ai.usage.inputTokenDetails.cacheReadTokens",
        "ai.usage.cachedInputTokens",
    ),
    "cache_write": (
        "gen_ai.usage.cache_write.input_tokens",
        "gen_ai.usage.cache_creation.input_tokens",
        "gen_ai.usage.cache_creation_input_tokens",
        "llm.token_count.prompt_details.cache_write",
        "ai.usage.inputTokenDetails.cacheWriteTokens",
    ),
    "slot": (f"{STAMP}slot",),
}

REALS: Mapping[str, tuple[str, ...]] = {
    "ttft": ("gen_ai.response.time_to_first_chunk", "gen_ai.server.time_to_first_token"),
    "reported_cost": (
        "gen_ai.cost.total_cost",
        "litellm.cost.total",
        "gen_ai.usage.cost",
        "llm.cost.total",
    ),
}

# What a later score may name its call by.
NAMES: Mapping[str, tuple[str, ...]] = {
    "response_id": ("gen_ai.response.id", "llm.response.id", "ai.response.id")
}

# What proves a stamp; read only where that is asked for.
PROOFS: Mapping[str, tuple[str, ...]] = {"signature": (f"{STAMP}signature",)}

# How long a call is waited for that is told of when it starts; read of no other span.
WAITS: Mapping[str, tuple[str, ...]] = {"patience": (PATIENCE,)}

# Texts that tell of caches where no number does.
USAGES: Mapping[str, tuple[str, ...]] = {"usage": ("metadata.usage_object",)}

ALIASES: Mapping[str, tuple[str, ...]] = {
    **WORDS,
    **PARAMETERS,
    **WHOLES,
    **REALS,
    **NAMES,
    **PROOFS,
    **WAITS,
    **USAGES,
}

SERVICE = "service.name"

# Span events whose first one marks the first token.
FIRST_CHUNK = (
    "First Token Stream Event",
    "gen_ai.content.completion.chunk",
    "ai.stream.firstChunk",
)
EXCEPTION = "exception"
EXCEPTION_TYPE = "exception.type"

# Operations that are one request to a model, by what they are called. All others (agents, tools,
# workflows, retrieval) repeat the usage of the requests inside them and would count it twice; what
# fetches an answer again (`fetch_response`) uses nothing.
OPERATIONS: Mapping[str, str] = {
    "chat": "chat",
    "completion": "chat",
    "acompletion": "chat",
    "completion_with_retries": "chat",
    "responses": "chat",
    "aresponses": "chat",
    "anthropic_messages": "chat",
    "aanthropic_messages": "chat",
    "llm": "chat",
    "generate_content": "generate_content",
    "agenerate_content": "generate_content",
    "generate_content_stream": "generate_content",
    "agenerate_content_stream": "generate_content",
    "text_completion": "text_completion",
    "atext_completion": "text_completion",
    "embeddings": "embeddings",
    "embedding": "embeddings",
    "aembedding": "embeddings",
    "ai.generatetext.dogenerate": "chat",
    "ai.streamtext.dostream": "chat",
    "ai.generateobject.dogenerate": "chat",
    "ai.streamobject.dostream": "chat",
    "ai.embed.doembed": "embeddings",
    "ai.embedmany.doembed": "embeddings",
}
STREAMS = {  # operations whose name says that the answer comes in pieces
    "generate_content_stream",
    "agenerate_content_stream",
    "ai.streamtext.dostream",
    "ai.streamobject.dostream",
}
EMBEDDINGS = "embeddings"

# A gateway calls `chat` whatever the conventions have no operation for (reranking, moderation,
# files), and tells under these names what it was. Only the types in force here leave it open.
CALL_TYPES = (*WORDS["call_type"], "llm.request.type")
OPEN_CALL_TYPES = {
    "unknown",
    "pass_through_endpoint",
    "llm_passthrough_route",
    "allm_passthrough_route",
}

PROVIDERS: Mapping[str, str] = {
    "text-completion-openai": "openai",
    "az.ai.openai": "azure.ai.openai",
    "azure": "azure.ai.openai",
    "az.ai.inference": "azure.ai.inference",
    "azure_ai": "azure.ai.inference",
    "vertex_ai": "gcp.vertex_ai",
    "vertex_ai_beta": "gcp.vertex_ai",
    "vertexai": "gcp.vertex_ai",
    "gemini": "gcp.gemini",
    "google": "gcp.gemini",
    "xai": "x_ai",
    "mistral": "mistral_ai",
    "mistralai": "mistral_ai",
    "bedrock": "aws.bedrock",
    "bedrock_converse": "aws.bedrock",
    "aws": "aws.bedrock",
    "amazon": "aws.bedrock",
    "cohere_chat": "cohere",
    "watsonx": "ibm.watsonx.ai",
    "moonshot": "moonshot_ai",
    "openai.chat": "openai",
    "openai.responses": "openai",
    "openai.completion": "openai",
    "openai.embedding": "openai",
    "azure.chat": "azure.ai.openai",
    "azure.responses": "azure.ai.openai",
    "azure.completion": "azure.ai.openai",
    "azure.embeddings": "azure.ai.openai",
    "azure-openai.chat": "azure.ai.openai",
    "azure-openai.responses": "azure.ai.openai",
    "anthropic.messages": "anthropic",
    "amazon-bedrock": "aws.bedrock",
    "google.generative-ai": "gcp.gemini",
    "google.vertex.chat": "gcp.vertex_ai",
    "mistral.chat": "mistral_ai",
    "xai.chat": "x_ai",
    "groq.chat": "groq",
    "deepseek.chat": "deepseek",
    "cohere.chat": "cohere",
}
