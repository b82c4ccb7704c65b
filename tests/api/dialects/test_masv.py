"""MASV Agent: the shapes of its document, pause and resume, deletion that typos can't trigger, and the shared list."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.api.dialects.doc_examples import run
from tests.api.service import Service, own, service
from tui_downloads.api.auth import Door
from tui_downloads.api.dialects import _hoody, _masv, hoody, masv
from tui_downloads.core.download import FileRecord
from tui_downloads.core.errors import Code
from tui_downloads.core.lifecycle import State
from tui_downloads.core.snapshots import Kind
from tui_downloads.engine.fake_stage import error_view
from tui_downloads.engine.fake_transfer import Script

PACKAGE = "https://get.massive.app/LINK_ID?secret=LINK_SECRET"
ALL = "/masv/api/v1/downloads"
NOBODY = "00000000-0000-4000-8000-000000000000"
RECORD = "download_id state name dst_folder url total_size transferred_size created_at error".split()
HOODY = set(
    "id filename file_path directory url status current_size expected_size progress_percentage start_time".split()
)


@pytest.fixture(params=["hoody first", "masv first"])
async def both(request: pytest.FixtureRequest, tmp_path: Path):
    """Give a service with Hoody and MASV, in either order."""
    order = [hoody.make, masv.make]
    async with service(tmp_path, dialects=order if request.param == "hoody first" else order[::-1]) as found:
        yield found


@pytest.fixture
async def made(tmp_path: Path):
    """Give a service with MASV and Hoody."""
    async with service(tmp_path, dialects=[masv.make, hoody.make]) as found:
        yield found


def put(made: Service, state: State, owner: str = "ann", url: str = PACKAGE, **fields: Any) -> str:
    """Set a download of a user on the stage."""
    if state is State.FAILED:
        fields.setdefault("error", error_view(Code.SERVER_ERROR, "It broke.", 0.0))
    id = made.engine.put(url, state=state, script=Script(size=1000), name="pack", **fields)
    own(made, id, owner)
    return id


def left(made: Service) -> set[str]:
    """Give the states of what is on the stage."""
    return {view.state.value for view in made.engine.snapshot().downloads.values()}


async def test_the_examples_of_the_page_are_true(made: Service):
    """Every example of docs/dialects/masv.md runs and answers as it says."""
    assert await run("masv.md", made.client("ann"), str(made.folder)) == 8


# ---------------------------------------------------------------- create


async def test_a_package_is_started_as_in_the_document(made: Service):
    """200 with the id; the engine gets a package, the folder, and the password among the secrets."""
    body = {"url": PACKAGE, "dst_folder": "/destination/folder", "password": "optional_password"}
    response = await made.client("ann").post(ALL, json=body)
    (id,) = response.json().values()
    asked = made.engine._downloads[id].request
    assert (response.status_code, list(response.json())) == (200, ["download_id"])
    assert (asked.url, asked.kind, asked.folder) == (PACKAGE, Kind.PACKAGE, "/destination/folder")
    assert (asked.credentials.extra, asked.owner, asked.dialect) == ({"password": "optional_password"}, "ann", "masv")


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("https://get.massive.io/AB-12?x=1&secret=s", Kind.PACKAGE),
        ("https://GET.massive.app/AB?secret=s#f", Kind.PACKAGE),
        ("https://example.org/file.zip", None),
        ("https://get.massive.app.example.org/AB", None),
    ],
)
async def test_the_link_says_what_it_is(made: Service, url: str, kind: Kind | None):
    """Package hosts make packages; what another link means is for the engine to say."""
    response = await made.client("ann").post(ALL, json={"url": url, "dst_folder": "/d"})
    assert response.status_code == 200
    (call,) = [arguments for name, arguments in made.engine.calls if name == "add"]
    assert call[0].kind is kind


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"url": PACKAGE},
        {"dst_folder": "/d"},
        {"url": 7, "dst_folder": "/d"},
        {"url": "", "dst_folder": "/d"},
        {"url": "nonsense", "dst_folder": "/d"},
        {"url": PACKAGE, "dst_folder": "relative/folder"},
        {"url": PACKAGE, "dst_folder": "~/d"},
        {"url": PACKAGE, "dst_folder": "/d\x00"},
        {"url": PACKAGE, "dst_folder": "/d", "password": 7},
        {"url": PACKAGE, "dst_folder": "/d", "password": "a\nb"},
        {"url": PACKAGE, "dst_folder": "/d", "pasword": "typo"},
        [],
        "x",
    ],
)
async def test_what_is_not_understood_is_400(made: Service, body: Any):
    """Errors are {code, message}; nothing is added."""
    response = await made.client("ann").post(ALL, json=body)
    assert (response.status_code, sorted(response.json())) == (400, ["code", "message"])
    assert response.json()["code"] == 400
    assert "secret" not in response.text.lower()
    assert not made.engine.snapshot().downloads


async def test_a_folder_outside_the_tokens_is_403(made: Service, tmp_path: Path):
    """A token's folders hold what it downloads, links on disk included."""
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "out").symlink_to("/")
    made.secrets["kim"] = made.tokens.create("kim", folders=(str(mine),))
    kim = made.client("kim")
    for folder, status in ((mine / "a", 200), ("/elsewhere", 403), (mine / "out" / "x", 403), (mine / ".." / "x", 403)):
        response = await kim.post(ALL, json={"url": PACKAGE, "dst_folder": str(folder)})
        assert response.status_code == status, folder
    assert list(response.json()) == ["code", "message"]


