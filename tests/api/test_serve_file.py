"""Finished files over HTTP."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.api.service import finished, own
from tui_downloads.api.native import files
from tui_downloads.api.serve_file import NotServable, RangeRefused, open_below, parse_ranges
from tui_downloads.core.lifecycle import State

DATA = bytes(range(256)) * 20


@pytest.fixture
def id(made):
    return finished(made, "päper.m4a", DATA)


async def fetch(made, id, user="ann", **headers):
    return await made.client(user).get(f"/v1/downloads/{id}/file", headers=headers)


async def test_the_whole_file(made, id):
    """Bytes, length, type by our own table, and a name that every client understands."""
    answer = await fetch(made, id)
    assert (answer.status_code, answer.content) == (200, DATA)
    assert answer.headers["content-length"] == str(len(DATA))
    assert answer.headers["content-type"] == "audio/m4a"
    assert answer.headers["content-disposition"].startswith("attachment; filename*=UTF-8''p%C3%A4per.m4a; filename=")
    assert answer.headers["accept-ranges"] == "bytes"


@pytest.mark.parametrize(
    ("asked", "start", "end"), [("0-9", 0, 10), ("100-", 100, 5120), ("-20", 5100, 5120), ("5000-9999", 5000, 5120)]
)
async def test_one_range(made, id, asked, start, end):
    """206 with the bytes and where they are."""
    answer = await fetch(made, id, range=f"bytes={asked}")
    assert (answer.status_code, answer.content) == (206, DATA[start:end])
    assert answer.headers["content-range"] == f"bytes {start}-{end - 1}/5120"


async def test_several_ranges(made, id):
    """Parts in order, overlaps joined, length announced right."""
    answer = await fetch(made, id, range="bytes=10-19,0-4,15-29")
    assert answer.status_code == 206
    boundary = answer.headers["content-type"].partition("boundary=")[2]
    parts = answer.content.split(f"--{boundary}".encode())
    assert [part.partition(b"\r\n\r\n")[2].removesuffix(b"\r\n") for part in parts[1:-1]] == [DATA[:5], DATA[10:30]]
    assert int(answer.headers["content-length"]) == len(answer.content)


@pytest.mark.parametrize(
    "asked", ["bytes=9999-", "bytes=-0", "bytes=" + ",".join(f"{n}-{n}" for n in range(0, 200, 2))]
)
async def test_ranges_that_are_refused(made, id, asked):
    """S42: outside the file, and too many, is 416 with the size."""
    answer = await fetch(made, id, range=asked)
    assert (answer.status_code, answer.headers["content-range"]) == (416, "bytes */5120")


@pytest.mark.parametrize("asked", ["bytes=a-b", "items=0-1", "bytes=9-1", "bytes=", "0-1"])
async def test_ranges_that_are_none_are_ignored(made, id, asked):
    """A field that makes no sense gets the whole file."""
    assert (await fetch(made, id, range=asked)).status_code == 200


async def test_conditions(made, id):
    """304 and 412 by ETag and by date; If-Range gives the whole file when it changed."""
    first = await fetch(made, id)
    etag, date = first.headers["etag"], first.headers["last-modified"]
    for headers, status in [
        ({"if-none-match": etag}, 304), ({"if-none-match": "*"}, 304), ({"if-none-match": '"x"'}, 200),
        ({"if-modified-since": date}, 304), ({"if-modified-since": "Thu, 01 Jan 1970 00:00:00 GMT"}, 200),
        ({"if-modified-since": "nonsense"}, 200), ({"if-match": '"x"'}, 412), ({"if-match": etag}, 200),
        ({"if-unmodified-since": "Thu, 01 Jan 1970 00:00:00 GMT"}, 412),
        ({"if-range": etag, "range": "bytes=0-1"}, 206), ({"if-range": '"x"', "range": "bytes=0-1"}, 200),
        ({"if-range": date, "range": "bytes=0-1"}, 206), ({"if-range": "W/" + etag, "range": "bytes=0-1"}, 200),
    ]:  # fmt: skip
        assert (await fetch(made, id, **headers)).status_code == status, headers


async def test_a_changed_file_has_another_etag(made, id):
    """The validator follows the bytes."""
    before = (await fetch(made, id)).headers["etag"]
    (made.folder / "päper.m4a").write_bytes(DATA[::-1])
    assert (await fetch(made, id)).headers["etag"] != before


async def test_head_has_the_length(made, id):
    """HEAD tells what GET would send."""
    answer = await made.client("ann").head(f"/v1/downloads/{id}/file")
    assert (answer.status_code, answer.content, answer.headers["content-length"]) == (200, b"", "5120")


async def test_what_is_not_finished_is_not_served(made):
    """An unfinished download has no file yet: 409, it may come."""
    id = made.engine.put("https://files.example.org/x", state=State.PAUSED)
    own(made, id, "ann")
    assert (await fetch(made, id)).status_code == 409


async def test_a_file_that_is_gone(made, id):
    """404, and no path in it."""
    (made.folder / "päper.m4a").unlink()
    answer = await fetch(made, id)
    assert answer.status_code == 404
    assert str(made.folder) not in answer.text


async def test_a_planted_link_is_not_followed(made, id, tmp_path):
    """S8: a symbolic link in place of the file is not served."""
    (tmp_path / "secret").write_text("secret")
    (made.folder / "päper.m4a").unlink()
    (made.folder / "päper.m4a").symlink_to(tmp_path / "secret")
    assert (await fetch(made, id)).status_code == 404


@pytest.mark.parametrize(
    "path", ["../x", "a/../../x", "/etc/passwd", "a//b", "", ".", "a\0b", "sub/link/x", "sub", "fifo"]
)
def test_nothing_but_regular_files_below_the_folder(tmp_path, path):
    """S4: no component leads out, links are not followed, folders and pipes are no files."""
    (tmp_path / "f" / "sub").mkdir(parents=True)
    (tmp_path / "x").write_text("x")
    (tmp_path / "f" / "sub" / "link").symlink_to(tmp_path)
    os.mkfifo(tmp_path / "f" / "fifo")
    with pytest.raises(NotServable):
        open_below(str(tmp_path / "f"), path, "x")


async def test_signed_links_need_no_token(made, id):
    """S28: the link is the credential, for this file, for a while."""
    link = (await made.client("ann").post(f"/v1/downloads/{id}/link")).json()["url"]
    stranger = made.client()
    answer = await stranger.get(link, headers={"range": "bytes=0-3"})
    assert (answer.status_code, answer.content) == (206, DATA[:4])
    assert (await stranger.get(link.replace("/1?", "/2?"))).status_code == 403
    assert (await stranger.get(link.replace("signature=", "signature=0"))).status_code == 403


async def test_the_digest_of_a_file(made, id):
    """Who has fetched it can compare."""
    import hashlib

    answer = await made.client("ann").get(f"/v1/downloads/{id}/files/1/digest")
    assert answer.json()["sha256"] == hashlib.sha256(DATA).hexdigest()


async def test_a_digest_is_computed_once(made, id, monkeypatch):
    """For all who ask for the same file, and again when the file is another."""
    computed = []
    monkeypatch.setattr(files, "digest", lambda opened: computed.append(opened.close()) or "x")
    client, path = made.client("ann"), f"/v1/downloads/{id}/files/1/digest"
    for _ in range(2):
        assert {answer.status_code for answer in await asyncio.gather(*(client.get(path) for _ in range(8)))} == {200}
    assert len(computed) == 1
    view = made.engine.snapshot().downloads[id]
    os.utime(Path(view.folder, view.name), (1, 1))
    await client.get(path)
    assert len(computed) == 2


async def test_descriptors_are_given_back(made, id):
    """Serving, refusing and conditions close what they opened."""
    await fetch(made, id)
    before = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
    for headers in ({}, {"range": "bytes=0-1"}, {"range": "bytes=99999-"}, {"if-none-match": "*"}, {"if-match": '"x"'}):
        await fetch(made, id, **headers)
    await made.client("ann").head(f"/v1/downloads/{id}/file")
    after = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
    assert after <= before


@given(st.text(max_size=40) | st.from_regex(r"bytes=(\d{0,25}-\d{0,25},?){0,5}", fullmatch=True), st.integers(0, 1000))
@settings(max_examples=200)
def test_any_range_field_is_read_or_refused(field, size):
    """Spans lie in the file, in order, and do not overlap."""
    try:
        spans = parse_ranges(field, size)
    except RangeRefused:
        return
    at = -1
    for start, end in spans or []:
        assert at < start < end <= size
        at = end
