"""Metalinks of both versions, and hostile ones."""

from __future__ import annotations

import hashlib

import pytest

from tui_downloads.core.errors import Code
from tui_downloads.sources.base import Piece
from tui_downloads.sources.metalink import LIMIT, looks_like, parse

BASE = "http://a.test/x.meta4"
SHA = hashlib.sha256(b"x").hexdigest()


def v4(inner: str) -> bytes:
    return f'<?xml version="1.0"?><metalink xmlns="urn:ietf:params:xml:ns:metalink">{inner}</metalink>'.encode()


def test_version_4_gives_mirrors_by_priority_digests_and_pieces():
    """Everything that decides over a file is read from an RFC 5854 document."""
    (file,) = parse(
        v4(f"""<identity>Example</identity><file name="x.iso"><size>2048</size>
        <hash type="sha-256">{SHA.upper()}</hash><hash type="weird">00</hash>
        <pieces type="sha-256" length="1024"><hash>{SHA}</hash><hash>{SHA}</hash></pieces>
        <url location="de">http://last.test/x</url><url priority="2">http://b.test/x</url>
        <url priority="1">http://a.test/x</url><metaurl mediatype="torrent">http://t.test/x</metaurl></file>"""),
        BASE,
    ).files
    assert file.urls == ("http://a.test/x", "http://b.test/x", "http://last.test/x")
    assert (file.path, file.size, file.digests) == ("x.iso", 2048, (("sha256", SHA),))
    assert file.pieces == Piece("sha256", 1024, (SHA, SHA))


def test_version_3_is_read_with_its_preferences():
    """The older form nests its files, verification and resources; a higher preference is better."""
    text = f"""<metalink version="3.0" xmlns="http://www.metalinker.org/"><files><file name="x"><size>1024</size>
        <verification><hash type="sha256">{SHA}</hash><pieces type="sha256" length="1024"><hash piece="0">{SHA}</hash>
        </pieces></verification><resources><url type="http" preference="10">http://b.test/x</url>
        <url type="http" preference="100">http://a.test/x</url><url type="bittorrent">magnet:?x</url></resources>
        </file></files></metalink>"""
    (file,) = parse(text.encode(), BASE).files
    assert file.urls == ("http://a.test/x", "http://b.test/x")
    assert file.digests == (("sha256", SHA),) and file.pieces == Piece("sha256", 1024, (SHA,))


def test_several_files_are_a_package_named_by_their_folder():
    """Files that share a folder give the package its title."""
    resolved = parse(v4("".join(f'<file name="P/{n}"><url>http://a.test/{n}</url></file>' for n in "ab")), BASE)
    assert resolved.folder and resolved.title == "P"


def test_a_file_without_a_usable_link_is_left_out():
    """What can't be fetched is noted, the rest stays."""
    resolved = parse(v4('<file name="a"><url>file:///etc/passwd</url></file><file name="b"><url>b</url></file>'), BASE)
    assert [file.urls for file in resolved.files] == [("http://a.test/b",)] and len(resolved.notes) == 1


def test_pieces_that_do_not_cover_the_file_are_not_used():
    """One digest for a file of two pieces would prove nothing."""
    text = v4(f'<file name="a"><size>2000</size><pieces type="sha-256" length="1024"><hash>{SHA}</hash></pieces>'
              "<url>a</url></file>")  # fmt: skip
    assert parse(text, BASE).files[0].pieces is None


@pytest.mark.parametrize("body", [
    b'<!DOCTYPE m [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><metalink><file name="&b;"/></metalink>',
    b'<!DOCTYPE m [<!ENTITY x SYSTEM "file:///etc/passwd">]><metalink><file name="&x;"/></metalink>',
    b'<!DOCTYPE m SYSTEM "http://evil.test/x.dtd"><metalink/>',
    b"<metalink><file></metalink>",
    b"<html></html>",
    b"",
    b"\xff\xfe\x00",
    b'<?xml version="1.0" encoding="no-such"?><metalink/>',
    v4(""),
    v4("<a>" * 10_000),
    v4('<file name="a"/>'),
])  # fmt: skip
def test_a_hostile_or_broken_document_is_refused(body, code):
    """Entities, document types, foreign XML, endless nesting and nothing at all are SOURCE_INVALID."""
    assert code(lambda: parse(body, BASE)) is Code.SOURCE_INVALID


def test_a_hundred_megabytes_are_refused_unread(code):
    """The size is bounded before the parser sees it."""
    assert code(lambda: parse(b" " * (100 << 20), BASE)) is Code.SOURCE_INVALID
    assert LIMIT < 100 << 20


def test_a_flood_of_files_is_refused(code, monkeypatch):
    """The number of files is bounded while it is read."""
    monkeypatch.setattr("tui_downloads.sources.metalink.MOST_FILES", 10)
    assert code(lambda: parse(v4('<file name="a"/>' * 11), BASE)) is Code.SOURCE_INVALID


def test_a_metalink_is_known_by_its_type_or_its_first_tag():
    """Servers that call it text/xml are understood too."""
    assert looks_like("application/metalink4+xml; charset=utf-8")
    assert looks_like("text/xml", v4("")) and looks_like("", b"<!-- x --><metalink version='3.0'>")
    assert not looks_like("text/html", b"<html><metalink")


def test_a_metalink_given_as_text_asks_nothing(web, wish):
    """A local file's text stands in for the question."""
    from tui_downloads.sources.metalink import Metalink

    site = web({})
    text = v4('<file name="a"><url>http://b.test/a</url></file>').decode()
    assert site.drive(Metalink(wish("http://b.test/a", metalink=text)).resolve()).files and not site.asked
