"""Alfresco's dialect: entries, order of checks, content, nodes, tickets, limits, two users."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from tests.api.dialects.stage_b import SIZE, adopt, finish, no_default, put, state_of
from tests.api.service import service
from tui_downloads.api.auth import Door
from tui_downloads.api.dialects import _alfresco_nodes as nodes
from tui_downloads.api.dialects import alfresco
from tui_downloads.api.dialects._alfresco_cleaner import Cleaner
from tui_downloads.api.settings import ApiSettings
from tui_downloads.core.errors import Code
from tui_downloads.core.lifecycle import State
from tui_downloads.core.snapshots import Kind
from tui_downloads.engine.fake_stage import error_view

BASE = alfresco.BASE
UNKNOWN = "550e8400-e29b-41d4-a716-446655440000"
FIELDS = {"filesAdded", "bytesAdded", "id", "totalFiles", "totalBytes", "status"}
WORDS = {"PENDING", "CANCELLED", "IN_PROGRESS", "DONE", "MAX_CONTENT_SIZE_EXCEEDED"}
ERROR = {"errorKey", "statusCode", "briefSummary", "stackTrace", "descriptionURL", "logId"}


@pytest.fixture
async def content(tmp_path: Path):
    """Give a service that speaks Alfresco's dialect."""
    async with service(tmp_path, dialects=[alfresco.make]) as made:
        yield made


def refused(answer, status: int, key: str = "") -> str:
    """Check an error's shape and give its summary."""
    assert answer.status_code == status, answer.text
    error = answer.json()["error"]
    assert set(error) == ERROR and error["statusCode"] == status and len(error["logId"]) == 36
    assert not key or error["errorKey"] == f"framework.exception.{key}"
    return error["briefSummary"]


async def make_zip(made, *states: State, user: str = "ann") -> str:
    ids = [put(made, state, owner=user) for state in states or (State.COMPLETE,)]
    answer = await made.client(user).post(f"{BASE}/downloads", json={"nodeIds": ids})
    assert answer.status_code == 202, answer.text
    return answer.json()["entry"]["id"]


async def look(made, id: str, user: str = "ann") -> dict:
    return (await made.client(user).get(f"{BASE}/downloads/{id}")).json()["entry"]


async def test_a_new_job_is_pending_and_all_zeros(content):
    """202 with all six fields."""
    ids = [put(content, State.COMPLETE), put(content, State.COMPLETE)]
    answer = await content.client("ann").post(f"{BASE}/downloads", json={"nodeIds": ids})
    assert answer.status_code == 202
    entry = answer.json()["entry"]
    assert set(entry) == FIELDS and entry.pop("id")
    assert entry == {"filesAdded": 0, "bytesAdded": 0, "totalFiles": 0, "totalBytes": 0, "status": "PENDING"}
    request = content.engine.calls[-1][1][0]
    assert request.kind is Kind.BUNDLE and request.name == "archive.zip" and request.dialect == "alfresco"
    assert list(request.source["ids"]) == ids


async def test_one_node_names_the_zip(content):
    """`<node name>.zip`."""
    id = put(content, State.COMPLETE, name="report.pdf")
    await content.client("ann").post(f"{BASE}/downloads", json={"nodeIds": [id]})
    assert content.engine.calls[-1][1][0].name == "report.pdf.zip"


async def test_the_counters_move(content):
    """In progress they lie between nothing and the totals; done they are the totals."""
    id = await make_zip(content, State.COMPLETE, State.COMPLETE)
    download = content.engine._downloads[id]
    download.state, download.done = State.TRANSFERRING, 700
    content.engine._touch(id)
    entry = await look(content, id)
    assert (entry["status"], entry["bytesAdded"]) == ("IN_PROGRESS", 700)
    assert (entry["totalFiles"], entry["totalBytes"]) == (2, 2 * SIZE)
    finish(content, id, b"zip")
    entry = await look(content, id)
    assert entry["status"] == "DONE"
    assert (entry["filesAdded"], entry["bytesAdded"]) == (entry["totalFiles"], entry["totalBytes"]) == (2, 2 * SIZE)


@pytest.mark.parametrize("state", list(State))
async def test_each_state_has_its_word(content, state):
    """Every state of the engine is one of the document's five words."""
    id = put(content, state, kind=Kind.BUNDLE)
    entry = await look(content, id)
    assert set(entry) == FIELDS and entry["status"] in WORDS


