"""Rules S28 to S42 that stand before every dialect; one test walks the whole table of routes."""

from __future__ import annotations

import pytest

from tests.api.service import finished, service
from tui_downloads.api.auth import DOORS, EXEMPT, Door
from tui_downloads.api.settings import ApiSettings

JSON = {"content-type": "application/json"}


def routes(made):
    return [(dialect, endpoint) for dialect in made.root.dialects for endpoint in dialect.endpoints]


def path_of(endpoint):
    return endpoint.path.replace("{id}", "x").replace("{file}", "1")


async def test_every_route_needs_a_token(made):
    """S28: without a token every endpoint of the table answers 401, the listed exemptions apart."""
    client = made.client()
    assert len(routes(made)) > 25
    for _, endpoint in routes(made):
        answer = await client.request(endpoint.method, path_of(endpoint), headers=JSON, content=b"{}")
        if endpoint.exempt:
            assert endpoint.exempt in EXEMPT
        else:
            assert answer.status_code == 401, endpoint
            assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_the_exemptions_of_the_native_api_are_two(made):
    """S28: nothing slips into the list unseen."""
    found = {(e.path, e.exempt) for d, e in routes(made) if d.name == "native" and e.exempt}
    assert found == {("/healthz", "health"), ("/v1/signed/{id}/{file}", "signed-link")}
    assert set(DOORS) == {"socket", "no-auth"}


async def test_the_application_has_no_route_beside_the_table(made):
    """S28: every route of the application behind is in the table."""
    native = made.root.dialects[0]
    assert {route.path for route in native.app.routes} == {endpoint.path for endpoint in native.endpoints}


async def test_scopes_are_kept_on_every_route(made):
    """S37: read changes nothing, control nothing of the service."""
    for user, may in (("eve", {"read"}), ("ann", {"read", "control"})):
        client = made.client(user)
        for _, endpoint in routes(made):
            answer = (
                await client.request(endpoint.method, path_of(endpoint), headers=JSON, content=b"{}")
                if (endpoint.path != "/v1/events")
                else None
            )
            if answer is not None and not endpoint.exempt and endpoint.needs not in may:
                assert answer.status_code == 403, endpoint


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "localhost.evil.example",
        "",
        "127.0.0.1.evil",
        "localhost.",
        "[::2]",
        "[::1]evil",
        "[::1]:x",
        "127.0.0.1@evil.example",
        "127.0.0.1:",
        "localhost:123456",
    ],
)
async def test_a_foreign_host_is_refused(made, host):
    """S30: DNS rebinding points a name at us that we do not know, and a token does not help it."""
    answer = await made.client("root", host=host).get("/v1/downloads")
    assert answer.status_code == 403


@pytest.mark.parametrize("host", ["localhost", "localhost:7878", "127.0.0.1:1", "[::1]:7878", "LOCALHOST"])
async def test_our_own_names_are_allowed(made, host):
    """S30: loopback names are ours."""
    assert (await made.client("root", host=host).get("/v1/downloads")).status_code == 200


async def test_a_host_can_be_added(tmp_path):
    """S30: --allow-host adds a name, exactly."""
    async with service(tmp_path, settings=ApiSettings(allow_hosts=("box.example",))) as made:
        assert (await made.client("root", host="box.example:7878").get("/v1/stats")).status_code == 200
        assert (await made.client("root", host="x.box.example").get("/v1/stats")).status_code == 403


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://localhost:1", "file://", "http://[", "https://localhost.evil"]
)
async def test_a_foreign_origin_is_refused(made, origin):
    """S30: a page of another origin gets nothing, reads included."""
    assert (await made.client("root", origin=origin).get("/v1/downloads")).status_code == 403


async def test_an_allowed_origin_may_read(tmp_path):
    """S30: an origin on the list gets its own name back, never `*`; its preflight needs no token."""
    async with service(tmp_path, settings=ApiSettings(allow_origins=("https://ui.example",))) as made:
        answer = await made.client("ann", origin="https://ui.example").get("/v1/downloads")
        assert answer.headers["access-control-allow-origin"] == "https://ui.example"
        ask = {"origin": "https://ui.example", "access-control-request-method": "POST"}
        preflight = await made.client(**ask).options("/v1/downloads")
        assert (preflight.status_code, preflight.headers["access-control-allow-origin"]) == (204, "https://ui.example")
        other = {**ask, "origin": "https://evil.example"}
        assert (await made.client(**other).options("/v1/downloads")).status_code == 403


async def test_a_cross_site_form_is_refused(tmp_path):
    """S32: what a foreign page makes a browser post does nothing, even where no token is needed."""
    async with service(tmp_path) as made:
        client = made.client(door=Door("no-auth"))
        form = {"content-type": "application/x-www-form-urlencoded"}
        assert (await client.post("/v1/downloads", headers=form, content=b"url=x")).status_code == 415
        plain = {"content-type": "text/plain", "sec-fetch-site": "cross-site"}
        answer = await client.post("/v1/downloads", headers=plain, content=b'{"url":"https://x.example/"}')
        assert answer.status_code == 403
        assert made.engine.snapshot().downloads == {}


async def test_a_body_must_be_json(made):
    """S32: other content types, and none, are refused."""
    client = made.client("ann")
    for kind in ({}, {"content-type": "text/plain"}, {"content-type": "multipart/form-data"}):
        assert (await client.post("/v1/downloads", headers=kind, content=b"{}")).status_code == 415


