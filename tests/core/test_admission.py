"""Judging answers: one test for each row of the fault matrix that a head decides."""

from __future__ import annotations

import base64
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tui_downloads.core.admission import (
    Accept,
    Again,
    Asked,
    Done,
    Overlap,
    Plain,
    Refuse,
    Restart,
    Single,
    judge,
)
from tui_downloads.core.errors import Code
from tui_downloads.core.resource import Head, Headers, Resource, Validator

URL = "https://a.org/dir/file.bin"
MODIFIED = "Sun, 06 Nov 1994 08:49:37 GMT"
DATE = "Sun, 06 Nov 1994 09:49:37 GMT"
OLD = Resource(URL, 100, Validator('"v1"', MODIFIED), True, "file.bin", "file.bin", "application/octet-stream")
SOFT = Resource(URL, 100, Validator("", MODIFIED), True, "file.bin", "file.bin", "application/octet-stream")


def head(status: int = 200, url: str = URL, hops: tuple[str, ...] = (), **fields: object) -> Head:
    pairs = []
    for name, value in fields.items():
        values = value if isinstance(value, list) else [value]
        pairs += [(name.replace("_", "-"), str(one)) for one in values]
    return Head(status, Headers(pairs), url=url, hops=hops)


def whole(size: int = 100, etag: str = '"v1"', **fields: object) -> Head:
    return head(200, content_length=size, etag=etag, last_modified=MODIFIED, **fields)


def part(span: str = "50-99/100", etag: str = '"v1"', **fields: object) -> Head:
    return head(206, content_range=f"bytes {span}", etag=etag, last_modified=MODIFIED, **fields)


def first(**changes: object) -> Asked:
    return Asked(0, None, url=URL, **changes)  # type: ignore[arg-type]


def later(start: int = 50, end: int | None = None, **changes: object) -> Asked:
    known = {"resource": OLD, "joining": 50, "url": URL, **changes}
    return Asked(start, end, **known)  # type: ignore[arg-type]


def code(verdict: object) -> Code:
    assert isinstance(verdict, Again | Refuse)
    return verdict.error.code


def test_an_honest_part_is_accepted():
    """The first answer tells size, validator, name and that ranges are real."""
    verdict = judge(first(), part("0-99/100", content_length=100, content_type="application/zip"))
    assert isinstance(verdict, Accept)
    assert (verdict.start, verdict.end, verdict.total, verdict.whole, verdict.skip) == (0, 100, 100, True, 0)
    assert verdict.resource == Resource(
        URL, 100, Validator('"v1"', MODIFIED), True, "file.bin", "file.bin", "application/zip"
    )


def test_a_plain_answer_is_accepted():
    """A 200 to a plain question, and a 203 alike."""
    for status in (200, 203):
        verdict = judge(Asked(url=URL), head(status, content_length=7))
        assert isinstance(verdict, Accept)
        assert (verdict.start, verdict.end, verdict.whole, verdict.resource.ranges) == (0, 7, True, False)


def test_f1_a_200_to_a_ranged_request_is_one_stream_from_zero():
    """F1: from byte 0 it is that stream; further on it is never written at the offset."""
    assert isinstance(judge(first(), whole()), Accept)
    verdict = judge(later(), whole())
    assert isinstance(verdict, Single) and verdict.accept is not None
    assert (verdict.accept.start, verdict.accept.whole) == (0, True)
    assert isinstance(judge(Asked(50, url=URL), whole()), Single)


def test_f1_a_200_of_another_version_is_a_restart():
    """F1: and the answer itself may be the new file."""
    verdict = judge(later(if_range='"v1"'), whole(etag='"v2"'))
    assert isinstance(verdict, Restart) and verdict.accept is not None and verdict.accept.resource.size == 100


def test_f1_a_200_that_nothing_proves_is_a_restart():
    """F1, F12: unless bytes were compared or a digest decides."""
    answer = whole(etag="")
    assert isinstance(judge(later(resource=SOFT), answer), Restart)
    assert isinstance(judge(later(resource=SOFT, proven=True), answer), Single)
    assert isinstance(judge(later(resource=SOFT, digest=True), answer), Single)


