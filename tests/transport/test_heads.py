"""Header lines as a head."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui_downloads.core.errors import Code, DownloadError
from tui_downloads.transport.heads import http_head, parse_fields, status_of


@pytest.mark.parametrize(
    ("line", "status"),
    [
        (b"HTTP/1.1 200 OK\r\n", 200),
        (b"HTTP/2 404\r\n", 404),
        (b"HTTP/1.1  206  x", 206),
        (b"HTTP/1.1 20 x", 0),
        (b"", 0),
    ],
)
def test_the_status_is_the_second_word(line, status):
    """Three digits, or none."""
    assert status_of(line) == status


def test_fields_keep_their_order_and_their_bytes():
    """Values are Latin-1, without the space around them; folded lines are one value."""
    fields = parse_fields("A: 1\r\nB:2 \r\n\tmore\r\nA:\t\xe9\r\n: nameless\r\nno colon\r\n")
    assert list(fields) == [("a", "1"), ("b", "2 more"), ("a", "\xe9")]


@given(st.lists(st.binary(max_size=40), min_size=1, max_size=8))
def test_any_lines_are_a_head_or_a_protocol_error(lines):
    """Nothing else comes out of hostile bytes."""
    try:
        http_head(lines, status_of(lines[0]), "http://h/", (), "")
    except DownloadError as exc:
        assert exc.code is Code.PROTOCOL_ERROR
