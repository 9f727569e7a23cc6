"""Schemas of the settings; their errors name the allowed keys."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping
from ipaddress import ip_network
from typing import Any, cast, get_args
from urllib.parse import urlsplit

import marshmallow as ma
from marshmallow import fields, validate

from gateway.core.codec import DEEPEST
from gateway.core.errors import SettingsError
from gateway.core.names import InvalidName, parse_name
from gateway.core.origins import ORIGIN_RULE, is_origin
from gateway.settings import limits
from gateway.settings.callers import Period
from gateway.settings.ollama import parse_keep_alive, parse_list

__all__ = ["DOCUMENT", "GROUPS", "check", "from_text"]

_log = logging.getLogger("gateway.settings")

_NOT_NEGATIVE = validate.Range(min=0)
_POSITIVE = validate.Range(min=1)
_ABOVE_ZERO = validate.Range(min=0, min_inclusive=False)
_SAID = validate.Length(min=1)

_BOOLEANS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


class _Table(ma.Schema):
    class Meta:
        unknown = ma.RAISE

    def handle_error(self, error: ma.ValidationError, data: Any, **_: Any) -> None:
        if isinstance(data, Mapping):
            allowed = ", ".join(sorted(self.fields))
            messages = cast("dict[str, list[str]]", error.messages)
            for key in messages.keys() - self.fields.keys():
                messages[key] = [f"unknown key (allowed: {allowed})"]


class _KeepAlive(fields.Field[float]):
    def _deserialize(self, value: Any, *_: Any, **__: Any) -> float:
        try:
            return parse_keep_alive(value)
        except ValueError as error:
            raise ma.ValidationError("must be seconds or a duration such as 5m") from error


def _is_model_name(text: str) -> None:
    try:
        parse_name(text)
    except InvalidName as error:
        raise ma.ValidationError("not a valid model name") from error


def _check_origin(text: str) -> None:
    if not is_origin(text):
        raise ma.ValidationError(ORIGIN_RULE)


class _Names(fields.Field["tuple[str, ...]"]):
    """One name or several in order of preference; in a variable ``|`` separates them."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> tuple[str, ...]:
        names = [value] if isinstance(value, str) else value
        if not (isinstance(names, list) and names and all(_is_said(name) for name in names)):
            raise ma.ValidationError("must be the name of a model, or a list of names")
        return tuple(names)


def _is_said(name: object) -> bool:
    return isinstance(name, str) and bool(name.strip())


def _name(whose: str) -> fields.String:
    error = f"{whose}'s name consists of letters, digits, - and _"
    return fields.String(validate=validate.Regexp(limits.NAME, error=error))


def _check_proxy(text: str) -> None:
    """Accept the URL of an HTTP proxy, and an empty text for none."""
    try:
        parts = urlsplit(text)
        is_valid = parts.scheme == "http" and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_valid = False
    if text and not is_valid:
        raise ma.ValidationError("must be the URL of an HTTP proxy such as http://proxy:3128")


def _check_network(text: str) -> None:
    try:
        is_valid = text == "unix" or bool(ip_network(text))
    except ValueError:
        is_valid = False
    if not is_valid:
        raise ma.ValidationError("must be an address, a network such as 10.0.0.0/8, or unix")


class _ServerTable(_Table):
    host = fields.String()
    port = fields.Integer(strict=True, validate=validate.Range(min=0, max=65535))
    socket = fields.String()
    watch = fields.Boolean(truthy={True}, falsy={False})
    trusted_proxies = fields.List(fields.String(validate=_check_network))
    log_level = fields.String(validate=validate.OneOf(("debug", "info", "warning", "error")))
    log_format = fields.String(validate=validate.OneOf(("text", "json")))
    shutdown_timeout = fields.Float(validate=_NOT_NEGATIVE)
    workers = fields.Integer(strict=True, validate=validate.Range(1, 64))
    allowed_hosts = fields.List(
        fields.String(
            validate=validate.Regexp(
                r"(\*|(\*\.)?[\w-]+(\.[\w-]+)*)\Z",
                flags=re.ASCII,
                error="must be a host name without scheme and port, *.name or *",
            )
        )
    )


