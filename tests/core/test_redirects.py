"""Where a redirect leads and what goes with it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui_downloads.core.errors import Code, DownloadError
from tui_downloads.core.redirects import Hop, is_redirect, next_hop
from tui_downloads.core.resource import Head, Headers

URL = "https://a.org/dir/file.zip?x=1"
FIELDS = (("Authorization", "hush"), ("X-Key", "hush"))


def to(location: str, status: int = 302, *more: tuple[str, str]) -> Head:
    return Head(status, Headers([("Location", location), *more]))


def refused(head: Head, url: str = URL, hops: tuple[str, ...] = (), limit: int = 20) -> str:
    with pytest.raises(DownloadError) as caught:
        next_hop(url, head, FIELDS, hops, limit)
    assert caught.value.code is Code.REDIRECT_ERROR
    assert "hush" not in caught.value.message
    return caught.value.message


@pytest.mark.parametrize(
    ("location", "url"),
    [
        ("/b.zip", "https://a.org/b.zip"), ("b.zip", "https://a.org/dir/b.zip"), ("../b", "https://a.org/b"),
        ("?y=2", "https://a.org/dir/file.zip?y=2"), ("//b.org/c", "https://b.org/c"),
        ("https://b.org/c#frag", "https://b.org/c"), ("https://u:p@b.org/c", "https://b.org/c"),
        ("/a b", "https://a.org/a%20b"), ("/\xc3\xbc", "https://a.org/%C3%BC"), ("/\xfc", "https://a.org/%FC"),
        ("/\u0436", "https://a.org/%D0%B6"), ("https://b\xc3\xbccher.example/", "https://xn--bcher-kva.example/"),
        ("/go?to=http://c.org/", "https://a.org/go?to=http://c.org/"),
    ],
)  # fmt: skip
def test_f25_a_redirect_is_resolved(location: str, url: str):
    """F25: relative and absolute targets, raw bytes kept; never userinfo or fragment."""
    assert next_hop(URL, to(location)).url == url


def test_s15_one_origin_keeps_secrets():
    """S15: fields and secrets go on where scheme, host and port stay."""
    assert next_hop(URL, to("https://A.org:443/b"), FIELDS) == Hop("https://a.org/b", True, "GET", FIELDS, True)


@pytest.mark.parametrize("target", ["http://a.org/b", "https://b.org/b", "https://a.org:8443/b", "https://www.a.org/b"])
def test_s15_another_origin_drops_them(target: str):
    """S15: another scheme, host or port gets none of the caller's fields; https to http is such a change."""
    hop = next_hop(URL, to(target), FIELDS)
    assert not hop.keep_secrets and hop.headers == ()


def test_s15_what_was_dropped_stays_dropped():
    """S15: a chain that comes back to its first origin does not get its secrets back."""
    hop = next_hop("https://b.org/x", to("https://a.org/back"), FIELDS, (URL,))
    assert not hop.keep_secrets and hop.headers == ()


@pytest.mark.parametrize(
    "location", ["ftp://a.org/x", "file:///etc/passwd", "sftp://a.org/", "javascript:x", "data:,x"]
)
def test_f25_only_http_is_followed(location: str):
    """F25: no other scheme."""
    refused(to(location))


def test_f25_ftp_is_never_redirected():
    """F25: a made-up redirect of another protocol is refused."""
    refused(to("https://a.org/"), "ftp://a.org/x")


@pytest.mark.parametrize("location", ["", "https://", "//[bad", "https://exa mple.org/", "/a\nb", "/a\x00", "http:foo"])
def test_f25_a_target_that_is_no_link_is_refused(location: str):
    """F25: with one sentence."""
    assert "\n" not in refused(to(location))


def test_f25_the_number_of_hops_is_capped():
    """F25: one more than the limit is refused."""
    hops = tuple(f"https://a.org/{number}" for number in range(2))
    assert "3 times" not in next_hop(URL, to("/z"), (), hops, 3).url
    assert "more than 2 times" in refused(to("/z"), hops=hops, limit=2)


def test_f25_a_circle_is_found():
    """F25: a link that was visited is not visited again; the fragment makes no difference."""
    assert "circle" in refused(to(URL + "#x"))
    assert "circle" in refused(to("https://b.org/1"), hops=("https://b.org/1",))


def test_f25_a_cookie_allows_one_more_visit():
    """F25: servers set a cookie and send the client to the same link to see it come back, once."""
    head = to(URL, 302, ("Set-Cookie", "a=b"))
    assert next_hop(URL, head).url == URL
    refused(head, hops=(URL,))


@pytest.mark.parametrize(
    ("status", "method", "becomes", "body"),
    [
        (301, "GET", "GET", True), (301, "POST", "GET", False), (302, "POST", "GET", False),
        (303, "PUT", "GET", False), (303, "HEAD", "HEAD", False), (307, "POST", "POST", True),
        (308, "POST", "POST", True), (302, "PUT", "PUT", True),
    ],
)  # fmt: skip
def test_the_method_changes_as_in_browsers(status: int, method: str, becomes: str, body: bool):
    """303 makes a GET of everything, 301 and 302 of POST, 307 and 308 of nothing."""
    hop = next_hop(URL, to("/x", status), method=method)
    assert (hop.method, hop.keep_body) == (becomes, body)


def test_only_six_statuses_redirect():
    """304 to 306 do not; 300 may name what the server would choose."""
    assert [status for status in range(300, 310) if is_redirect(Head(status))] == [300, 301, 302, 303, 307, 308]


@given(st.text(st.characters(exclude_categories=())))
def test_a_target_never_raises_anything_else(text: str):
    """Any Location is followed or refused."""
    for location in (text, "https://" + text, "//" + text):
        try:
            hop = next_hop(URL, to(location), FIELDS)
        except DownloadError as error:
            assert error.code is Code.REDIRECT_ERROR
        else:
            assert hop.url.startswith(("http://", "https://")) and hop.url.isascii()
            assert "@" not in hop.url.split("/")[2]
