"""What foreground downloads leave for the history of the next engine: small JSON files in a folder of our own."""

from __future__ import annotations

import json
import os
import stat
import time
from collections.abc import Mapping
from typing import Any

from . import claim, flush, positioned
from .faults import told
from .folder import Folder

RECORD_LIMIT = 8 * 1024 * 1024
"""Bytes of one record; larger files are not ours."""
SPOOL_LIMIT = 10_000
"""Records that may wait; when no engine ever takes them in, further ones are let go."""
TAKE_LIMIT = 1_000
"""Records taken in at once."""
_SUFFIX = ".json"


def hand_in(folder: str, record: Mapping[str, Any]) -> str | None:
    """Leave a record for the next engine; give its path, or None when the spool is full or the record too large.

    Raises:
        DownloadError: what the disk says.
    """
    content = json.dumps(dict(record), separators=(",", ":")).encode()
    if len(content) > RECORD_LIMIT:
        return None
    with Folder.open(folder) as at, told(at.path):
        if at.made:
            os.fchmod(at.fd, 0o700)
        if len(os.listdir(at.fd)) >= SPOOL_LIMIT:
            return None
        written = claim.temporary()
        name = f"{time.time_ns():020d}-{written.removeprefix(claim.TEMPORARY_PREFIX).removesuffix('.tmp')}{_SUFFIX}"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        fd = os.open(written, flags, 0o600, dir_fd=at.fd)
        try:
            positioned.write(fd, 0, [content])
            flush.data(fd)
            claim.claim(written, at.fd, name, at.fd)
        except BaseException:
            claim.drop(fd, written, at.fd)
            raise
        finally:
            os.close(fd)
        flush.folder(at.fd)
    return f"{at.path}/{name}"


def take_in(folder: str, limit: int = TAKE_LIMIT) -> list[tuple[str, dict[str, Any]]]:
    """Read the records that wait, the oldest first; each is to be dropped once it is stored.

    What can't be read is set aside as `.bad`, so that it stands in nobody's way.

    Raises:
        DownloadError: what the disk says.
    """
    found: list[tuple[str, dict[str, Any]]] = []
    if not os.path.isdir(folder):
        return found
    with Folder.open(folder, make=False) as at, told(at.path):
        for name in sorted(os.listdir(at.fd)):
            if len(found) >= limit:
                break
            if not name.endswith(_SUFFIX) or name.startswith("."):
                continue
            record = _read(at, name)
            if record is not None:
                found.append((f"{at.path}/{name}", record))
            else:
                _set_aside(at, name)
    return found


def drop(path: str) -> None:
    """Remove a record that was stored; a missing one is no error.

    Raises:
        DownloadError: what the disk says.
    """
    with told(os.path.dirname(path)):
        try:
            os.unlink(path)
        except FileNotFoundError:
            pass


def _read(at: Folder, name: str) -> dict[str, Any] | None:
    try:
        fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK, dir_fd=at.fd)
    except OSError:
        return None
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode) or status.st_uid != os.geteuid() or status.st_size > RECORD_LIMIT:
            return None
        data = json.loads(positioned.read(fd, 0, status.st_size))
    except (OSError, ValueError, RecursionError):
        return None
    finally:
        os.close(fd)
    return data if isinstance(data, dict) else None


def _set_aside(at: Folder, name: str) -> None:
    try:
        claim.claim(name, at.fd, name + ".bad", at.fd)
    except OSError:
        pass