class _OllamaTable(_Table):
    version = fields.String(
        validate=validate.Regexp(r"\d+\.\d+\.\d+([-+].+)?\Z", error="must look like 0.33.0")
    )
    origins = fields.List(fields.String(validate=_check_origin))
    keep_alive = _KeepAlive()
    abort_broken_streams = fields.Boolean(truthy={True}, falsy={False})
    show_remote = fields.Boolean(truthy={True}, falsy={False})

    @ma.pre_load
    def _replace_old_name(self, data: Any, **_: Any) -> Any:
        """Read the setting of version 0.1 as the opposite of the one that has replaced it."""
        if not isinstance(data, Mapping) or "clean_stream_errors" not in data:
            return data
        _log.warning(
            "ollama.clean_stream_errors is replaced by ollama.abort_broken_streams,"
            " which has the opposite meaning"
        )
        others = {key: value for key, value in data.items() if key != "clean_stream_errors"}
        clean = data["clean_stream_errors"]
        clean = _BOOLEANS.get(clean.lower(), clean) if isinstance(clean, str) else clean
        return {"abort_broken_streams": not clean if isinstance(clean, bool) else clean, **others}


class _ModelsTable(_Table):
    aliases = fields.Dict(keys=fields.String(validate=_is_model_name), values=_Names())
    expose = fields.List(fields.String(validate=_SAID))
    default_provider = fields.String()
    refresh = fields.Float(validate=_NOT_NEGATIVE)
    list_timeout = fields.Float(validate=_ABOVE_ZERO)
    list_retry = fields.Float(validate=_ABOVE_ZERO)
    startup_wait = fields.Float(validate=_NOT_NEGATIVE)


class _LimitsTable(_Table):
    body = fields.Integer(strict=True, validate=_POSITIVE)
    body_timeout = fields.Float(validate=_NOT_NEGATIVE)
    form = fields.Integer(strict=True, validate=_POSITIVE)
    form_parts = fields.Integer(strict=True, validate=_POSITIVE)
    frames = fields.Integer(strict=True, validate=_POSITIVE)
    keepsakes = fields.Integer(strict=True, validate=_NOT_NEGATIVE)
    responses = fields.Integer(strict=True, validate=_NOT_NEGATIVE)
    response_bytes = fields.Integer(strict=True, validate=_POSITIVE)
    text = fields.Integer(strict=True, validate=_POSITIVE)
    depth = fields.Integer(strict=True, validate=validate.Range(1, DEEPEST))
    members = fields.Integer(strict=True, validate=_POSITIVE)
    messages = fields.Integer(strict=True, validate=_POSITIVE)
    tools = fields.Integer(strict=True, validate=_POSITIVE)
    stops = fields.Integer(strict=True, validate=_POSITIVE)
    rpm = fields.Integer(strict=True, validate=limits.LIMIT)
    tpm = fields.Integer(strict=True, validate=limits.LIMIT)
    concurrency = fields.Integer(strict=True, validate=limits.LIMIT)
    reserve = fields.Integer(strict=True, validate=limits.LIMIT)


class _AuthTable(_Table):
    required = fields.Boolean(truthy={True}, falsy={False})
    key = fields.String(validate=limits.is_key)


class _PlanTable(_Table):
    models = fields.List(fields.String(validate=limits.is_pattern))
    rpm = fields.Integer(strict=True, validate=limits.LIMIT)
    tpm = fields.Integer(strict=True, validate=limits.LIMIT)
    concurrency = fields.Integer(strict=True, validate=limits.LIMIT)
    budget = limits.Amount(most=limits.LARGEST_BUDGET)
    budget_period = fields.String(validate=validate.OneOf(get_args(Period)))
    manage = fields.Boolean(truthy={True}, falsy={False})


