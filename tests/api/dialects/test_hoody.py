"""Hoody files: the shapes of its document, its refusals, and what it does to the engine."""

from __future__ import annotations

import asyncio
import os
import re
from pathlib import Path
from urllib.parse import quote

import pytest
from msgspec.structs import replace

from tests.api.dialects.doc_examples import run
from tests.api.service import Service, own, service
from tui_downloads.api.app import Root
from tui_downloads.api.auth import Door
from tui_downloads.api.dialects import _hoody, hoody, masv
from tui_downloads.api.settings import ApiSettings
from tui_downloads.core.errors import Code
from tui_downloads.core.lifecycle import ENDED, State
from tui_downloads.core.snapshots import Kind
from tui_downloads.engine.fake_stage import error_view
from tui_downloads.engine.fake_transfer import Script

ON = ApiSettings(strict_hoody_download=True)
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")
DATA = quote("https://files.example.com/data.csv", safe="")
STARTED = {"download_id", "filename", "path", "success", "message", "error"}
ACTIVE = "id filename file_path directory url status current_size expected_size progress_percentage start_time".split()
PAST = "id filename file_path directory url status total_bytes start_time end_time error".split()


@pytest.fixture
async def made(tmp_path: Path):
    """Give a service with Hoody and MASV, downloads allowed."""
    async with service(tmp_path, settings=ON, dialects=[hoody.make, masv.make]) as found:
        yield found


def put(made: Service, state: State, owner: str = "ann", folder: str = "Downloads", **fields: object) -> str:
    """Set a download of a user on the stage."""
    url = str(fields.pop("url", "https://files.example.com/dataset.zip"))
    where = str(made.folder / folder) if folder else str(made.folder)
    id = made.engine.put(url, state=state, folder=where, script=Script(size=104857600), **fields)
    own(made, id, owner)
    return id


async def test_the_examples_of_the_page_are_true(made: Service):
    """Every example of docs/dialects/hoody.md runs and answers as it says."""
    assert await run("hoody.md", made.client("ann"), str(made.folder)) == 7


# ---------------------------------------------------------------- start


async def test_start_answers_as_the_document(made: Service):
    """A started download has exactly the fields and values of the document's example."""
    ann = made.client("ann")
    response = await ann.get(f"/hoody/Downloads?download={DATA}&filename=renamed-data.csv&timeout=600")
    body = response.json()
    assert response.status_code == 201
    assert UUID.fullmatch(body.pop("download_id"))
    assert body == {
        "filename": "renamed-data.csv",
        "path": "Downloads/renamed-data.csv",
        "success": True,
        "message": "Download started",
        "error": None,
    }


async def test_start_asks_the_engine_for_that_file_in_that_folder(made: Service):
    """The name is fixed, the folder is below the root, and the timeout is the time in all."""
    body = (await made.client("ann").get(f"/hoody/Downloads?download={DATA}&timeout=600")).json()
    download = made.engine._downloads[body["download_id"]]
    asked = download.request
    assert (asked.name, asked.folder, asked.options.max_time) == ("data.csv", str(made.folder / "Downloads"), 600)
    assert (asked.kind, asked.owner, asked.dialect) == (Kind.LINK, "ann", "hoody")
    assert asked.policy.folders == (str(made.folder),)


async def test_start_without_a_timeout_has_the_documented_one(made: Service):
    """The default is 300 seconds."""
    body = (await made.client("ann").get(f"/hoody/Downloads?download={DATA}")).json()
    assert made.engine._downloads[body["download_id"]].request.options.max_time == 300


async def test_a_refused_link_answers_as_the_document(made: Service):
    """A link that is none is 400 with the document's failure body."""
    link = quote("http//files.example.com/data.csv", safe="")
    response = await made.client("ann").get(f"/hoody/Downloads?download={link}")
    body = response.json()
    assert response.status_code == 400
    assert UUID.fullmatch(body.pop("download_id"))
    assert body == {
        "filename": "data.csv",
        "path": "Downloads/data.csv",
        "success": False,
        "message": "Download failed",
        "error": "INVALID_URL",
    }


