"""The documentation page: HTML made from the OpenAPI document, without a script and without other hosts."""

from __future__ import annotations

import base64
import hashlib
import json
from html import escape
from typing import Any

STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#222;"
    "background:#fff}code,pre{font:13px/1.45 ui-monospace,monospace;background:#f4f4f2;border-radius:3px}"
    "code{padding:.1em .3em}pre{padding:.8em;overflow:auto}summary{cursor:pointer;padding:.3em 0}"
    "table{border-collapse:collapse}td,th{text-align:left;padding:.2em .8em .2em 0;vertical-align:top}"
    ".m{display:inline-block;width:4.5em;font-weight:600;color:#0a6}.s{color:#777}"
    "@media(prefers-color-scheme:dark){body{background:#161618;color:#ddd}code,pre{background:#232327}}"
)
POLICY = (
    "default-src 'none'; frame-ancestors 'none'; style-src 'sha256-"
    + base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
    + "'"
)


def page(document: dict[str, Any]) -> str:
    """Write the page."""
    info = document["info"]
    parts = [
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(info["title"])}</title>',
        f"<style>{STYLE}</style><h1>{escape(info['title'])} {escape(info['version'])}</h1>",
        f"<p>{escape(info.get('description', ''))}</p>",
    ]
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            parts.append(_operation(path, method, operation))
    parts.append("<h2>Schemas</h2>")
    for name, schema in sorted(document.get("components", {}).get("schemas", {}).items()):
        parts.append(f"<details><summary><code>{escape(name)}</code></summary>{_json(schema)}</details>")
    return "".join(parts) + "</html>"


def _operation(path: str, method: str, operation: dict[str, Any]) -> str:
    scope = (operation.get("x-exempt") and "no token") or operation.get("x-scope", "")
    head = f'<span class="m">{escape(method.upper())}</span><code>{escape(path)}</code> '
    head += f'{escape(operation.get("summary", ""))} <span class="s">{escape(scope)}</span>'
    body = f"<p>{escape(operation.get('description', ''))}</p>" if operation.get("description") else ""
    rows = "".join(
        f"<tr><td><code>{escape(p['name'])}</code><td>{escape(p['in'])}<td>{escape(p.get('description', ''))}"
        for p in operation.get("parameters", ())
    )
    if rows:
        body += f"<table><tr><th>Parameter<th>In<th>{rows}</table>"
    if "requestBody" in operation:
        body += "<p>Body</p>" + _json(operation["requestBody"]["content"])
    return f"<details><summary>{head}</summary>{body}</details>"


def _json(value: Any) -> str:
    return f"<pre>{escape(json.dumps(value, indent=2, ensure_ascii=False))}</pre>"
