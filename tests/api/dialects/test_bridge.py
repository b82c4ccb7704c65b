"""Bridge: the shapes of its document, permission by type, ownership, and the redirect to the file."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.api.dialects.doc_examples import run
from tests.api.service import Service, finished, own, service
from tui_downloads.api.auth import Door
from tui_downloads.api.dialects import bridge
from tui_downloads.core.lifecycle import State
from tui_downloads.core.snapshots import Kind

LINK = "https://files.example.com/report.pdf"
FIELDS = ["id", "download_type", "user_id", "state", "url"]
NOBODY = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
async def made(tmp_path: Path):
    """Give a service with Bridge."""
    async with service(tmp_path, dialects=[bridge.make]) as found:
        yield found


def asks(type: str, info: Any = None) -> dict[str, Any]:
    """Give a body that asks for a download."""
    download: dict[str, Any] = {"download_type": type}
    if info is not None:
        download["info"] = info
    return {"download": download}


def put(made: Service, state: State, owner: str = "ann", **fields: Any) -> str:
    """Set a download of a user on the stage."""
    id = made.engine.put(LINK, state=state, **fields)
    own(made, id, owner)
    return id


async def test_the_examples_of_the_page_are_true(made: Service):
    """Every example of docs/dialects/bridge.md runs and answers as it says."""
    assert await run("bridge.md", made.client("ann"), str(made.folder)) == 5


# ---------------------------------------------------------------- create


async def test_a_link_becomes_a_download(made: Service):
    """201 with the document's five fields; ids and users are texts, and there is no url yet."""
    response = await made.client("ann").post("/bridge/api/downloads", json=asks("url", {"url": LINK}))
    record = response.json()["download"]
    assert (response.status_code, list(response.json()), list(record)) == (201, ["download"], FIELDS)
    assert record == {
        "id": record["id"],
        "download_type": "url",
        "user_id": "ann",
        "state": "pending",
        "url": None,
    }
    asked = made.engine._downloads[record["id"]].request
    assert (asked.url, asked.kind, asked.owner, asked.dialect) == (LINK, Kind.LINK, "ann", "bridge")


async def test_a_link_may_be_given_a_name(made: Service):
    """info.filename is the file's name, made safe."""
    info = {"url": LINK, "filename": "my: report.pdf"}
    body = (await made.client("ann").post("/api/downloads", json=asks("url", info))).json()
    assert made.engine._downloads[body["download"]["id"]].request.name == "my_ report.pdf"


async def test_an_archive_holds_what_was_named(made: Service):
    """info.ids goes to the engine as a bundle's source."""
    ids = [finished(made, "a.txt", b"a"), finished(made, "b.txt", b"b")]
    response = await made.client("ann").post("/api/downloads", json=asks("archive", {"ids": ids}))
    record = response.json()["download"]
    asked = made.engine._downloads[record["id"]].request
    assert (response.status_code, record["download_type"]) == (201, "archive")
    assert (asked.kind, asked.source) == (Kind.BUNDLE, {"ids": ids})


async def test_an_archive_without_ids_holds_everything_finished(made: Service):
    """All of the caller's finished downloads, without other users' and without archives."""
    mine = [finished(made, "a.txt", b"a"), finished(made, "b.txt", b"b")]
    finished(made, "c.txt", b"c", owner="bob")
    made.engine._downloads[finished(made, "old.zip", b"z")].kind = Kind.BUNDLE
    put(made, State.TRANSFERRING)
    for user in ("ann", "root"):
        response = await made.client(user).post("/api/downloads", json=asks("archive"))
        if user == "ann":
            source = made.engine._downloads[response.json()["download"]["id"]].request.source
            assert sorted(source["ids"]) == sorted(mine)
        else:
            assert response.status_code == 422


