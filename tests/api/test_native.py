"""The routes of the native API."""

from __future__ import annotations

import asyncio
import csv
import io
import os
import re

import pytest
from starlette.responses import Response

from tests.api.service import finished, own
from tui_downloads.api.auth import Door
from tui_downloads.api.native.idempotency import Idempotency
from tui_downloads.core.lifecycle import State


async def add(client, file="a.iso", **fields):
    answer = await client.post("/v1/downloads", json={"url": f"https://files.example.org/{file}", **fields})
    assert answer.status_code == 201, answer.text
    return answer.json()


async def test_adding_one(made):
    """201, the download, and where it is."""
    client = made.client("ann")
    answer = await client.post("/v1/downloads", json={"url": "https://files.example.org/a.iso", "priority": 2})
    found = answer.json()
    assert (answer.status_code, found["owner"], found["priority"], found["state"]) == (201, "ann", 2, "queued")
    assert (await client.get(answer.headers["location"])).json()["download"]["id"] == found["id"]


async def test_adding_many(made):
    """200 with an outcome for each, in order."""
    urls = ["https://files.example.org/a", "nonsense:", "https://files.example.org/b"]
    answer = await made.client("ann").post("/v1/downloads", json={"downloads": [{"url": url} for url in urls]})
    found = answer.json()["outcomes"]
    assert [item["ok"] for item in found] == [True, False, True]
    assert (found[1]["error"]["code"], found[1]["id"]) == ("INVALID_URL", "")


