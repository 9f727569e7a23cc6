"""How a body is read: leniently where Go is lenient, and in its words where it is not."""

from __future__ import annotations

from collections.abc import Iterator

from wire_rules.basics import JSON_ENDPOINTS
from wire_rules.case import Case, failed

__all__ = ["BODIES"]

NAMELESS = {
    "POST /api/chat": (400, "model is required"),
    "POST /api/generate": (404, "model '' not found"),
    "POST /api/embed": (404, "model '' not found"),
    "POST /api/embeddings": (400, "model is required"),
    "POST /api/show": (400, "model is required"),
    "POST /api/pull": (400, "invalid model name"),
    "POST /api/push": (400, "model is required"),
    "POST /api/create": (400, "invalid model name"),
    "POST /api/copy": (400, 'source "" is invalid'),
    "DELETE /api/delete": (400, "model is required"),
}
"""What each endpoint says to a request that names no model."""

UNREADABLE: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "missing request body"),
    "blank": (b" \n\t\r ", "missing request body"),
    "cut": (b'{"model":', "unexpected EOF"),
    "cut-string": (b'{"model":"x', "unexpected EOF"),
    "garbage": (b"x", "invalid character 'x' looking for beginning of value"),
    "trailing-comma": (
        b'{"model":"x",}',
        "invalid character '}' looking for beginning of object key string",
    ),
    "comment": (b"{/**/}", "invalid character '/' looking for beginning of object key string"),
    "nan": (b'{"x":NaN}', "invalid character 'N' looking for beginning of value"),
    "infinity": (b'{"x":Infinity}', "invalid character 'I' looking for beginning of value"),
    "bom": (b"\xef\xbb\xbf{}", "invalid character 'ï' looking for beginning of value"),
    "form": (b"model=x", "invalid character 'm' looking for beginning of value"),
    "deep": (b'{"x":' + b"[" * 10_001, "exceeded max depth"),
}
KINDS = {"array": b"[]", "string": b'"x"', "number": b"1", "bool": b"true"}

NAMELESS_BODIES: dict[str, tuple[str, bytes]] = {
    "null": ("the body `null` is the same as an empty object", b"null"),
    "object": ("an empty object is valid JSON with no field set", b"{}"),
    "null-model": ("a field with the value `null` is not set", b'{"model":null,"name":null}'),
    "unknown": ("unknown fields are ignored", b'{"nobody":"knows","this":[1,{"field":2}]}'),
    "trailing": ("data after the first JSON value is ignored", b"{} and more"),
}
TYPES = ("", "text/plain", "application/x-www-form-urlencoded", "application/json")


def _cases() -> Iterator[Case]:
    for endpoint, kind in JSON_ENDPOINTS.items():
        for name, (body, text) in UNREADABLE.items():
            expected = failed(400, text)
            if name == "deep":
                del expected["text"]
                expected["pattern"] = r'\{"error":"invalid character .* exceeded max depth"\}'
            yield Case(
                f"1.3-{name}-{endpoint}",
                endpoint,
                "a body that is not JSON is a 400 with the message of Go's decoder",
                body,
                **expected,
            )
        for name, body in KINDS.items():
            yield Case(
                f"1.3-top-{name}-{endpoint}",
                endpoint,
                "a body that is not an object is a 400 that names its type",
                body,
                **failed(400, f"json: cannot unmarshal {name} into Go value of type {kind}"),
            )
        for name, (rule, body) in NAMELESS_BODIES.items():
            yield Case(
                f"1.3-{name}-{endpoint}", endpoint, rule, body, **failed(*NAMELESS[endpoint])
            )
        field = "source" if endpoint.endswith("copy") else "model"
        for name, value in {"number": 1, "bool": True, "array": [], "object": {}}.items():
            kind_text = "number" if name == "number" else name
            yield Case(
                f"1.3-type-{name}-{endpoint}",
                endpoint,
                "a field of a wrong type is a 400 that names the type; values are not converted",
                {field: value},
                status=400,
                pattern=rf'\{{"error":"json: cannot unmarshal {kind_text} .*Go struct field .*"\}}',
            )
        for content_type in TYPES:
            yield Case(
                f"1.3-content-type-{content_type or 'none'}-{endpoint}",
                endpoint,
                "the content type of a request is ignored",
                b"{}",
                sent={"Content-Type": content_type} if content_type else {},
                **failed(*NAMELESS[endpoint]),
            )
    for endpoint in ("POST /api/chat", "POST /api/generate"):
        load = {"model": "mistral-large"}
        for spelling in ("Model", "MODEL", "mOdEl"):
            yield Case(
                f"1.3-case-{spelling}-{endpoint}",
                endpoint,
                "field names are case-insensitive",
                {spelling: "mistral-large"},
                check=lambda reply: reply.json["done_reason"] == "load",
            )
        yield Case(
            f"1.3-duplicate-{endpoint}",
            endpoint,
            "if a field occurs twice, the last one is used",
            b'{"model":"nobody","model":"mistral-large"}',
            check=lambda reply: reply.json["model"] == "mistral-large",
        )
        yield Case(
            f"1.3-utf8-{endpoint}",
            endpoint,
            "invalid UTF-8 and lone surrogates become U+FFFD",
            b'{"model":"a\xff\\ud83d"}',
            **failed(400, "invalid model name"),
        )
        for name, value in {"string": "false", "number": 0}.items():
            yield Case(
                f"1.3-stream-{name}-{endpoint}",
                endpoint,
                "`stream` must be true or false",
                {**load, "stream": value},
                status=400,
                pattern=rf'\{{"error":"json: cannot unmarshal {name} into Go struct field '
                r'\w+\.stream of type bool"\}',
            )
        for literal in ("3.5", "3.0", "3e0", "true", '"3"'):
            yield Case(
                f"1.3-integer-{literal}-{endpoint}",
                endpoint,
                "an integer has no decimal point: `3.0` is rejected",
                b'{"model":"mistral-large","top_logprobs":%b}' % literal.encode(),
                status=400,
                pattern=r'\{"error":"json: cannot unmarshal .*top_logprobs of type int"\}',
            )


BODIES = tuple(_cases())
