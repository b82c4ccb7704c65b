"""Reading server-sent events."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui_downloads.remote.sse import Message, Reader

STREAM = (
    b": hello\n\nid: a-1\nevent: added\ndata: {}\n\nretry: 5\ndata: x\ndata: y\n\n"
    b"id: 3\r\ndata: \xc3\xa4\r\n\r\ndata: cut"
)
FOUND = [Message("a-1", "added", "{}"), Message("a-1", "message", "x\ny"), Message("3", "message", "ä")]


@given(st.lists(st.integers(0, len(STREAM)), max_size=8))
def test_pieces_may_be_cut_anywhere(cuts):
    """The messages are the same however the bytes arrive."""
    reader, at, found = Reader(), 0, []
    for cut in [*sorted(cuts), len(STREAM)]:
        found += reader.feed(STREAM[at:cut])
        at = cut
    assert found == FOUND


def test_an_endless_event_is_refused():
    """A hostile service can't fill the memory."""
    reader = Reader()
    with pytest.raises(ValueError, match="too large"):
        for _ in range(100):
            list(reader.feed(b"data: " + b"x" * 100_000 + b"\n"))
    with pytest.raises(ValueError, match="too large"):
        for _ in range(100):
            list(Reader().feed(b"x" * 5_000_000))
