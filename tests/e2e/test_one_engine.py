"""One engine behind every face, over live HTTP: what one starts the others see, pause, fetch and remove; two users."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import quote

import httpx
import pytest

from tests.e2e.service import Home, Service, reaches, until, view
from tui_downloads.demo.content import block
from tui_downloads.demo.server import PracticeServer

SIZE, LARGE = 80_000, 50_000_000
ALFRESCO = "/alfresco/api/-default-/public/alfresco/versions/1"


def json_of(answer: httpx.Response, status: int = 200):
    assert answer.status_code == status, (answer.request.method, answer.request.url, answer.status_code, answer.text)
    return answer.json()


def rpc(client: httpx.Client, method: str, *params):
    """Call aria2's RPC as the user of a client."""
    secret = client.headers["authorization"].partition(" ")[2]
    body = {"id": 1, "method": f"aria2.{method}", "params": [f"token:{secret}", *params]}
    return client.post("/jsonrpc", json=body).json()


def by_hoody(client, link, place):
    return json_of(client.get(f"/hoody/here?download={quote(link, safe='')}"), 201)["download_id"]


def by_bridge(client, link, place):
    body = {"download": {"download_type": "url", "info": {"url": link}}}
    return json_of(client.post("/bridge/api/downloads", json=body), 201)["download"]["id"]


def by_offlinetube(client, link, place):
    return json_of(client.post("/offlinetube/api/download", json={"url": link, "quality": "720p"}))["download_id"]


def by_masv(client, link, place):
    body = {"url": link, "dst_folder": str(place.downloads)}
    return json_of(client.post("/masv/api/v1/downloads", json=body))["download_id"]


def by_native(client, link, place):
    return json_of(client.post("/v1/downloads", json={"url": link}), 201)["id"]


def by_aria2(client, link, place):
    gid = rpc(client, "addUri", [link])["result"]
    return json_of(client.get(f"/v1/downloads/{gid}"))["download"]["id"]


START: dict[str, Callable] = {
    "hoody": by_hoody, "bridge": by_bridge, "offlinetube": by_offlinetube, "masv": by_masv, "native": by_native,
    "aria2": by_aria2,
}  # fmt: skip


def seen(client: httpx.Client, id: str, gid: str) -> dict[str, bool]:
    """Say which faces show a download to a user."""

    def ids(records, key):
        return id in [record[key] for record in records]

    both = json_of(client.get("/hoody/api/v1/downloads"))["downloads"]
    both += json_of(client.get("/hoody/?download_history="))["history"]
    return {
        "hoody": ids(both, "id"),
        "bridge": client.get(f"/bridge/api/downloads/{id}").status_code == 200,
        "offlinetube": ids(json_of(client.get("/offlinetube/api/downloads")), "id"),
        "masv": ids(json_of(client.get("/masv/api/v1/downloads"))["downloads"], "download_id"),
        "masv one": client.get(f"/masv/api/v1/downloads/{id}").status_code == 200,
        "native": ids(json_of(client.get("/v1/downloads"))["items"], "id"),
        "native one": client.get(f"/v1/downloads/{id}").status_code == 200,
        "aria2": "result" in rpc(client, "tellStatus", gid, ["status"]),
    }  # fmt: skip


@pytest.fixture
def service(place: Home) -> Service:
    # A seat for every slow download.
    place.write_settings("downloads = 10\nper_download = 2\n[endpoint]\nstrict_allow_download = true\n")
    return place.serve("127.0.0.1:0")


@pytest.fixture
def ann(place: Home, service: Service):
    with service.client(place.token("ann", "--private", "--folder", str(place.downloads))) as client:
        yield client


@pytest.fixture
def bob(place: Home, service: Service):
    with service.client(place.token("bob", "--private", "--folder", str(place.downloads))) as client:
        yield client