async def test_no_token_is_needed_where_the_listener_says_so(made: Service):
    """The agent needs no session: a no-auth listener takes the document's calls, within the download root."""
    client = made.client("", Door("no-auth", "masv"))
    inside = await client.post("/api/v1/downloads", json={"url": PACKAGE, "dst_folder": str(made.folder / "x")})
    outside = await client.post("/api/v1/downloads", json={"url": PACKAGE, "dst_folder": "/elsewhere"})
    assert (inside.status_code, outside.status_code) == (200, 403)
    assert list((await client.get("/api/v1/downloads")).json()["downloads"][0]) == RECORD


# ---------------------------------------------------------------- look


async def test_secrets_are_never_told(made: Service):
    """Neither the secret of the link nor the password is in any answer, in whatever state."""
    ann = made.client("ann")
    body = {"url": "https://u:pw1@get.massive.app/ID?secret=s3cr3t", "dst_folder": "/d", "password": "pw2"}
    id = (await ann.post(ALL, json=body)).json()["download_id"]
    texts = [(await ann.get(path)).text for path in (ALL, f"{ALL}/{id}", "/api/v1/downloads")]
    texts += [(await made.client("root").get(path)).text for path in (ALL, f"{ALL}/{id}", "/api/v1/downloads")]
    for text in texts:
        assert id in text
        assert not any(secret in text for secret in ("s3cr3t", "pw1", "pw2"))


WORDS = {
    State.PAUSING: "paused",
    State.PAUSED: "paused",
    State.COMPLETE: "complete",
    State.FAILED: "error",
    State.CANCELLED: "error",
}


@pytest.mark.parametrize("state", list(State))
async def test_every_state_through_every_call(made: Service, state: State):
    """The matrix: list, detail, pause, resume and delete in each state of the engine."""
    id = put(made, state)
    ann, word = made.client("ann"), WORDS.get(state, "transferring")
    (listed,) = (await ann.get(ALL)).json()["downloads"]
    detail = (await ann.get(f"{ALL}/{id}")).json()
    assert (list(listed), listed["state"]) == (RECORD, word)
    assert detail == {**listed, "files": detail["files"]}
    (file,) = detail["files"]
    assert list(file) == ["id", "name", "path", "size", "transferred", "state"]
    assert file["state"] == word
    assert (listed["error"] is None) == (word != "error")
    if word == "error":
        assert listed["error"]["recoverable"] is True
    pause = await ann.post(f"{ALL}/{id}/pause")
    assert pause.status_code == (200 if word == "transferring" else 409)
    other = put(made, state)
    resume = await ann.post(f"{ALL}/{other}/resume")
    refused = word in ("transferring", "complete") or state is State.PAUSING
    assert resume.status_code == (409 if refused else 200)
    for answer in (pause, resume):
        assert list(answer.json()) == (["code", "message"] if answer.status_code == 409 else [])
    for each in (id, other):
        gone = await ann.delete(f"{ALL}/{each}")
        assert (gone.status_code, gone.json()) == (200, {})
        assert (await ann.get(f"{ALL}/{each}")).status_code == 404
    assert not left(made)


