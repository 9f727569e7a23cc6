"""A turn is a list of texts and media in their order."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.chat import Content, Media, Message, Part, Role, content_of

CAT, DOG = Media("image/png", "Y2F0"), Media("image/png", "ZG9n")

CONTENTS: dict[str, tuple[list[Part], Content]] = {
    "nothing": ([], ""),
    "a text": (["a"], "a"),
    "texts are joined by a blank line": (["a", "b"], "a\n\nb"),
    "blank texts say nothing": (["", "a", " \n", "b", ""], "a\n\nb"),
    "a picture": ([CAT], (CAT,)),
    "pictures between texts": (["1:", CAT, "2:", DOG], ("1:", CAT, "2:", DOG)),
    "texts between pictures are joined": ([CAT, "a", "b", DOG], (CAT, "a\n\nb", DOG)),
    "a text at the end": ([CAT, "a", ""], (CAT, "a")),
}


@pytest.mark.parametrize(("parts", "content"), CONTENTS.values(), ids=CONTENTS)
def test_parts_become_a_string_or_texts_and_media(parts: list[Part], content: Content) -> None:
    assert content_of(parts) == content


TURNS: dict[str, tuple[Content, tuple[Part, ...], str, tuple[Media, ...]]] = {
    "nothing": ("", (), "", ()),
    "a text": ("a", ("a",), "a", ()),
    "a picture": ((CAT,), (CAT,), "", (CAT,)),
    "both": (("a", CAT, "b", DOG), ("a", CAT, "b", DOG), "a\n\nb", (CAT, DOG)),
}


@pytest.mark.parametrize(("content", "parts", "text", "media"), TURNS.values(), ids=TURNS)
def test_a_message_gives_its_parts_its_text_and_its_media(
    content: Content, parts: tuple[Part, ...], text: str, media: tuple[Media, ...]
) -> None:
    message = Message(Role.USER, content)
    assert (message.parts, message.text, message.media) == (parts, text, media)


@given(st.lists(st.text("ab \n", max_size=3) | st.sampled_from([CAT, DOG])))
def test_content_keeps_the_order_and_is_made_once(parts: list[Part]) -> None:
    message = Message(Role.USER, content_of(parts))
    kept = [part for part in parts if isinstance(part, Media) or part.strip()]
    assert message.media == tuple(part for part in parts if isinstance(part, Media))
    assert message.text == "\n\n".join(part for part in kept if isinstance(part, str))
    assert content_of(message.parts) == message.content
