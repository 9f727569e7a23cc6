"""Vectors as OpenAI's API returns them."""

from __future__ import annotations

import pytest

from gateway.core.embeddings import EmbedResult
from gateway.core.errors import UpstreamProtocolError
from gateway.core.events import Usage
from gateway.providers.embeddings import read_embeddings


def test_embeddings_come_in_the_order_of_the_inputs() -> None:
    data = [{"embedding": [2.0], "index": 1}, {"embedding": [1.0], "index": 0}]
    assert read_embeddings({"data": data}, 2, provider="acme") == EmbedResult([[1.0], [2.0]])
    usage = {"prompt_tokens": 3, "total_tokens": 3}
    assert read_embeddings({"data": data, "usage": usage}, 2, provider="acme").usage == Usage(3, 0)


@pytest.mark.parametrize("payload", [None, {}, {"data": [1]}, {"data": []}], ids=str)
def test_embeddings_that_cannot_be_read(payload: object) -> None:
    with pytest.raises(UpstreamProtocolError, match="acme sent"):
        read_embeddings(payload, 1, provider="acme")
