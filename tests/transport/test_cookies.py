"""Cookies, scoped by libcurl's jar."""

from __future__ import annotations

import pytest

from tests.transport.conftest import Collect, RawServer
from tui_downloads.core.errors import Code, DownloadError
from tui_downloads.transport.base import Reach, Request
from tui_downloads.transport.cookies import cookie_lines

FAR = "4102444800"


def line(domain: str, name: str, value: str, *, path: str = "/", secure: bool = False, sub: bool = False) -> str:
    flags = ("TRUE" if sub else "FALSE", path, "TRUE" if secure else "FALSE", FAR)
    return "\t".join((domain, *flags, name, value))


class Notes:
    """A handler that keeps the request heads and answers each path as told."""

    def __init__(self, answers: dict[str, bytes] | None = None) -> None:
        self.answers = answers or {}
        self.heads: list[str] = []

    async def __call__(self, reader, writer) -> None:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            self.heads.append(head)
            writer.write(self.answers.get(head.split(" ")[1], b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"))

    def cookies(self, path: str) -> str:
        """Give the Cookie field of the last request for a path."""
        heads = [head for head in self.heads if head.split(" ")[1] == path]
        fields = [text for text in heads[-1].split("\r\n") if text.lower().startswith("cookie:")]
        return fields[0][8:] if fields else ""


def redirect(to: str, *cookies: str) -> bytes:
    fields = "".join(f"Set-Cookie: {cookie}\r\n" for cookie in cookies)
    return f"HTTP/1.1 302 Found\r\nLocation: {to}\r\n{fields}Content-Length: 0\r\n\r\n".encode()


async def test_a_cookie_goes_to_its_domain_and_path_only(transport, raw):
    """The file's scope is kept: another host and another path get nothing (S16)."""
    notes = Notes()
    server: RawServer = await raw(notes)
    cookies = [
        "# Netscape HTTP Cookie File",
        "",
        line("127.0.0.1", "mine", "1"),
        line("127.0.0.1", "deep", "2", path="/deep"),
        line("example.org", "other", "4"),
        "#HttpOnly_" + line("127.0.0.1", "hidden", "5"),
    ]
    text = "\n".join(cookies)
    reach = Reach(cookies=text)
    for path in ("/", "/deep/x"):
        await transport.fetch(Request(server.url(path), reach=reach), Collect())
    assert set(notes.cookies("/").split("; ")) == {"mine=1", "hidden=5"}
    assert set(notes.cookies("/deep/x").split("; ")) == {"mine=1", "hidden=5", "deep=2"}


async def test_a_redirect_to_another_host_takes_no_cookie_along(transport, raw):
    """Given cookies stay with their domain when the chain leaves it."""
    notes = Notes()
    server = await raw(notes)
    notes.answers["/go"] = redirect(server.url("/there", host="localhost"))
    await transport.fetch(
        Request(server.url("/go"), reach=Reach(cookies=line("127.0.0.1", "mine", "canary"))), Collect()
    )
    assert notes.cookies("/go") == "mine=canary"
    assert notes.cookies("/there") == ""


async def test_a_cookie_set_on_the_way_comes_back(transport, raw):
    """A gate that sets a cookie and redirects sees it again, across origins too."""
    notes = Notes()
    server = await raw(notes)
    notes.answers["/gate"] = redirect(server.url("/sso", host="localhost"), "gate=1; Path=/")
    notes.answers["/sso"] = redirect(server.url("/file"), "sso=2; Path=/")
    await transport.fetch(Request(server.url("/gate"), reach=Reach(user="u", password="p")), Collect())
    assert notes.cookies("/sso") == ""
    assert notes.cookies("/file") == "gate=1"


async def test_a_cookie_of_one_download_is_nothing_to_the_next(transport, raw):
    """Without a jar of its own, a download forgets what it was given."""
    notes = Notes({"/": b"HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nContent-Length: 0\r\n\r\n"})
    server = await raw(notes)
    for _ in range(2):
        await transport.fetch(Request(server.url("/")), Collect())
    assert notes.cookies("/") == ""


async def test_a_given_jar_remembers(transport, raw):
    """With given cookies, what the server sets is kept for the other segments."""
    notes = Notes({"/": b"HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nContent-Length: 0\r\n\r\n"})
    server = await raw(notes)
    reach = Reach(cookies=line("127.0.0.1", "mine", "1"))
    for _ in range(2):
        await transport.fetch(Request(server.url("/"), reach=reach), Collect())
    assert set(notes.cookies("/").split("; ")) == {"mine=1", "a=1"}


@pytest.mark.parametrize(
    "text", ["a=b", "Set-Cookie: a=b", "x\tTRUE\t/\tFALSE\tsoon\tn\tv", "\tTRUE\t/\tFALSE\t0\tn\tv"]
)
def test_what_is_no_cookie_file_is_refused(text):
    """INVALID_OPTION, and a hint at the format."""
    with pytest.raises(DownloadError) as caught:
        cookie_lines(text)
    assert caught.value.code is Code.INVALID_OPTION


def test_a_lost_tab_is_mended():
    """An empty value whose tab an editor took away is still a cookie."""
    assert cookie_lines("h\tTRUE\t/\tFALSE\t0\tname") == ["h\tTRUE\t/\tFALSE\t0\tname\t"]


def test_too_many_cookies_are_refused():
    """A jar has a bound."""
    with pytest.raises(DownloadError):
        cookie_lines("\n".join([line("h", "n", "v")] * 6000))
