"""Content-Range and Content-Length."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui_downloads.core.ranges import (
    MAX_SIZE,
    ContentRange,
    Lengths,
    parse_content_range,
    parse_length,
    parse_unsatisfied,
)


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("bytes 0-9/10", ContentRange(0, 10, 10)), ("BYTES  5-9/*", ContentRange(5, 10, None)),
        ("bytes 0-0/1", ContentRange(0, 1, 1)), ("bytes 4294967296-4294967300/5000000000",
         ContentRange(4294967296, 4294967301, 5000000000)),
    ],
)  # fmt: skip
def test_a_range_is_half_open(value: str, told: ContentRange):
    """Only this module and the transport know of inclusive ends."""
    assert parse_content_range(value) == told


@pytest.mark.parametrize(
    "value",
    [
        "", "bytes", "bytes 9-0/10", "bytes 0-9/9", "bytes 0-9/5", "items 0-9/10", "bytes 0-9", "bytes */10",
        "bytes -9/10", "bytes 0-/10", "bytes 0-9/10 ", "bytes 0-9/-1", "bytes ٠-٩/10", "bytes=0-9/10",
        f"bytes 0-{MAX_SIZE}/*", f"bytes 0-9/{MAX_SIZE + 1}", "bytes 0-9/" + "9" * 500,
    ],
)  # fmt: skip
def test_a_senseless_range_is_none(value: str):
    """Last before first, total within the range, other units, sizes no file has."""
    assert parse_content_range(value) is None


def test_a_416_tells_the_size():
    """`bytes */N`."""
    assert parse_unsatisfied("bytes */10") == 10
    assert parse_unsatisfied("bytes */*") is None
    assert parse_unsatisfied("") is None
    assert parse_unsatisfied("bytes */9999999999999999999") is None


@pytest.mark.parametrize(
    ("value", "lengths"),
    [
        ("5", Lengths(5)), ("5, 5", Lengths(5)), ("0", Lengths(0)), (str(MAX_SIZE), Lengths(MAX_SIZE)),
        ("5, 6", Lengths(None, False)), ("-1", Lengths(None, False)), ("+1", Lengths(None, False)),
        ("", Lengths(None, False)), ("1e3", Lengths(None, False)), (str(MAX_SIZE + 1), Lengths(None, False)),
        ("9" * 400, Lengths(None, False)),
    ],
)  # fmt: skip
def test_a_length_is_valid_or_not(value: str, lengths: Lengths):
    """Equal ones are one; different, negative and absurd ones are not valid."""
    assert parse_length(value) == lengths


@given(st.text(alphabet="bytes 0123456789-/*,", max_size=60), st.text(st.characters(exclude_categories=())))
def test_reading_never_raises(near: str, any_text: str):
    """Whatever the value; what is read is within bounds."""
    for text in (near, any_text, f"bytes {near}"):
        told = parse_content_range(text)
        assert told is None or 0 <= told.start < told.end <= (told.total or MAX_SIZE) <= MAX_SIZE
        parse_unsatisfied(text)
        parse_length(text)


@given(st.integers(0, MAX_SIZE - 2), st.integers(1, 2**40), st.integers(0, 2**40))
def test_what_is_written_is_read(start: int, length: int, rest: int):
    """Every sensible range."""
    end, total = start + length, start + length + rest
    told = parse_content_range(f"bytes {start}-{end - 1}/{total}")
    assert told == (ContentRange(start, end, total) if total <= MAX_SIZE else None)
