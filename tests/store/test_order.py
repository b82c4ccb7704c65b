"""Cursors and comparing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui_downloads.core.errors import RequestError
from tui_downloads.core.snapshots import Query
from tui_downloads.store.order import fold, read_cursor, write_cursor


@given(st.text(max_size=30), st.integers(0, 2**63 - 1))
def test_a_cursor_is_read_as_it_was_written(key, age):
    """Any key that can be stored makes a cursor."""
    query = Query(sort="name")
    cursor = write_cursor(query, (fold(key), age))
    assert read_cursor(Query(sort="name", cursor=cursor)) == (fold(key), age)


@given(st.text(max_size=60))
def test_any_text_is_a_cursor_or_a_refusal(text):
    """Hostile cursors raise nothing but the documented error."""
    try:
        read_cursor(Query(cursor=text))
    except RequestError:
        pass


@pytest.mark.parametrize("change", [{"sort": "size"}, {"sort": "name"}, {"reverse": True}])
def test_a_cursor_of_another_order_is_refused(change):
    """A page of one order says nothing about another."""
    cursor = write_cursor(Query(), (1.0, 1))
    with pytest.raises(RequestError):
        read_cursor(Query(cursor=cursor, **change))


@given(st.text(max_size=30))
def test_folded_text_can_be_stored(text):
    """No lone surrogate and no control is left."""
    folded = fold(text)
    folded.encode()
    assert not any(ord(sign) < 32 for sign in folded)
