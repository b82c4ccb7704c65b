"""aria2's RPC over HTTP: transport, tokens, methods, shapes, messages, two users."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from tests.api.dialects.stage_b import SIZE, put, state_of
from tests.api.service import Service, service
from tui_downloads.api.aria2 import application, codes, shapes
from tui_downloads.api.aria2.methods import METHODS
from tui_downloads.api.auth import Door
from tui_downloads.api.settings import ApiSettings
from tui_downloads.core.errors import Code
from tui_downloads.core.lifecycle import ENDED, State

LINK = "https://files.example.org/a.iso"
AT_LEAST = "the value must be greater than or equal to"
WORDS = {"active", "waiting", "paused", "error", "complete", "removed"}


@pytest.fixture
async def rpc(tmp_path: Path):
    """Give a service that speaks aria2's RPC."""
    async with service(tmp_path, dialects=[application.make]) as made:
        yield made


async def ask(made: Service, method: str, *params: Any, user: str = "ann") -> Any:
    """Call a method with a user's token and give the whole answer."""
    token = [f"token:{made.secrets[user]}"] if user else []
    body = {"jsonrpc": "2.0", "id": "q", "method": method, "params": [*token, *params]}
    answer = await made.client().post("/jsonrpc", content=json.dumps(body))
    assert answer.headers["content-type"] == "application/json-rpc"
    found = answer.json()
    assert (answer.status_code < 300) == ("result" in found), found
    return found


async def result(made: Service, method: str, *params: Any, user: str = "ann") -> Any:
    found = await ask(made, method, *params, user=user)
    assert "result" in found, found
    return found["result"]


async def message(made: Service, method: str, *params: Any, user: str = "ann") -> str:
    found = await ask(made, method, *params, user=user)
    assert found["error"]["code"] == 1, found
    return found["error"]["message"]


def gid_of(made: Service, id: str) -> str:
    return made.engine._downloads[id].gid


# ---------------------------------------------------------------- transport


@pytest.mark.parametrize(
    ("body", "status", "code", "says"),
    [
        ("{", 500, -32700, "Parse error."),
        ("3", 500, -32700, "Parse error."),
        ("null", 400, -32600, "Invalid Request."),
        ('{"method":"aria2.getVersion"}', 400, -32600, "Invalid Request."),
        ('{"id":1}', 400, -32600, "Invalid Request."),
        ('{"id":1,"method":5}', 400, -32600, "Invalid Request."),
        ('{"id":1,"method":"aria2.getVersion","params":{"a":1}}', 500, -32602, "Invalid params."),
        ('{"id":1,"method":"aria2.getVersion"}', 400, 1, "Unauthorized"),
        ('{"id":1,"method":"aria2.nope"}', 400, 1, "Unauthorized"),
    ],
)
async def test_errors_are_told_as_aria2_does(rpc, body, status, code, says):
    """Codes, sentences and statuses; never a success."""
    answer = await rpc.client().post("/jsonrpc", content=body)
    assert answer.status_code == status and answer.headers["content-type"] == "application/json-rpc"
    assert answer.json()["error"] == {"code": code, "message": says}


async def test_an_unknown_method_is_named(rpc):
    """With a right token."""
    assert await message(rpc, "aria2.nope") == "No such method: aria2.nope"


@pytest.mark.parametrize("type", ["application/json", "text/plain", "application/x-www-form-urlencoded", "x/y"])
async def test_any_content_type_is_taken(rpc, type):
    """Clients send what they like."""
    body = '{"id":1,"method":"system.listMethods"}'
    answer = await rpc.client().post("/jsonrpc", content=body, headers={"content-type": type})
    assert answer.status_code == 200


async def test_a_batch_is_answered_in_order(rpc):
    """Each with its own id; what is no object is passed over; an empty one is empty."""
    client = rpc.client()
    token = f"token:{rpc.secrets['ann']}"
    batch = [
        {"id": 7, "method": "aria2.getSessionInfo", "params": [token]}, 3, {"id": 8, "method": "x", "params": [token]}
    ]  # fmt: skip
    answer = await client.post("/jsonrpc", json=batch)
    assert answer.status_code == 200
    first, second = answer.json()
    assert first["id"] == 7 and len(first["result"]["sessionId"]) == 40
    assert second == {"id": 8, "jsonrpc": "2.0", "error": {"code": 1, "message": "No such method: x"}}
    assert (await client.post("/jsonrpc", content="[]")).json() == []