def test_a_plain_question_about_a_known_file_is_accepted_when_it_is_the_same():
    """One stream from zero beside bytes that are there."""
    assert isinstance(judge(Asked(resource=OLD, joining=50, url=URL), whole()), Accept)
    assert isinstance(judge(Asked(resource=OLD, joining=50, url=URL), whole(etag='"v2"')), Restart)


def test_f2_accept_ranges_is_only_advice():
    """F2: a real 206 decides."""
    verdict = judge(first(), whole(accept_ranges="bytes"))
    assert isinstance(verdict, Accept) and not verdict.resource.ranges
    verdict = judge(first(), part("0-99/100", accept_ranges="none"))
    assert isinstance(verdict, Accept) and verdict.resource.ranges


def test_f3_a_part_that_starts_elsewhere_is_discarded_then_one_stream():
    """F3: once again, then ranges are not to be trusted."""
    assert code(judge(later(), part("60-99/100"))) is Code.PROTOCOL_ERROR
    assert isinstance(judge(later(strikes=1), part("60-99/100")), Single)
    assert isinstance(judge(later(), part("0-49/100")), Again)


def test_f3_an_earlier_start_is_used_by_skipping():
    """F3: the overlap is skipped."""
    verdict = judge(later(), part("40-99/100"))
    assert isinstance(verdict, Accept)
    assert (verdict.start, verdict.skip, verdict.end, verdict.whole) == (40, 10, 100, False)


def test_f4_a_shorter_part_is_legal():
    """F4: the rest is asked for."""
    verdict = judge(later(), part("50-59/100", content_length=10))
    assert isinstance(verdict, Accept) and verdict.end == 60


def test_f5_a_longer_part_is_cut_at_the_segment():
    """F5: never past the segment's end."""
    verdict = judge(later(50, 60), part("50-99/100"))
    assert isinstance(verdict, Accept) and verdict.end == 60


@pytest.mark.parametrize("span", ["", "bytes 99-50/100", "bytes 50-99/60", "items 50-99/100", "bytes */100"])
def test_f6_a_senseless_range_is_tried_again_then_one_stream(span: str):
    """F6: missing, last before first, total within, another unit."""
    answer = head(206, content_range=span, etag='"v1"') if span else head(206, etag='"v1"')
    assert code(judge(later(), answer)) is Code.PROTOCOL_ERROR
    assert isinstance(judge(later(strikes=1), answer), Single)


@pytest.mark.parametrize("span", ["", "bytes 9-0/100", "items 0-99/100", "bytes 5-99/100"])
def test_f6_a_first_answer_with_a_senseless_range_is_asked_for_without_one(span: str):
    """F6: nothing is here that could be lost, so a server that can't count ranges is asked for the whole file."""
    answer = head(206, content_range=span) if span else head(206)
    assert judge(first(), answer) == Plain(judge(first(), answer).reason)


def test_f6_two_ranges_or_a_length_that_contradicts_are_senseless():
    """F6: fields that don't agree prove nothing."""
    assert isinstance(judge(later(), head(206, content_range=["bytes 50-99/100", "bytes 0-99/100"])), Again)
    assert isinstance(judge(later(), part(content_length=49)), Again)
    assert isinstance(judge(later(), part(content_length=50)), Accept)


def test_f7_a_changed_total_is_a_restart():
    """F7: another size is another file, even behind the same ETag."""
    assert isinstance(judge(later(), part("50-100/101")), Restart)
    assert isinstance(judge(later(), part("50-119/*")), Restart)


def test_f7_a_hidden_total_needs_equal_validators():
    """F7: `/*` says nothing; a strong validator does, and the known size stays."""
    verdict = judge(later(), part("50-99/*"))
    assert isinstance(verdict, Accept) and verdict.total == 100 and verdict.resource.size == 100
    assert isinstance(judge(later(resource=SOFT), part("50-99/*", etag="")), Restart)
    verdict = judge(first(), part("0-9/*"))
    assert isinstance(verdict, Accept) and verdict.total is None


def test_f8_several_parts_and_unasked_parts_are_refused():
    """F8: nothing of them is kept; where nothing would be lost, the whole file is asked for."""
    several = part("0-99/100", content_type="multipart/byteranges; boundary=x")
    assert code(judge(later(), several)) is Code.PROTOCOL_ERROR
    assert isinstance(judge(later(strikes=1), several), Single)
    assert isinstance(judge(Asked(start=0, url=URL), several), Plain)
    assert isinstance(judge(Asked(url=URL), part("0-99/100")), Refuse)


