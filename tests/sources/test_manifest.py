"""Our own manifest."""

from __future__ import annotations

import json

import pytest

from tui_downloads.core.errors import Code
from tui_downloads.sources.base import Piece
from tui_downloads.sources.manifest import Manifest, looks_like, parse

BASE = "http://a.test/p/m.json"
SHA = "a" * 64


def test_a_manifest_gives_its_files_with_digests_and_pieces():
    """Relative links are resolved against the manifest's own."""
    document = {"version": 1, "title": "T", "files": [
        {"path": "a/b", "url": "files/b", "size": 2000, "digests": {"sha256": SHA.upper(), "future": "00"},
         "pieces": {"algorithm": "sha256", "length": 1024, "digests": [SHA, SHA]}},
        {"path": "c d", "urls": ["http://b.test/c", "/c", "ftp://c.test/c"]},
        {"path": "e/f"}]}  # fmt: skip
    resolved = parse(json.dumps(document).encode(), BASE)
    one, two, three = resolved.files
    assert (resolved.title, resolved.folder) == ("T", True)
    assert (one.urls, one.size, one.digests) == (("http://a.test/p/files/b",), 2000, (("sha256", SHA),))
    assert one.pieces == Piece("sha256", 1024, (SHA, SHA))
    assert two.urls == ("http://b.test/c", "http://a.test/c", "ftp://c.test/c")
    assert three.urls == ("http://a.test/p/e/f",)


@pytest.mark.parametrize("files", [
    [], "x", [1], [{"path": ""}], [{"path": "a", "url": "javascript:x"}], [{"path": "a", "size": -1}],
    [{"path": "a", "size": True}], [{"path": "a", "size": 1e99}], [{"path": "a", "digests": {"sha256": "zz"}}],
    [{"path": "a", "digests": [1]}], [{"path": "a", "pieces": {"algorithm": "sha256", "length": 1024, "digests": []}}],
    [{"path": "a", "size": 5000, "pieces": {"algorithm": "sha256", "length": 1024, "digests": [SHA]}}],
    [{"path": "a", "size": 5, "pieces": {"algorithm": "sha256", "length": 0, "digests": [SHA]}}],
    [{"path": "a", "urls": [1]}],
])  # fmt: skip
def test_a_manifest_that_makes_no_sense_is_refused(files, code):
    """Each mistake is SOURCE_INVALID, with the place of the file."""
    assert code(lambda: parse(json.dumps({"files": files}).encode(), BASE)) is Code.SOURCE_INVALID


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{", b"[" * 100_000, b'{"files":[{"path":"a"}],"version":2}', b"9" * 5000]
)
def test_what_is_no_manifest_is_refused(body, code):
    """Broken, bottomless and foreign documents too."""
    assert code(lambda: parse(body, BASE)) is Code.SOURCE_INVALID


def test_a_manifest_given_as_text_asks_nothing(web, wish):
    """A local file's text stands in for the question."""
    site = web({})
    assert site.drive(Manifest(wish(BASE, manifest='{"files":[{"path":"a"}]}')).resolve()).files and not site.asked


def test_a_manifest_is_known_by_its_type_or_its_name():
    """A type decides over a name."""
    assert looks_like("application/vnd.tui-downloads.manifest+json") and looks_like("", BASE)
    assert not looks_like("text/html", BASE)


def test_a_hundred_megabytes_are_refused_unread(code, wish, web):
    """The size is bounded before the parser sees it, and that of a given text before it is encoded."""
    huge = "[" * (100 << 20)
    assert code(lambda: parse(huge.encode(), "http://a.test/p.json")) == "SOURCE_INVALID"
    given = Manifest(wish("http://a.test/", manifest=huge))
    assert code(lambda: web({}).drive(given.resolve())) == "SOURCE_INVALID"
