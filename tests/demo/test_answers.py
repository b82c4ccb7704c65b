"""Each option of a link makes its answer, as a foreign client sees it."""

from __future__ import annotations

import base64
import gzip
from collections.abc import Callable
from email.utils import parsedate_to_datetime

import pytest

from tui_downloads.demo.content import block, digest
from tui_downloads.demo.server import PracticeServer

Ask = Callable[..., "Reply"]  # noqa: F821
SIZE = 50_000


def _whole(version: int = 0, name: str = "a.bin") -> bytes:
    return block(name, 0, SIZE, version)


def test_an_honest_file_has_everything_a_resume_needs(server: PracticeServer, ask: Ask):
    """Strong ETag, Last-Modified, Accept-Ranges, length, type."""
    reply = ask(server.file(SIZE, "a.iso"))
    assert (reply.status, reply.body) == (200, _whole(name="a.iso"))
    assert reply.headers["ETag"].startswith('"')
    assert reply.headers["Accept-Ranges"] == "bytes"
    assert parsedate_to_datetime(reply.headers["Last-Modified"]) < parsedate_to_datetime(reply.headers["Date"])


def test_a_range_is_answered_with_its_bytes(server: PracticeServer, ask: Ask):
    """206 and Content-Range."""
    reply = ask(server.file(SIZE, "a.bin"), Range="bytes=100-199")
    assert (reply.status, reply.headers["Content-Range"]) == (206, f"bytes 100-199/{SIZE}")
    assert reply.body == block("a.bin", 100, 200)


def test_head_tells_the_length_without_a_body(server: PracticeServer, ask: Ask):
    """As GET would."""
    reply = ask(server.file(SIZE, "a.bin"), method="HEAD")
    assert (reply.status, reply.headers["Content-Length"], reply.body) == (200, str(SIZE), b"")


def test_head_may_differ_from_get(server: PracticeServer, ask: Ask):
    """`headlength`, `headstatus`: F17."""
    assert ask(server.file(SIZE, "a", headlength=5), method="HEAD").headers["Content-Length"] == "5"
    assert ask(server.file(SIZE, "a", headstatus=405), method="HEAD").status == 405
    assert len(ask(server.file(SIZE, "a", headstatus=405)).body) == SIZE


def test_if_range_guards_the_range(server: PracticeServer, ask: Ask):
    """The ETag or the date that is served passes; anything else gets the whole file."""
    url = server.file(SIZE, "a.bin")
    seen = ask(url).headers
    for known in (seen["ETag"], seen["Last-Modified"]):
        assert ask(url, Range="bytes=5-", If_Range=known).status == 206
    assert ask(url, Range="bytes=5-", If_Range='"other"').status == 200


def test_a_weak_tag_never_passes_if_range(server: PracticeServer, ask: Ask):
    """RFC 9110 13.1.5: strong comparison."""
    url = server.file(SIZE, "a.bin", etag="weak")
    assert ask(url, Range="bytes=5-", If_Range=ask(url).headers["ETag"]).status == 200


@pytest.mark.parametrize(("how", "status"), [("ignore", 206), ("fail", 200)])
def test_if_range_may_be_mishandled(server: PracticeServer, ask: Ask, how: str, status: int):
    """`ifrange`: F10, F11."""
    url = server.file(SIZE, "a.bin", ifrange=how)
    tag = ask(url).headers["ETag"] if how == "fail" else '"other"'
    assert ask(url, Range="bytes=5-", If_Range=tag).status == status


def test_what_the_client_has_is_not_sent_again(server: PracticeServer, ask: Ask):
    """If-None-Match: 304."""
    url = server.file(SIZE, "a.bin")
    reply = ask(url, If_None_Match=f'"x", {ask(url).headers["ETag"]}')
    assert (reply.status, reply.body) == (304, b"")


@pytest.mark.parametrize(
    ("options", "name", "value"),
    [
        ({"etag": "none"}, "ETag", None),
        ({"etag": "abc"}, "ETag", '"abc"'),
        ({"nolm": True}, "Last-Modified", None),
        ({"acceptranges": "missing"}, "Accept-Ranges", None),
        ({"type": "text/x-odd"}, "Content-Type", "text/x-odd"),
        ({"disposition": "b.zip"}, "Content-Disposition", 'attachment; filename="b.zip"'),
        (
            {"disposition": "inline; filename*=UTF-8''%e2%82%ac"},
            "Content-Disposition",
            "inline; filename*=UTF-8''%e2%82%ac",
        ),
    ],
)
def test_headers_are_as_ordered(
    server: PracticeServer, ask: Ask, options: dict[str, object], name: str, value: str | None
):
    """Validators, type and name."""
    assert ask(server.file(SIZE, "a.bin", **options)).headers[name] == value