async def test_get_carries_its_parameters_in_base64(rpc):
    """One call, a batch, and a callback for a script."""
    client = rpc.client()
    params = base64.b64encode(json.dumps([f"token:{rpc.secrets['ann']}"]).encode()).decode()
    one = await client.get("/jsonrpc", params={"method": "aria2.getSessionInfo", "id": "foo", "params": params})
    assert one.status_code == 200 and one.json()["id"] == "foo"
    batch = base64.b64encode(b'[{"id":1,"method":"system.listNotifications"}]').decode()
    many = await client.get("/jsonrpc", params={"params": batch})
    assert many.json()[0]["id"] == 1
    query = {"method": "system.listMethods", "id": "1", "jsoncallback": "cb"}
    script = await client.get("/jsonrpc", params=query)
    assert script.headers["content-type"].startswith("text/javascript")
    assert script.text.startswith("cb({") and script.text.endswith("})")


async def test_a_get_that_makes_no_sense_is_refused(rpc):
    """No call at all, a callback that is a script, parameters that are no base64."""
    client = rpc.client()
    assert (await client.get("/jsonrpc")).json()["error"]["message"] == "Invalid Request."
    bad = await client.get("/jsonrpc", params={"jsoncallback": "alert(1)//"})
    assert bad.status_code == 400 and "alert" not in bad.text
    assert (await client.get("/jsonrpc", params={"method": "m", "id": "1", "params": "*"})).status_code == 500


@pytest.mark.parametrize("headers", [{"sec-fetch-site": "cross-site"}, {"origin": "https://evil.example"}])
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_foreign_page_asks_nothing(rpc, headers, method):
    """Neither by a form nor by a script tag; the refusal has our shape."""
    answer = await rpc.client().request(method, "/jsonrpc", headers=headers)
    assert answer.status_code == 403 and set(answer.json()) == {"id", "jsonrpc", "error"}


async def test_a_request_that_is_too_large_is_refused(rpc):
    """2 MiB are enough for a metalink."""
    answer = await rpc.client().post("/jsonrpc", content=b" " * (2 * 1024 * 1024 + 1))
    assert answer.status_code == 413 and "error" in answer.json()


async def test_other_methods_and_paths_are_refused_in_shape(rpc):
    """405 with Allow; a listener for aria2 alone has nothing else."""
    put_ = await rpc.client().put("/jsonrpc")
    assert (put_.status_code, put_.headers["allow"]) == (405, "GET, HEAD, POST")
    assert put_.json()["error"]["code"] == 1
    alone = rpc.client(door=Door("tcp", "aria2", "127.0.0.1"))
    assert (await alone.get("/v1/downloads")).json()["error"]["message"] == "There is nothing here."


# ---------------------------------------------------------------- tokens


async def test_every_method_needs_a_token(rpc):
    """Walks the table; only the two lists are free."""
    for method in METHODS:
        assert await message(rpc, method, user="") == "Unauthorized"
    assert set(METHODS) < set(await result(rpc, "system.listMethods", user=""))
    assert "aria2.onDownloadStart" in await result(rpc, "system.listNotifications", user="")


async def test_wrong_tokens_are_limited_and_right_ones_never(rpc):
    """429 after some tries, with the sentence clients know."""
    body = json.dumps({"id": 1, "method": "aria2.getVersion", "params": ["token:wrong"]})
    answers = [await rpc.client().post("/jsonrpc", content=body) for _ in range(12)]
    assert answers[0].status_code == 400 and answers[-1].status_code == 429
    assert {answer.json()["error"]["message"] for answer in answers} == {"Unauthorized"}
    assert (await result(rpc, "aria2.getVersion"))["version"]


async def test_a_token_is_stripped_where_none_is_needed(rpc):
    """The no-auth door lets in who sends a stale one."""
    client = rpc.client(door=Door("no-auth", "", "127.0.0.1"))
    for params in ([], ["token:stale"]):
        answer = await client.post("/jsonrpc", json={"id": 1, "method": "aria2.getVersion", "params": params})
        assert answer.status_code == 200


