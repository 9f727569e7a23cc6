"""The contract suite fails no right adapter, however odd its service is."""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

import pytest

from gateway.providers import (
    ChatRequest,
    ChatStream,
    ModelNotFound,
    TranscribeRequest,
    Transcript,
)
from gateway.testing import ProviderContract, Received
from odd_adapters import (
    RIGHT,
    Deployed,
    DeployedContract,
    EmbedderContract,
    FramedContract,
    Hears,
    HearsContract,
)

pytestmark = pytest.mark.slow

CHECKS = sorted(name for name in dir(ProviderContract) if name.startswith("test_"))


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("contract", RIGHT, ids=lambda contract: contract.provider.__name__)
def test_a_right_adapter_passes(contract: type[ProviderContract], check: str) -> None:
    _runs(contract, check)


class Unlisted(FramedContract):
    """Its list does not have the model of the checks."""

    model = "eu.three:0"


@pytest.mark.parametrize("check", CHECKS)
def test_a_model_that_is_in_no_list_is_no_mistake(check: str) -> None:
    assert _runs(Unlisted, check) or check not in ("test_tools_calls_and_results_are_sent",)


class Picky(Deployed):
    """Knows the names of its models, and rejects all others."""

    def chat(self, request: ChatRequest) -> ChatStream:
        if request.model not in self.context.options.models:
            raise ModelNotFound(f"no model {request.model}")
        return super().chat(request)


def test_a_name_in_a_path_may_be_rejected() -> None:
    contract = type("TestPicky", (DeployedContract,), {"provider": Picky})
    assert _runs(contract, "test_a_model_in_a_path_is_percent_encoded")


def test_an_answer_to_embeddings_is_optional() -> None:
    contract = type("Without", (EmbedderContract,), {"embed_answer": ProviderContract.embed_answer})
    assert not _runs(contract, "test_every_input_has_its_vector")
    assert ProviderContract().embed_answer(Received("GET", "/", {}, b"")) is None


class Deaf(Hears):
    """Hears nothing of what it is given."""

    async def transcribe(self, request: TranscribeRequest) -> Transcript:
        return await super().transcribe(dataclasses.replace(request, **self.changed))

    changed: ClassVar[dict[str, Any]] = {"recording": b"RIFF"}


class Elsewhere(Deaf):
    changed: ClassVar[dict[str, Any]] = {"model": "another"}


@pytest.mark.parametrize("provider", [Deaf, Elsewhere])
def test_a_recording_or_model_that_is_not_sent_is_found(provider: type[Hears]) -> None:
    contract = type("TestDeaf", (HearsContract,), {"provider": provider})
    with pytest.raises(AssertionError, match="is missing"):
        _runs(contract, "test_a_recording_is_sent_whole_and_its_text_returned")


def test_a_transcript_is_optional() -> None:
    contract = type("Without", (HearsContract,), {"transcript_body": b""})
    assert not _runs(contract, "test_a_recording_is_sent_whole_and_its_text_returned")


def test_what_an_adapter_has_is_checked() -> None:
    run = {
        contract.provider.__name__: [name for name in CHECKS if _runs(contract, name)]
        for contract in RIGHT
    }
    assert "test_every_input_has_its_vector" in run["Embedder"]
    assert "test_a_failed_embedding_or_transcription_is_an_error" in run["Hears"]
    assert "test_a_recording_is_sent_whole_and_its_text_returned" in run["Hears"]
    assert "test_calls_are_whole_and_end_the_turn" in run["Framed"]
    assert not [name for name in run["Hears"] if "stream" in name]


def _runs(contract: type[ProviderContract], check: str) -> bool:
    try:
        getattr(contract(), check)()
    except pytest.skip.Exception as skipped:
        reason = str(skipped)
    else:
        return True
    assert reason.startswith("optional: ")
    return False
