"""A service over the pretending engine: in process for most tests, on real sockets where sockets matter."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from tests.api.standing import once
from tui_downloads.api.app import DialectFactory, Root, build
from tui_downloads.api.auth import Auth, Door
from tui_downloads.api.server import Listener, Server
from tui_downloads.api.settings import ApiSettings
from tui_downloads.api.tokens import Tokens
from tui_downloads.engine.fake import FakeEngine


@dataclass
class Service:
    """A service and what tests want to know of it."""

    engine: FakeEngine
    root: Root
    tokens: Tokens
    folder: Path
    secrets: dict[str, str]
    server: Server | None = None
    socket: Path | None = None
    clients: list[httpx.AsyncClient] = field(default_factory=list)

    def client(self, user: str = "", door: Door | None = None, **headers: str) -> httpx.AsyncClient:
        """Give an in-process client of a user; without a user it has no token."""
        if user:
            headers["authorization"] = f"Bearer {self.secrets[user]}"
        transport = httpx.ASGITransport(self.root.open(door or Door()), client=("192.0.2.1", 5000))
        client = httpx.AsyncClient(transport=transport, base_url="http://localhost", headers=headers)
        self.clients.append(client)
        return client

    @property
    def url(self) -> str:
        assert self.server is not None
        return self.server.addresses[0]


@asynccontextmanager
async def service(
    folder: Path,
    *,
    settings: ApiSettings | None = None,
    listeners: Sequence[Listener] | None = None,
    dialects: Sequence[DialectFactory] = (),
    engine: FakeEngine | None = None,
) -> AsyncIterator[Service]:
    """Run a service; with `listeners` (port 0) on a Unix socket and TCP, else in process only."""
    tokens = Tokens(folder / "tokens.json")
    secrets = {
        "root": tokens.create("root", scope="admin", private=True),
        "ann": tokens.create("ann"),
        "bob": tokens.create("bob"),
        "eve": tokens.create("eve", scope="read"),
    }
    downloads = folder / "downloads"
    downloads.mkdir(exist_ok=True)
    engine = engine or FakeEngine(folder=str(downloads))
    await engine.start()
    auth = Auth(tokens, settings, folder=str(downloads))
    with once():
        root = build(engine, auth=auth, settings=settings, key=b"k" * 32, dialects=dialects)
        async with _running(Service(engine, root, tokens, downloads, secrets), listeners) as made:
            yield made


@asynccontextmanager
async def _running(made: Service, listeners: Sequence[Listener] | None) -> AsyncIterator[Service]:
    """Open the doors of a service, and close everything at the end."""
    root = made.root
    short = Path(tempfile.mkdtemp(prefix="td", dir="/tmp")) if listeners is not None else None
    try:
        if short is not None:
            made.socket = short / "run" / "s"
            made.server = Server(root, socket_path=made.socket)
            await made.server.start(list(listeners or ()))
        yield made
    finally:
        for client in made.clients:
            await client.aclose()
        if made.server is not None:
            await made.server.close(0.2)
        await root.close()
        if short is not None:
            shutil.rmtree(short)


def finished(made: Service, name: str, content: bytes, owner: str = "ann") -> str:
    """Put a finished download with its file on the stage and give its id."""
    from tui_downloads.core.lifecycle import State

    path = made.folder / name
    path.write_bytes(content)
    os.utime(path, (1_700_000_000, 1_700_000_000))
    id = made.engine.put(f"https://files.example.org/{name}", state=State.COMPLETE, name=name, size=len(content))
    own(made, id, owner)
    return id


def own(made: Service, id: str, owner: str) -> None:
    """Give a download of the stage to a user."""
    download = made.engine._downloads[id]
    download.request = download.request.with_(owner=owner)
    made.engine._touch(id)
