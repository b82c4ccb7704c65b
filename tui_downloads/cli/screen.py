"""The screen: on this machine's engine, or attached to the process that holds it already."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tui_downloads.config import paths as folders
from tui_downloads.core.errors import Code, Exit, RequestError, TuiDownloadsError

from .house import House

if TYPE_CHECKING:
    from tui_downloads.config.settings import Settings
    from tui_downloads.engine.base import Engine
    from tui_downloads.engine.lock import EngineLock

NO_TERMINAL = "The screen needs a terminal. In scripts use: tui-downloads get URL, or tui-downloads serve"
DUMB = "This terminal can't show the screen (TERM=dumb). Use: tui-downloads get URL, or set TERM to what it is"
API_LISTENER = "127.0.0.1:7878"
REMEMBERED = "screen.json"
"""What the screen remembers (tab, sort, columns, filter), in the state folder."""


def open_screen(urls: Sequence[str], *, api: bool = False) -> int:
    """Open the screen and give its exit code.

    Raises:
        RequestError: there is no terminal, or the state can't be used.
    """
    import sys

    from tui_downloads.engine.lock import EngineLock, held_by

    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise RequestError(Code.INVALID_OPTION, NO_TERMINAL, next_step="")
    if os.environ.get("TERM") == "dumb":
        raise RequestError(Code.INVALID_OPTION, DUMB, next_step="")
    house = House.open()
    lock = EngineLock(house.paths.lock)
    try:
        lock.acquire("screen", house.paths.socket)
    except RequestError:
        owner = held_by(house.paths.lock)
        if owner is None or not owner.socket:
            raise
        return _attached(house.settings, owner.socket, urls)
    try:
        return _own(house, lock, urls, api=api)
    finally:
        lock.release()


def _attached(settings: Settings, socket: str, urls: Sequence[str]) -> int:
    """Show another process's engine; what it does goes on when the screen closes."""
    from tui_downloads.remote.address import Address
    from tui_downloads.remote.engine import RemoteEngine

    return show(RemoteEngine(Address(socket=socket)), settings, urls)


def show(engine: Engine, settings: Settings, urls: Sequence[str] = (), *, read_only: bool = False) -> int:
    """Run the screen on an engine that is not ours to keep."""
    from tui_downloads.tui.memory import FileMemory
    from tui_downloads.tui.run import run
    from tui_downloads.tui.settings_book import FileBook, screen_settings

    paths = folders.find()
    asyncio.run(engine.start())
    try:
        return run(
            engine,
            settings=screen_settings(settings, paths.settings_file),
            links=_refused(engine, urls),
            read_only=read_only,
            memory=FileMemory(Path(paths.state) / REMEMBERED),
            book=None if read_only else FileBook(paths.settings_file),
        )
    finally:
        asyncio.run(engine.close())


def _refused(engine: Engine, urls: Sequence[str]) -> list[str]:
    """Add the links of the command line; give those that were refused, for the add dialog to say why."""
    if not urls:
        return []
    from tui_downloads.core.spec import AddRequest

    outcomes = asyncio.run(engine.add([AddRequest(url, duplicate="existing") for url in urls]))
    return [url for url, outcome in zip(urls, outcomes, strict=True) if outcome.error is not None]


def _apply(house: House) -> None:
    """Let a setting that was written take effect; called in the thread that wrote it."""
    # A file that somebody else damaged meanwhile changes nothing.
    with contextlib.suppress(TuiDownloadsError):
        asyncio.run(house.reload())


def _own(house: House, lock: EngineLock, urls: Sequence[str], *, api: bool) -> int:
    """Run the screen on our own engine, and answer others on the Unix socket meanwhile."""
    from tui_downloads.tui.memory import FileMemory
    from tui_downloads.tui.run import prepare, run
    from tui_downloads.tui.settings_book import FileBook, screen_settings

    started = _start(house.engine)
    door = Door(house, lock, api=api)
    keep: list[bool] = []
    try:
        prepare()
        started()
        code = run(
            house.engine,
            settings=screen_settings(house.settings, house.paths.settings_file),
            links=_refused(house.engine, urls),
            memory=FileMemory(Path(house.paths.state) / REMEMBERED),
            book=FileBook(house.paths.settings_file, changed=lambda _: _apply(house)),
            endpoint=door,
            keep_in_background=lambda: keep.append(True),
            # The service is slow to import, and nobody can have missed it yet.
            opened=door.open,
        )
    finally:
        listeners = door.listeners
        door.close()
        asyncio.run(house.engine.close())
        lock.release()
    if keep:
        _hand_over(house, listeners)
    return code