def test_every_state_has_its_word():
    """The table is total."""
    assert set(_masv.STATE) == set(State)
    assert set(_masv.STATE.values()) == set(_masv.WORDS)


async def test_details_have_the_states_of_the_files(made: Service):
    """Each file of a package with its original name, its place, and its own state."""
    id = put(made, State.TRANSFERRING)
    made.engine._downloads[id].files = [
        FileRecord("1", "in/a b.txt", "a:b.txt", size=10, done=10, state="complete"),
        FileRecord("2", "in/c.txt", "c.txt", size=20, done=5, state="transferring"),
        FileRecord("3", "d (1).txt", "d.txt", size=30, state="failed"),
        FileRecord("4", "e.txt", "e.txt", size=40, state="queued", selected=False),
    ]
    made.engine._touch(id)
    files = (await made.client("ann").get(f"{ALL}/{id}")).json()["files"]
    assert [tuple(file.values()) for file in files] == [
        ("1", "a:b.txt", "in/a b.txt", 10, 10, "complete"),
        ("2", "c.txt", "in/c.txt", 20, 5, "transferring"),
        ("3", "d.txt", "d (1).txt", 30, 0, "error"),
        ("4", "e.txt", "e.txt", 40, 0, "paused"),
    ]


async def test_an_error_that_can_not_be_mended_is_not_resumed(made: Service):
    """409 with the reason, and the state stays."""
    error = error_view(Code.CHECKSUM_MISMATCH, "The checksum is another.", 0.0)
    id = put(made, State.FAILED, error=error)
    ann = made.client("ann")
    told = (await ann.get(f"{ALL}/{id}")).json()["error"]
    response = await ann.post(f"{ALL}/{id}/resume")
    assert told == {"code": "CHECKSUM_MISMATCH", "message": "The checksum is another.", "recoverable": False}
    assert (response.status_code, response.json()["code"]) == (409, 409)
    assert "The checksum is another." in response.json()["message"]
    assert left(made) == {"failed"}


async def test_resuming_goes_on(made: Service):
    """A paused and a recoverable one are queued again."""
    paused, failed = put(made, State.PAUSED), put(made, State.FAILED)
    ann = made.client("ann")
    for id in (paused, failed):
        assert (await ann.post(f"{ALL}/{id}/resume")).status_code == 200
    assert left(made) == {"queued"}


# ---------------------------------------------------------------- delete


@pytest.mark.parametrize(
    ("query", "stay", "files"),
    [
        ("", set(), False),
        ("?remove_files=true", set(), True),
        ("?remove_files=false", set(), False),
        ("?states=complete", {"transferring", "paused", "failed", "cancelled", "queued"}, False),
        ("?states=complete,transferring", {"paused", "failed", "cancelled"}, False),
        ("?states=complete%2Ctransferring&remove_files=true", {"paused", "failed", "cancelled"}, True),
        ("?remove_files=true&states=error", {"complete", "transferring", "paused", "queued"}, True),
        ("?states=paused,paused", {"complete", "transferring", "failed", "cancelled", "queued"}, False),
    ],
)
async def test_deleting_many(made: Service, query: str, stay: set[str], files: bool):
    """Each of the document's forms deletes what it names, with files only where it says so."""
    for state in (State.COMPLETE, State.TRANSFERRING, State.PAUSED, State.FAILED, State.CANCELLED, State.QUEUED):
        put(made, state)
    response = await made.client("ann").delete(f"{ALL}{query}")
    assert (response.status_code, response.json(), left(made)) == (200, {}, stay)
    commands = {name for name, _ in made.engine.calls if name.startswith("remove")}
    assert commands == {"remove_files" if files else "remove"}


