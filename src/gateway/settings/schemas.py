"""Schemas of the settings; their errors name the allowed keys."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from typing import Any, get_args

import marshmallow as ma
from marshmallow import fields, validate

from gateway.core.codec import DEEPEST
from gateway.settings.callers import Period
from gateway.settings.fields import (
    LARGEST_BUDGET,
    LIMIT,
    Amount,
    KeepAlive,
    Moment,
    Names,
    Table,
    check_key,
    check_model_name,
    check_network,
    check_origin,
    check_pattern,
    check_proxy,
    name_of,
)

__all__ = ["BOOLEANS", "DOCUMENT", "GROUPS"]

BOOLEANS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
"""The texts that mean a truth value, in variables and arguments."""

_log = logging.getLogger("gateway.settings")

_NOT_NEGATIVE = validate.Range(min=0)
_POSITIVE = validate.Range(min=1)
_ABOVE_ZERO = validate.Range(min=0, min_inclusive=False)
_GIVEN = validate.Length(min=1)


class _ServerTable(Table):
    host = fields.String()
    port = fields.Integer(strict=True, validate=validate.Range(min=0, max=65535))
    socket = fields.String()
    watch = fields.Boolean(truthy={True}, falsy={False})
    trusted_proxies = fields.List(fields.String(validate=check_network))
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


class _OllamaTable(Table):
    version = fields.String(
        validate=validate.Regexp(r"\d+\.\d+\.\d+([-+].+)?\Z", error="must look like 0.33.0")
    )
    origins = fields.List(fields.String(validate=check_origin))
    keep_alive = KeepAlive()
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
        clean = BOOLEANS.get(clean.lower(), clean) if isinstance(clean, str) else clean
        return {"abort_broken_streams": not clean if isinstance(clean, bool) else clean, **others}


class _ModelsTable(Table):
    aliases = fields.Dict(keys=fields.String(validate=check_model_name), values=Names())
    expose = fields.List(fields.String(validate=_GIVEN))
    default_provider = fields.String()
    refresh = fields.Float(validate=_NOT_NEGATIVE)
    list_timeout = fields.Float(validate=_ABOVE_ZERO)
    list_retry = fields.Float(validate=_ABOVE_ZERO)
    startup_wait = fields.Float(validate=_NOT_NEGATIVE)
    facts = fields.String()


class _LimitsTable(Table):
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
    rpm = fields.Integer(strict=True, validate=LIMIT)
    tpm = fields.Integer(strict=True, validate=LIMIT)
    concurrency = fields.Integer(strict=True, validate=LIMIT)
    reserve = fields.Integer(strict=True, validate=LIMIT)


class _AuthTable(Table):
    required = fields.Boolean(truthy={True}, falsy={False})
    key = fields.String(validate=check_key)


class _PlanTable(Table):
    models = fields.List(fields.String(validate=check_pattern))
    rpm = fields.Integer(strict=True, validate=LIMIT)
    tpm = fields.Integer(strict=True, validate=LIMIT)
    concurrency = fields.Integer(strict=True, validate=LIMIT)
    budget = Amount(most=LARGEST_BUDGET)
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
    expires = Moment()
    disabled = fields.Boolean(truthy={True}, falsy={False})


class _PriceTable(Table):
    input = Amount(required=True)
    output = Amount(required=True)
    cached = Amount()
    request = Amount()


class _UsageTable(Table):
    enabled = fields.Boolean(truthy={True}, falsy={False})
    keep = fields.Integer(strict=True, validate=validate.Range(1, 36500))
    flush = fields.Float(validate=validate.Range(min=0.01, max=3600.0))


class _StateTable(Table):
    url = fields.String()
    prefix = fields.String(
        validate=validate.Regexp(r"[^\s{}]+\Z", error="must be without spaces and braces")
    )
    timeout = fields.Float(validate=validate.Range(min=0.01, max=60.0))
    on_failure = fields.String(validate=validate.OneOf(("local", "refuse")))


class _MetricsTable(Table):
    enabled = fields.Boolean(truthy={True}, falsy={False})
    by_caller = fields.Boolean(truthy={True}, falsy={False})
    public = fields.Boolean(truthy={True}, falsy={False})


class _CacheTable(Table):
    enabled = fields.Boolean(truthy={True}, falsy={False})
    what = fields.String(validate=validate.OneOf(("deterministic", "all")))
    ttl = fields.Float(validate=_ABOVE_ZERO)
    size = fields.Integer(strict=True, validate=_POSITIVE)
    scope = fields.String(validate=validate.OneOf(("caller", "everyone")))


class _CassettesTable(Table):
    mode = fields.String(validate=validate.OneOf(("off", "record", "replay", "auto")))
    path = fields.String(validate=_GIVEN)


class _OtelTable(Table):
    traces = fields.Boolean(truthy={True}, falsy={False})
    metrics = fields.Boolean(truthy={True}, falsy={False})
    content = fields.Boolean(truthy={True}, falsy={False})


class _UiTable(Table):
    enabled = fields.Boolean(truthy={True}, falsy={False})
    exchanges = fields.Integer(strict=True, validate=validate.Range(0, 10_000))
    exchange_bytes = fields.Integer(strict=True, validate=_POSITIVE)


class _RetryTable(Table):
    count = fields.Integer(strict=True, validate=validate.Range(0, 100))
    within = fields.Float(validate=_NOT_NEGATIVE)
    delay = fields.Float(validate=_NOT_NEGATIVE)
    growth = fields.Float(validate=validate.Range(1, 10))
    jitter = fields.Float(validate=validate.Range(0, 1))


class _CoolDownTable(Table):
    unavailable = fields.Float(validate=_NOT_NEGATIVE)
    rate_limited = fields.Float(validate=_NOT_NEGATIVE)
    denied = fields.Float(validate=_NOT_NEGATIVE)
    longest = fields.Float(validate=_NOT_NEGATIVE)


class _TimeoutsTable(Table):
    disconnect_poll = fields.Float(validate=_ABOVE_ZERO)
    key_poll = fields.Float(validate=_ABOVE_ZERO)
    heartbeat = fields.Float(validate=_ABOVE_ZERO)
    stream_end = fields.Float(validate=_NOT_NEGATIVE)
    loaded_models = fields.Float(validate=_ABOVE_ZERO)
    store_read = fields.Float(validate=_ABOVE_ZERO)
    store_retry = fields.Float(validate=_NOT_NEGATIVE)
    store_lock = fields.Float(validate=_NOT_NEGATIVE)


class _NetworkTable(Table):
    transport = fields.String(validate=validate.OneOf(("own", "aiohttp")))
    ca_file = fields.String(validate=_GIVEN)
    proxy = fields.String(validate=check_proxy)
    trust_env = fields.Boolean(truthy={True}, falsy={False})


class _ProviderTable(_NetworkTable):
    class Meta:
        unknown = ma.INCLUDE

    adapter = fields.String(validate=_GIVEN)
    preset = fields.String(validate=_GIVEN)
    api_keys = fields.List(fields.String(validate=_GIVEN), validate=_GIVEN)
    key_from = fields.String(validate=validate.OneOf(("settings", "client")))


class _Document(Table):
    home = fields.String(validate=_GIVEN)
    server = fields.Nested(_ServerTable)
    ollama = fields.Nested(_OllamaTable)
    models = fields.Nested(_ModelsTable)
    limits = fields.Nested(_LimitsTable)
    retry = fields.Nested(_RetryTable)
    cool_down = fields.Nested(_CoolDownTable)
    timeouts = fields.Nested(_TimeoutsTable)
    network = fields.Nested(_NetworkTable)
    auth = fields.Nested(_AuthTable)
    plans = fields.Dict(keys=name_of("a plan"), values=fields.Nested(_PlanTable))
    keys = fields.Dict(keys=name_of("a key"), values=fields.Nested(_KeyTable))
    prices = fields.Dict(keys=fields.String(validate=_GIVEN), values=fields.Nested(_PriceTable))
    usage = fields.Nested(_UsageTable)
    state = fields.Nested(_StateTable)
    metrics = fields.Nested(_MetricsTable)
    cache = fields.Nested(_CacheTable)
    cassettes = fields.Nested(_CassettesTable)
    otel = fields.Nested(_OtelTable)
    ui = fields.Nested(_UiTable)
    # The name is the namespace of its models: what Ollama's types/model/name.go takes for one.
    providers = fields.Dict(
        keys=name_of("a provider"),
        values=fields.Nested(_ProviderTable),
        validate=validate.Length(min=1),
    )


DOCUMENT = _Document()
"""The schema of all settings; nothing is required and nothing has a default."""

GROUPS: Mapping[str, ma.Schema] = {
    name: field.schema
    for name, field in DOCUMENT.fields.items()
    if isinstance(field, fields.Nested)
}
"""The groups whose keys are fixed."""
