from __future__ import annotations

import json
import re
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator, OpenAPIV32SpecValidator

from api_document import DOCUMENT
from gateway.cli.openapi import build_files
from gateway.handlers import ROUTES
from gateway.openapi.files import DOCUMENTS, read_file
from gateway.openapi.operations import OPERATIONS

OLDER: dict[str, Any] = json.loads(read_file(DOCUMENTS["3.1"]))
OF_ROUTES = {(one.method, one.path): one for one in ROUTES}


def operations(document: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    return {
        (method.upper(), path): operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }


def test_the_built_files_are_what_is_built_now() -> None:
    for name, content in build_files().items():
        assert read_file(name).decode() == content, f"run python -m gateway openapi for {name}"


def test_both_forms_are_valid() -> None:
    OpenAPIV32SpecValidator(DOCUMENT).validate()
    OpenAPIV31SpecValidator(OLDER).validate()
    assert (DOCUMENT["openapi"], OLDER["openapi"]) == ("3.2.0", "3.1.2")


def test_the_document_has_every_route_and_nothing_else() -> None:
    assert operations(DOCUMENT).keys() == operations(OLDER).keys() == OF_ROUTES.keys()
    assert OPERATIONS.keys() == OF_ROUTES.keys()


def test_a_tag_is_the_dialect_of_a_route_or_says_that_it_is_the_gateway_s_own() -> None:
    for key, operation in operations(DOCUMENT).items():
        (tag,) = operation["tags"]
        is_own = key[1].startswith("/gateway/") or key[1] in {
            "/metrics",
            "/healthz",
            "/readyz",
            "/openapi.json",
            "/docs",
        }
        assert tag == ("operation" if is_own else OF_ROUTES[key].dialect.name)
    assert {tag["name"] for tag in DOCUMENT["tags"]} == {
        "ollama",
        "openai",
        "anthropic",
        "operation",
    }


def test_a_route_needs_no_key_where_the_table_of_routes_says_so() -> None:
    assert DOCUMENT["security"][0] == {}
    for key, operation in operations(DOCUMENT).items():
        assert (operation.get("security") == []) == (OF_ROUTES[key].right == "none"), key


def test_ids_of_operations_are_unique() -> None:
    ids = [one["operationId"] for one in operations(DOCUMENT).values()]
    assert len(ids) == len(set(ids))


def test_the_older_form_differs_in_streams_alone() -> None:
    renamed = json.loads(json.dumps(DOCUMENT).replace('"itemSchema"', '"x-itemSchema"'))
    renamed["openapi"] = OLDER["openapi"]
    streams = 0
    for operation in operations(renamed).values():
        for response in operation["responses"].values():
            for media in response.get("content", {}).values():
                if "x-itemSchema" in media:
                    media["schema"] = {"type": "string"}
                    streams += 1
    assert renamed == OLDER
    assert streams == 10


def test_every_error_envelope_is_that_of_the_dialect() -> None:
    responses = DOCUMENT["components"]["responses"]
    for key, operation in operations(DOCUMENT).items():
        references = [one["$ref"] for one in operation["responses"].values() if "$ref" in one]
        names = [reference.rpartition("/")[2] for reference in references]
        prefix = {"ollama": "Ollama", "openai": "OpenAI", "anthropic": "Anthropic"}
        assert all(name.startswith(prefix[OF_ROUTES[key].dialect.name]) for name in names)
        assert names or key[0] == "HEAD"
        assert {*names} <= responses.keys()
    limited = responses["OpenAILimited"]["headers"].keys()
    assert limited == {"Retry-After", "retry-after-ms", "x-should-retry"}


def test_routes_whose_answers_may_be_kept_say_so() -> None:
    for key, operation in operations(DOCUMENT).items():
        of_model = OF_ROUTES[key].operation != ""
        headers = operation["responses"].get("200", {}).get("headers", {})
        assert ({"X-Gateway-Cache", "Age"} <= headers.keys()) == of_model
        assert ("504" in operation["responses"]) == of_model
        names = [one["name"] for one in operation["parameters"]]
        assert ("Cache-Control" in names) == of_model


def test_bounds_and_unions_of_the_readers_are_in_the_document() -> None:
    members = DOCUMENT["components"]["schemas"]["OllamaChatRequest"]["properties"]
    assert members["top_logprobs"] == {"type": ["integer", "null"], "minimum": 0, "maximum": 20}
    for union in ("think", "format", "keep_alive"):
        assert len(members[union]["anyOf"]) == 3
    assert "x-minimum" not in json.dumps(DOCUMENT)
    assert "additionalProperties" not in DOCUMENT["components"]["schemas"]["OllamaChatRequest"]


@pytest.mark.parametrize("schema", sorted(DOCUMENT["components"]["schemas"]))
def test_every_reference_leads_somewhere(schema: str) -> None:
    text = json.dumps(DOCUMENT["components"]["schemas"][schema])
    for name in re.findall(r"#/components/schemas/(\w+)", text):
        assert name in DOCUMENT["components"]["schemas"]


def test_what_is_answered_is_described_in_words() -> None:
    schemas = DOCUMENT["components"]["schemas"]
    assert schemas["OllamaError"]["description"].startswith("An error, also as the last line")
    assert schemas["OllamaChatRequest"]["description"] == "The body of `/api/chat`."
