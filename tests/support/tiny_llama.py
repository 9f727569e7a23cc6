"""A language model of half a megabyte with random weights, in the format of llama.cpp.

What it says makes no sense; that it is said by a server that no one here wrote does (GGUF: the
specification in ggml's ``docs/gguf.md``).
"""

from __future__ import annotations

import random
import struct
from array import array
from collections.abc import Iterator
from pathlib import Path

__all__ = ["write_tiny_llama"]

_WIDTH, _INNER, _HEADS, _LAYERS, _CONTEXT = 64, 128, 4, 2, 1024
_ALIGNMENT = 32
_NORMAL, _UNKNOWN, _CONTROL, _BYTE = 1, 2, 3, 6
_TEMPLATE = (
    "{% for t in tools or [] %}{{ t | tojson }}\n{% endfor %}"
    "{% for m in messages %}{{ m.role }}: {{ m.content or '' }}"
    "{% for c in m.tool_calls or [] %}<tool_call>"
    '{"name": "{{ c.function.name }}", "arguments": {{ c.function.arguments | tojson }}}'
    "</tool_call>{% endfor %}\n{% endfor %}assistant:"
)
_TYPES = {bool: (7, "<?"), int: (4, "<I"), float: (6, "<f")}


def write_tiny_llama(path: Path) -> None:
    """Write the model; it is the same each time."""
    tokens = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    kinds = [_UNKNOWN, _CONTROL, _CONTROL, *[_BYTE] * 256]
    letters = ["\u2581", *map(chr, range(33, 127))]
    tokens += letters
    kinds += [_NORMAL] * len(letters)
    facts: dict[str, object] = {
        "general.architecture": "llama",
        "general.name": "tiny",
        "llama.context_length": _CONTEXT,
        "llama.embedding_length": _WIDTH,
        "llama.block_count": _LAYERS,
        "llama.feed_forward_length": _INNER,
        "llama.attention.head_count": _HEADS,
        "llama.attention.head_count_kv": _HEADS,
        "llama.rope.dimension_count": _WIDTH // _HEADS,
        "llama.attention.layer_norm_rms_epsilon": 1e-5,
        "llama.vocab_size": len(tokens),
        "tokenizer.ggml.model": "llama",
        "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.scores": [0.0] * len(tokens),
        "tokenizer.ggml.token_type": kinds,
        "tokenizer.ggml.bos_token_id": 1,
        "tokenizer.ggml.eos_token_id": 2,
        "tokenizer.ggml.unknown_token_id": 0,
        "tokenizer.chat_template": _TEMPLATE,
    }
    tensors = list(_tensors(len(tokens)))
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(facts))
    for name, value in facts.items():
        head += _text(name) + _typed(value)
    body = b""
    for name, shape, data in tensors:
        head += _text(name) + struct.pack("<I", len(shape))
        head += struct.pack(f"<{len(shape)}QIQ", *shape, 0, len(body))
        body += data + bytes(-len(data) % _ALIGNMENT)
    path.write_bytes(head + bytes(-len(head) % _ALIGNMENT) + body)


def _text(text: str) -> bytes:
    encoded = text.encode()
    return struct.pack("<Q", len(encoded)) + encoded


def _typed(value: object) -> bytes:
    if isinstance(value, str):
        return struct.pack("<I", 8) + _text(value)
    if not isinstance(value, list):
        number, form = _TYPES[type(value)]
        return struct.pack("<I", number) + struct.pack(form, value)
    if isinstance(value[0], str):
        return struct.pack("<IIQ", 9, 8, len(value)) + b"".join(map(_text, value))
    number, form = (6, "f") if isinstance(value[0], float) else (5, "i")
    return struct.pack("<IIQ", 9, number, len(value)) + struct.pack(f"<{len(value)}{form}", *value)


def _tensors(vocabulary: int) -> Iterator[tuple[str, tuple[int, ...], bytes]]:
    """Yield name, shape (the fastest dimension first) and data."""
    dice = random.Random(0)

    def weights(name: str, *shape: int) -> tuple[str, tuple[int, ...], bytes]:
        count = shape[0] * shape[1]
        numbers = array("f", (dice.gauss(0, 0.1) for _ in range(count)))
        return f"{name}.weight", shape, numbers.tobytes()

    def ones(name: str) -> tuple[str, tuple[int, ...], bytes]:
        return f"{name}.weight", (_WIDTH,), array("f", [1.0] * _WIDTH).tobytes()

    yield weights("token_embd", _WIDTH, vocabulary)
    yield weights("output", _WIDTH, vocabulary)
    yield ones("output_norm")
    for layer in range(_LAYERS):
        block = f"blk.{layer}."
        yield ones(f"{block}attn_norm")
        yield ones(f"{block}ffn_norm")
        for part in ("attn_q", "attn_k", "attn_v", "attn_output"):
            yield weights(block + part, _WIDTH, _WIDTH)
        yield weights(f"{block}ffn_gate", _WIDTH, _INNER)
        yield weights(f"{block}ffn_up", _WIDTH, _INNER)
        yield weights(f"{block}ffn_down", _INNER, _WIDTH)
