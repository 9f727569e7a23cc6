"""The command line guards its server against DNS rebinding."""

from __future__ import annotations

import http.client
from pathlib import Path

import pytest

from commandline import serving


@pytest.mark.parametrize(
    ("host", "allowed", "statuses"),
    [
        ("127.0.0.1", "", (403, 403)),
        ("0.0.0.0", "", (200, 403)),
        pytest.param("127.0.0.1", "rebound.example.com", (200, 200), marks=pytest.mark.slow),
        ("0.0.0.0", "other.example.com, *.example.com", (200, 200)),
    ],
)
def test_a_foreign_host_is_refused(
    tmp_path: Path, host: str, allowed: str, statuses: tuple[int, int]
) -> None:
    environ = {"GATEWAY_SERVER_ALLOWED_HOSTS": allowed}
    with serving(tmp_path, "--sandbox", "--host", host, environ=environ) as gateway:
        port = int(gateway.url.rpartition(":")[2])
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        found = []
        for headers in (
            {"Host": "rebound.example.com"},
            {"Host": "rebound.example.com", "Accept-Language": "de"},
            {"Host": f"localhost:{port}", "Accept-Language": "de"},
        ):
            connection.request("GET", "/", headers=headers)
            answer = connection.getresponse()
            answer.read()
            found.append(answer.status)
        connection.close()
    assert found == [*statuses, 200]
