"""Content types by extension and names by type."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui_downloads.core.content_types import content_type, essence, name_for_type


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("song.m4a", "audio/m4a"), ("CLIP.MP4", "video/mp4"), ("a.tar.gz", "application/gzip"),
        ("noextension", "application/octet-stream"), ("x.unknown", "application/octet-stream"), ("t.txt", "text/plain"),
    ],
)  # fmt: skip
def test_the_type_comes_from_the_extension(name: str, kind: str):
    """Case does not matter; unknown ones are octets."""
    assert content_type(name) == kind


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("text/html; charset=utf-8", "index.html"), ("application/xhtml+xml", "index.html"),
        ("application/zip", "download.zip"), ("image/jpeg", "download.jpg"), ("application/octet-stream", "download"),
        ("", "download"), ("nonsense", "download"), ("application/gzip", "download.gz"),
    ],
)  # fmt: skip
def test_a_file_without_a_name_is_named_by_its_type(kind: str, name: str):
    """A page is index.html, what is unknown is `download`."""
    assert name_for_type(kind) == name


@given(st.text(st.characters(exclude_categories=())))
def test_nothing_raises(text: str):
    """Any text is taken."""
    assert content_type(text) and name_for_type(text) and essence(text) is not None
