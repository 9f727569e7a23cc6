"""Whatever an adapter raises is an error of the gateway, and a line of the log."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from gateway.providers import NotSupported, UpstreamProtocolError, UpstreamRejected, adapter_calls
from gateway.providers.adapter_calls import calling, close_provider, close_stream, next_batch
from scripted import HANG, ScriptedProvider

FOREIGN: list[BaseException] = [
    KeyError("choices"),
    ConnectionResetError(),
    TimeoutError(),
    StopIteration(),
    SystemExit(3),
    asyncio.CancelledError(),
    BaseExceptionGroup("two", [KeyError(), ValueError()]),
]


@pytest.mark.parametrize("error", FOREIGN, ids=lambda error: type(error).__name__)
async def test_an_exception_of_an_adapter_is_a_protocol_error_that_names_it(
    error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    text = f"the adapter of acme raised {type(error).__name__}"
    with pytest.raises(UpstreamProtocolError) as caught, calling("acme"):
        raise error
    raised = caught.value
    assert (raised.message, raised.status, raised.provider) == (text, 502, "acme")
    (line,) = caplog.records
    assert line.getMessage().startswith(f"{text}: ")
    assert line.exc_info is not None
    assert line.exc_info[1] is error


@pytest.mark.parametrize(
    "error", [NotSupported("no"), UpstreamRejected("no"), KeyboardInterrupt(), GeneratorExit()]
)
async def test_errors_of_the_gateway_and_the_end_of_the_process_pass(
    error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    error.__cause__ = cause = ValueError()
    with pytest.raises(type(error)) as caught, calling("acme"):
        raise error
    assert caught.value is error
    assert caught.value.__cause__ is cause
    assert not caplog.records


async def test_a_task_that_is_cancelled_stays_so(caplog: pytest.LogCaptureFixture) -> None:
    async def wait() -> None:
        with calling("acme"):
            await asyncio.Event().wait()

    task = asyncio.create_task(wait())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not caplog.records


async def test_outside_of_a_task_a_cancellation_passes() -> None:
    passed = asyncio.get_running_loop().create_future()

    def call() -> None:
        with pytest.raises(asyncio.CancelledError), calling("acme"):
            raise asyncio.CancelledError
        passed.set_result(True)

    asyncio.get_running_loop().call_soon(call)
    assert await passed


async def test_the_batches_of_a_stream_come_until_its_end() -> None:
    stream = ScriptedProvider(steps=[[], KeyError()]).chat(None)  # type: ignore[arg-type]
    assert await next_batch("acme", stream) == []
    with pytest.raises(UpstreamProtocolError, match="acme raised KeyError"):
        await next_batch("acme", stream)
    with pytest.raises(StopAsyncIteration):
        await next_batch("acme", stream)


async def stubborn() -> AsyncIterator[Any]:
    try:
        yield []
    finally:
        raise ZeroDivisionError


async def test_a_stream_that_fails_to_close_is_a_line_of_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    stream: Any = stubborn()
    await anext(stream)
    await close_stream("acme", stream)
    assert [one.getMessage() for one in caplog.records] == [
        "the adapter of acme raised ZeroDivisionError: "
        "an adapter raises UpstreamError when its service fails"
    ]


class Undead(ScriptedProvider):
    async def aclose(self) -> None:
        for step in self.steps:
            if step is HANG:
                await asyncio.Event().wait()
            raise step  # type: ignore[misc]


@pytest.mark.parametrize(
    ("step", "reason"),
    [
        (KeyError(), "the adapter of acme raised KeyError"),
        (UpstreamRejected("no"), "no"),
        (HANG, "it took more than 0.01 seconds"),
    ],
)
async def test_a_provider_that_fails_to_close_keeps_nobody_from_cleaning_up(
    step: Any,
    reason: str,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(adapter_calls, "_CLOSING", 0.01)
    await close_provider("acme", Undead(steps=[step]))
    assert caplog.messages[-1] == f"the provider acme was not closed properly: {reason}"
