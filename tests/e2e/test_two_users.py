"""Two users on every route there is: the routes are read off the table, so that none is forgotten."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.service import Home, Service, reaches, view
from tui_downloads.api.app import Root, build
from tui_downloads.api.auth import Auth
from tui_downloads.api.dialect import Dialect, Endpoint
from tui_downloads.api.dialects import alfresco
from tui_downloads.api.tokens import Tokens
from tui_downloads.cli.house import DIALECTS, dialects
from tui_downloads.demo.content import block
from tui_downloads.demo.server import PracticeServer
from tui_downloads.engine.fake import FakeEngine

SIZE, LARGE = 61_357, 50_012_347
ENDLESS = {"/v1/events"}
FILLERS = {"{file}": "1", "{directory:path}": ""}

Bodies = list[dict[str, Any]]


def table(folder: Path) -> Root:
    """Give the routes of the service as it is started, without starting it."""
    auth = Auth(Tokens(folder / "tokens.json"))
    return build(FakeEngine(), auth=auth, key=b"k" * 32, dialects=dialects(list(DIALECTS)))


def bodies(endpoint: Endpoint, ids: list[str], gids: list[str], secret: str) -> Bodies:
    """Give the worst that a stranger could send to a route that names others' downloads in its body.

    Raises:
        KeyError: a route that changes something and has no id in its path was added; say here what it takes.
    """
    if endpoint.method in ("GET", "HEAD"):
        return [{}]
    if "{id}" in endpoint.path:
        return [{}, {"priority": 5}, {"where": "top"}]
    calls = ("tellStatus", "getFiles", "getOption", "pause", "unpause", "remove", "forceRemove", "removeDownloadResult")
    known: dict[str, Bodies] = {
        "/v1/downloads": [{"url": "not a link"}],
        "/v1/query": [{"ids": ids}, {"owner": "ann"}, {}],
        "/v1/actions": [
            {"action": name, "ids": ids, **({"where": "top"} if name == "move" else {})}
            for name in ("pause", "resume", "cancel", "retry", "remove", "restore", "move")
        ] + [{"action": "remove", "files": True, "states": ["transferring", "complete", "paused"]}],
        "/v1/history": [{}], "/v1/limits": [{"downloads": 1}], "/v1/settings": [{"limits": {"downloads": 1}}],
        "/jsonrpc": [
            *(
                {"id": 1, "method": f"aria2.{name}", "params": [f"token:{secret}", gid]}
                for name in calls for gid in gids
            ),
            {"id": 1, "method": "aria2.pauseAll", "params": [f"token:{secret}"]},
            {"id": 1, "method": "aria2.purgeDownloadResult", "params": [f"token:{secret}"]},
            {"id": 1, "method": "aria2.tellStopped", "params": [f"token:{secret}", 0, 99]},
            {"id": 1, "method": "aria2.tellActive", "params": [f"token:{secret}"]},
        ],
        "/api/downloads": [{"download": {"download_type": "archive", "info": {"ids": ids}}}],
        "/api/download": [{"url": "not a link"}], "/api/v1/downloads": [{"url": "not a link"}],
        "/downloads": [{"nodeIds": [id]} for id in ids],
        alfresco.LOGIN: [{"userId": "ann", "password": secret}], alfresco.LOGIN + "/-me-": [{}],
    }  # fmt: skip
    return known[endpoint.path.removeprefix(alfresco.BASE)]


def paths(dialect: Dialect, endpoint: Endpoint, ids: list[str], gids: list[str]) -> list[str]:
    """Give the paths of a route for each of somebody's downloads, at the combined root and at its mount."""
    path = endpoint.path
    for name, value in FILLERS.items():
        path = path.replace(name, value)
    found = [path.replace("{id}", id) for id in (*ids, *gids)] if "{id}" in path else [path]
    assert "{" not in found[0], f"say in FILLERS what stands for the parameter of {endpoint.path}"
    query = "".join(f"?{name}=" for name in sorted(endpoint.query)[:1])
    roots = [""] * dialect.combined + [dialect.prefix] * bool(dialect.prefix)
    return [root + one + query for root in roots for one in found]


