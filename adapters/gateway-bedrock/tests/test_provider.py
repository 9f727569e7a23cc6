"""The adapter before a service: lists, paths, embeddings, errors, and what it learns."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import aiohttp
import pytest
from gateway.providers import (
    ChatRequest,
    ContextOverflow,
    EmbedRequest,
    GatewayError,
    InvalidRequest,
    JsonFormat,
    Media,
    Message,
    ModelNotFound,
    ProviderContext,
    Role,
    Sampling,
    TextDelta,
    Tool,
    ToolCall,
    UpstreamDenied,
    UpstreamError,
    UpstreamProtocolError,
    UpstreamRateLimited,
    UpstreamRejected,
    UpstreamTimeout,
    Usage,
)
from gateway.testing import Answer, FakeUpstream, Received

import frames
from fake_bedrock import (
    CLAUDE,
    NEWEST,
    NOVA,
    PROFILES,
    ROWS,
    document,
    error,
    profile,
    row,
    streamed,
)
from gateway_bedrock import BedrockOptionsSchema, BedrockProvider

HELLO = streamed(frames.start(), frames.text(0, "a"), frames.stop("end_turn"))
WHOLE = document(
    {"output": {"message": {"content": [{"text": "b"}]}}, "stopReason": "end_turn", "usage": {}}
)
USER = (Message(Role.USER, "Hi"),)
TOOLS = (Tool("f"),)
NO_STREAM = error(
    400, "ValidationException", "This model doesn't support tool use in streaming mode."
)


def refused(message: str) -> Answer:
    return error(400, "ValidationException", message)


@asynccontextmanager
async def opened(
    *answers: Answer, **options: Any
) -> AsyncIterator[tuple[BedrockProvider, FakeUpstream]]:
    async with FakeUpstream(*answers) as upstream, aiohttp.ClientSession() as session:
        given = {"api_key": "k", "base_url": upstream.url, **options}
        loaded = BedrockOptionsSchema().load(given)
        log = logging.getLogger("gateway.providers.bedrock")
        yield BedrockProvider(ProviderContext("bedrock", loaded, session, log)), upstream


async def said(provider: BedrockProvider, model: str = NOVA, **more: Any) -> str:
    batches = [batch async for batch in provider.chat(ChatRequest(model, USER, **more))]
    return "".join(one.text for batch in batches for one in batch if isinstance(one, TextDelta))


def bodies(upstream: FakeUpstream) -> list[Any]:
    return [json.loads(request.body) for request in upstream.requests]


def lists(*pages: dict[str, Any], rows: Any = ROWS) -> Any:
    """Return a function that answers requests for lists; profiles have pages."""

    def answer(received: Received) -> Answer:
        if received.path == "/foundation-models":
            return document({"modelSummaries": rows})
        if "type=APPLICATION" in received.path:
            return document({"inferenceProfileSummaries": []})
        number = 1 if "nextToken" in received.path else 0
        return document(pages[number])

    return answer


async def test_the_lists_are_fetched_page_by_page() -> None:
    first = {"inferenceProfileSummaries": PROFILES[:1], "nextToken": "a/b"}
    second = {"inferenceProfileSummaries": PROFILES[1:], "nextToken": "a/b"}
    async with opened(HELLO) as (provider, upstream):
        upstream.answer = lists(first, second)
        listed = await provider.list_models()
        assert [request.path for request in upstream.requests] == [
            "/foundation-models",
            "/inference-profiles?maxResults=1000&type=SYSTEM_DEFINED",
            "/inference-profiles?maxResults=1000&type=SYSTEM_DEFINED&nextToken=a%2Fb",
            "/inference-profiles?maxResults=1000&type=APPLICATION",
        ]
        assert [model.id for model in listed if model.id.endswith(CLAUDE)] == [
            CLAUDE,
            f"global.{CLAUDE}",
            f"eu.{CLAUDE}",
        ]
        assert provider.describe(CLAUDE) is listed[0]
        upstream.answer = lambda _: None
        await said(provider, CLAUDE)
        assert unquote(upstream.requests[-1].path) == f"/model/global.{CLAUDE}/converse-stream"
        assert provider.remote_host == upstream.url


async def test_a_list_that_never_ends_is_left() -> None:
    numbers = count()
    async with opened(HELLO) as (provider, upstream):

        def answer(received: Received) -> Answer:
            if received.path == "/foundation-models":
                return document({"modelSummaries": ROWS})
            page = {"inferenceProfileSummaries": [], "nextToken": str(next(numbers))}
            return document(page)

        upstream.answer = answer
        await provider.list_models()
        assert len(upstream.requests) == 201


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (error(500, "InternalServerException", "No."), UpstreamError),
        (document({"somethingElse": []}), UpstreamProtocolError),
    ],
)
async def test_a_list_of_profiles_that_fails(answer: Answer, kind: type[Exception]) -> None:
    async with opened(HELLO) as (provider, upstream):
        upstream.routes = {
            "/foundation-models": document({"modelSummaries": ROWS}),
            "/inference-profiles": answer,
        }
        with pytest.raises(kind):
            await provider.list_models()


async def test_a_key_that_may_not_list_profiles_lists_the_models() -> None:
    async with opened(HELLO) as (provider, upstream):
        upstream.routes = {
            "/foundation-models": document({"modelSummaries": ROWS}),
            "/inference-profiles": error(403, "AccessDeniedException", "Not authorized to list."),
        }
        assert NOVA in [model.id for model in await provider.list_models()]


@pytest.mark.parametrize(
    ("model", "path"),
    [
        ("meta.llama3:0", "/model/meta.llama3%3A0/converse-stream"),
        (
            "arn:aws:bedrock:us-east-1:123456789012:provisioned-model/abc",
            "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A123456789012%3Aprovisioned-model%2Fabc"
            "/converse-stream",
        ),
    ],
)
async def test_a_model_is_in_the_path(model: str, path: str) -> None:
    async with opened(HELLO) as (provider, upstream):
        assert await said(provider, model) == "a"
        (request,) = upstream.requests
    assert request.path == path
    assert request.headers["Authorization"] == "Bearer k"
    assert request.headers["Accept"] == "application/vnd.amazon.eventstream"
    assert json.loads(request.body) == {"messages": [{"role": "user", "content": [{"text": "Hi"}]}]}


async def test_an_answer_is_the_same_wherever_its_bytes_are_cut() -> None:
    body = b"".join(
        [
            frames.start(),
            frames.thinking(0, "H\u00e4", signature="c2ln"),
            frames.text(1, "\u00e4"),
            frames.call(2, "f", "tooluse_1", '{"x": "\u00e4"}'),
            frames.stop("tool_use"),
        ]
    )
    request = ChatRequest(NOVA, USER, think=True)
    async with opened(streamed(body)) as (provider, upstream):
        whole = [one async for batch in provider.chat(request) for one in batch]
        for place in range(1, len(body), 11):
            pieces = Answer([body[:place], body[place:]], content_type=HELLO.content_type)
            upstream.plan(pieces)
            assert [one async for batch in provider.chat(request) for one in batch] == whole
    assert len(whole) == 5


async def test_a_model_that_does_not_stream_is_asked_for_a_whole_answer() -> None:
    rows = [row(NOVA, responseStreamingSupported=False)]
    async with opened(WHOLE) as (provider, upstream):
        upstream.answer = lists({"inferenceProfileSummaries": []}, rows=rows)
        await provider.list_models()
        upstream.answer = lambda _: None
        assert await said(provider) == "b"
        assert unquote(upstream.requests[-1].path) == f"/model/{NOVA}/converse"
        upstream.plan(NO_STREAM)
        with pytest.raises(UpstreamRejected):
            await said(provider)
        assert len(upstream.requests) == 1


async def test_tools_in_whole_answers_alone_are_remembered_apart_from_texts() -> None:
    async with opened(NO_STREAM, WHOLE, HELLO, WHOLE) as (provider, upstream):
        found = [
            await said(provider, tools=TOOLS),
            await said(provider),
            await said(provider, tools=TOOLS),
        ]
        asked = [request.path.rpartition("/")[2] for request in upstream.requests]
    assert found == ["b", "a", "b"]
    assert asked == ["converse-stream", "converse", "converse-stream", "converse"]


async def test_a_model_that_turns_out_not_to_stream_is_remembered() -> None:
    words = refused("This model does not support streaming.")
    async with opened(words, WHOLE) as (provider, upstream):
        assert [await said(provider), await said(provider)] == ["b", "b"]
        assert len(upstream.requests) == 3


async def test_nothing_is_sent_a_third_time() -> None:
    wrong = refused("`temperature` is deprecated for this model.")
    for answers in ((wrong, NO_STREAM), (NO_STREAM, wrong), (wrong, wrong)):
        async with opened(*answers) as (provider, upstream):
            with pytest.raises(UpstreamRejected):
                await said(provider, tools=TOOLS, sampling=Sampling(temperature=0.5))
            assert len(upstream.requests) == 2


LESSONS: dict[str, tuple[str, dict[str, Any], str, str, bool]] = {
    # What the service says, what was asked, on which model, what is missing then, for good or not.
    "temperature": (
        "The model returned the following errors: `temperature` is deprecated for this model.",
        {"sampling": Sampling(temperature=0.5)},
        NEWEST,
        "temperature",
        True,
    ),
    "a field by the name of Converse": (
        "This model doesn't support the topP field. Remove topP and try again.",
        {"sampling": Sampling(top_p=0.5)},
        NEWEST,
        "topP",
        True,
    ),
    "top_k": ("top_k: not permitted", {"sampling": Sampling(top_k=5)}, NEWEST, "top_k", True),
    "stop sequences": (
        "This model doesn't support the stopSequences field. Remove stopSequences and try again.",
        {"sampling": Sampling(stop=("x",))},
        NEWEST,
        "stopSequences",
        True,
    ),
    "a forced tool": (
        'tool_choice: type "tool" and "any" are not supported for this model.',
        {"tools": TOOLS, "tool_choice": "required"},
        NEWEST,
        "toolChoice",
        True,
    ),
    "one call at a time": (
        "Unknown parameter: 'tool_choice'.",
        {"tools": TOOLS, "parallel_tool_calls": False},
        NEWEST,
        "tool_choice",
        True,
    ),
    "thinking": (
        """{"error":{"code":"x","message":"Unknown parameter: 'reasoning_effort'."}}""",
        {"think": True},
        "openai.gpt-5.6",
        "reasoning_effort",
        True,
    ),
    "effort": ("output_config.effort: no", {"think": "low"}, NEWEST, "output_config", True),
    "the members of effort": (
        "output_config: Extra inputs are not permitted",
        {"think": "low"},
        NEWEST,
        "output_config",
        True,
    ),
    "strict": (
        "tools.0.custom.strict: Extra inputs are not permitted",
        {"tools": (Tool("f", strict=True),)},
        NEWEST,
        "strict",
        True,
    ),
    "strict for this schema": (
        "tools.0.custom: For 'object' type, 'additionalProperties' must be explicitly set to false",
        {"tools": (Tool("f", strict=True),)},
        NEWEST,
        "strict",
        False,
    ),
    "formats": (
        "This model doesn't support the outputConfig.textFormat field.",
        {"response_format": JsonFormat({"type": "object"})},
        CLAUDE,
        "outputConfig",
        True,
    ),
    "this format": (
        "output_config.format.schema: For 'array' type, property 'maxItems' is not supported",
        {"response_format": JsonFormat({"type": "object"})},
        CLAUDE,
        "outputConfig",
        False,
    ),
    "thinking in this conversation": (
        "messages.1.content.0.type: Expected `thinking` or `redacted_thinking`, but found `text`.",
        {"think": True},
        NEWEST,
        "thinking",
        False,
    ),
    "cache points": (
        "You invoked an unsupported model or your request did not allow prompt caching.",
        {"native": {"anthropic": {"turns": {0: {}}}}},
        NEWEST,
        "cachePoint",
        True,
    ),
    "tiers": (
        "The serviceTier is not available.",
        {"extra": {"service_tier": "flex"}},
        NOVA,
        "flex",
        True,
    ),
    "metadata": ("requestMetadata is not valid", {"user": "u"}, NOVA, "requestMetadata", True),
}


@pytest.mark.parametrize(
    ("message", "asked", "model", "mark", "lasts"), LESSONS.values(), ids=LESSONS
)
async def test_what_a_model_refuses_is_left_out(
    message: str, asked: dict[str, Any], model: str, mark: str, lasts: bool
) -> None:
    async with opened(refused(message), HELLO) as (provider, upstream):
        for _ in range(2):
            assert await said(provider, model, **asked) == "a"
        sent = [mark in request.body.decode() for request in upstream.requests]
        assert sent == [True, False, not lasts]
        upstream.answer = lists({"inferenceProfileSummaries": []})
        await provider.list_models()
        upstream.answer = lambda _: None
        await said(provider, model, **asked)
        assert mark in upstream.requests[-1].body.decode()  # a new list forgets


async def test_a_model_without_instructions() -> None:
    words = refused("This model doesn't support the system prompt field.")
    request = ChatRequest(NOVA, (Message(Role.SYSTEM, "Be brief."), *USER))
    async with opened(words, HELLO) as (provider, upstream):
        async for _ in provider.chat(request):
            pass
        assert ["system" in body for body in bodies(upstream)] == [True, False]


async def test_a_result_that_may_not_be_marked() -> None:
    words = refused("This model doesn't support the status field. Remove status and try again.")
    call = ToolCall("f", {}, "c1")
    messages = (
        *USER,
        Message(Role.ASSISTANT, tool_calls=(call,)),
        Message(Role.TOOL, "1", tool_call_id="c1"),
    )
    native = {"anthropic": {"errors": ["c1"]}}
    async with opened(words, HELLO) as (provider, upstream):
        async for _ in provider.chat(ChatRequest(NOVA, messages, tools=TOOLS, native=native)):
            pass
        assert [b'"status":"error"' in one.body for one in upstream.requests] == [True, False]


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (400, "The moon."),
        (400, "`temperature` is wrong."),
        (500, "Thinking failed."),
        (403, "thinking"),
    ],
)
async def test_another_refusal_is_the_clients(status: int, words: str) -> None:
    kind = "ValidationException" if status == 400 else "X"
    async with opened(error(status, kind, words), HELLO) as (provider, upstream):
        with pytest.raises(UpstreamError, match=words):
            await said(provider, think=True)
        assert len(upstream.requests) == 1


async def test_titan_and_nova_embed_one_text_in_a_request() -> None:
    titan = document({"embedding": [1.0], "inputTextTokenCount": 3})
    async with opened(titan) as (provider, upstream):
        asked = EmbedRequest("amazon.titan-embed-text-v2:0", ("a", "b"), dimensions=256)
        result = await provider.embed(asked)
        assert (result.vectors, result.usage) == ([[1.0], [1.0]], Usage(6, 0))
        assert bodies(upstream) == [{"inputText": one, "dimensions": 256} for one in "ab"]
        assert unquote(upstream.requests[0].path) == "/model/amazon.titan-embed-text-v2:0/invoke"
        plain = await provider.embed(EmbedRequest("amazon.titan-embed-text-v1", ("a",)))
        assert bodies(upstream)[-1] == {"inputText": "a"}
        assert plain.usage == Usage(3, 0)
    nova = document({"embeddings": [{"embeddingType": "TEXT", "embedding": [2.0]}]})
    async with opened(nova) as (provider, upstream):
        model = "amazon.nova-2-multimodal-embeddings-v1:0"
        result = await provider.embed(EmbedRequest(model, ("a",), dimensions=256, truncate=False))
        assert (result.vectors, result.usage) == ([[2.0]], None)
        text = {"truncationMode": "NONE", "value": "a"}
        assert bodies(upstream) == [
            {
                "taskType": "SINGLE_EMBEDDING",
                "singleEmbeddingParams": {
                    "embeddingPurpose": "GENERIC_INDEX",
                    "text": text,
                    "embeddingDimension": 256,
                },
            }
        ]


@pytest.mark.parametrize("typed", [True, False])
async def test_cohere_embeds_many_texts_in_a_request(typed: bool) -> None:
    def answer(received: Received) -> Answer:
        vectors = [[float(text)] for text in json.loads(received.body)["texts"]]
        return document({"embeddings": {"float": vectors} if typed else vectors})

    async with opened(HELLO, input_type="search_query") as (provider, upstream):
        upstream.answer = answer
        inputs = tuple(map(str, range(100)))
        result = await provider.embed(EmbedRequest("cohere.embed-v4:0", inputs, dimensions=256))
        first, second = bodies(upstream)
    assert result.vectors == [[float(number)] for number in range(100)]
    assert (len(first["texts"]), second["texts"]) == (96, ["96", "97", "98", "99"])
    assert {name: first[name] for name in first if name != "texts"} == {
        "input_type": "search_query",
        "embedding_types": ["float"],
        "truncate": "END",
        "output_dimension": 256,
    }


async def test_portions_that_were_paid_for_are_not_asked_for_again() -> None:
    good = document({"embedding": [1.0]})
    bad = error(503, "ServiceUnavailableException", "Later.")
    for answers, repeatable in (((bad,), True), ((good, bad), False)):
        async with opened(*answers) as (provider, _):
            with pytest.raises(UpstreamError) as caught:
                await provider.embed(EmbedRequest("amazon.titan-embed-text-v1", ("a", "b")))
        assert caught.value.repeatable is repeatable


KEYLESS = (
    "bedrock rejected the API key: set AWS_BEARER_TOKEN_BEDROCK, or api_key of the provider bedrock"
)
ERRORS: dict[str, tuple[Answer, type[GatewayError], int, str]] = {
    "a key that is none": (
        error(
            403, "AccessDeniedException", "Authentication failed: make sure your API Key is valid."
        ),
        UpstreamDenied,
        502,
        KEYLESS,
    ),
    "a token that is none": (
        error(403, "UnrecognizedClientException", "The security token is invalid."),
        UpstreamDenied,
        502,
        KEYLESS,
    ),
    "no access to a model": (
        error(403, "AccessDeniedException", "You don't have access to the model."),
        UpstreamRejected,
        403,
        "You don't have access to the model.",
    ),
    "what a policy denies, with a capital letter": (
        document({"Message": "User: x is not authorized to perform: y"}, status=403),
        UpstreamRejected,
        403,
        "User: x is not authorized to perform: y",
    ),
    "a limit": (
        error(429, "ThrottlingException", "Too many requests."),
        UpstreamRateLimited,
        429,
        "Too many requests.",
    ),
    "a quota": (
        error(400, "ServiceQuotaExceededException", "Over the quota."),
        UpstreamRateLimited,
        429,
        "Over the quota.",
    ),
    "a model that is not ready": (
        error(429, "ModelNotReadyException", "Wait."),
        UpstreamRateLimited,
        429,
        "Wait.",
    ),
    "a model that takes too long": (
        error(408, "ModelTimeoutException", "Too slow."),
        UpstreamTimeout,
        504,
        "Too slow.",
    ),
    "a model that has failed": (
        error(424, "ModelErrorException", "Broken."),
        UpstreamRejected,
        502,
        "Broken.",
    ),
    "a model that is none": (
        error(400, "ValidationException", "The provided model identifier is invalid."),
        ModelNotFound,
        404,
        "The provided model identifier is invalid.",
    ),
    "a model that is not there": (
        error(404, "ResourceNotFoundException", "Could not resolve the foundation model."),
        ModelNotFound,
        404,
        "Could not resolve the foundation model.",
    ),
    "a conversation that is too long": (
        error(400, "ValidationException", "Input is too long for requested model."),
        ContextOverflow,
        400,
        "Input is too long for requested model.",
    ),
    "a conversation that is too long for Nova": (
        error(400, "ValidationException", "Input Tokens Exceeded: exceeds maximum length."),
        ContextOverflow,
        400,
        "Input Tokens Exceeded: exceeds maximum length.",
    ),
    "an operation that is none": (
        document({"Output": {"__type": "a#UnknownOperationException"}}, status=404),
        UpstreamError,
        502,
        "HTTP 404 from bedrock: check base_url of the provider bedrock",
    ),
    "the kind in the body": (
        document({"__type": "com.amazon#ThrottlingException", "message": "Slow."}, status=400),
        UpstreamRateLimited,
        429,
        "Slow.",
    ),
}


@pytest.mark.parametrize(("answer", "kind", "status", "words"), ERRORS.values(), ids=ERRORS)
async def test_errors(answer: Answer, kind: type[GatewayError], status: int, words: str) -> None:
    async with opened(answer) as (provider, upstream):
        with pytest.raises(kind) as caught:
            await said(provider)
        assert len(upstream.requests) == 1
    assert (type(caught.value), caught.value.status) == (kind, status)
    assert caught.value.message == words
    if isinstance(caught.value, UpstreamError) and status != 404 and "HTTP" not in words:
        assert caught.value.provider == "bedrock"


async def test_a_request_has_the_id_of_the_service() -> None:
    async with opened(error(429, "ThrottlingException", "Slow.")) as (provider, _):
        with pytest.raises(UpstreamRateLimited) as caught:
            await said(provider)
    assert caught.value.request_id == "0f1e2d3c"


async def test_a_region_is_needed_unless_a_key_has_an_address(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    async with opened(HELLO, base_url="http://127.0.0.1:1") as (provider, upstream):
        keyless = provider.with_key("")
        for asked in (
            said(keyless),
            keyless.list_models(),
            keyless.embed(EmbedRequest("m", ("a",))),
        ):
            with pytest.raises(UpstreamDenied, match="set AWS_REGION, or region"):
                await asked
        assert upstream.requests == []
    async with aiohttp.ClientSession() as session:
        context = ProviderContext(
            "bedrock", BedrockOptionsSchema().load({"api_key": "k"}), session, logging.getLogger()
        )
        nowhere = BedrockProvider(context)
        assert nowhere.remote_host == ""
        with pytest.raises(UpstreamDenied, match="has no region"):
            await said(nowhere)


async def test_media_that_have_no_form_are_an_error_before_anything_is_sent() -> None:
    async with opened(HELLO) as (provider, upstream):
        picture = Message(Role.USER, (Media("image/png", url="https://a.example"),))
        with pytest.raises(InvalidRequest):
            async for _ in provider.chat(ChatRequest(NOVA, (picture,))):
                pass
        assert upstream.requests == []


async def test_a_provisioned_model_is_what_the_settings_say() -> None:
    arn = "arn:aws:bedrock:us-east-1:123456789012:provisioned-model/abc"
    async with opened(HELLO, models={arn: {"base": CLAUDE}}) as (provider, upstream):
        await said(provider, arn, think=True)
        (body,) = bodies(upstream)
    assert body["additionalModelRequestFields"]["thinking"]["type"] == "enabled"


async def test_an_application_profile_is_what_its_model_is() -> None:
    arn = "arn:aws:bedrock:eu-central-1:123456789012:application-inference-profile/id1"
    own = profile(
        "x",
        CLAUDE,
        type="APPLICATION",
        inferenceProfileName="team-a",
        inferenceProfileId="id1",
        inferenceProfileArn=arn,
    )
    async with opened(HELLO) as (provider, upstream):
        upstream.answer = lists({"inferenceProfileSummaries": [own]})
        await provider.list_models()
        upstream.answer = lambda _: None
        await said(provider, "team-a", think=True)
        request = upstream.requests[-1]
    assert unquote(request.path) == f"/model/{arn}/converse-stream"
    assert json.loads(request.body)["additionalModelRequestFields"]["thinking"]["type"] == "enabled"
