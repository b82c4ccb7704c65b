from __future__ import annotations

import hashlib
import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tui_downloads.core.errors import Code, DownloadError, Interrupted
from tui_downloads.files import hashing
from tui_downloads.files.hashing import digest_file, digest_files, digest_span, piece_digests, verify_bytes

CONTENT = os.urandom(2_500_000)


@pytest.fixture
def path(tmp_path):
    file = tmp_path / "f"
    file.write_bytes(CONTENT)
    return str(file)


@pytest.mark.parametrize("name", ["md5", "sha1", "sha256", "sha-512", "SHA3-256", "blake2b", "blake2s"])
def test_digests_are_hashlibs(path, name):
    """Every algorithm, in any spelling, by path."""
    plain = name.lower().replace("sha-", "sha").replace("sha3-", "sha3_")
    assert digest_file(path, name) == hashlib.new(plain, CONTENT).hexdigest()


def test_a_descriptor_keeps_its_place(path):
    """Hashing an open file reads it whole and moves nothing."""
    with open(path, "rb") as file:
        file.seek(7)
        assert digest_file(file.fileno(), "sha256") == hashlib.sha256(CONTENT).hexdigest()
        assert file.tell() == 7


def test_several_digests_in_one_reading(path):
    """One pass gives them all."""
    assert digest_files(path, ["md5", "sha1"]) == {
        "md5": hashlib.md5(CONTENT).hexdigest(),
        "sha1": hashlib.sha1(CONTENT).hexdigest(),
    }


def test_progress_is_told(path):
    """The last figure is the size."""
    told: list[int] = []
    digest_file(path, "md5", told.append)
    assert told == sorted(told)
    assert told[-1] == len(CONTENT)


def test_it_can_be_stopped(path):
    """Cancelling ends the work between two reads."""
    answers = iter([False, True])
    with pytest.raises(Interrupted):
        digest_file(path, "md5", cancel=lambda: next(answers))


@given(length=st.integers(1, 4000), size=st.integers(0, 5000), block=st.integers(1, 3000))
@settings(max_examples=100, deadline=None)
def test_pieces_are_cut_right(tmp_path_factory, length, size, block):
    """Pieces do not depend on how the file is read."""
    file = tmp_path_factory.getbasetemp() / "pieces"
    file.write_bytes(CONTENT[:size])
    before = hashing.BLOCK
    hashing.BLOCK = block
    try:
        found = piece_digests(str(file), "md5", length)
    finally:
        hashing.BLOCK = before
    assert found == [hashlib.md5(CONTENT[at : min(at + length, size)]).hexdigest() for at in range(0, size, length)]


def test_a_span_has_a_digest(path):
    """Any half-open span."""
    assert digest_span(path, "sha1", 10, 2_000_000) == hashlib.sha1(CONTENT[10:2_000_000]).hexdigest()


def test_bytes_are_verified():
    """Case does not matter, a wrong digest does."""
    digest = hashlib.sha256(b"x").hexdigest()
    assert verify_bytes(b"x", "sha256", digest.upper())
    assert not verify_bytes(b"y", "sha256", digest)
    assert not verify_bytes(b"x", "sha256", "é")


def test_unknown_algorithms_and_missing_files_are_told(path, tmp_path):
    """Each with its own code."""
    for work, code in (
        (lambda: digest_file(path, "rot13"), Code.INVALID_OPTION),
        (lambda: digest_file(str(tmp_path / "gone"), "md5"), Code.FOLDER_UNUSABLE),
    ):
        with pytest.raises(DownloadError) as info:
            work()
        assert info.value.code is code