@pytest.mark.parametrize("files", [True, False])
async def test_deleting_one(made: Service, files: bool):
    """Files go only where it is said."""
    id = put(made, State.COMPLETE)
    response = await made.client("ann").delete(f"{ALL}/{id}" + ("?remove_files=true" if files else ""))
    assert (response.status_code, response.json()) == (200, {})
    assert ("remove_files" if files else "remove", (id,)) in made.engine.calls


@pytest.mark.parametrize(
    "query",
    [
        "state=complete",
        "States=complete",
        "states=",
        "states",
        "states=done",
        "states=COMPLETE",
        "states=complete,",
        "states=complete, paused",
        "states=complete&states=paused",
        "remove_files=yes",
        "remove_files=",
        "remove_file=true",
        "remove-files=true",
        "remove_files=true&remove_files=true",
        "states=complete&x=1",
    ],
)
async def test_a_typo_deletes_nothing(made: Service, query: str):
    """Unknown parameters, states and values are 400, at the mount and at the combined root."""
    put(made, State.COMPLETE)
    for path in (ALL, "/api/v1/downloads"):
        response = await made.client("ann").delete(f"{path}?{query}")
        assert (response.status_code, list(response.json())) == (400, ["code", "message"])
    assert left(made) == {"complete"}


@pytest.mark.parametrize("query", ["states=complete", "remove_files=1", "removefiles=true"])
async def test_a_typo_at_one_deletes_nothing(made: Service, query: str):
    """The same for one download."""
    id = put(made, State.COMPLETE)
    response = await made.client("ann").delete(f"{ALL}/{id}?{query}")
    assert (response.status_code, left(made)) == (400, {"complete"})


async def test_deleting_all_takes_more_than_a_page(made: Service):
    """Every one goes, not only the first page."""
    for n in range(1100):
        put(made, State.PAUSED, url=f"https://example.org/{n}")
    assert (await made.client("ann").delete(ALL)).status_code == 200
    assert not left(made)


# ---------------------------------------------------------------- users


async def test_nobody_sees_or_touches_what_is_not_theirs(made: Service):
    """Every call of somebody else's is 404, and deleting all leaves it."""
    id = put(made, State.PAUSED)
    bob = made.client("bob")
    for method, end in (("GET", ""), ("DELETE", ""), ("POST", "/pause"), ("POST", "/resume")):
        response = await bob.request(method, f"{ALL}/{id}{end}")
        assert (response.status_code, list(response.json())) == (404, ["code", "message"])
    assert (await bob.get(ALL)).json() == {"downloads": []}
    assert (await bob.delete(ALL)).status_code == 200
    assert left(made) == {"paused"}
    assert len((await made.client("root").get(ALL)).json()["downloads"]) == 1


async def test_who_may_only_read_changes_nothing(made: Service):
    """The scope read looks and is refused everything else."""
    id = put(made, State.PAUSED, owner="eve")
    eve = made.client("eve")
    assert (await eve.get(f"{ALL}/{id}")).status_code == 200
    answers = [
        await eve.post(ALL, json={"url": PACKAGE, "dst_folder": "/d"}),
        await eve.post(f"{ALL}/{id}/resume"),
        await eve.delete(f"{ALL}/{id}"),
        await eve.delete(ALL),
    ]
    assert {answer.status_code for answer in answers} == {403}
    assert left(made) == {"paused"}


# ---------------------------------------------------------------- the shared list


