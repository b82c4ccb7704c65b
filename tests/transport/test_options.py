"""A request's fields as lines."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui_downloads.core.errors import DownloadError
from tui_downloads.transport.options import PLAIN_FIELDS, fields


def test_a_plain_request_has_the_plain_fields():
    """The same tuple each time, so that nothing is set again."""
    assert fields((), "", True, "") is PLAIN_FIELDS


def test_our_range_wins_over_the_callers():
    """Only the transport turns spans into ranges."""
    lines = fields((("Range", "bytes=1-"), ("If-Range", "x"), ("A", "b")), '"e"', True, "")
    assert lines[:2] == (b"A: b", b'If-Range: "e"')


def test_the_callers_coding_and_referer_win():
    """What a caller says about these two stands."""
    lines = fields((("Accept-Encoding", "gzip"), ("Referer", "a")), "", False, "b")
    assert lines == (b"Accept-Encoding: gzip", b"Referer: a", b"Expect:")


@pytest.mark.parametrize("value", ["a\nb", "a\rb", "a\0b"])
def test_no_value_adds_a_line(value):
    """In a field, in If-Range, in Referer."""
    for arguments in (((("A", value),), "", False, ""), ((), value, True, ""), ((), "", False, value)):
        with pytest.raises(DownloadError):
            fields(*arguments)


@given(st.lists(st.tuples(st.text(max_size=10), st.text(max_size=20)), max_size=4))
def test_whatever_passes_is_one_line_each(own):
    """Fuzzed names and values give lines without breaks, or INVALID_OPTION."""
    try:
        lines = fields(tuple(own), "", True, "")
    except DownloadError:
        return
    assert not [line for line in lines if b"\n" in line or b"\r" in line or b"\0" in line]
