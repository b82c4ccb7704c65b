"""Fixtures of the files room: origins, parts, faults of the system on demand, and a small disk."""

from __future__ import annotations

import errno
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tui_downloads.files.base import Origin
from tui_downloads.files.part import PartFile

URL = "https://host.example/file"


def origin(size: int | None = None, url: str = URL, name: str = "file.bin", id: str = "a1") -> Origin:
    return Origin(id=id, file="1", url=url, name=name, size=size)


@pytest.fixture
def folder(tmp_path: Path) -> str:
    path = tmp_path / "downloads"
    path.mkdir()
    return str(path)


@pytest.fixture
def make_part(folder: str) -> Iterator[Callable[..., PartFile]]:
    """Make parts that are closed at the end of the test."""
    parts = []

    def make(size: int | None = None, name: str = "file.bin", url: str = URL) -> PartFile:
        part = PartFile.create(folder, name, origin(size, url, name))
        parts.append(part)
        return part

    yield make
    for part in parts:
        part.close()


class Faults:
    """Makes the nth call of a function of `os` fail by errno, and counts calls."""

    NAMES = (
        "open", "write", "pwrite", "pwritev", "pread", "fdatasync", "fsync", "ftruncate", "fchmod", "utime", "fstat",
        "stat", "link", "unlink", "rename", "replace", "mkdir", "scandir", "listdir", "lseek",
    )  # fmt: skip

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls: list[str] = []
        self.on = False
        self.at: int | None = None
        self.number = errno.EIO
        for name in self.NAMES:
            monkeypatch.setattr(os, name, self._wrap(name, getattr(os, name)))

    def _wrap(self, name, real):
        def call(*args, **kwargs):
            if self.on:
                self.calls.append(name)
                if self.at is not None and len(self.calls) - 1 == self.at:
                    raise OSError(self.number, os.strerror(self.number))
            return real(*args, **kwargs)

        return call

    def run(self, work: Callable[[], object], at: int | None = None, number: int = errno.EIO) -> list[str]:
        """Do some work, one call of it failing; give the calls that were made."""
        self.calls, self.at, self.number, self.on = [], at, number, True
        try:
            work()
        finally:
            self.on = False
        return self.calls


@pytest.fixture
def faults(monkeypatch: pytest.MonkeyPatch) -> Faults:
    return Faults(monkeypatch)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[str]:
    """Mount a tmpfs of 4 MiB."""
    if os.geteuid() != 0:
        pytest.skip("mounting a small disk needs root")
    path = tmp_path / "small"
    path.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(path)], capture_output=True)
    if done.returncode:
        pytest.skip("a tmpfs can't be mounted here")
    yield str(path)
    subprocess.run(["umount", "-l", str(path)], check=False, capture_output=True)


def listing(folder: str) -> list[str]:
    return sorted(os.listdir(folder))