async def test_one_list_serves_both_documents(both: Service):
    """At the combined root each record has Hoody's fields and MASV's, whichever of the two was mounted first."""
    for state in State:
        put(both, state)
    records = (await both.client("ann").get("/api/v1/downloads")).json()["downloads"]
    assert len(records) == len(State)
    for record in records:
        assert set(record) == set(RECORD) | HOODY
        assert record["id"] == record["download_id"]
        assert record["url"] == "https://get.massive.app/LINK_ID"
    assert {record["status"] for record in records} == set(_hoody.STATUS.values())
    assert {record["state"] for record in records} == set(_masv.WORDS)


@pytest.mark.parametrize("path", ["/api/v1/downloads", ALL])
async def test_states_narrow_the_list(both: Service, path: str):
    """`?states=` keeps what it names, and a state that there is not is refused."""
    for state in State:
        put(both, state)
    ann = both.client("ann")
    records = (await ann.get(f"{path}?states=paused,error")).json()["downloads"]
    assert sorted(record["state"] for record in records) == ["error", "error", "paused", "paused"]
    for wrong in ("states=", "states=nonsense", "states=paused&states=error"):
        assert (await ann.get(f"{path}?{wrong}")).status_code == 400


async def test_the_mounts_keep_to_their_own_document(both: Service):
    """Each strict mount answers the same path as its document alone says."""
    put(both, State.TRANSFERRING)
    put(both, State.COMPLETE)
    ann = both.client("ann")
    hoodys = (await ann.get("/hoody/api/v1/downloads")).json()["downloads"]
    masvs = (await ann.get(ALL)).json()["downloads"]
    assert [set(record) for record in hoodys] == [HOODY]
    assert [list(record) for record in masvs] == [RECORD, RECORD]


# ---------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("method", "path", "status", "allow"),
    [
        ("PUT", ALL, 405, "DELETE, GET, HEAD, POST"),
        ("PUT", "/api/v1/downloads", 405, "DELETE, GET, HEAD, POST"),
        ("POST", f"{ALL}/{NOBODY}", 405, "DELETE, GET, HEAD"),
        ("GET", f"{ALL}/{NOBODY}/pause", 405, "POST"),
        ("GET", f"{ALL}/{NOBODY}/nonsense", 404, None),
        ("GET", "/masv", 404, None),
        ("GET", f"{ALL}/", 404, None),
        ("GET", f"{ALL}/nonsense", 404, None),
        ("DELETE", f"{ALL}/{NOBODY}", 404, None),
        ("POST", f"{ALL}/{NOBODY}/pause", 404, None),
    ],
)
async def test_what_is_not_there_is_told_in_masvs_shape(
    both: Service, method: str, path: str, status: int, allow: str | None
):
    """404 and 405 have MASV's body, and 405 says what is allowed."""
    response = await both.client("ann").request(method, path)
    assert (response.status_code, list(response.json())) == (status, ["code", "message"])
    assert response.json()["code"] == status
    assert response.headers.get("allow") == allow


async def test_refusals_at_the_door_are_in_masvs_shape(made: Service):
    """400, 401, 403 and 415 are MASV's too."""
    ann, type = made.client("ann"), {"content-type": "application/json"}
    answers = [
        (400, await ann.post(ALL, content=b"{", headers=type)),
        (401, await made.client().get(ALL)),
        (403, await ann.get(ALL, headers={"origin": "https://evil.example"})),
        (415, await ann.post(ALL, content=b"x=1", headers={"content-type": "text/plain"})),
    ]
    wrong = made.client(authorization="Bearer wrong-wrong-wrong-wrong")
    for _ in range(11):
        last = await wrong.get(ALL)
    for status, response in [*answers, (401, last)]:
        assert (response.status_code, list(response.json())) == (status, ["code", "message"])
        assert isinstance(response.json()["message"], str)


async def test_a_fault_of_ours_is_500_in_masvs_shape(made: Service, monkeypatch: pytest.MonkeyPatch):
    """A crash shows nothing of itself."""

    async def crash(*_: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(made.engine, "get", crash)
    response = await made.client("ann").get(f"{ALL}/{NOBODY}")
    assert (response.status_code, list(response.json())) == (500, ["code", "message"])
    assert "secret" not in response.text
