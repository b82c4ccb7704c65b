"""Link fields as RFC 6249 uses them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tui_downloads.core.resource import Headers
from tui_downloads.sources.link_header import described_by, mirrors, relations

BASE = "http://a.test/d/x.iso"


def headers(*values: str) -> Headers:
    return Headers(("Link", value) for value in values)


def test_duplicates_are_mirrors_by_priority():
    """pri=1 goes first; a link to itself is no mirror."""
    found = headers(
        '<http://c.test/x>; rel=duplicate; pri=2; geo="de", <http://b.test/x>; rel="duplicate"; pri=1; pref',
        f"<{BASE}>; rel=duplicate",
        "</mirror/x>; rel=duplicate",
    )
    assert mirrors(found, BASE) == ("http://b.test/x", "http://c.test/x", "http://a.test/mirror/x")


def test_the_describing_metalink_is_found_by_relation_and_type():
    """Other descriptions, such as a signature, are not taken for one."""
    found = headers(
        '<x.asc>; rel=describedby; type="application/pgp-signature"',
        '<x.meta4>; rel=describedby; type="application/metalink4+xml"',
    )
    assert described_by(found, BASE) == "http://a.test/d/x.meta4"


def test_links_about_something_else_or_elsewhere_are_passed_over():
    """An anchor names another resource; schemes that are not spoken can't be mirrors."""
    found = headers('<http://b.test/x>; rel=duplicate; anchor="#foo", <file:///etc/x>; rel=duplicate')
    assert mirrors(found, BASE) == ()


@given(st.text(max_size=300))
def test_any_field_is_read_without_harm(value):
    """Whatever a server sends, what comes out are links."""
    for link in relations(headers(value), BASE):
        assert "://" in link.url


def test_a_flood_of_links_is_bounded():
    """Only so many links of an answer are looked at."""
    assert len(mirrors(headers(", ".join(f"<http://b.test/{n}>; rel=duplicate" for n in range(5000))), BASE)) == 64
