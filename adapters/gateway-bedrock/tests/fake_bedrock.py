"""A service on loopback that is as strict as Bedrock, and wants its tool again and again.

What a body may have is read from AWS's own description of the service, which botocore ships.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import botocore.session
from gateway.testing import Answer, FakeUpstream, Received

import frames

KEY = "key-of-bedrock"
SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
ACCESS = "AKIDEXAMPLE"
REGION = "eu-central-1"
CLAUDE = "anthropic.claude-sonnet-4-5-20250929-v1:0"
NEWEST = "anthropic.claude-opus-4-6-v1"
NOVA = "amazon.nova-2-lite-v1:0"
LLAMA = "meta.llama4-scout-17b-instruct-v1:0"
NO_STREAMED_TOOLS = "This model doesn't support tool use in streaming mode."
STREAM = "application/vnd.amazon.eventstream"
CLAUDE_FIELDS = {"thinking", "output_config", "top_k", "tool_choice", "anthropic_beta"}


class Refused(Exception):
    """The service refuses a request, with these words."""


def error(status: int, kind: str, message: str, **headers: str) -> Answer:
    """Return an error response."""
    named = {"x-amzn-ErrorType": f"{kind}:http://internal.amazon.com/coral/", **headers}
    return document({"message": message}, status=status, headers=named)


def document(body: object, status: int = 200, headers: dict[str, str] | None = None) -> Answer:
    """Return a JSON document."""
    content = [json.dumps(body).encode()]
    head = {"x-amzn-RequestId": "0f1e2d3c", **(headers or {})}
    return Answer(content, status=status, content_type="application/json", headers=head)


def streamed(*parts: bytes) -> Answer:
    """Return a streamed answer."""
    return Answer([b"".join(parts)], content_type=STREAM)


def row(model: str, **more: Any) -> dict[str, Any]:
    """Return a row of the list of foundation models."""
    return {
        "modelArn": f"arn:aws:bedrock:{REGION}::foundation-model/{model}",
        "modelId": model,
        "modelName": "A model",
        "providerName": "Maker",
        "inputModalities": ["TEXT", "IMAGE"],
        "outputModalities": ["TEXT"],
        "responseStreamingSupported": True,
        "customizationsSupported": [],
        "inferenceTypesSupported": ["ON_DEMAND"],
        "modelLifecycle": {"status": "ACTIVE", "startOfLifeTime": "2026-01-02T00:00:00+00:00"},
        **more,
    }


def profile(geography: str, model: str, **more: Any) -> dict[str, Any]:
    """Return a row of the list of inference profiles."""
    identity = f"{geography}.{model}"
    account = f"arn:aws:bedrock:{REGION}:123456789012"
    return {
        "inferenceProfileName": f"{geography.upper()} model",
        "inferenceProfileArn": f"{account}:inference-profile/{identity}",
        "inferenceProfileId": identity,
        "models": [{"modelArn": f"arn:aws:bedrock:eu-west-1::foundation-model/{model}"}],
        "status": "ACTIVE",
        "type": "SYSTEM_DEFINED",
        **more,
    }


ROWS = [
    row(CLAUDE, inferenceTypesSupported=["INFERENCE_PROFILE"]),
    row(NEWEST, inferenceTypesSupported=["INFERENCE_PROFILE"]),
    row(NOVA),
    row(LLAMA),
]
PROFILES = [
    profile(geography, model) for model in (CLAUDE, NEWEST) for geography in ("eu", "global")
]


@cache
def shapes(service: str) -> Any:
    """Return the description of a service."""
    return botocore.session.Session().get_service_model(service)


def check_shape(value: Any, shape: Any, place: str) -> None:
    """Refuse what is not of the form that the service describes."""
    if shape.type_name == "structure":
        check_structure(value, shape, place)
    elif shape.type_name == "list":
        check(isinstance(value, list), f"{place} is no list")
        check(len(value) >= shape.metadata.get("min", 0), f"{place} is too short")
        for number, one in enumerate(value):
            check_shape(one, shape.member, f"{place}.{number}")
    elif shape.type_name == "map":
        check(isinstance(value, dict), f"{place} is no map")
        for name, one in value.items():
            check_shape(name, shape.key, place)
            check_shape(one, shape.value, f"{place}.{name}")
    else:
        check_scalar(value, shape, place)


def check_structure(value: Any, shape: Any, place: str) -> None:
    """A structure has no other members, a union exactly one; a document is any JSON."""
    if getattr(shape, "is_document_type", False):
        return
    check(isinstance(value, dict), f"{place} is no object")
    if unknown := value.keys() - shape.members.keys():
        raise Refused(f"Unknown members at {place}: {sorted(unknown)}")
    if missing := set(shape.required_members) - value.keys():
        raise Refused(f"Missing members at {place}: {sorted(missing)}")
    if getattr(shape, "is_tagged_union", False) and len(value) != 1:
        raise Refused(f"{place} must have exactly one member")
    for name, one in value.items():
        check_shape(one, shape.members[name], f"{place}.{name}")


def check_scalar(value: Any, shape: Any, place: str) -> None:
    """A text matches its pattern and is one of its words, a number is within its range."""
    kinds: dict[str, Any] = {
        "string": str,
        "blob": str,
        "boolean": bool,
        "integer": int,
        "float": (int, float),
    }
    check(isinstance(value, kinds[shape.type_name]), f"{place} has the wrong type")
    facts = shape.metadata
    if shape.type_name == "blob":
        check(len(base64.b64decode(value, validate=True)) >= facts.get("min", 0), f"{place}: empty")
    elif shape.type_name == "string":
        check(facts.get("min", 0) <= len(value) <= facts.get("max", 10**9), f"{place}: length")
        check(value in (facts.get("enum") or [value]), f"{place}: {value} is no such word")
        check(re.fullmatch(facts.get("pattern", "(?s).*"), value), f"{place}: pattern")
    elif shape.type_name != "boolean":
        check(facts.get("min", value) <= value <= facts.get("max", value), f"{place}: range")


def check(is_right: object, words: str) -> None:
    """Refuse what is not right."""
    if not is_right:
        raise Refused(words)


@dataclass
class FakeBedrock:
    """The service, and what it has been sent.

    It calls its tool in *rounds* steps, two times in the second one, and then answers. ``sent`` has
    the models of the accepted requests as their paths have them, ``thoughts`` the number of blocks
    of thinking in each.
    """

    rounds: int = 3
    redacts: bool = False
    url: str = ""
    bodies: list[dict[str, Any]] = field(default_factory=list)
    sent: list[str] = field(default_factory=list)
    thoughts: list[int] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    issued: list[dict[str, Any]] = field(default_factory=list)
    """The blocks of thinking that were made, as they have to come back."""

    def answer(self, received: Received) -> Answer:
        """Return the response to a request."""
        path, _, query = received.path.partition("?")
        if not is_authorized(received):
            return error(403, "UnrecognizedClientException", "The security token is invalid.")
        if path == "/foundation-models":
            return document({"modelSummaries": ROWS})
        if path == "/inference-profiles":
            found = PROFILES if "type=SYSTEM_DEFINED" in query else []
            return document({"inferenceProfileSummaries": found})
        try:
            model, operation = self.check_path(path)
            body = json.loads(received.body)
            shape = shapes("bedrock-runtime").operation_model(
                {"converse": "Converse", "converse-stream": "ConverseStream"}[operation]
            )
            check_shape({"modelId": model, **body}, shape.input_shape, "body")
            self.check(model, body)
            calls = "toolConfig" in body and operation == "converse-stream"
            check(not (calls and "llama" in model), NO_STREAMED_TOOLS)
        except Refused as refused:
            self.refusals.append(str(refused))
            return error(400, "ValidationException", str(refused))
        self.bodies.append(body)
        self.sent.append(model)
        blocks = self.reply(model, body)
        return whole(blocks) if operation == "converse" else streamed(*in_frames(blocks))

    def check_path(self, path: str) -> tuple[str, str]:
        """Return the model and the operation; a model that needs a profile is not asked itself."""
        found = re.fullmatch(r"/model/([^/]+)/(converse|converse-stream)", path)
        check(found, "UnknownOperationException")
        assert found is not None
        model = unquote(found[1])
        check(quote(model, safe="") == found[1], "the path is not encoded")
        by_profile = [one["inferenceProfileId"] for one in PROFILES]
        if model in (CLAUDE, NEWEST):
            raise Refused(
                f"Invocation of model ID {model} with on-demand throughput isn't supported."
            )
        check(model in (NOVA, LLAMA, *by_profile), "The provided model identifier is invalid.")
        return model, found[2]

    def check(self, model: str, body: dict[str, Any]) -> None:
        """Raise `Refused` for what the service does not take."""
        turns = body["messages"]
        roles = [turn["role"] for turn in turns]
        if roles != [("user", "assistant")[place % 2] for place in range(len(roles))]:
            raise Refused("A conversation must alternate between user and assistant roles.")
        for place, turn in enumerate(turns):
            check_turn(turn, place)
            if turn["role"] == "assistant":
                check_results(turn, turns[place + 1] if place + 1 < len(turns) else None)
        tools = [turn for turn in turns if kinds_of(turn) & {"toolUse", "toolResult"}]
        if tools and "toolConfig" not in body:
            raise Refused(
                "The toolConfig field must be defined when using toolUse and toolResult content"
                " blocks."
            )
        self.thoughts.append(self.check_thinking(model, body))

    def check_thinking(self, model: str, body: dict[str, Any]) -> int:
        """Return the number of blocks of thinking, each as it was made."""
        extra = body.get("additionalModelRequestFields", {})
        found = [
            block["reasoningContent"]
            for turn in body["messages"]
            for block in turn["content"]
            if "reasoningContent" in block
        ]
        for one in found:
            check(
                one in self.issued, "messages.1.content.0: Invalid `signature` in `thinking` block"
            )
        if "anthropic" not in model:
            return len(found)
        check(extra.keys() <= CLAUDE_FIELDS, "Extra inputs are not permitted")
        kind = extra.get("thinking", {}).get("type")
        if "tool_choice" in extra:
            check("toolChoice" not in body["toolConfig"], "tool_choice/type conflicts")
        if kind in (None, "disabled"):
            return len(found)
        check(kind == ("adaptive" if "4-6" in model else "enabled"), "thinking.type: not supported")
        config = body.get("inferenceConfig", {})
        check(not config.keys() & {"temperature", "topP"}, "`temperature` may only be set to 1")
        check(
            not {"any", "tool"} & body.get("toolConfig", {}).get("toolChoice", {}).keys(), "forces"
        )
        if kind == "enabled":
            check(config["maxTokens"] > extra["thinking"]["budget_tokens"], "max_tokens")
            last = max(p for p, turn in enumerate(body["messages"]) if is_said(turn))
            for turn in body["messages"][last + 1 :: 2]:
                if "reasoningContent" not in turn["content"][0]:
                    raise Refused(
                        "messages.1.content.0.type: Expected `thinking` or `redacted_thinking`,"
                        " but found `tool_use`."
                    )
        return len(found)

    def reply(self, model: str, body: dict[str, Any]) -> list[dict[str, Any]]:
        """Return the blocks of the next step."""
        turns = body["messages"]
        results = [
            block["toolResult"]["content"][0]["text"]
            for turn in turns
            for block in turn["content"]
            if "toolResult" in block
        ]
        step = sum("toolUse" in kinds_of(turn) for turn in turns)
        extra = body.get("additionalModelRequestFields", {})
        thinks = extra.get("thinking", {}).get("type") in ("enabled", "adaptive")
        thinks = thinks or extra.get("reasoningConfig", {}).get("type") == "enabled"
        blocks = [{"reasoningContent": self.think(step)}] if thinks else []
        if step < self.rounds and "toolConfig" in body:
            return blocks + [self.call(step, place) for place in range(1 + (step == 1))]
        return [*blocks, {"text": f"The results are {json.dumps(results)}."}]

    def think(self, step: int) -> dict[str, Any]:
        """Return a new block of thinking, which has to come back as it is."""
        if self.redacts and step == 1:
            data = base64.b64encode(f"encrypted {step}".encode()).decode()
            made: dict[str, Any] = {"redactedContent": data}
        else:
            signature = f"c2lnbmF0dXJl{len(self.issued):04}"
            made = {"reasoningText": {"text": f"Step {step}.", "signature": signature}}
        self.issued.append(made)
        return made

    def call(self, step: int, place: int) -> dict[str, Any]:
        """Return a call of the tool."""
        identity = f"tooluse_c{step}-{place}"
        return {
            "toolUse": {
                "toolUseId": identity,
                "name": "add_one",
                "input": {"number": 10 * step + place},
            }
        }


def kinds_of(turn: dict[str, Any]) -> set[str]:
    return {kind for block in turn["content"] for kind in block}


def is_said(turn: dict[str, Any]) -> bool:
    """Tell whether the user says anything of their own in a turn."""
    return turn["role"] == "user" and not kinds_of(turn) <= {"toolResult", "cachePoint"}


def check_turn(turn: dict[str, Any], place: int) -> None:
    """A turn says something, no text is blank, and a document has a text beside it."""
    if not turn["content"]:
        raise Refused(f"The content field in the Message object at messages.{place} is empty.")
    kinds = kinds_of(turn)
    texts = [block["text"] for block in turn["content"] if "text" in block]
    check(all(text.strip() for text in texts), f"The text field at messages.{place} is blank.")
    check("document" not in kinds or texts, "A document needs a text block.")
    names = [block["document"]["name"] for block in turn["content"] if "document" in block]
    check(len(names) == len(set(names)), "Duplicate document names.")
    check("reasoningContent" not in kinds or turn["role"] == "assistant", "reasoning of the user")


def check_results(turn: dict[str, Any], after: dict[str, Any] | None) -> None:
    """The results of a turn's calls come right behind it, one for each."""
    calls = [block["toolUse"]["toolUseId"] for block in turn["content"] if "toolUse" in block]
    behind = [] if after is None else after["content"]
    results = [one["toolResult"]["toolUseId"] for one in behind if "toolResult" in one]
    check(len(set(calls)) == len(calls), "The toolUse blocks contain duplicate Ids")
    check(sorted(calls) == sorted(results), "Expected toolResult blocks for the following Ids")