@pytest.mark.parametrize(
    "link", ["", "nonsense", "ftp://h.example/x", "file:///etc/passwd", "http://", "https://h.example/\x00"]
)
async def test_only_links_of_the_web_are_taken(made: Service, link: str):
    """Other schemes and broken links are INVALID_URL."""
    response = await made.client("ann").get(f"/hoody/d?download={quote(link, safe='')}")
    assert (response.status_code, response.json()["error"]) == (400, "INVALID_URL")


async def test_a_blocked_domain_is_told_at_once(made: Service):
    """A domain that the token may not reach is 400 DOMAIN_BLOCKED, and so is a private address."""
    made.secrets["kim"] = made.tokens.create("kim", blocked=("files.example.com",))
    kim = made.client("kim")
    first = await kim.get(f"/hoody/d?download={DATA}")
    second = await kim.get("/hoody/d?download=http%3A%2F%2F127.0.0.1%2Fx")
    assert [(r.status_code, r.json()["error"]) for r in (first, second)] == [(400, "DOMAIN_BLOCKED")] * 2
    assert set(first.json()) == STARTED


async def test_downloads_can_be_off(tmp_path: Path):
    """The strict mount is off by default and the combined root on; off is the document's 403."""
    async with service(tmp_path, dialects=[hoody.make]) as made:
        ann = made.client("ann")
        strict = await ann.get(f"/hoody/d?download={DATA}")
        listener = await made.client("ann", Door("tcp", "hoody")).get(f"/d?download={DATA}")
        combined = await ann.get(f"/d?download={DATA}")
    assert (strict.status_code, strict.json()) == (403, {"success": False, "error": "DOWNLOAD_FORBIDDEN"})
    assert listener.json() == strict.json()
    assert combined.status_code == 201


async def test_the_combined_root_follows_its_own_setting(tmp_path: Path):
    """allow_download off closes the combined root only."""
    settings = ApiSettings(allow_download=False, strict_hoody_download=True)
    async with service(tmp_path, settings=settings, dialects=[hoody.make]) as made:
        ann = made.client("ann")
        assert (await ann.get(f"/d?download={DATA}")).status_code == 403
        assert (await ann.get(f"/hoody/d?download={DATA}")).status_code == 201


async def test_past_the_configured_number_it_is_429(tmp_path: Path):
    """Jobs past hoody_max_running are refused, and taken again when one has ended."""
    settings = replace(ON, hoody_max_running=1)
    async with service(tmp_path, settings=settings, dialects=[hoody.make]) as made:
        ann = made.client("ann")
        first = (await ann.get(f"/hoody/d?download={DATA}")).json()
        refused = await ann.get(f"/hoody/d?download={DATA}")
        await made.engine.cancel([first["download_id"]])
        third = await ann.get(f"/hoody/d?download={DATA}")
    assert (refused.status_code, refused.json()["error"]) == (429, "TOO_MANY_DOWNLOADS")
    assert refused.headers["retry-after"] == "10"
    assert third.status_code == 201


@pytest.mark.parametrize("timeout", ["0", "-1", "soon", "", "1.5", "99999999999", "٣"])
async def test_a_timeout_that_is_no_number_of_seconds_is_400(made: Service, timeout: str):
    """Zero, negative and text start nothing."""
    response = await made.client("ann").get(f"/hoody/d?download={DATA}&timeout={quote(timeout)}")
    assert (response.status_code, response.json()["error"]) == (400, "INVALID_TIMEOUT")
    assert not made.engine.snapshot().downloads


@pytest.mark.parametrize("name", ["a/b", "../x", "..", "a\\b", "a\x00b", "a\nb"])
async def test_a_file_name_is_no_path(made: Service, name: str):
    """A name with folders in it starts nothing."""
    response = await made.client("ann").get(f"/hoody/d?download={DATA}&filename={quote(name, safe='')}")
    assert (response.status_code, response.json()["error"]) == (400, "INVALID_FILENAME")
    assert not made.engine.snapshot().downloads


