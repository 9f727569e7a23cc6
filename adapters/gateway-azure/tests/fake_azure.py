"""A resource on loopback that is as strict as Azure, and wants its tool again and again."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from gateway.testing import Answer, FakeUpstream, Received

KEY = "key-of-azure"
TOKEN = "token-of-entra"
GPT, REASONER, DEEPSEEK = "my-gpt", "my-reasoner", "my-deepseek"
BASES = {GPT: "gpt-4o", REASONER: "gpt-5-mini", DEEPSEEK: "DeepSeek-V4-Pro"}
VERSION = "2024-10-21"
CHAT = {
    *("model", "messages", "stream", "stream_options", "tools", "tool_choice"),
    *("parallel_tool_calls", "temperature", "top_p", "max_tokens", "max_completion_tokens"),
    *("stop", "seed", "presence_penalty", "frequency_penalty", "response_format"),
    *("reasoning_effort", "user", "metadata", "store", "logprobs", "top_logprobs"),
}
"""Members of a chat; any other is refused."""
FIXED = {"temperature", "top_p", "presence_penalty", "frequency_penalty", "max_tokens"}
"""What models that reason refuse."""


class Refused(Exception):
    """The service refuses a request, with this error."""

    def __init__(self, message: str, **more: Any) -> None:
        super().__init__(message)
        self.fields = {"message": message, "type": "invalid_request_error", **more}


def document(body: object, status: int = 200, **headers: str) -> Answer:
    """Return a JSON document."""
    content = [json.dumps(body).encode()]
    return Answer(content, status=status, content_type="application/json", headers=headers)


def error(status: int, code: str, message: str, *, inner: object = None, **headers: str) -> Answer:
    """Return an error response."""
    fields: dict[str, Any] = {"code": code, "message": message}
    if inner is not None:
        fields |= {"param": "prompt", "type": None, "status": status, "innererror": inner}
    return document({"error": fields}, status=status, **headers)


def filtered(**results: object) -> Answer:
    """Return the error for a prompt that was filtered."""
    inner = {"code": "ResponsibleAIPolicyViolation", "content_filter_result": results}
    return error(400, "content_filter", "The response was filtered.", inner=inner)


def events(*chunks: object) -> bytes:
    """Return server-sent events, with the mark of their end."""
    lines = [json.dumps(one).encode() for one in chunks] + [b"[DONE]"]
    return b"".join(b"data: " + line + b"\n\n" for line in lines)


def chunk(delta: dict[str, Any] | None = None, reason: str | None = None, **more: Any) -> object:
    """Return one chunk; filters are told of beside the choice, and some have no delta."""
    choice: dict[str, Any] = {"index": 0, "finish_reason": reason, "content_filter_results": {}}
    if delta is not None:
        choice["delta"] = delta
    return {"id": "chatcmpl-1", "object": "chat.completion.chunk", "choices": [choice], **more}


FIRST = {
    "id": "",
    "object": "",
    "choices": [],
    "prompt_filter_results": [{"prompt_index": 0, "content_filter_results": {}}],
}
"""What comes before an answer: the filter has let the prompt pass."""


def counts(**usage: Any) -> object:
    """Return the chunk with the token counts, which has no choices."""
    usage = {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7, **usage}
    return {"id": "chatcmpl-1", "choices": [], "usage": usage}


def deployment(name: str, model: str, **more: Any) -> dict[str, Any]:
    """Return a row of the list of deployments."""
    lengths = {"maxContextToken": "128000", "maxOutputToken": "16384"}
    abilities = more.pop("abilities", {"chatCompletion": "true", **lengths})
    return {
        "id": f"/subscriptions/s/resourceGroups/g/accounts/a/deployments/{name}",
        "type": "Microsoft.CognitiveServices/accounts/deployments",
        "name": name,
        "sku": {"name": "GlobalStandard", "capacity": 10},
        "properties": {
            "model": {"format": "OpenAI", "name": model, "version": "1"},
            "capabilities": abilities,
            "provisioningState": "Succeeded",
            **more,
        },
    }


@dataclass
class FakeAzure:
    """The resource, and what it has been sent.

    It calls its tool in *rounds* steps, two times in the second one, and then answers. With *dated*
    it has the older API alone. ``authorized`` are the values of the headers that did.
    """

    rounds: int = 3
    dated: bool = False
    url: str = ""
    bodies: list[dict[str, Any]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    authorized: list[str] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)

    def answer(self, received: Received) -> Answer:
        """Return the response to a request."""
        url = urlsplit(received.path)
        given = received.headers.get("api-key") or received.headers.get("Authorization", "")
        if given not in (KEY, f"Bearer {TOKEN}"):
            return error(401, "401", "Access denied due to invalid subscription key.")
        self.authorized.append(given)
        body = json.loads(received.body)
        name = self.deployment_of(url.path, dict(parse_qsl(url.query)), body)
        if name is None:
            return error(404, "404", "Resource not found")
        if name not in BASES:
            return error(404, "DeploymentNotFound", f"The API deployment {name} does not exist.")
        try:
            self.check(name, body)
        except Refused as refused:
            self.refusals.append(str(refused))
            return document({"error": refused.fields}, status=400)
        self.bodies.append(body)
        self.asked.append(name)
        return Answer([self.reply(name, body)])

    def deployment_of(self, path: str, query: dict[str, str], body: dict[str, Any]) -> str | None:
        """Return the deployment that is asked, None for another address."""
        if not self.dated:
            is_right = path == "/openai/v1/chat/completions" and not query
            return body["model"] if is_right else None
        found = re.fullmatch(r"/openai/deployments/([^/]+)/chat/completions", path)
        is_right = found is not None and query == {"api-version": VERSION}
        return unquote(found[1]) if found is not None and is_right else None

    def check(self, name: str, body: dict[str, Any]) -> None:
        """Raise `Refused` for what the service does not take."""
        for member in sorted(body.keys() - CHAT):
            raise Refused(f"Unrecognized request argument supplied: {member}", param=None)
        if name == REASONER:
            for member in sorted(FIXED & body.keys()):
                words = f"Unsupported parameter: '{member}' is not supported with this model."
                other = " Use 'max_completion_tokens' instead." if member == "max_tokens" else ""
                raise Refused(words + other, param=member, code="unsupported_parameter")
        elif "reasoning_effort" in body and name == GPT:
            words = "Unrecognized request argument supplied: reasoning_effort"
            raise Refused(words, param=None)
        waiting: list[str] = []
        for message in body["messages"]:
            if message["role"] == "tool":
                if message["tool_call_id"] not in waiting:
                    raise Refused("messages with role 'tool' must follow 'tool_calls'")
                waiting.remove(message["tool_call_id"])
            elif waiting:
                raise Refused("An assistant message with 'tool_calls' must be followed by results")
            waiting += [call["id"] for call in message.get("tool_calls", ())]
            if "reasoning_content" in message and name != DEEPSEEK:
                raise Refused("Unrecognized request argument supplied: reasoning_content")
            calls = name == DEEPSEEK and message.get("tool_calls")
            if calls and "reasoning_content" not in message:
                raise Refused("The reasoning_content must be passed back to the API.")

    def reply(self, name: str, body: dict[str, Any]) -> bytes:
        """Return the next step."""
        results = [one["content"] for one in body["messages"] if one["role"] == "tool"]
        step = sum(bool(one.get("tool_calls")) for one in body["messages"])
        thoughts = [chunk({"reasoning_content": f"Step {step}."})] if name == DEEPSEEK else []
        if step < self.rounds:
            calls = [self.call(step, place) for place in range(1 + (step == 1))]
            return events(
                FIRST,
                chunk({"role": "assistant", "content": None}),
                *thoughts,
                *(chunk({"tool_calls": [call]}) for call in calls),
                chunk({}, "tool_calls"),
                counts(),
            )
        text = f"The results are {json.dumps(results)}."
        return events(
            FIRST,
            *thoughts,
            chunk({"content": text[:9]}),
            chunk(),
            chunk({"content": text[9:]}),
            chunk({}, "stop"),
            counts(),
        )

    def call(self, step: int, place: int) -> dict[str, Any]:
        """Return a call of the tool."""
        arguments = json.dumps({"number": 10 * step + place})
        function = {"name": "add_one", "arguments": arguments}
        return {
            "index": place,
            "id": f"call_{step}-{place}",
            "type": "function",
            "function": function,
        }


@asynccontextmanager
async def fake_azure(**kind: Any) -> AsyncIterator[FakeAzure]:
    """Run the resource."""
    fake = FakeAzure(**kind)
    async with FakeUpstream() as upstream:
        upstream.answer = fake.answer
        fake.url = upstream.url
        yield fake