async def test_a_header_token_works_too(rpc):
    """For programs of ours."""
    answer = await rpc.client("ann").post("/jsonrpc", json={"id": 1, "method": "aria2.getVersion"})
    assert answer.status_code == 200


async def test_the_operators_secret_is_the_owners(tmp_path):
    """`--rpc-secret`: it may do everything."""
    async with service(tmp_path, dialects=[application.make], settings=ApiSettings(aria2_secret="s3cret")) as made:
        made.secrets["op"] = "s3cret"
        assert await result(made, "aria2.changeGlobalOption", {"max-concurrent-downloads": "3"}, user="op") == "OK"
        assert made.engine.snapshot().limits.downloads == 3
        assert await message(made, "aria2.getVersion", user="") == "Unauthorized"


# ---------------------------------------------------------------- multicall


async def test_multicall_wraps_results_and_not_errors(rpc):
    """Each call carries its own token; recursion is refused."""
    token = f"token:{rpc.secrets['ann']}"
    calls = [
        {"methodName": "aria2.getSessionInfo", "params": [token]}, {"methodName": "aria2.getVersion"},
        {"methodName": "system.multicall", "params": [[]]}, {"params": []}, 3,
        {"methodName": "aria2.zz", "params": [token]},
    ]  # fmt: skip
    found = await result(rpc, "system.multicall", calls, user="")
    assert len(found[0]) == 1 and set(found[0][0]) == {"sessionId"}
    assert [one["message"] for one in found[1:]] == [
        "Unauthorized", "Recursive system.multicall forbidden.", "Missing methodName.",
        "system.multicall expected struct.", "No such method: aria2.zz",
    ]  # fmt: skip
    assert await message(rpc, "system.multicall", user="") == "The parameter at 0 is required but missing."


# ---------------------------------------------------------------- adding


async def test_add_uri_gives_a_gid(rpc):
    """16 hexadecimal digits; mirrors, options and owner reach the engine."""
    options = {"dir": "sub", "out": "b.iso", "split": "4", "header": ["X-A: 1", "X-B: 2"], "pause": "true", "foo": "x"}
    gid = await result(rpc, "aria2.addUri", [LINK, "https://m.example.org/a.iso"], options)
    assert len(gid) == 16 and int(gid, 16) >= 0
    request = rpc.engine.calls[-1][1][0]
    assert (request.url, request.mirrors) == (LINK, ("https://m.example.org/a.iso",))
    assert (request.folder, request.name, request.paused, request.owner) == ("sub", "b.iso", True, "ann")
    assert request.options.connections == 4
    assert request.credentials.headers == (("X-A", "1"), ("X-B", "2"))
    assert (await result(rpc, "aria2.tellStatus", gid))["status"] == "paused"


@pytest.mark.parametrize(
    ("params", "says"),
    [
        ([], "The parameter at 0 is required but missing."),
        (["x"], "The parameter at 0 has wrong type."),
        ([[]], "URI is not provided."),
        ([["foo"]], "No URI to download."),
        ([["magnet:?xt=urn:btih:x"]], "No URI to download."),
        ([[LINK], {"split": "x"}], "We encountered a problem while processing the option '--split'."),
        ([[LINK], {"header": "a\r\nb"}], "We encountered a problem while processing the option '--header'."),
        ([[LINK], {}, -1], f"The integer parameter at 2 has invalid value: {AT_LEAST} 0."),
        ([[LINK], {}, "0"], "The parameter at 2 has wrong type."),
    ],
)  # fmt: skip
async def test_add_uri_says_what_is_wrong(rpc, params, says):
    """In aria2's words, and nothing is added."""
    assert await message(rpc, "aria2.addUri", *params) == says
    assert not rpc.engine.snapshot().downloads


async def test_a_chosen_gid_is_honoured(rpc):
    """Also in capitals."""
    assert await result(rpc, "aria2.addUri", [LINK], {"gid": "00000000000000AA"}) == "00000000000000aa"


