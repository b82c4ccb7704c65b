"""MASV packages against the published API, as a table of pages."""

from __future__ import annotations

import json

import pytest

from tui_downloads.core.errors import Code, DownloadError
from tui_downloads.sources.masv import Masv, claims

LINK = "https://get.massive.app/ABC?secret=S3&lang=en"
API = {"masv_api": "http://api.test/v1"}
OPEN = "http://api.test/v1/links/ABC?secret=S3"
FILES = "http://api.test/v1/packages/P1/files"


class Service:
    """Tokens that change with every opening; a password; files."""

    def __init__(self, password: str = "") -> None:
        self.password = password
        self.tokens = 0
        self.files = [
            {"id": "f1", "kind": "file", "name": "a.mov", "size": 5, "path": "day 1"},
            {"id": "f2", "kind": "file", "name": "b.mov", "size": 0},
            {"id": "z", "kind": "zip_archive", "name": "all.zip", "size": 9},
        ]
        self.pages = {OPEN: self.open, FILES: self.list, FILES + "/f1/download": self.link}

    def open(self, question):
        if self.password and dict(question.headers).get("X-Link-Password") != self.password:
            return (401, {}, b"")
        self.tokens += 1
        answer = {"name": "Rushes", "package_id": "P1", "package_token": f"T{self.tokens}", "expiry": "2030-01-01"}
        return (200, {}, json.dumps(answer).encode())

    def held(self, question) -> bool:
        return dict(question.headers).get("X-Package-Token") == f"T{self.tokens}"

    def list(self, question):
        return (200, {}, json.dumps(self.files).encode()) if self.held(question) else (403, {}, b"")

    def link(self, question):
        return (200, {}, b'{"url":"http://cdn.test/f1?sig=x"}') if self.held(question) else (403, {}, b"")


def test_a_package_gives_its_files_with_folders_and_keys(web, wish):
    """Paths are rebuilt, zips of the service are skipped, links are asked for when a file's turn has come."""
    resolved = web(Service().pages).drive(Masv(wish(LINK, settings=API)).resolve())
    assert resolved.title == "Rushes" and resolved.folder
    assert [(f.path, f.size, f.urls, f.renew) for f in resolved.files] == [
        ("day 1/a.mov", 5, (), "f1"), ("b.mov", 0, (), "f2")]  # fmt: skip


def test_a_password_is_sent_as_a_field_and_a_wrong_one_named(web, wish):
    """The password goes into X-Link-Password and nowhere else."""
    service = Service("pw")
    site = web(service.pages)
    assert site.drive(Masv(wish(LINK, {"password": "pw"}, API)).resolve()).files
    assert all("pw" not in question.url for question in site.asked)
    with pytest.raises(DownloadError, match="password") as caught:
        site.drive(Masv(wish(LINK, {"password": "no"}, API)).resolve())
    assert caught.value.code is Code.AUTH_REQUIRED


def test_an_expired_token_is_asked_for_once_more(web, wish):
    """A refused token is renewed by opening the link again, and the file's link is given."""
    service = Service()
    source = Masv(wish(LINK, settings=API))
    site = web(service.pages)
    site.drive(source.resolve())
    service.tokens += 1  # the service forgets the token
    assert site.drive(source.renew("f1")).files[0].urls == ("http://cdn.test/f1?sig=x",)
    assert [question.url for question in site.asked[2:]] == [FILES + "/f1/download", OPEN, FILES + "/f1/download"]


def test_a_source_made_anew_opens_the_link_first(web, wish):
    """After a restart nothing but the link is known."""
    assert web(Service().pages).drive(Masv(wish(LINK, settings=API)).renew("f1")).files[0].urls


@pytest.mark.parametrize("status,code_,retry", [
    (401, Code.AUTH_REQUIRED, False), (403, Code.AUTH_REQUIRED, False), (404, Code.REMOTE_FILE_NOT_FOUND, False),
    (410, Code.REMOTE_FILE_NOT_FOUND, False), (429, Code.RATE_LIMITED, True), (500, Code.SERVER_ERROR, True),
])  # fmt: skip
def test_each_refusal_has_its_own_message(web, wish, status, code_, retry):
    """Wrong password, withdrawn, unknown, used up and too many are five sentences."""
    with pytest.raises(DownloadError) as caught:
        web({OPEN: (status, {}, b"")}).drive(Masv(wish(LINK, settings=API)).resolve())
    assert (caught.value.code, caught.value.retry, caught.value.status) == (code_, retry, status)


def test_the_five_messages_differ(web, wish):
    """Nobody has to guess which it was."""
    said = set()
    for status in (401, 403, 404, 410, 429):
        with pytest.raises(DownloadError) as caught:
            web({OPEN: (status, {}, b"")}).drive(Masv(wish(LINK, settings=API)).resolve())
        said.add(caught.value.message)
        assert "S3" not in caught.value.message
    assert len(said) == 5


def test_a_listing_limit_is_waited_for_at_least_five_seconds(web, wish):
    """Large packages allow one listing in five seconds."""
    pages = {**Service().pages, FILES: (429, {"retry-after": "1"}, b"")}
    with pytest.raises(DownloadError) as caught:
        web(pages).drive(Masv(wish(LINK, settings=API)).resolve())
    assert caught.value.retry_after == 5.0


@pytest.mark.parametrize("answer", [
    b"", b"[]", b"{}", b'{"package_id":"../x","package_token":"t"}', b'{"package_id":"P1","package_token":""}',
    b'{"package_id":"P1","package_token":"a\\nX: y"}', b'{"package_id":["P1"],"package_token":"t"}',
])  # fmt: skip
def test_an_answer_that_makes_no_sense_is_refused(web, wish, code, answer):
    """A package's id and token go into links and fields, so they are judged."""
    assert code(lambda: web({OPEN: answer}).drive(Masv(wish(LINK, settings=API)).resolve())) is Code.SOURCE_INVALID


def test_a_link_without_its_secret_is_explained(web, wish, code):
    """The commonest mistake is to copy half of the link."""
    source = Masv(wish("https://get.massive.app/ABC", settings=API))
    assert code(lambda: web({}).drive(source.resolve())) is Code.INVALID_URL


@pytest.mark.parametrize("url,is_one", [
    (LINK, True), ("https://get.massive.io/ABC?secret=x", True), ("https://massive.app/ABC", False),
    ("https://get.massive.app/", False), ("https://get.massive.app/a/b", False),
    ("https://get.massive.app.evil.test/ABC", False),
])  # fmt: skip
def test_a_package_is_known_by_host_and_path(url, is_one):
    """Other hosts are not asked with a secret."""
    assert claims(url) is is_one