def test_started_by_each_seen_and_paused_by_the_others(place: Home, ann, origin: PracticeServer):
    """Whoever starts it, all show it; MASV, aria2, the native API and the command each pause what another started."""
    pytest.importorskip("yt_dlp")

    def masv(id, what):
        assert ann.post(f"/masv/api/v1/downloads/{id}/{what}").status_code == 200

    def aria2(id, what):
        method = {"pause": "pause", "resume": "unpause"}[what]
        assert "result" in rpc(ann, method, view(ann, id)["gid"])

    def native(id, what):
        assert ann.post(f"/v1/downloads/{id}/{what}").status_code == 200

    def command(id, what):
        place.run(what, id)

    steering = [masv, aria2, native, command]
    for n, (name, start) in enumerate(START.items()):
        id = start(ann, origin.file(LARGE, f"{name}-slow.bin", rate=40_000), place)
        reaches(ann, id, "transferring")
        shown = seen(ann, id, view(ann, id)["gid"])
        assert all(shown.values()), (name, shown)
        assert id in [row["id"] for row in place.json("list")["items"]]
        # Each is paused by one face and resumed by the next.
        steering[n % 4](id, "pause")
        reaches(ann, id, "paused")
        assert json_of(ann.get(f"/masv/api/v1/downloads/{id}"))["state"] == "paused"
        steering[(n + 1) % 4](id, "resume")
        reaches(ann, id, "queued", "resolving", "transferring")


def test_started_by_each_fetched_by_the_others(place: Home, ann, origin: PracticeServer):
    """The bytes are the same through Bridge's link, OfflineTube, an Alfresco zip and node, and the native API."""
    pytest.importorskip("yt_dlp")
    for name, start in START.items():
        id = start(ann, origin.file(SIZE, f"{name}-file.bin"), place)
        reaches(ann, id, "complete")
        wanted = block(f"{name}-file.bin", 0, SIZE)
        url = json_of(ann.get(f"/bridge/api/downloads/{id}"))["download"]["url"]
        answer = ann.get(url)
        assert answer.status_code == 302
        with httpx.Client(base_url=ann.base_url, trust_env=False) as nobody:
            assert nobody.get(answer.headers["location"]).content == wanted
        assert ann.get(f"/offlinetube/api/download/{id}/file").content == wanted
        assert ann.get(f"{ALFRESCO}/nodes/{id}/content").content == wanted
        assert ann.get(f"/v1/downloads/{id}/file").content == wanted
        job = json_of(ann.post(f"{ALFRESCO}/downloads", json={"nodeIds": [id]}), 202)["entry"]["id"]
        until(lambda: json_of(ann.get(f"{ALFRESCO}/downloads/{job}"))["entry"]["status"] == "DONE", "the zip")
        assert wanted[:1000] in ann.get(f"{ALFRESCO}/nodes/{job}/content").content


def test_started_by_each_removed_by_the_others(place: Home, ann, origin: PracticeServer):
    """Removed with its file by another face than the one that started it, it is gone from all."""
    pytest.importorskip("yt_dlp")
    remove: dict[str, Callable[[str], object]] = {
        "masv": lambda id: ann.delete(f"/masv/api/v1/downloads/{id}?remove_files=true").raise_for_status(),
        "offlinetube": lambda id: ann.delete(f"/offlinetube/api/downloads/{id}/remove").raise_for_status(),
        "alfresco": lambda id: ann.delete(f"{ALFRESCO}/nodes/{id}").raise_for_status(),
        "native": lambda id: ann.delete(f"/v1/downloads/{id}?files=true").raise_for_status(),
        "command": lambda id: place.run("remove", "--files", id),
    }
    for n, (name, start) in enumerate(START.items()):
        id = start(ann, origin.file(SIZE, f"{name}-gone.bin"), place)
        reaches(ann, id, "complete")
        gid, path = view(ann, id)["gid"], f"{name}-gone.bin"
        (file,) = place.downloads.rglob(path)
        other = [key for key in remove if key != name][n % 4]
        remove[other](id)
        shown = seen(ann, id, gid)
        assert not any(shown.values()), (name, other, shown)
        until(lambda: not file.exists(), "the file's end")