@pytest.mark.parametrize("status", [400, 403, 405, 406, 412, 501])
def test_a_refusal_may_be_about_the_range_alone(status: int):
    """A first question is put again without one; the rest of a file, or what was asked plainly, is refused."""
    assert isinstance(judge(Asked(start=0, url=URL), head(status)), Plain)
    assert isinstance(judge(Asked(url=URL), head(status)), Refuse)
    assert isinstance(judge(later(), head(status)), Refuse)
    assert isinstance(judge(Asked(start=0, url=URL), head(401)), Refuse)


@pytest.mark.parametrize("status", [200, 201, 203, 226, 299])
def test_a_success_without_a_meaning_of_its_own_brings_the_file(status: int):
    """An unknown 2xx is a 200 (RFC 9110, section 15)."""
    verdict = judge(Asked(start=0, url=URL), head(status, content_length="100"))
    assert isinstance(verdict, Single | Accept) and (verdict.accept if isinstance(verdict, Single) else verdict).whole


def test_the_whole_file_after_its_end_says_that_there_is_no_more():
    """A server that hid the size, asked for what follows, may send everything again: of one version, it is done."""
    unsized = replace(OLD, size=None)
    assert isinstance(judge(later(100, joining=100, resource=unsized), whole()), Done)
    assert isinstance(judge(later(100, joining=90, resource=unsized), whole()), Single)
    assert isinstance(judge(later(100, joining=100, resource=unsized), whole(etag='"v2"')), Restart)


def test_f10_if_range_answered_with_the_same_file_is_asked_without():
    """F10: same strong ETag and length in a 200: ask plainly; the 206 must then have equal validators."""
    verdict = judge(later(if_range='"v1"'), whole())
    assert isinstance(verdict, Plain) and verdict.keep_range
    assert isinstance(judge(later(), part()), Accept)
    assert isinstance(judge(later(), part(etag='"v2"')), Restart)


def test_f11_a_changed_validator_is_never_combined():
    """F11: midway or between segments; a digest that will decide allows it."""
    assert isinstance(judge(later(), part(etag='"v2"')), Restart)
    assert isinstance(judge(later(), part(etag="")), Restart)
    assert isinstance(judge(later(), part(etag=['"v1"', '"v2"'])), Restart)
    assert isinstance(judge(later(digest=True), part(etag='"v2"')), Accept)


def test_f12_what_names_no_version_is_not_called_changed():
    """Nobody can tell, and that is what the user hears; another size or another version is a change."""
    bare = Resource(URL, 100, Validator(), True, "file.bin")
    unsized = Resource(URL, None, Validator(), True, "file.bin")
    for old, size, etag, said in (
        (bare, 100, "", "no version"),
        (unsized, 100, "", "no version"),
        (bare, 90, "", "changed"),
        (OLD, 100, '"v2"', "changed"),
        (replace(OLD, validator=Validator('W/"v1"')), 100, 'W/"v1"', "vaguely"),
        (replace(OLD, validator=Validator('W/"v1"')), 100, 'W/"v2"', "changed"),
    ):
        verdict = judge(later(resource=old), whole(size, etag))
        assert isinstance(verdict, Restart) and said in verdict.reason, verdict


def test_f12_without_a_strong_validator_bytes_are_compared():
    """F12: size and date equal: overlap check; once it went well, the rest is accepted."""
    answer = part(etag="")
    assert judge(later(resource=SOFT), answer).__class__ is Overlap
    assert isinstance(judge(later(resource=SOFT, proven=True), answer), Accept)
    assert isinstance(judge(later(resource=SOFT, digest=True), answer), Accept)
    bare = Resource(URL, 100, Validator(), True, "file.bin")
    assert isinstance(judge(later(resource=bare), head(206, content_range="bytes 50-99/100")), Restart)


def test_f13_a_416_at_the_end_is_done():
    """F13: N is what we have; with or without being told."""
    asked = later(100, joining=100)
    verdict = judge(asked, head(416, content_range="bytes */100"))
    assert verdict == Done(OLD)
    assert isinstance(judge(asked, head(416)), Done)
    verdict = judge(later(100, joining=100, resource=None), head(416, content_range="bytes */100"))
    assert isinstance(verdict, Done) and verdict.resource.size == 100 and verdict.resource.name == "file.bin"


