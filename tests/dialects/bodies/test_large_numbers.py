"""Numbers that no float holds: ignored where nobody reads them, passed on where they are kept."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from gateway.core import codec
from gateway.core.chat import ChatRequest, Message, Role
from gateway.core.codec import LargeNumber
from gateway.core.errors import InvalidRequest
from gateway.core.events import ToolCall
from gateway.dialects.anthropic.schemas import load_messages
from gateway.dialects.ollama.manage import load_create
from gateway.dialects.ollama.schemas import load_chat, load_embed, load_generate, load_show
from gateway.dialects.openai.schemas import load_chat as load_openai_chat
from gateway.dialects.openai.schemas import load_completion, load_embedding, load_response
from gateway.providers.keepsakes import Keepsakes, Owner
from gateway.providers.upstream.payload import json_payload, long_text
from gateway.replay.recordings import readable

Load = Callable[[bytes], object]
LARGE = pytest.mark.parametrize(
    "number", ["1e400", "-1e400", "9" * 5000, "0.5E+309"], ids=lambda number: number[:9]
)
MESSAGES = '"messages":[{"role":"user","content":"x","odd":1e400}]'
LOADERS: dict[str, tuple[Load, str]] = {
    "ollama-chat": (load_chat, MESSAGES),
    "ollama-generate": (load_generate, '"prompt":"x"'),
    "ollama-embed": (load_embed, '"input":"x"'),
    "ollama-show": (load_show, '"name":"m"'),
    "ollama-create": (load_create, '"from":"m"'),
    "openai-chat": (load_openai_chat, MESSAGES),
    "openai-completion": (load_completion, '"prompt":"x"'),
    "openai-embedding": (load_embedding, '"input":"x"'),
    "openai-response": (load_response, '"input":[{"role":"user","content":"x","odd":1e400}]'),
    "anthropic": (load_messages, f'"max_tokens":9,"metadata":{{"odd":1e400}},{MESSAGES}'),
}


@LARGE
@pytest.mark.parametrize("name", LOADERS)
def test_a_large_number_that_nobody_reads_is_ignored(name: str, number: str) -> None:
    load, fields = LOADERS[name]
    load(f'{{"model":"m","nobody":[{{"reads":{number}}}],{fields}}}'.encode())


@LARGE
@pytest.mark.parametrize(
    ("load", "body"),
    [
        (load_openai_chat, '"messages":[{"role":"user","content":"x"}],"temperature":'),
        (load_completion, '"prompt":"x","top_p":'),
        (load_response, '"input":"x","max_output_tokens":'),
        (load_messages, '"messages":[{"role":"user","content":"x"}],"max_tokens":'),
    ],
)
def test_a_large_number_is_refused_where_a_number_is_read(
    load: Load, body: str, number: str
) -> None:
    with pytest.raises(InvalidRequest) as caught:
        load(f'{{"model":"m",{body}{number}}}'.encode())
    assert caught.value.message.startswith(f"json: cannot unmarshal number {number[:40]} into Go")


@LARGE
def test_a_large_number_in_a_schema_or_in_arguments_becomes_the_largest_there_is(
    number: str,
) -> None:
    def written(value: str) -> tuple[str, str]:
        schema = f'{{"type":"object","properties":{{"n":{{"type":"number","maximum":{value}}}}}}}'
        return schema, f'{{"n":{value}}}'

    schema, arguments = written(number)
    call = f'{{"function":{{"name":"f","arguments":{arguments}}}}}'
    tool = f'{{"type":"function","function":{{"name":"f","parameters":{schema}}}}}'
    messages = f'[{{"role":"assistant","tool_calls":[{call}]}}]'
    body = load_chat(f'{{"model":"m","messages":{messages},"tools":[{tool}]}}'.encode())
    kept = body.tools[0].parameters, body.messages[0].tool_calls[0].arguments
    sign = "-" if number.startswith("-") else ""
    largest = written(f"{sign}1.7976931348623157e308")
    assert tuple(codec.encode(value).decode() for value in kept) == largest


def test_a_large_number_beside_a_picture_is_sent() -> None:
    body = {"n": LargeNumber("-1e400"), "image": long_text("data:", "A" * 100_000)}
    sent = json_payload(body)
    assert not isinstance(sent, bytes)
    assert b"".join(sent).startswith(b'{"n":-1.7976931348623157e308,')


def test_a_history_with_a_large_number_finds_its_keepsakes() -> None:
    keepsakes, owner = Keepsakes(), Owner("", "p", "m")
    keepsake = {"openai": {"x": 1}}
    call = ToolCall("f", {"n": LargeNumber("1e400")})
    keepsakes.keep(owner, [call], keepsake)
    (found,) = keepsakes.recall(owner, (Message(Role.ASSISTANT, tool_calls=(call,)),))
    assert found.keepsake == keepsake


def test_a_large_number_can_be_recorded() -> None:
    call = ToolCall("f", {"n": LargeNumber("1e400")})
    request = ChatRequest("m", (Message(Role.ASSISTANT, tool_calls=(call,)),))
    told = readable(request)["messages"][0]["tool_calls"][0]["arguments"]
    assert told == {"n": 1.7976931348623157e308}


def test_what_cannot_be_encoded_is_named() -> None:
    with pytest.raises(TypeError, match="object"):
        codec.encode({"a": object()})