@pytest.mark.parametrize(
    "directory",
    ["..", "a/..", "a/../b", ".", "a/./b", "%2e%2e", "a%2F..%2Fb", "a%2F%2Fb", "%2Fetc", "a%00b", "a%0Ab",
     "a%5Cb", "%FF", "a%zz", "x" * 300, "/".join("a" * 70)],
)  # fmt: skip
async def test_a_directory_outside_or_unreadable_is_invalid(made: Service, directory: str):
    """What does not decode or climbs is 400 INVALID_PATH and starts nothing."""
    ann = made.client("ann")
    status, error = await raw_get(made.root, made.secrets["ann"], f"/hoody/{directory}", f"download={DATA}")
    assert (status, error) == (400, "INVALID_PATH")
    status, error = await raw_get(made.root, made.secrets["ann"], f"/hoody/{directory}", "downloads=")
    assert (status, error) == (400, "INVALID_PATH")
    assert not made.engine.snapshot().downloads
    assert (await ann.get("/hoody/?download_history=")).json() == {"history": []}


async def raw_get(root: Root, secret: str, path: str, query: str) -> tuple[int, str]:
    """Send a path exactly as it is written, decoded as the server does."""
    import json
    from urllib.parse import unquote

    scope = {
        "type": "http",
        "method": "GET",
        "path": unquote(path),
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": [(b"host", b"localhost"), (b"authorization", f"Bearer {secret}".encode())],
        "client": ("192.0.2.1", 1),
        "server": ("localhost", 80),
        "scheme": "http",
        "http_version": "1.1",
    }
    sent = []

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, object]) -> None:
        sent.append(message)

    await root.open(Door())(scope, receive, send)
    return sent[0]["status"], json.loads(sent[1]["body"])["error"]


async def test_a_link_on_disk_leads_nowhere(made: Service, tmp_path: Path):
    """A symbolic link out of the root, and a file in the way, are INVALID_PATH."""
    (tmp_path / "elsewhere").mkdir()
    (made.folder / "out").symlink_to(tmp_path / "elsewhere")
    (made.folder / "file").write_text("x")
    ann = made.client("ann")
    for directory in ("out", "out/deeper", "file", "file/deeper"):
        response = await ann.get(f"/hoody/{directory}?download={DATA}")
        assert (response.status_code, response.json()["error"]) == (400, "INVALID_PATH"), directory


async def test_slashes_may_be_encoded(made: Service):
    """`%2F` separates folders as `/` does."""
    ann = made.client("ann")
    one = (await ann.get(f"/hoody/a%2Fb%20c?download={DATA}")).json()
    two = (await ann.get(f"/hoody/a/b%20c/?download={DATA}")).json()
    assert (one["path"], two["path"]) == ("a/b c/data.csv", "a/b c/data (1).csv")


async def test_without_a_directory_nothing_starts(made: Service):
    """The root itself is no directory to download into."""
    ann = made.client("ann")
    for path in ("/hoody", "/hoody/", "/"):
        response = await ann.get(f"{path}?download={DATA}")
        assert (response.status_code, response.json()["error"]) == (400, "INVALID_PATH")


async def test_the_name_is_free_on_disk_and_in_the_queue(made: Service):
    """A name on disk, its part, another spelling, and a queued target are all taken."""
    folder = made.folder / "d"
    folder.mkdir()
    (folder / "DATA.CSV").write_text("x")
    (folder / "data (1).csv.part").write_text("x")
    put(made, State.QUEUED, owner="bob", folder="d", name="data (2).csv")
    ann = made.client("ann")
    names = [(await ann.get(f"/hoody/d?download={DATA}")).json()["filename"] for _ in range(2)]
    assert names == ["data (3).csv", "data (4).csv"]


async def test_a_name_is_made_safe(made: Service):
    """The answer has the name as it will be on disk."""
    body = (await made.client("ann").get(f"/hoody/d?download={DATA}&filename=a%3Ab%3F.csv")).json()
    assert (body["filename"], body["path"]) == ("a_b_.csv", "d/a_b_.csv")


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "none", "sec-fetch-mode": "navigate"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "same-origin", "sec-fetch-mode": "navigate"},
        {"sec-fetch-site": "same-origin", "sec-purpose": "prefetch"},
        {"origin": "https://evil.example"},
        {"origin": "null"},
    ],
)
async def test_a_browser_can_not_be_led_to_start_one(made: Service, headers: dict[str, str]):
    """Navigations, prefetches and foreign pages are refused, in Hoody's shape."""
    response = await made.client("ann").get(f"/hoody/d?download={DATA}", headers=headers)
    assert (response.status_code, response.json()["error"]) == (403, "DOWNLOAD_FORBIDDEN")
    assert not made.engine.snapshot().downloads


