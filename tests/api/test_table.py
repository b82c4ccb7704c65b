"""Which dialect a request belongs to."""

from __future__ import annotations

import pytest
from starlette.responses import PlainTextResponse

from tests.api.service import service
from tui_downloads.api.auth import Door
from tui_downloads.api.dialect import Dialect, Endpoint, session_of
from tui_downloads.api.table import Table


def renderer(name):
    return lambda scope, problem: PlainTextResponse(f"{name} {problem.status}", problem.status, dict(problem.headers))


def app(name):
    async def run(scope, receive, send):
        if scope["path"].endswith("/boom"):
            raise RuntimeError("boom")
        from starlette.requests import Request

        request = Request(scope)
        text = f"{name} {scope['root_path']} {session_of(request).user}"
        await PlainTextResponse(text)(scope, receive, send)

    return run


def dialect(name, *endpoints, **more):
    return Dialect(
        name, app(name), tuple(Endpoint(*e) if isinstance(e, tuple) else e for e in endpoints), renderer(name), **more
    )


ONE = dialect("one", ("POST", "/api/downloads"), ("GET", "/api/downloads/{id}"), ("GET", "/boom"), prefix="/one",
              owns=("/api/downloads",))  # fmt: skip
TWO = dialect("two", ("GET", "/api/downloads"), ("DELETE", "/api/downloads/{id}"),
              ("DELETE", "/api/downloads/{id}/remove"),
              prefix="/two")  # fmt: skip
ALL = dialect("all", Endpoint("GET", "/{rest:path}", query=frozenset({"download"}), unsafe=True), prefix="/all")


@pytest.mark.parametrize(
    ("method", "path", "query", "found"),
    [
        ("POST", "/api/downloads", b"", ("one", True)),
        ("GET", "/api/downloads", b"", ("two", True)),
        ("HEAD", "/api/downloads", b"", ("two", True)),
        ("GET", "/api/downloads/5", b"", ("one", True)),
        ("DELETE", "/api/downloads/5", b"", ("two", True)),
        ("PUT", "/api/downloads/5", b"", ("one", ("DELETE", "GET", "HEAD"))),
        ("PUT", "/api/downloads", b"", ("one", ("GET", "HEAD", "POST"))),
        ("GET", "/api/downloads/5/remove", b"", ("one", ("DELETE",))),
        ("GET", "/api/downloads/5/nope", b"", ("one", ())),
        ("GET", "/api/downloads/5/nope", b"download=x", ("one", ())),
        ("GET", "/api/downloads/5/remove", b"download=x", ("one", ("DELETE",))),
        ("PUT", "/a/b", b"download=x", ("all", ("GET", "HEAD"))),
        ("PUT", "/api/downloads", b"download=x", ("one", ("GET", "HEAD", "POST"))),
        ("GET", "/a/b", b"download=x", ("all", True)),
        ("GET", "/a/b", b"download", ("all", True)),
        ("GET", "/a/b", b"downloads=", ("one", ())),
        ("GET", "/api/downloads/5", b"download=x", ("one", True)),
    ],
)
def test_one_table_decides(method, path, query, found):
    """Method and template decide; a 405 has the union of methods and the owner's shape."""
    result = Table([ONE, TWO, ALL], ONE).find(method, path, query)
    assert (result.dialect.name, True if result.endpoint else result.allow) == found


@pytest.fixture
async def mixed(tmp_path):
    async with service(tmp_path, dialects=[lambda _, d=d: d for d in (ONE, TWO, ALL)]) as made:
        yield made


async def test_mounts_are_strict(mixed):
    """Under its prefix a dialect is alone, and knows where it is mounted."""
    client = mixed.client("ann")
    assert (await client.get("/two/api/downloads")).text == "two /two ann"
    assert (await client.post("/two/api/downloads", json={})).text == "two 405"
    assert (await client.get("/two")).text == "two 404"
    assert (await client.get("/twofold")).status_code == 404


async def test_a_listener_may_be_one_dialect(mixed):
    """With dialect=NAME it is at the root, and nothing else is there."""
    client = mixed.client("ann", Door(dialect="two"))
    assert (await client.get("/api/downloads")).text == "two  ann"
    assert (await client.get("/v1/downloads")).text == "two 404"


async def test_refusals_have_the_dialects_shape(mixed):
    """401, 404, 405, 415 and 500 are rendered by whose they are."""
    assert (await mixed.client().get("/api/downloads")).text == "two 401"
    client = mixed.client("ann")
    assert (await client.post("/api/downloads", content=b"x")).text == "one 415"
    assert (await client.get("/api/downloads/1/2/3")).text == "one 404"
    answer = await client.put("/api/downloads", json={})
    assert (answer.text, answer.headers["allow"]) == ("one 405", "GET, HEAD, POST")
    assert (await client.get("/one/boom")).text == "one 500"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"sec-fetch-site": "same-origin", "sec-fetch-mode": "cors"}, 200),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"sec-fetch-site": "none", "sec-fetch-mode": "navigate"}, 403),
        ({"sec-fetch-site": "same-origin", "sec-fetch-mode": "navigate"}, 403),
        ({"origin": "https://evil.example"}, 403),
    ],
)
async def test_a_get_that_changes_state_refuses_browsers_navigations(mixed, headers, status):
    """S32: links, typed addresses and images start nothing."""
    assert (await mixed.client("ann").get("/dir?download=x", headers=headers)).status_code == status


async def test_a_get_that_changes_state_needs_control(mixed):
    """S37: reading is not enough for it."""
    assert (await mixed.client("eve").get("/dir?download=x")).status_code == 403
