"""The path language."""

from __future__ import annotations

import pytest

from tui_downloads.demo.faults import BadLink, Faults
from tui_downloads.demo.paths import Checksum, Index, PracticeFile, file_path, read_path, split_target


def test_a_file_has_size_and_name():
    """Folders belong to the name."""
    assert read_path("/f/20k/a/b%20c.bin", "") == PracticeFile("a/b c.bin", 20_000, Faults())


def test_a_written_path_reads_back():
    """Names outside ASCII and flags survive the trip."""
    path, query = split_target(file_path(7, "気象 100%.bin", rate=5, chunked=True))
    assert read_path(path, query) == PracticeFile("気象 100%.bin", 7, Faults(rate=5, chunked=True))


def test_a_checksum_is_published_beside():
    """`/digest/ALGO/SIZE/NAME`."""
    assert read_path("/digest/md5/5/a", "") == Checksum("md5", PracticeFile("a", 5, Faults()))


def test_the_root_is_the_index_and_the_rest_is_nothing():
    """None means 404."""
    assert (read_path("/", ""), read_path("/favicon.ico", "")) == (Index(), None)


def test_a_proxied_target_loses_its_origin():
    """As a proxy we are sent whole links."""
    assert split_target("http://example.test:80/f/1/a?rate=2") == ("/f/1/a", "rate=2")


@pytest.mark.parametrize("path", ["/f", "/f/5", "/f/5/", "/f/much/a", "/digest/md5/5"])
def test_a_mistake_in_the_language_is_said(path: str):
    """Not a 404, which a test might be waiting for."""
    with pytest.raises(BadLink):
        read_path(path, "")
