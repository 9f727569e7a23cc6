"""Fuzz readers and decoders with guidance by coverage: ``python -m benchmarks.fuzz.guided TARGET``.

It needs atheris (``pip install atheris``), which has wheels for some versions of Python. Further
arguments are those of libFuzzer, such as ``-max_total_time=300`` or a folder of seeds.
"""

import sys
from collections.abc import Callable, Mapping
from contextlib import suppress

import atheris

with atheris.instrument_imports(include=["gateway"]):
    from gateway.core.errors import GatewayError
    from gateway.dialects.anthropic.schemas import load_messages
    from gateway.dialects.bodies.arguments import parse_arguments
    from gateway.dialects.bodies.form import read_form
    from gateway.dialects.bodies.zstd import decompress
    from gateway.dialects.ollama.schemas import load_chat as load_ollama_chat
    from gateway.dialects.openai.schemas import load_chat, load_response
    from gateway.providers.upstream.framing import EventSplitter, LineSplitter
    from gateway.providers.upstream.transport.answer import AnswerParser, BadAnswer

__all__: list[str] = []


def _form(data: bytes) -> None:
    read_form(b"--x\r\n" + data, "multipart/form-data; boundary=x", most_parts=100)


def _events(data: bytes) -> None:
    """Cut the bytes in two places: what comes of them must be the same."""
    at = data[0] % len(data) if data else 0
    whole, cut = EventSplitter(), EventSplitter()
    first = [*whole.feed(data), *whole.close()] if data else []
    second = [*cut.feed(data[:at]), *cut.feed(data[at:]), *cut.close()] if data else []
    assert first == second, (first, second)


def _lines(data: bytes) -> None:
    at = data[0] % len(data) if data else 0
    whole, cut = LineSplitter(), LineSplitter()
    first = [*whole.feed(data), *whole.close()] if data else []
    second = [*cut.feed(data[:at]), *cut.feed(data[at:]), *cut.close()] if data else []
    assert first == second, (first, second)


def _answer(data: bytes) -> None:
    parser = AnswerParser()
    parser.begin()
    at = data[0] % len(data) if data else 0
    for piece in (b"HTTP/1.1 200 OK\r\n", data[:at], data[at:]):
        if piece and not parser.done:
            parser.feed(piece)


_TARGETS: Mapping[str, Callable[[bytes], object]] = {
    "ollama": load_ollama_chat,
    "openai": load_chat,
    "responses": load_response,
    "anthropic": load_messages,
    "form": _form,
    "zstd": lambda data: decompress(b"\x28\xb5\x2f\xfd" + data, most_frames=100),
    "arguments": lambda data: parse_arguments(data.decode("utf-8", "replace")),
    "events": _events,
    "lines": _lines,
    "answer": _answer,
}


def _tested(read: Callable[[bytes], object]) -> Callable[[bytes], None]:
    def test(data: bytes) -> None:
        with suppress(GatewayError, BadAnswer):  # how bad input is told
            read(data)

    return test


if __name__ == "__main__":
    name = sys.argv[1] if len(sys.argv) > 1 else ""
    if name not in _TARGETS:
        sys.exit(f"usage: python -m benchmarks.fuzz.guided {{{','.join(_TARGETS)}}} [OPTION...]")
    atheris.Setup([sys.argv[0], *sys.argv[2:]], _tested(_TARGETS[name]))
    atheris.Fuzz()