def test_a_header_cannot_be_broken_out_of(server: PracticeServer, ask: Ask):
    """Line ends in an option become spaces."""
    assert ask(server.file(5, "a", disposition="x\r\nEvil: 1")).headers["Evil"] is None


def test_etag_each_never_repeats(server: PracticeServer, ask: Ask):
    """Validators that differ between segments: F11."""
    url = server.file(SIZE, "a.bin", etag="each")
    assert ask(url).headers["ETag"] != ask(url).headers["ETag"]


def test_a_swapped_file_has_other_bytes_and_validators(server: PracticeServer, ask: Ask):
    """Same name, same size: what a resume must notice."""
    url = server.file(SIZE, "a.bin")
    before = ask(url)
    server.swap("a.bin", 1)
    after = ask(url)
    assert (before.body, after.body) == (_whole(), _whole(version=1))
    assert before.headers["ETag"] != after.headers["ETag"]
    assert before.headers["Last-Modified"] != after.headers["Last-Modified"]


def test_a_link_may_swap_by_itself(server: PracticeServer, ask: Ask):
    """`swap=1`: the second request finds the next version."""
    url = server.file(SIZE, "a.bin", swap=1)
    assert [ask(url).body == _whole(version) for version in (0, 1)] == [True, True]


def test_norange_sends_the_whole_file(server: PracticeServer, ask: Ask):
    """200 to a ranged request: F1."""
    reply = ask(server.file(SIZE, "a.bin", norange=True), Range="bytes=100-")
    assert (reply.status, reply.body) == (200, _whole())


def test_norange_mid_is_honest_at_the_start(server: PracticeServer, ask: Ask):
    """Ranges work until one starts in the middle."""
    url = server.file(SIZE, "a.bin", norange=True, mid=True)
    assert [ask(url, Range=r).status for r in ("bytes=0-9", "bytes=10-19")] == [206, 200]


def test_unasked_is_a_206_to_a_plain_get(server: PracticeServer, ask: Ask):
    """F8."""
    assert ask(server.file(SIZE, "a.bin", unasked=True)).status == 206


@pytest.mark.parametrize(
    ("wrong", "told", "start", "stop"),
    [
        ("shift", f"bytes 2001-2999/{SIZE}", 2001, 3000),
        ("early", f"bytes 1000-2999/{SIZE}", 1000, 3000),
        ("total", f"bytes 2000-2999/{SIZE + 1}", 2000, 3000),
        ("star", "bytes 2000-2999/*", 2000, 3000),
        ("unit", f"items 2000-2999/{SIZE}", 2000, 3000),
        ("reversed", f"bytes 3000-2000/{SIZE}", 2000, 3000),
        ("small", "bytes 2000-2999/2999", 2000, 3000),
        ("missing", None, 2000, 3000),
    ],
)
def test_content_range_may_be_wrong(
    server: PracticeServer, ask: Ask, wrong: str, told: str | None, start: int, stop: int
):
    """F3, F6, F7."""
    reply = ask(server.file(SIZE, "a.bin", wrongrange=wrong), Range="bytes=2000-2999")
    assert (reply.status, reply.headers["Content-Range"]) == (206, told)
    assert reply.body == block("a.bin", start, stop)


@pytest.mark.parametrize(("option", "stop"), [("shorter", 2900), ("longer", 3100)])
def test_a_206_may_end_elsewhere(server: PracticeServer, ask: Ask, option: str, stop: int):
    """F4, F5."""
    reply = ask(server.file(SIZE, "a.bin", **{option: 100}), Range="bytes=2000-2999")
    assert (reply.headers["Content-Range"], reply.body) == (f"bytes 2000-{stop - 1}/{SIZE}", block("a.bin", 2000, stop))


def test_multipart_wraps_the_range(server: PracticeServer, ask: Ask):
    """F8."""
    reply = ask(server.file(SIZE, "a.bin", multipart=True), Range="bytes=10-19")
    assert reply.headers.get_all("Content-Type") == ["multipart/byteranges; boundary=practice-part"]
    assert b"\r\n\r\n" + block("a.bin", 10, 20) + b"\r\n--practice-part--" in reply.body


@pytest.mark.parametrize(("size", "wanted"), [(SIZE, f"bytes={SIZE}-"), (0, "bytes=0-")])
def test_a_range_of_nothing_is_416_with_the_length(server: PracticeServer, ask: Ask, size: int, wanted: str):
    """F13, F14."""
    reply = ask(server.file(size, "a.bin"), Range=wanted)
    assert (reply.status, reply.headers["Content-Range"]) == (416, f"bytes */{size}")


def test_an_absurd_length_can_be_told(server: PracticeServer, ask: Ask):
    """F16: 64 bits and more."""
    reply = ask(server.file(1 << 70, "a.bin"), Range=f"bytes={1 << 69}-{(1 << 69) + 9}")
    assert reply.body == block("a.bin", 1 << 69, (1 << 69) + 10)