def whole(blocks: Sequence[dict[str, Any]]) -> Answer:
    """Return an answer as one document."""
    calls = any("toolUse" in block for block in blocks)
    return document(
        {
            "output": {"message": {"role": "assistant", "content": [*blocks]}},
            "stopReason": "tool_use" if calls else "end_turn",
            "usage": {"inputTokens": 5, "outputTokens": 2, "totalTokens": 7},
            "metrics": {"latencyMs": 1},
        }
    )


def in_frames(blocks: Sequence[dict[str, Any]]) -> list[bytes]:
    """Return an answer as events; texts and arguments come in pieces."""
    parts = [frames.start()]
    for index, block in enumerate(blocks):
        if "text" in block:
            parts.append(frames.text(index, block["text"][:9], block["text"][9:]))
        elif "toolUse" in block:
            use = block["toolUse"]
            said = json.dumps(use["input"])
            parts.append(frames.call(index, use["name"], use["toolUseId"], "", said[:4], said[4:]))
        elif "reasoningText" in block["reasoningContent"]:
            said = block["reasoningContent"]["reasoningText"]
            parts.append(frames.thinking(index, said["text"], signature=said["signature"]))
        else:
            parts.append(frames.block(index, {"reasoningContent": block["reasoningContent"]}))
    calls = any("toolUse" in block for block in blocks)
    return [*parts, frames.stop("tool_use" if calls else "end_turn")]


