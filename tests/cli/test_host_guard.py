"""The command line guards a server on loopback against DNS rebinding, and no other."""

from __future__ import annotations

import http.client
from pathlib import Path

import pytest

from commandline import serving


@pytest.mark.parametrize(("host", "status"), [("127.0.0.1", 403), ("0.0.0.0", 200)])
def test_a_foreign_host_is_refused_on_loopback_only(tmp_path: Path, host: str, status: int) -> None:
    with serving(tmp_path, "--sandbox", "--host", host) as gateway:
        port = int(gateway.url.rpartition(":")[2])
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request("GET", "/", headers={"Host": "rebound.example.com"})
        refused = connection.getresponse()
        refused.read()
        connection.request("GET", "/", headers={"Host": f"localhost:{port}"})
        assert (refused.status, connection.getresponse().status) == (status, 200)
        connection.close()