def test_f13_any_other_416_is_a_restart():
    """F13: smaller, of another size, of another version, or untold."""
    assert isinstance(judge(later(), head(416, content_range="bytes */40")), Restart)
    assert isinstance(judge(later(100, joining=100), head(416, content_range="bytes */90")), Restart)
    assert isinstance(judge(later(100, joining=100), head(416, content_range="bytes */100", etag='"v2"')), Restart)
    assert isinstance(judge(later(), head(416)), Restart)
    assert isinstance(judge(later(100, joining=60), head(416, content_range="bytes */100")), Restart)


def test_f13_a_416_about_a_part_that_is_there_is_senseless():
    """F13: the size is right, so the range was."""
    answer = head(416, content_range="bytes */100")
    assert isinstance(judge(later(), answer), Again)
    assert isinstance(judge(later(strikes=1), answer), Single)


def test_f14_a_416_from_the_start_is_asked_plainly():
    """F14: an empty file, or a server without ranges; then 0 bytes is a whole file."""
    verdict = judge(first(), head(416, content_range="bytes */0"))
    assert isinstance(verdict, Plain) and not verdict.keep_range
    verdict = judge(Asked(url=URL), head(200, content_length=0))
    assert isinstance(verdict, Accept) and verdict.total == 0 and verdict.end == 0


def test_f15_a_coding_is_never_mixed():
    """F15: on a 206 one plain stream; on a 200 it is told; beside other bytes a restart."""
    verdict = judge(first(), part("0-99/100", content_encoding="gzip"))
    assert isinstance(verdict, Restart) and verdict.single
    verdict = judge(first(), whole(content_encoding=["br", "gzip"]))
    assert isinstance(verdict, Accept) and verdict.resource.content_encoding == "br, gzip"
    assert isinstance(judge(Asked(resource=OLD, joining=5, url=URL), whole(content_encoding="gzip")), Restart)
    coded = Resource(URL, 100, Validator('"v1"'), False, "file.bin", content_encoding="gzip")
    assert isinstance(judge(later(resource=coded), part()), Restart)


def test_f15_a_packed_file_told_as_coded_is_not_coded():
    """F15: Apache tells `.tar.gz` so; identity is no coding at all."""
    name = "https://a.org/x.tar.gz"
    for answer in (
        part("0-99/100", url=name, content_encoding="x-gzip"),
        part("0-99/100", content_encoding="gzip", content_type="application/x-gzip"),
        part("0-99/100", content_encoding="identity"),
        part("0-99/100", content_encoding=""),
    ):
        verdict = judge(first(), answer)
        assert isinstance(verdict, Accept) and verdict.resource.content_encoding == ""


def test_f16_lengths_are_64_bits():
    """F16: more than 4 GiB is fine, what no file has is not."""
    verdict = judge(first(), whole(5_000_000_000_000))
    assert isinstance(verdict, Accept) and verdict.total == 5_000_000_000_000
    assert isinstance(judge(first(), whole(2**63)), Again)
    assert isinstance(judge(first(), part(f"0-{2**63}/{2**63 + 1}")), Plain)


def test_f17_the_get_is_trusted():
    """F17: what an earlier question said does not matter while nothing is kept."""
    verdict = judge(first(resource=OLD), whole(7, etag='"other"'))
    assert isinstance(verdict, Accept) and verdict.total == 7


def test_f20_chunked_wins_over_a_length():
    """F20: the length says nothing."""
    verdict = judge(first(), whole(transfer_encoding="Chunked"))
    assert isinstance(verdict, Accept) and verdict.total is None and verdict.end is None
    assert isinstance(judge(first(), part("0-9/100", transfer_encoding="chunked", content_length=1)), Accept)


@pytest.mark.parametrize("lengths", [["5", "6"], ["-5"], ["5, 6"], ["x"], ["9" * 30]])
def test_f21_lengths_that_differ_are_tried_again(lengths: list[str]):
    """F21: different, negative or senseless."""
    verdict = judge(first(), head(200, content_length=lengths))
    assert code(verdict) is Code.PROTOCOL_ERROR and verdict.error.retry


def test_f21_equal_lengths_are_one():
    """F21: repeated without contradiction."""
    verdict = judge(first(), head(200, content_length=["5", "5"], set_cookie=["a", "b"]))
    assert isinstance(verdict, Accept) and verdict.total == 5