async def test_an_unexpected_failure_keeps_the_last_word(content):
    """There is none for it."""
    id = put(content, State.FAILED, kind=Kind.BUNDLE, started_at=5.0)
    assert (await look(content, id))["status"] == "IN_PROGRESS"
    id = put(content, State.FAILED, kind=Kind.BUNDLE, started_at=None)
    assert (await look(content, id))["status"] == "PENDING"


@pytest.mark.parametrize(
    ("query", "kept"),
    [
        ("fields=id,status", {"id", "status"}),
        ("fields=id%2Cstatus", {"id", "status"}),
        ("fields=status,nope", {"status"}),
        ("fields=nope", set()),
        ("fields=", FIELDS),
        ("include=path", FIELDS),
        ("fields=id&fields=status", {"id", "status"}),
    ],
)
async def test_fields_narrow_the_entry(content, query, kept):
    """On POST and on GET; unknown names are ignored."""
    node = put(content, State.COMPLETE)
    client = content.client("ann")
    made = await client.post(f"{BASE}/downloads?{query}", json={"nodeIds": [node]})
    assert set(made.json()["entry"]) == kept
    (id,) = [view.id for view in content.engine.snapshot().downloads.values() if view.kind is Kind.BUNDLE]
    assert set((await client.get(f"{BASE}/downloads/{id}?{query}")).json()["entry"]) == kept


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"{", "not valid JSON"),
        (b"[]", "should not be empty"),
        (b"{}", "should not be empty"),
        (b'{"nodeIds": []}', "should not be empty"),
        (b'{"nodeIds": "x"}', "should be a list"),
        (b'{"nodeIds": [5]}', "should be a list"),
        (b'{"nodeIds": ["a", "a"]}', "duplicates"),
    ],
)
async def test_a_bad_body_is_a_bad_request(content, body, says):
    """400 before anything is looked up."""
    headers = {"content-type": "application/json"}
    answer = await content.client("ann").post(f"{BASE}/downloads", content=body, headers=headers)
    assert says in refused(answer, 400, "InvalidArgument")


async def test_checks_go_from_duplicate_over_existence_to_permission(content):
    """Two wrongs are answered with the earlier one."""
    mine, bobs = put(content, State.COMPLETE), put(content, State.COMPLETE, owner="bob")
    client = content.client("ann")

    async def post(*ids: str):
        return await client.post(f"{BASE}/downloads", json={"nodeIds": list(ids)})

    refused(await post(UNKNOWN, UNKNOWN), 400)
    refused(await post(bobs, mine, UNKNOWN), 404, "EntityNotFound")
    refused(await post(mine, bobs), 403, "PermissionDenied")
    assert not any(view.kind is Kind.BUNDLE for view in content.engine.snapshot().downloads.values())


async def test_what_is_unfinished_is_no_node(content):
    """It can't be zipped, fetched or deleted as one."""
    id = put(content, State.TRANSFERRING)
    client = content.client("ann")
    refused(await client.post(f"{BASE}/downloads", json={"nodeIds": [id]}), 404)
    refused(await client.get(f"{BASE}/nodes/{id}/content"), 404)
    refused(await client.delete(f"{BASE}/nodes/{id}"), 404)
    refused(await client.get(f"{BASE}/downloads/{id}"), 404)
    assert state_of(content, id) is State.TRANSFERRING


async def test_a_file_is_no_download_node(content):
    """400 for its status and its cancellation."""
    id = put(content, State.COMPLETE)
    client = content.client("ann")
    refused(await client.get(f"{BASE}/downloads/{id}"), 400)
    refused(await client.delete(f"{BASE}/downloads/{id}"), 400)


async def test_cancel_is_accepted_and_keeps_the_counters(content):
    """202 without a body; asked again it is the same."""
    id = await make_zip(content)
    download = content.engine._downloads[id]
    download.state, download.done, download.started_at = State.TRANSFERRING, 400, 1.0
    client = content.client("ann")
    for _ in range(2):
        answer = await client.delete(f"{BASE}/downloads/{id}")
        assert (answer.status_code, answer.content) == (202, b"")
        entry = await look(content, id)
        assert (entry["status"], entry["bytesAdded"], entry["totalBytes"]) == ("CANCELLED", 400, SIZE)


async def test_cancel_has_no_effect_on_what_is_done(content):
    """202, and it stays done."""
    id = await make_zip(content)
    finish(content, id, b"zip")
    assert (await content.client("ann").delete(f"{BASE}/downloads/{id}")).status_code == 202
    assert (await look(content, id))["status"] == "DONE"


