"""Frameworks that talk to Ollama through OpenAI's client, unchanged, as their users use them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import openai
import pydantic
import pytest

from live import LiveGateway, live_gateway

pytestmark = pytest.mark.clients


class City(pydantic.BaseModel):
    """A city and how many people live there."""

    city: str
    people: int


LYON = "Tell me about Lyon, 520774 people, as JSON"


@pytest.fixture
async def live() -> AsyncIterator[LiveGateway]:
    async with live_gateway() as running:
        yield running


@pytest.fixture
async def http() -> AsyncIterator[Any]:
    """Connections for the frameworks that never close their own."""
    async with openai.DefaultAsyncHttpxClient() as client:
        yield client


def get_weather(city: str) -> str:
    """Get the weather of a city."""
    return f"21 C in {city}"


class TestLangChain:
    @pytest.fixture
    def chat(self, live: LiveGateway, http: Any) -> Any:
        langchain_openai = pytest.importorskip("langchain_openai")
        return lambda **settings: langchain_openai.ChatOpenAI(
            base_url=f"{live.url}/v1",
            api_key="ollama",
            max_retries=0,
            http_async_client=http,
            **{"model": "mistral-large", **settings},
        )

    @pytest.mark.parametrize("use_responses_api", [False, True], ids=["chat", "responses"])
    async def test_a_stream_says_what_an_answer_says(
        self, chat: Any, use_responses_api: bool
    ) -> None:
        model = chat(use_responses_api=use_responses_api)
        asked = [("system", "Be kind."), ("user", "Hello there")]
        answer = await model.ainvoke(asked)
        assert "Hello there" in answer.text
        assert answer.usage_metadata["total_tokens"] > 0
        parts = [part.text async for part in model.astream(asked)]
        assert len(parts) > 5
        assert "".join(parts) == answer.text

    @pytest.mark.parametrize("use_responses_api", [False, True], ids=["chat", "responses"])
    async def test_tools(self, chat: Any, use_responses_api: bool) -> None:
        messages = pytest.importorskip("langchain_core.messages")
        model = chat(use_responses_api=use_responses_api).bind_tools([get_weather])
        asked: list[Any] = [messages.HumanMessage("What is the weather in Paris?")]
        answer = await model.ainvoke(asked)
        (call,) = answer.tool_calls
        assert (call["name"], call["args"]) == ("get_weather", {"city": "Paris"})
        asked += [
            answer,
            messages.ToolMessage(get_weather(**call["args"]), tool_call_id=call["id"]),
        ]
        assert "21 C in Paris" in (await model.ainvoke(asked)).text

    async def test_structured_output(self, chat: Any) -> None:
        assert isinstance(await chat().with_structured_output(City).ainvoke(LYON), City)

    async def test_embeddings(self, live: LiveGateway, http: Any) -> None:
        langchain_openai = pytest.importorskip("langchain_openai")
        embeddings = langchain_openai.OpenAIEmbeddings(
            base_url=f"{live.url}/v1",
            api_key="ollama",
            model="mistral-embed",
            check_embedding_ctx_length=False,
            http_async_client=http,
        )
        vectors = await embeddings.aembed_documents(["a small cat", "a little cat"])
        assert [len(vector) for vector in vectors] == [1024, 1024]


class TestPydanticAI:
    @pytest.fixture
    def agent(self, live: LiveGateway, http: Any) -> Any:
        pydantic_ai = pytest.importorskip("pydantic_ai")
        models = pytest.importorskip("pydantic_ai.models.openai")
        providers = pytest.importorskip("pydantic_ai.providers.ollama")
        provider = providers.OllamaProvider(base_url=f"{live.url}/v1", http_client=http)
        model = models.OpenAIChatModel("mistral-large", provider=provider)
        return lambda **settings: pydantic_ai.Agent(model, **settings)

    async def test_a_run(self, agent: Any) -> None:
        result = await agent(instructions="Be kind.").run("Hello there")
        assert "Hello there" in result.output

    async def test_a_stream(self, agent: Any) -> None:
        async with agent().run_stream("Hello there") as result:
            parts = [part async for part in result.stream_text(delta=True, debounce_by=None)]
        assert len(parts) > 5
        assert "Hello there" in "".join(parts)

    async def test_tools(self, agent: Any) -> None:
        result = await agent(tools=[get_weather]).run("What is the weather in Paris?")
        assert "21 C in Paris" in result.output

    async def test_structured_output(self, agent: Any) -> None:
        result = await agent(output_type=City).run(LYON)
        assert isinstance(result.output, City)


class TestInstructor:
    @pytest.mark.parametrize("mode", ["TOOLS", "JSON_SCHEMA"])
    async def test_an_object(self, live: LiveGateway, mode: str) -> None:
        instructor = pytest.importorskip("instructor")
        async with openai.AsyncOpenAI(base_url=f"{live.url}/v1", api_key="ollama") as real:
            client = instructor.from_openai(real, mode=instructor.Mode[mode])
            answer = await client.chat.completions.create(
                model="mistral-large",
                messages=[{"role": "user", "content": LYON}],
                response_model=City,
                max_retries=0,
            )
        assert isinstance(answer, City)
