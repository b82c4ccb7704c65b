"""The suite over libcurl and over the fake."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.transport.suite import Stage, TransportSuite
from tui_downloads.demo.delivery import Channel
from tui_downloads.demo.request import Request as Asked
from tui_downloads.demo.server import PracticeServer
from tui_downloads.transport.base import Transport
from tui_downloads.transport.fake import HANG, Reply, ScriptedTransport


class ServedStage(Stage):
    """A transport and two practice servers, which are two origins."""

    def __init__(self, transport: Transport, servers: tuple[PracticeServer, PracticeServer]) -> None:
        self.transport = transport
        self._servers = servers

    def url(self, name: str, *, other: bool = False) -> str:
        return self._servers[other].url(f"/{name}")

    def answer(self, name, status, fields, body=b"", *, other=False, hang=False) -> None:
        lines = [f"HTTP/1.1 {status} Said", *(f"{key}: {value}" for key, value in fields.items())]
        data = "\r\n".join(lines).encode() + b"\r\n\r\n" + body
        whole = int(fields.get("Content-Length", "0")) == len(body)

        async def play(asked: Asked, channel: Channel) -> None:
            await channel.send(data)
            if hang:
                await channel.silence()
            elif not whole:
                await channel.close()

        self._servers[other].script[f"/{name}"] = play

    def fields_of(self, name: str) -> dict[str, str]:
        found = [asked for server in self._servers for asked in server.asked_for(f"/{name}")]
        return found[-1].headers


class ScriptedStage(Stage):
    """The fake, whose servers are names."""

    def __init__(self) -> None:
        self.transport = self._scripted = ScriptedTransport()

    def url(self, name: str, *, other: bool = False) -> str:
        return f"http://{'other' if other else 'first'}.example/{name}"

    def answer(self, name, status, fields, body=b"", *, other=False, hang=False) -> None:
        parts = (body, HANG) if hang else (body,)
        self._scripted.on(self.url(name, other=other), Reply(status, tuple(fields.items()), parts))

    def fields_of(self, name: str) -> dict[str, str]:
        found = [asked for asked in self._scripted.requests if asked.url.endswith(f"/{name}")]
        fields = {key.lower(): value for key, value in found[-1].headers}
        return fields | ({"referer": found[-1].referer} if found[-1].referer else {})


class TestCurl(TransportSuite):
    @pytest.fixture
    async def stage(self, transport: Transport) -> AsyncIterator[Stage]:
        async with PracticeServer() as first, PracticeServer() as second:
            yield ServedStage(transport, (first, second))


class TestScripted(TransportSuite):
    @pytest.fixture
    async def stage(self) -> AsyncIterator[Stage]:
        stage = ScriptedStage()
        yield stage
        await stage.transport.close()