async def test_add_uri_takes_a_place_in_the_queue(rpc):
    """0 is before everything."""
    first = await result(rpc, "aria2.addUri", [LINK])
    second = await result(rpc, "aria2.addUri", [LINK + "2"], {}, 0)
    waiting = await result(rpc, "aria2.tellWaiting", 0, 10, ["gid"])
    assert waiting == [{"gid": second}, {"gid": first}]


async def test_add_metalink_gives_a_gid_for_each_file(rpc):
    """With mirrors and digests."""
    text = """<?xml version="1.0"?><metalink xmlns="urn:ietf:params:xml:ns:metalink">
    <file name="a.bin"><size>5</size><hash type="sha-256">%s</hash>
    <url priority="2">https://two.example.org/a.bin</url><url priority="1">https://one.example.org/a.bin</url></file>
    <file name="b.bin"><url>https://one.example.org/b.bin</url></file></metalink>""" % ("0" * 64)
    gids = await result(rpc, "aria2.addMetalink", base64.b64encode(text.encode()).decode(), {"pause": "true"})
    assert len(gids) == 2
    one, two = rpc.engine.calls[-1][1]
    assert (one.url, one.mirrors) == ("https://one.example.org/a.bin", ("https://two.example.org/a.bin",))
    assert (one.name, one.options.checksum, two.name) == ("a.bin", "sha256:" + "0" * 64, "b.bin")


async def test_what_is_no_metalink_or_a_torrent_is_refused(rpc):
    """Code 1 with a reason."""
    for text in ("aaaa", "*", base64.b64encode(b"<!DOCTYPE x [<!ENTITY a 'b'>]><x/>").decode()):
        assert (await message(rpc, "aria2.addMetalink", text)).startswith("Could not parse Metalink XML document.")
    assert await message(rpc, "aria2.addTorrent", "aaaa") == "BitTorrent is not supported."


# ---------------------------------------------------------------- gids


async def test_a_beginning_of_a_gid_is_enough(rpc):
    """When only one download has it; running or ended."""
    one = await result(rpc, "aria2.addUri", [LINK], {"gid": "ab00000000000001"})
    await result(rpc, "aria2.addUri", [LINK + "2"], {"gid": "ac00000000000001"})
    assert (await result(rpc, "aria2.tellStatus", "ab"))["gid"] == one
    assert await message(rpc, "aria2.tellStatus", "a") == "GID a is not unique"
    await result(rpc, "aria2.remove", "ab")
    assert (await result(rpc, "aria2.tellStatus", "AB"))["status"] == "removed"


@pytest.mark.parametrize("gid", ["zz", "", "0" * 17, "12-4"])
async def test_what_is_no_gid_is_invalid(rpc, gid):
    """The message begins as clients expect."""
    assert await message(rpc, "aria2.tellStatus", gid) == f"Invalid GID {gid}"


async def test_an_unknown_gid_is_not_found(rpc):
    """By every method that takes one."""
    gid = "00000000000000dd"
    more = {"changePosition": [0, "POS_SET"], "changeUri": [1, [], []], "changeOption": [{}]}
    names = (
        "tellStatus remove forceRemove pause forcePause unpause getUris getFiles getServers getPeers getOption "
        "removeDownloadResult changePosition changeUri changeOption"
    )
    for name in names.split():
        assert await message(rpc, f"aria2.{name}", gid, *more.get(name, [])) == f"GID {gid} is not found"


# ---------------------------------------------------------------- telling


async def test_tell_status_has_aria2s_keys_and_texts(rpc):
    """Every scalar is a text; the bitfield is there once something is."""
    id = put(rpc, State.TRANSFERRING, name="big.bin")
    found = await result(rpc, "aria2.tellStatus", gid_of(rpc, id))
    assert set(found) == {
        "gid", "status", "totalLength", "completedLength", "uploadLength", "downloadSpeed", "uploadSpeed",
        "connections", "numPieces", "pieceLength", "dir", "files", "bitfield",
    }  # fmt: skip
    assert found["status"] == "active" and found["totalLength"] == str(SIZE) and found["numPieces"] == "1"
    (file,) = found["files"]
    assert set(file) == {"index", "path", "length", "completedLength", "selected", "uris"}
    assert file["index"] == "1" and file["selected"] == "true" and file["path"].endswith("/big.bin")
    assert file["uris"][0]["status"] == "used"
    assert all(isinstance(value, str) for key, value in found.items() if key != "files")


