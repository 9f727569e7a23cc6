"""What a model cannot do is refused in Ollama's words and order; ids name the wire rules."""

from __future__ import annotations

from functools import reduce

import pytest

from gateway.core.chat import (
    ChatRequest,
    FillRequest,
    JsonFormat,
    Media,
    Message,
    Role,
    Sampling,
    Think,
    Tool,
)
from gateway.core.embeddings import EmbedRequest
from gateway.core.errors import InvalidRequest
from gateway.core.model_info import Capability, ModelInfo
from gateway.dialects.ollama.bodies import ChatBody, EmbedBody, EmbeddingsBody, GenerateBody
from gateway.dialects.ollama.checks import (
    chat_request,
    check_chat,
    check_embed,
    check_generate,
    embed_inputs,
    embed_request,
    generate_request,
    load_request,
)

FULL = "registry.ollama.ai/library/x:latest"
HELLO = (Message(Role.USER, "hi"),)
PNG = Media("image/png", "iVBORw0KGgo=")
WAV = Media("audio/wav", "UklGRg==")
PDF = Media("application/pdf", "JVBERg==")
UNKNOWN = Media("", "Qk0=")
UNKNOWN_TEXT = (
    "unsupported media: images may be png, jpeg, gif or webp, audio wav or mp3, documents pdf"
)
BAD_OPTIONS = {"stop": {}}


def model(*capabilities: str) -> ModelInfo:
    return ModelInfo("x-id", frozenset(Capability(name) for name in capabilities))


def seen(*media: Media, role: Role = Role.USER) -> tuple[Message, ...]:
    return (Message(role, ("look", *media)),)


@pytest.mark.parametrize(
    ("call", "info"),
    [
        pytest.param(ChatBody("m", HELLO), model("completion"), id="5.2-plain"),
        pytest.param(ChatBody("m", HELLO, think=False), model("completion"), id="3.7-think-false"),
        pytest.param(
            ChatBody("m", HELLO, think="low"), model("completion", "thinking"), id="3.7-level"
        ),
        pytest.param(
            ChatBody("m", HELLO, tools=(Tool("f"),)), model("completion", "tools"), id="5.2-tools"
        ),
        pytest.param(ChatBody("m", seen(PNG)), model("completion", "vision"), id="3.4-image"),
        pytest.param(ChatBody("m", seen(WAV)), model("completion", "audio"), id="3.4-audio"),
        pytest.param(ChatBody("m", seen(PDF)), model("completion"), id="3.4-document"),
        pytest.param(
            ChatBody("m", seen(PNG, role=Role.ASSISTANT)), model("completion"), id="3.4-unseen"
        ),
    ],
)
def test_a_chat_that_the_model_can_serve_is_admitted(call: ChatBody, info: ModelInfo) -> None:
    check_chat(call, info, FULL)


@pytest.mark.parametrize(
    ("call", "info", "status", "text"),
    [
        pytest.param(
            ChatBody(" M ", think=True),
            model(),
            400,
            '" M " does not support thinking',
            id="5.2-9-think-first",
        ),
        pytest.param(
            ChatBody("m", think="max"),
            model("completion"),
            400,
            '"m" does not support thinking',
            id="3.7-level",
        ),
        pytest.param(
            ChatBody("m", HELLO, tools=(Tool("f"),)),
            model("embedding"),
            400,
            '"m" does not support chat',
            id="5.2-10-completion-before-tools",
        ),
        pytest.param(
            ChatBody("m", HELLO, tools=(Tool("f"),), options=BAD_OPTIONS),
            model("completion"),
            400,
            f"{FULL} does not support tools",
            id="5.2-10-tools-before-options",
        ),
        pytest.param(
            ChatBody("m", seen(WAV, PNG, PNG), tools=(Tool("f"),)),
            model("completion"),
            400,
            f"{FULL} does not support tools\nvision\naudio",
            id="5.2-10-all-that-is-missing",
        ),
        pytest.param(
            ChatBody("m", seen(PNG, role=Role.TOOL)),
            model("completion"),
            400,
            f"{FULL} does not support vision",
            id="3.4-image-on-a-tool-result",
        ),
        pytest.param(
            ChatBody("m", seen(UNKNOWN)),
            model("completion"),
            400,
            f"{FULL} does not support vision",
            id="3.4-unknown-counts-as-an-image",
        ),
        pytest.param(
            ChatBody("m", seen(UNKNOWN), options=BAD_OPTIONS),
            model("completion", "vision"),
            500,
            'option "stop" must be of type array',
            id="5.2-11-options",
        ),
        pytest.param(
            ChatBody("m", seen(UNKNOWN)),
            model("completion", "vision"),
            400,
            UNKNOWN_TEXT,
            id="3.4-unknown-media",
        ),
    ],
)
def test_a_chat_that_the_model_cannot_serve_is_refused(
    call: ChatBody, info: ModelInfo, status: int, text: str
) -> None:
    with pytest.raises(InvalidRequest) as caught:
        check_chat(call, info, FULL)
    assert (caught.value.status, caught.value.message) == (status, text)


