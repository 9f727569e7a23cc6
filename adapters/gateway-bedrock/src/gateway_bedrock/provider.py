"""The adapter: who asks, the lists of models, chats and embeddings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from types import MappingProxyType
from urllib.parse import quote
from uuid import uuid4

from gateway.providers import (
    ChatRequest,
    ChatStream,
    EmbedRequest,
    EmbedResult,
    EventStream,
    Framing,
    ModelInfo,
    Owner,
    Provider,
    ProviderContext,
    RefusedKeepsakes,
    Upstream,
    UpstreamDenied,
    UpstreamError,
    UpstreamProtocolError,
    UpstreamRejected,
    auth_error,
    decoded,
    fields_of,
    get_models,
    join_embeddings,
    open_upstream,
    replace,
    stream_learning,
    text_of,
)
from yarl import URL

from gateway_bedrock import embed, errors, models
from gateway_bedrock.decode import ConverseDecoder
from gateway_bedrock.encode import chat_body
from gateway_bedrock.ids import base_id
from gateway_bedrock.learned import STREAMED_TOOLS, Lesson, learn, wants_whole
from gateway_bedrock.options import BedrockOptions, BedrockOptionsSchema
from gateway_bedrock.reasoning import DIALECT
from gateway_bedrock.signing import Signer, can_sign, region_of_profile
from gateway_bedrock.traits import Traits, traits_of
from gateway_bedrock.whole import WholeAnswer

__all__ = ["BedrockProvider"]

_MOST_PAGES = 100
_PROFILE_TYPES = ("SYSTEM_DEFINED", "APPLICATION")
_WHOLE = Framing(("application/json",), WholeAnswer)


class BedrockProvider(Provider[BedrockOptions]):
    """The models of one account in one region."""

    contract = 2
    native_dialect = "anthropic"
    options_schema = BedrockOptionsSchema
    options_from_env = MappingProxyType(
        {
            "api_key": errors.KEY_VARIABLE,
            "region": ("AWS_REGION", "AWS_DEFAULT_REGION"),
            "profile": "AWS_PROFILE",
        }
    )
    otel_name = "aws.bedrock"
    facts_name = "amazon-bedrock"
    learned = ("_known", "_sent", "_whole", "_refused", "_foreign")

    def __init__(self, context: ProviderContext[BedrockOptions]) -> None:
        super().__init__(context)
        options = context.options
        region = options.region or region_of_profile(options.profile)
        self._signer = (
            None
            if options.api_key
            else Signer(context.name, region=region, profile=options.profile)
        )
        self._region = region
        self._url = options.url(region)
        self._upstream = self._connect(self._url)
        self._control = self._connect(options.list_url(region))
        self._known: dict[str, ModelInfo] = {}
        self._sent: dict[str, str] = {}
        self._whole: set[str] = set()
        self._refused: dict[str, frozenset[str]] = {}
        self._foreign = RefusedKeepsakes(DIALECT)

    @property
    def remote_host(self) -> str:
        """The origin of the region, or of the base URL."""
        return str(URL(self._url).origin()) if self._url else ""

    async def list_models(self) -> Sequence[ModelInfo]:
        """Return the foundation models and inference profiles that chat or embed."""
        self._check()
        name, options = self.context.name, self.context.options
        payload = await get_models(self._control, "/foundation-models")
        rows = fields_of(payload).get("modelSummaries")
        profiles, facts = await self._profile_rows(), self.context.facts
        await facts.load()
        listing = models.parse_models(rows, profiles, options, name, facts=facts)
        self._known = {model.id: model for model in listing.models}
        self._sent = dict(listing.sent)
        self._whole = set(listing.whole)
        self._refused.clear()
        return listing.models

    def describe(self, model_id: str) -> ModelInfo:
        """Return a model as the last list describes it, or as the settings and its name do."""
        options, facts = self.context.options, self.context.facts
        return self._known.get(model_id) or models.describe(model_id, options, facts=facts)

    def chat(self, request: ChatRequest) -> ChatStream:
        """Yield the answer's events as they arrive."""
        return decoded(partial(self._open_chat, request))

    async def embed(self, request: EmbedRequest) -> EmbedResult:
        """Return one vector for each input, as many in a request as the model takes."""
        self._check()
        base, name = self._base(request.model), self.context.name
        size = embed.most_texts(base)
        input_type = self.context.options.input_type
        results: list[EmbedResult] = []
        for start in range(0, len(request.inputs) or 1, size):
            texts = request.inputs[start : start + size] or ("",)
            body = embed.embed_body(request, base, texts, input_type=input_type)
            try:
                payload = await self._upstream.post(self._path(request.model, "invoke"), body)
            except UpstreamError as error:
                # Earlier portions were paid for, and would be paid for again.
                error.repeatable = error.repeatable and not results
                raise
            results.append(embed.read_vectors(payload, base, len(texts), provider=name))
        return join_embeddings(results)

    async def _open_chat(self, request: ChatRequest) -> tuple[EventStream, ConverseDecoder]:
        self._check()
        name, keepsakes = self.context.name, self.context.keepsakes
        owner = Owner(request.caller, name, request.model)
        request = replace(request, messages=keepsakes.recall(owner, request.messages))
        decoder = ConverseDecoder(
            name,
            answer_id=uuid4().hex,
            think=request.think is not False,
            keep=partial(keepsakes.keep, owner),
        )
        return await self._open(request), decoder

    async def _open(self, request: ChatRequest) -> EventStream:
        """Send a request, and once more if the service says what the model does not take."""
        model = request.model
        lessons: list[Lesson] = []
        whole = model in self._whole or (bool(request.tools) and STREAMED_TOOLS in self._out(model))
        try:
            return await self._send(request, lessons, whole=whole)
        except UpstreamRejected as error:
            if whole or lessons or error.status != 400 or not wants_whole(error.message):
                raise
            lessons.append(Lesson(frozenset({STREAMED_TOOLS})))
        if request.tools:
            self._refused[model] = self._out(model) | lessons[0].refused
        else:
            self._whole.add(model)
        return await self._send(request, lessons, whole=True)

    async def _send(
        self, request: ChatRequest, lessons: list[Lesson], *, whole: bool
    ) -> EventStream:
        """Send a request; *lessons* is empty as long as nothing was learned for it."""
        return await stream_learning(
            self._upstream,
            self._path(request.model, "converse" if whole else "converse-stream"),
            self._body(request, self._out(request.model)),
            partial(self._unlearn, request, lessons),
            framing=_WHOLE if whole else "aws",
        )

    def _out(self, model: str) -> frozenset[str]:
        """Return what is left out of requests to a model."""
        return self._refused.get(model, frozenset())

    def _body(self, request: ChatRequest, refused: frozenset[str]) -> dict[str, object]:
        traits, options = self._traits(request.model), self.context.options
        accepted = self._foreign.without_them(request)
        return chat_body(accepted, traits, options, refused=refused)

    def _unlearn(
        self,
        request: ChatRequest,
        lessons: list[Lesson],
        body: Mapping[str, object],
        error: UpstreamRejected,
    ) -> Mapping[str, object] | None:
        """Return a body without what the service has refused, and remember it for the model."""
        if lessons or error.status != 400 or wants_whole(error.message):
            return None
        if self._foreign.learn(request, error):
            lessons.append(Lesson(frozenset()))
            return self._body(request, self._out(request.model))
        lesson = learn(body, error.message)
        if lesson is None:
            return None
        lessons.append(lesson)
        model = request.model
        refused = self._out(model) | lesson.refused
        if lesson.lasts:
            self._refused[model] = refused
            names = ", ".join(sorted(lesson.refused))
            self.context.log.info("%s refuses %s, which is left out from now on", model, names)
        return self._body(request, refused)

    async def _profile_rows(self) -> list[object]:
        """Return the inference profiles of all pages; none for a key that may not list them."""
        rows: list[object] = []
        try:
            for kind in _PROFILE_TYPES:
                rows += await self._pages({"maxResults": "1000", "type": kind})
        except UpstreamRejected as error:
            if error.status != 403:
                raise
            self.context.log.info("the inference profiles cannot be listed: %s", error.message)
        return rows

    async def _pages(self, query: Mapping[str, str]) -> list[object]:
        rows: list[object] = []
        tokens = {""}
        more: Mapping[str, str] = {}
        for _ in range(_MOST_PAGES):
            page = await get_models(self._control, "/inference-profiles", query={**query, **more})
            found = fields_of(page).get("inferenceProfileSummaries")
            if not isinstance(found, list):
                name = self.context.name
                text = f"{name} sent no list of inference profiles"
                raise UpstreamProtocolError(text, provider=name)
            rows += found
            token = text_of(fields_of(page).get("nextToken"))
            if token in tokens:
                break
            tokens.add(token)
            more = {"nextToken": token}
        return rows

    def _path(self, model: str, operation: str) -> str:
        return f"/model/{quote(self._sent.get(model, model), safe='')}/{operation}"

    def _base(self, model: str) -> str:
        """Return the id of the foundation model that *model* means."""
        rule = self.context.options.rule(model)
        known = self._known.get(model)
        return rule.base or base_id(model if known is None else known.canonical)

    def _traits(self, model: str) -> Traits:
        return traits_of(self._base(model))

    def _connect(self, url: str) -> Upstream:
        key = self.context.options.api_key
        return open_upstream(
            self.context,
            headers={"Authorization": key and f"Bearer {key}"},
            error_for=partial(
                errors.error_for,
                signs=not key,
                key_variable=self.context.key_variable or errors.KEY_VARIABLE,
            ),
            authorize=None if self._signer is None else self._signer.authorize,
            base_url=url,
            request_id_headers=errors.REQUEST_ID_HEADERS,
        )

    def _check(self) -> None:
        """Raise `UpstreamDenied` if nothing can be asked."""
        name = self.context.name
        if not self._region and not (self._url and self.context.options.api_key):
            raise UpstreamDenied(
                f"{name} has no region: set AWS_REGION, or region of the provider {name}",
                provider=name,
            )
        if self._signer is not None and not can_sign():
            variable = self.context.key_variable or errors.KEY_VARIABLE
            raise auth_error(
                f"{name} has no API key, and signing needs gateway-bedrock[sigv4]",
                provider=name,
                key_variable=variable,
            )
