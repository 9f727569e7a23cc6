"""The page on architecture against the imports, the files, and one chat as it really runs."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import CodeType, FrameType

from layout import ROWS, SANDBOX, arrows, floor, imports
from pytest_aiohttp.plugin import AiohttpClient

import gateway
from gateway import Observer, ProviderSettings, RequestRecord, Settings, create_app
from gateway.sandbox import start
from pages import DOCS, ROOT, blocks, codes, page, table

PAGE = "explanation/architecture.md"
SOURCE = Path(gateway.__file__).parent
TREE = next(block.text for block in blocks(DOCS / PAGE) if block.text.startswith("src/gateway/"))
LINES = [line.split(maxsplit=1) for line in TREE.splitlines()[1:]]
WALK = [
    (codes(row["File"])[0], codes(row["Function"])[0])
    for row in table(PAGE, "One streamed chat, function by function")
]


def test_the_tree_is_the_file_tree() -> None:
    there = {path.name for path in SOURCE.glob("*.py")} - {"__init__.py"}
    there |= {f"{path.parent.name}/" for path in SOURCE.glob("*/__init__.py")}
    assert [name for name, _ in LINES if name not in there] == []
    assert there == {name for name, _ in LINES}


def test_the_members_that_the_tree_names_exist() -> None:
    for room, said in LINES:
        _, colon, members = said.rpartition(": ")
        for member in members.split() if colon and room.endswith("/") else ():
            path = SOURCE / room / member
            assert path.is_dir() or path.with_suffix(".py").is_file(), f"{room}{member}"


def test_the_rows_are_those_that_are_checked() -> None:
    rows = table(PAGE, "Imports point down")
    assert [set(codes(row["Rooms"])) for row in rows] == [set(row) for row in ROWS]
    assert [row["Row"] for row in rows] == [str(number) for number in range(1, len(ROWS) + 1)]


def test_the_figures_are_those_of_the_script() -> None:
    graph = arrows(imports())
    count = sum(map(len, graph.values()))
    floors = max(floor(graph, name) for name in graph)
    assert f"{len(graph)} rooms, {floors} floors, {count} arrows," in page(PAGE)


def test_what_the_sandbox_may_import_is_said() -> None:
    (sentence,) = [line for line in page(PAGE).splitlines() if line.startswith("`sandbox` imports")]
    names = {name.removeprefix("gateway.") for name in SANDBOX}
    assert set(codes(sentence)) == {"sandbox", "cli", *names}


def test_files_on_the_page_exist() -> None:
    named = {code for code in codes(page(PAGE)) if re.fullmatch(r"[\w/]+\.py", code)}
    assert {name for name in named if not (SOURCE / name).exists()} == set()
    assert (ROOT / "tests" / "architecture" / "layout.py").is_file()


@contextmanager
def first_calls() -> Iterator[list[tuple[str, str]]]:
    """Collect file and name of the functions of the gateway as they are called first."""
    seen: set[CodeType] = set()
    order: list[tuple[str, str]] = []
    root = f"{SOURCE}/"

    def note(frame: FrameType, event: str, _: object) -> None:
        code = frame.f_code
        if event == "call" and code not in seen and code.co_filename.startswith(root):
            seen.add(code)
            order.append((code.co_filename.removeprefix(root), code.co_name))

    sys.setprofile(note)
    try:
        yield order
    finally:
        sys.setprofile(None)


class End(Observer):
    """Tells when a request has been logged, which comes before other observers."""

    def __init__(self) -> None:
        self.is_logged = asyncio.Event()

    def finished(self, _: RequestRecord) -> None:
        self.is_logged.set()


async def test_a_streamed_chat_takes_the_way_that_the_page_shows(
    aiohttp_client: AiohttpClient,
) -> None:
    async with await start() as running:
        options = {"api_key": "sandbox", "base_url": running.base_url}
        settings = Settings(providers={"mistral": ProviderSettings("mistral", options)})
        end = End()
        app = create_app(settings, observers=[end])
        client = await aiohttp_client(app)
        async with client.get("/api/tags") as response:
            assert response.status == 200
        end.is_logged.clear()
        messages = [{"role": "user", "content": "hello"}]
        with first_calls() as order:
            chat = {"model": "mistral-small", "messages": messages}
            async with client.post("/api/chat", json=chat) as response:
                assert response.status == 200
                await response.read()
            await asyncio.wait_for(end.is_logged.wait(), 5)
    assert [call for call in dict.fromkeys(order) if call in WALK] == WALK
