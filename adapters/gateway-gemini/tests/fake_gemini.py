"""A service on loopback that is as strict as Gemini, and wants its tool again and again."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit

from gateway.testing import Answer, FakeUpstream, Received

KEY = "key-of-gemini"
WORD = "skip_thought_signature_validator"
MODEL = "gemini-3.5-pro"
ROW = {
    "name": f"models/{MODEL}",
    "version": "3.5",
    "displayName": "Gemini 3.5 Pro",
    "description": "A model.",
    "inputTokenLimit": 1_048_576,
    "outputTokenLimit": 65_536,
    "supportedGenerationMethods": ["generateContent", "countTokens"],
    "thinking": True,
}
MEMBERS = {
    "": {"contents", "systemInstruction", "tools", "toolConfig", "generationConfig"},
    "systemInstruction": {"parts"},
    "tools": {"functionDeclarations"},
    "functionDeclarations": {"name", "description", "parametersJsonSchema"},
    "toolConfig": {"functionCallingConfig"},
    "functionCallingConfig": {"mode", "allowedFunctionNames"},
    "generationConfig": {
        *("temperature", "topP", "topK", "maxOutputTokens", "stopSequences", "seed"),
        *("presencePenalty", "frequencyPenalty", "responseLogprobs", "logprobs"),
        *("responseMimeType", "responseJsonSchema", "thinkingConfig"),
    },
    "thinkingConfig": {"includeThoughts", "thinkingLevel", "thinkingBudget"},
    "contents": {"role", "parts"},
    "parts": {
        *("text", "inlineData", "fileData", "functionCall", "functionResponse"),
        *("thoughtSignature",),
    },
    "inlineData": {"mimeType", "data"},
    "fileData": {"mimeType", "fileUri"},
    "functionCall": {"id", "name", "args"},
    "functionResponse": {"id", "name", "response"},
}
OPEN = {"parametersJsonSchema", "responseJsonSchema", "args", "response"}
"""Members that hold any object."""


class Refused(Exception):
    """The service refuses a request, with these words."""


def error(code: int, message: str, status: str, *details: object) -> Answer:
    """Return an error response in Google's form."""
    body = {"error": {"code": code, "message": message, "status": status, "details": [*details]}}
    return document(body, status=code)


def document(body: object, status: int = 200) -> Answer:
    """Return a JSON document."""
    return Answer([json.dumps(body).encode()], status=status, content_type="application/json")


def events(*responses: object) -> bytes:
    """Return server-sent events; nothing marks their end."""
    return b"".join(b"data: " + json.dumps(one).encode() + b"\r\n\r\n" for one in responses)


def response(*parts: object, reason: str = "", **more: object) -> dict[str, Any]:
    """Return one event."""
    candidate: dict[str, Any] = {"content": {"role": "model", "parts": [*parts]}, "index": 0}
    if reason:
        candidate["finishReason"] = reason
    return {"candidates": [candidate], "modelVersion": MODEL, **more}