async def test_keys_narrow_the_answer(rpc):
    """And save what they leave out."""
    id = put(rpc, State.TRANSFERRING)
    assert await result(rpc, "aria2.tellStatus", gid_of(rpc, id), ["gid", "status", "nope"]) == {
        "gid": gid_of(rpc, id), "status": "active"
    }  # fmt: skip


@pytest.mark.parametrize("state", list(State))
async def test_each_state_has_its_word_and_its_list(rpc, state):
    """One of active, waiting and stopped has it."""
    gid = gid_of(rpc, put(rpc, state))
    found = await result(rpc, "aria2.tellStatus", gid)
    assert found["status"] in WORDS and ("errorCode" in found) == (state in ENDED)
    lists = {
        "active": await result(rpc, "aria2.tellActive", ["gid"]),
        "waiting": await result(rpc, "aria2.tellWaiting", 0, 10, ["gid"]),
        "stopped": await result(rpc, "aria2.tellStopped", -1, 1000, ["gid"]),
    }
    where = {"active": "active", "waiting": "waiting", "paused": "waiting"}.get(found["status"], "stopped")
    assert {name for name, items in lists.items() if items == [{"gid": gid}]} == {where}
    stat = await result(rpc, "aria2.getGlobalStat")
    assert stat[f"num{where.title()}"] == "1" and set(stat) == {
        "downloadSpeed", "uploadSpeed", "numActive", "numWaiting", "numStopped", "numStoppedTotal"
    }  # fmt: skip


async def test_ends_have_aria2s_numbers(rpc):
    """0 for complete, 3 for what was not found, 31 for removed."""
    numbers = {}
    for state in ENDED:
        found = await result(rpc, "aria2.tellStatus", gid_of(rpc, put(rpc, state)))
        numbers[state] = found["errorCode"]
    assert numbers == {State.COMPLETE: "0", State.FAILED: "3", State.CANCELLED: "31"}


async def test_stopped_ones_are_told_from_both_ends(rpc):
    """A negative offset counts from the newest, backwards."""
    gids = []
    for n in range(4):
        rpc.engine.tick(1)
        gids.append(gid_of(rpc, put(rpc, State.COMPLETE, finished_at=rpc.engine.now + n)))

    async def told(offset: int, count: int) -> list[int]:
        found = await result(rpc, "aria2.tellStopped", offset, count, ["gid"])
        return [gids.index(item["gid"]) for item in found]

    assert await told(0, 2) == [0, 1]
    assert await told(2, 10) == [2, 3]
    assert await told(-1, 1000) == [3, 2, 1, 0]
    assert await told(-2, 2) == [2, 1]
    assert await told(9, 1) == [] and await told(0, 0) == []


@pytest.mark.parametrize(
    ("offset", "count", "expected"),
    [(0, 2, [0, 1]), (1, 9, [1, 2]), (-1, 2, [2, 1]), (-2, 9, [1, 0]), (-4, 2, []), (5, 1, []), (0, 0, [])],
)
def test_a_part_of_a_list(offset, count, expected):
    """As aria2 cuts it."""
    from tui_downloads.api.aria2.telling import part

    assert part(3, offset, count) == expected


async def test_lists_check_their_numbers(rpc):
    """In aria2's words."""
    assert await message(rpc, "aria2.tellStopped", "0", 10) == "The parameter at 0 has wrong type."
    assert (await message(rpc, "aria2.tellWaiting", 0, -1)).startswith("The integer parameter at 1 has invalid value")


async def test_links_files_servers_and_peers(rpc):
    """Only what runs has servers, only what has not ended has links."""
    running, ended = (gid_of(rpc, put(rpc, state)) for state in (State.TRANSFERRING, State.COMPLETE))
    (uri,) = await result(rpc, "aria2.getUris", running)
    assert set(uri) == {"uri", "status"}
    assert await message(rpc, "aria2.getUris", ended) == f"No URI data is available for GID#{ended}"
    (server,) = await result(rpc, "aria2.getServers", running)
    assert server["index"] == "1" and set(server["servers"][0]) == {"uri", "currentUri", "downloadSpeed"}
    assert await message(rpc, "aria2.getServers", ended) == f"No active download for GID#{ended}"
    assert (await result(rpc, "aria2.getFiles", ended))[0]["completedLength"] == str(SIZE)
    assert await result(rpc, "aria2.getPeers", running) == []