@pytest.mark.parametrize(("info", "format"), [(None, "csv"), ({}, "csv"), ({"format": "json"}, "json")])
async def test_a_history_is_an_export(made: Service, info: Any, format: str):
    """csv unless json is asked for."""
    body = (await made.client("ann").post("/api/downloads", json=asks("history", info))).json()
    asked = made.engine._downloads[body["download"]["id"]].request
    assert (asked.kind, asked.source) == (Kind.EXPORT, {"format": format})
    assert body["download"]["download_type"] == "history"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"download": "{API::DownloadRequest}"},
        {"download": {}},
        {"download": {"download_type": "nonsense"}},
        {"download": {"download_type": ["url"]}},
        asks("url"),
        asks("url", {"url": 7}),
        asks("url", {"url": "nonsense"}),
        asks("url", {"url": LINK, "filename": "../x"}),
        asks("url", {"url": LINK, "filename": ""}),
        {"download": {"download_type": "url", "info": []}},
        asks("archive", {"ids": []}),
        asks("archive", {"ids": "x"}),
        asks("archive", {"ids": [NOBODY]}),
        asks("archive", {"ids": [NOBODY, NOBODY]}),
        asks("archive"),
        asks("history", {"format": "xml"}),
        asks("history", {"format": {}}),
    ],
)
async def test_what_no_download_can_be_made_of_is_422(made: Service, body: Any):
    """The document's 422, in Bridge's error shape, and nothing is made."""
    response = await made.client("ann").post("/bridge/api/downloads", json=body)
    (error,) = response.json()["errors"]
    assert (response.status_code, sorted(error)) == (422, ["detail", "title"])
    assert not made.engine.snapshot().downloads


async def test_an_archive_takes_only_the_callers_finished_ones(made: Service):
    """Somebody else's and an unfinished one are 422."""
    ann = made.client("ann")
    for id in (finished(made, "c.txt", b"c", owner="bob"), put(made, State.TRANSFERRING)):
        response = await ann.post("/api/downloads", json=asks("archive", {"ids": [id]}))
        assert response.status_code == 422


async def test_types_are_permitted_by_token(made: Service):
    """403 for a type the token lacks, on creating, looking and fetching."""
    made.secrets["kim"] = made.tokens.create("kim", types=("history",))
    kim = made.client("kim")
    id = finished(made, "a.txt", b"a", owner="kim")
    answers = [
        await kim.post("/bridge/api/downloads", json=asks("url", {"url": LINK})),
        await kim.post("/bridge/api/downloads", json=asks("archive", {"ids": [id]})),
        await kim.get(f"/bridge/api/downloads/{id}"),
        await kim.get(f"/bridge/api/downloads/{id}/file"),
    ]
    assert [answer.status_code for answer in answers] == [403] * 4
    assert all(list(answer.json()) == ["errors"] for answer in answers)
    assert (await kim.post("/bridge/api/downloads", json=asks("history"))).status_code == 201


# ---------------------------------------------------------------- show and fetch

WORDS = {
    State.QUEUED: "pending",
    State.COMPLETE: "done",
    State.FAILED: "failed",
    State.CANCELLED: "failed",
}


@pytest.mark.parametrize("state", list(State))
@pytest.mark.parametrize("mount", ["", "/bridge"])
async def test_every_state_is_told_and_only_done_has_a_url(made: Service, state: State, mount: str):
    """The state's word, a url that carries the mount's prefix, and a file that is there only when done."""
    id = finished(made, "a.txt", b"abc")
    made.engine._downloads[id].state = state
    made.engine._touch(id)
    ann = made.client("ann")
    response = await ann.get(f"{mount}/api/downloads/{id}")
    url = f"{mount}/api/downloads/{id}/file" if state is State.COMPLETE else None
    assert response.status_code == 200
    assert response.json() == {
        "download": {
            "id": id,
            "download_type": "url",
            "user_id": "ann",
            "state": WORDS.get(state, "processing"),
            "url": url,
        }
    }
    if state is not State.COMPLETE:
        made.engine._downloads[id].files[0].state = "transferring"
    file = await ann.get(f"{mount}/api/downloads/{id}/file")
    assert file.status_code == (302 if state is State.COMPLETE else 404)


def test_every_state_and_kind_has_its_word():
    """The tables are total."""
    assert set(bridge.STATE) == set(State)
    assert set(bridge.TYPE_OF) == set(Kind)


