"""A service for a team that mounts the gateway under ``/ai``.

Users log in and have a session; each has models and a budget of its own. Each request is a trace of
what providers were asked, and a line of JSON in the log. It runs alone, or in several workers.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import os
import secrets
import time
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from aiohttp import web
from aiohttp.typedefs import Handler

from gateway import (
    ATTRIBUTION,
    CALLER,
    PROVIDER_USER,
    Asked,
    Attempt,
    Caller,
    Gate,
    GatewayError,
    Observer,
    RequestRecord,
    create_app,
    load,
)
from gateway.providers import ModelInfo

__all__ = ["USERS", "JsonLines", "Sessions", "Traces", "UserModels", "create", "create_team"]

DAY = 24 * 60 * 60


@dataclass(frozen=True)
class User:
    """One user: a password, a plan of the settings, a team, and patterns of ids of models."""

    password: str
    plan: str
    team: str
    models: tuple[str, ...] = ("*",)


# A service of yours has them in its database, and the passwords as hashes.
USERS = {
    "ann": User("ann's password", "staff", "blue"),
    "bob": User("bob's password", "trial", "red", ("mistral-small*", "codestral*")),
}

TRACE: ContextVar[str] = ContextVar("trace", default="")
USER: ContextVar[str] = ContextVar("user", default="")


class Sessions:
    """Tokens that name a user until they expire; signed, so that every worker knows them."""

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()

    def token(self, name: str, *, seconds: int = DAY) -> str:
        """Return the token of a new session."""
        said = f"{name}.{int(time.time()) + seconds}"
        return f"{said}.{self._signature(said)}"

    def user(self, token: str) -> str:
        """Return the user of a session, or an empty text."""
        said, _, signature = token.rpartition(".")
        name, _, expires = said.rpartition(".")
        is_ours = hmac.compare_digest(signature.encode(), self._signature(said).encode())
        return name if is_ours and name in USERS and int(expires) > time.time() else ""

    def _signature(self, said: str) -> str:
        return hmac.new(self._secret, said.encode(), hashlib.sha256).hexdigest()

    async def log_in(self, request: web.Request) -> web.Response:
        """Begin a session for the user and password in the body."""
        body = await request.json()
        name, password = str(body.get("user")), str(body.get("password"))
        known = USERS[name].password if name in USERS else secrets.token_hex()
        if not hmac.compare_digest(password.encode(), known.encode()):
            return web.json_response({"error": "wrong user or password"}, status=401)
        token = self.token(name)
        response = web.json_response({"token": token})
        response.set_cookie("session", token, max_age=DAY, httponly=True, samesite="Lax")
        return response

    @web.middleware
    async def identify(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Name the user of each request to the gateway, and send the others to the log-in."""
        TRACE.set(request.headers.get("traceparent", "") or secrets.token_hex(16))
        bearer = request.headers.get("Authorization", "").removeprefix("Bearer ")
        name = self.user(request.cookies.get("session", "") or bearer)
        USER.set(name)
        if not name and request.path != "/login":
            return web.json_response({"error": "log in first: POST /login"}, status=401)
        if name:
            user = USERS[name]
            request[CALLER] = Caller(name, user.plan)
            request[ATTRIBUTION] = {"team": user.team}
            request[PROVIDER_USER] = hashlib.sha256(name.encode()).hexdigest()[:16]
        return await handler(request)


class UserModels(Gate):
    """Each user has some of the models; the budgets are those of the plans in the settings."""

    def shows(self, request: web.Request, provider: str, model: ModelInfo) -> bool:
        """Tell whether a model exists for the user of *request*."""
        patterns = USERS[request[CALLER].name].models
        return any(fnmatchcase(model.id, pattern) for pattern in patterns)

    async def admit(self, request: web.Request, asked: Asked) -> None:
        """Reject transcriptions, which nobody here may pay for."""
        if asked.operation == "transcription":
            raise GatewayError("transcription is not part of your plan", status=403)


class Traces(Observer):
    """Write a span for each request and one for each attempt at a provider."""

    def __init__(self, log: logging.Logger) -> None:
        self._log = log

    def attempt(self, record: RequestRecord, attempt: Attempt) -> None:
        """Write the end of one request to a provider."""
        if attempt.phase != "started":
            target = f"{attempt.provider}/{attempt.model}"
            self._write(record, f"attempt {target}", phase=attempt.phase)

    def finished(self, record: RequestRecord) -> None:
        """Write the end of a request."""
        tokens = record.usage.output_tokens if record.complete and record.usage else None
        self._write(
            record,
            f"{record.method} {record.route or 'other'}",
            status=record.status,
            team=record.attribution.get("team", ""),
            tokens=record.characters // 4 if tokens is None else tokens,
            counted=tokens is not None,
        )

    def _write(self, record: RequestRecord, name: str, **attributes: object) -> None:
        duration = (record.timing.clock() - record.timing.accepted) // 1_000_000
        span = {"trace": TRACE.get(), "span": name, "ms": duration, **attributes}
        self._log.info("span", extra={"fields": {"request": record.id, **span}})


class JsonLines(logging.Formatter):
    """One line of JSON for each record, with its fields and the user."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        fields: Mapping[str, object] = vars(record).get("fields", {})
        line = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(record.created)),
            "level": record.levelname.lower(),
            "process": record.process,
            "logger": record.name,
            "message": record.getMessage(),
            "user": USER.get(),
            **fields,
        }
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return json.dumps(line)


async def show_models(request: web.Request) -> web.Response:
    """Show the user's part of a page: who it is, and where the gateway is."""
    user = request[CALLER]
    return web.json_response({"user": user.name, "plan": user.plan, "ollama": "/ai"})


def create_team(config: Path, secret: str, environ: Mapping[str, str]) -> web.Application:
    """Return the service; *config* is the gateway's file with plans, prices and providers."""
    sessions = Sessions(secret)
    app = web.Application(middlewares=[sessions.identify])
    app.router.add_post("/login", sessions.log_in)
    app.router.add_get("/", show_models)
    ai = create_app(
        load(config=config, environ=environ),
        gate=UserModels(),
        observers=[Traces(logging.getLogger("team.traces"))],
        surface="inference",
    )
    app.add_subapp("/ai", ai)
    return app


async def create() -> web.Application:
    """Return the service as the environment describes it, with its log on standard error."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines())
    logging.basicConfig(handlers=[handler], level=logging.INFO, force=True)
    config = Path(os.environ.get("TEAM_CONFIG", "team.toml"))
    return create_team(config, os.environ["TEAM_SECRET"], os.environ)


if __name__ == "__main__":
    web.run_app(
        create(), host="127.0.0.1", port=int(os.environ.get("PORT", "8080")), access_log=None
    )
