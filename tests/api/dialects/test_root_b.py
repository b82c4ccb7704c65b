"""The combined root with every dialect: who owns which path, and what is allowed there."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from tests.api.service import service
from tui_downloads.api.aria2 import application
from tui_downloads.api.dialects import alfresco, bridge, hoody, masv, offlinetube
from tui_downloads.api.server import Listener


@pytest.fixture
async def root(tmp_path: Path):
    """Give a service that speaks everything."""
    made_by = [application.make, bridge.make, offlinetube.make, masv.make, alfresco.make, hoody.make]
    async with service(tmp_path, dialects=made_by) as made:
        yield made


@pytest.mark.parametrize(
    ("method", "path", "status", "key"),
    [
        ("GET", "/api/downloads", 200, ""),
        ("GET", "/api/downloads/nope", 404, "errors"),
        ("DELETE", "/api/downloads/nope", 404, "detail"),
        ("DELETE", "/api/downloads/nope/remove", 404, "detail"),
        ("GET", "/api/download/nope/file", 404, "detail"),
        ("GET", "/api/download/nope", 404, "detail"),
        ("PUT", "/api/downloads", 405, "errors"),
        ("PUT", "/api/download", 405, "detail"),
        ("GET", "/alfresco/nope", 404, "error"),
        ("GET", "/jsonrpc/nope", 404, "jsonrpc"),
        ("GET", "/offlinetube/api/downloads/nope", 405, "detail"),
    ],
)
async def test_each_path_has_one_owner(root, method, path, status, key):
    """Its shape tells whose answer it is."""
    answer = await root.client("ann").request(method, path)
    assert answer.status_code == status, answer.text
    assert not key or key in answer.json()


@pytest.mark.parametrize(
    ("path", "allow"),
    [
        ("/api/downloads", "GET, HEAD, POST"), ("/api/downloads/x", "DELETE, GET, HEAD"), ("/api/download", "POST"),
        ("/offlinetube/api/downloads", "GET, HEAD"), ("/jsonrpc", "GET, HEAD, POST"),
    ],
)  # fmt: skip
async def test_allow_is_the_union_at_the_root(root, path, allow):
    """And only the dialect's own at its mount."""
    answer = await root.client("ann").request("PATCH", path)
    assert (answer.status_code, answer.headers["allow"]) == (405, allow)


async def test_a_download_of_one_dialect_is_listed_by_the_others(root):
    """Started by aria2's RPC."""
    ann = root.client("ann")
    link = "https://files.example.org/a.iso"
    body = {"id": 1, "method": "aria2.addUri", "params": [f"token:{root.secrets['ann']}", [link]]}
    gid = (await ann.post("/jsonrpc", json=body)).json()["result"]
    (record,) = (await ann.get("/api/downloads")).json()
    assert record["id"].replace("-", "").startswith(gid) and record["url"] == link
    (managed,) = (await ann.get("/masv/api/v1/downloads")).json()["downloads"]
    assert managed["download_id"] == record["id"]
    assert (await ann.get(f"/bridge/api/downloads/{record['id']}")).status_code == 200


ERROR_KEYS = {
    "hoody": {"success", "error", "message"},
    "bridge": {"errors"},
    "offlinetube": {"detail"},
    "masv": {"code", "message"},
    "alfresco": {"error"},
    "aria2": {"id", "jsonrpc", "error"},
}


async def test_what_is_no_http_is_told_in_the_listeners_shape(tmp_path: Path):
    """A client with one document reads that document's errors, also for what never became a request."""
    made_by = [application.make, bridge.make, offlinetube.make, masv.make, alfresco.make, hoody.make]
    listeners = [Listener(port=0, dialect=name) for name in ERROR_KEYS]
    async with service(tmp_path, dialects=made_by, listeners=listeners) as made:
        assert made.server is not None
        for url, keys in zip(made.server.addresses, ERROR_KEYS.values(), strict=True):
            reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
            writer.write(b"POST /api/download HTTP/1.1\r\nHost: localhost\r\nContent-Length: abc\r\n\r\n")
            head, _, body = (await reader.read()).partition(b"\r\n\r\n")
            writer.close()
            assert head.startswith(b"HTTP/1.1 400 ") and b"x-content-type-options: nosniff" in head, head
            assert head.lower().count(b"content-length:") == 1
            assert json.loads(body).keys() == keys
