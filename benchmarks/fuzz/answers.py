"""Give a gateway mutated answers of its services, and ask it in each dialect."""

import asyncio
import json
import random
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Final

from benchmarks.fuzz.exchange import exchange
from benchmarks.fuzz.mutations import mutated
from benchmarks.fuzz.subjects import Subject, open_subjects, serving
from benchmarks.fuzz.wire import Sent, response
from gateway.core.errors import GatewayError
from gateway.testing.faults.dialects import DIALECTS
from gateway.testing.faults.table import sample_of

__all__ = ["fuzz_answers"]

_LONGEST: Final = 5.0
_JSON: Final = "application/json"
_EVERY: Final = 5
"""After so many answers a good one must reach the client whole."""

_ERROR: Final = (
    b'{"error":{"message":"no","type":"a","code":"b","param":null},"detail":[{"msg":"m"}]}'
)
_STATUSES: Final = ("400 A", "401 A", "404 A", "413 A", "422 A", "429 A", "500 A", "503 A", "529 A")
_EMBEDDINGS: Final = (
    b'{"data":[{"index":0,"embedding":[0.1,0.2]}],"usage":{"prompt_tokens":2,"total_tokens":2}}',
    b'{"data":[{"index":0,"embedding":"AACAPwAAAEA="}]}',
    b'{"embeddings":[[0.1,0.2]],"prompt_eval_count":2}',
)
_TRANSCRIPTS: Final = (
    b'{"text":"Hello.","usage":{"prompt_tokens":2,"completion_tokens":3}}',
    b'{"text":"Hello.","usage":{"type":"duration","seconds":3},"segments":[],"language":"en"}',
)
_FORM: Final = (
    b'--x\r\nContent-Disposition: form-data; name="model"\r\n\r\n%b\r\n'
    b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\nRIFF\r\n--x--\r\n'
)


async def fuzz_answers(numbers: Sequence[int]) -> AsyncGenerator[tuple[int, str], None]:
    """Yield each number with what was wrong about what the client got of its answer."""
    # A list is read from other services than those of the gateway, which would lose its models.
    async with open_subjects() as subjects, open_subjects() as listers, serving(subjects) as port:
        for number in numbers:
            chance = random.Random(number)
            at = chance.randrange(len(subjects))
            subject = subjects[at]
            kind = chance.random()
            if kind < 0.15:
                problem = await _listed(listers[at], chance)
            elif kind < 0.3:
                problem = await _documented(port, subject, chance)
            else:
                problem = await _chatted(port, subject, chance)
            if not problem and number % _EVERY == 0:
                problem = await _good(port, subject, chance)
            yield number, f"{subject.name}: {problem}" if problem else ""


async def _chatted(port: int, subject: Subject, chance: random.Random) -> str:
    if chance.random() < 0.2:
        steps = response(mutated(_ERROR, chance), _JSON, chance.choice(_STATUSES), chance)
    else:
        seed = chance.choice(subject.answers)
        body = mutated(seed, chance) if chance.random() < 0.8 else seed
        kind = chance.choice((*(subject.contract.content_type,) * 4, _JSON))
        steps = response(body, kind, "200 OK", chance)
    subject.service.plan(steps)
    path, members = _chat(subject, chance)
    return await _asked(port, _posted(path, json.dumps(members).encode()))


def _chat(subject: Subject, chance: random.Random) -> tuple[str, Mapping[str, object]]:
    is_streamed = chance.random() < 0.7
    dialect = DIALECTS[chance.choice(list(DIALECTS))]
    if chance.random() < 0.1:
        return "/api/generate", {
            "model": subject.model,
            "prompt": "Say hello.",
            "stream": is_streamed,
            "options": {"stop": ["e", "rld"]},
        }
    return dialect.path, dialect.request(subject.model, streamed=is_streamed)


async def _documented(port: int, subject: Subject, chance: random.Random) -> str:
    """Ask for vectors or a transcript."""
    if chance.random() < 0.6:
        document = chance.choice(_EMBEDDINGS)
        path = chance.choice(("/api/embed", "/v1/embeddings"))
        sent = _posted(path, json.dumps({"model": subject.embedder, "input": "Hello."}).encode())
    else:
        document = chance.choice(_TRANSCRIPTS)
        form = _FORM % subject.model.encode()
        sent = _posted("/v1/audio/transcriptions", form, "multipart/form-data; boundary=x")
    subject.service.plan(response(mutated(document, chance), _JSON, "200 OK", chance))
    return await _asked(port, sent)


async def _listed(subject: Subject, chance: random.Random) -> str:
    """Read a list of models, as the gateway does from time to time."""
    documents = subject.service.documents
    kept = dict(documents)
    try:
        if chance.random() < 0.5:
            documents.update({ending: mutated(body, chance) for ending, body in kept.items()})
        else:
            documents.clear()
            seed = mutated(chance.choice(list(kept.values())), chance)
            subject.service.plan(response(seed, _JSON, "200 OK", chance))
        async with asyncio.timeout(_LONGEST):
            await subject.provider.list_models()
    except GatewayError:
        return ""
    except TimeoutError:
        return "no list in time"
    except Exception as error:  # whatever it is, it is a finding
        return f"the list raised {error!r}"
    finally:
        documents.update(kept)
    return ""


async def _good(port: int, subject: Subject, chance: random.Random) -> str:
    """Ask for a good answer, on a connection that a bad one may have left behind."""
    subject.service.plan([sample_of(subject.contract).whole])
    dialect = DIALECTS[chance.choice(list(DIALECTS))]
    body = json.dumps(dialect.request(subject.model, streamed=True)).encode()
    for _ in range(2):
        reply, problem = await exchange(port, _posted(dialect.path, body))
        text = subject.contract.hello_text
        if reply is not None and dialect.is_complete(
            reply.status, bytes(reply.body), streamed=True, text=text
        ):
            return problem
        # The service may close its connection, or a busy machine stop, at this very moment.
        if reply is None or reply.status not in (502, 504):
            break
    return f"a good answer was lost: {problem} {reply}"


def _posted(path: str, body: bytes, content_type: str = _JSON) -> Sent:
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
        f"Content-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return Sent(head.encode() + body, is_sound=True)


async def _asked(port: int, sent: Sent) -> str:
    _, problem = await exchange(port, sent)
    return problem
