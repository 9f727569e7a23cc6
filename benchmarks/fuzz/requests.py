"""Send mutated requests to a gateway whose providers answer well."""

import json
import random
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any

from benchmarks.fuzz.exchange import exchange
from benchmarks.fuzz.forms import form, urlencoded
from benchmarks.fuzz.mutations import mutated
from benchmarks.fuzz.subjects import TESTS, Subject, open_subjects, serving
from benchmarks.fuzz.wire import request
from gateway.handlers import ROUTES
from gateway.testing.faults.table import sample_of

__all__ = ["fuzz_requests"]

_SEEDS = TESTS / "benchmarks" / "seeds"
_JSON = "application/json"
_VECTOR = b'"embedding":[0.1,0.2]'
_DOCUMENTS = {
    "/embeddings": b'{"data":[{"index":0,%b},{"index":1,%b}]}' % (_VECTOR, _VECTOR),
    "/api/embed": b'{"embeddings":[[0.1,0.2],[0.3,0.4]]}',
    "/transcriptions": b'{"text":"Hello."}',
}
"""What services answer where it is no chat."""


async def fuzz_requests(numbers: Sequence[int]) -> AsyncGenerator[tuple[int, str], None]:
    """Yield each number with what was wrong about the answer to its request."""
    async with open_subjects() as subjects, serving(subjects) as port:
        for one in subjects:
            one.service.documents.update(_DOCUMENTS)
            one.service.plan([sample_of(one.contract).whole])
        seeds = _seeds("requests"), _seeds("forms")
        for number in numbers:
            chance = random.Random(number)
            method, target, body, kind = _asked(chance, chance.choice(subjects), *seeds)
            sent = request(method, target, body, kind, chance)
            _, problem = await exchange(port, sent, has_body=method != "HEAD")
            yield number, f"{sent.data!r}: {problem}" if problem else ""


def _with(body: bytes, members: Mapping[str, object]) -> bytes:
    """Return *body* with *members*, if it is the JSON of an object."""
    try:
        value = json.loads(body)
    except ValueError:
        return body
    return json.dumps({**value, **members}).encode() if isinstance(value, dict) else body


def _seeds(name: str) -> Sequence[tuple[str, Any]]:
    """Return endpoints, such as ``POST /api/chat``, with bodies for them."""
    seeds = json.loads((_SEEDS / f"{name}.json").read_text("utf-8"))
    return [(endpoint, body) for endpoint, bodies in seeds.items() for body in bodies]


def _asked(
    chance: random.Random,
    subject: Subject,
    bodies: Sequence[tuple[str, Any]],
    forms: Sequence[tuple[str, Any]],
) -> tuple[str, str, bytes, str]:
    """Return method, target, body and content type of a request."""
    kind = chance.random()
    if kind < 0.05:
        route = chance.choice(ROUTES)
        return route.method, route.path.replace("{model}", subject.model), b"", _JSON
    if kind < 0.15:
        endpoint, fields = chance.choice(forms)
        fields = json.loads(json.dumps(fields).replace("MODEL", subject.model))
        content_type, body = form(fields, chance)
        if chance.random() < 0.1:
            endpoint, _ = chance.choice(bodies)
    else:
        endpoint, seed = chance.choice(bodies)
        model = subject.embedder if "embed" in endpoint else subject.model
        seed = json.loads(json.dumps(seed).replace("MODEL", model))
        body = mutated(json.dumps(seed).encode(), chance)
        if chance.random() < 0.5:  # else most of what is changed is behind an unknown model
            body = _with(body, {"model": seed.get("model", model)})
        content_type = _JSON
        if kind < 0.2:
            content_type = "application/x-www-form-urlencoded"  # what curl names any data
            body = urlencoded(seed) if kind < 0.17 else body
    method, target = endpoint.split()
    return method, target, body, content_type