@dataclass
class FakeGemini:
    """The service, and what it has been sent.

    It calls its tool in *rounds* steps, two times in the second one, and then answers. With *ids*
    its calls have ids. ``signed`` has, for each accepted request, the signature of the first call
    of each turn with calls.
    """

    rounds: int = 3
    ids: bool = True
    url: str = ""
    bodies: list[dict[str, Any]] = field(default_factory=list)
    signed: list[list[str]] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    issued: dict[str, object] = field(default_factory=dict)
    """The parts that were signed, by their signatures."""

    def answer(self, received: Received) -> Answer:
        """Return the response to a request."""
        url = urlsplit(received.path)
        if received.headers.get("x-goog-api-key") != KEY:
            return error(
                400, "API key not valid.", "INVALID_ARGUMENT", {"reason": "API_KEY_INVALID"}
            )
        if url.path.endswith("/models"):
            return document({"models": [ROW]})
        model, _, method = unquote(url.path).rpartition("/")[2].partition(":")
        if (model, method, url.query) != (MODEL, "streamGenerateContent", "alt=sse"):
            return error(404, f"models/{model} is not found for {method}", "NOT_FOUND")
        body = json.loads(received.body)
        try:
            self.check(body)
        except Refused as refused:
            self.refusals.append(str(refused))
            return error(400, str(refused), "INVALID_ARGUMENT")
        self.bodies.append(body)
        return Answer([self.reply(body)])

    def check(self, body: dict[str, Any]) -> None:
        """Raise `Refused` for what the service does not take."""
        check_members(body, "")
        turns = body["contents"]
        roles = [turn["role"] for turn in turns]
        if roles != [("user", "model")[place % 2] for place in range(len(roles))]:
            raise Refused("Please ensure that multiturn requests alternate between user and model")
        for place, turn in enumerate(turns):
            if not turn["parts"]:
                raise Refused("contents.parts must not be empty.")
            check_data(turn["parts"])
            if turn["role"] == "model":
                check_results(turn, turns[place + 1] if place + 1 < len(turns) else None)
        self.signed.append(self.check_signatures(turns))

    def check_signatures(self, turns: Sequence[dict[str, Any]]) -> list[str]:
        """Check those of the turns behind the user's last words, and return those of all."""
        spoken = [
            place
            for place, turn in enumerate(turns)
            if turn["role"] == "user" and any("functionResponse" not in p for p in turn["parts"])
        ]
        found = []
        for place, turn in enumerate(turns):
            calls = [part for part in turn["parts"] if "functionCall" in part]
            for number, part in enumerate(calls):
                signature = part.get("thoughtSignature", "")
                if not number:
                    found.append(signature)
                if place < max(spoken, default=0):
                    continue
                if not signature and not number:
                    raise Refused("Function call is missing a thought_signature.")
                if signature not in ("", WORD) and self.issued.get(signature) != bare(part):
                    raise Refused("Thought signature is not valid.")
        return found

    def reply(self, body: dict[str, Any]) -> bytes:
        """Return the next step."""
        results = [
            part["functionResponse"]["response"]
            for turn in body["contents"]
            for part in turn["parts"]
            if "functionResponse" in part
        ]
        step = sum("functionCall" in turn["parts"][-1] for turn in body["contents"])
        counts = {"promptTokenCount": 10, "candidatesTokenCount": 4, "thoughtsTokenCount": 2}
        name = {"responseId": f"answer-{step}", "usageMetadata": counts}
        thinks = body.get("generationConfig", {}).get("thinkingConfig", {}).get("includeThoughts")
        thought = [{"text": f"Step {step}.", "thought": True}] if thinks else []
        if step < self.rounds:
            calls = [self.call(step, place) for place in range(1 + (step == 1))]
            calls[0]["thoughtSignature"] = self.sign(calls[0])
            first = [response(*thought, **name)] if thought else []
            return events(*first, response(*calls, reason="STOP", **name))
        text = f"The results are {json.dumps(results)}."
        signed = {"text": "", "thoughtSignature": self.sign({"text": text})}
        return events(
            response(*thought, {"text": text[:9]}, **name),
            response({"text": text[9:]}, **name),
            response(signed, reason="STOP", **name),
        )

    def call(self, step: int, place: int) -> dict[str, Any]:
        """Return a call of the tool."""
        function: dict[str, Any] = {"name": "add_one", "args": {"number": 10 * step + place}}
        return {"functionCall": function | ({"id": f"c{step}-{place}"} if self.ids else {})}

    def sign(self, part: dict[str, Any]) -> str:
        """Return a new signature of a part."""
        signature = f"c2lnbmF0dXJl{len(self.issued):04}"
        self.issued[signature] = bare(part)
        return signature


def bare(part: dict[str, Any]) -> object:
    """Return what of a part a signature is bound to."""
    call = part.get("functionCall")
    return part.get("text") if call is None else [call["name"], call["args"]]


def check_members(value: object, place: str) -> None:
    """Refuse members that the API does not have."""
    if isinstance(value, list):
        for one in value:
            check_members(one, place)
    if not isinstance(value, dict):
        return
    for name, inner in value.items():
        if name not in MEMBERS[place]:
            raise Refused(f"Invalid JSON payload received. Unknown name \"{name}\" at '{place}'")
        if name in OPEN:
            if not isinstance(inner, dict):
                raise Refused(f"Invalid value at '{place}.{name}'")
        elif name in MEMBERS or isinstance(inner, dict):
            check_members(inner, name)


def check_data(parts: Sequence[dict[str, Any]]) -> None:
    """Each part has one kind of data, and no text is blank unless it is there to be signed."""
    for part in parts:
        kinds = part.keys() - {"thoughtSignature"}
        if len(kinds) != 1 or (part.get("text") == "" and "thoughtSignature" not in part):
            raise Refused("contents.parts.data: required oneof field 'data' must have one value")


def check_results(turn: dict[str, Any], after: dict[str, Any] | None) -> None:
    """The results of a turn's calls come right behind it, each with the name and id of its call."""
    calls = [part["functionCall"] for part in turn["parts"] if "functionCall" in part]
    behind = [] if after is None else after["parts"]
    results = [part["functionResponse"] for part in behind if "functionResponse" in part]
    names = [[(one["name"], one.get("id")) for one in kind] for kind in (calls, results)]
    if names[0] != names[1]:
        raise Refused(
            "Please ensure that the number of function response parts is equal to the number of "
            "function call parts of the function call turn."
        )


@asynccontextmanager
async def fake_gemini(**kind: Any) -> AsyncIterator[FakeGemini]:
    """Run the service."""
    fake = FakeGemini(**kind)
    async with FakeUpstream() as upstream:
        upstream.answer = fake.answer
        fake.url = upstream.url
        yield fake
