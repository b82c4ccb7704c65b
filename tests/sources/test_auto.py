"""Which source a link has."""

from __future__ import annotations

import pytest

from tui_downloads.core.errors import Code
from tui_downloads.core.snapshots import Kind
from tui_downloads.sources.auto import Package, detect

SHA = "a" * 64
META4 = b'<metalink xmlns="urn:ietf:params:xml:ns:metalink"><file name="m"><url>u</url></file></metalink>'


@pytest.mark.parametrize("url,kind,content_type,name", [
    ("http://a.test/x.iso", None, "", None),
    ("http://a.test/x.meta4", None, "", "metalink"),
    ("http://a.test/x.metalink?y=1", None, "", "metalink"),
    ("http://a.test/x.meta4", Kind.LINK, "", None),
    ("http://a.test/x", None, "application/metalink4+xml", "metalink"),
    ("http://a.test/x", None, "application/vnd.tui-downloads.manifest+json", "manifest"),
    ("http://a.test/x.json", None, "application/json", None),
    ("http://a.test/SHA256SUMS", None, "", None),
    ("https://get.massive.app/ID?secret=s", None, "", "MASV package"),
    ("http://a.test/d/", Kind.PACKAGE, "", "package"),
])  # fmt: skip
def test_a_link_has_its_source(wish, url, kind, content_type, name):
    """By its link, by what was asked for, or by an answer's type."""
    source = detect(wish(url), kind, content_type)
    assert (source.name if source else None) == name


def test_verify_auto_makes_a_plain_link_ask(wish):
    """Only then a plain link has a source of its own."""
    assert detect(wish("http://a.test/x", verify="auto")).name == "link"


def test_a_format_that_there_is_not_is_refused(wish, code):
    """The option names the known ones."""
    assert code(lambda: detect(wish("http://a.test/x", format="rar"), Kind.PACKAGE)) is Code.INVALID_OPTION


@pytest.mark.parametrize("url,headers,body,path", [
    ("http://a.test/x", {}, META4, "m"),
    ("http://a.test/x", {"content-type": "application/json"}, b'{"files":[{"path":"j"}]}', "j"),
    ("http://a.test/x.json", {}, b'{"files":[{"path":"j"}]}', "j"),
    ("http://a.test/d/", {"content-type": "text/html"}, b'<a href="l">l</a>', "l"),
    ("http://a.test/d", {"content-type": "text/html"}, b'<title>Index of /d</title><a href="l">l</a>', "l"),
    ("http://a.test/MD5SUMS", {}, f"{SHA}  c".encode(), "c"),
    ("http://a.test/odd", {"content-type": "text/plain"}, f"{SHA}  c".encode(), "c"),
])  # fmt: skip
def test_a_package_is_what_its_answer_says(web, wish, url, headers, body, path):
    """A link that was said to be a package is looked at."""
    assert web({url: (200, headers, body)}).drive(Package(wish(url)).resolve()).files[0].path == path


def test_what_is_no_package_is_refused(web, wish, code):
    """A picture has no files."""
    pages = {"http://a.test/x": (200, {"content-type": "image/png"}, b"\x89PNG")}
    assert code(lambda: web(pages).drive(Package(wish("http://a.test/x")).resolve())) is Code.SOURCE_INVALID