@pytest.mark.parametrize(
    ("mount", "door"), [("", Door()), ("/bridge", Door()), ("", Door("tcp", "bridge")), ("", Door("no-auth"))]
)
async def test_the_file_is_behind_a_signed_link(made: Service, mount: str, door: Door):
    """302 to a link below the same mount that serves the bytes, with ranges and without a token."""
    id = finished(made, "näme.txt", b"0123456789", owner="local" if door.kind == "no-auth" else "ann")
    client = made.client("" if door.kind == "no-auth" else "ann", door)
    redirect = await client.get(f"{mount}/api/downloads/{id}/file")
    location = redirect.headers["location"]
    assert (redirect.status_code, redirect.content) == (302, b"")
    assert location.startswith(f"{mount}/")
    anybody = made.client("", door)
    whole = await anybody.get(location)
    piece = await anybody.get(location, headers={"range": "bytes=2-4"})
    assert (whole.status_code, whole.content) == (200, b"0123456789")
    assert (piece.status_code, piece.content) == (206, b"234")
    assert "n%C3%A4me.txt" in whole.headers["content-disposition"]
    beyond = await anybody.get(location, headers={"range": "bytes=99-"})
    assert (beyond.status_code, beyond.headers["content-range"]) == (416, "bytes */10")


async def test_a_link_is_for_one_file_and_one_time(made: Service):
    """A link that was changed is 403 in Bridge's shape; so is every link after the token was rotated."""
    id, other = finished(made, "a.txt", b"a"), finished(made, "b.txt", b"b")
    location = (await made.client("ann").get(f"/bridge/api/downloads/{id}/file")).headers["location"]
    anybody = made.client()
    for wrong in (location.replace(id, other), location[:-1] + ("0" if location[-1] != "0" else "1")):
        response = await anybody.get(wrong)
        assert (response.status_code, list(response.json())) == (403, ["errors"])
    assert (await anybody.get(location)).status_code == 200
    made.tokens.rotate("ann")
    assert (await anybody.get(location)).status_code == 403


async def test_a_file_that_is_gone_is_404_before_any_redirect(made: Service):
    """Nobody is sent to a link that leads nowhere."""
    id = finished(made, "a.txt", b"a")
    (made.folder / "a.txt").unlink()
    response = await made.client("ann").get(f"/bridge/api/downloads/{id}/file")
    assert (response.status_code, response.json()["errors"][0]["title"]) == (404, "Not Found")


async def test_a_folder_of_files_is_done_without_a_url(made: Service):
    """A package has no single file."""
    id = finished(made, "a.txt", b"a")
    record = made.engine._downloads[id]
    record.kind = Kind.PACKAGE
    record.files = [record.files[0], type(record.files[0])(id="2", path="b.txt", state="complete")]
    made.engine._touch(id)
    ann = made.client("ann")
    told = (await ann.get(f"/bridge/api/downloads/{id}")).json()["download"]
    assert (told["state"], told["url"], told["download_type"]) == ("done", None, "url")
    assert (await ann.get(f"/bridge/api/downloads/{id}/file")).status_code == 404


async def test_somebody_elses_is_403_and_nobodys_404(made: Service):
    """The document tells the two apart; an administrator may see all."""
    id = finished(made, "a.txt", b"a")
    bob, root = made.client("bob"), made.client("root")
    for path in (f"/bridge/api/downloads/{id}", f"/bridge/api/downloads/{id}/file"):
        response = await bob.get(path)
        assert (response.status_code, list(response.json())) == (403, ["errors"])
        assert (await root.get(path)).status_code in (200, 302)
    gid = made.engine._downloads[id].gid
    for unknown in (NOBODY, "nonsense", gid, "x" * 2000, "%0A"):
        for end in ("", "/file"):
            response = await bob.get(f"/bridge/api/downloads/{unknown}{end}")
            assert (response.status_code, list(response.json())) == (404, ["errors"])


async def test_other_faces_downloads_are_seen(made: Service):
    """What was added elsewhere has the type url or media."""
    for kind, word in ((Kind.LINK, "url"), (Kind.PACKAGE, "url"), (Kind.MEDIA, "media")):
        id = put(made, State.TRANSFERRING)
        made.engine._downloads[id].kind = kind
        made.engine._touch(id)
        told = (await made.client("ann").get(f"/api/downloads/{id}")).json()["download"]
        assert told["download_type"] == word


