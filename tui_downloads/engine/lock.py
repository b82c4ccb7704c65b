"""One state folder, one engine: a lock file that the system itself gives back when its holder dies.

The lock is the kernel's (`flock`), so a crash leaves no lock behind; what is written in the file only says who holds it
and is believed only while the lock is held.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from msgspec import Struct
from msgspec.structs import asdict

from tui_downloads.core.errors import Code, RequestError

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

_TRIES = 10
_PAUSE = 0.02
_PROBE_OFFSET = 1 << 30


class Owner(Struct, frozen=True):
    """Who holds a state folder."""

    pid: int
    what: str = ""
    """`serve`, `screen`, `get` …"""
    socket: str = ""
    """Where its API listens; empty when it has none."""
    since: float = 0.0
    """Epoch seconds."""
    started: float = 0.0
    """When the process started, in clock ticks since boot; tells a pid that was used again."""

    def __str__(self) -> str:
        what = f" ({self.what})" if self.what else ""
        since = time.strftime(" since %Y-%m-%d %H:%M:%S", time.localtime(self.since)) if self.since else ""
        return f"process {self.pid}{what}{since}"


class EngineLock:
    """The lock of a state folder. Keep it as long as the engine runs."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self._fd: int | None = None
        self._owner: Owner | None = None

    @property
    def held(self) -> bool:
        return self._fd is not None

    def acquire(self, what: str, socket: str = "") -> None:
        """Take the lock and say who we are.

        Raises:
            RequestError: IN_USE when another process holds it, STATE_UNUSABLE when the file can't be made.
        """
        if self._fd is not None:
            return
        for attempt in range(_TRIES):
            fd = _open(self.path)
            if _try_lock(fd) and _is_current(fd, self.path):
                self._fd = fd
                break
            os.close(fd)
            if attempt + 1 < _TRIES:
                # Somebody who only asks "who holds it?" has the lock for microseconds.
                time.sleep(_PAUSE)
        else:
            owner = held_by(self.path)
            raise RequestError(
                Code.IN_USE,
                f"The state folder is in use by {owner or 'another process'}.",
                next_step="Attach to it with: tui-downloads attach, or stop it first.",
            )
        self._owner = Owner(os.getpid(), what, socket, time.time(), _process_start(os.getpid()))
        self._write()

    def announce(self, *, what: str | None = None, socket: str | None = None) -> None:
        """Change what the file says about us."""
        if self._fd is None or self._owner is None:
            return
        old = self._owner
        self._owner = Owner(
            old.pid,
            old.what if what is None else what,
            old.socket if socket is None else socket,
            old.since,
            old.started,
        )
        self._write()

    def release(self) -> None:
        """Give the lock back; the file stays, since removing it would let two processes hold two files."""
        if self._fd is None:
            return
        try:
            os.ftruncate(self._fd, 0)
        except OSError:
            pass
        os.close(self._fd)
        self._fd = self._owner = None

    def _write(self) -> None:
        assert self._fd is not None and self._owner is not None
        data = json.dumps(asdict(self._owner)).encode()
        os.lseek(self._fd, 0, os.SEEK_SET)
        os.write(self._fd, data)
        os.ftruncate(self._fd, len(data))

    def __enter__(self) -> EngineLock:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def held_by(path: str | os.PathLike[str]) -> Owner | None:
    """Say who holds a lock, or None when nobody does; what a dead holder wrote is not believed."""
    try:
        fd = os.open(path, os.O_RDWR | os.O_CLOEXEC) if sys.platform != "win32" else os.open(path, os.O_RDWR)
    except OSError:
        return None
    try:
        if _try_lock(fd, shared=True):
            return None
        return _parse(os.pread(fd, 4096, 0) if sys.platform != "win32" else os.read(fd, 4096))
    finally:
        os.close(fd)


def _open(path: Path) -> int:
    flags = os.O_RDWR | os.O_CREAT
    if sys.platform != "win32":
        flags |= os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return os.open(path, flags, 0o600)
    except OSError as exc:
        raise RequestError(Code.STATE_UNUSABLE, f"The lock file can't be opened: {exc.strerror}.") from exc


def _try_lock(fd: int, *, shared: bool = False) -> bool:
    try:
        if sys.platform == "win32":
            os.lseek(fd, _PROBE_OFFSET, os.SEEK_SET)
            msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)
            os.lseek(fd, 0, os.SEEK_SET)
        else:
            fcntl.flock(fd, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _is_current(fd: int, path: Path) -> bool:
    """Say whether the path still names the file we locked."""
    try:
        return os.path.samestat(os.fstat(fd), path.stat())
    except OSError:
        return False


def _parse(data: bytes) -> Owner:
    """Read owner information; a holder that is just writing is told without details."""
    try:
        found: dict[str, Any] = json.loads(data)
        return Owner(
            int(found["pid"]),
            str(found.get("what", ""))[:64],
            str(found.get("socket", "")),
            float(found.get("since", 0.0)),
            float(found.get("started", 0.0)),
        )
    except (ValueError, KeyError, TypeError):
        return Owner(0, "starting")


def _process_start(pid: int) -> float:
    """Give when a process started, or 0 where the system does not tell."""
    try:
        return float(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])
    except (OSError, ValueError, IndexError):
        return 0.0