async def test_cookies_are_no_credential(made):
    """S32: tokens come in the header only."""
    client = made.client()
    secret = made.secrets["root"]
    assert (await client.get("/v1/downloads", headers={"cookie": f"token={secret}"})).status_code == 401
    assert (await client.get(f"/v1/downloads?token={secret}")).status_code == 401


async def test_forwarded_headers_are_not_believed(made):
    """S36: who says to come from loopback or from another host comes from where he comes."""
    lies = {"x-forwarded-for": "127.0.0.1", "x-forwarded-host": "localhost", "forwarded": "for=127.0.0.1"}
    assert (await made.client(**lies).get("/v1/downloads")).status_code == 401


async def test_authorisation_is_of_the_routed_path(made):
    """S31: tricks with the path do not lead around the token."""
    tricks = ["//v1/downloads", "/healthz/../v1/downloads", "/healthz%2f..%2fv1/downloads", "/v1%2fdownloads"]
    for path in [*tricks, "/V1/downloads", "/v1/downloads/", "/healthz/", "/v1/./downloads", "/v1/downloads;x"]:
        answer = await made.client().get(path)
        assert answer.status_code in (401, 404), path


async def test_long_urls_are_refused(made):
    """S41: 414."""
    assert (await made.client("ann").get("/v1/downloads?text=" + "x" * 17_000)).status_code == 414


async def test_many_headers_are_refused(made):
    """S41: 431, by number and by size."""
    many = [(f"x-{n}", "y") for n in range(500)]
    assert (await made.client("ann").get("/v1/stats", headers=many)).status_code == 431
    assert (await made.client("ann").get("/v1/stats", headers={"x-a": "y" * 40_000})).status_code == 431


async def test_large_bodies_are_refused(tmp_path):
    """S41: 413, by what is announced and by what comes."""
    async with service(tmp_path, settings=ApiSettings(max_body=1000)) as made:
        client = made.client("ann")
        assert (await client.post("/v1/downloads", headers=JSON, content=b" " * 1001)).status_code == 413

        async def pieces():
            for _ in range(20):
                yield b" " * 100

        assert (await client.post("/v1/downloads", headers=JSON, content=pieces())).status_code == 413


async def test_strangers_bodies_are_not_read(made):
    """S41: who has no token is refused before the body."""
    read = []

    async def pieces():
        read.append(1)
        yield b"{}"

    answer = await made.client().post("/v1/downloads", headers=JSON, content=pieces())
    assert (answer.status_code, answer.headers["connection"], read) == (401, "close", [])


async def test_every_answer_has_the_security_fields(made):
    """Also refusals and files."""
    id = finished(made, "a.html", b"<script>")
    client = made.client("ann")
    for path in ("/v1/downloads", "/nope", f"/v1/downloads/{id}/file"):
        headers = (await client.get(path)).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert "default-src 'none'" in headers["content-security-policy"]
        assert headers["x-frame-options"] == "DENY"
    assert "access-control-allow-origin" not in headers


@pytest.mark.may_block  # writing the trace to the log reads many sources the first time
async def test_errors_tell_nothing_of_the_inside(made):
    """S40: an unexpected failure is a 500 problem without path, trace or message."""

    async def broken(*_):
        raise ValueError("/secret/path token=abc")

    made.engine.page = broken
    answer = await made.client("ann").get("/v1/downloads")
    assert (answer.status_code, answer.json()["code"]) == (500, "INTERNAL")
    assert "secret" not in answer.text
    assert "Traceback" not in answer.text


async def test_every_error_is_problem_details(made):
    """RFC 9457 for 401, 403, 404, 405, 409, 415 and 422 alike."""
    client = made.client("ann")
    id = finished(made, "a", b"")
    for method, path, status in [
        ("GET", "/nope", 404), ("GET", "/v1/nope", 404), ("PUT", "/v1/downloads", 405), ("GET", "/v1/downloads/x", 404),
        ("POST", f"/v1/downloads/{id}/pause", 409), ("PUT", "/v1/limits", 403), ("GET", "/v1/downloads?limit=0", 422),
        ("GET", "/v1/downloads?state=", 422), ("DELETE", "/v1/history?state=paused", 422),
    ]:  # fmt: skip
        answer = await client.request(method, path)
        assert answer.status_code == status, path
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json().keys() >= {"type", "title", "status", "detail", "code", "next_step"}


async def test_allow_names_every_method(made):
    """A 405 says what is allowed."""
    answer = await made.client("ann").put("/v1/downloads/x")
    assert answer.headers["allow"] == "DELETE, GET, HEAD, PATCH"


async def test_security_settings_can_not_be_set(made):
    """S38: only what is on the list can be set, and only by an administrator."""
    client = made.client("root")
    for name in ("folder", "tokens", "allow_hosts", "hooks", "listen", "proxy"):
        assert (await client.patch("/v1/settings", json={name: "x"})).status_code == 422
    assert set((await client.get("/v1/settings")).json()) == {"limits"}
    assert (await made.client("ann").patch("/v1/settings", json={"limits": {}})).status_code == 403


async def test_head_is_get_without_a_body(made):
    """HEAD answers where GET does."""
    answer = await made.client("ann").head("/v1/stats")
    assert (answer.status_code, answer.content) == (200, b"")
    assert int(answer.headers["content-length"]) > 0
