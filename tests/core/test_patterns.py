"""Patterns in links."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui_downloads.core.errors import DownloadError
from tui_downloads.core.patterns import expand


@pytest.mark.parametrize("text,links", [
    ("http://a/x", ["http://a/x"]),
    ("x[08-10]", ["x08", "x09", "x10"]),
    ("x[8-10]", ["x8", "x9", "x10"]),
    ("x[001-003:2].y", ["x001.y", "x003.y"]),
    ("x[3-1]", ["x3", "x2", "x1"]),
    ("[a-c]", ["a", "b", "c"]),
    ("[C-A]", ["C", "B", "A"]),
    ("{a,b}/[1-2]", ["a/1", "a/2", "b/1", "b/2"]),
    ("{a,}x", ["ax", "x"]),
    ("http://[::1]/x", ["http://[::1]/x"]),
    ("{a}", ["{a}"]),
    ("", [""]),
])  # fmt: skip
def test_a_pattern_means_its_links_in_order(text, links):
    """The last part counts fastest; zeros in front are kept; what is no pattern stays."""
    assert expand(text) == links


@pytest.mark.parametrize(
    "text", ["[0-999999999999]", "[1-1000]" * 3, "{" + "," * 200_000 + "}", "x" * 10_000 + "[1-99999]"]
)
def test_a_pattern_that_means_too_much_is_refused_at_once(text):
    """Nothing is spelt out before it is counted."""
    with pytest.raises(DownloadError, match="pattern means"):
        expand(text)


@given(st.text(alphabet="[]{}-,:019aZ", max_size=40))
def test_any_text_is_expanded_or_refused(text):
    """No text breaks the reader."""
    try:
        assert expand(text, most=1000)
    except DownloadError:
        pass