async def test_head_starts_nothing(made: Service):
    """HEAD must change nothing; 405 with GET as what is allowed."""
    response = await made.client("ann").head(f"/hoody/d?download={DATA}")
    assert (response.status_code, response.headers["allow"]) == (405, "GET")
    assert not made.engine.snapshot().downloads


async def test_who_may_only_read_starts_nothing(made: Service):
    """A token with the scope read gets the document's code."""
    response = await made.client("eve").get(f"/hoody/d?download={DATA}")
    assert (response.status_code, response.json()["error"]) == (403, "DOWNLOAD_FORBIDDEN")
    both = await made.client("eve").get(f"/hoody/d?downloads=&download={DATA}")
    assert both.status_code == 403
    assert not made.engine.snapshot().downloads


async def test_a_type_the_token_lacks_is_forbidden(made: Service):
    """Who may only archive starts nothing."""
    made.secrets["kim"] = made.tokens.create("kim", types=("archive",))
    response = await made.client("kim").get(f"/hoody/d?download={DATA}")
    assert (response.status_code, response.json()["error"]) == (403, "DOWNLOAD_FORBIDDEN")


async def test_a_token_with_a_folder_of_its_own_starts_there(made: Service, tmp_path: Path):
    """The root of a restricted token is its first folder."""
    own_folder = tmp_path / "kim"
    made.secrets["kim"] = made.tokens.create("kim", folders=(str(own_folder),))
    body = (await made.client("kim").get(f"/hoody/d?download={DATA}")).json()
    assert made.engine._downloads[body["download_id"]].folder == str(own_folder / "d")
    assert body["path"] == "d/data.csv"


async def test_routes_are_no_directories_at_the_combined_root(made: Service):
    """The service's own first components are refused there, and are directories at the mount."""
    ann = made.client("ann")
    for first in ("v1", "api", "alfresco"):
        response = await ann.get(f"/{first}?download={DATA}")
        owned = first == "v1"  # whose dialect is served here beside Hoody, and answers in its own shape
        assert response.status_code == (404 if owned else 400)
        assert owned or (response.json()["error"], "/hoody" in response.json()["message"]) == ("INVALID_PATH", True)
        assert (await ann.get(f"/hoody/{first}/x?download={DATA}")).status_code == 201


async def test_repeated_parameters_are_refused(made: Service):
    """Two links or two names mean nothing clear."""
    for more in (f"&download={DATA}", "&filename=a&filename=b", "&timeout=1&timeout=2"):
        response = await made.client("ann").get(f"/hoody/d?download={DATA}{more}")
        assert (response.status_code, response.json()["error"]) == (400, "INVALID_REQUEST")


# ---------------------------------------------------------------- lists


async def test_active_records_are_as_in_the_document(made: Service):
    """Half a dataset is told with the document's fields, types and figures."""
    id = put(made, State.TRANSFERRING, name="dataset.zip", done=52428800)
    made.engine._downloads[id].created_at = 1_700_000_000.7
    body = (await made.client("ann").get("/hoody/Downloads?downloads=")).json()
    assert body == {
        "downloads": [
            {
                "id": id,
                "filename": "dataset.zip",
                "file_path": "Downloads/dataset.zip",
                "directory": "Downloads",
                "url": "https://files.example.com/dataset.zip",
                "status": "downloading",
                "current_size": 52428800,
                "expected_size": 104857600,
                "progress_percentage": 50.0,
                "start_time": 1700000000,
            }
        ]
    }
    assert list(body["downloads"][0]) == ACTIVE


async def test_a_queued_one_is_starting_with_nothing_known(made: Service):
    """The document's second record: sizes and progress that are not known are null."""
    put(made, State.QUEUED, folder="Documents", url="https://docs.example.com/report.pdf")
    (record,) = (await made.client("ann").get("/hoody/api/v1/downloads")).json()["downloads"]
    assert (record["status"], record["current_size"], record["expected_size"]) == ("starting", 0, None)
    assert (record["progress_percentage"], record["filename"]) == (None, "report.pdf")


