"""Digests of files, in large reads that leave the interpreter to others."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tui_downloads.core.digests import canonical, hasher
from tui_downloads.core.errors import Code, DownloadError, Interrupted

from .faults import told

if TYPE_CHECKING:
    import hashlib

BLOCK = 1 << 20

Progress = Callable[[int], None]
"""Told how many bytes are read so far."""
Cancel = Callable[[], bool]
"""Asked between reads; True ends the work."""


def digest_file(file: str | int, algorithm: str, progress: Progress | None = None, cancel: Cancel | None = None) -> str:
    """Give the digest of a whole file, by path or descriptor, as lower-case hex.

    Raises:
        Interrupted: `cancel` said so.
        DownloadError: INVALID_OPTION for an unknown algorithm, or what the disk says.
    """
    return digest_files(file, [algorithm], progress, cancel)[algorithm]


def digest_files(
    file: str | int, algorithms: Sequence[str], progress: Progress | None = None, cancel: Cancel | None = None
) -> dict[str, str]:
    """Give several digests of a file in one reading; raises as `digest_file`."""
    hashers = {name: _hasher(name) for name in algorithms}
    done = 0
    for block in _blocks(file, 0, None, cancel):
        for each in hashers.values():
            each.update(block)
        done += len(block)
        if progress is not None:
            progress(done)
    return {name: each.hexdigest() for name, each in hashers.items()}


def piece_digests(
    file: str | int,
    algorithm: str,
    length: int,
    progress: Progress | None = None,
    cancel: Cancel | None = None,
) -> list[str]:
    """Give the digest of each piece of a file, the last one shorter; raises as `digest_file`."""
    if length <= 0:
        raise ValueError("pieces have a length")
    found = []
    done = filled = 0
    current = _hasher(algorithm)
    for block in _blocks(file, 0, None, cancel):
        at = 0
        while at < len(block):
            cut = block[at : at + length - filled]
            current.update(cut)
            filled += len(cut)
            at += len(cut)
            if filled == length:
                found.append(current.hexdigest())
                current, filled = _hasher(algorithm), 0
        done += len(block)
        if progress is not None:
            progress(done)
    if filled:
        found.append(current.hexdigest())
    return found


def digest_span(
    file: str | int,
    algorithm: str,
    start: int,
    end: int,
    progress: Progress | None = None,
    cancel: Cancel | None = None,
) -> str:
    """Give the digest of a span of a file; raises as `digest_file`."""
    current = _hasher(algorithm)
    done = 0
    for block in _blocks(file, start, end, cancel):
        current.update(block)
        done += len(block)
        if progress is not None:
            progress(done)
    return current.hexdigest()


def verify_bytes(content: bytes, algorithm: str, digest: str) -> bool:
    """Say whether bytes have a digest, which is given in hex of any case.

    Raises:
        DownloadError: INVALID_OPTION for an unknown algorithm.
    """
    import hmac

    current = _hasher(algorithm)
    current.update(content)
    return hmac.compare_digest(current.hexdigest(), digest.lower()) if digest.isascii() else False


def _hasher(algorithm: str) -> hashlib._Hash:
    name = canonical(algorithm)
    if name is None:
        raise DownloadError(Code.INVALID_OPTION, f"{algorithm!r} is not a digest that is known here.")
    return hasher(name)


def _blocks(file: str | int, start: int, end: int | None, cancel: Cancel | None) -> Iterator[memoryview]:
    """Read a span into one buffer, again and again; a block is good until the next is asked for."""
    buffer = memoryview(bytearray(BLOCK))
    with _open(file) as fd:
        at = start
        while end is None or at < end:
            if cancel is not None and cancel():
                raise Interrupted
            wanted = buffer if end is None else buffer[: min(BLOCK, end - at)]
            count = os.preadv(fd, [wanted], at)
            if not count:
                return
            at += count
            yield buffer[:count]


@contextmanager
def _open(file: str | int) -> Iterator[int]:
    if isinstance(file, int):
        with told("the download's folder"):
            yield file
        return
    with told(os.path.dirname(file) or "."):
        fd = os.open(file, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            yield fd
        finally:
            os.close(fd)