def test_gzip_codes_the_body(server: PracticeServer, ask: Ask):
    """F15."""
    reply = ask(server.file(SIZE, "a.bin", encoding="gzip"))
    assert (reply.headers["Content-Encoding"], gzip.decompress(reply.body)) == ("gzip", _whole())


def test_a_coded_range_is_a_range_of_the_coded_bytes(server: PracticeServer, ask: Ask):
    """F15: a coding on a 206."""
    url = server.file(SIZE, "a.bin", encoding="gzip")
    reply = ask(url, Range="bytes=0-9")
    assert (reply.status, reply.headers["Content-Encoding"], reply.body) == (206, "gzip", ask(url).body[:10])


@pytest.mark.parametrize("status", [403, 404, 408, 410, 421, 425, 500, 503, 522])
def test_a_status_can_be_ordered(server: PracticeServer, ask: Ask, status: int):
    """F27 to F33."""
    assert ask(server.file(SIZE, "a.bin", status=status)).status == status


@pytest.mark.parametrize("status", [204, 205, 304])
def test_an_answer_that_is_no_file_has_no_body(server: PracticeServer, ask: Ask, status: int):
    """F34."""
    reply = ask(server.file(SIZE, "a.bin", status=status))
    assert (reply.status, reply.body) == (status, b"")


def test_the_first_answers_fail_and_then_it_is_honest(server: PracticeServer, ask: Ask):
    """`status=503,first=2`."""
    url = server.url(f"/f/{SIZE}/a.bin?status=503,first=2")
    assert [ask(url).status for _ in range(3)] == [503, 503, 200]


def test_retry_after_in_seconds_and_as_a_date(server: PracticeServer, ask: Ask):
    """F32."""
    assert ask(server.file(5, "a", status=429, retry_after=7)).headers["Retry-After"] == "7"
    dated = ask(server.file(5, "a", status=503, retry_after="date:60")).headers
    assert parsedate_to_datetime(dated["Retry-After"]) > parsedate_to_datetime(dated["Date"])


def test_a_redirect_names_its_target(server: PracticeServer, ask: Ask):
    """F25, with any of its codes."""
    reply = ask(server.file(5, "a", redirect="http://example.test/b", code=308))
    assert (reply.status, reply.headers["Location"]) == (308, "http://example.test/b")


def test_hops_lead_to_the_file(server: PracticeServer, ask: Ask):
    """Each hop is another link."""
    target, seen = server.file(5, "a", hops=2), []
    while (reply := ask(target)).status == 302:
        seen.append(target)
        target = server.url(reply.headers["Location"])
    assert (len(set(seen)), reply.body) == (2, block("a", 0, 5))


def test_a_loop_leads_to_itself(server: PracticeServer, ask: Ask):
    """F25."""
    url = server.file(5, "a", loop=True)
    assert server.url(ask(url).headers["Location"]) == url


def test_a_login_is_asked_for_and_accepted(server: PracticeServer, ask: Ask):
    """`auth`: Basic, F27."""
    url = server.file(5, "a", auth="user:pass word")
    refused = ask(url)
    assert (refused.status, refused.headers["WWW-Authenticate"]) == (401, 'Basic realm="practice"')
    assert ask(url, Authorization="Basic " + base64.b64encode(b"user:pass word").decode()).status == 200


def test_a_login_page_in_place_of_the_file(server: PracticeServer, ask: Ask):
    """F26; `after` makes it come on the resume."""
    url = server.file(SIZE, "a.bin", html=True, after=1)
    assert [ask(url).headers["Content-Type"] for _ in range(2)] == [
        "application/octet-stream",
        "text/html; charset=utf-8",
    ]


def test_repr_digest_is_told_right_or_wrong(server: PracticeServer, ask: Ask):
    """RFC 9530."""
    right = f"sha-256=:{base64.b64encode(bytes.fromhex(digest('a.bin', SIZE))).decode()}:"
    assert ask(server.file(SIZE, "a.bin", digest="sha-256")).headers["Repr-Digest"] == right
    assert ask(server.file(SIZE, "a.bin", digest="sha-256,wrong")).headers["Repr-Digest"] != right


def test_huge_headers_are_as_huge_as_ordered(server: PracticeServer, listen: Callable[..., Raw]):  # noqa: F821
    """F24."""
    assert 200_000 < len(listen(server.file(5, "a", headers=200_000), "Connection: close").head) < 210_000


def test_a_mistaken_link_is_a_400_that_says_why(server: PracticeServer, ask: Ask):
    """A typo in a test must not look like an honest file."""
    reply = ask(server.url("/f/5/a?trunkate=3"))
    assert (reply.status, b"trunkate" in reply.body) == (400, True)
