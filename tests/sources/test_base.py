"""The conformance suite: what every source keeps, whatever it is told."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tui_downloads.core.errors import Code, DownloadError
from tui_downloads.core.links import parse_link
from tui_downloads.core.resource import Headers
from tui_downloads.sources.auto import Package
from tui_downloads.sources.base import Question, Reply, Resolved, Source, Wish, absolute, whole
from tui_downloads.sources.checksums import ChecksumList
from tui_downloads.sources.direct import Direct
from tui_downloads.sources.listing import Listing
from tui_downloads.sources.manifest import Manifest
from tui_downloads.sources.masv import Masv
from tui_downloads.sources.metalink import Metalink

META4 = b"""<metalink xmlns="urn:ietf:params:xml:ns:metalink"><file name="a/b.bin"><size>3</size>
<url priority="2">http://m.test/b</url><url priority="1">http://n.test/b</url></file></metalink>"""
DIGEST = "0" * 64

CASES: dict[str, tuple[type[Source], Wish, dict[str, bytes]]] = {
    "direct": (Direct, Wish("http://a.test/x.bin"), {}),
    "metalink": (Metalink, Wish("http://a.test/x.meta4"), {"http://a.test/x.meta4": META4}),
    "checksums": (ChecksumList, Wish("http://a.test/d/SHA256SUMS"),
                  {"http://a.test/d/SHA256SUMS": f"{DIGEST}  x.bin\n".encode()}),
    "manifest": (Manifest, Wish("http://a.test/m.json"),
                 {"http://a.test/m.json": json.dumps({"files": [{"path": "x", "url": "y"}]}).encode()}),
    "listing": (Listing, Wish("http://a.test/d/"), {"http://a.test/d/": b'<a href="x.bin">x.bin</a>'}),
    "masv": (Masv, Wish("https://get.massive.app/ID?secret=s", settings={"masv_api": "http://api.test"}), {
        "http://api.test/links/ID?secret=s": b'{"package_id":"P","package_token":"T","name":"N"}',
        "http://api.test/packages/P/files": b'[{"id":"1","kind":"file","name":"x","size":3}]'}),
    "package": (Package, Wish("http://a.test/list"), {"http://a.test/list": META4}),
}  # fmt: skip


@pytest.fixture(params=CASES)
def case(request):
    return CASES[request.param]


@pytest.fixture(params=[name for name in CASES if name != "direct"])
def asking(request):
    """A source that asks at least one question."""
    return CASES[request.param]


def test_a_source_gives_files_that_can_be_fetched(case, web):
    """Every file has a link of a scheme that is spoken, or a key to ask for one."""
    kind, wish, pages = case
    resolved = web(pages).drive(kind(wish).resolve())
    assert isinstance(resolved, Resolved) and resolved.files
    for file in resolved.files:
        assert file.urls or file.renew
        assert all(parse_link(url).url_without_userinfo == url for url in file.urls)


@pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 410, 429, 500, 503])
def test_a_refusal_is_told_with_its_status(asking, web, status):
    """A refused list is an error with the status behind it; only what may pass is tried again."""
    kind, wish, pages = asking
    first = web(pages)
    first.drive(kind(wish).resolve())
    refusing = web({first.asked[0].url: (status, {"retry-after": "7"}, b"")})
    with pytest.raises(DownloadError) as caught:
        refusing.drive(kind(wish).resolve())
    assert caught.value.status == status
    assert caught.value.retry == (status in (429, 500, 503))


def test_what_the_network_says_reaches_the_caller(asking, web):
    """An error of the transport ends the dialogue as it is."""
    kind, wish, pages = asking
    first = web(pages)
    first.drive(kind(wish).resolve())
    error = DownloadError(Code.DNS_ERROR, "no such host")
    with pytest.raises(DownloadError) as caught:
        web({first.asked[0].url: error}).drive(kind(wish).resolve())
    assert caught.value is error


@pytest.mark.parametrize("name", CASES)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(body=st.binary(max_size=300) | st.text(max_size=200).map(str.encode) | st.sampled_from([b"[]", b"{}", b"null"]))
def test_any_answer_is_understood_or_refused(name, web, body):
    """Whatever a server sends, a source gives files or raises a DownloadError of one line."""
    kind, wish, _ = CASES[name]

    def page(question: Question) -> bytes:
        return body

    site = web({})
    site.answer = lambda question: Reply(200, Headers(), page(question), question.url)
    try:
        assert site.drive(kind(wish).resolve()).files
    except DownloadError as error:
        assert "\n" not in error.message


def test_secrets_stay_out_of_reprs():
    """Neither a question nor a wish shows its link's secret, password or header."""
    wish = Wish("https://get.massive.app/ID", secrets={"password": "canary"})
    question = Question("http://a.test/?secret=canary", (("X-Link-Password", "canary"),))
    assert "canary" not in repr(wish) + repr(question)


def test_a_source_without_expiring_links_says_so(web):
    """Renewing where nothing expires is refused."""
    with pytest.raises(DownloadError, match="do not expire"):
        web({}).drive(Direct(Wish("http://a.test/")).renew("1"))


@pytest.mark.parametrize(
    "reference", ["javascript:alert(1)", "file:///etc/passwd", "mailto:a@b", "data:,x", "", "a\x00b"]
)
def test_a_reference_that_can_not_be_fetched_is_none(reference):
    """Only links of our schemes come out of lists."""
    assert absolute("http://a.test/d/", reference) == ""


def test_a_reference_loses_its_userinfo():
    """A list can't smuggle a login into a link."""
    assert absolute("http://a.test/d/", "http://user:pass@b.test/x") == "http://b.test/x"


def test_a_missing_list_is_not_looked_for_again():
    """404 of a list is final, unlike that of a file which a mirror may lack for a moment."""
    with pytest.raises(DownloadError) as caught:
        whole(Reply(404, Headers(), b"", "http://a.test/"), "The list")
    assert not caught.value.retry