async def test_content_is_the_zip_under_its_name(content):
    """Offered as it was named, with ranges and conditions."""
    id = await make_zip(content, State.COMPLETE, State.COMPLETE)
    content.engine._downloads[id].name = "archive (1).zip"
    client = content.client("ann")
    refused(await client.get(f"{BASE}/nodes/{id}/content"), 404)
    finish(content, id, b"0123456789")
    whole = await client.get(f"{BASE}/nodes/{id}/content")
    assert (whole.status_code, whole.content) == (200, b"0123456789")
    assert whole.headers["content-type"] == "application/zip"
    disposition = whole.headers["content-disposition"]
    assert disposition == "attachment; filename*=UTF-8''archive.zip; filename=\"archive.zip\""
    part = await client.get(f"{BASE}/nodes/{id}/content", headers={"range": "bytes=2-4"})
    assert (part.status_code, part.content, part.headers["content-range"]) == (206, b"234", "bytes 2-4/10")
    fresh = await client.get(
        f"{BASE}/nodes/{id}/content", headers={"if-modified-since": whole.headers["last-modified"]}
    )
    assert (fresh.status_code, fresh.content) == (304, b"")
    refused(await client.get(f"{BASE}/nodes/{id}/content", headers={"range": "bytes=99-"}), 416)


async def test_content_may_be_shown_in_place(content):
    """attachment=false."""
    id = put(content, State.COMPLETE, name="a.txt")
    client = content.client("ann")
    answer = await client.get(f"{BASE}/nodes/{id}/content?attachment=false")
    assert answer.headers["content-disposition"].startswith("inline;") and len(answer.content) == SIZE
    refused(await client.get(f"{BASE}/nodes/{id}/content?attachment=maybe"), 400)


@pytest.mark.parametrize("query", ["", "?permanent=true", "?permanent=false"])
async def test_deleting_a_node_removes_it_with_its_file(content, query):
    """204, and then it is not there."""
    id = await make_zip(content)
    finish(content, id, b"zip")
    client = content.client("ann")
    answer = await client.delete(f"{BASE}/nodes/{id}{query}")
    assert (answer.status_code, answer.content) == (204, b"")
    assert content.engine.calls[-1] == ("remove_files", (id,))
    refused(await client.delete(f"{BASE}/nodes/{id}"), 404)


async def test_a_misspelt_flag_deletes_nothing(content):
    """400."""
    id = put(content, State.COMPLETE)
    refused(await content.client("ann").delete(f"{BASE}/nodes/{id}?permanent=ture"), 400)
    assert state_of(content, id) is State.COMPLETE


async def test_a_zip_that_is_too_large_says_so(tmp_path):
    """bytesAdded is the limit, totalBytes the real size, and nothing runs."""
    settings = ApiSettings(alfresco_max_content=1500)
    async with service(tmp_path, dialects=[alfresco.make], settings=settings) as made:
        id = await make_zip(made, State.COMPLETE, State.COMPLETE)
        made.engine.tick(5)
        entry = await look(made, id)
        assert entry == {
            "filesAdded": 0, "bytesAdded": 1500, "id": id, "totalFiles": 2, "totalBytes": 2 * SIZE,
            "status": "MAX_CONTENT_SIZE_EXCEEDED",
        }  # fmt: skip
        refused(await made.client("ann").get(f"{BASE}/nodes/{id}/content"), 404)
        assert (await made.client("ann").delete(f"{BASE}/downloads/{id}")).status_code == 202


async def test_a_zip_that_the_engine_finds_too_large_says_so(content):
    """Files may have grown since they were counted."""
    id = await make_zip(content)
    download = content.engine._downloads[id]
    download.state, download.error = State.FAILED, error_view(Code.QUOTA_EXCEEDED, "Too large.", 0)
    download.meta |= {"members": (0, 1), "bytes": 3_000_000_000}
    content.engine._touch(id)
    entry = await look(content, id)
    assert entry["status"] == "MAX_CONTENT_SIZE_EXCEEDED"
    assert (entry["bytesAdded"], entry["totalBytes"], entry["filesAdded"]) == (2_152_852_358, 3_000_000_000, 0)


async def test_the_engines_count_of_files_is_told(content):
    """While it goes on."""
    id = await make_zip(content, State.COMPLETE, State.COMPLETE)
    download = content.engine._downloads[id]
    download.state, download.done = State.TRANSFERRING, SIZE
    download.meta |= {"members": (1, 2), "bytes": 2 * SIZE}
    content.engine._touch(id)
    entry = await look(content, id)
    assert (entry["filesAdded"], entry["bytesAdded"], entry["totalFiles"]) == (1, SIZE, 2)


