"""When bytes of two answers may be joined."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui_downloads.core.conditions import Join, make_validator, may_join, parse_http_date
from tui_downloads.core.resource import Resource, Validator

EARLY = "Sun, 06 Nov 1994 08:49:37 GMT"
LATER = "Sun, 06 Nov 1994 08:49:38 GMT"


@pytest.mark.parametrize(
    "text",
    [EARLY, "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994", "Sun, 6 Nov 1994 08:49:37 UTC",
     "Sun, 06-Nov-1994 08:49:37 GMT"],
)  # fmt: skip
def test_dates_have_three_forms(text: str):
    """All of RFC 9110, section 5.6.7, and near misses of servers."""
    assert parse_http_date(text) == 784111777.0


@pytest.mark.parametrize(
    "text",
    ["", "yesterday", "Sun, 32 Nov 1994 08:49:37 GMT", "Sun, 06 Xyz 1994 08:49:37 GMT", "Sun, 06 Nov 0000 08:49:37 GMT",
     "Sun, 06 Nov 1994 25:49:37 GMT", "Sun, 06 Nov 1994 08:49:37 +0100", EARLY + " " * 50],
)  # fmt: skip
def test_what_is_no_date_is_none(text: str):
    """Nothing is guessed."""
    assert parse_http_date(text) is None


def test_leap_seconds_and_short_years_are_read():
    """61 seconds, and two digits around 1970."""
    assert parse_http_date("Sat, 31 Dec 2016 23:59:60 GMT") == 1483228799.0
    assert parse_http_date("Tuesday, 01-Jan-69 00:00:00 GMT") == 3124224000.0


@given(st.text(st.characters(exclude_categories=())))
def test_reading_a_date_never_raises(text: str):
    """Any text is a date or none."""
    parse_http_date(text)


def test_f9_a_date_is_strong_when_the_answer_is_a_second_younger():
    """F9: Date at least a second after Last-Modified, both readable; not looked at beside an ETag."""
    assert make_validator("", EARLY, LATER) == Validator("", EARLY, True)
    assert not make_validator("", EARLY, EARLY).strong_date
    assert not make_validator("", EARLY, "").strong_date
    assert not make_validator("", "never", LATER).strong_date
    assert not make_validator('W/"a"', EARLY, LATER).strong_date


STRONG, OTHER, WEAK = Validator('"a"', EARLY), Validator('"b"', EARLY), Validator('W/"a"', EARLY)
DATED, SURE = Validator("", EARLY), Validator("", EARLY, True)


@pytest.mark.parametrize(
    ("old", "new", "join"),
    [
        (STRONG, STRONG, Join.YES),
        (STRONG, OTHER, Join.RESTART),
        (STRONG, Validator('"a"', LATER), Join.YES),
        (STRONG, WEAK, Join.RESTART),
        (STRONG, DATED, Join.RESTART),
        (Validator(), STRONG, Join.RESTART),
        (SURE, SURE, Join.YES),
        (SURE, Validator("", LATER, True), Join.RESTART),
        (SURE, DATED, Join.OVERLAP),
        (DATED, DATED, Join.OVERLAP),
        (WEAK, WEAK, Join.OVERLAP),
        (WEAK, DATED, Join.OVERLAP),
        (WEAK, Validator('W/"b"', EARLY), Join.RESTART),
        (WEAK, Validator('W/"a"', LATER), Join.RESTART),
        (Validator('W/"a"'), Validator('W/"a"'), Join.RESTART),
        (Validator(), Validator(), Join.RESTART),
    ],
)  # fmt: skip
def test_joining_without_proof(old: Validator, new: Validator, join: Join):
    """Strong validators decide; without any, size and Last-Modified ask for an overlap check; else a restart."""
    assert may_join(old, 10, Resource("u", 10, new)) is join


def test_another_size_is_another_file():
    """Not even a digest or an equal ETag joins them."""
    assert may_join(STRONG, 10, Resource("u", 11, STRONG), True) is Join.RESTART


def test_a_digest_decides_in_the_end():
    """A changed ETag is no reason to stop when the bytes will be proved."""
    assert may_join(STRONG, 10, Resource("u", 10, OTHER), True) is Join.YES
    assert may_join(STRONG, 10, Resource("u", None, OTHER), True) is Join.YES


def test_an_unknown_size_needs_a_strong_validator():
    """There is nothing else to compare."""
    assert may_join(STRONG, 10, Resource("u", None, STRONG)) is Join.YES
    assert may_join(STRONG, None, Resource("u", 10, STRONG)) is Join.YES
    assert may_join(DATED, 10, Resource("u", None, DATED)) is Join.RESTART
    assert may_join(DATED, None, Resource("u", None, DATED)) is Join.RESTART


VALIDATORS = st.builds(
    Validator, st.sampled_from(["", '"a"', '"b"', 'W/"a"', "a"]), st.sampled_from(["", EARLY, LATER]), st.booleans()
)


@given(VALIDATORS, VALIDATORS, st.sampled_from([None, 1, 2]), st.sampled_from([None, 1, 2]))
def test_nothing_is_joined_without_a_reason(old: Validator, new: Validator, had: int | None, size: int | None):
    """YES means an equal strong validator; OVERLAP means equal size and date and no strong tag; never across sizes."""
    join = may_join(old, had, Resource("u", size, new))
    if had is not None and size is not None and had != size:
        assert join is Join.RESTART
    elif join is Join.YES:
        assert (old.strong_etag or old.last_modified) == (new.strong_etag or new.last_modified) != ""
        assert old.strong and new.strong
    elif join is Join.OVERLAP:
        assert had == size is not None and old.last_modified == new.last_modified != ""
        assert not old.strong_etag and not new.strong_etag
