"""A stand-in of the MASV package service on a practice server, by its published API.

Three questions: `GET /api/links/ID?secret=…` tells package and token, `GET /api/packages/ID/files` lists the files, and
`GET /api/packages/ID/files/FILE/download` gives a signed link that honours ranges and expires after some requests.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote

from tui_downloads.demo.delivery import Channel
from tui_downloads.demo.paths import file_path
from tui_downloads.demo.request import Request
from tui_downloads.demo.server import PracticeServer

LARGE = 10_000
"""Files from which on a package is listed once in `PAUSE` seconds only."""
PAUSE = 5.0


@dataclass
class PackageService:
    """One package behind one link; `files` maps paths to sizes, their bytes are those of practice files."""

    server: PracticeServer
    files: dict[str, int]
    password: str = ""
    rate: int = 0
    """Bytes a second of one connection; 0 is no limit."""
    uses: int = 0
    """Requests after which a signed link has expired; 0 means that it never does."""
    name: str = "Rushes"
    link: str = "https://get.massive.app/ABC?secret=S3cret"
    signed: list[str] = field(default_factory=list)
    """File of each signed link, in the order in which they were given."""
    refused: int = 0
    """Requests that came with an expired link."""

    def __post_init__(self) -> None:
        self._used: dict[int, int] = {}
        self._tokens = 0
        self._listed = float("-inf")
        script = self.server.script
        script["/api/links/ABC"] = self._open
        script["/api/packages/P1/files"] = self._list
        for number in range(len(self.files)):
            script[f"/api/packages/P1/files/f{number}/download"] = self._sign
            script[f"/cdn/{number}"] = self._serve

    @property
    def api(self) -> str:
        """Give the base of the API, for the setting `endpoint.masv_api`."""
        return self.server.url("/api")

    def expire(self) -> None:
        """Let every link that was signed so far expire, and the package's token with them."""
        self._used = dict.fromkeys(range(len(self.signed)), self.uses or 1 << 30)
        self._tokens += 1

    async def _open(self, request: Request, channel: Channel) -> None:
        if parse_qs(request.query).get("secret") != parse_qs(self.link.partition("?")[2]).get("secret"):
            await _json(request, channel, 403, {"error": "secret"})
        elif request.headers.get("x-link-password", "").encode("latin-1") != self.password.encode():
            await _json(request, channel, 401, {"error": "password"})
        else:
            told = {"name": self.name, "package_id": "P1", "package_token": f"T{self._tokens}"}
            await _json(request, channel, 200, {**told, "package_size": sum(self.files.values())})

    def _knows(self, request: Request) -> bool:
        return request.headers.get("x-package-token") == f"T{self._tokens}"

    async def _list(self, request: Request, channel: Channel) -> None:
        if not self._knows(request):
            await _json(request, channel, 403, {"error": "token"})
            return
        if len(self.files) > LARGE and request.at - self._listed < PAUSE:
            await _json(request, channel, 429, {"error": "too many"}, "Retry-After: 5\r\n")
            return
        self._listed = request.at
        entries: list[dict[str, Any]] = []
        for number, (path, size) in enumerate(self.files.items()):
            folder, _, name = path.rpartition("/")
            entries.append({"id": f"f{number}", "kind": "file", "name": name, "size": size, "path": folder})
        await _json(request, channel, 200, [*entries, {"id": "z", "kind": "zip_all", "name": "all.zip", "size": 1}])

    async def _sign(self, request: Request, channel: Channel) -> None:
        if not self._knows(request):
            await _json(request, channel, 403, {"error": "token"})
            return
        number = int(unquote(request.path).rpartition("/f")[2].partition("/")[0])
        self.signed.append(list(self.files)[number])
        link = self.server.url(f"/cdn/{number}?signature={len(self.signed) - 1}")
        await _json(request, channel, 200, {"url": link})

    async def _serve(self, request: Request, channel: Channel) -> None:
        which = int(parse_qs(request.query)["signature"][0])
        self._used[which] = self._used.get(which, 0) + 1
        if self._used[which] > (self.uses or 1 << 30):
            self.refused += 1
            await _json(request, channel, 403, {"error": "expired"})
            return
        path, size = list(self.files.items())[int(request.path.rpartition("/")[2])]
        options = {"rate": self.rate} if self.rate else {}
        await self.server.give(request, channel, file_path(size, path, **options))


async def _json(request: Request, channel: Channel, status: int, body: object, more: str = "") -> None:
    text = json.dumps(body).encode()
    request.answered = status
    head = f"HTTP/1.1 {status} Practice\r\nContent-Type: application/json\r\n{more}Content-Length: {len(text)}\r\n\r\n"
    await channel.send(head.encode() + text)