# ---------------------------------------------------------------- acting


@pytest.mark.parametrize("state", list(State))
async def test_pause_unpause_and_remove_by_state(rpc, state):
    """What aria2 allows gives the gid; the rest is refused in its words."""
    word = shapes.STATUS[state]
    for method, fine, says in (
        ("pause", word in ("active", "waiting"), "GID#{} cannot be paused now"),
        ("unpause", word == "paused", "GID#{} cannot be unpaused now"),
        ("remove", word in ("active", "waiting", "paused"), "Active Download not found for GID#{}"),
        ("removeDownloadResult", state in ENDED, "Could not remove download result of GID#{}"),
    ):
        gid = gid_of(rpc, put(rpc, state))
        found = await ask(rpc, f"aria2.{method}", gid)
        if method == "unpause" and state is State.PAUSING:
            continue
        if fine:
            assert found["result"] == ("OK" if method == "removeDownloadResult" else gid)
        else:
            assert found["error"] == {"code": 1, "message": says.format(gid)}


async def test_pause_all_and_unpause_all(rpc):
    """Only the caller's."""
    mine = [put(rpc, State.TRANSFERRING), put(rpc, State.QUEUED)]
    other = put(rpc, State.TRANSFERRING, owner="bob")
    assert await result(rpc, "aria2.pauseAll") == "OK"
    assert [state_of(rpc, id) for id in (*mine, other)] == [State.PAUSED, State.PAUSED, State.TRANSFERRING]
    assert await result(rpc, "aria2.unpauseAll") == "OK"
    assert [state_of(rpc, id) for id in mine] == [State.QUEUED, State.QUEUED]


async def test_change_position_gives_an_integer(rpc):
    """From the beginning, the end, or where it is; clamped."""
    gids = [await result(rpc, "aria2.addUri", [f"{LINK}{n}"]) for n in range(4)]

    async def order() -> list[int]:
        return [gids.index(one["gid"]) for one in await result(rpc, "aria2.tellWaiting", 0, 10, ["gid"])]

    assert await result(rpc, "aria2.changePosition", gids[3], 0, "POS_SET") == 0
    assert await order() == [3, 0, 1, 2]
    assert await result(rpc, "aria2.changePosition", gids[3], 2, "POS_CUR") == 2
    assert await order() == [0, 1, 3, 2]
    assert await result(rpc, "aria2.changePosition", gids[0], 0, "POS_END") == 3
    assert await result(rpc, "aria2.changePosition", gids[1], -9, "POS_CUR") == 0
    assert await message(rpc, "aria2.changePosition", gids[1], 0, "POS_X") == "Illegal argument."
    running = gid_of(rpc, put(rpc, State.TRANSFERRING))
    says = f"GID#{running} not found in the waiting queue."
    assert await message(rpc, "aria2.changePosition", running, 0, "POS_SET") == says


async def test_change_uri_gives_two_integers(rpc):
    """How many went and came; what is no link does not come."""
    gid = await result(rpc, "aria2.addUri", [LINK], {"pause": "true"})
    found = await result(rpc, "aria2.changeUri", gid, 1, [LINK], ["https://new.example.org/a.iso", "bad"])
    assert found == [1, 1]
    assert (await result(rpc, "aria2.getUris", gid))[0]["uri"] == "https://new.example.org/a.iso"
    assert await message(rpc, "aria2.changeUri", gid, 9, [], []) == "fileIndex is out of range"
    gone = await message(rpc, "aria2.changeUri", gid, 1, ["https://new.example.org/a.iso"], [])
    assert gone == "A download needs at least one URI."


