"""The contract suite: what every adapter must do, whatever its service speaks.

An adapter's own tests inherit it::

    class TestAcme(ProviderContract):
        provider = AcmeProvider
        hello_stream = Path("hello.sse").read_bytes()
        hello_text = "Hello!"
        hello_finish = b'data: {"end"'
        models_body = b'["acme-1"]'

Each check runs the adapter against a `FakeUpstream` in an event loop of its own, so no plugin of
pytest is needed. What is checked is what the gateway relies on: that a stream ends with one
`Finish` or with an error, that nothing is ever asked for twice, that whoever leaves frees the
service, and that every failure says whose it is.
"""

from __future__ import annotations

from gateway.testing.contract.answers import Answers
from gateway.testing.contract.failures import Failures
from gateway.testing.contract.leftovers import Leftovers

__all__ = ["ProviderContract"]


class ProviderContract(Answers, Failures, Leftovers):
    """Inherit this in a class whose name begins with ``Test`` and say what is said below."""