class _KeyTable(_PlanTable):
    hash = fields.String(
        required=True,
        validate=validate.Regexp(
            r"sha256:[0-9a-f]{64}\Z", error="must be sha256: and 64 hexadecimal digits"
        ),
    )
    plan = fields.String()
    admin = fields.Boolean(truthy={True}, falsy={False})
    expires = limits.Moment()
    disabled = fields.Boolean(truthy={True}, falsy={False})


class _PriceTable(_Table):
    input = limits.Amount(required=True)
    output = limits.Amount(required=True)
    cached = limits.Amount()
    request = limits.Amount()


class _UsageTable(_Table):
    enabled = fields.Boolean(truthy={True}, falsy={False})
    keep = fields.Integer(strict=True, validate=validate.Range(1, 36500))
    flush = fields.Float(validate=validate.Range(min=0.01, max=3600.0))


class _StateTable(_Table):
    url = fields.String()
    prefix = fields.String(
        validate=validate.Regexp(r"[^\s{}]+\Z", error="must be without spaces and braces")
    )
    timeout = fields.Float(validate=validate.Range(min=0.01, max=60.0))
    on_failure = fields.String(validate=validate.OneOf(("local", "refuse")))


class _MetricsTable(_Table):
    enabled = fields.Boolean(truthy={True}, falsy={False})
    by_caller = fields.Boolean(truthy={True}, falsy={False})
    public = fields.Boolean(truthy={True}, falsy={False})


class _CacheTable(_Table):
    enabled = fields.Boolean(truthy={True}, falsy={False})
    what = fields.String(validate=validate.OneOf(("deterministic", "all")))
    ttl = fields.Float(validate=_ABOVE_ZERO)
    size = fields.Integer(strict=True, validate=_POSITIVE)
    scope = fields.String(validate=validate.OneOf(("caller", "everyone")))


class _CassettesTable(_Table):
    mode = fields.String(validate=validate.OneOf(("off", "record", "replay", "auto")))
    path = fields.String(validate=_SAID)


class _OtelTable(_Table):
    traces = fields.Boolean(truthy={True}, falsy={False})
    metrics = fields.Boolean(truthy={True}, falsy={False})
    content = fields.Boolean(truthy={True}, falsy={False})


class _RetryTable(_Table):
    count = fields.Integer(strict=True, validate=validate.Range(0, 100))
    within = fields.Float(validate=_NOT_NEGATIVE)
    delay = fields.Float(validate=_NOT_NEGATIVE)
    growth = fields.Float(validate=validate.Range(1, 10))
    jitter = fields.Float(validate=validate.Range(0, 1))


class _CoolDownTable(_Table):
    unavailable = fields.Float(validate=_NOT_NEGATIVE)
    rate_limited = fields.Float(validate=_NOT_NEGATIVE)
    denied = fields.Float(validate=_NOT_NEGATIVE)
    longest = fields.Float(validate=_NOT_NEGATIVE)


class _TimeoutsTable(_Table):
    disconnect_poll = fields.Float(validate=_ABOVE_ZERO)
    key_poll = fields.Float(validate=_ABOVE_ZERO)
    heartbeat = fields.Float(validate=_ABOVE_ZERO)
    stream_end = fields.Float(validate=_NOT_NEGATIVE)
    loaded_models = fields.Float(validate=_ABOVE_ZERO)
    store_read = fields.Float(validate=_ABOVE_ZERO)
    store_retry = fields.Float(validate=_NOT_NEGATIVE)
    store_lock = fields.Float(validate=_NOT_NEGATIVE)


class _NetworkTable(_Table):
    transport = fields.String(validate=validate.OneOf(("own", "aiohttp")))
    ca_file = fields.String(validate=_SAID)
    proxy = fields.String(validate=_check_proxy)
    trust_env = fields.Boolean(truthy={True}, falsy={False})


class _ProviderTable(_NetworkTable):
    class Meta:
        unknown = ma.INCLUDE

    adapter = fields.String(validate=_SAID)
    preset = fields.String(validate=_SAID)
    api_keys = fields.List(fields.String(validate=_SAID), validate=_SAID)
    key_from = fields.String(validate=validate.OneOf(("settings", "client")))


