"""Checks of the model list."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from gateway.core import codec
from gateway.core.errors import UpstreamError, UpstreamProtocolError
from gateway.core.model_info import Capability
from gateway.providers.checked import checked_models
from gateway.testing.bench import NAME, Bench, refusal
from gateway.testing.contract.subject import Subject, check
from gateway.testing.upstream import Answer

__all__ = ["Lists"]

_ODD: tuple[object, ...] = (None, 7, "", [], {})


class Lists(Subject):
    """A list is stable, usable, and survives odd rows."""

    @check
    async def test_the_model_list_is_the_same_each_time(self, bench: Bench) -> None:
        """Model names, digests and their order depend on it."""
        self._serve_models(bench)
        first, second = await bench.provider.list_models(), await bench.provider.list_models()
        assert list(first) == checked_models(NAME, second)
        ids = [info.id for info in first]
        assert ids or not (self.has("chat") or self.has("embed")), "the list is empty"
        assert len(ids) == len(set(ids))

    @check
    async def test_a_model_can_do_what_the_adapter_can(self, bench: Bench) -> None:
        """Without the capability of a model, no request for it reaches the adapter."""
        self._serve_models(bench)
        infos = await bench.provider.list_models() or [bench.provider.describe(self.model)]
        listed = frozenset[Capability]().union(*(info.capabilities for info in infos))
        needed = {"chat": Capability.COMPLETION, "embed": Capability.EMBEDDING}
        if self.has("embed") and self.has("chat"):
            del needed["embed"]  # the sample need not have a model of each kind
        for operation, capability in needed.items():
            assert not self.has(operation) or capability in listed, f"no model has {capability}"

    @check
    async def test_a_failed_model_list_is_an_error(self, bench: Bench) -> None:
        """The gateway then keeps the last list."""
        failures = {
            UpstreamError: refusal(500, "no list today"),
            UpstreamProtocolError: Answer([b"{]"], content_type="application/json"),
        }
        for kind, answer in failures.items():
            bench.upstream.plan(answer)
            try:
                await bench.provider.list_models()
            except kind:
                continue
            assert not bench.upstream.requests, "a failed list is no error"
            pytest.skip("optional: the service is not asked for its list")

    @check
    async def test_odd_rows_cost_no_more_than_themselves(self, bench: Bench) -> None:
        """Services add members, send null for others, and break their own documentation."""
        body = self.models_body
        bodies = body if isinstance(body, Mapping) else {"": body}
        for ending, document in bodies.items():
            for odd, what in _odd_documents(codec.decode(document)):
                self._serve_models(bench)
                answer = Answer([codec.encode(odd)], content_type="application/json")
                bench.upstream.routes[ending] = answer
                try:
                    models = await bench.provider.list_models()
                except UpstreamError:
                    continue
                found = checked_models(NAME, models)
                assert len(found) == len(models), f"a wrong ModelInfo for {what}"


def _odd_documents(document: Any) -> Iterator[tuple[object, str]]:
    """Yield the document with one thing odd at a time, and what is odd."""
    for odd in _ODD:
        yield odd, f"a document that is {odd!r}"
    for path, value in _places(document, ()):
        if isinstance(value, list):
            for odd in _ODD:
                yield _changed(document, path, [odd, *value]), f"a row {odd!r} at {path}"
        for odd in _ODD:
            yield _changed(document, path, odd), f"{odd!r} at {path}"


def _places(value: Any, path: tuple[Any, ...]) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Yield all places within *value*; of a list only those in the first element."""
    inner = list(enumerate(value[:1])) if isinstance(value, list) else []
    inner = list(value.items()) if isinstance(value, dict) else inner
    for key, one in inner:
        yield (*path, key), one
        yield from _places(one, (*path, key))


def _changed(value: Any, path: tuple[Any, ...], to: object) -> Any:
    """Return *value* with *to* at *path*; a null takes the member out of its object."""
    key, *rest = path
    copy = value.copy()
    if rest:
        copy[key] = _changed(value[key], tuple(rest), to)
    elif to is None and isinstance(copy, dict):
        del copy[key]
    else:
        copy[key] = to
    return copy
