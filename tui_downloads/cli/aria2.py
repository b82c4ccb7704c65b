"""`aria2`: a drop-in for aria2's own command line, as a service with its RPC or in the foreground."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
from msgspec import Struct
from msgspec.structs import replace

from tui_downloads.core.errors import Exit, TuiDownloadsError
from tui_downloads.core.link_list import parse_size, read, to_request
from tui_downloads.core.links import redact
from tui_downloads.core.spec import AddRequest

from . import printed
from .aria2_words import Words, read_words
from .link_options import absolute, lines_of

if TYPE_CHECKING:
    from tui_downloads.api.dialect import Context, Dialect
    from tui_downloads.api.server import Listener
    from tui_downloads.cli.house import House
    from tui_downloads.config.settings import ProxySettings, Settings
    from tui_downloads.daemon import Daemon

PORT = "6800"
ENDS = {
    Exit.OK: 0, Exit.INTERNAL: 1, Exit.USAGE: 28, Exit.NOT_FOUND: 3, Exit.NETWORK: 6, Exit.TIMEOUT: 2, Exit.REFUSED: 24,
    Exit.INTERRUPTED: 7, Exit.CHECKSUM: 32, Exit.DISK: 9, Exit.IN_USE: 12, Exit.BLOCKED: 1, Exit.EXISTS: 13,
    Exit.NO_SERVICE: 1,
}  # fmt: skip
"""Our exit codes in aria2's numbers."""
LOOK = 0.02


@click.command(
    "aria2",
    context_settings={"help_option_names": ["-h", "--help"], "ignore_unknown_options": True, "allow_extra_args": True},
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, metavar="[OPTIONS] [URI]...")
def command(arguments: tuple[str, ...]) -> int:
    """Run with aria2's own options.

    With --enable-rpc it is a service without a screen whose RPC listens at --rpc-listen-port; else it downloads the
    links, which are mirrors of one file unless -Z is given, and ends with aria2's exit codes. Options that have no
    meaning here are named on stderr and passed over.
    """
    words = read_words(arguments)
    if words.ignored and not words.on("quiet"):
        printed.talk(f"These options have no meaning here: {', '.join(sorted(words.ignored))}.")
    return _serve(words, arguments) if words.on("enable-rpc") else _fetch(words)


def _fetch(words: Words) -> int:
    """Download in the foreground; `get` does it."""
    from .get import command as get

    arguments = [*words.for_get(), "--", *words.links]
    try:
        code = get.main(arguments, prog_name="tui-downloads aria2", standalone_mode=False)
    except TuiDownloadsError as error:
        printed.talk(f"{error.message} {error.next_step}")
        code = error.exit
    return ENDS.get(int(code or 0), 1)


class Job(Struct, frozen=True):
    """What the service begins with and what it leaves."""

    requests: list[AddRequest]
    given: dict[str, list[str]]
    """Options for what the RPC adds."""
    session: Path | None
    every: float


def _serve(words: Words, arguments: Sequence[str]) -> int:
    from tui_downloads.daemon import set_up_logs, spawn

    house = _house(words)
    if words.on("daemon"):
        secret = words.get("rpc-secret")
        if secret:
            # Arguments can be seen by everybody on this machine.
            os.environ["TUI_DOWNLOADS_ENDPOINT_ARIA2_SECRET"] = secret
        printed.talk(f"Goes on in the background: {spawn(['aria2', *words.detached()], house.paths.lock)}")
        return 0
    given = _given(words)
    job = Job(
        _requests(words, house.settings.folder, given),
        given,
        Path(absolute(words.get("save-session"))) if words.get("save-session") else None,
        float(words.number("save-session-interval", 0)),
    )
    set_up_logs(house.paths.state, file=_log(words), level=words.get("log-level", "info").replace("notice", "info"))
    asyncio.run(_run(house, _listener(words, house.settings.endpoint.aria2_secret), job, quiet=words.on("quiet")))
    return 0


def _log(words: Words) -> str:
    name = words.get("log")
    return absolute(name) if name and name != "-" else ""


def _house(words: Words) -> House:
    """Put the engine together: the settings, and aria2's options over them."""
    from tui_downloads.config import paths as folders
    from tui_downloads.config.load import load
    from tui_downloads.engine.embedded import EmbeddedEngine

    from .house import House
    from .setup import embedded_setup

    paths = folders.find()
    folders.make_private(paths.state)
    settings = _settings(words, load(paths.settings_file))
    return House(paths, settings, EmbeddedEngine(embedded_setup(settings, paths)))