@pytest.mark.parametrize(
    "body", ["[]", "{}", '{"downloads":[]}', '{"downloads":[{"url":"x"}],"y":1}', "nope", '{"url":1}']
)
async def test_what_is_not_understood_adds_nothing(made, body):
    """422 with the place, and no download."""
    client = made.client("ann")
    answer = await client.post("/v1/downloads", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 422
    assert made.engine.snapshot().downloads == {}


async def test_an_idempotent_add_is_done_once(made):
    """The same key gives the same answer; with another body it is refused, for another user it is another key."""
    client, key = made.client("ann"), {"idempotency-key": "k1"}
    body = {"url": "https://files.example.org/a"}
    answers = await asyncio.gather(*(client.post("/v1/downloads", json=body, headers=key) for _ in range(4)))
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert (await client.post("/v1/downloads", json={**body, "priority": 1}, headers=key)).status_code == 422
    await made.client("bob").post("/v1/downloads", json=body, headers=key)
    assert len(made.engine.snapshot().downloads) == 2


async def test_kept_answers_are_bounded():
    """By bytes: the oldest go first, and what is kept is small."""
    once = Idempotency(lambda: 0.0, seconds=60, keys=100, most=3000)
    calls = []

    async def act():
        calls.append(1)
        return Response(os.urandom(1000))

    first = await once.once("ann", "k0", b"", act)
    assert (await once.once("ann", "k0", b"", act)).body == first.body
    for n in range(1, 4):
        await once.once("ann", f"k{n}", b"", act)
    assert len(calls) == 4
    await once.once("ann", "k3", b"", act)
    assert len(calls) == 4
    await once.once("ann", "k0", b"", act)
    assert len(calls) == 5


async def test_a_failed_idempotent_add_may_be_sent_again(made):
    """A refusal is not kept."""
    client, key = made.client("ann"), {"idempotency-key": "k1"}
    assert (await client.post("/v1/downloads", json={"url": "nope:"}, headers=key)).status_code == 422
    assert (await client.post("/v1/downloads", json={"url": "https://x.example/"}, headers=key)).status_code == 201


async def test_secrets_are_taken_and_never_told(made):
    """Credentials reach the engine, and no answer."""
    client = made.client("ann")
    secrets = {"user": "u", "password": "canary1", "headers": {"X-Key": "canary2"}}
    found = await add(client, credentials=secrets)
    assert made.engine.calls[0][1][0].credentials.password == "canary1"
    for path in ("/v1/downloads", f"/v1/downloads/{found['id']}", "/v1/snapshot", "/v1/history/export"):
        assert "canary" not in (await client.get(path)).text


async def test_listing(made):
    """By state, text and host, sorted, reversed, page by page."""
    client = made.client("ann")
    for name in ("c", "a", "b"):
        await add(client, name, name=name, paused=name == "b")
    get = client.get
    names = [item["name"] for item in (await get("/v1/downloads?sort=name")).json()["items"]]
    assert names == ["a", "b", "c"]
    assert [i["name"] for i in (await get("/v1/downloads?state=paused,failed")).json()["items"]] == ["b"]
    assert [i["name"] for i in (await get("/v1/downloads?host=files.example.org&text=c")).json()["items"]] == ["c"]
    first = (await get("/v1/downloads?sort=name&order=desc&limit=2")).json()
    second = (
        await get("/v1/downloads", params={"sort": "name", "order": "desc", "limit": 2, "cursor": first["cursor"]})
    ).json()
    assert [i["name"] for i in first["items"] + second["items"]] == ["c", "b", "a"]
    assert (first["total"], second["cursor"]) == (3, None)


async def test_a_misspelt_filter_is_refused(made):
    """Not everything is listed, or dropped, because of a typing error."""
    client = made.client("ann")
    assert (await client.get("/v1/downloads?stat=paused")).status_code == 422
    assert (await client.delete("/v1/history?stat=failed")).status_code == 422


async def test_acting_on_one(made):
    """Each command answers with how it went."""
    client = made.client("ann")
    id = (await add(client))["id"]
    for command, state in [("pause", "paused"), ("resume", "queued"), ("cancel", "cancelled"), ("retry", "queued")]:
        assert (await client.post(f"/v1/downloads/{id}/{command}")).json()["download"]["state"] == state
    assert (await client.delete(f"/v1/downloads/{id}")).json()["ok"] is True
    assert (await client.post(f"/v1/downloads/{id}/restore")).json()["ok"] is True
    assert (await client.post(f"/v1/downloads/{id}/restore")).status_code == 409


async def test_acting_on_many(made):
    """By ids, and by states."""
    client = made.client("ann")
    ids = [(await add(client, str(n)))["id"] for n in range(3)]
    found = (await client.post("/v1/actions", json={"action": "pause", "ids": [ids[0], "nope"]})).json()["outcomes"]
    assert [(item["id"], item["ok"]) for item in found] == [(ids[0], True), ("nope", False)]
    found = (await client.post("/v1/actions", json={"action": "cancel", "states": ["queued"]})).json()["outcomes"]
    assert {item["id"] for item in found} == set(ids[1:])
    assert (await client.post("/v1/actions", json={"action": "move", "ids": ids, "where": 0})).status_code == 200


@pytest.mark.parametrize(
    "body",
    [{}, {"action": "remove"}, {"action": "remove", "states": []}, {"action": "remove", "states": ["old"]},
     {"action": "remove", "ids": []}, {"action": "remove", "ids": ["x"], "states": ["failed"]},
     {"action": "wipe", "ids": ["x"]},
     {"action": "remove", "states": ["failed"], "file": True},
     {"action": "remove", "states": ["failed"], "files": "yes"},
     {"action": "pause", "ids": ["x"], "files": True}, {"action": "move", "ids": ["x"]},
     {"action": "move", "ids": ["x"], "where": -1}, {"action": "pause", "ids": [1]}, []],
)  # fmt: skip
async def test_a_bulk_command_is_understood_whole_or_does_nothing(made, body):
    """Unknown fields, unknown or empty states: refused."""
    finished(made, "a", b"")
    assert (await made.client("ann").post("/v1/actions", json=body)).status_code == 422
    assert len(made.engine.snapshot().downloads) == 1


async def test_changing(made):
    """PATCH changes what it names; a misspelt field changes nothing."""
    client = made.client("ann")
    id = (await add(client))["id"]
    answer = await client.patch(f"/v1/downloads/{id}", json={"priority": 5, "limit": 1000})
    assert (answer.json()["priority"], answer.json()["limit"]) == (5, 1000)
    assert (await client.patch(f"/v1/downloads/{id}", json={"priorty": 1})).status_code == 422


async def test_the_history_is_searched_and_exported(made):
    """Ended ones only; links without query; cells no spreadsheet takes for formulas."""
    client = made.client("ann")
    id = finished(made, "=1+1.txt", b"x")
    made.engine._downloads[id].url = "https://files.example.org/a?token=canary"
    made.engine._touch(id)
    await add(client, "running")
    assert [item["id"] for item in (await client.get("/v1/history")).json()["items"]] == [id]
    text = (await client.get("/v1/history/export?format=csv")).text
    rows = list(csv.DictReader(io.StringIO(text)))
    assert (rows[0]["id"], rows[0]["name"], rows[0]["url"]) == (id, "'=1+1.txt", "https://files.example.org/a")
    exported = (await client.get("/v1/history/export?format=json")).json()
    assert [item["url"] for item in exported] == ["https://files.example.org/a"]
    assert (await client.get("/v1/history?state=queued")).json()["items"] == []


async def test_an_export_of_nothing_is_a_document(made):
    """Empty lists are valid, too."""
    client = made.client("ann")
    assert (await client.get("/v1/errors/export?format=json")).json() == []
    assert (await client.get("/v1/errors/export?format=csv")).text.startswith("id,state,")


async def test_errors_are_what_failed(made):
    """The error list has the code."""
    from tui_downloads.core.errors import Code
    from tui_downloads.engine.fake_stage import error_view

    id = made.engine.put("https://files.example.org/x", state=State.FAILED, error=error_view(Code.TLS_ERROR, "m", 1.0))
    own(made, id, "ann")
    assert (await made.client("ann").get("/v1/errors")).json()["items"][0]["error"]["code"] == "TLS_ERROR"


async def test_forgetting(made):
    """Ended ones go, files stay."""
    finished(made, "a.txt", b"x")
    client = made.client("ann")
    assert (await client.delete("/v1/history?state=complete")).json() == {"forgotten": 1}
    assert (made.folder / "a.txt").exists()


async def test_limits_are_an_administrators(made):
    """Everybody reads, administrators write."""
    assert (await made.client("ann").put("/v1/limits", json={"rate": 5})).status_code == 403
    assert (await made.client("root").put("/v1/limits", json={"rate": 5})).json()["rate"] == 5
    assert (await made.client("ann").get("/v1/limits")).json()["rate"] == 5
    patched = await made.client("root").patch("/v1/settings", json={"limits": {"downloads": 3}})
    assert (patched.json()["limits"]["rate"], patched.json()["limits"]["downloads"]) == (5, 3)


SAMPLE = re.compile(
    r'([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{((?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*",?)*)\})? '
    r"([+-]?(?:[0-9.]+(?:e[+-]?[0-9]+)?|Inf|NaN))"
)


def exposed(text: str) -> dict[str, float]:
    """Read Prometheus' text form 0.0.4 as strictly as it is defined, and give each sample."""
    kinds, samples, group = {}, {}, ""
    assert text.endswith("\n") and "\r" not in text
    for line in text.splitlines():
        if line.startswith("# "):
            _, word, name, rest = line.split(" ", 3)
            assert word in ("HELP", "TYPE") and rest
            if word == "TYPE":
                # Once for each metric, before its first sample.
                assert rest in ("counter", "gauge") and name not in kinds
                kinds[name], group = rest, name
            continue
        found = SAMPLE.fullmatch(line)
        assert found is not None, line
        name, labels, value = found.groups()
        # All samples of a metric stand together.
        assert name == group and (name, labels) not in samples, line
        assert kinds[name] != "counter" or name.endswith("_total")
        samples[name, labels] = float(value)
    return {name + (f"{{{labels}}}" if labels else ""): value for (name, labels), value in samples.items()}


async def test_metrics_are_prometheus_text(made):
    """Every line is held against the format; the type says its version."""
    finished(made, "a.txt", b"x")
    answer = await made.client("root").get("/metrics")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    found = exposed(answer.text)
    assert found['tui_downloads_downloads{state="complete"}'] == 1
    assert found["tui_downloads_speed_bytes"] == 0
    assert found["tui_downloads_free_bytes"] == made.engine.snapshot().info.free


async def test_health_tells_nothing(made):
    """Alive, and no more."""
    assert (await made.client().get("/healthz")).json() == {"status": "ok"}


async def test_the_documentation_needs_no_other_host(made):
    """One page, no script, no foreign address, and a policy that forbids both."""
    answer = await made.client("ann").get("/v1/docs")
    assert "<script" not in answer.text
    assert "http://" not in answer.text.replace("http://json-schema.org", "")
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "/v1/downloads/{id}/pause" in answer.text


async def test_the_openapi_document_is_whole(made):
    """Version 3.1, every endpoint of the table, and no reference into nothing."""
    text = (await made.client("ann").get("/v1/openapi.json")).text
    import json
    import re

    found = json.loads(text)
    assert found["openapi"] == "3.1.0"
    assert {endpoint.path for endpoint in made.root.dialects[0].endpoints} == set(found["paths"])
    names = set(re.findall(r'"#/components/schemas/(\w+)"', text))
    assert names <= found["components"]["schemas"].keys()


async def test_info_says_who_you_are(made):
    """Name, scope and version; no paths for users."""
    found = (await made.client("ann").get("/v1/info")).json()
    assert (found["me"]["name"], found["me"]["scope"], found["api"]) == ("ann", "control", 1)
    assert str(made.folder) not in str(found["engine"])


async def test_two_users_on_every_route(made):
    """Nobody sees, pauses, fetches or removes what is not theirs, on any route."""
    id = finished(made, "secret-name.txt", b"secret bytes")
    bob = made.client("bob")
    native = made.root.dialects[0]
    bodies = {"/v1/downloads/{id}/move": {"where": "top"}, "/v1/actions": {"action": "remove", "ids": [id]}}
    for endpoint in native.endpoints:
        if endpoint.exempt or endpoint.path == "/v1/events":
            continue
        path = endpoint.path.replace("{id}", id).replace("{file}", "1")
        body = {"json": bodies.get(endpoint.path, {})} if endpoint.method in ("POST", "PUT", "PATCH") else {}
        answer = await bob.request(endpoint.method, path, **body)
        assert "secret" not in answer.text, endpoint
        if "{id}" in endpoint.path:
            assert answer.status_code == 404, endpoint
    assert id in made.engine.snapshot().downloads
    assert (await made.client("ann").get(f"/v1/downloads/{id}/file")).content == b"secret bytes"


async def test_links_of_others_can_not_be_made(made):
    """A signed link needs the right to fetch."""
    id = finished(made, "a.txt", b"x")
    assert (await made.client("bob").post(f"/v1/downloads/{id}/link")).status_code == 404


async def test_a_link_made_at_the_unix_socket_speaks_for_the_owner(made):
    """Who needs no token signs for the owner of the file; a link of `local` reaches only what is local's."""
    hers, own = finished(made, "hers.bin", b"hers"), finished(made, "own.bin", b"own", "local")
    socket, nobody = made.client(door=Door("socket")), made.client()
    for id, content in ((hers, b"hers"), (own, b"own")):
        link = (await socket.post(f"/v1/downloads/{id}/link")).json()["url"]
        assert (await nobody.get(link)).content == content
    assert (await nobody.get(made.root.context.links.sign("local", hers))).status_code == 404
    made.tokens.rotate("ann")
    assert (await nobody.get(link)).content == b"own"
    made.tokens.revoke("ann")
    assert (await socket.post(f"/v1/downloads/{hers}/link")).status_code == 409
