"""Several downloads in one service that is killed and started again while every one of them is half-way.

Nothing here waits for a machine to be slow enough: servers give a ration and then hold, so a download is found half-way
however fast it is, and a kill comes when the disk says that enough is safe.
"""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.e2e.service import Home, Service, digest_of, until, view
from tui_downloads.core.errors import DownloadError
from tui_downloads.demo.server import PracticeServer
from tui_downloads.files.folder import Folder
from tui_downloads.files.peek import JOURNAL, PART, peek


@dataclass
class Wish:
    """One download of many, in a folder of its own."""

    name: str
    body: dict[str, Any]
    id: str = ""
    found: dict[str, Any] = field(default_factory=dict)
    """As the API shows it at the end."""
    kept: list[int] = field(default_factory=list)
    """Bytes that were safe at each kill."""


class Lives:
    """The lives of one service, and what becomes of the wishes that it was told."""

    def __init__(self, place: Home) -> None:
        self.place = place
        self.wishes: dict[str, Wish] = {}
        self.service: Service | None = None

    def begin(self) -> None:
        self.service = self.place.serve()

    def add(self, name: str, body: dict[str, Any]) -> None:
        """Add a download; its folder has the wish's name."""
        assert self.service is not None
        with self.service.local() as client:
            answer = client.post("/v1/downloads", json={**body, "folder": str(self.folder(name))})
        assert answer.status_code == 201, answer.text
        self.wishes[name] = Wish(name, body, answer.json()["id"])

    def folder(self, name: str) -> Path:
        return self.place.downloads / name

    def wait(self, ready: Callable[[Wish], Any], what: str) -> None:
        """Wait until something is true of every wish at once, none of which may end meanwhile."""
        missing: list[str] = []

        def all_ready() -> bool:
            missing[:] = [wish.name for wish in self.wishes.values() if not ready(wish)]
            return not missing

        try:
            until(all_ready, what, 120.0)
        except AssertionError as error:
            raise AssertionError(f"{error}: {missing}, {self.views()}") from None
        ended = [wish.name for wish, found in self.views() if found["state"] in ("complete", "failed", "cancelled")]
        assert not ended, f"{ended} ended before the kill: {self.views()}"

    def safe(self, at_least: int) -> None:
        """Wait until so many bytes of every wish are safe on the disk."""
        self.wait(lambda wish: safe_in(self.folder(wish.name)) >= at_least, f"{at_least} bytes of each being safe")

    def kill(self) -> None:
        """End the service as nothing should, and remember what was safe before."""
        assert self.service is not None
        assert self.service.end(signal.SIGKILL) == -signal.SIGKILL
        for wish in self.wishes.values():
            wish.kept.append(safe_in(self.folder(wish.name)))

    def finish(self, names: Sequence[str] = ()) -> None:
        """Wait for the end of every wish, good or bad, and end the service in order."""
        assert self.service is not None

        def ended() -> bool:
            for wish, found in self.views():
                wish.found = found
            return all(wish.found["state"] in ("complete", "failed", "cancelled") for wish in self.wishes.values())

        try:
            until(ended, "the end of every wish", 120.0)
        except AssertionError as error:
            raise AssertionError(f"{error}: {[wish.found for wish in self.wishes.values()]}") from None
        assert self.service.end() == 0

    def views(self) -> list[tuple[Wish, dict[str, Any]]]:
        assert self.service is not None
        with self.service.local() as client:
            return [(wish, view(client, wish.id)) for wish in self.wishes.values()]

    def complete(self, name: str) -> dict[str, Any]:
        """Give a wish as it ended, which has to be well."""
        found = self.wishes[name].found
        assert found["state"] == "complete", found
        return found

    def tree(self, name: str) -> dict[str, str]:
        """Give the digest of every file of a wish; a part or a staging folder that is left shows."""
        root = self.folder(name)
        return {str(path.relative_to(root)): digest_of(path) for path in root.rglob("*") if path.is_file()}


def safe_in(folder: Path) -> int:
    """Count the bytes that a crash would leave: finished files, and what the journals of parts vouch for."""
    total = 0
    for path, _, names in os.walk(folder):
        for name in names:
            try:
                if name.endswith(JOURNAL):
                    with Folder.open(path, make=False) as at:
                        found = peek(at, name.removesuffix(JOURNAL))
                    total += found.spans.total if found is not None and found.spans is not None else 0
                elif not name.startswith(".") and not name.endswith(PART):
                    total += (Path(path) / name).stat().st_size
            except (OSError, DownloadError):
                continue  # it has just got its name
    return total


def page(body: bytes, content_type: str) -> bytes:
    """Give a whole answer of a scripted path."""
    head = (
        f"HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body


def manifest(title: str, files: list[dict[str, Any]]) -> bytes:
    """Give the answer that is a manifest."""
    text = json.dumps({"title": title, "files": files}).encode()
    return page(text, "application/vnd.tui-downloads.manifest+json")


def sent(origin: PracticeServer, path: str, since: int = 0) -> int:
    """Count the bytes that left under paths that hold a text, in requests from one on."""
    return sum(request.sent for request in list(origin.requests)[since:] if path in request.path)