def _settings(words: Words, settings: Settings) -> Settings:
    endpoint = dataclasses.replace(
        settings.endpoint, listen=(), aria2_secret=words.get("rpc-secret", settings.endpoint.aria2_secret)
    )
    rate = words.get("max-overall-download-limit")
    return dataclasses.replace(
        settings,
        endpoint=endpoint,
        folder=absolute(words.get("dir", ".")),
        downloads=max(1, words.number("max-concurrent-downloads", settings.downloads)),
        per_download=max(1, min(64, words.number("split", settings.per_download))),
        rate=parse_size(rate) if rate else settings.rate,
        proxy=_proxies(words, settings.proxy),
    )


def _proxies(words: Words, proxy: ProxySettings) -> ProxySettings:
    """Put the proxies of a command line over those of the settings; they are the operator's, and no caller's choice."""

    def of(name: str) -> str:
        text = words.get(name)
        return text if not text or "://" in text else f"http://{text}"

    return dataclasses.replace(
        proxy,
        all=of("all-proxy") or proxy.all,
        http=of("http-proxy") or proxy.http,
        https=of("https-proxy") or proxy.https,
    )


def _given(words: Words) -> dict[str, list[str]]:
    """Give the options that hold for every new download.

    Raises:
        click.UsageError: a value makes no sense.
    """
    from tui_downloads.api.aria2.options import PROXIES, defaults_of
    from tui_downloads.api.aria2.protocol import RpcError

    try:
        return defaults_of({name: found for name, found in words.options.items() if name not in ("dir", *PROXIES)})
    except RpcError as error:
        raise click.UsageError(str(error)) from None


def _listener(words: Words, secret: str) -> Listener:
    from tui_downloads.api.server import parse_listener

    host = "0.0.0.0" if words.on("rpc-listen-all") else "127.0.0.1"  # noqa: S104 - asked for, and only with a secret
    open_door = "" if secret else ",no-auth"
    return parse_listener(f"{host}:{words.get('rpc-listen-port', PORT)}{open_door},dialect=aria2")


def _requests(words: Words, folder: str, given: dict[str, list[str]]) -> list[AddRequest]:
    from tui_downloads.api.aria2 import options

    base = options.to_request(AddRequest(url="", folder=folder, dialect="aria2"), given)
    found = [replace(base, url=words.links[0], mirrors=tuple(words.links[1:]))] if words.links else []
    if words.on("force-sequential"):
        found = [replace(base, url=link) for link in words.links]
    path = words.get("input-file")
    # A session that was never saved is an empty one.
    if path and (os.path.exists(path) or path != words.get("save-session")):
        found += [to_request(entry, base, strict=False) for entry in read(lines_of(path))]
    return found


async def _run(house: House, listener: Listener, job: Job, *, quiet: bool) -> None:
    from tui_downloads.api.aria2.application import make
    from tui_downloads.api.server import Listener
    from tui_downloads.daemon import Daemon

    class Aria2(Daemon):
        """A service that leaves its session behind."""

        async def close(self) -> None:
            with contextlib.suppress(TuiDownloadsError, OSError):
                await _save(self, job.session)
            await super().close()

    def dialect(context: Context) -> Dialect:
        return make(context, session_file=job.session, stop=lambda force: daemon.stop(), drop_in=True, given=job.given)

    assert isinstance(listener, Listener)
    plan = house.plan([str(listener)], what="aria2", allow_remote=not listener.loopback)
    daemon = Aria2(house.engine, plan, dialects=[dialect], say=(lambda text: None) if quiet else printed.talk)
    service = asyncio.create_task(daemon.run())
    beginning = asyncio.create_task(_begin(daemon, job))
    try:
        await service
    finally:
        beginning.cancel()
        await asyncio.gather(beginning, return_exceptions=True)


async def _begin(daemon: Daemon, job: Job) -> None:
    """Add what was given once the engine is there, and save the session now and then."""
    while daemon.server is None:  # noqa: ASYNC110 - the service has no such event
        await asyncio.sleep(LOOK)
    for request, outcome in zip(job.requests, await daemon.engine.add(job.requests), strict=True):
        if outcome.error is not None:
            printed.refused(redact(request.url), outcome.error)
    while job.every > 0:
        await asyncio.sleep(job.every)
        with contextlib.suppress(TuiDownloadsError, OSError):
            await _save(daemon, job.session)


async def _save(daemon: Daemon, path: Path | None) -> None:
    """Write the unfinished and failed downloads as an input file."""
    if path is None or daemon.server is None:
        return
    from tui_downloads.api.aria2.acting import saved
    from tui_downloads.api.aria2.options import lines
    from tui_downloads.api.tokens import write_private

    kept = [view for view in daemon.engine.snapshot().downloads.values() if saved(view)]
    kept.sort(key=lambda view: (view.created_at, view.id))
    text = lines([await daemon.engine.get(view.id) for view in kept])
    await asyncio.to_thread(write_private, path, text.encode("utf-8", "replace"))