async def test_a_directory_lists_itself_only(made: Service):
    """Neither the folder above nor one below is listed; the equals sign may be missing."""
    put(made, State.TRANSFERRING, name="a", folder="d")
    put(made, State.TRANSFERRING, name="b", folder="d/deeper")
    put(made, State.TRANSFERRING, name="c", folder="")
    ann = made.client("ann")

    async def names(path: str) -> list[str]:
        return sorted(record["filename"] for record in (await ann.get(path)).json()["downloads"])

    assert await names("/hoody/d?downloads") == ["a"]
    assert await names("/hoody/d%2Fdeeper?downloads=") == ["b"]
    assert await names("/hoody/?downloads=") == ["c"]
    assert await names("/hoody/api/v1/downloads") == ["a", "b", "c"]


async def test_history_records_are_as_in_the_document(made: Service):
    """A complete and a failed one, with the document's fields and values."""
    done = put(made, State.COMPLETE, name="dataset.zip")
    error = error_view(Code.REMOTE_FILE_NOT_FOUND, "Not there.", 0.0, 404)
    gone = put(
        made, State.FAILED, name="missing.csv", url="https://files.example.com/missing.csv", error=error, size=None
    )
    for id, begin, end in ((done, 1_700_000_000, 1_700_000_030), (gone, 1_700_000_100, 1_700_000_105)):
        made.engine._downloads[id].created_at, made.engine._downloads[id].finished_at = float(begin), float(end)
    body = (await made.client("ann").get("/hoody/?download_history=")).json()
    assert body == {
        "history": [
            {
                "id": done,
                "filename": "dataset.zip",
                "file_path": "Downloads/dataset.zip",
                "directory": "Downloads",
                "url": "https://files.example.com/dataset.zip",
                "status": "completed",
                "total_bytes": 104857600,
                "start_time": 1700000000,
                "end_time": 1700000030,
                "error": None,
            },
            {
                "id": gone,
                "filename": "missing.csv",
                "file_path": "Downloads/missing.csv",
                "directory": "Downloads",
                "url": "https://files.example.com/missing.csv",
                "status": "failed",
                "total_bytes": None,
                "start_time": 1700000100,
                "end_time": 1700000105,
                "error": "REMOTE_FILE_NOT_FOUND",
            },
        ]
    }
    assert list(body["history"][0]) == PAST


async def test_a_refused_attempt_is_in_the_history_of_its_user(made: Service):
    """What was refused at once is remembered under the id that was given; others do not see it."""
    link = quote("ftp://me:pw@files.example.com/data.csv?key=1", safe="")
    id = (await made.client("ann").get(f"/hoody/Downloads?download={link}")).json()["download_id"]
    (record,) = (await made.client("ann").get("/hoody?download_history")).json()["history"]
    assert (record["id"], record["status"], record["error"]) == (id, "failed", "INVALID_URL")
    assert record["url"] == "ftp://files.example.com/data.csv"
    assert list(record) == PAST
    assert (await made.client("bob").get("/hoody/?download_history=")).json() == {"history": []}


def test_refused_attempts_are_bounded():
    """A user who is refused for ever does not fill the memory."""
    refusals = _hoody.Refusals()
    for n in range(refusals.USERS + 5):
        refusals.add(f"u{n}", _hoody.Refusal(str(n), "f", "d", "u", "INVALID_URL", 0.0))
    for n in range(refusals.EACH + 5):
        refusals.add("ann", _hoody.Refusal(str(n), "f", "d", "u", "INVALID_URL", 0.0))
    assert (len(refusals.of("ann")), refusals.of("ann")[0].id) == (refusals.EACH, "5")
    assert refusals.of("u0") == []


async def test_links_are_shortened_for_who_has_not_full_rights(made: Service):
    """Query and fragment are an administrator's to see; user and password nobody's."""
    put(made, State.TRANSFERRING, name="a", url="https://me:pw@files.example.com/a?token=s#f")
    seen = {}
    for user in ("ann", "root"):
        (record,) = (await made.client(user).get("/hoody/api/v1/downloads")).json()["downloads"]
        seen[user] = record["url"]
    assert seen["ann"] == "https://files.example.com/a"
    assert seen["root"].startswith("https://files.example.com/a?token=s")