async def test_a_limit_of_zero_is_none(tmp_path):
    """So is one below it."""
    async with service(tmp_path, dialects=[alfresco.make], settings=ApiSettings(alfresco_max_content=0)) as made:
        id = await make_zip(made, State.COMPLETE, State.COMPLETE)
        assert "max_bytes" not in made.engine._downloads[id].request.source
        assert state_of(made, id) is State.QUEUED


async def test_the_cleaner_removes_old_zips_of_its_own_only(content):
    """Age counts from creation; sources, foreign zips, young ones and those being made stay."""
    engine = content.engine
    old = put(content, State.COMPLETE, kind=Kind.BUNDLE, age=7200.0)
    cancelled = put(content, State.CANCELLED, kind=Kind.BUNDLE, age=7200.0)
    young = put(content, State.COMPLETE, kind=Kind.BUNDLE, age=60.0)
    foreign = put(content, State.COMPLETE, kind=Kind.BUNDLE, age=7200.0)
    busy = put(content, State.TRANSFERRING, kind=Kind.BUNDLE, age=7200.0)
    source = put(content, State.COMPLETE, age=7200.0)
    for id in (old, cancelled, young, busy, source):
        adopt(content, id, "alfresco")
    cleaner = Cleaner(engine, "alfresco", age=3600.0, now=lambda: engine.now)
    assert await cleaner.clean() == 2
    assert set(engine.snapshot().downloads) == {young, foreign, busy, source}
    assert engine.calls[-1] == ("remove_files", (old, cancelled))
    assert await cleaner.clean() == 0


async def test_the_cleaner_comes_round_by_itself(content):
    """Its timer runs again and again."""
    import asyncio

    old = put(content, State.COMPLETE, kind=Kind.BUNDLE, age=7200.0)
    adopt(content, old, "alfresco")
    engine = content.engine
    Cleaner(engine, "alfresco", age=3600.0, now=lambda: engine.now, every=0.01).start()
    async with asyncio.timeout(60):
        while old in engine.snapshot().downloads:
            await asyncio.sleep(0.01)


async def test_login_exchanges_a_token_for_a_ticket(content):
    """As the public client does it: the ticket works as Basic ROLE_TICKET, and in content links."""
    node = put(content, State.COMPLETE)
    stranger = content.client()
    body = {"userId": "ann", "password": content.secrets["ann"]}
    answer = await stranger.post(alfresco.LOGIN, json=body)
    assert answer.status_code == 201
    entry = answer.json()["entry"]
    assert set(entry) == {"id", "userId"} and entry["userId"] == "ann"
    basic = base64.b64encode(f"ROLE_TICKET:{entry['id']}".encode()).decode()
    ann = content.client(authorization=f"Basic {basic}")
    assert (await ann.post(f"{BASE}/downloads", json={"nodeIds": [node]})).status_code == 202
    linked = await stranger.get(f"{BASE}/nodes/{node}/content?attachment=true&alf_ticket={entry['id']}")
    assert linked.status_code == 200
    refused(await stranger.get(f"{BASE}/downloads/{node}?alf_ticket={entry['id']}"), 401)
    refused(await stranger.delete(f"{BASE}/nodes/{node}?alf_ticket={entry['id']}"), 401)
    assert (await ann.get(alfresco.LOGIN + "/-me-")).json() == {"entry": {"id": entry["id"]}}
    assert (await ann.delete(alfresco.LOGIN + "/-me-")).status_code == 204
    refused(await ann.get(f"{BASE}/downloads/{node}"), 401)
    refused(await stranger.get(f"{BASE}/nodes/{node}/content?alf_ticket={entry['id']}"), 401)


async def test_a_wrong_login_is_refused_and_limited(content):
    """403, and 429 when it goes on."""
    stranger = content.client()
    refused(await stranger.post(alfresco.LOGIN, json={"userId": "ann"}), 400)
    answers = [await stranger.post(alfresco.LOGIN, json={"userId": "ann", "password": f"guess-{n}"}) for n in range(12)]
    refused(answers[0], 403, "PermissionDenied")
    refused(answers[-1], 429, "TooManyRequests")
    right = await stranger.post(alfresco.LOGIN, json={"userId": "ann", "password": content.secrets["ann"]})
    assert right.status_code == 201


async def test_a_token_has_no_ticket(content):
    """What was not logged in can't be asked about."""
    refused(await content.client("ann").get(alfresco.LOGIN + "/-me-"), 404)


