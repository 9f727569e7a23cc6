"""Why a service cannot be reached, in the words that operators see."""

from __future__ import annotations

import errno
import socket
import ssl

import pytest

from gateway.core.errors import UpstreamProtocolError, UpstreamUnavailable
from gateway.providers.upstream.failures import with_reason
from gateway.providers.upstream.transport import NotConnected


def caused(*causes: BaseException) -> UpstreamUnavailable:
    error = UpstreamUnavailable("mistral cannot be reached", provider="mistral")
    last: BaseException = error
    for cause in causes:
        last.__cause__ = cause
        last = cause
    return error


def untrusted() -> ssl.SSLError:
    error = ssl.SSLCertVerificationError(1, "[SSL: CERTIFICATE_VERIFY_FAILED] at 10.0.0.1")
    error.verify_message = "self-signed certificate"
    return error


def alert() -> ssl.SSLError:
    error = ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER]")
    error.reason = "WRONG_VERSION_NUMBER"
    return error


@pytest.mark.parametrize(
    ("cause", "reason"),
    [
        (untrusted(), ": certificate verify failed: self-signed certificate"),
        (alert(), ": TLS failed: wrong version number"),
        (ssl.SSLError(1, "x"), ": TLS failed: unknown"),
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), ": no such host"),
        (
            socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution"),
            ": name lookup failed: temporary failure in name resolution",
        ),
        (ConnectionRefusedError(errno.ECONNREFUSED, "Connect call failed"), ": connection refused"),
        (OSError("Multiple exceptions: [Errno 111] Connect ('::1', 1)"), ": connection refused"),
        (OSError("who knows"), ""),
        (TimeoutError(), ": timed out"),
        (ValueError("no"), ""),
    ],
)
def test_the_reason_follows_the_message(cause: BaseException, reason: str) -> None:
    error = caused(NotConnected("text with 10.0.0.1"), cause)
    assert with_reason(error) == f"mistral cannot be reached{reason}"


def test_other_errors_have_their_message_only() -> None:
    error = UpstreamProtocolError("mistral sent an answer that is not JSON", provider="mistral")
    error.__cause__ = ConnectionResetError(errno.ECONNRESET, "x")
    assert with_reason(error) == "mistral sent an answer that is not JSON"
    assert with_reason(TimeoutError()) == ""
