"""One run of one program: how long, how much processor, how much memory, and whether the files are right."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median

NOT_AVAILABLE = 69
"""The exit status (sysexits: EX_UNAVAILABLE) by which our scripts say that what they measure does not exist."""

_SECONDS_AT_MOST = 600.0
_LOOK_EVERY = 0.01


class Failed(Exception):
    """A contender did not finish, or did not bring the right bytes."""


class NotAvailable(Exception):
    """A contender does not exist on this machine."""


@dataclass(frozen=True)
class Sample:
    """What one run cost."""

    wall: float
    cpu: float
    """User and system seconds."""
    memory: float
    """The most that was resident, in MB."""


@dataclass(frozen=True)
class Summary:
    """The medians of some runs."""

    wall: float
    cpu: float
    memory: float
    rounds: int

    @classmethod
    def of(cls, samples: list[Sample]) -> Summary:
        """Take each median by itself."""
        return cls(
            median(sample.wall for sample in samples),
            median(sample.cpu for sample in samples),
            median(sample.memory for sample in samples),
            len(samples),
        )


class _Watch(threading.Thread):
    """Look at a running child now and then: what was the most it had resident, and is its time up.

    The figure that wait4 gives for memory starts at the mark of the parent; the one in /proc is the child's own.
    """

    def __init__(self, child: subprocess.Popen[bytes]) -> None:
        super().__init__(daemon=True)
        self.peak = 0.0
        """In MB; 0 where the system has no /proc or the child was too quick."""
        self.over = threading.Event()
        self._child = child

    def run(self) -> None:
        deadline = time.monotonic() + _SECONDS_AT_MOST
        while not self.over.wait(_LOOK_EVERY):
            self.peak = max(self.peak, _peak_of(self._child.pid))
            if time.monotonic() > deadline:
                self._child.kill()
                return


def _peak_of(pid: int) -> float:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    return int(found[1]) * 1024 / 1e6 if found else 0.0


def run(command: list[str], folder: Path, environment: Mapping[str, str]) -> Sample:
    """Run a command to its end.

    Raises:
        NotAvailable: the program is missing.
        Failed: it ended with an error or not at all.
    """
    if shutil.which(command[0]) is None:
        raise NotAvailable(f"{command[0]} is not installed")
    with tempfile.TemporaryFile() as said:
        begun = time.perf_counter()
        child = subprocess.Popen(command, cwd=folder, env=dict(environment), stdout=said, stderr=said)
        watch = _Watch(child)
        watch.start()
        _, status, used = os.wait4(child.pid, 0)
        wall = time.perf_counter() - begun
        watch.over.set()
        watch.join()
        child.returncode = os.waitstatus_to_exitcode(status)
        said.seek(0)
        lines = said.read().decode(errors="replace").strip().splitlines()
    last = lines[-1] if lines else "no message"
    if child.returncode == NOT_AVAILABLE:
        raise NotAvailable(last)
    if child.returncode:
        raise Failed(f"exit {child.returncode}: {last}")
    return Sample(wall, used.ru_utime + used.ru_stime, watch.peak or used.ru_maxrss * 1024 / 1e6)


def check(folder: Path, source: Path, names: list[str], *, wholly: bool) -> None:
    """Compare what a run left in `folder` with what was served: sizes, or sha256 when `wholly`.

    Raises:
        Failed: something is missing, too much, or different.
    """
    found = {path.name for path in folder.iterdir()}
    if found != set(names):
        raise Failed(f"wrong files: {len(found & set(names))} of {len(names)} there, {len(found - set(names))} besides")
    for name in names:
        one, other = folder / name, source / name
        if one.stat().st_size != other.stat().st_size:
            raise Failed(f"{name}: {one.stat().st_size} bytes instead of {other.stat().st_size}")
        if wholly and _sha256(one) != _sha256(other):
            raise Failed(f"{name}: wrong bytes")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def environment(root: Path, home: Path) -> dict[str, str]:
    """Give an environment in which nobody's own settings change a result."""
    kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ}
    homes = {"HOME": str(home), "TUI_DOWNLOADS_HOME": str(home), "PYTHONPATH": str(root)}
    return {**kept, **homes, "LC_ALL": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": ""}


def one_run(
    make: Callable[[Path], list[str]], root: Path, source: Path, names: list[str], memory: Path, *, wholly: bool
) -> Sample:
    """Run a contender into a fresh folder, check what it brought, and leave nothing behind.

    Raises:
        NotAvailable: it does not exist.
        Failed: it went wrong.
    """
    with tempfile.TemporaryDirectory(prefix="bench-run-", dir=memory) as made:
        out, home = Path(made) / "out", Path(made) / "home"
        out.mkdir()
        home.mkdir()
        sample = run(make(out), out, environment(root, home))
        check(out, source, names, wholly=wholly)
        return sample
