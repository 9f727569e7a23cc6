"""What is noted of a request, and what the log says of it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import aiohttp
import pytest

from gateway.core.events import FinishReason, Usage
from gateway.core.upstream_replies import Reply
from gateway.observe.log import LogObserver
from gateway.observe.record import RequestRecord
from gateway.sandbox import refusal
from gateways import scripted_app
from live import live_gateway
from records import Records
from scripted import ScriptedProvider

SECRET = "the secret words"
CHAT = {"model": "mistral-large", "messages": [{"role": "user", "content": SECRET}]}


def full_record() -> RequestRecord:
    times = iter([1_000_000, 2_000_000, 8_000_000, 21_000_000])
    record = RequestRecord("POST", "/api/chat", id="abc")
    record.timing.clock = lambda: next(times)
    record.timing.accepted = record.timing.clock()
    record.timing.mark_sent()
    record.timing.mark_delta()
    record.status = 200
    record.model, record.provider, record.upstream_model = "m", "acme", "m-latest"
    record.usage, record.finish = Usage(3, 2), FinishReason.STOP
    record.replies += [Reply("acme", 429, "r1", {}), Reply("acme", 200, "r2", {})]
    return record


def test_a_line_has_everything_as_fields(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "gateway.access")
    LogObserver(logging.getLogger("gateway.access")).finished(full_record())
    (line,) = caplog.records
    assert line.getMessage() == "request"
    assert line.fields == {  # type: ignore[attr-defined] # an extra of the record
        "request": "abc",
        "method": "POST",
        "path": "/api/chat",
        "status": 200,
        "model": "m",
        "provider": "acme",
        "upstream_model": "m-latest",
        "finish": "stop",
        "input_tokens": 3,
        "output_tokens": 2,
        "upstream_request": "r2",
        "upstream_replies": 2,
        "first_token_ms": 7,
        "total_ms": 20,
    }
    assert line.details == {"cached_tokens": 0, "stream": False}  # type: ignore[attr-defined]


class Lines(logging.Handler):
    """Keep the records that it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.kept.append(record)


@pytest.fixture
def access() -> Iterator[tuple[logging.Logger, list[logging.LogRecord]]]:
    """Yield a logger and what it has written."""
    log, lines = logging.Logger("gateway.access"), Lines()
    log.addHandler(lines)
    factory = logging.getLogRecordFactory()
    yield log, lines.kept
    logging.setLogRecordFactory(factory)


def test_a_line_lacks_nothing_where_nobody_asks_for_threads(
    access: tuple[logging.Logger, list[logging.LogRecord]], monkeypatch: pytest.MonkeyPatch
) -> None:
    log, lines = access
    for switch in ("logThreads", "logProcesses", "logMultiprocessing", "logAsyncioTasks"):
        monkeypatch.setattr(logging, switch, False, raising=False)
    log.handle(log.makeRecord(log.name, logging.INFO, "", 0, "request", (), None))
    LogObserver(log).finished(full_record())
    standard, ours = map(vars, lines)
    for name in ("created", "msecs", "relativeCreated"):
        assert ours[name] == pytest.approx(standard[name], abs=1000)
        standard[name] = ours[name]
    assert ours == {**standard, "fields": ours["fields"], "details": ours["details"]}
    made_again = logging.makeLogRecord(ours)
    assert made_again.getMessage() == "request"
    assert ours["created"] * 1000 % 1000 == pytest.approx(ours["msecs"], abs=1)


def test_a_hosts_own_records_are_used(
    access: tuple[logging.Logger, list[logging.LogRecord]], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Own(logging.LogRecord):
        pass

    log, lines = access
    for has_threads in (True, False):
        monkeypatch.setattr(logging, "logThreads", has_threads)
        logging.setLogRecordFactory(Own)
        LogObserver(log).finished(full_record())
    assert [type(line) for line in lines] == [Own, Own]


@pytest.mark.parametrize(
    ("model", "error", "level"),
    [("m", "", logging.INFO), ("", "oops", logging.INFO), ("", "", logging.DEBUG)],
)
def test_probes_and_lists_are_not_worth_a_line(
    caplog: pytest.LogCaptureFixture, model: str, error: str, level: int
) -> None:
    record = RequestRecord("GET", "/api/tags", model=model, error=error, status=200)
    observer = LogObserver(logging.getLogger("gateway.access"))
    for threshold in (logging.DEBUG, logging.INFO):
        caplog.clear()
        caplog.set_level(threshold, "gateway.access")
        observer.finished(record)
        assert [line.levelno for line in caplog.records] == [level] * (level >= threshold)


async def test_what_the_provider_says_beside_its_answer_is_noted() -> None:
    records = Records()
    async with (
        live_gateway(observers=[records]) as live,
        aiohttp.ClientSession() as session,
    ):
        live.sandbox.plan(refusal(429, retry_after="0.01"))
        async with session.post(live.url + "/api/chat", json=CHAT) as response:
            await response.read()
        embedding = {"model": "mistral-embed", "input": "x"}
        async with session.post(live.url + "/api/embed", json=embedding) as response:
            await response.read()
    assert [reply.status for reply in records[0].replies] == [429, 200]
    assert [reply.status for reply in records[1].replies] == [200]
    ids = {reply.request_id for record in records for reply in record.replies}
    assert len(ids) == 3
    assert "" not in ids
    assert "x-ratelimit-remaining-tokens-minute" in records[0].replies[1].limits


async def test_no_prompt_and_no_key_is_ever_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    async with live_gateway() as live, aiohttp.ClientSession() as session:
        for fault in (None, refusal(401), refusal(422)):
            if fault:
                live.sandbox.plan(fault)
            async with session.post(live.url + "/api/chat", json=CHAT) as response:
                body = await response.text()
                assert "test-key" not in body
    assert len([line for line in caplog.records if line.name == "gateway.access"]) == 3
    everything = caplog.text + str([vars(line) for line in caplog.records])
    assert SECRET not in everything
    assert "test-key" not in everything


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/chat/completions", 404),
        ("GET", "/v1/v1/models", 404),
        ("GET", "/api/chat", 405),
        ("POST", "/api/tags", 405),
        ("GET", "/" + "a" * 5000, 404),
    ],
    ids=["no-v1", "v1-twice", "wrong-method", "wrong-method-too", "long"],
)
async def test_a_request_that_fails_is_told_with_its_path(
    aiohttp_client: Any, caplog: pytest.LogCaptureFixture, method: str, path: str, status: int
) -> None:
    caplog.set_level(logging.INFO, "gateway.access")
    client = await aiohttp_client(scripted_app(ScriptedProvider()))
    response = await client.request(method, path, json={})
    assert response.status == status
    (line,) = (line for line in caplog.records if line.name == "gateway.access")
    told = line.__dict__["fields"]
    assert (told["method"], told["status"], told["path"][:400]) == (method, status, path[:400])
    assert len(told["path"]) < 600


def test_a_line_names_the_limit_that_was_reached(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "gateway.access")
    record = full_record()
    record.limited = "rpm"
    LogObserver(logging.getLogger("gateway.access")).finished(record)
    (line,) = caplog.records
    assert line.fields["limited"] == "rpm"  # type: ignore[attr-defined]
