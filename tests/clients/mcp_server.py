"""An MCP server on standard input and output with one tool, whose name is the argument."""

from __future__ import annotations

import json
import sys
from typing import Any


def answer(method: str, parameters: dict[str, Any], tool: str) -> dict[str, Any]:
    """Return the result of one request."""
    match method:
        case "initialize":
            return {
                "protocolVersion": parameters["protocolVersion"],
                "capabilities": {"tools": {}},
                "serverInfo": {"name": "weather", "version": "1"},
            }
        case "tools/list":
            city = {"type": "string", "description": "the name of the city"}
            schema = {"type": "object", "properties": {"city": city}, "required": ["city"]}
            offered = {"name": tool, "description": "Return the weather", "inputSchema": schema}
            return {"tools": [offered]}
        case "tools/call":
            return {
                "content": [{"type": "text", "text": f"21 C in {parameters['arguments']['city']}"}]
            }
    return {}


def main(tool: str) -> None:
    """Answer each request with one line; notifications have no id and get none."""
    for line in sys.stdin:
        request = json.loads(line)
        if "id" in request:
            result = answer(request["method"], request.get("params", {}), tool)
            reply = {"jsonrpc": "2.0", "id": request["id"], "result": result}
            sys.stdout.write(json.dumps(reply) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1])
