"""Known apps: which requests each of them sends, and what it needs in the answers.

An app is one TOML file, whose name is the slug of the app. Those that ship are in ``apps/``.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from importlib.resources import files
from pathlib import Path
from typing import Any

import marshmallow as ma
from marshmallow import fields, validate

from gateway.cli.doctor.expect import ABSENT, TYPES, Need
from gateway.core.errors import SettingsError
from gateway.core.model_info import Capability

__all__ = ["App", "Step", "read_apps"]

_SUFFIX = ".toml"


@dataclass(frozen=True, slots=True)
class Step:
    """One request of an app, and what the app needs in the answer.

    ``{model}``, ``{key}`` and ``{port}`` in path, headers and body stand for a model that has the
    capabilities of ``needs``, the key, and the port of the gateway. With ``ask`` the request costs
    money. What an ``optional`` step does not get costs the app a part of what it does.
    """

    name: str
    method: str
    path: str
    why: str
    remedy: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: object = None
    needs: frozenset[str] = frozenset()
    ask: bool = False
    optional: bool = False
    status: int = 200
    type: str = ""
    answer: Mapping[str, Need] = field(default_factory=dict)
    """Headers of the answer."""
    json: Mapping[str, Need] = field(default_factory=dict)
    lines: Mapping[str, Need] = field(default_factory=dict)
    """Of the list of all lines of a stream, or of all data of its events."""
    text: str = ""
    """A pattern."""


@dataclass(frozen=True, slots=True)
class App:
    """An app: ``version`` and ``date`` say which one was looked at, and when.

    ``base`` is what the base URL that people type into it has after the address of the gateway,
    and ``key`` what it sends if nobody has given it one. ``connect`` is what to paste into it, at
    the place that ``where`` names; ``{url}``, ``{key}`` and ``{model}`` stand in it for the address
    of the gateway, a key and a model.
    """

    slug: str
    name: str
    version: str
    date: date
    steps: tuple[Step, ...]
    base: str = ""
    key: str = ""
    where: str = ""
    connect: str = ""


def read_apps(own: Path | None) -> Mapping[str, App]:
    """Return the apps by slug: those that ship, and those in the directory *own*, which win.

    Raise `SettingsError` for a directory or a file that cannot be read.
    """
    shipped = files("gateway.cli.doctor").joinpath("apps")
    texts = {one.name: one.read_text("utf-8") for one in shipped.iterdir()}
    return dict(sorted([*_load_all(texts), *_load_all({} if own is None else _texts_of(own))]))


def _texts_of(directory: Path) -> Mapping[str, str]:
    try:
        paths = sorted(directory.iterdir())
        return {path.name: path.read_text("utf-8") for path in paths if path.suffix == _SUFFIX}
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8"
        raise SettingsError(f"--apps: cannot read {directory}: {reason.lower()}") from error


def _load_all(texts: Mapping[str, str]) -> Iterator[tuple[str, App]]:
    for name, text in texts.items():
        slug = name.removesuffix(_SUFFIX)
        try:
            yield slug, App(slug, **_AppSchema().load(tomllib.loads(text)))
        except tomllib.TOMLDecodeError as error:
            raise SettingsError(f"{name}: {error}") from error
        except ma.ValidationError as error:
            raise SettingsError(f"{name}: {_first(error.messages)}") from error


def _first(messages: object, place: str = "") -> str:
    """Return the first of marshmallow's messages, with the place it is about."""
    if isinstance(messages, Mapping):
        key, inner = next(iter(messages.items()))
        return _first(inner, f"{place}.{key}" if place else str(key))
    return f"{place}: {messages[0] if isinstance(messages, list) else messages}"


class _NeedField(fields.Field[Need]):
    """The name of a type, or a table with the fields of `Need`."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> Need:
        told = {"type": value} if isinstance(value, str) else value
        if not isinstance(told, dict) or not told or told.keys() - _NEEDS:
            raise ma.ValidationError(f"must be a type, or a table with {', '.join(_NEEDS)}")
        need = Need(**told)
        if need.type and need.type not in TYPES:
            raise ma.ValidationError(f"must be one of: {', '.join(TYPES)}")
        if need.value is ABSENT:
            _is_pattern(need.pattern)
        return need


_NEEDS = ("type", "value", "pattern", "minimum")


def _is_pattern(text: Any) -> None:
    try:
        re.compile(text)
    except (re.error, TypeError) as error:
        raise ma.ValidationError(f"not a regular expression: {error}") from error


def _is_date(value: Any) -> None:
    if not isinstance(value, date):
        raise ma.ValidationError("must be a date")


def _needs() -> fields.Dict:
    return fields.Dict(keys=fields.String(), values=_NeedField())


_SAID = validate.Length(min=1)


class _StepSchema(ma.Schema):
    name = fields.String(required=True, validate=_SAID)
    method = fields.String(load_default="GET", validate=_SAID)
    path = fields.String(required=True, validate=validate.Regexp("/"))
    why = fields.String(required=True, validate=_SAID)
    remedy = fields.String(required=True, validate=_SAID)
    headers = fields.Dict(keys=fields.String(), values=fields.String())
    body = fields.Dict(keys=fields.String())
    needs = fields.List(fields.String(validate=validate.OneOf([*Capability])))
    ask = fields.Boolean(truthy={True}, falsy={False})
    optional = fields.Boolean(truthy={True}, falsy={False})
    status = fields.Integer(strict=True)
    type = fields.String()
    answer = _needs()
    json = _needs()
    lines = _needs()
    text = fields.String(validate=_is_pattern)

    @ma.post_load
    def _make(self, data: dict[str, Any], **_: Any) -> Step:
        return Step(**{**data, "needs": frozenset(data.get("needs", ()))})


class _AppSchema(ma.Schema):
    name = fields.String(required=True, validate=_SAID)
    version = fields.String(required=True, validate=_SAID)
    date = fields.Raw(required=True, validate=_is_date)
    base = fields.String(validate=validate.OneOf(["", "/v1"]))
    key = fields.String()
    where = fields.String()
    connect = fields.String()
    step = fields.List(fields.Nested(_StepSchema), required=True, validate=_SAID, attribute="steps")

    @ma.post_load
    def _freeze(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        return {**data, "steps": tuple(data["steps"])}
