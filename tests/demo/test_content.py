"""Bytes from name and offset."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tui_downloads.demo.content import TILE, block, differs_at, digest

FAR = 5 << 30


@settings(max_examples=100)
@given(start=st.integers(0, FAR), sizes=st.lists(st.integers(0, 3 * TILE), max_size=4))
def test_pieces_joined_are_the_whole(start: int, sizes: list[int]):
    """Any cutting of a span gives the same bytes."""
    pieces, at = [], start
    for size in sizes:
        pieces.append(block("a", at, at + size))
        at += size
    assert b"".join(pieces) == block("a", start, at)


@settings(max_examples=100)
@given(start=st.integers(0, FAR), shift=st.integers(1, 1 << 34))
def test_shifted_bytes_differ(start: int, shift: int):
    """A kilobyte written at another offset is noticed."""
    assert block("a", start, start + 1024) != block("a", start + shift, start + shift + 1024)


@pytest.mark.parametrize("shift", [1, TILE, 1 << 16, 1 << 20, 1 << 31, 1 << 32, 1 << 40])
def test_the_usual_slips_differ_in_nearly_every_byte(shift: int):
    """Off by one, by a tile, by a power of two: hardly a byte is right by chance."""
    one, other = block("a", 0, 10_000), block("a", shift, shift + 10_000)
    assert sum(a == b for a, b in zip(one, other, strict=True)) < 200


def test_names_and_versions_differ():
    """Another name or version is another file."""
    assert len({block("a", 0, 100), block("b", 0, 100), block("a", 0, 100, version=1)}) == 3


def test_digest_is_that_of_the_bytes():
    """The digest of a file that spans several blocks."""
    size = 2_500_000
    assert digest("a", size) == hashlib.sha256(block("a", 0, size)).hexdigest()


def test_the_bytes_stay_the_same_for_ever():
    """A known digest: stored links and checksums stay right across machines and Python versions."""
    assert digest("practice.bin", 1000, "md5") == "3b5e288d0bda51af773b168f77825555"


def test_differs_at_points_to_the_first_wrong_byte():
    """The offset in the file, not in the piece."""
    data = bytearray(block("a", 500, 1500))
    data[77] ^= 1
    assert (differs_at("a", bytes(data), 500), differs_at("a", block("a", 0, 9), 0)) == (577, None)


@pytest.mark.parametrize(("start", "stop"), [(-1, 5), (5, 4)])
def test_an_impossible_span_is_refused(start: int, stop: int):
    """Negative or backwards."""
    with pytest.raises(ValueError, match="no such span"):
        block("a", start, stop)
