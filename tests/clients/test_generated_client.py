"""A client that openapi-typescript generates from the document: it compiles, and it chats.

The generator does not know the items of streams, so it gets the document in OpenAPI 3.1.

Runs where ``GATEWAY_NODE_PROJECT`` names a folder in which ``npm install openapi-typescript
openapi-fetch typescript`` has been run.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from gateway.openapi.files import DOCUMENTS, read_file
from live import live_gateway
from programs import PROJECT, Program, installed, needs

SESSION = Path(__file__).with_name("generated_client.ts")
STRICT = {
    "compilerOptions": {
        "strict": True,
        "exactOptionalPropertyTypes": True,
        "noUncheckedIndexedAccess": True,
        "target": "es2022",
        "lib": ["es2022", "dom", "dom.iterable"],
        "module": "nodenext",
        "moduleResolution": "nodenext",
        "types": [],
    },
    "include": ["*.ts"],
}

pytestmark = [pytest.mark.clients, needs("openapi-typescript"), needs("tsc")]


async def test_a_generated_client_compiles_and_chats(tmp_path: Path) -> None:
    async with Program.alone(installed("openapi-typescript"), tmp_path) as generator:
        folder = generator.folder
        (folder / "node_modules").symlink_to(Path(PROJECT, "node_modules"))
        (folder / "package.json").write_text('{"type": "module"}')
        (folder / "tsconfig.json").write_text(json.dumps(STRICT))
        (folder / "openapi.json").write_bytes(read_file(DOCUMENTS["3.1"]))
        shutil.copy(SESSION, folder / "session.ts")
        await generator.run("openapi.json", "-o", "api.ts")
        assert generator.beyond == []
    async with Program.alone(installed("tsc"), tmp_path) as compiler:
        assert await compiler.run("--project", ".") == ""
    node = shutil.which("node")
    async with live_gateway() as live, Program.alone(node, tmp_path) as session:
        results: dict[str, Any] = json.loads(await session.run("session.js", live.url))
        assert session.beyond == []
    assert "mistral-large:latest" in results["names"]
    assert "Hello there" in results["answer"]
    assert results["streamed"] == results["answer"]
    assert results["done"].index(True) == len(results["done"]) - 1 > 5
    assert results["calls"] == [{"index": 0, "name": "get_weather", "arguments": {"city": "Paris"}}]
    assert "Hello there" in results["completed"]
    assert results["responded"] == ["message"]
    assert "Hello there" in results["message"][0]
    assert results["unknown"] == "model 'llama3' not found"
    assert results["vectors"] == [1024, 1024]
