"""Everything that an adapter may use: the contract, the vocabulary, and the toolkit.

Our own adapters use nothing else. `docs/reference/provider.md` describes each name. Each one is
imported when it is first used, so that the package costs nothing where no adapter is needed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.core.lazy import lazy_names

__all__ = [
    "CONTRACT",
    "EPOCH",
    "EXTRA_CONTENT",
    "LONG",
    "NO_FACTS",
    "AnswerDecoder",
    "Authorize",
    "Bounds",
    "CallAssembler",
    "Capability",
    "ChatEvent",
    "ChatRequest",
    "ChatStream",
    "ChunkDecoder",
    "Content",
    "ContextOverflow",
    "Decoder",
    "EmbedRequest",
    "EmbedResult",
    "ErrorEvent",
    "ErrorResponse",
    "EventStream",
    "Facts",
    "FillRequest",
    "Finish",
    "FinishReason",
    "Frame",
    "Framing",
    "FramingName",
    "GatewayError",
    "InvalidRequest",
    "JsonFormat",
    "Keep",
    "Keepsake",
    "Keepsakes",
    "LoadedModel",
    "Logprobs",
    "LongText",
    "Media",
    "Message",
    "ModelFacts",
    "ModelInfo",
    "ModelNotFound",
    "ModelPrices",
    "ModelRule",
    "NamedTool",
    "NotSupported",
    "OpenAIOptions",
    "OpenAIOptionsSchema",
    "OpenAIProvider",
    "Opener",
    "Outgoing",
    "Owner",
    "Part",
    "Provider",
    "ProviderContext",
    "RefusedKeepsakes",
    "Role",
    "Sampling",
    "ServiceOptions",
    "ServiceOptionsSchema",
    "Splitter",
    "TextDelta",
    "Think",
    "ThinkingDelta",
    "Thought",
    "Timeouts",
    "TokenLogprob",
    "Tool",
    "ToolCall",
    "ToolCallDelta",
    "ToolChoice",
    "TranscribeRequest",
    "Transcript",
    "Unlearn",
    "Upstream",
    "UpstreamDenied",
    "UpstreamError",
    "UpstreamProtocolError",
    "UpstreamRateLimited",
    "UpstreamRejected",
    "UpstreamTimeout",
    "UpstreamUnavailable",
    "Usage",
    "adopt_orphans",
    "answer_open_calls",
    "answer_tokens",
    "auth_error",
    "check_vectors",
    "clean",
    "clean_json",
    "clean_messages",
    "codec",
    "content_of",
    "convert",
    "count_of",
    "decoded",
    "drop_blank_turns",
    "drop_strays",
    "encode_clean",
    "error_for_status",
    "event_payload",
    "fields_of",
    "first_error",
    "flag",
    "fold_late_instructions",
    "get_models",
    "input_tokens",
    "is_error",
    "is_failure",
    "is_name",
    "is_overflow",
    "join_duplicates",
    "join_embeddings",
    "join_paragraphs",
    "json_of",
    "lift_media",
    "long_text",
    "name_by_calls",
    "name_results",
    "open_upstream",
    "pair_results",
    "read_arguments",
    "read_duration",
    "read_embeddings",
    "read_error",
    "read_models",
    "read_reason",
    "redact",
    "reject_deep_nesting",
    "repair_history",
    "replace",
    "require_key",
    "retry_after",
    "safe_name",
    "seconds",
    "stream_learning",
    "text_of",
    "unreadable",
    "wire_call",
    "wire_choice",
    "with_wait",
]

_MODULES = (
    "gateway.core.secrets",
    "gateway.core.errors",
    "gateway.core.events",
    "gateway.core.chat",
    "gateway.core.embeddings",
    "gateway.core.transcriptions",
    "gateway.core.model_info",
    "gateway.core.token_estimates",
    "gateway.providers.json_values",
    "gateway.providers.facts",
    "gateway.providers.error_bodies",
    "gateway.providers.history.ids",
    "gateway.providers.history.surrogates",
    "gateway.providers.history.instructions",
    "gateway.providers.history.pairing",
    "gateway.providers.history.results",
    "gateway.providers.history.repair",
    "gateway.providers.finish_reasons",
    "gateway.providers.tool_calls",
    "gateway.providers.function_calls",
    "gateway.providers.answer_decoder",
    "gateway.providers.embeddings",
    "gateway.providers.base",
    "gateway.providers.keepsakes",
    "gateway.providers.refused_keepsakes",
    "gateway.providers.upstream.payload",
    "gateway.providers.upstream.documents",
    "gateway.providers.upstream.framing",
    "gateway.providers.upstream",
    "gateway.providers.options",
    "gateway.providers.context_overflow",
    "gateway.providers.error_responses",
    "gateway.providers.service",
    "gateway.providers.openai",
)

if TYPE_CHECKING:
    from gateway.core import codec
    from gateway.core.chat import (
        ChatRequest,
        Content,
        FillRequest,
        JsonFormat,
        Media,
        Message,
        NamedTool,
        Part,
        Role,
        Sampling,
        Think,
        Tool,
        ToolChoice,
        content_of,
        replace,
    )
    from gateway.core.embeddings import (
        EmbedRequest,
        EmbedResult,
    )
    from gateway.core.errors import (
        ContextOverflow,
        GatewayError,
        InvalidRequest,
        ModelNotFound,
        NotSupported,
        UpstreamDenied,
        UpstreamError,
        UpstreamProtocolError,
        UpstreamRateLimited,
        UpstreamRejected,
        UpstreamTimeout,
        UpstreamUnavailable,
    )
    from gateway.core.events import (
        ChatEvent,
        ChatStream,
        Finish,
        FinishReason,
        Keepsake,
        Logprobs,
        TextDelta,
        ThinkingDelta,
        Thought,
        TokenLogprob,
        ToolCall,
        ToolCallDelta,
        Usage,
    )
    from gateway.core.model_info import (
        EPOCH,
        Capability,
        LoadedModel,
        ModelInfo,
        ModelPrices,
    )
    from gateway.core.secrets import (
        redact,
    )
    from gateway.core.token_estimates import (
        answer_tokens,
        input_tokens,
    )
    from gateway.core.transcriptions import (
        TranscribeRequest,
        Transcript,
    )
    from gateway.providers.answer_decoder import (
        AnswerDecoder,
        ChunkDecoder,
        Keep,
    )
    from gateway.providers.base import (
        CONTRACT,
        Provider,
        ProviderContext,
    )
    from gateway.providers.context_overflow import (
        is_overflow,
    )
    from gateway.providers.embeddings import (
        check_vectors,
        join_embeddings,
        read_embeddings,
    )
    from gateway.providers.error_bodies import (
        event_payload,
        first_error,
        is_error,
        read_error,
    )
    from gateway.providers.error_responses import (
        auth_error,
        error_for_status,
        read_duration,
        retry_after,
        with_wait,
    )
    from gateway.providers.facts import (
        NO_FACTS,
        Facts,
        ModelFacts,
    )
    from gateway.providers.finish_reasons import (
        is_failure,
        read_reason,
    )
    from gateway.providers.function_calls import (
        wire_call,
        wire_choice,
    )
    from gateway.providers.history.ids import (
        is_name,
        safe_name,
    )
    from gateway.providers.history.instructions import (
        fold_late_instructions,
        join_paragraphs,
    )
    from gateway.providers.history.pairing import (
        pair_results,
    )
    from gateway.providers.history.repair import (
        repair_history,
    )
    from gateway.providers.history.results import (
        adopt_orphans,
        answer_open_calls,
        drop_blank_turns,
        drop_strays,
        join_duplicates,
        lift_media,
        name_by_calls,
        name_results,
    )
    from gateway.providers.history.surrogates import (
        clean,
        clean_json,
        clean_messages,
        encode_clean,
    )
    from gateway.providers.json_values import (
        convert,
        count_of,
        fields_of,
        json_of,
        text_of,
        unreadable,
    )
    from gateway.providers.keepsakes import (
        Keepsakes,
        Owner,
    )
    from gateway.providers.openai import (
        ModelRule,
        OpenAIOptions,
        OpenAIOptionsSchema,
        OpenAIProvider,
    )
    from gateway.providers.options import (
        ServiceOptions,
        ServiceOptionsSchema,
        flag,
        seconds,
    )
    from gateway.providers.refused_keepsakes import RefusedKeepsakes
    from gateway.providers.service import (
        get_models,
        open_upstream,
        require_key,
    )
    from gateway.providers.tool_calls import (
        EXTRA_CONTENT,
        CallAssembler,
        read_arguments,
    )
    from gateway.providers.upstream import (
        Authorize,
        Bounds,
        Decoder,
        ErrorResponse,
        EventStream,
        Frame,
        Framing,
        FramingName,
        Opener,
        Outgoing,
        Splitter,
        Timeouts,
        Unlearn,
        Upstream,
        decoded,
        stream_learning,
    )
    from gateway.providers.upstream.documents import (
        read_models,
    )
    from gateway.providers.upstream.framing import (
        ErrorEvent,
    )
    from gateway.providers.upstream.payload import (
        LONG,
        LongText,
        long_text,
        reject_deep_nesting,
    )
else:
    __getattr__ = lazy_names(__name__, __all__, _MODULES)
