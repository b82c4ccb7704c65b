"""yt-dlp as a process of its own: its own group, its orders by standard input, and gone when nobody waits for it."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import os
import signal
import sys
from collections import deque
from collections.abc import Callable

from msgspec import Struct

from tui_downloads.core.errors import Code, DownloadError
from tui_downloads.sources import media

LEASH = os.path.join(os.path.dirname(__file__), "leash.py")
LINES_KEPT = 40
"""Lines of its complaints that are kept to say what went wrong."""
LONGEST_LINE = 1 << 20
LARGEST_ANSWER = 64 * 1024 * 1024
GRACE = 2.0
"""Seconds it gets to end by itself; fragments it has are kept either way."""


class Unclaimed(DownloadError):
    """No extractor claims the link: it is a plain file, or nothing."""

    def __init__(self) -> None:
        super().__init__(Code.SOURCE_INVALID, "yt-dlp knows no media behind this link.", retry=False)


def installed() -> bool:
    """Say whether yt-dlp is there, without importing it."""
    return importlib.util.find_spec("yt_dlp") is not None


async def answer(order: str, *, limit: int = LARGEST_ANSWER) -> bytes:
    """Run yt-dlp and give what it writes.

    Raises:
        DownloadError: what it says went wrong.
    """
    running = await _start(order)
    process = running.process
    chunks: list[bytes] = []
    size = 0
    try:
        assert process.stdout is not None
        while chunk := await process.stdout.read(256 * 1024):
            size += len(chunk)
            if size > limit:
                raise DownloadError(Code.SOURCE_INVALID, "The media page lists too much.", retry=False)
            chunks.append(chunk)
        await _end(running)
    finally:
        await _stop(running)
    return b"".join(chunks)


async def follow(order: str, staging: str, told: Callable[[media.Step], None]) -> None:
    """Run yt-dlp to its end and tell of its progress; cancelling stops it and every process it started.

    `staging` is the folder that the order says to write to.

    Raises:
        DownloadError: what it says went wrong.
    """
    running = await _start(order, staging)
    process = running.process
    try:
        assert process.stdout is not None
        while line := await _line(process.stdout):
            step = media.parse_progress(line.decode("utf-8", "replace").strip())
            if step is not None:
                told(step)
        await _end(running)
    finally:
        await _stop(running)


class _Errors:
    """The last lines a process complained."""

    def __init__(self, stream: asyncio.StreamReader) -> None:
        self.lines: deque[str] = deque(maxlen=LINES_KEPT)
        self.task = asyncio.get_running_loop().create_task(self._read(stream))

    async def _read(self, stream: asyncio.StreamReader) -> None:
        while line := await _line(stream):
            self.lines.append(line.decode("utf-8", "replace").rstrip())

    @property
    def text(self) -> str:
        return "\n".join(self.lines)


async def _line(stream: asyncio.StreamReader) -> bytes:
    """Read a line; one that is far too long is passed over in pieces."""
    try:
        return await stream.readline()
    except ValueError:
        return b"\n"


class _Running(Struct):
    """A process, what it complains of, and the end of the pipe that keeps it alive."""

    process: asyncio.subprocess.Process
    errors: _Errors
    leash: int


async def _start(order: str, staging: str = "") -> _Running:
    if not installed():
        raise media.extra_missing()
    environment = {**os.environ, "PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8:backslashreplace"}
    held, leash = os.pipe()
    try:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",
            LEASH,
            str(held),
            staging,
            *media.arguments(),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=environment,
            start_new_session=True,
            limit=LONGEST_LINE,
            pass_fds=(held,),
        )
    except BaseException as error:
        os.close(leash)
        if isinstance(error, OSError):
            message = f"yt-dlp could not be started: {error.strerror}."
            raise DownloadError(Code.DEPENDENCY_MISSING, message) from error
        raise
    finally:
        os.close(held)
    assert process.stdin is not None and process.stderr is not None
    errors = _Errors(process.stderr)
    running = _Running(process, errors, leash)
    try:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            process.stdin.write(order.encode())
            await process.stdin.drain()
    except BaseException:
        await _stop(running)
        raise
    process.stdin.close()
    return running


async def _end(running: _Running) -> None:
    """Wait for the end of a process that has nothing more to say.

    Raises:
        DownloadError: it failed.
    """
    code = await running.process.wait()
    await running.errors.task
    if code:
        if media.unsupported(running.errors.text):
            raise Unclaimed
        raise media.failure(running.errors.text)


async def _stop(running: _Running) -> None:
    """End a process group that still runs, first politely; ffmpeg belongs to it."""
    process = running.process
    if process.returncode is None:
        _signal(process, signal.SIGTERM)
        try:
            await asyncio.wait_for(asyncio.shield(process.wait()), GRACE)
        except TimeoutError:
            pass
    _signal(process, signal.SIGKILL)
    await process.wait()
    os.close(running.leash)
    running.errors.task.cancel()
    await asyncio.gather(running.errors.task, return_exceptions=True)


def _signal(process: asyncio.subprocess.Process, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)