# ---------------------------------------------------------------- errors and doors


async def test_the_token_may_be_sent_as_basic(made: Service):
    """`Basic <token>` is what older clients send."""
    response = await made.client(authorization=f"Basic {made.secrets['ann']}").post(
        "/bridge/api/downloads", json=asks("url", {"url": LINK})
    )
    assert (response.status_code, response.json()["download"]["user_id"]) == (201, "ann")


async def test_the_user_survives_rotation_and_is_local_at_a_socket(made: Service):
    """user_id is the token's name; the socket's is local."""
    id = put(made, State.TRANSFERRING)
    made.secrets["ann"] = made.tokens.rotate("ann")
    told = (await made.client("ann").get(f"/api/downloads/{id}")).json()["download"]
    assert told["user_id"] == "ann"
    made_here = await made.client("", Door("socket")).post("/api/downloads", json=asks("url", {"url": LINK}))
    assert made_here.json()["download"]["user_id"] == "local"


@pytest.mark.parametrize(
    ("method", "path", "status", "allow"),
    [
        ("GET", "/bridge/api/downloads", 405, "POST"),
        ("DELETE", "/bridge/api/downloads", 405, "POST"),
        ("DELETE", "/bridge/api/downloads/x", 405, "GET, HEAD"),
        ("POST", "/bridge/api/downloads/x/file", 405, "GET, HEAD"),
        ("GET", "/bridge/api/downloads/", 404, None),
        ("GET", "/bridge/api/downloads/x/y", 404, None),
        ("GET", "/bridge", 404, None),
        ("GET", "/api/downloads/x/y", 404, None),
        ("PATCH", "/api/downloads/x", 405, "GET, HEAD"),
    ],
)
async def test_what_is_not_there_is_told_in_bridges_shape(
    made: Service, method: str, path: str, status: int, allow: str | None
):
    """404 and 405 have Bridge's body, and 405 says what is allowed."""
    response = await made.client("ann").request(method, path)
    assert (response.status_code, list(response.json())) == (status, ["errors"])
    assert response.headers.get("allow") == allow


async def test_refusals_at_the_door_are_in_bridges_shape(made: Service):
    """400, 401, 403 and 415 are Bridge's too."""
    ann, type = made.client("ann"), {"content-type": "application/json"}
    answers = [
        (400, await ann.post("/bridge/api/downloads", content=b"{", headers=type)),
        (400, await ann.post("/bridge/api/downloads", content=b"[]", headers=type)),
        (401, await made.client().get(f"/bridge/api/downloads/{NOBODY}")),
        (401, await made.client(authorization="Basic wrong").get(f"/bridge/api/downloads/{NOBODY}")),
        (403, await made.client("eve").post("/bridge/api/downloads", json=asks("url", {"url": LINK}))),
        (403, await ann.get(f"/bridge/api/downloads/{NOBODY}", headers={"host": "evil.example"})),
        (415, await ann.post("/bridge/api/downloads", content=b"x=1", headers={"content-type": "text/plain"})),
    ]
    for status, response in answers:
        assert response.status_code == status, response.text
        (error,) = response.json()["errors"]
        assert re.fullmatch(r"[A-Z].*[.…]", error["detail"]), error


async def test_a_fault_of_ours_is_500_in_bridges_shape(made: Service, monkeypatch: pytest.MonkeyPatch):
    """A crash shows nothing of itself."""

    async def crash(*_: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(made.engine, "get", crash)
    response = await made.client("ann").get(f"/bridge/api/downloads/{NOBODY}")
    assert (response.status_code, list(response.json())) == (500, ["errors"])
    assert "secret" not in response.text


async def test_a_full_quota_makes_nothing(made: Service):
    """Past the quota it is 403 in Bridge's shape."""
    made.secrets["kim"] = made.tokens.create("kim", quota_queued=1)
    kim = made.client("kim")
    statuses = [
        (await kim.post("/bridge/api/downloads", json=asks("url", {"url": f"{LINK}?{n}"}))).status_code
        for n in range(2)
    ]
    assert statuses == [201, 403]