def is_authorized(received: Received) -> bool:
    """Check a key, or a signature (AWS Signature Version 4, "signing process")."""
    given = received.headers.get("Authorization", "")
    if given.startswith("Bearer "):
        return given == f"Bearer {KEY}"
    found = re.fullmatch(
        r"AWS4-HMAC-SHA256 Credential=([^,]+), SignedHeaders=([^,]+), Signature=([0-9a-f]{64})",
        given,
    )
    if found is None:
        return False
    scope = found[1].removeprefix(f"{ACCESS}/")
    date, region, service, last = scope.split("/")
    url = urlsplit(received.path)
    signed = found[2].split(";")
    lines = [f"{name}:{' '.join(received.headers[name].split())}" for name in signed]
    request = "\n".join(
        [
            received.method,
            quote(url.path, safe="/~"),  # percent-encoded once more
            "&".join(sorted(url.query.split("&"))),
            *lines,
            "",
            found[2],
            hashlib.sha256(received.body).hexdigest(),
        ]
    )
    digest = hashlib.sha256(request.encode()).hexdigest()
    text = "\n".join(["AWS4-HMAC-SHA256", received.headers["X-Amz-Date"], scope, digest])
    key = f"AWS4{SECRET}".encode()
    for word in (date, region, service, last):
        key = hmac.digest(key, word.encode(), "sha256")
    right = hmac.new(key, text.encode(), "sha256").hexdigest()
    return (
        (region, service, last) == (REGION, "bedrock", "aws4_request")
        and {"host", "x-amz-date"} <= set(signed)
        and hmac.compare_digest(right, found[3])
    )


@asynccontextmanager
async def fake_bedrock(**kind: Any) -> AsyncIterator[FakeBedrock]:
    """Run the service."""
    fake = FakeBedrock(**kind)
    async with FakeUpstream() as upstream:
        upstream.answer = fake.answer
        fake.url = upstream.url
        yield fake
