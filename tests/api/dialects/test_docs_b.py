"""The examples on the pages of OfflineTube, Alfresco and aria2, asked in their order."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.api.dialects.stage_b import put
from tests.api.service import service
from tui_downloads.api.aria2 import application
from tui_downloads.api.dialects import alfresco, offlinetube
from tui_downloads.core.lifecycle import State

DOCS = Path(__file__).parents[3] / "docs"
BLOCK = re.compile(r"^```http\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ANYTHING = "…"


def like(found: Any, wanted: Any) -> bool:
    """Say whether an answer is the documented one; `…` stands for any text."""
    if wanted == ANYTHING:
        return isinstance(found, str)
    if isinstance(wanted, dict):
        return (
            isinstance(found, dict)
            and found.keys() == wanted.keys()
            and all(like(found[key], value) for key, value in wanted.items())
        )
    if isinstance(wanted, list):
        return isinstance(found, list) and len(found) == len(wanted) and all(map(like, found, wanted))
    return type(found) is type(wanted) and found == wanted


def learned(found: Any) -> dict[str, str]:
    """Give the ids that later examples may name."""
    inner = found.get("entry", found) if isinstance(found, dict) else {}
    names = {}
    if isinstance(inner.get("id"), str) and ("download_id" in inner or "totalFiles" in inner):
        names["{id}"] = inner["id"]
    if isinstance(inner.get("result"), str) and len(inner["result"]) == 16:
        names["{gid}"] = inner["result"]
    return names


@pytest.mark.parametrize(
    ("page", "least"), [("dialects/offlinetube.md", 7), ("dialects/alfresco.md", 6), ("aria2.md", 3)]
)
async def test_the_examples_of_a_page_are_true(page, least, tmp_path):
    """Each request gets the answer that stands below it."""
    blocks = [block.partition("\n") for block in BLOCK.findall((DOCS / page).read_text("utf-8"))]
    pairs = list(zip(blocks[::2], blocks[1::2], strict=True))
    assert len(pairs) >= least
    async with service(tmp_path, dialects=[offlinetube.make, alfresco.make, application.make]) as made:
        node = put(made, State.COMPLETE, name="a.txt") if "alfresco" in page else ""
        known = {"{node}": node, "{token}": made.secrets["ann"]}

        def fill(text: str) -> str:
            for name, value in known.items():
                text = text.replace(name, value)
            return text

        client = made.client("ann" if page.startswith("dialects") else "")
        for (head, _, body), (reply, _, wanted) in pairs:
            method, path = fill(head).split(" ")
            headers = {"content-type": "application/json"} if body.strip() else {}
            answer = await client.request(method, path, content=fill(body), headers=headers)
            place = f"{page}: {head}: {answer.status_code} {answer.text}"
            assert answer.status_code == int(reply.split()[1]), place
            if not wanted.strip():
                assert answer.content == b"", place
                continue
            known |= learned(answer.json())
            assert like(answer.json(), json.loads(fill(wanted))), place