@pytest.mark.parametrize("state", list(State))
async def test_every_state_has_its_word_in_its_list(made: Service, state: State):
    """Unfinished ones are active, ended ones history, and never both."""
    error = error_view(Code.DISK_FULL, "Full.", 0.0) if state is State.FAILED else None
    put(made, state, name="a", error=error)
    ann = made.client("ann")
    active = (await ann.get("/hoody/api/v1/downloads")).json()["downloads"]
    here = (await ann.get("/hoody/Downloads?downloads=")).json()["downloads"]
    past = (await ann.get("/hoody/?download_history=")).json()["history"]
    words = {State.QUEUED: "starting", State.RESOLVING: "starting", State.COMPLETE: "completed",
             State.FAILED: "failed", State.CANCELLED: "failed"}  # fmt: skip
    word = words.get(state, "downloading")
    assert [record["status"] for record in active] == ([] if state in ENDED else [word])
    assert here == active
    assert [record["status"] for record in past] == ([word] if state in ENDED else [])
    errors = {State.FAILED: "NETWORK_ERROR", State.CANCELLED: "CANCELLED"}
    assert [record["error"] for record in past] == ([errors.get(state)] if state in ENDED else [])


def test_every_code_of_ours_has_one_of_hoodys():
    """The map is total, and leads only to codes that the page names."""
    known = {
        "INVALID_URL", "DOMAIN_BLOCKED", "DOWNLOAD_TIMEOUT", "REMOTE_FILE_NOT_FOUND", "NETWORK_ERROR",
        "DOWNLOAD_FORBIDDEN", "INVALID_PATH",
    }  # fmt: skip
    assert set(_hoody.CODES) == set(Code)
    assert set(_hoody.CODES.values()) == known
    assert set(_hoody.STATUS) == set(State)


async def test_a_user_sees_only_their_own(made: Service):
    """Active lists and history hold nothing of somebody else's; an administrator sees all."""
    put(made, State.TRANSFERRING, name="a")
    put(made, State.COMPLETE, name="b")
    for path, field in (
        ("/hoody/api/v1/downloads", "downloads"),
        ("/hoody/Downloads?downloads=", "downloads"),
        ("/hoody/?download_history=", "history"),
    ):
        assert (await made.client("bob").get(path)).json() == {field: []}
        assert len((await made.client("root").get(path)).json()[field]) == 1


async def test_a_narrowed_token_no_longer_lists_other_folders(made: Service):
    """Jobs in folders that the token does not reach are not listed."""
    (made.folder / "mine").mkdir()
    made.secrets["kim"] = made.tokens.create("kim", folders=(str(made.folder / "mine"),))
    put(made, State.TRANSFERRING, owner="kim", name="a", folder="other")
    put(made, State.TRANSFERRING, owner="kim", name="b", folder="mine")
    records = (await made.client("kim").get("/hoody/api/v1/downloads")).json()["downloads"]
    assert [(record["filename"], record["directory"]) for record in records] == [("b", "")]


async def test_what_lies_elsewhere_is_told_absolutely(made: Service):
    """A download outside the root keeps its place in the list."""
    id = made.engine.put("https://h.example/x", state=State.TRANSFERRING, name="x", folder="/elsewhere")
    own(made, id, "ann")
    (record,) = (await made.client("ann").get("/hoody/api/v1/downloads")).json()["downloads"]
    assert (record["directory"], record["file_path"]) == ("/elsewhere", "/elsewhere/x")


# ---------------------------------------------------------------- errors and doors


@pytest.mark.parametrize(
    ("method", "path", "status", "code", "allow"),
    [
        ("GET", "/hoody/nothing", 404, "NOT_FOUND", None),
        ("GET", "/hoody", 404, "NOT_FOUND", None),
        ("GET", "/hoody/d?download_history=", 404, "NOT_FOUND", None),
        ("POST", "/hoody/api/v1/downloads", 405, "METHOD_NOT_ALLOWED", "GET, HEAD"),
        ("DELETE", "/hoody/d?downloads=", 405, "METHOD_NOT_ALLOWED", "GET, HEAD"),
        ("PUT", "/hoody/?download_history=", 405, "METHOD_NOT_ALLOWED", "GET, HEAD"),
    ],
)
async def test_what_is_not_there_is_told_in_hoodys_shape(
    made: Service, method: str, path: str, status: int, code: str, allow: str | None
):
    """404 and 405 have Hoody's body, and 405 says what is allowed."""
    response = await made.client("ann").request(method, path)
    assert (response.status_code, response.json()["error"]) == (status, code)
    assert set(response.json()) == {"success", "error", "message"}
    assert response.headers.get("allow") == allow


