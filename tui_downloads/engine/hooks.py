"""Programs and addresses that are told of what happens.

A program is started from its list of arguments, never by a shell, and gets its values in the environment. What to run
comes from the settings file only. A hook that fails or hangs is logged; no download waits for one.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import time
from collections import deque
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tui_downloads.config.settings import HookSettings
from tui_downloads.core.download import Download
from tui_downloads.core.errors import DownloadError
from tui_downloads.core.lifecycle import ENDED, RUNNING, State
from tui_downloads.core.links import bare, redact
from tui_downloads.core.resource import Head
from tui_downloads.core.spec import AddRequest
from tui_downloads.transport.base import Flow, Request, Take, Transport

if TYPE_CHECKING:
    from .manager import Manager

log = logging.getLogger("tui_downloads.engine")
AT_ONCE = 4
"""Hooks that run at the same time."""
MOST = 10_000
"""Hooks that wait; beyond that the oldest are dropped, and it is logged."""
TRIES = 5
CLOSE_TIME = 5.0
"""Seconds that hooks get when the engine closes."""
EVENTS = {State.COMPLETE: "complete", State.FAILED: "failed"}


def values(event: str, download: Download | None) -> dict[str, str]:
    """Give what a program finds in its environment; links carry no secrets."""
    found: dict[str, object] = {"EVENT": event}
    if download is not None:
        found |= {
            "ID": download.id,
            "GID": download.gid,
            "NAME": download.name,
            "FOLDER": download.folder,
            "PATH": os.path.join(download.folder, download.name) if download.name else "",
            "URL": redact(download.url),
            "SIZE": "" if download.size is None else download.size,
            "DONE": download.done,
            "STATE": download.state.value,
            "KIND": download.kind.value,
            "OWNER": download.request.owner,
            "CATEGORY": download.request.options.category,
            "CONTENT_TYPE": download.content_type,
            "CHECKSUM": download.checksum or "",
            "PROOF": download.proof.value,
            "ERROR": download.error.code if download.error else "",
            "MESSAGE": download.error.message if download.error else "",
        }
    return {f"TUI_DOWNLOADS_{name}": str(value).replace("\0", "") for name, value in found.items()}


def body(event: str, download: Download | None) -> bytes:
    """Give what an address gets by POST."""
    told: dict[str, Any] = {"event": event, "at": time.time()}
    if download is not None:
        found = {name[len("TUI_DOWNLOADS_") :].lower(): value for name, value in values(event, download).items()}
        told |= found | {"size": download.size, "done": download.done}
    return json.dumps(told).encode()


class _Answer:
    """A sink that wants the status only."""

    status = 0
    retry_after = ""

    def head(self, head: Head, flow: Flow) -> None:
        self.status = head.status
        self.retry_after = head.headers.get("retry-after")

    def write(self, chunk: bytes) -> Take:
        return Take.ENOUGH


class Hooks:
    """Tells programs and addresses, a few at a time and in order of the events."""

    # Mutable state: the settings, what waits to be told, the tasks that tell, and whether anything was left to do.
    def __init__(self, manager: Manager, transport: Transport, settings: HookSettings) -> None:
        self.settings = settings
        self._manager = manager
        self._transport = transport
        self._jobs: deque[tuple[str, dict[str, str], bytes]] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._busy = False
        self._looking = False
        self.backoff = 1.0

    def listen(self, what: str, download: Download) -> None:
        """Take an event of the engine."""
        settings = self.settings
        if not (
            settings.webhooks or settings.on_added or settings.on_complete or settings.on_failed or settings.on_all_done
        ):
            return
        if what == "added":
            self._busy = True
            self._tell("added", download)
            return
        if download.state in RUNNING:
            self._busy = True
        event = EVENTS.get(download.state)
        if event is not None:
            self._tell(event, download)
        if download.state in ENDED and not self._looking:
            self._looking = True
            asyncio.get_running_loop().call_soon(self._all_done)

    def _all_done(self) -> None:
        """Tell once when nothing runs, waits or is queued."""
        self._looking = False
        manager = self._manager
        if not self._busy or manager.closing or len(manager.queue):
            return
        left = (*RUNNING, State.QUEUED, State.WAITING, State.PAUSING)
        if any(download.state in left for download in manager.downloads.values()):
            return
        self._busy = False
        self._tell("all_done", None)

    def _command(self, event: str) -> tuple[str, ...]:
        commands: Mapping[str, tuple[str, ...]] = {
            "added": self.settings.on_added,
            "complete": self.settings.on_complete,
            "failed": self.settings.on_failed,
            "all_done": self.settings.on_all_done,
        }
        return commands[event]

    def _tell(self, event: str, download: Download | None) -> None:
        if not (self._command(event) or self.settings.webhooks):
            return
        if len(self._jobs) >= MOST:
            self._jobs.popleft()
            log.warning("Hooks are too slow: the oldest event is not told.")
        self._jobs.append((event, values(event, download), body(event, download)))
        if len(self._tasks) < AT_ONCE:
            task = asyncio.get_running_loop().create_task(self._work())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _work(self) -> None:
        while self._jobs:
            event, environment, data = self._jobs.popleft()
            command = self._command(event)
            told = [self.post(link, data) for link in self.settings.webhooks]
            if command:
                told.append(self.run(command, environment))
            await asyncio.gather(*told)

    async def run(self, command: tuple[str, ...], told: Mapping[str, str]) -> None:
        """Run a program, and end it with all it started when its time is over."""
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                env={**os.environ, **told},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            log.warning("The hook %r could not be started: %s", command[0], error)
            return
        try:
            async with asyncio.timeout(self.settings.timeout):
                status = await process.wait()
        except TimeoutError:
            log.warning("The hook %r was ended after %g s.", command[0], self.settings.timeout)
        else:
            if status:
                log.warning("The hook %r ended with status %d.", command[0], status)
        finally:
            if process.returncode is None:
                await _end(process)

    async def post(self, link: str, data: bytes) -> None:
        """Send an event to an address; a server that fails or refuses for a while is asked again."""
        headers = (("Content-Type", "application/json"),)
        reach = self._manager.reaches.of(AddRequest(link))
        why = ""
        for attempt in range(TRIES):
            if attempt:
                await asyncio.sleep(self.backoff * 2 ** (attempt - 1))
            answer = _Answer()
            request = Request(link, headers=headers, method="POST", body=data, reach=reach, max_redirects=0)
            try:
                async with asyncio.timeout(self.settings.timeout):
                    await self._transport.fetch(request, answer)
            except (DownloadError, TimeoutError) as error:
                why = error.message if isinstance(error, DownloadError) else "no answer in time"
                continue
            if 200 <= answer.status < 300:
                return
            why = f"status {answer.status}"
            if answer.status < 500 and answer.status not in (408, 425, 429):
                break
        log.warning("The webhook %s was not told: %s", bare(link), why)

    async def close(self) -> None:
        """Give what is under way a moment, then end it."""
        tasks = list(self._tasks)
        if not tasks:
            return
        _, pending = await asyncio.wait(tasks, timeout=CLOSE_TIME)
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)


async def _end(process: asyncio.subprocess.Process) -> None:
    """End a program and what it started."""
    try:
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    except ProcessLookupError:
        pass
    await process.wait()