class _Document(_Table):
    home = fields.String(validate=_SAID)
    server = fields.Nested(_ServerTable)
    ollama = fields.Nested(_OllamaTable)
    models = fields.Nested(_ModelsTable)
    limits = fields.Nested(_LimitsTable)
    retry = fields.Nested(_RetryTable)
    cool_down = fields.Nested(_CoolDownTable)
    timeouts = fields.Nested(_TimeoutsTable)
    network = fields.Nested(_NetworkTable)
    auth = fields.Nested(_AuthTable)
    plans = fields.Dict(keys=_name("a plan"), values=fields.Nested(_PlanTable))
    keys = fields.Dict(keys=_name("a key"), values=fields.Nested(_KeyTable))
    prices = fields.Dict(keys=fields.String(validate=_SAID), values=fields.Nested(_PriceTable))
    usage = fields.Nested(_UsageTable)
    state = fields.Nested(_StateTable)
    metrics = fields.Nested(_MetricsTable)
    cache = fields.Nested(_CacheTable)
    cassettes = fields.Nested(_CassettesTable)
    otel = fields.Nested(_OtelTable)
    # The name is the namespace of its models: what Ollama's types/model/name.go takes for one.
    providers = fields.Dict(
        keys=_name("a provider"),
        values=fields.Nested(_ProviderTable),
        validate=validate.Length(min=1),
    )


DOCUMENT = _Document()
"""The schema of all settings; nothing is required and nothing has a default."""

GROUPS: Mapping[str, ma.Schema] = {
    "server": _ServerTable(),
    "ollama": _OllamaTable(),
    "models": _ModelsTable(),
    "limits": _LimitsTable(),
    "retry": _RetryTable(),
    "cool_down": _CoolDownTable(),
    "timeouts": _TimeoutsTable(),
    "network": _NetworkTable(),
    "auth": _AuthTable(),
    "usage": _UsageTable(),
    "state": _StateTable(),
    "metrics": _MetricsTable(),
    "cache": _CacheTable(),
    "cassettes": _CassettesTable(),
    "otel": _OtelTable(),
}
"""The groups whose keys are fixed."""


def from_text(field: fields.Field[Any], text: str) -> object:
    """Convert the text of a variable or argument for *field*; return it unchanged if that fails.

    Items of a list and pairs of a table are separated by commas: ``name=value, other=value``.
    Several values of one name are separated by ``|``.
    """
    match field:
        case fields.List():
            return list(parse_list(text))
        case fields.Dict():
            pairs = (part.partition("=") for part in parse_list(text))
            return {name.strip(): [*map(str.strip, value.split("|"))] for name, _, value in pairs}
        case fields.Boolean():
            return _BOOLEANS.get(text.lower(), text)
        case fields.Integer() if re.fullmatch(r"[+-]?[0-9]{1,18}", text):
            return int(text)
        case _:
            return text


def check(data: Mapping[str, Any], place: str, *, keys: bool) -> dict[str, Any]:
    """Load *data*, which comes from *place*, with `DOCUMENT`.

    Raise `SettingsError` with all errors on one line, without any value; with *keys* each error
    names its key, because *place* does not.
    """
    try:
        return cast("dict[str, Any]", DOCUMENT.load(data))
    except ma.ValidationError as error:
        found = [f"{key}: {text}" if keys else text for key, text in _complaints(error.messages)]
    # Outside the handler: marshmallow's error contains the data, which may include a secret.
    raise SettingsError(f"{place}: {'; '.join(found)}")


def _complaints(messages: Any, path: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(messages, list):
        yield path, ", ".join(text[:1].lower() + text[1:].rstrip(".") for text in messages)
        return
    for key, below in messages.items():
        # marshmallow's own keys for a whole table and for the two parts of a pair.
        hidden = key == "_schema" or (key in {"key", "value"} and path not in GROUPS)
        yield from _complaints(below, path if hidden else f"{path}.{key}".lstrip("."))
