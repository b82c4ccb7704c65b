"""Part and journal against a model: whatever dies wherever, what is called safe is there and of the right version."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Callable

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from msgspec.structs import replace

from tests.files.conftest import origin
from tui_downloads.core.errors import Code, DownloadError
from tui_downloads.core.resource import Validator
from tui_downloads.core.spans import SpanSet
from tui_downloads.files.part import PartFile
from tui_downloads.files.recovery import scan

SIZE = 400


def content(version: int, start: int, end: int) -> bytes:
    """Give the bytes of a version; no two versions share one at any place."""
    return bytes((at * 7 + version * 53) % 251 for at in range(start, end))


class Dead(BaseException):
    """The process is gone; nothing that runs after it touches the disk."""


class Machine:
    """Stands between the code and `os`: dies at a call, and may lose what was not flushed."""

    NAMES = (
        "open", "write", "pwrite", "pwritev", "fdatasync", "fsync", "ftruncate", "fchmod", "link", "unlink", "rename",
        "replace",
    )  # fmt: skip

    def __init__(self, lossy: bool) -> None:
        self.real = {name: getattr(os, name) for name in (*self.NAMES, "close")}
        self.lossy = lossy
        self.left: int | None = None
        self.number: int | None = None
        self.dead = False
        self.dirty: dict[int, list[tuple[bytes, int]]] = {}
        for name in self.NAMES:
            setattr(os, name, self._wrap(name))
        os.close = self._close

    def undo(self) -> None:
        for name, real in self.real.items():
            setattr(os, name, real)

    def _wrap(self, name: str) -> Callable[..., object]:
        def call(*args, **kwargs):
            if self.dead:
                raise Dead
            if self.left is not None:
                self.left -= 1
                if self.left < 0:
                    self.left = None
                    if self.number is not None:
                        raise OSError(self.number, os.strerror(self.number))
                    self.dead = True
                    raise Dead
            if self.lossy and name in ("pwrite", "pwritev"):
                fd, data, at = args
                whole = b"".join(data) if name == "pwritev" else bytes(data)
                self.dirty.setdefault(fd, []).append((whole, at))
                return len(whole)
            if name in ("fdatasync", "fsync"):
                for data, at in self.dirty.pop(args[0], []):
                    self.real["pwrite"](args[0], data, at)
            return self.real[name](*args, **kwargs)

        return call

    def _close(self, fd: int) -> None:
        self.dirty.pop(fd, None)
        self.real["close"](fd)


class PartAndModel(RuleBasedStateMachine):
    """Any order of writes, checkpoints, changes and deaths."""

    lossy = False

    @initialize()
    def begin(self) -> None:
        base = "/dev/shm" if os.path.isdir("/dev/shm") else None
        self.folders = [tempfile.mkdtemp(dir=base) for _ in range(2)]
        self.machine = Machine(self.lossy)
        self.version = 0
        self.written = SpanSet()
        self.promised = SpanSet()
        self.part = PartFile.create(self.folders[0], "f", self._origin())

    def teardown(self) -> None:
        if not hasattr(self, "machine"):
            return
        self.machine.undo()
        self.part.close()
        for folder in self.folders:
            shutil.rmtree(folder)

    def _origin(self):
        return replace(origin(SIZE, name="f"), validator=Validator(f'"{self.version}"'))

    @rule(start=st.integers(0, SIZE - 1), length=st.integers(1, 120), cut=st.integers(0, 3))
    def write(self, start: int, length: int, cut: int) -> None:
        end = min(start + length, SIZE)
        data = content(self.version, start, end)
        self.part.write(start, [data[:cut], data[cut:]] if cut else [data])
        self.written.add(start, end)

    @rule()
    def checkpoint(self) -> None:
        self.part.checkpoint(self.written)
        self.promised = self.part.durable.copy()

    @precondition(lambda self: not self.lossy)
    @rule()
    def reserve(self) -> None:
        self.part.reserve(SIZE)

    @rule()
    def change_the_remote_file(self) -> None:
        self.version += 1
        self.written, self.promised = SpanSet(), SpanSet()
        self.part.rewrite(self._origin())

    @rule(url=st.sampled_from(["https://a.example/", "https://b.example/"]))
    def amend(self, url: str) -> None:
        self.part.amend(replace(self.part.origin, url=url))

    @precondition(lambda self: not self.lossy)
    @rule(folder=st.integers(0, 1), name=st.sampled_from(["f", "g"]))
    def move(self, folder: int, name: str) -> None:
        if (self.folders[folder], name) != (self.part.folder, self.part.name):
            self.part.move(self.folders[folder], name)

    @rule()
    def close_and_open(self) -> None:
        self.part.close()
        self._open()

    @rule(
        calls=st.integers(0, 14),
        work=st.sampled_from(["write", "checkpoint", "checkpoint", "rewrite", "amend", "move", "reserve"]),
    )
    def die(self, calls: int, work: str) -> None:
        """Die at some call of some work, and start again."""
        if self.lossy and work in ("move", "reserve"):
            return
        self.machine.left, self.machine.number = calls, None
        try:
            self._do(work)
        except Dead:
            pass
        self.machine.left, self.machine.dead = None, False
        self._end(self.part)
        self._open()

    @precondition(lambda self: not self.lossy)
    @rule(
        calls=st.integers(0, 14),
        number=st.sampled_from([errno.EIO, errno.ENOSPC]),
        work=st.sampled_from(["write", "checkpoint", "checkpoint", "amend", "move", "reserve"]),
    )
    def fail(self, calls: int, number: int, work: str) -> None:
        """One call fails, the process lives; afterwards the part is opened anew."""
        self.machine.left, self.machine.number = calls, number
        before = self.part.durable.copy()
        try:
            self._do(work)
        except DownloadError as error:
            assert error.code in (Code.DISK_ERROR, Code.DISK_FULL)
            assert all(self.part.durable.covers(*span) for span in before)
        self.machine.left = self.machine.number = None
        self.part.close()
        self._open()

    def _do(self, work: str) -> None:
        if work == "write":
            self.part.write(0, [content(self.version, 0, 50)])
        elif work == "checkpoint":
            self.part.checkpoint(self.written)
        elif work == "rewrite":
            self.version += 1
            self.written, self.promised = SpanSet(), SpanSet()
            self.part.rewrite(self._origin())
        elif work == "amend":
            self.part.amend(replace(self.part.origin, checksum=f"md5:{self.version}"))
        elif work == "move":
            other = "g" if self.part.name == "f" else "f"
            self.part.move(self.folders[1], other)
        else:
            self.part.reserve(SIZE)

    def _end(self, part: PartFile) -> None:
        """Close what a dead process had open, whatever it was doing."""
        part.close()
        for fd in map(int, os.listdir("/proc/self/fd")):
            try:
                target = os.readlink(f"/proc/self/fd/{fd}")
            except OSError:
                continue
            if target.startswith(tuple(self.folders)):
                self.machine._close(fd)

    def _open(self) -> None:
        """Open the one part that is there, as a restart would."""
        (found,) = scan(self.folders)
        self.part = PartFile.open(found.path)
        etag = self.part.origin.validator.etag
        if etag != f'"{self.version}"':
            # Died before the new version was written down: the old one is still whole, and goes on.
            assert etag == f'"{self.version - 1}"'
            self.version -= 1
            self.promised = SpanSet()
        self.written = self.part.durable.copy()

    @invariant()
    def what_is_safe_is_right(self) -> None:
        if not hasattr(self, "part"):
            return
        for start, end in self.part.durable:
            assert end <= SIZE
            assert self.part.read(start, end - start) == content(self.version, start, end)

    @invariant()
    def what_was_promised_is_kept(self) -> None:
        if hasattr(self, "part"):
            assert all(self.part.durable.covers(*span) for span in self.promised)


class LossyPartAndModel(PartAndModel):
    """The same with a disk that loses all that was not flushed when the part is closed or the machine dies."""

    lossy = True


# Not set on the machines' own profile: each step is dozens of system calls.
TestKilled = PartAndModel.TestCase
TestKilled.settings = settings(max_examples=120, stateful_step_count=30, deadline=None)
TestPowerLoss = LossyPartAndModel.TestCase
TestPowerLoss.settings = settings(max_examples=80, stateful_step_count=25, deadline=None)


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC, errno.EMFILE])
def test_making_a_part_leaves_nothing_when_it_fails(tmp_path, faults, number):
    """Each call of making a part fails once: either the part is there, or nothing is (T3)."""
    folder = str(tmp_path / "t")
    total = len(faults.run(lambda: PartFile.create(folder, "f", origin()).discard()))
    assert total > 10
    for at in range(total):
        shutil.rmtree(folder, ignore_errors=True)
        part = None

        def work() -> None:
            nonlocal part
            part = PartFile.create(folder, "f", origin())

        try:
            faults.run(work, at, number)
        except DownloadError as error:
            assert error.code in (Code.DISK_ERROR, Code.DISK_FULL)
            left = os.listdir(folder) if os.path.isdir(folder) else []
            assert left == [] or faults.calls[at] in ("unlink", "stat", "fstat"), (left, faults.calls[at])
        else:
            part.discard()
            assert os.listdir(folder) == []
