"""The examples of a page of documentation: requests with the answers that are expected, run in their order.

A block of the language `http` that begins with a method is a request, its body after the first line; one that begins
with `HTTP` is the answer to it. In answers `"…"` stands for anything. `{id}` is the id of the download that was made
last, `{folder}` the download folder.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

DOCS = Path(__file__).parents[3] / "docs" / "dialects"
ANYTHING = "…"
_BLOCK = re.compile(r"^```http\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Example:
    """A request and what is to come back."""

    method: str
    path: str
    body: str
    status: int
    answer: Any


def examples(page: str) -> list[Example]:
    """Read the examples of a page."""
    blocks = [block.partition("\n") for block in _BLOCK.findall((DOCS / page).read_text("utf-8"))]
    found = []
    for (head, _, body), (reply, _, answer) in zip(blocks[::2], blocks[1::2], strict=True):
        method, path = head.split(" ", 1)
        http, status = reply.split()
        assert http == "HTTP", reply
        found.append(Example(method, path, body, int(status), json.loads(answer)))
    return found


async def run(page: str, client: httpx.AsyncClient, folder: str) -> int:
    """Run a page's examples; give how many there were."""
    known = {"{folder}": folder}
    found = examples(page)
    for example in found:
        body = fill(example.body, known)
        headers = {"content-type": "application/json"} if body else {}
        response = await client.request(example.method, fill(example.path, known), content=body, headers=headers)
        answer = response.json()
        place = f"{page}: {example.method} {example.path}: {response.text}"
        assert response.status_code == example.status, place
        if made := _id(answer):
            known["{id}"] = made
        assert matches(answer, json.loads(fill(json.dumps(example.answer), known))), place
    return len(found)


def _id(answer: Any) -> str:
    if not isinstance(answer, dict):
        return ""
    inner = answer.get("download", answer)
    return inner.get("download_id") or inner.get("id") or ""


def fill(text: str, known: dict[str, str]) -> str:
    """Put values in the place of names."""
    for name, value in known.items():
        text = text.replace(name, value)
    return text


def matches(found: Any, wanted: Any) -> bool:
    """Say whether an answer is the one that was written down, key for key and type for type."""
    if wanted == ANYTHING:
        return True
    if isinstance(wanted, dict):
        return (
            isinstance(found, dict)
            and list(found) == list(wanted)
            and all(matches(found[key], wanted[key]) for key in wanted)
        )
    if isinstance(wanted, list):
        return isinstance(found, list) and len(found) == len(wanted) and all(map(matches, found, wanted))
    return type(found) is type(wanted) and found == wanted