CALLS = [
    ("POST", f"{BASE}/downloads"), ("GET", f"{BASE}/downloads/x"), ("DELETE", f"{BASE}/downloads/x"),
    ("GET", f"{BASE}/nodes/x/content"), ("DELETE", f"{BASE}/nodes/x"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path"), [*CALLS, ("GET", alfresco.LOGIN + "/-me-")])
async def test_without_a_token_every_call_is_refused(content, method, path):
    """401 in the dialect's shape."""
    refused(await content.client().request(method, path), 401, "NotAuthenticated")


@pytest.mark.parametrize(
    ("path", "allow"),
    [
        (f"{BASE}/downloads", "POST"), (f"{BASE}/downloads/x", "DELETE, GET, HEAD"), (f"{BASE}/nodes/x", "DELETE"),
        (f"{BASE}/nodes/x/content", "GET, HEAD"), (alfresco.LOGIN, "POST"),
        (alfresco.LOGIN + "/-me-", "DELETE, GET, HEAD"),
    ],
)  # fmt: skip
async def test_a_wrong_method_is_told_what_is_allowed(content, path, allow):
    """405 with Allow, for every path."""
    answer = await content.client("ann").put(path)
    refused(answer, 405)
    assert answer.headers["allow"] == allow


async def test_other_paths_and_types_are_refused_in_shape(content):
    """404 for what there is not, 415 for what is no JSON."""
    client = content.client("ann")
    for path in ("/alfresco", f"{BASE}/people", f"{BASE}/downloads/x/y"):
        refused(await client.get(path), 404)
    refused(await client.post(f"{BASE}/downloads", content=b"x", headers={"content-type": "text/plain"}), 415)


async def test_a_failure_inside_is_told_without_its_cause(content, monkeypatch):
    """500 in the dialect's shape; no trace."""
    monkeypatch.setattr(alfresco, "entry", lambda *_: 1 / 0)
    id = put(content, State.QUEUED, kind=Kind.BUNDLE)
    assert "ZeroDivision" not in refused(await content.client("ann").get(f"{BASE}/downloads/{id}"), 500)


async def test_nobody_touches_what_is_not_theirs(content):
    """403 for another's, and nothing is changed."""
    zip_of_ann, node = await make_zip(content), put(content, State.COMPLETE)
    bob = content.client("bob")
    for method, path in (
        ("GET", f"downloads/{zip_of_ann}"), ("DELETE", f"downloads/{zip_of_ann}"), ("DELETE", f"nodes/{node}"),
        ("GET", f"nodes/{node}/content"), ("DELETE", f"nodes/{zip_of_ann}"),
    ):  # fmt: skip
        refused(await bob.request(method, f"{BASE}/{path}"), 403, "PermissionDenied")
    assert state_of(content, zip_of_ann) is State.QUEUED and state_of(content, node) is State.COMPLETE


async def test_a_reader_makes_and_deletes_nothing(content):
    """The scope read is for status and content."""
    node = put(content, State.COMPLETE, owner="eve")
    eve = content.client("eve")
    assert (await eve.get(f"{BASE}/nodes/{node}/content")).status_code == 200
    refused(await eve.post(f"{BASE}/downloads", json={"nodeIds": [node]}), 403)
    refused(await eve.delete(f"{BASE}/nodes/{node}"), 403)


async def test_a_user_without_the_kind_makes_no_zip(content):
    """403 from the token's types."""
    secret = content.tokens.create("carl", types=("url",))
    node = put(content, State.COMPLETE, owner="carl")
    carl = content.client(authorization=f"Bearer {secret}")
    refused(await carl.post(f"{BASE}/downloads", json={"nodeIds": [node]}), 403)


async def test_a_strict_listener_serves_the_dialect_at_its_real_path(content):
    """With `dialect=alfresco` there is nothing else."""
    client = content.client("ann", door=Door("tcp", "alfresco", "127.0.0.1"))
    refused(await client.get(f"{BASE}/downloads/{UNKNOWN}"), 404)
    refused(await client.get("/v1/downloads"), 404)


@pytest.mark.parametrize("state", list(State))
async def test_no_answer_is_a_frameworks(content, state):
    """Every call in every state is answered in our shape, never with a 500."""
    client = content.client("ann")
    for kind in (Kind.LINK, Kind.BUNDLE):
        for method, template in CALLS:
            id = put(content, state, kind=kind)
            answer = await client.request(method, template.replace("/x", f"/{id}"))
            assert answer.status_code < 500
            no_default(answer)


def test_every_state_has_a_word():
    """A new state can't be left out."""
    assert set(nodes._STATUS) == set(State) and set(nodes._STATUS.values()) <= WORDS
