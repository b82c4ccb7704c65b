"""Fetching a finished file of a remote service to here, in parallel ranges, and proving it before it gets its name.

Every range is asked for with If-Match, so a file that is replaced meanwhile ends the pull instead of being mixed. The
whole is then held against the digest the service computes of its file. A name that is taken is never overwritten.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import hashlib
import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
from msgspec import Struct

from tui_downloads.core.errors import Code, DownloadError, TuiDownloadsError
from tui_downloads.core.names import numbered, safe_name
from tui_downloads.core.snapshots import DetailView, FileView

from .client import Client

PIECE = 8 << 20
"""Bytes of one range."""
CONNECTIONS = 4
TRIES = 4

Progress = Callable[[int, int], None]


class Pulled(Struct, frozen=True):
    """A file that is here."""

    path: Path
    size: int
    sha256: str


async def pull(
    client: Client,
    detail: DetailView,
    folder: str | os.PathLike[str],
    *,
    file: str = "1",
    name: str = "",
    connections: int = CONNECTIONS,
    piece: int = PIECE,
    progress: Progress | None = None,
) -> Pulled:
    """Fetch one finished file of a download into a folder.

    `client` belongs to the running loop: `Client(engine.address)`.

    Raises:
        TuiDownloadsError: NOT_FOUND, REMOTE_CHANGED, CHECKSUM_MISMATCH, a disk error, or what the service said.
    """
    view = _find(detail, file)
    path = f"/v1/downloads/{quote(detail.download.id, safe='')}/files/{quote(file, safe='')}"
    async with client.stream("HEAD", path) as head:
        size, etag = int(head.headers.get("content-length", "-1")), head.headers.get("etag", "")
    if size < 0 or not etag:
        raise DownloadError(Code.PROTOCOL_ERROR, "The service does not say how large the file is.")
    # The service is not trusted with names: what it says becomes one harmless component.
    wanted = safe_name(name or view.name or detail.download.name)
    target = Path(folder)
    beside = target / f".{wanted[:80]}.{secrets.token_hex(4)}.part"
    try:
        target.mkdir(parents=True, exist_ok=True)
        fd = os.open(beside, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0), 0o666)
    except OSError as exc:
        raise _disk(exc) from exc
    try:
        work = _Pull(client, path, etag, size, fd, progress)
        await work.run(connections, piece)
        digest = await _prove(client, path, etag, fd)
        await asyncio.to_thread(os.fsync, fd)
        return Pulled(await asyncio.to_thread(_publish, beside, target, wanted), size, digest)
    except OSError as exc:
        raise _disk(exc) from exc
    finally:
        os.close(fd)
        with contextlib.suppress(OSError):
            beside.unlink()


def _find(detail: DetailView, file: str) -> FileView:
    for view in detail.files:
        if view.id == file:
            return view
    raise DownloadError(Code.NOT_FOUND, "The download has no such file.")


class _Lease(Struct):
    """A range, and how far it is."""

    at: int
    end: int


class _Pull(Struct):
    """One pull on its way."""

    client: Client
    path: str
    etag: str
    size: int
    fd: int
    progress: Progress | None
    done: int = 0

    async def run(self, connections: int, piece: int) -> None:
        """Fetch every range; the first failure ends the others."""
        ranges = iter([(at, min(at + piece, self.size)) for at in range(0, self.size, piece)])

        async def work() -> None:
            for start, end in ranges:
                await self._range(start, end)

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(max(1, connections)):
                    group.create_task(work())
        except ExceptionGroup as found:
            raise found.exceptions[0] from None

    async def _range(self, start: int, end: int) -> None:
        """Fetch one range, and after a break only what is missing of it."""
        lease = _Lease(start, end)
        for attempt in range(1, TRIES + 1):
            try:
                await self._stream(lease)
                if lease.at == lease.end:
                    return
            except TuiDownloadsError as error:
                if error.code is not Code.NO_SERVICE or attempt == TRIES:
                    raise
            await asyncio.sleep(0.2 * 2**attempt)
        raise DownloadError(Code.TRUNCATED, "The connection to the service breaks off again and again.")

    async def _stream(self, lease: _Lease) -> None:
        span = f"bytes={lease.at}-{lease.end - 1}"
        headers = {"range": span, "if-match": self.etag, "accept-encoding": "identity"}
        async with self.client.stream("GET", self.path, headers=headers) as answer:
            self._judge(answer, lease.at, lease.end)
            async for chunk in answer.aiter_raw():
                if lease.at + len(chunk) > lease.end:
                    raise DownloadError(Code.PROTOCOL_ERROR, "The service sends more than was asked for.")
                await _settled(_write, self.fd, chunk, lease.at)
                lease.at += len(chunk)
                self.done += len(chunk)
                if self.progress is not None:
                    self.progress(self.done, self.size)

    def _judge(self, answer: httpx.Response, start: int, end: int) -> None:
        wanted = f"bytes {start}-{end - 1}/{self.size}"
        if answer.status_code != 206 or answer.headers.get("content-range") != wanted:
            raise DownloadError(Code.PROTOCOL_ERROR, "The service answers with another range than was asked for.")
        if answer.headers.get("etag") != self.etag:
            raise DownloadError(Code.REMOTE_CHANGED, "The file changed on the service while it was fetched.")


async def _settled(work: Callable[..., Any], *arguments: Any) -> Any:
    """Run disk work in a thread and leave only when it has ended: its descriptor must not be closed under it."""
    task = asyncio.ensure_future(asyncio.to_thread(work, *arguments))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise


def _write(fd: int, data: bytes, at: int) -> None:
    view = memoryview(data)
    while view:
        count = os.pwrite(fd, view, at)
        at, view = at + count, view[count:]


async def _prove(client: Client, path: str, etag: str, fd: int) -> str:
    """Hold what is here against what is there."""
    there, ours = await asyncio.gather(_theirs(client, path), _settled(_digest, fd))
    if there.get("etag") != etag:
        raise DownloadError(Code.REMOTE_CHANGED, "The file changed on the service while it was fetched.")
    if there.get("sha256") != ours:
        raise DownloadError(Code.CHECKSUM_MISMATCH, "What arrived is not what the service has.")
    return str(ours)


async def _theirs(client: Client, path: str) -> dict[str, Any]:
    found = await client.ask("GET", path + "/digest")
    return found if isinstance(found, dict) else {}


def _digest(fd: int) -> str:
    sum_, at = hashlib.sha256(), 0
    while chunk := os.pread(fd, 1 << 20, at):
        sum_.update(chunk)
        at += len(chunk)
    return sum_.hexdigest()


def _publish(beside: Path, folder: Path, name: str) -> Path:
    """Give the file its name, or the next free one."""
    for n in range(10_000):
        target = folder / (numbered(name, n) if n else name)
        try:
            os.link(beside, target)
        except FileExistsError:
            continue
        except OSError as exc:
            if exc.errno not in (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS) or target.exists():
                raise
            # A file system without links: the name is taken first, so that nothing is overwritten.
            os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
            os.replace(beside, target)
        return target
    raise FileExistsError(errno.EEXIST, "every name is taken")


def _disk(exc: OSError) -> DownloadError:
    code = Code.DISK_FULL if exc.errno in (errno.ENOSPC, errno.EDQUOT) else Code.DISK_ERROR
    return DownloadError(code, f"The file can't be written here: {exc.strerror or 'error'}.")