def test_two_users_on_every_face(place: Home, service: Service, ann, bob, origin: PracticeServer):
    """Bob sees, pauses, resumes, fetches, zips and removes nothing of Ann's, and Ann's goes on untouched."""
    slow = by_native(ann, origin.file(LARGE, "slow.bin", rate=40_000), place)
    done = by_native(ann, origin.file(SIZE, "done.bin"), place)
    reaches(ann, done, "complete")
    reaches(ann, slow, "transferring")
    job = json_of(ann.post(f"{ALFRESCO}/downloads", json={"nodeIds": [done]}), 202)["entry"]["id"]
    reaches(ann, job, "complete")
    for id in (slow, done, job):
        shown = seen(bob, id, view(ann, id)["gid"])
        assert not any(shown.values()), shown
        gid = view(ann, id)["gid"]
        for method in ("pause", "unpause", "remove", "forceRemove", "removeDownloadResult", "getFiles", "getOption"):
            assert "error" in rpc(bob, method, gid), method
        refused = [
            bob.post(f"/masv/api/v1/downloads/{id}/pause"), bob.post(f"/masv/api/v1/downloads/{id}/resume"),
            bob.delete(f"/masv/api/v1/downloads/{id}"), bob.delete(f"/masv/api/v1/downloads/{id}?remove_files=true"),
            bob.get(f"/offlinetube/api/download/{id}/file"), bob.delete(f"/offlinetube/api/downloads/{id}"),
            bob.delete(f"/offlinetube/api/downloads/{id}/remove"), bob.get(f"/bridge/api/downloads/{id}"),
            bob.get(f"/bridge/api/downloads/{id}/file"), bob.get(f"{ALFRESCO}/downloads/{id}"),
            bob.delete(f"{ALFRESCO}/downloads/{id}"), bob.get(f"{ALFRESCO}/nodes/{id}/content"),
            bob.delete(f"{ALFRESCO}/nodes/{id}"), bob.post(f"{ALFRESCO}/downloads", json={"nodeIds": [id]}),
            bob.get(f"/v1/downloads/{id}"), bob.get(f"/v1/downloads/{id}/file"), bob.delete(f"/v1/downloads/{id}"),
            bob.delete(f"/v1/downloads/{id}?files=true"), bob.patch(f"/v1/downloads/{id}", json={"priority": 1}),
            bob.post(f"/v1/downloads/{id}/link"),
            *(bob.post(f"/v1/downloads/{id}/{what}") for what in ("pause", "resume", "cancel", "retry", "restore")),
            bob.post(f"/v1/downloads/{id}/move", json={"where": "top"}),
        ]  # fmt: skip
        for answer in refused:
            request = answer.request
            assert answer.status_code in (400, 403, 404), (request.method, request.url.path, answer.status_code)
            assert "slow.bin" not in answer.text and "done.bin" not in answer.text
    # What asks for many gets none of hers.
    for answer in (
        bob.delete("/masv/api/v1/downloads"), bob.delete("/masv/api/v1/downloads?remove_files=true"),
        bob.delete("/masv/api/v1/downloads?states=complete,transferring&remove_files=true"),
        bob.delete("/v1/history"), bob.post("/v1/actions", json={"action": "remove", "ids": [slow, done, job]}),
        bob.post("/v1/actions", json={"action": "pause", "states": ["transferring", "complete"]}),
    ):  # fmt: skip
        assert answer.status_code < 500, answer.text
    rpc(bob, "pauseAll"), rpc(bob, "forcePauseAll"), rpc(bob, "purgeDownloadResult")
    for path in ("/v1/history", "/v1/errors", "/v1/history/export?format=csv", "/v1/snapshot", "/v1/hosts"):
        text = bob.get(path).text
        assert not any(secret in text for secret in (slow, done, job, "slow.bin", "done.bin")), path
    assert view(ann, slow)["state"] == "transferring"
    assert view(ann, done)["state"] == view(ann, job)["state"] == "complete"
    assert ann.get(f"/v1/downloads/{done}/file").content == block("done.bin", 0, SIZE)
    assert (place.downloads / "done.bin").exists()
