"""How commands reach downloads: through the process that holds the state, a remote service, or the state itself."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from tui_downloads.config import paths as folders
from tui_downloads.core.errors import Code, RequestError
from tui_downloads.engine.base import Engine
from tui_downloads.engine.lock import EngineLock, Owner, held_by

if TYPE_CHECKING:
    from tui_downloads.remote.address import Address

PATIENCE = 10.0
"""Seconds for another command to let go of the state, and for a starting service to answer."""
PAUSE = 0.1
COMMAND = "command"
"""What the lock says while a command works on the state itself."""
START = "Start it with: tui-downloads serve --daemon"


class Where(Struct, frozen=True):
    """Where a command is to work."""

    remote: str = ""
    """A saved remote, URL or ssh destination; empty is this machine."""
    token_file: str = ""
    pin: str = ""
    read_only: bool = False


class Reached(Struct, frozen=True):
    """An engine that is open."""

    engine: Engine
    address: Address | None = None
    """Where the service is; None when the engine is this command's own and starts nothing."""
    owner: Owner | None = None
    """Which process of this machine holds the state."""
    local: bool = True
    """Paths of this machine mean the same over there."""

    @property
    def idle(self) -> bool:
        return self.address is None


Work = Callable[[Reached], Awaitable[int]]


def run(where: Where, work: Work, *, follow: bool = False, service: bool = False) -> int:
    """Do a command's work and give its exit code.

    `follow` asks for a live snapshot and events; `service` refuses to work without a running service.

    Raises:
        TuiDownloadsError: NO_SERVICE, UNAUTHORIZED, IN_USE, or what the work raised.
    """
    if where.remote:
        with address_of(where) as address:
            return asyncio.run(_remotely(address, work, follow))
    return asyncio.run(_locally(work, follow, service))


async def _remotely(address: Address, work: Work, follow: bool) -> int:
    async with _attached(address, follow) as engine:
        return await work(Reached(engine, address, local=False))


async def _locally(work: Work, follow: bool, service: bool) -> int:
    async with contextlib.AsyncExitStack() as stack:
        return await work(await _reach(stack, follow, service))


async def _reach(stack: contextlib.AsyncExitStack, follow: bool, service: bool) -> Reached:
    """Open the running process's engine, or our own under the lock; wait a little for whoever comes or goes."""
    paths = folders.find()
    end = time.monotonic() + PATIENCE
    while True:
        owner = held_by(paths.lock)
        late = time.monotonic() > end
        if owner is None and service:
            raise RequestError(Code.NO_SERVICE, "No service runs here.", next_step=START)
        if owner is None:
            lock = EngineLock(paths.lock)
            folders.make_private(paths.state)
            try:
                lock.acquire(COMMAND)
            except RequestError as error:
                if error.code is not Code.IN_USE or late:
                    raise
            else:
                stack.callback(lock.release)
                return Reached(await stack.enter_async_context(_alone(paths)))
        elif owner.socket:
            try:
                engine = await stack.enter_async_context(_attached(_socket(owner.socket), follow))
                return Reached(engine, _socket(owner.socket), owner)
            except RequestError as error:
                # A service takes the lock before it listens, and stops listening before it gives the lock back.
                if error.code is not Code.NO_SERVICE or late:
                    raise
        elif late:
            raise RequestError(Code.IN_USE, f"The state is in use by {owner}.", next_step="Try again later.")
        await asyncio.sleep(PAUSE)


def _socket(path: str) -> Address:
    from tui_downloads.remote.address import Address

    return Address(socket=path)


@contextlib.asynccontextmanager
async def _attached(address: Address, follow: bool) -> AsyncIterator[Engine]:
    # httpx is paid for by those who talk to a service only.
    from tui_downloads.remote.engine import RemoteEngine

    engine = RemoteEngine(address, follow=follow)
    await engine.start()
    try:
        yield engine
    finally:
        await engine.close()


@contextlib.asynccontextmanager
async def _alone(paths: folders.Paths) -> AsyncIterator[Engine]:
    """Open the state itself, with an engine that starts nothing."""
    from tui_downloads.config.load import load
    from tui_downloads.engine.embedded import EmbeddedEngine

    from .setup import embedded_setup

    engine = EmbeddedEngine(replace(embedded_setup(load(paths.settings_file), paths), idle=True))
    await engine.start()
    try:
        yield engine
    finally:
        await engine.close()


@contextlib.contextmanager
def address_of(where: Where) -> Iterator[Address]:
    """Give where a remote is; over ssh the tunnel is open while the block lasts.

    Raises:
        RequestError: there is no such remote, or it can't be reached.
    """
    from tui_downloads.remote.address import parse_address

    from .remotes import Remote, Remotes, read_token

    text = where.remote
    saved = Remote(text) if any(char in text for char in ":/") else Remotes().get(text)
    token_file, pin = where.token_file or saved.token_file, where.pin or saved.pin
    read_only = where.read_only or saved.read_only
    if not saved.address.startswith("ssh:"):
        yield parse_address(saved.address, token=read_token(token_file), pin=pin, read_only=read_only)
        return
    from tui_downloads.remote.ssh import Tunnel, parse_destination

    tunnel = Tunnel(parse_destination(saved.address))
    try:
        yield tunnel.open(read_only=read_only)
    finally:
        tunnel.close()