async def test_change_option_changes_what_it_can(rpc):
    """Unknown ones are ignored; an ended download is refused."""
    gid = await result(rpc, "aria2.addUri", [LINK], {"pause": "true"})
    assert await result(rpc, "aria2.changeOption", gid, {"max-download-limit": "10K", "foo": "bar"}) == "OK"
    assert (await result(rpc, "aria2.getOption", gid))["max-download-limit"] == "10240"
    ended = gid_of(rpc, put(rpc, State.COMPLETE))
    assert await message(rpc, "aria2.changeOption", ended, {"out": "x"}) == f"Cannot change option for GID#{ended}"


async def test_options_hold_no_secrets(rpc):
    """What was given as a secret is not told again."""
    options = {"http-user": "canary-u", "http-passwd": "canary-p", "header": "Cookie: canary-c"}
    gid = await result(rpc, "aria2.addUri", [LINK], options)
    await result(
        rpc, "aria2.changeGlobalOption", {"header": "X: canary-g", "all-proxy": "http://u:canary-x@p:1"}, user="root"
    )
    for found in (
        await result(rpc, "aria2.getOption", gid), await result(rpc, "aria2.getGlobalOption", user="root"),
        await result(rpc, "aria2.tellStatus", gid),
    ):  # fmt: skip
        assert "canary" not in json.dumps(found)


async def test_global_options_hold_for_new_downloads_of_the_user(rpc):
    """And for nobody else's."""
    assert await result(rpc, "aria2.changeGlobalOption", {"dir": "/tmp/elsewhere", "split": "3", "zzz": "1"}) == "OK"
    assert (await result(rpc, "aria2.getGlobalOption"))["dir"] == "/tmp/elsewhere"
    await result(rpc, "aria2.addUri", [LINK], {"pause": "true"})
    request = rpc.engine.calls[-1][1][0]
    assert (request.folder, request.options.connections) == ("/tmp/elsewhere", 3)
    assert (await result(rpc, "aria2.getGlobalOption", user="bob"))["dir"] == str(rpc.folder)


async def test_limits_are_the_administrators(rpc):
    """Others are refused and nothing changes."""
    before = rpc.engine.snapshot().limits
    assert "scope admin" in await message(rpc, "aria2.changeGlobalOption", {"max-concurrent-downloads": "2"})
    assert rpc.engine.snapshot().limits == before
    chosen = {"max-concurrent-downloads": "2", "max-overall-download-limit": "1M"}
    await result(rpc, "aria2.changeGlobalOption", chosen, user="root")
    limits = rpc.engine.snapshot().limits
    assert (limits.downloads, limits.rate) == (2, 1 << 20)
    says = "We encountered a problem while processing the option '--max-concurrent-downloads'."
    assert await message(rpc, "aria2.changeGlobalOption", {"max-concurrent-downloads": "x"}, user="root") == says


async def test_purge_drops_what_has_ended(rpc):
    """Of the caller."""
    put(rpc, State.COMPLETE), put(rpc, State.FAILED)
    kept = {put(rpc, State.QUEUED), put(rpc, State.COMPLETE, owner="bob")}
    assert await result(rpc, "aria2.purgeDownloadResult") == "OK"
    assert set(rpc.engine.snapshot().downloads) == kept


async def test_a_session_is_saved_where_the_operator_said(tmp_path):
    """And can be read back as a list; ended ones are left out, secrets too."""
    from tui_downloads.core.link_list import read, to_request
    from tui_downloads.core.spec import AddRequest

    path = tmp_path / "saved" / "session"
    async with service(tmp_path, dialects=[lambda context: application.make(context, session_file=path)]) as made:
        options = {"pause": "true", "out": "x.iso", "dir": "/tmp/d", "http-passwd": "canary"}
        gid = await result(made, "aria2.addUri", [LINK, "https://m.example.org/a"], options, user="root")
        put(made, State.COMPLETE)
        assert await result(made, "aria2.saveSession", user="root") == "OK"
        (entry,) = read(path.read_text().splitlines())
        request = to_request(entry, AddRequest(""))
        assert (request.url, request.mirrors, request.gid) == (LINK, ("https://m.example.org/a",), gid)
        assert (request.paused, request.name, request.folder) == (True, "x.iso", "/tmp/d")
        assert "canary" not in path.read_text() and path.stat().st_mode & 0o077 == 0
        assert await message(made, "aria2.saveSession") == "Only an administrator saves the session."


