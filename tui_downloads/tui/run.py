"""The door of the screen: run it on an engine until the user leaves, the terminal goes, or a signal comes.

Nothing of Textual is imported before `run`, because its settings are read from the environment when it is.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import signal
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from tui_downloads.engine.base import Engine

from . import environment
from .options import EMPTY, Endpoint, ForgetfulMemory, Memory, ScreenSettings, SettingsBook

if TYPE_CHECKING:
    from .app import DownloadsApp

NOT_A_TERMINAL = 2


def run(
    engine: Engine,
    *,
    settings: ScreenSettings | None = None,
    keep_in_background: Callable[[], object] | None = None,
    endpoint: Endpoint | None = None,
    links: Sequence[str] = (),
    read_only: bool = False,
    memory: Memory | None = None,
    book: SettingsBook | None = None,
    opened: Callable[[], object] | None = None,
) -> int:
    """Show the screen and give an exit status; the engine is started and closed by the caller.

    It returns after q, SIGTERM, SIGHUP and when the terminal has vanished, so that the caller can checkpoint.
    `opened` is called once, on the screen's loop, when the first picture was drawn: for what can wait until then.
    """
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return NOT_A_TERMINAL
    prepare()

    def drawn() -> None:
        collect()
        if opened is not None:
            opened()

    app = build(
        engine,
        settings=settings,
        keep_in_background=keep_in_background,
        endpoint=endpoint,
        links=links,
        read_only=read_only,
        memory=memory,
        book=book,
        opened=drawn,
    )
    try:
        return asyncio.run(_run(app))
    except OSError:
        # EIO: the terminal went away under us. That is a way to leave, not a failure.
        return 128 + signal.SIGHUP
    finally:
        gc.enable()


def prepare() -> None:
    """Import what the first picture needs; worth calling while an engine opens, otherwise `run` does it."""
    environment.prepare(os.environ)
    # Modules and classes are made to stay, so looking for cycles among them is in vain: 20 ms.
    gc.disable()
    from . import app  # noqa: F401

    _driver()


def collect() -> None:
    """Collect from here on, without walking again and again through what the start has made."""
    gc.freeze()
    gc.enable()


def build(
    engine: Engine,
    *,
    settings: ScreenSettings | None = None,
    keep_in_background: Callable[[], object] | None = None,
    endpoint: Endpoint | None = None,
    links: Sequence[str] = (),
    read_only: bool = False,
    memory: Memory | None = None,
    book: SettingsBook | None = None,
    clock: Callable[[], float] | None = None,
    opened: Callable[[], object] | None = None,
) -> DownloadsApp:
    """Make the app without running it."""
    # Importing Textual costs 130 ms and reads the environment, so it happens here and not above.
    from . import glyphs
    from .app import DownloadsApp
    from .desk import Desk
    from .session import Session

    chosen = settings or ScreenSettings()
    ascii = environment.needs_ascii(os.environ) if chosen.ascii is None else chosen.ascii

    def say(sentence: str, severity: str) -> None:
        app.say(sentence, severity)

    session = Session(
        desk=Desk(engine, say),
        settings=chosen,
        memory=memory or ForgetfulMemory(),
        remembered=memory.load() if memory is not None else EMPTY,
        glyphs=glyphs.choose(ascii=ascii, plain=chosen.plain),
        read_only=read_only or engine.snapshot().info.read_only,
        far=environment.over_ssh(os.environ),
        book=book,
        endpoint=endpoint,
        keep_in_background=keep_in_background,
    )
    if clock is not None:
        session.clock = clock
    app = DownloadsApp(session, links=links, driver_class=_driver(), opened=opened)
    return app


def _driver() -> type | None:
    if sys.platform == "win32":
        return None
    # Needs termios, which Windows has not.
    from .driver import PatientDriver

    return PatientDriver


async def _run(app: DownloadsApp) -> int:
    loop = asyncio.get_running_loop()
    received: list[int] = []

    def leave(number: int) -> None:
        received.append(number)
        app.exit(128 + number)

    if sys.platform != "win32":
        for number in (signal.SIGHUP, signal.SIGTERM):
            loop.add_signal_handler(number, leave, number)
    try:
        with contextlib.suppress(OSError):
            await app.run_async()
    finally:
        if sys.platform != "win32":
            for number in (signal.SIGHUP, signal.SIGTERM):
                loop.remove_signal_handler(number)
    if received:
        return 128 + received[0]
    result = app.return_value
    return result if isinstance(result, int) else (app.return_code or 0)
