"""Directory listings of the usual servers, and pages that try to lead elsewhere."""

from __future__ import annotations

import pytest

from tui_downloads.core.errors import Code
from tui_downloads.sources.listing import Listing, entries

ROOT = "http://a.test/pub/"
NGINX = b"""<html><head><title>Index of /pub/</title></head><body><h1>Index of /pub/</h1><hr><pre><a href="../">../</a>
<a href="sub/">sub/</a>      01-Jan-2024 00:00      -
<a href="a%20file.iso">a file.iso</a>   01-Jan-2024 00:00   3
</pre></body></html>"""
APACHE = b"""<table><tr><th><a href="?C=N;O=D">Name</a></th></tr><tr><td><a href="/">Parent Directory</a></td></tr>
<tr><td><a href="sub/">sub/</a></td></tr><tr><td><a href="a%20file.iso">a file.iso</a></td></tr></table>"""
PYTHON = b'<ul><li><a href="sub/">sub/</a></li><li><a href="a%20file.iso">a file.iso</a></li></ul>'
SUB = b'<a href="../">up</a><a href="deep/">deep/</a><a href="b.txt">b.txt</a><a href="&#101;.md">e.md</a>'
DEEP = b'<a href="c.bin">c</a>'


def site(page: bytes) -> dict[str, bytes]:
    return {ROOT: page, ROOT + "sub/": SUB, ROOT + "sub/deep/": DEEP}


def paths(web, wish, pages=None, **options) -> list[str]:
    resolved = web(pages or site(NGINX)).drive(Listing(wish(ROOT, **options)).resolve())
    return [file.path for file in resolved.files]


@pytest.mark.parametrize("page", [NGINX, APACHE, PYTHON])
def test_a_tree_is_walked(web, wish, page):
    """Files of every folder, with their paths, whatever server listed them."""
    assert paths(web, wish, site(page)) == ["a file.iso", "sub/b.txt", "sub/e.md", "sub/deep/c.bin"]


def test_depth_include_and_exclude_choose(web, wish):
    """Depth counts folders; a pattern without a slash matches the last component."""
    assert paths(web, wish, depth=1) == ["a file.iso"]
    assert paths(web, wish, depth=2, include=["*.txt", "*.iso"]) == ["a file.iso", "sub/b.txt"]
    assert paths(web, wish, exclude=["deep", "*.iso"]) == ["sub/b.txt", "sub/e.md"]
    assert paths(web, wish, exclude=["sub/*"]) == ["a file.iso"]


@pytest.mark.parametrize("reference", [
    "http://evil.test/pub/x", "//evil.test/pub/x", "../x", "/x", "/pub/../x", "..", ".", "", "?C=M", "#top", "a/b",
    "javascript:alert(1)", "https://a.test/pub/x", "http://a.test:81/pub/x", "%2e%2e/x", "file:///etc/passwd",
])  # fmt: skip
def test_a_link_that_leads_elsewhere_is_not_followed(reference):
    """Only what lies directly in the folder counts."""
    assert list(entries(f'<a href="{reference}">x</a>'.encode(), ROOT)) == []


def test_a_folder_that_redirects_elsewhere_is_left_out_with_a_note(web, wish):
    """A listed folder can't send the walk to another host."""
    pages = {**site(PYTHON), ROOT + "sub/": (200, {"x-url": "http://evil.test/"}, SUB)}
    resolved = web(pages).drive(Listing(wish(ROOT)).resolve())
    assert [file.path for file in resolved.files] == ["a file.iso"] and len(resolved.notes) == 1


def test_endless_folders_end_at_the_depth(web, wish):
    """A loop of links into itself is cut."""
    page = b'<a href="loop/">loop/</a><a href="x">x</a>'
    pages = {ROOT + "loop/" * n: page for n in range(60)}
    assert len(paths(web, wish, pages, depth=50)) == 50


@pytest.mark.parametrize("depth", [0, 51, -1, True, "3"])
def test_a_depth_that_makes_no_sense_is_refused(wish, code, depth):
    """The depth is bounded."""
    assert code(lambda: Listing(wish(ROOT, depth=depth))) is Code.SOURCE_INVALID


def test_a_file_is_no_listing(web, wish, code):
    """A link to a zip is not walked."""
    pages = {ROOT: (200, {"content-type": "application/zip"}, b"PK")}
    assert code(lambda: web(pages).drive(Listing(wish(ROOT)).resolve())) is Code.SOURCE_INVALID
