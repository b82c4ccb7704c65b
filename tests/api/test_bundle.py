"""Zips that the native API makes while it sends them."""

from __future__ import annotations

import io
import zipfile

import pytest

from tests.api.service import finished, own
from tui_downloads.core.lifecycle import State


@pytest.mark.parametrize("compress", [False, True])
async def test_finished_downloads_come_as_one_zip(made, compress: bool):
    """In the order asked for, each once, kept nowhere."""
    client = made.client("ann")
    one, two = finished(made, "ä.txt", b"first" * 100), finished(made, "b.txt", b"second")
    answer = await client.get("/v1/bundle", params={"id": [two, one, two], "compress": str(compress).lower()})
    assert answer.status_code == 200 and answer.headers["content-type"] == "application/zip"
    assert 'filename="archive.zip"' in answer.headers["content-disposition"]
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None and archive.namelist() == ["b.txt", "ä.txt"]
        assert archive.read("ä.txt") == b"first" * 100
        assert {info.compress_type for info in archive.infolist()} == {8 if compress else 0}
    assert not list(made.folder.rglob("*.zip*"))


async def test_one_download_gives_the_zip_its_name(made):
    """As for a bundle that is kept."""
    answer = await made.client("ann").get("/v1/bundle", params={"id": finished(made, "b.txt", b"x")})
    assert 'filename="b.txt.zip"' in answer.headers["content-disposition"]


async def test_what_can_not_be_bundled_is_a_problem(made):
    """Unknown, another's, unfinished, none: told before the first byte."""
    client = made.client("ann")
    mine, hers = finished(made, "a.txt", b"x"), finished(made, "b.txt", b"x", "bob")
    going = made.engine.put("https://files.example.org/x", state=State.TRANSFERRING)
    own(made, going, "ann")
    for ids, status in (([hers], 404), (["nothing"], 404), ([mine, going], 409), ([], 422)):
        answer = await client.get("/v1/bundle", params={"id": ids})
        assert answer.status_code == status, (ids, answer.text)
        assert answer.headers["content-type"] == "application/problem+json"
    assert (await made.client().get("/v1/bundle", params={"id": mine})).status_code == 401


async def test_a_file_that_is_gone_is_named(made):
    """Also before the first byte."""
    id = finished(made, "a.txt", b"x")
    next(made.folder.rglob("a.txt")).unlink()
    answer = await made.client("ann").get("/v1/bundle", params={"id": id})
    assert answer.status_code == 404 and "a.txt is no longer there" in answer.json()["detail"]
