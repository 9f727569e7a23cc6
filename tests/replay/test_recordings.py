"""Files of recordings: readable, without secrets, and the same answer again."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.core.chat import ChatRequest, Media, Message, Role, Sampling, replace
from gateway.core.embeddings import EmbedRequest, EmbedResult
from gateway.core.errors import (
    GatewayError,
    Unauthorized,
    UpstreamError,
    UpstreamRateLimited,
    UpstreamRejected,
)
from gateway.core.events import Finish, FinishReason, TextDelta, ToolCall, Usage
from gateway.core.model_info import Capability, ModelInfo
from gateway.core.transcriptions import TranscribeRequest, Transcript
from gateway.replay.recordings import Batch, Recording, Recordings, differences

CHAT = ChatRequest("tiny/one", (Message(Role.USER, "hi"),))
DONE = Finish(FinishReason.STOP, Usage(5, 7))
BATCHES: Sequence[Batch] = [
    (0.25, [TextDelta("he"), TextDelta("llo")]),
    (0.5, [ToolCall("f", {"a": [1]}, "1"), DONE]),
]


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_a_recording_is_one_readable_file(tmp_path: Path) -> None:
    Recordings(tmp_path, "p").write(CHAT, Recording(BATCHES))
    (path,) = files(tmp_path)
    assert path.parent == tmp_path / "p" / "tiny%2Fone"
    assert len(path.stem) == 12
    found = json.loads(path.read_text("utf-8"))
    assert [*found] == ["format", "recorded", "kind", "request", "pace", "events"]
    assert found["request"]["messages"][0]["content"] == "hi"
    assert found["events"][:2] == [
        [0.25, "text", {"content": "he"}],
        [0.25, "text", {"content": "llo"}],
    ]


def test_a_stream_is_read_as_it_was_written(tmp_path: Path) -> None:
    recordings = Recordings(tmp_path, "p")
    recordings.write(CHAT, Recording(BATCHES))
    assert recordings.read(CHAT) == Recording(BATCHES)
    recordings.write(CHAT, Recording([(0.0, [DONE])], pace=True))
    assert recordings.read(CHAT) == Recording([(0.0, [DONE])], pace=True)
    assert recordings.read(replace(CHAT, model="other")) is None


def test_results_are_read_as_they_were_written(tmp_path: Path) -> None:
    recordings = Recordings(tmp_path, "p")
    vectors = EmbedResult([[0.5, -1.25], [3.0, 0.0]], Usage(3, 0), {"ollama": {"a": 1}})
    embed = EmbedRequest("m", ("a", "b"))
    recordings.write(embed, Recording(result=vectors))
    assert recordings.read(embed) == Recording(result=vectors)
    heard = TranscribeRequest("m", b"RIFF" * 999, "a.wav", "audio/wav")
    recordings.write(heard, Recording(result=Transcript("hello")))
    assert recordings.read(heard) == Recording(result=Transcript("hello"))
    texts = [path.read_text("utf-8") for path in files(tmp_path)]
    assert max(map(len, texts)) < 1500


@pytest.mark.parametrize(
    "error",
    [
        UpstreamRateLimited("slow down", headers={"Retry-After": "7", "Set-Cookie": "secret"}),
        UpstreamRejected("too hot", status=422),
    ],
)
def test_an_error_keeps_class_status_text_and_wait_and_no_other_header(
    tmp_path: Path, error: GatewayError
) -> None:
    recordings = Recordings(tmp_path, "p")
    recordings.write(CHAT, Recording(BATCHES[:1], error=error))
    found = recordings.read(CHAT)
    assert found is not None
    assert type(found.error) is type(error)
    assert found.error is not None
    assert (found.error.status, found.error.message) == (error.status, error.message)
    assert found.error.headers.get("Retry-After") == error.headers.get("Retry-After")
    assert found.batches == BATCHES[:1]
    assert "secret" not in files(tmp_path)[0].read_text("utf-8")


def test_an_error_that_no_adapter_raises_becomes_one_of_the_provider(tmp_path: Path) -> None:
    recordings = Recordings(tmp_path, "p")
    recordings.write(CHAT, Recording(error=Unauthorized("no")))
    found = recordings.read(CHAT)
    assert found is not None
    assert type(found.error) is UpstreamError
    assert found.error.status == 401


def test_the_models_of_a_provider_are_recorded_without_addresses(tmp_path: Path) -> None:
    recordings = Recordings(tmp_path, "p")
    assert recordings.read_models() is None
    model = ModelInfo(
        "m",
        frozenset({Capability.TOOLS}),
        released=datetime(2026, 1, 2, tzinfo=UTC),
        parameters={"a": 1},
        remote_host="https://secret.example",
    )
    recordings.write_models([model])
    (found,) = recordings.read_models() or ()
    assert found.remote_host == ""
    assert (found.id, found.capabilities, found.released) == (
        "m",
        model.capabilities,
        model.released,
    )
    assert "secret" not in (tmp_path / "p" / "models.json").read_text("utf-8")


def test_who_has_asked_is_in_no_file_and_changes_no_name(tmp_path: Path) -> None:
    recordings = Recordings(tmp_path, "p")
    recordings.write(replace(CHAT, caller="alice"), Recording(BATCHES))
    assert recordings.read(replace(CHAT, caller="bob")) == Recording(BATCHES)
    assert "alice" not in files(tmp_path)[0].read_text("utf-8")


@pytest.mark.parametrize(
    "model", ["..", "../../x", "/etc/passwd", "", ".hidden", "x" * 500, "ä/\0"]
)
def test_no_name_of_a_model_leads_out_of_the_folder(tmp_path: Path, model: str) -> None:
    root = tmp_path / "recordings"
    recordings = Recordings(root, "p")
    chat = replace(CHAT, model=model)
    recordings.write(chat, Recording(BATCHES))
    assert recordings.read(chat) == Recording(BATCHES)
    (path,) = files(tmp_path)
    assert path.parent.parent == root / "p"


@pytest.mark.parametrize(
    "text", ["", "[]", '{"format": 1}', '{"format":2,"recorded":"","kind":"","request":{}}']
)
def test_a_file_that_is_no_recording_is_named(tmp_path: Path, text: str) -> None:
    recordings = Recordings(tmp_path, "p")
    recordings.write(CHAT, Recording(BATCHES))
    (path,) = files(tmp_path)
    path.write_text(text, "utf-8")
    with pytest.raises(ValueError, match=path.name):
        recordings.read(CHAT)


def test_a_file_with_an_event_of_another_version_is_named(tmp_path: Path) -> None:
    recordings = Recordings(tmp_path, "p")
    recordings.write(CHAT, Recording(BATCHES))
    (path,) = files(tmp_path)
    path.write_text(path.read_text("utf-8").replace('"text"', '"unheard_of"'), "utf-8")
    with pytest.raises(ValueError, match="unheard_of"):
        recordings.read(CHAT)


def test_the_nearest_recording_is_the_one_with_the_fewest_differences(tmp_path: Path) -> None:
    recordings = Recordings(tmp_path, "p")
    assert recordings.nearest(CHAT) is None
    recordings.write(replace(CHAT, sampling=Sampling(seed=1, top_p=0.5)), Recording(BATCHES))
    recordings.write(EmbedRequest("tiny/one", ("hi",)), Recording(result=EmbedResult([[1.0]])))
    recordings.write(replace(CHAT, sampling=Sampling(seed=2)), Recording(BATCHES))
    (tmp_path / "p" / "tiny%2Fone" / "broken.json").write_text("[]", "utf-8")
    found = recordings.nearest(CHAT)
    assert found is not None
    assert found[0].startswith("p/tiny%2Fone/")
    assert found[1] == ["request.sampling.seed"]


def test_differences_name_members_and_not_what_they_hold() -> None:
    one = {"a": [1, {"b": "x"}], "c": 1, "d": [1], "e": 1}
    other = {"a": [1, {"b": "y"}], "c": True, "d": [], "f": 2}
    assert [*differences(one, other)] == ["a[1].b", "c", "d", "e", "f"]


def test_an_image_stands_in_a_file_as_its_digest_alone(tmp_path: Path) -> None:
    recordings = Recordings(tmp_path, "p")
    image = Media("image/png", "A" * 5000)
    chat = replace(CHAT, messages=(Message(Role.USER, ("see", image)),))
    recordings.write(chat, Recording(BATCHES))
    text = files(tmp_path)[0].read_text("utf-8")
    assert "AAAA" not in text
    assert "sha256:" in text
