"""The bodies of requests that create, copy and delete models (Ollama's ``server/create.go``)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from gateway.core import codec
from gateway.core.chat import Message
from gateway.core.errors import InvalidRequest
from gateway.core.model_info import Capability, ModelfileLayers
from gateway.core.names import InvalidName, parse_name
from gateway.dialects.bodies.decode import kind_of
from gateway.dialects.bodies.described import UNCHECKED, any_of, described, nullable, schema_of
from gateway.dialects.bodies.readers import read_bool, read_object, read_string
from gateway.dialects.bodies.schemas import BodySchema, Value, body_loader
from gateway.dialects.ollama.messages import read_messages
from gateway.dialects.ollama.schemas import NamedSchema

__all__ = [
    "CopyBody",
    "CopySchema",
    "CreateBody",
    "CreateSchema",
    "DeleteSchema",
    "ModelBody",
    "PullSchema",
    "PushSchema",
    "load_copy",
    "load_create",
    "load_delete",
    "load_pull",
    "load_push",
    "read_layers",
]


class CreateBody(msgspec.Struct, frozen=True):
    """A body of ``/api/create``; ``model`` is in the short display form.

    ``files``, ``draft_files`` and ``adapters`` map the paths of weights to their digests, and
    ``files`` is ``None`` if it was not given. ``license`` and ``info`` are as the client sent them,
    since their errors come after those of the base; `read_layers` reads them.
    """

    model: str
    base: str = ""
    remote_host: str = ""
    files: Mapping[str, str] | None = None
    draft_files: Mapping[str, str] = {}
    adapters: Mapping[str, str] = {}
    template: str = ""
    system: str = ""
    license: object = None
    parameters: Mapping[str, object] = {}
    messages: tuple[Message, ...] = ()
    info: Mapping[str, object] = {}
    stream: bool = True


class CopyBody(msgspec.Struct, frozen=True):
    """A body of ``/api/copy``."""

    source: str = ""
    destination: str = ""


class ModelBody(msgspec.Struct, frozen=True):
    """A body that only names a model, as ``model`` or in the old field ``name``."""

    model: str = ""
    stream: bool = True


@described(lambda: {"type": "object", "additionalProperties": nullable(schema_of(read_string))})
def _read_digests(value: object) -> dict[str, str]:
    return {
        path: "" if digest is None else read_string(digest)
        for path, digest in read_object(value, "map[string]string").items()
    }


@described(any_of({"type": "string"}, {"type": "array", "items": {"type": "string"}}) | UNCHECKED)
def _keep_license(value: object) -> object:
    return value


class CopySchema(BodySchema[CopyBody]):
    """The body of ``/api/copy``."""

    go_type = "api.CopyRequest"
    body = CopyBody

    source = Value(read_string)
    destination = Value(read_string)


class DeleteSchema(NamedSchema[ModelBody]):
    """The body of ``/api/delete``."""

    go_type = "api.DeleteRequest"
    body = ModelBody


class PullSchema(NamedSchema[ModelBody]):
    """The body of ``/api/pull``."""

    go_type = "api.PullRequest"
    body = ModelBody

    stream = Value(read_bool)


class PushSchema(NamedSchema[ModelBody]):
    """The body of ``/api/push``."""

    go_type = "api.PushRequest"
    body = ModelBody

    stream = Value(read_bool)


class CreateSchema(NamedSchema[CreateBody]):
    """The body of ``/api/create``."""

    go_type = "api.CreateRequest"
    body = CreateBody

    stream = Value(read_bool)
    remote_host = Value(read_string)
    files = Value(_read_digests)
    draft_files = Value(_read_digests)
    draft_quantize = Value(read_string)
    adapters = Value(_read_digests)
    template = Value(read_string)
    system = Value(read_string)
    license = Value(_keep_license)
    parameters = Value(read_object)
    messages = Value(read_messages)
    info = Value(read_object)
    base = Value(read_string, data_key="from")

    def build(self, values: dict[str, Any], raw: Mapping[str, Any]) -> CreateBody:
        """Make the body; raise `InvalidRequest` for what Ollama rejects before reading the base."""
        for weights in ("files", "draft_files", "adapters"):
            _check_weights(values.get(weights, {}))
        if values.pop("draft_quantize", "") and not values.get("draft_files"):
            raise InvalidRequest("--draft-quantize requires a DRAFT model")
        try:
            name = parse_name(values.get("model") or values.get("name", ""), suffixes=False)
        except InvalidName as error:
            raise InvalidRequest(str(error)) from None
        return super().build({**values, "model": name.short}, raw)


load_copy = body_loader(CopySchema)
"""Read a body of ``/api/copy``."""

load_create = body_loader(CreateSchema)
"""Read a body of ``/api/create``; `read_layers` reads the rest of it."""

load_delete = body_loader(DeleteSchema)
"""Read a body of ``/api/delete``."""

load_pull = body_loader(PullSchema)
"""Read a body of ``/api/pull``."""

load_push = body_loader(PushSchema)
"""Read a body of ``/api/push``."""


def read_layers(body: CreateBody) -> ModelfileLayers:
    """Return the layers of the new model.

    Raise `InvalidRequest` for what is wrong in ``info``, and with the status 500 in ``license``.
    """
    layers = ModelfileLayers(
        system=body.system,
        template=body.template,
        parameters=body.parameters,
        messages=body.messages,
        **_read_info(body.info),
        licenses=_read_licenses(body.license),
    )
    try:
        codec.encode(layers)
    except RecursionError:
        raise InvalidRequest("a parameter or message is nested too deeply to be stored") from None
    return layers


def _check_weights(digests: Mapping[str, str]) -> None:
    for path, digest in digests.items():
        # What Go's ``fs.ValidPath`` takes for a path that stays below where it starts.
        if path != "." and {"", ".", ".."} & {*path.split("/")}:
            raise InvalidRequest("file path must be relative")
        if not digest:
            raise InvalidRequest("invalid digest format")


def _read_licenses(value: object) -> tuple[str, ...]:
    go_type = "string" if isinstance(value, list) else "[]string"
    texts = []
    for text in value if isinstance(value, list) else [value]:
        if isinstance(text, str):
            texts.append(text)
        elif text is not None:
            raise InvalidRequest(
                f"json: cannot unmarshal {kind_of(text)} into Go value of type {go_type}",
                status=500,
            )
    return tuple(text for text in texts if text)


def _read_info(info: Mapping[str, object]) -> dict[str, Any]:
    return {
        attribute: read(key, info[key])
        for key, (attribute, read) in _INFO.items()
        if info.get(key) is not None
    }


def _info_capabilities(key: str, value: object) -> tuple[Capability, ...]:
    """Return the known capabilities."""
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise InvalidRequest(f'info field "{key}" must be a list of strings')
    return tuple(capability for capability in Capability if capability in value)


def _info_text(key: str, value: object) -> str:
    if not isinstance(value, str):
        raise InvalidRequest(f'info field "{key}" must be a string')
    return value


def _info_length(key: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidRequest(f'info field "{key}" must be a number')
    if value % 1 or not 0 <= value < _LENGTHS:
        raise InvalidRequest(f'info field "{key}" must be a non-negative integer')
    return int(value)


_LENGTHS = 2**63
_INFO: Mapping[str, tuple[str, Callable[[str, object], object]]] = {
    "capabilities": ("capabilities", _info_capabilities),
    "model_family": ("family", _info_text),
    "base_name": ("base_name", _info_text),
    "quantization_level": ("quantization_level", _info_text),
    "parameter_size": ("parameter_size", _info_text),
    "context_length": ("context_length", _info_length),
    "embedding_length": ("embedding_length", _info_length),
}
