from __future__ import annotations

import pytest

from gateway.core.chat import Media, Message, Role
from gateway.core.errors import InvalidRequest
from gateway.providers.mistral.messages import media_chunk, wire_messages
from mistral_histories import PDF, PNG, WAV, assistant, call, result, system, user

IMAGE = {"type": "image_url", "image_url": "data:image/png;base64,iVBORw0KGgo="}


@pytest.mark.parametrize(
    ("media", "chunk"),
    [
        pytest.param(PNG, IMAGE, id="png"),
        *(
            pytest.param(
                Media(f"image/{kind}", "AAAA"),
                {"type": "image_url", "image_url": f"data:image/{kind};base64,AAAA"},
                id=kind,
            )
            for kind in ("jpeg", "gif", "webp")
        ),
        pytest.param(WAV, {"type": "input_audio", "input_audio": "UklGRg=="}, id="wav"),
        pytest.param(
            Media("audio/mpeg", "SUQz"), {"type": "input_audio", "input_audio": "SUQz"}, id="mp3"
        ),
        pytest.param(
            PDF,
            {"type": "document_url", "document_url": "data:application/pdf;base64,JVBERi0="},
            id="pdf",
        ),
        pytest.param(
            Media(url="https://e.example/a\ud83d.png"),
            {"type": "image_url", "image_url": "https://e.example/a\ufffd.png"},
            id="url",
        ),
        pytest.param(
            Media("application/pdf", url="https://e.example/a.pdf"),
            {"type": "document_url", "document_url": "https://e.example/a.pdf"},
            id="url-of-a-pdf",
        ),
        pytest.param(
            Media("audio/wav", url="https://e.example/a.wav"),
            {"type": "input_audio", "input_audio": "https://e.example/a.wav"},
            id="url-of-a-recording",
        ),
    ],
)
def test_media_become_chunks(media: Media, chunk: dict[str, object]) -> None:
    assert media_chunk(media) == chunk


@pytest.mark.parametrize(
    ("media", "words"),
    [
        pytest.param(
            Media("image/bmp", "Qk0="),
            "unsupported media format image/bmp: use PNG, JPEG, GIF or WebP images, "
            "WAV or MP3 recordings, or PDF documents",
            id="bmp",
        ),
        pytest.param(
            Media("", "AAAA"),
            "unsupported media format (not recognised): use PNG, JPEG, GIF or WebP images, "
            "WAV or MP3 recordings, or PDF documents",
            id="unknown",
        ),
        pytest.param(
            Media(url="http://e.example/a.png"),
            "the URL of an image must start with https://",
            id="http",
        ),
        pytest.param(
            Media(url="file:///etc/passwd"),
            "the URL of an image must start with https://",
            id="file",
        ),
    ],
)
def test_other_media_are_refused_naming_what_works(media: Media, words: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        media_chunk(media)
    assert (caught.value.status, caught.value.message) == (400, words)


def text(words: str) -> dict[str, object]:
    return {"type": "text", "text": words}


def thinking(words: str) -> dict[str, object]:
    return {"type": "thinking", "thinking": [text(words)], "closed": True}


@pytest.mark.parametrize(
    ("message", "wire"),
    [
        pytest.param(system(), {"role": "system", "content": "Be brief."}, id="system"),
        pytest.param(user(""), {"role": "user", "content": ""}, id="empty-user"),
        pytest.param(
            user("Look!", PNG, PDF),
            {"role": "user", "content": [text("Look!"), IMAGE, media_chunk(PDF)]},
            id="text-before-media",
        ),
        pytest.param(user("", PNG), {"role": "user", "content": [IMAGE]}, id="media-without-text"),
        pytest.param(
            assistant("Yes.", thinking="Hm."),
            {"role": "assistant", "content": [thinking("Hm."), text("Yes.")]},
            id="thinking",
        ),
        pytest.param(
            assistant("Yes.", thinking=" "),
            {"role": "assistant", "content": "Yes."},
            id="blank-thinking",
        ),
        pytest.param(
            assistant("", call("f", "abcdefghi"), thinking="Hm."),
            {
                "role": "assistant",
                "content": [thinking("Hm.")],
                "tool_calls": [
                    {
                        "id": "abcdefghi",
                        "type": "function",
                        "function": {"name": "f", "arguments": "{}"},
                    }
                ],
            },
            id="thinking-before-a-call",
        ),
        pytest.param(
            assistant("Let me see.", call("f", "abcdefghi", n=2**70, s=["\ud83d\u2603"])),
            {
                "role": "assistant",
                "content": "Let me see.",
                "tool_calls": [
                    {
                        "id": "abcdefghi",
                        "type": "function",
                        "function": {
                            "name": "f",
                            "arguments": '{"n":1180591620717411303424,"s":["\ufffd\u2603"]}',
                        },
                    }
                ],
            },
            id="text-beside-a-call",
        ),
        pytest.param(
            result("", "f", "abcdefghi"),
            {"role": "tool", "tool_call_id": "abcdefghi", "name": "f", "content": ""},
            id="empty-result",
        ),
        pytest.param(
            Message(Role.TOOL, "1", tool_name="a b", tool_call_id="abcdefghi"),
            {"role": "tool", "tool_call_id": "abcdefghi", "content": "1"},
            id="result-with-a-bad-name",
        ),
    ],
)
def test_messages_on_the_wire(message: Message, wire: dict[str, object]) -> None:
    end = user("And?")
    written = wire_messages([message, end], replay_thinking=True)
    assert written == [wire, {"role": "user", "content": "And?"}]


def test_a_model_that_does_not_reason_gets_no_thinking() -> None:
    history = [assistant("Yes.", thinking="Hm."), user("And?")]
    assert wire_messages(history, replay_thinking=False) == [
        {"role": "assistant", "content": "Yes."},
        {"role": "user", "content": "And?"},
    ]


def test_an_answer_at_the_end_is_continued_as_plain_text() -> None:
    history = [user(), assistant("Once", thinking="Hm."), assistant("upon ", thinking="Hm.")]
    assert wire_messages(history, replay_thinking=True) == [
        {"role": "user", "content": "Hi."},
        {"role": "assistant", "content": [thinking("Hm."), text("Once")]},
        {"role": "assistant", "content": "upon ", "prefix": True},
    ]


def test_no_messages_are_no_messages() -> None:
    assert wire_messages([], replay_thinking=True) == []
