"""What makes two requests equal, and which of them may have a kept answer; pure."""

from __future__ import annotations

import dataclasses
import hashlib
from typing import Final, Literal, TypeAlias

from gateway.core import codec
from gateway.core.chat import ChatRequest, FillRequest, Media, Message, replace
from gateway.core.embeddings import EmbedRequest
from gateway.core.transcriptions import TranscribeRequest
from gateway.core.version import __version__

__all__ = ["AnyRequest", "key_of", "may_be_kept"]

AnyRequest: TypeAlias = ChatRequest | FillRequest | EmbedRequest | TranscribeRequest

_VERSION: Final = "1"
"""Of what a key is made of, and of the form of what is kept under it."""


def may_be_kept(request: AnyRequest, what: Literal["deterministic", "all"]) -> bool:
    """Tell whether the answer to *request* may be given again.

    Embeddings always are the same. Of the others ``deterministic`` takes those that say a
    temperature of 0; one that is left out is the service's own. A recording never is kept, nor
    the answer to what stands behind a URL, since that may change.
    """
    match request:
        case EmbedRequest():
            return True
        case TranscribeRequest():
            return False
        case ChatRequest() if any(map(_has_url, request.messages)):
            return False
    return what == "all" or request.sampling.temperature == 0


def _has_url(message: Message) -> bool:
    content = message.content
    return type(content) is tuple and any(
        isinstance(part, Media) and part.url != "" for part in content
    )


def key_of(
    request: AnyRequest,
    *,
    scope: str,
    provider: str,
    model: str,
    dialect: str | None,
    version: str = __version__,
) -> str:
    """Return the key of *request* to the *provider* and its canonical *model*, for one *scope*.

    It is a hash of the whole request, of which only two things may be left out: ``caller``, in
    whose place stands the scope, and the fields of ``native`` that an adapter does not read. It
    reads those of its *dialect*, none if that is empty, and perhaps all if that is ``None``. By
    default only the same *version* of the gateway makes the same key. Raise `ValueError`,
    `TypeError` or `RecursionError` for a request that cannot be encoded.
    """
    if isinstance(request, ChatRequest) and request.caller:
        request = replace(request, caller="")
    parts = (_VERSION, version, scope, provider, model, type(request).__name__)
    digest = hashlib.sha256()
    for part in (*map(str.encode, parts), _encoded(request, dialect)):
        digest.update(b"%d:" % len(part))
        digest.update(part)
    return digest.hexdigest()


def _encoded(request: AnyRequest, dialect: str | None) -> bytes:
    if isinstance(request, TranscribeRequest) or not request.native or dialect is None:
        return codec.encode(request)
    read = {name: fields for name, fields in request.native.items() if name == dialect}
    if isinstance(request, EmbedRequest):
        return codec.encode(dataclasses.replace(request, native=read))
    return codec.encode(replace(request, native=read))
