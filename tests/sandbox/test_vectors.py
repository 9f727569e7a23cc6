from __future__ import annotations

import base64
import math
import struct
from typing import Any

import pytest

from gateway.sandbox.models import MODELS
from gateway.sandbox.vectors import embed, vector
from mistral_openapi import Judge


def similarity(one: str, other: str, dimensions: int = 1024) -> float:
    pairs = zip(vector(one, dimensions), vector(other, dimensions), strict=True)
    return math.fsum(a * b for a, b in pairs)


def embedded(model: str = "codestral-embed", **members: Any) -> list[Any]:
    body: Any = embed({"model": model, "input": "a small red car", **members}, MODELS[model])
    return [item["embedding"] for item in body["data"]]


@pytest.mark.parametrize("text", ["", " ", "?!", "hello world", "\ud800", "日本語"])
def test_a_vector_has_norm_1(text: str) -> None:
    assert math.hypot(*vector(text, 64)) == pytest.approx(1)


def test_words_that_cancel_each_other_out_still_make_a_vector() -> None:
    assert vector("ab ah", 1) == [1.0]


def test_texts_that_share_words_are_nearer_than_those_that_do_not() -> None:
    near = similarity("the cat sat on the mat", "A cat is sitting on a mat")
    far = similarity("the cat sat on the mat", "quarterly revenue grew by five percent")
    assert similarity("Cats!", "cats") == pytest.approx(1)
    assert near > 0.3 > far


def test_inflected_words_are_a_little_alike() -> None:
    assert similarity("translate", "translation") > 0.2 > similarity("translate", "banana")


def test_dimensions_follow_the_model_and_the_wish() -> None:
    assert [len(one) for one in embedded("mistral-embed")] == [1024]
    assert [len(one) for one in embedded()] == [1536]
    assert [len(one) for one in embedded(output_dimension=8)] == [8]


def test_the_response_keeps_the_order_and_counts_tokens(judge: Judge) -> None:
    body = embed({"model": "mistral-embed", "input": ["abcde", ""]}, MODELS["mistral-embed"])
    judge("EmbeddingResponse", body)
    assert body["data"] == [
        {"object": "embedding", "index": 0, "embedding": vector("abcde", 1024)},
        {"object": "embedding", "index": 1, "embedding": vector("", 1024)},
    ]
    assert body["usage"] == {"prompt_tokens": 2, "completion_tokens": 0, "total_tokens": 2}


def test_numbers_are_quantised_to_the_wanted_type() -> None:
    [floats] = embedded(output_dimension=16)
    [signed] = embedded(output_dimension=16, output_dtype="int8")
    [unsigned] = embedded(output_dimension=16, output_dtype="uint8")
    assert signed == [round(value * 127) for value in floats]
    assert unsigned == [value + 128 for value in signed]
    [packed] = embedded(output_dimension=16, output_dtype="ubinary")
    bits = "".join("1" if value > 0 else "0" for value in floats)
    assert packed == [int(bits[:8], 2), int(bits[8:], 2)]
    [shifted] = embedded(output_dimension=16, output_dtype="binary")
    assert shifted == [value - 128 for value in packed]


@pytest.mark.parametrize(
    ("dtype", "code"), [("float", "16f"), ("int8", "16b"), ("uint8", "16B"), ("binary", "2b")]
)
def test_base64_holds_the_same_numbers(dtype: str, code: str) -> None:
    [numbers] = embedded(output_dimension=16, output_dtype=dtype)
    [text] = embedded(output_dimension=16, output_dtype=dtype, encoding_format="base64")
    assert struct.unpack(f"<{code}", base64.b64decode(text)) == pytest.approx(numbers)
