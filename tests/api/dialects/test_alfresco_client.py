"""The public JavaScript client @alfresco/js-api, as npm gives it, against us."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.api.dialects.stage_b import SIZE, finish, put
from tests.api.service import service
from tui_downloads.api.dialects import alfresco
from tui_downloads.api.server import Listener
from tui_downloads.core.lifecycle import State
from tui_downloads.core.snapshots import Kind

SCRIPT = Path(__file__).parent / "js" / "alfresco_client.js"
PACKAGE = "@alfresco/js-api@10"


@pytest.fixture(scope="module")
def modules(tmp_path_factory):
    """Install the client once and give its node_modules; skip without npm or its registry."""
    import shutil

    must = os.environ.get("REQUIRE_SERVERS") == "1"
    if not (shutil.which("node") and shutil.which("npm")):
        (pytest.fail if must else pytest.skip)("node and npm are not installed")
    given = os.environ.get("ALFRESCO_JS_API")
    if given:
        return Path(given)
    folder = tmp_path_factory.mktemp("js")
    quiet = ["--no-audit", "--no-fund", "--ignore-scripts", "--fetch-retries=1", "--fetch-timeout=20000"]
    command = ["npm", "install", *quiet, "--prefix", str(folder), PACKAGE]
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=180)
    except subprocess.TimeoutExpired:
        (pytest.fail if must else pytest.skip)(f"npm can't install {PACKAGE}: its registry does not answer")
    if done.returncode:
        (pytest.fail if must else pytest.skip)(f"npm can't install {PACKAGE}: {done.stderr[-300:]}")
    return folder / "node_modules"


@pytest.mark.servers
async def test_the_public_client_works_unchanged(modules, tmp_path):
    """Login, create, look, content, deletion, cancel, logout."""
    async with service(tmp_path, dialects=[alfresco.make], listeners=[Listener("127.0.0.1", 0)]) as made:
        node, other = put(made, State.COMPLETE, name="a.txt"), put(made, State.COMPLETE, name="b.txt")
        process = await asyncio.create_subprocess_exec(
            "node", str(SCRIPT), made.url, "ann", made.secrets["ann"], node, other,
            env={**os.environ, "NODE_PATH": str(modules)},
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        async with asyncio.timeout(60):
            talk = asyncio.create_task(process.communicate())
            # The first zip is made here, once it is asked for.
            while not talk.done():
                jobs = [view for view in made.engine.snapshot().downloads.values() if view.kind is Kind.BUNDLE]
                if len(jobs) == 1 and jobs[0].name == "archive.zip" and jobs[0].state is State.QUEUED:
                    finish(made, jobs[0].id, b"PK\x03\x04zip")
                await asyncio.sleep(0.01)
            out, err = await talk
        assert process.returncode == 0, err.decode()
    said = json.loads(out)
    assert said["badLogin"] == 403 and said["ticket"].startswith("TICKET_")
    created = said["created"]
    zeros = {"filesAdded": 0, "bytesAdded": 0, "totalFiles": 0, "totalBytes": 0, "status": "PENDING"}
    assert created == {"id": created["id"], **zeros}
    done = {"filesAdded": 2, "bytesAdded": 2 * SIZE, "totalFiles": 2, "totalBytes": 2 * SIZE, "status": "DONE"}
    assert said["done"] == {"id": created["id"], **done}
    assert said["narrow"] == {"id": created["id"], "status": "DONE"}
    assert base64.b64decode(said["bytes"]) == b"PK\x03\x04zip"
    assert said["linked"] == {"status": 206, "text": "PK\x03\x04"} and "archive.zip" in said["disposition"]
    assert said["deleted"]["status"] == 404
    assert said["deleted"]["error"]["errorKey"] == "framework.exception.EntityNotFound"
    assert said["second"] == ["id"] and said["cancelled"] == "CANCELLED"
    assert said["duplicate"]["status"] == 400 and said["out"] == 401
