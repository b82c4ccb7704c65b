"""Checksum files beside a link, and as packages."""

from __future__ import annotations

import hashlib

import pytest

from tui_downloads.core.errors import Code
from tui_downloads.sources.checksums import ChecksumList, listed_files, look_beside, looks_like_list

SHA = hashlib.sha256(b"x").hexdigest()
MD5 = hashlib.md5(b"x").hexdigest()


@pytest.mark.parametrize("name,body", [
    ("x.iso.sha256", f"{SHA}  x.iso\n"),
    ("x.iso.sha256", f"{SHA}\n"),
    ("SHA256SUMS", f"{'1' * 64}  other.iso\n{SHA} *x.iso\n"),
    ("CHECKSUMS", f"SHA256 (x.iso) = {SHA}\n"),
])  # fmt: skip
def test_a_digest_is_found_beside_the_link(web, name, body):
    """The usual names and both usual styles are understood."""
    resolved = web({f"http://a.test/d/{name}": body.encode()}).drive(look_beside("http://a.test/d/x.iso"))
    assert resolved.files[0].digests == (("sha256", SHA),)
    assert name in resolved.notes[0]


def test_a_page_that_says_not_found_with_200_is_no_checksum(web):
    """Soft 404 pages are told by their type or their first tag."""
    pages = {
        "http://a.test/x.sha512": (200, {"content-type": "text/html"}, SHA.encode()),
        "http://a.test/x.sha256": b"<html>" + SHA.encode(),
    }
    assert web(pages).drive(look_beside("http://a.test/x")).files[0].digests == ()


def test_a_signed_query_goes_along(web):
    """A link with a token asks for its checksum with the same token."""
    site = web({"http://a.test/x.sha256?t=1": SHA.encode()})
    assert site.drive(look_beside("http://a.test/x?t=1")).files[0].digests == (("sha256", SHA),)


def test_a_list_is_a_package_with_itself_and_its_signature(web, wish):
    """Every file with its digest, then the list and what signs it."""
    base = "http://a.test/d/"
    pages = {
        base + "SHA256SUMS": f"{SHA}  x.iso\n{SHA} *sub/y z.iso\n".encode(),
        base + "SHA256SUMS.asc": b"-----BEGIN PGP SIGNATURE-----\n",
        base + "SHA256SUMS.sig": (200, {"content-type": "text/html"}, b"not found"),
    }
    resolved = web(pages).drive(ChecksumList(wish(base + "SHA256SUMS")).resolve())
    assert [file.path for file in resolved.files] == ["x.iso", "sub/y z.iso", "SHA256SUMS", "SHA256SUMS.asc"]
    assert resolved.files[1].urls == (base + "sub/y%20z.iso",)
    assert resolved.title == "d" and resolved.folder


def test_two_digests_of_a_file_are_kept_together():
    """A list of several algorithms lists each file once."""
    files, _ = listed_files(f"SHA256 (x) = {SHA}\nMD5 (x) = {MD5}\n", "http://a.test/CHECKSUMS")
    assert [(file.path, len(file.digests)) for file in files] == [("x", 2)]


@pytest.mark.parametrize(
    "path", ["../x", "/etc/passwd", "a/../../x", "//evil.test/x", "http://evil.test/x", "%2e%2e/x"]
)
def test_a_line_that_leads_out_of_the_folder_is_left_out(path):
    """A list speaks of what is beside it and below."""
    files, notes = listed_files(f"{SHA}  ok\n{SHA}  {path}\n", "http://a.test/d/SHA256SUMS")
    assert all(file.urls[0].startswith("http://a.test/d/") for file in files)
    assert notes or path == "%2e%2e/x" or path.startswith("http")


def test_a_list_of_nothing_is_refused(code):
    """Text without a digest is no checksum list."""
    assert code(lambda: listed_files("hello\n", "http://a.test/SHA256SUMS")) is Code.SOURCE_INVALID


@pytest.mark.parametrize("name,is_list", [
    ("SHA256SUMS", True), ("sha512sum.txt", True), ("MD5SUMS", True), ("x.iso.sha256", True), ("CHECKSUMS.txt", True),
    ("x.iso", False), ("readme.txt", False),
])  # fmt: skip
def test_a_list_is_known_by_its_name(name, is_list):
    """The names that distributions use."""
    assert looks_like_list(f"http://a.test/{name}") is is_list