def test_f22_no_length_is_accepted_until_the_end():
    """F22: the transport says how it ended."""
    verdict = judge(first(), head(200))
    assert isinstance(verdict, Accept) and verdict.total is None and verdict.whole


def test_f24_huge_headers_are_refused():
    """F24: by size and by number."""
    assert code(judge(first(), whole(x_big="a" * 200_000))) is Code.PROTOCOL_ERROR
    assert isinstance(judge(first(), whole(x=["a"] * 2000)), Refuse)


def test_f26_a_page_where_a_file_was_is_told_and_the_part_kept():
    """F26: a login page or captive portal, on a 200 and on a 206."""
    for answer in (whole(5, '"p"', content_type="text/html"), part(content_type="TEXT/HTML; x")):
        verdict = judge(later(), answer)
        assert code(verdict) is Code.UNEXPECTED_CONTENT and verdict.error.resumable
    untyped = Resource(URL, 100, Validator('"v1"'), True, "file.zip")
    assert isinstance(judge(later(resource=untyped), whole(5, content_type="text/html")), Refuse)


def test_f26_a_page_that_was_a_page_is_no_surprise():
    """F26: and one without a type has its name to go by."""
    page = Resource(URL, 100, Validator('"v1"'), True, "index.html", content_type="text/html")
    assert isinstance(judge(later(resource=page), part(content_type="text/html")), Accept)
    untyped = Resource("https://a.org/x", 100, Validator('"v1"'), True)
    assert isinstance(judge(later(resource=untyped), part(content_type="text/html")), Accept)


def test_f26_on_a_fresh_start_the_user_is_warned():
    """F26: only where the name promises something else."""
    verdict = judge(first(), whole(content_type="text/html"))
    assert isinstance(verdict, Accept) and "login" in verdict.warning
    verdict = judge(Asked(0, url="https://a.org/page.html"), whole(content_type="text/html"))
    assert isinstance(verdict, Accept) and verdict.warning == ""


@pytest.mark.parametrize(
    ("row", "status", "expected"),
    [
        ("F27", 401, Code.AUTH_REQUIRED), ("F27", 403, Code.AUTH_REQUIRED), ("F27", 407, Code.PROXY_AUTH_REQUIRED),
        ("F34", 204, Code.NOT_A_FILE), ("F34", 205, Code.NOT_A_FILE), ("F34", 304, Code.NOT_A_FILE),
    ],
)  # fmt: skip
def test_f27_f34_are_for_the_user(row: str, status: int, expected: Code):
    """F27, F34: no retry."""
    verdict = judge(later(), head(status))
    assert isinstance(verdict, Refuse) and verdict.error.code is expected


@pytest.mark.parametrize("status", [404, 410, 408, 425, 500, 502, 504, 522, 429, 503])
def test_f28_f29_f31_f32_f33_are_tried_again(status: int):
    """F28, F29, F31–F33: the rules of retries decide how often."""
    verdict = judge(later(), head(status))
    assert isinstance(verdict, Again) and verdict.error.status == status and not verdict.once


def test_f29_f30_need_a_new_connection():
    """F29, F30: a 421 only once."""
    assert judge(first(), head(408)).fresh  # type: ignore[union-attr]
    verdict = judge(first(), head(421))
    assert isinstance(verdict, Again) and verdict.fresh and verdict.once


def test_f32_retry_after_is_kept():
    """F32: seconds or a date."""
    verdict = judge(first(), head(503, retry_after="120"))
    assert isinstance(verdict, Again) and verdict.error.retry_after == 120
    verdict = judge(first(), head(429, retry_after=MODIFIED), 784111767.0)
    assert isinstance(verdict, Again) and verdict.error.retry_after == 10


