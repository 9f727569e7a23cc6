"""The contract suite: tests that every adapter must pass.

An adapter's own tests inherit it::

    class TestAcme(ProviderContract):
        provider = AcmeProvider
        hello_stream = Path("hello.sse").read_bytes()
        hello_text = "Hello!"
        hello_finish = b'data: {"end"'
        models_body = b'["acme-1"]'

Each check runs the adapter against a `FakeUpstream` in an event loop of its own, so no plugin of
pytest is needed. The checks cover what the gateway relies on: a stream ends with one `Finish` or
with an error, no request is sent twice, closing a stream closes its connection, and every failure
has the right error class.
"""

from __future__ import annotations

from gateway.testing.contract.abilities import Abilities
from gateway.testing.contract.answers import Answers
from gateway.testing.contract.failures import Failures
from gateway.testing.contract.leftovers import Leftovers
from gateway.testing.contract.lists import Lists
from gateway.testing.contract.requests import Requests

__all__ = ["ProviderContract"]


class ProviderContract(Answers, Requests, Abilities, Lists, Failures, Leftovers):
    """Inherit from this in a class named ``Test…``, and set what `Attributes` lists."""