async def test_a_session_without_a_file_is_not_saved(rpc):
    """As aria2 says it."""
    assert await message(rpc, "aria2.saveSession", user="root") == "Filename is not given."


async def test_only_an_administrator_ends_the_service(tmp_path):
    """The answer comes first."""
    import asyncio

    ended = asyncio.Event()
    asked: list[bool] = []

    def stop(force: bool) -> None:
        asked.append(force)
        ended.set()

    async with service(tmp_path, dialects=[lambda context: application.make(context, stop=stop)]) as made:
        assert await message(made, "aria2.shutdown") == "Only an administrator ends the service."
        assert await result(made, "aria2.forceShutdown", user="root") == "OK"
        async with asyncio.timeout(60):
            await ended.wait()
        assert asked == [True]


async def test_a_drop_in_without_a_secret_is_whole(tmp_path):
    """Its no-auth door may change limits; that of another service may not."""
    for drop_in in (True, False):
        made_by = [lambda context, drop_in=drop_in: application.make(context, drop_in=drop_in)]
        folder = tmp_path / str(drop_in)
        folder.mkdir()
        async with service(folder, dialects=made_by) as made:
            client = made.client(door=Door("no-auth", "aria2", "127.0.0.1"))
            body = {"id": 1, "method": "aria2.changeGlobalOption", "params": [{"max-concurrent-downloads": "9"}]}
            assert (await client.post("/jsonrpc", json=body)).is_success is drop_in


# ---------------------------------------------------------------- users


async def test_nobody_sees_or_touches_what_is_not_theirs(rpc):
    """Bob's answers about Ann's download are those about nothing."""
    id = put(rpc, State.QUEUED)
    gid = gid_of(rpc, id)
    for name in ("tellStatus", "getUris", "getOption", "pause", "remove", "removeDownloadResult"):
        assert await message(rpc, f"aria2.{name}", gid, user="bob") == f"GID {gid} is not found"
    assert await message(rpc, "aria2.tellStatus", gid[:4], user="bob") == f"GID {gid[:4]} is not found"
    assert await result(rpc, "aria2.tellWaiting", 0, 10, user="bob") == []
    assert (await result(rpc, "aria2.getGlobalStat", user="bob"))["numWaiting"] == "0"
    assert state_of(rpc, id) is State.QUEUED


async def test_a_reader_only_looks(rpc):
    """The scope read."""
    gid = gid_of(rpc, put(rpc, State.QUEUED, owner="eve"))
    assert (await result(rpc, "aria2.tellStatus", gid, user="eve"))["status"] == "waiting"
    for method, params in (("addUri", [[LINK]]), ("pause", [gid]), ("purgeDownloadResult", []), ("pauseAll", [])):
        assert "scope control" in await message(rpc, f"aria2.{method}", *params, user="eve")


@pytest.mark.parametrize("state", list(State))
async def test_no_method_fails_inside(rpc, state):
    """Every method in every state is answered, never with a 500."""
    more: dict[str, list[Any]] = {
        "changePosition": [0, "POS_SET"], "changeUri": [1, [], []], "changeOption": [{"max-download-limit": "1"}],
        "tellWaiting": [], "tellStopped": [],
    }  # fmt: skip
    free = {"addUri": [[LINK]], "tellWaiting": [0, 5], "tellStopped": [-1, 5], "changeGlobalOption": [{}],
            "addMetalink": ["x"], "addTorrent": ["x"]}  # fmt: skip
    for method in METHODS:
        name = method.partition(".")[2]
        gid = gid_of(rpc, put(rpc, state))
        params = free.get(name, [gid, *more.get(name, [])])
        found = await ask(rpc, method, *params)
        assert found.get("error", {"code": 1})["code"] == 1


def test_every_code_has_a_number():
    """A new code can't be told as nothing."""
    assert set(codes.CODES) == set(Code) and all(0 < number <= 32 for number in codes.CODES.values())
    assert codes.number("SOMETHING_NEW") == "1"


def test_every_state_has_a_word():
    """A new state can't be left out."""
    assert set(shapes.STATUS) == set(State) and set(shapes.STATUS.values()) == WORDS