@pytest.mark.parametrize(
    ("call", "info"),
    [
        pytest.param(GenerateBody("m", "p"), model("completion"), id="4.2-plain"),
        pytest.param(GenerateBody("m", "p", raw=True), model("completion"), id="4.2-raw"),
        pytest.param(
            GenerateBody("m", "p", "s", media=(PNG,)),
            model("completion", "insert"),
            id="4.2-images-have-no-part-in-a-fill",
        ),
        pytest.param(
            GenerateBody("m", "p", media=(PNG,), context=(1,), template="t", system="s"),
            model("completion", "vision"),
            id="4.2-everything-but-raw",
        ),
    ],
)
def test_a_prompt_that_the_model_can_serve_is_admitted(call: GenerateBody, info: ModelInfo) -> None:
    check_generate(call, info, FULL)


RAW = "raw mode does not support template, system, or context"


@pytest.mark.parametrize(
    ("call", "info", "status", "text"),
    [
        pytest.param(
            GenerateBody("m", raw=True, template="t", think=True), model(), 400, RAW, id="4.2-10"
        ),
        pytest.param(
            GenerateBody("m", raw=True, system="s"), model(), 400, RAW, id="4.2-10-system"
        ),
        pytest.param(
            GenerateBody("m", raw=True, context=(1,)), model(), 400, RAW, id="4.2-10-context"
        ),
        pytest.param(
            GenerateBody("m", think=True),
            model(),
            400,
            '"m" does not support thinking',
            id="4.2-11",
        ),
        pytest.param(
            GenerateBody("m", suffix="s"),
            model("embedding"),
            400,
            '"m" does not support generate',
            id="4.2-12",
        ),
        pytest.param(
            GenerateBody("m", suffix="s", options=BAD_OPTIONS),
            model("completion"),
            400,
            f"{FULL} does not support insert",
            id="4.2-12-insert",
        ),
        pytest.param(
            GenerateBody("m", media=(WAV,)),
            model("completion"),
            400,
            f"{FULL} does not support audio",
            id="3.4-audio",
        ),
        pytest.param(
            GenerateBody("m", options=BAD_OPTIONS, media=(UNKNOWN,)),
            model("completion", "vision"),
            500,
            'option "stop" must be of type array',
            id="4.2-13",
        ),
        pytest.param(
            GenerateBody("m", media=(PNG, UNKNOWN)),
            model("completion", "vision"),
            400,
            UNKNOWN_TEXT,
            id="3.4-unknown-media",
        ),
    ],
)
def test_a_prompt_that_the_model_cannot_serve_is_refused(
    call: GenerateBody, info: ModelInfo, status: int, text: str
) -> None:
    with pytest.raises(InvalidRequest) as caught:
        check_generate(call, info, FULL)
    assert (caught.value.status, caught.value.message) == (status, text)


def test_embedding_needs_a_model_that_can() -> None:
    with pytest.raises(InvalidRequest) as caught:
        check_embed(EmbeddingsBody("m", options=BAD_OPTIONS), model("completion"))
    assert (caught.value.status, caught.value.message) == (
        400,
        '"m" does not support embeddings',
    )