async def test_without_a_token_it_is_401(made: Service):
    """Every call needs a token, and says so in Hoody's shape."""
    for path in ("/hoody/api/v1/downloads", f"/hoody/d?download={DATA}", "/hoody/d?downloads=", "/?download_history="):
        response = await made.client().get(path)
        assert (response.status_code, response.json()["error"]) == (401, "UNAUTHORIZED")
        assert response.headers["www-authenticate"].startswith("Bearer")


async def test_a_fault_of_ours_is_500_in_hoodys_shape(made: Service, monkeypatch: pytest.MonkeyPatch):
    """A crash shows nothing of itself."""

    async def crash(*_: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(made.engine, "page", crash)
    response = await made.client("ann").get("/hoody/api/v1/downloads")
    assert (response.status_code, response.json()["error"]) == (500, "INTERNAL_ERROR")
    assert "secret" not in response.text


async def test_a_listener_of_its_own_has_it_at_the_root(made: Service):
    """At a strict listener the document's paths are the listener's."""
    client = made.client("ann", Door("tcp", "hoody"))
    assert (await client.get(f"/api/v1x?download={DATA}")).status_code == 201
    body = (await client.get("/api/v1/downloads")).json()
    assert list(body["downloads"][0]) == ACTIVE
    assert len((await client.get("/?download_history=")).json()["history"]) == 0


async def test_an_unwritable_folder_is_no_crash(made: Service):
    """A folder that can't be listed is left to the engine to judge."""
    folder = made.folder / "locked"
    folder.mkdir(mode=0o000)
    try:
        response = await made.client("ann").get(f"/hoody/locked?download={DATA}")
    finally:
        os.chmod(folder, 0o700)
    assert response.status_code == 201


async def test_refusals_at_the_door_are_in_hoodys_shape(made: Service):
    """Host, body type, URL length and too many failures are told as everything else."""
    ann = made.client("ann")
    answers = [
        (403, await ann.get("/hoody/d?downloads=", headers={"host": "evil.example"})),
        (415, await ann.request("GET", "/hoody/d?downloads=", content=b"x", headers={"content-type": "text/plain"})),
        (414, await ann.get(f"/hoody/d?downloads={'x' * 40_000}")),
    ]
    wrong = made.client(authorization="Bearer wrong-wrong-wrong-wrong")
    for _ in range(11):
        last = await wrong.get("/hoody/api/v1/downloads")
    for status, response in [*answers, (401, last)]:
        assert (response.status_code, set(response.json())) == (status, {"success", "error", "message"})
        assert (response.json()["success"], response.json()["error"]) == (False, hoody.ERRORS[status])


async def test_starts_at_once_get_names_of_their_own(made: Service):
    """Twenty at the same moment have twenty names."""
    ann = made.client("ann")
    responses = await asyncio.gather(*(ann.get(f"/hoody/d?download={DATA}") for _ in range(20)))
    assert len({response.json()["path"] for response in responses}) == 20


async def test_the_global_lists_path_starts_nothing(made: Service):
    """At the mount that path is the list; a link given there is refused and not silently ignored."""
    response = await made.client("ann").get(f"/hoody/api/v1/downloads?download={DATA}")
    assert (response.status_code, response.json()["error"]) == (400, "INVALID_PATH")
    assert not made.engine.snapshot().downloads


async def test_a_foreign_dialects_downloads_are_listed(made: Service):
    """What MASV started is active here too, in its own folder."""
    ann = made.client("ann")
    body = {"url": "https://example.org/f.zip", "dst_folder": str(made.folder / "m")}
    id = (await ann.post("/masv/api/v1/downloads", json=body)).json()["download_id"]
    (record,) = (await ann.get("/hoody/m?downloads=")).json()["downloads"]
    assert (record["id"], record["file_path"]) == (id, "m/f.zip")
