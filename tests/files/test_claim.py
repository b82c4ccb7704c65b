from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from tests.files.conftest import listing
from tui_downloads.files import claim
from tui_downloads.files.folder import Folder


@pytest.fixture
def at(folder):
    with Folder.open(folder) as opened:
        yield opened


@pytest.mark.parametrize("way", [claim.link_exclusive, claim.rename_exclusive, claim.placeholder_exclusive])
def test_each_way_takes_a_free_name_and_leaves_a_taken_one(at, folder, way):
    """No way ever replaces a file."""
    Path(f"{folder}/a").write_text("ours")
    way("a", at.fd, "b", at.fd)
    Path(f"{folder}/a").write_text("second")
    with pytest.raises(FileExistsError):
        way("a", at.fd, "b", at.fd)
    assert (Path(f"{folder}/a").read_text(), Path(f"{folder}/b").read_text()) == ("second", "ours")


def test_a_placeholder_goes_when_the_rename_fails(at, folder, monkeypatch):
    """No empty file is left under the name."""
    Path(f"{folder}/a").write_text("ours")

    def fail(*args: object, **kwargs: object) -> None:
        raise OSError(errno.EIO, "no")

    monkeypatch.setattr(os, "rename", fail)
    with pytest.raises(OSError):
        claim.placeholder_exclusive("a", at.fd, "b", at.fd)
    assert listing(folder) == ["a"]


def test_locks_are_seen_and_end_with_the_file(folder):
    """A held file is held for others until it is closed."""
    fds = [os.open(f"{folder}/a", os.O_RDWR | os.O_CREAT) for _ in range(2)]
    assert claim.hold(fds[0])
    assert claim.held(fds[1])
    assert not claim.hold(fds[1])
    os.close(fds[0])
    assert not claim.held(fds[1])
    assert claim.hold(fds[1])
    os.close(fds[1])


def test_only_the_very_file_is_dropped(at, folder):
    """A name that became another file stays."""
    fd = os.open(f"{folder}/a", os.O_RDWR | os.O_CREAT)
    os.rename(f"{folder}/a", f"{folder}/b")
    Path(f"{folder}/a").write_text("theirs")
    assert not claim.drop(fd, "a", at.fd)
    assert claim.drop(fd, "b", at.fd)
    os.close(fd)
    assert listing(folder) == ["a"]
