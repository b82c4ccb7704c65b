"""Patterns compiled at first use."""

from __future__ import annotations

import re

from tui_downloads.core.late import late


def test_a_late_pattern_finds_what_the_pattern_finds():
    """Flags hold, and each method can be asked for again."""
    pattern = late(r"a(b+)", re.IGNORECASE)
    assert [pattern.sub("-", "xABBy"), pattern.sub("-", "ab")] == ["x-y", "-"]
    found = pattern.fullmatch("aBB")
    assert found is not None and found[1] == "BB"
    assert pattern.pattern == "a(b+)"


def test_a_late_pattern_of_bytes_reads_bytes():
    """Text and bytes are told apart as by the pattern itself."""
    assert late(rb"\d+").findall(b"1 22") == [b"1", b"22"]
