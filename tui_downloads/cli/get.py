"""`get`: download links in the foreground with a short-lived engine of its own, without lock or list."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from collections.abc import Sequence
from typing import Any

import click
from msgspec import Struct

from tui_downloads.core.errors import Code, DownloadError, Exit
from tui_downloads.core.lifecycle import ENDED, State
from tui_downloads.core.link_list import parse_size
from tui_downloads.core.spec import AddRequest
from tui_downloads.engine.embedded import EmbeddedEngine

from .foreign import Welcoming
from .link_options import absolute, link_options, place, requests_of
from .progress import Reporter, reporter
from .setup import foreground_setup
from .streams import mute, unwritten

CHUNK = 2000
"""Links that are handed to the engine at once."""
LOOK = 0.02
"""Seconds between two looks at what happened."""
ENDED_WORDS = frozenset(state.value for state in ENDED)
EXIT_ORDER = [
    Exit.INTERNAL, Exit.USAGE, Exit.NOT_FOUND, Exit.NETWORK, Exit.TIMEOUT, Exit.REFUSED, Exit.INTERRUPTED,
    Exit.CHECKSUM, Exit.DISK, Exit.IN_USE, Exit.BLOCKED, Exit.EXISTS, Exit.NO_SERVICE,
]  # fmt: skip


class Job(Struct, frozen=True):
    """What a command line asks for."""

    requests: list[AddRequest]
    parallel: int
    json: bool
    quiet: bool
    to_stdout: bool
    folder: str


def _requests(urls: Sequence[str], values: dict[str, Any], folder: str) -> list[AddRequest]:
    requests = requests_of(urls, values, AddRequest(url="", folder=folder))
    if not requests:
        raise click.UsageError("Give at least one link, or a list with -i.")
    return requests


@click.command("get", cls=Welcoming, context_settings={"help_option_names": ["-h", "--help"], "show_default": False})
@click.argument("urls", nargs=-1, metavar="URL...")
@link_options
@click.option("-j", "--parallel", type=click.IntRange(1, 256), default=16, metavar="N", help="Downloads at once. [16]")
@click.option("--limit-all", metavar="RATE", help="Bytes a second for everything.")
@click.option("--json", "as_json", is_flag=True, help="Events as lines of JSON on stdout.")
@click.option("-q", "--quiet", is_flag=True, help="Errors only.")
def command(urls: tuple[str, ...], **values: Any) -> int:
    """Download links in the foreground.

    They go to where you are, or to -d; with -o - the one link is written to stdout. Interrupted, it says how to go
    on: the same command continues from what is there.
    """
    if values["patterns"] and len(urls) > 1 and "://" not in urls[0]:
        raise click.UsageError("-P reads patterns in links; the folder goes with -d DIR.")
    to_stdout = values["output"] == "-"
    place(values)
    folder = absolute(values["folder"] or ".")
    if to_stdout:
        if values["as_json"]:
            raise click.UsageError("--json and -o - both want stdout; choose one.")
        import tempfile

        folder = tempfile.mkdtemp(prefix="tui-downloads-")
    try:
        job = Job(
            requests=_requests(urls, values, folder),
            parallel=values["parallel"],
            json=values["as_json"],
            quiet=values["quiet"],
            to_stdout=to_stdout,
            folder=folder,
        )
        limit_all = parse_size(values["limit_all"]) if values["limit_all"] else 0
        return asyncio.run(_Run(job, limit_all).run())
    except BrokenPipeError:  # who reads stdout has left
        mute()
        return Exit.INTERRUPTED
    finally:
        if to_stdout:
            import shutil

            shutil.rmtree(folder, ignore_errors=True)


class _Run:
    """One foreground run: adds everything, reports, and ends with the exit code of what happened."""

    # Mutable state: how many were added and how many have ended, the exit codes seen, and the names of what is here.
    def __init__(self, job: Job, limit_all: int) -> None:
        self._job = job
        setup = foreground_setup(job.folder, job.parallel, limit_all, history=not job.to_stdout)
        self._engine = EmbeddedEngine(setup)
        self._report: Reporter = reporter(json=job.json, quiet=job.quiet or job.to_stdout)
        self._added = 0
        self._ended = 0
        self._adding = True
        self._codes: set[int] = set()
        self._paths: list[str] = []
        self._stop = asyncio.Event()

    async def run(self) -> int:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            with contextlib.suppress(NotImplementedError, RuntimeError):
                loop.add_signal_handler(number, self._stop.set)
        await self._engine.start()
        try:
            work = asyncio.create_task(self._work())
            stopper = asyncio.create_task(self._stop.wait())
            await asyncio.wait({work, stopper}, return_when=asyncio.FIRST_COMPLETED)
            interrupted = not work.done()
            for task in (work, stopper):
                task.cancel()
            for end in await asyncio.gather(work, stopper, return_exceptions=True):
                if isinstance(end, Exception):
                    raise end
        finally:
            await self._close()
        if interrupted:
            self._report.interrupted(self._added - self._ended)
            return Exit.INTERRUPTED
        return min((code for code in self._codes if code != Exit.OK), key=EXIT_ORDER.index, default=Exit.OK)

    async def _close(self) -> None:
        try:
            await self._engine.close()
        except DownloadError as error:  # the files are there all the same
            self._report.note(f"The history does not learn of this: {error.message}")
        finally:
            self._report.close()

    async def _work(self) -> None:
        after = 0
        adding = asyncio.create_task(self._add())
        try:
            while not (adding.done() and self._ended >= self._added):
                await asyncio.sleep(LOOK)
                after = await self._hear(after)
                self._report.show(self._engine)
            adding.result()
        finally:
            adding.cancel()
        if self._job.to_stdout and self._paths:
            await asyncio.to_thread(_pour, self._paths[0])

    async def _add(self) -> None:
        requests = self._job.requests
        for start in range(0, len(requests), CHUNK):
            part = requests[start : start + CHUNK]
            for request, outcome in zip(part, await self._engine.add(part), strict=True):
                if outcome.error is not None:
                    self._codes.add(outcome.error.exit)
                    self._report.refused(request.url, outcome.error)
                else:
                    self._added += 1

    async def _hear(self, after: int) -> int:
        """Take the news since the last look; they come in batches, so that looking costs the engine nothing."""
        for event in self._engine.news(after):
            after = event.seq
            self._report.event(event)
            if event.type == "state" and event.state in ENDED_WORDS:
                self._ended += 1
                self._codes.add(int(event.data.get("exit", Exit.OK)))
                if event.state == State.COMPLETE:
                    self._paths.append(str(event.data.get("path", "")))
        return after


def _pour(path: str) -> None:
    """Write a finished file to stdout."""
    import shutil

    try:
        with open(path, "rb") as file:
            shutil.copyfileobj(file, sys.stdout.buffer, 1 << 20)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise DownloadError(Code.DISK_FULL, unwritten(error), next_step="") from error