def test_an_ollama_server_embeds_with_any_model() -> None:
    theirs = ModelInfo("x", frozenset({Capability.COMPLETION}), native={"ollama": {"details": {}}})
    check_embed(EmbedBody("m"), theirs)
    with pytest.raises(InvalidRequest, match='option "stop" must be of type array'):
        check_embed(EmbedBody("m", options=BAD_OPTIONS), theirs)


def test_options_of_an_embedding_have_types_too() -> None:
    check_embed(EmbedBody("m", options={"num_ctx": 1}), model("embedding"))
    with pytest.raises(InvalidRequest) as caught:
        check_embed(EmbedBody("m", options={"num_ctx": "1"}), model("embedding"))
    assert (caught.value.status, caught.value.message) == (
        500,
        'option "num_ctx" must be of type integer',
    )


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        pytest.param(EmbedBody(input=None), (), id="6.1-absent"),
        pytest.param(EmbedBody(input=""), (), id="6.1-empty-text"),
        pytest.param(EmbedBody(input=[]), (), id="6.1-empty-list"),
        pytest.param(EmbedBody(input="a"), ("a",), id="6.1-text"),
        pytest.param(EmbedBody(input=[""]), ("",), id="6.1-list-of-one-empty-text"),
        pytest.param(EmbedBody(input=["b", "a"]), ("b", "a"), id="6.1-list"),
        pytest.param(EmbeddingsBody(prompt=""), (), id="6.2-empty-prompt"),
        pytest.param(EmbeddingsBody(prompt="p"), ("p",), id="6.2-prompt"),
    ],
)
def test_inputs_of_an_embedding(
    call: EmbedBody | EmbeddingsBody, expected: tuple[str, ...]
) -> None:
    assert embed_inputs(call) == expected


@pytest.mark.parametrize("value", [7, True, {}, ["a", 7], [None], [["a"]]], ids="6.1-{}".format)
def test_inputs_of_another_type_are_refused(value: object) -> None:
    with pytest.raises(InvalidRequest) as caught:
        embed_inputs(EmbedBody(input=value))
    assert (caught.value.status, caught.value.message) == (400, "invalid input type")


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (EmbedBody("m", "a"), EmbedRequest("x-id", ("a",))),
        (
            EmbedBody("m", ["a", "b"], truncate=False, dimensions=256),
            EmbedRequest("x-id", ("a", "b"), dimensions=256, truncate=False),
        ),
        (EmbedBody("m", "a", dimensions=-1), EmbedRequest("x-id", ("a",))),
        (
            EmbedBody("m", None, passthrough={"keep_alive": "5m"}),
            EmbedRequest("x-id", (), native={"ollama": {"keep_alive": "5m"}}),
        ),
        (
            EmbeddingsBody("m", "p", passthrough={"keep_alive": "5m"}),
            EmbedRequest("x-id", ("p",), native={"ollama": {"keep_alive": "5m", "prompt": "p"}}),
        ),
    ],
)
def test_what_is_asked_of_an_embedding_model(
    call: EmbedBody | EmbeddingsBody, expected: EmbedRequest
) -> None:
    assert embed_request(call, "x-id") == expected


def test_what_is_asked_in_a_chat() -> None:
    call = ChatBody(
        "m",
        HELLO,
        (Tool("f"),),
        format={"type": "object"},
        options={"temperature": 0, "num_ctx": 1, "safe_prompt": True},
        think="high",
        keep_alive=0,
    )
    assert chat_request(call, "x-id") == ChatRequest(
        "x-id",
        HELLO,
        (Tool("f"),),
        sampling=Sampling(temperature=0.0),
        think="high",
        response_format=JsonFormat({"type": "object"}),
        extra={"num_ctx": 1, "safe_prompt": True},
    )


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (ChatBody(), None),
        (ChatBody(top_logprobs=3), None),
        (ChatBody(logprobs=True), 0),
        (ChatBody(logprobs=True, top_logprobs=3), 3),
    ],
)
def test_probabilities_are_asked_for_by_the_number_of_alternatives(
    call: ChatBody, expected: int | None
) -> None:
    assert chat_request(call, "x-id").logprobs == expected


