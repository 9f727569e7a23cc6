"""Each rule of Ollama's wire format, asked of a gateway that listens on loopback."""

from __future__ import annotations

import http.client
from collections import Counter
from collections.abc import Iterator

import pytest

from wire_rules import ALL
from wire_rules.case import Case, Reply


@pytest.fixture(scope="module")
def connection(address: str) -> Iterator[http.client.HTTPConnection]:
    connection = http.client.HTTPConnection(address, timeout=20)
    yield connection
    connection.close()


def ask(connection: http.client.HTTPConnection, case: Case) -> Reply:
    skip = "Host" in case.sent
    connection.putrequest(case.method, case.target, skip_host=skip, skip_accept_encoding=True)
    body = case.encoded
    for name, value in case.sent.items():
        connection.putheader(name, value)
    if body is not None:
        connection.putheader("Content-Length", str(len(body)))
    connection.endheaders(body)
    response = connection.getresponse()
    try:
        body, whole = response.read(), True
    except http.client.IncompleteRead as cut:
        body, whole = cut.partial, False
        connection.close()
    return Reply(response.status, response.headers, body, whole=whole)


@pytest.mark.parametrize("case", ALL, ids=[case.id for case in ALL])
def test_the_answer_is_ollamas(connection: http.client.HTTPConnection, case: Case) -> None:
    for earlier in case.before:
        earlier.verify(ask(connection, earlier))
    case.verify(ask(connection, case))


def test_each_case_has_a_name_of_its_own() -> None:
    assert [name for name, count in Counter(case.id for case in ALL).items() if count > 1] == []
