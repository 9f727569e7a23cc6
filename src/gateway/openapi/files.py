"""The built files, and the policy under which a browser shows the page."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib.resources import files
from typing import Final

__all__ = ["DOCUMENTS", "PAGE", "STYLE", "page_policy", "read_file"]

DOCUMENTS: Final = {"3.2": "openapi-3.2.json", "3.1": "openapi-3.1.json"}
"""The file of the document in each version of OpenAPI, the first by default."""

PAGE: Final = "docs.html"

STYLE: Final = """
:root { color-scheme: light dark; }
body { margin: 0 auto; max-width: 56rem; padding: 1rem; font: 1rem/1.5 system-ui, sans-serif; }
body { overflow-wrap: anywhere; }
nav ul { padding-left: 1.25rem; }
h2 { margin-top: 3rem; border-bottom: 1px solid; }
h3 { margin-top: 2.5rem; }
:is(h2, h3, h4) a { color: inherit; text-decoration: none; }
:is(h2, h3, h4) a:hover { text-decoration: underline; }
code, pre { font: 0.875rem/1.45 ui-monospace, monospace; overflow-wrap: anywhere; }
pre { border: 1px solid; border-radius: 4px; padding: 0.5rem; white-space: pre-wrap; }
table { border-collapse: collapse; width: 100%; display: block; overflow-x: auto; }
th, td { border-bottom: 1px solid; padding: 0.25rem 1rem 0.25rem 0; text-align: left; }
th, td { vertical-align: top; overflow-wrap: normal; }
"""


@cache
def read_file(name: str) -> bytes:
    """Return one of the built files."""
    return files(__package__).joinpath(name).read_bytes()


@cache
def page_policy() -> str:
    """Return the Content-Security-Policy of the page: nothing but its own style."""
    digest = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none';"
        " frame-ancestors 'none'"
    )