def _start(engine: Engine) -> Callable[[], None]:
    """Start an engine in a thread, for the disk's time to pass unnoticed; give what waits for it."""
    failures: list[BaseException] = []

    def start() -> None:
        try:
            asyncio.run(engine.start())
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=start, name="tui-downloads-start", daemon=True)
    thread.start()

    def wait() -> None:
        thread.join()
        if failures:
            raise failures[0]

    return wait


def _hand_over(house: House, listeners: Sequence[str]) -> None:
    """Let a detached service take the work over, and listen where the screen did."""
    from tui_downloads.daemon import spawn

    more = [text for text in listeners if text not in house.settings.endpoint.listen]
    owner = spawn(["serve", *(word for text in more for word in ("--listen", text))], house.paths.lock)
    click.echo(f"Goes on in the background ({owner}); open the screen again with: tui-downloads", err=True)


class Door:
    """The endpoint of a screen: the Unix socket always, TCP when switched on; in a thread and loop of its own."""

    # Mutable state: the thread with its loop, the service once it is up, and what went wrong instead.
    def __init__(self, house: House, lock: EngineLock, *, api: bool) -> None:
        self._house = house
        self._lock = lock
        self._api = api
        self._loop = asyncio.SelectorEventLoop()
        self._thread = threading.Thread(target=self._run, name="tui-downloads-api", daemon=True)
        self._stop: asyncio.Event | None = None
        self._leaving = False
        self._switch: object = None
        self._daemon: object = None
        self._failure = ""

    def open(self) -> None:
        """Begin to listen soon, without keeping the screen waiting."""
        self._thread.start()

    def close(self) -> None:
        """Stop listening; the engine is closed by whoever opened it."""
        self._leaving = True
        if self._stop is not None:
            self._loop.call_soon_threadsafe(self._stop.set)
        if self._thread.ident is not None:
            self._thread.join(8.0)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._serve())
        except Exception as error:
            # Without a door the screen still works; it says so when asked.
            self._failure = error.message if isinstance(error, TuiDownloadsError) else str(error)
        finally:
            self._loop.close()

    async def _serve(self) -> None:
        from tui_downloads.api.server import parse_listener
        from tui_downloads.daemon import EndpointSwitch, set_up_logs

        self._stop = asyncio.Event()
        if self._leaving:
            return
        set_up_logs(self._house.paths.state, level=self._house.settings.log.level)
        listen = [API_LISTENER] if self._api and not self._house.settings.endpoint.listen else []
        plan = self._house.plan(listen, what="screen")
        daemon = self._house.daemon(plan, lock=self._lock)
        refused = await daemon.join()
        self._daemon = daemon
        self._switch = EndpointSwitch(daemon, *(plan.listeners or (parse_listener(API_LISTENER),)))
        if refused:
            await self._house.engine.tell(banner=f"HTTP is off. {refused[0]} F4 tries again.")
        try:
            await self._stop.wait()
        finally:
            await daemon.leave()

    @property
    def listeners(self) -> list[str]:
        """Where it listens on TCP, as `--listen` takes it."""
        server = getattr(self._daemon, "server", None)
        return [str(listener) for listener in server.listeners] if server is not None else []

    @property
    def listening(self) -> str:
        """Where it listens on TCP, or empty text."""
        return getattr(self._switch, "listening", "")

    async def toggle(self) -> str:
        """Switch TCP on or off and say what it is like then."""
        switch = self._switch
        if switch is None:
            return (
                f"The endpoint could not be opened: {self._failure}" if self._failure else "The endpoint is starting."
            )
        work = switch.toggle()  # type: ignore[attr-defined]
        said: str = await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._loop))
        await self._house.engine.tell(banner="")
        return said


@click.command("tui-downloads", context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("urls", nargs=-1)
@click.option("--api", is_flag=True, help=f"Open the HTTP endpoint too, at {API_LISTENER}.")
def command(urls: tuple[str, ...], api: bool) -> int:
    """Open the screen and add these links."""
    return open_screen(urls, api=api) or Exit.OK
