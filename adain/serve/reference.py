"""The page of the API's documentation: plain HTML made from the OpenAPI description, without scripts."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from html import escape
from textwrap import dedent
from typing import Any

__all__ = ["HEADERS", "HOME", "html"]

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 0 auto; padding: 1rem; color-scheme: light dark }
code, pre { font-family: ui-monospace, monospace; font-size: .9em }
pre { overflow-x: auto; padding: .5rem 0 }
table { border-collapse: collapse; width: 100% }
td { vertical-align: top; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid #8886 }
h2 { margin-top: 2.5rem }
"""

_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
HEADERS = {"Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{_HASH}'; frame-ancestors 'none'"}
"""Headers of the page: it may load nothing, and has the one style sheet above."""

HOME = """adain: a server for style transfer.

The page for browsers is not built. In a checkout, build it once and start the server again:

    cd web && npm ci && npm run build

The API works without it: /docs describes it, /openapi.json is for programs.
"""


def html(description: dict[str, Any]) -> str:
    """Write an OpenAPI description as a page.

    Args:
        description: what `FastAPI.openapi` returns.
    """
    info = description["info"]
    parts = [
        "<!doctype html><html lang=en><meta charset=utf-8>",
        "<meta name=viewport content='width=device-width, initial-scale=1'>",
        f"<title>{escape(info['title'])}</title><style>{_STYLE}</style>",
        f"<main><h1>{escape(info['title'])} {escape(info['version'])}</h1>{_text(info['description'])}",
        "<p>For programs: <a href=/openapi.json>openapi.json</a>.</p>",
    ]
    for path, methods in description["paths"].items():
        for method, operation in methods.items():
            parts += _operation(path, method, operation)
    return "".join([*parts, "</main></html>"])


def _operation(path: str, method: str, operation: dict[str, Any]) -> Iterator[str]:
    yield f"<h2><code>{method.upper()} {escape(path)}</code> {escape(operation.get('summary', ''))}</h2>"
    yield _text(operation.get("description", ""))
    body = operation.get("requestBody", {}).get("content", {}).get("multipart/form-data", {}).get("schema")
    if body is not None:
        yield "<h3>Fields of the form</h3>"
        yield _table(_field(name, facts, name in body["required"]) for name, facts in body["properties"].items())
    yield "<h3>Answers</h3>"
    answers = {code: facts for code, facts in operation["responses"].items() if code != "422" or body is not None}
    yield _table((code, _answer(facts)) for code, facts in answers.items())


def _field(name: str, facts: dict[str, Any], required: bool) -> tuple[str, str]:
    notes = [
        "required" if required else "",
        f"one of {', '.join(facts['enum'])}" if "enum" in facts else "",
        f"at least {facts['minimum']:g}" if "minimum" in facts else "",
        f"at most {facts['maximum']:g}" if "maximum" in facts else "",
        f"default {facts['default']}" if "default" in facts else "",
        f"for example {facts['example']}" if "example" in facts else "",
    ]
    shown = "; ".join(filter(None, notes))
    return name, f"{facts.get('description', '')} {f'({shown})' if shown else ''}"


def _answer(facts: dict[str, Any]) -> str:
    content = facts.get("content", {})
    shown = next((str(each["example"]) for each in content.values() if "example" in each), ", ".join(content))
    return f"{facts['description']} {shown}"


def _table(rows: Iterator[tuple[str, str]]) -> str:
    cells = (f"<tr><td><code>{escape(name)}</code><td>{escape(text)}" for name, text in rows)
    return f"<table>{''.join(cells)}</table>"


def _text(text: str) -> str:
    """Paragraphs, and examples that are indented by four spaces."""
    blocks = (block for block in text.split("\n\n") if block.strip())
    return "".join(
        f"<pre>{escape(dedent(block))}</pre>" if block.startswith("    ") else f"<p>{escape(block)}</p>"
        for block in blocks
    )