def test_nobody_meets_anothers_downloads_on_any_route(place: Home, origin: PracticeServer, tmp_path: Path):
    """Bob asks every route for Ann's running, finished and paused downloads, by id and gid: he learns and changes
    nothing, and Ann's are as they were."""
    pytest.importorskip("yt_dlp")
    place.write_settings("downloads = 10\nper_download = 2\n")
    service = place.serve("127.0.0.1:0")
    tokens = {name: place.token(name, "--private", "--folder", str(place.downloads)) for name in ("ann", "bob")}
    with service.client(tokens["ann"]) as ann, service.client(tokens["bob"]) as bob:
        ids = hers(ann, origin)
        gids = [view(ann, id)["gid"] for id in ids]
        secrets = [*ids, *gids, "ann-slow", "ann-done", "ann-paused"]
        before = standing(ann, ids)
        asked = 0
        for dialect in table(tmp_path).dialects:
            for endpoint in dialect.endpoints:
                if endpoint.method == "WEBSOCKET" or endpoint.path in ENDLESS:
                    continue  # the streams: `test_events_tell_nobody_of_anothers`, and tests/api/test_aria2_sockets
                for path in paths(dialect, endpoint, ids, gids):
                    for body in bodies(endpoint, ids, gids, tokens["bob"]):
                        answer = ask(bob, endpoint, path, body)
                        check(answer, path, body, secrets)
                        asked += 1
        assert asked > 300
        assert standing(ann, ids) == before
        assert ann.get(f"/v1/downloads/{ids[1]}/file").content == block("ann-done.bin", 0, SIZE)
    assert service.end() == 0


def ask(bob: httpx.Client, endpoint: Endpoint, path: str, body: dict[str, Any]) -> httpx.Response:
    """Send a request as Bob."""
    sent = {} if endpoint.method in ("GET", "HEAD") else {"json": body}
    return bob.request(endpoint.method, path, **sent)  # type: ignore[arg-type]


def check(answer: httpx.Response, path: str, body: dict[str, Any], secrets: list[str]) -> None:
    """Hold an answer to what Bob may learn: nothing but what he sent himself."""
    assert answer.status_code < 500, (path, body, answer.status_code, answer.text)
    told = answer.text
    named = any(secret in path for secret in secrets)
    if named:
        assert answer.status_code >= 400, (answer.request.method, path, body, answer.status_code, told)
    for secret in secrets:
        if secret not in path and secret not in json.dumps(body):
            assert secret not in told, (answer.request.method, path, body)
    assert str(SIZE) not in told and str(LARGE) not in told, (answer.request.method, path, body)


def hers(ann: httpx.Client, origin: PracticeServer) -> list[str]:
    """Give Ann a running, a finished and a paused download, and a zip."""

    def add(link: str, **more: Any) -> str:
        return str(ann.post("/v1/downloads", json={"url": link, **more}).json()["id"])

    slow = add(origin.file(LARGE, "ann-slow.bin", rate=20_000))
    done = add(origin.file(SIZE, "ann-done.bin"))
    paused = add(origin.file(SIZE, "ann-paused.bin"), paused=True)
    reaches(ann, done, "complete")
    reaches(ann, slow, "transferring")
    job = ann.post(f"{alfresco.BASE}/downloads", json={"nodeIds": [done]}).json()["entry"]["id"]
    reaches(ann, job, "complete")
    return [slow, done, paused, job]


def standing(ann: httpx.Client, ids: list[str]) -> list[tuple[Any, ...]]:
    """Give what nobody else may change of her downloads."""
    views = [view(ann, id) for id in ids]
    fields = ("id", "state", "name", "folder", "priority", "limit", "owner", "url")
    return [tuple(found[field] for field in fields) for found in views]


def test_events_tell_nobody_of_anothers(place: Home, origin: PracticeServer):
    """Bob follows the news, from the beginning too, while Ann's downloads come and go: he hears of none."""
    service: Service = place.serve("127.0.0.1:0")
    tokens = {name: place.token(name, "--private") for name in ("ann", "bob")}
    with service.client(tokens["ann"]) as ann, service.client(tokens["bob"]) as bob:
        with bob.stream("GET", "/v1/events?after=0") as stream:
            lines = stream.iter_lines()
            id = ann.post("/v1/downloads", json={"url": origin.file(SIZE, "ann-quiet.bin")}).json()["id"]
            reaches(ann, id, "complete")
            ann.delete(f"/v1/downloads/{id}")
            own = bob.post("/v1/downloads", json={"url": origin.file(SIZE, "own.bin"), "paused": True}).json()["id"]
            heard = []
            for line in lines:
                heard.append(line)
                if own in line:
                    break
        assert id not in "\n".join(heard) and "ann-quiet" not in "\n".join(heard)