@pytest.mark.parametrize(
    ("asked", "final", "hops", "disposition", "name"),
    [
        (URL, URL, (), 'attachment; filename="x.zip"', "x.zip"),
        (URL, "https://cdn.org/0a1b2c?sig=1", (URL,), "", "file.bin"),
        ("https://a.org/latest", "https://cdn.org/v2.zip", ("https://a.org/latest",), "", "v2.zip"),
        ("https://a.org/get.php?id=1", "https://a.org/v2.zip", ("x",), "", "v2.zip"),
        ("https://a.org/latest", "https://cdn.org/0a1b", ("x",), "", "latest"),
        ("https://a.org/", "https://a.org/0a1b", ("x",), "", "0a1b"),
        ("https://a.org/latest", "https://a.org/.bashrc", ("x",), "", "latest"),
        ("https://a.org/", "https://a.org/.bashrc", ("x",), "", "_bashrc"),
        (URL, URL, (), "attachment", "file.bin"),
        ("", URL, (), "", "file.bin"),
        ("https://a.org/", "https://a.org/", (), "", "download.zip"),
    ],
)  # fmt: skip
def test_s2_a_redirect_adds_a_name_but_replaces_none(asked: str, final: str, hops: tuple, disposition: str, name: str):
    """S2: Content-Disposition, the given link, where it led; a dotfile never."""
    fields = {"content_disposition": disposition} if disposition else {}
    verdict = judge(Asked(0, url=asked), head(200, url=final, hops=hops, content_type="application/zip", **fields))
    assert isinstance(verdict, Accept) and verdict.resource.name == name


def test_s1_the_name_is_safe_and_the_original_is_kept():
    """S1: what the server said can be shown beside it."""
    verdict = judge(first(), whole(content_disposition='a; filename="con.txt"'))
    assert isinstance(verdict, Accept)
    assert (verdict.resource.name, verdict.resource.original) == ("_con.txt", "con.txt")


def test_digests_of_the_whole_file_are_taken():
    """A field about the body counts when the body is the whole file."""
    digest = hashlib.md5(b"x")
    value = base64.b64encode(digest.digest()).decode()
    for answer in (whole(content_md5=value), part("0-99/100", content_md5=value)):
        verdict = judge(first(), answer)
        assert isinstance(verdict, Accept) and verdict.resource.digests == (("md5", digest.hexdigest()),)
    verdict = judge(later(), part(content_md5=value))
    assert isinstance(verdict, Accept) and verdict.resource.digests == ()


def test_without_a_final_link_the_given_one_counts():
    """A transport that does not tell."""
    verdict = judge(first(), head(200, url=""))
    assert isinstance(verdict, Accept) and verdict.resource.url == URL


FIELDS = st.lists(
    st.tuples(
        st.sampled_from(
            ["Content-Range", "Content-Length", "ETag", "Last-Modified", "Date", "Content-Type", "Content-Encoding",
             "Transfer-Encoding", "Content-Disposition", "Retry-After", "Digest", "X"]
        ),
        st.one_of(
            st.text(st.characters(exclude_categories=()), max_size=20),
            st.sampled_from(["bytes 0-99/100", "bytes 50-99/100", "bytes 50-99/*", "bytes */100", "100", "50", '"v1"',
                             '"v2"', MODIFIED, DATE, "gzip", "chunked", "text/html", "multipart/byteranges"]),
        ),
    ),
    max_size=8,
)  # fmt: skip


@given(
    st.sampled_from([200, 203, 206, 416, 404, 503, 204, 302, 0]),
    FIELDS,
    st.builds(
        Asked,
        start=st.sampled_from([None, 0, 50, 100]),
        end=st.sampled_from([None, 100]),
        if_range=st.sampled_from(["", '"v1"']),
        resource=st.sampled_from([None, OLD, SOFT]),
        joining=st.sampled_from([0, 50, 100]),
        digest=st.booleans(),
        proven=st.booleans(),
        strikes=st.integers(0, 2),
        url=st.sampled_from(["", URL]),
    ),
)
def test_no_answer_raises_and_nothing_unproved_is_joined(status: int, fields: list, asked: Asked):
    """Any head gets a verdict; what is accepted starts where the answer says and belongs to the known version."""
    answer = Head(status, Headers(fields), url=URL)
    verdict = judge(asked, answer)
    if not isinstance(verdict, Accept):
        return
    assert 0 <= verdict.start and (verdict.end is None or verdict.end >= verdict.start + verdict.skip)
    if status != 206:
        assert verdict.start == 0 and verdict.whole and not asked.start
    elif asked.start is not None:
        assert verdict.start + verdict.skip == asked.start
    if asked.joining and asked.resource is not None and not asked.digest:
        assert verdict.resource.size in (None, asked.resource.size)
        strong = asked.resource.validator.strong_etag
        assert verdict.resource.validator.strong_etag == strong
        assert strong or asked.proven
