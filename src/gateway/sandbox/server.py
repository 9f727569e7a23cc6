"""Start the sandbox on a port of its own within the current process."""

from __future__ import annotations

from types import TracebackType

from aiohttp import web

from gateway.sandbox.app import Sandbox

__all__ = ["RunningSandbox", "start"]


class RunningSandbox:
    """Hold a sandbox that serves; stop it, or leave its `async with`, to free the port."""

    def __init__(self, sandbox: Sandbox, runner: web.AppRunner, host: str, port: int) -> None:
        self.sandbox = sandbox
        self.host = host
        self.port = port
        self._runner = runner

    @property
    def base_url(self) -> str:
        """Return the address that an SDK or an adapter is given, ending in `/v1`."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}/v1"

    async def stop(self) -> None:
        """Stop listening and break off whatever is still being answered."""
        await self._runner.cleanup()

    async def __aenter__(self) -> RunningSandbox:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()


async def start(
    host: str = "127.0.0.1", port: int = 0, *, sandbox: Sandbox | None = None
) -> RunningSandbox:
    """Serve a sandbox, by default a fresh one on a free port; raise `OSError` if it cannot listen.

    async with await start() as running:
        client = Client(running.base_url)
    """
    served = Sandbox() if sandbox is None else sandbox
    # A silent stream ends only by cancellation, hence the handlers are cancelled when a client goes
    # and nobody waits for them at the end.
    runner = web.AppRunner(
        served.app(), handler_cancellation=True, access_log=None, shutdown_timeout=0.1
    )
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
    except OSError:
        await runner.cleanup()
        raise
    return RunningSandbox(served, runner, host, runner.addresses[0][1])