@pytest.mark.parametrize(
    ("call", "native"),
    [
        (ChatBody("m", format="yaml", options={"seed": 1, "y": 2}), {}),
        (
            ChatBody("m", options={"seed": 1, "y": 2}, passthrough={"keep_alive": "5m"}),
            {"ollama": {"keep_alive": "5m"}},
        ),
        (
            GenerateBody("m", suffix="s", options={"seed": 1, "y": 2}),
            {"ollama": {"prompt": ""}},
        ),
    ],
)
def test_what_is_told_of_a_model_that_is_only_loaded(
    call: ChatBody | GenerateBody, native: dict[str, dict[str, object]]
) -> None:
    assert load_request(call, "x-id") == ChatRequest(
        "x-id", (), sampling=Sampling(seed=1), extra={"y": 2}, native=native
    )


@pytest.mark.parametrize("think", [None, False, True])
def test_whether_to_think_is_left_to_the_provider_when_nobody_said(think: Think | None) -> None:
    assert chat_request(ChatBody(think=think), "x-id").think is think


PROMPT = Message(Role.USER, "p")
PROMPTED = {"ollama": {"prompt": "p"}}


@pytest.mark.parametrize(
    ("call", "info", "expected"),
    [
        pytest.param(
            GenerateBody("m", "p", template="t", context=(1,)),
            model("completion"),
            ChatRequest("x-id", (PROMPT,), native=PROMPTED),
            id="4.3-one-turn",
        ),
        pytest.param(
            GenerateBody("m", "p", system="s", media=(PNG,), format="json", think=False),
            model("completion"),
            ChatRequest(
                "x-id",
                (Message(Role.SYSTEM, "s"), Message(Role.USER, ("p", PNG))),
                think=False,
                response_format=JsonFormat(),
                native=PROMPTED,
            ),
            id="4.3-system-and-images",
        ),
        pytest.param(
            GenerateBody("m", "p", "s", system="x", format="yaml", options={"seed": 1, "y": 2}),
            model("completion", "insert"),
            FillRequest("x-id", "p", "s", Sampling(seed=1), {"y": 2}, PROMPTED),
            id="4.3-suffix",
        ),
        pytest.param(
            GenerateBody("m", "p", raw=True, passthrough={"raw": True}),
            model("completion", "insert"),
            FillRequest("x-id", "p", native={"ollama": {"raw": True, "prompt": "p"}}),
            id="4.3-raw-where-the-model-can-insert",
        ),
        pytest.param(
            GenerateBody("m", "p", raw=True),
            model("completion"),
            ChatRequest("x-id", (PROMPT,), native=PROMPTED),
            id="4.3-raw-elsewhere",
        ),
    ],
)
def test_what_is_asked_for_a_prompt(
    call: GenerateBody, info: ModelInfo, expected: ChatRequest | FillRequest
) -> None:
    assert generate_request(call, "x-id", info=info) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param(None, None, id="3.5-absent"),
        pytest.param("", None, id="3.5-empty"),
        pytest.param("json", JsonFormat(), id="3.5-json"),
        pytest.param({}, JsonFormat(), id="3.5-empty-schema"),
        pytest.param({"x": 1}, JsonFormat({"x": 1}), id="3.5-schema"),
    ],
)
def test_the_format_of_an_answer(value: object, expected: JsonFormat | None) -> None:
    assert chat_request(ChatBody(format=value), "x-id").response_format == expected


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        pytest.param("yaml", r'"\"yaml\""', id="3.5-other-text"),
        pytest.param(7, '"7"', id="3.5-number"),
        pytest.param(True, '"true"', id="3.5-bool"),
        pytest.param([], '"[]"', id="3.5-empty-list"),
        pytest.param(["json"], r'"[\"json\"]"', id="3.5-list"),
        pytest.param([0] * 1000, f'"[{"0," * 499}…"', id="3.5-long-list"),
        pytest.param(reduce(lambda inner, _: [inner], range(600), []), '"[…]"', id="3.5-deep"),
    ],
)
def test_any_other_format_is_a_server_error(value: object, shown: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        chat_request(ChatBody(format=value), "x-id")
    assert (caught.value.status, caught.value.message) == (
        500,
        f'invalid format: {shown}; expected "json" or a valid JSON Schema object',
    )
