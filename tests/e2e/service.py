"""The real `serve` in a process of its own, with a home of its own, fed by the practice server."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import httpx

from tui_downloads.config.paths import Paths, find
from tui_downloads.daemon import answers
from tui_downloads.engine.lock import held_by

ROOT = Path(__file__).parent.parent.parent
PATIENCE = 60.0
LISTENING = re.compile(r"^Listening at (\S+)$", re.M)


def until(found: Callable[[], Any], what: str = "it", seconds: float = PATIENCE) -> Any:
    """Look again and again until something is there, and give it."""
    end = time.monotonic() + seconds
    while True:
        value = found()
        if value:
            return value
        assert time.monotonic() < end, f"{what} did not happen in {seconds} s"
        time.sleep(0.02)


class Home:
    """A home of the program: its folders, its settings, and the processes started in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.children: list[subprocess.Popen[bytes]] = []

    @property
    def environment(self) -> dict[str, str]:
        known = {name: text for name, text in os.environ.items() if not name.lower().endswith("_proxy")}
        more = {"TUI_DOWNLOADS_HOME": str(self.folder), "PYTHONPATH": str(ROOT), "COLUMNS": "200", "LC_ALL": "C.UTF-8"}
        return {**known, **more}

    @property
    def paths(self) -> Paths:
        return find({"TUI_DOWNLOADS_HOME": str(self.folder)})

    @property
    def downloads(self) -> Path:
        return Path(self.paths.downloads)

    @property
    def log(self) -> str:
        log = Path(self.paths.log)
        return log.read_text() if log.exists() else ""

    def write_settings(self, text: str) -> None:
        """Write the settings file."""
        file = Path(self.paths.settings_file)
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file.write_text(text)

    def run(self, *arguments: str, code: int = 0, seconds: float = PATIENCE) -> subprocess.CompletedProcess[str]:
        """Run a command of the program to its end."""
        done = subprocess.run(
            [sys.executable, "-m", "tui_downloads", *arguments],
            capture_output=True, text=True, env=self.environment, cwd=self.folder, timeout=seconds,
        )  # fmt: skip
        assert done.returncode == code, (arguments, done.returncode, done.stdout, done.stderr)
        assert "Traceback" not in done.stderr
        return done

    def json(self, *arguments: str) -> Any:
        """Run a command and give the JSON it prints."""
        return json.loads(self.run(*arguments, "--json").stdout)

    def token(self, name: str, *options: str) -> str:
        """Make a user; in this process, for the program's start takes longer than what it does here."""
        from tui_downloads.cli.main import run

        with patch.dict(os.environ, self.environment), contextlib.redirect_stdout(io.StringIO()) as said:
            assert run(["token", "create", name, *options]) == 0
        return said.getvalue().strip()

    def owner_pid(self) -> int:
        """Give the process that holds the state, 0 when nobody does."""
        owner = held_by(self.paths.lock)
        return owner.pid if owner else 0

    def serve(self, *listen: str, options: Sequence[str] = ()) -> Service:
        """Start a service and wait until it answers."""
        return Service(self, listen, options)

    def close(self) -> None:
        """End every process of this home, detached ones too."""
        for child in self.children:
            if child.poll() is None:
                child.send_signal(signal.SIGTERM)
        for child in self.children:
            try:
                child.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        pid = self.owner_pid()
        if pid and pid != os.getpid():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
            until(lambda: self.owner_pid() != pid, "the end of the detached service")


class Service:
    """A running `serve`."""

    def __init__(self, home: Home, listen: Sequence[str], options: Sequence[str]) -> None:
        self.home = home
        self.said_file = home.folder / f"stderr-{len(home.children)}"
        words = [word for text in listen for word in ("--listen", text)]
        with self.said_file.open("wb") as said:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tui_downloads", "serve", *words, *options],
                stdin=subprocess.DEVNULL, stdout=said, stderr=said, env=home.environment, cwd=home.folder,
            )  # fmt: skip
        home.children.append(self.process)
        self.socket = home.paths.socket
        until(lambda: self.process.poll() is not None or self._ready(len(listen)), f"the service ({self.said})")
        assert self.process.poll() is None, (self.process.returncode, self.said)
        self.urls = LISTENING.findall(self.said)

    @property
    def said(self) -> str:
        return self.said_file.read_text()

    def _ready(self, listeners: int) -> bool:
        if len(LISTENING.findall(self.said)) < listeners:
            return False
        return answers(self.socket)

    def local(self) -> httpx.Client:
        """Give a client on the Unix socket."""
        transport = httpx.HTTPTransport(uds=self.socket)
        return httpx.Client(transport=transport, base_url="http://localhost", timeout=60.0)

    def client(self, token: str = "", url: str = "") -> httpx.Client:
        """Give a client of a user over TCP."""
        headers = {"authorization": f"Bearer {token}"} if token else {}
        return httpx.Client(base_url=url or self.urls[0], headers=headers, timeout=60.0, trust_env=False)

    def subscribers(self) -> int:
        """Count who follows the news."""
        with self.local() as client:
            return int(client.get("/v1/stats").json()["subscribers"])

    def end(self, number: int = signal.SIGTERM, seconds: float = PATIENCE) -> int:
        """Send a signal and give the exit status."""
        self.process.send_signal(number)
        return self.process.wait(seconds)


def view(client: httpx.Client, id: str) -> dict[str, Any]:
    """Give a download as the native API shows it."""
    answer = client.get(f"/v1/downloads/{id}")
    assert answer.status_code == 200, answer.text
    found = answer.json()
    return found.get("download", found)


def reaches(client: httpx.Client, id: str, *states: str) -> dict[str, Any]:
    """Wait until a download is in one of some states, and give it."""

    def ask() -> Any:
        found = view(client, id)
        assert found["state"] in states or found["state"] not in ("failed", "cancelled"), found
        return found if found["state"] in states else None

    try:
        return until(ask, f"{id} being {states}")
    except AssertionError as error:
        raise AssertionError(f"{error}: {view(client, id)}") from None


def digest_of(path: Path) -> str:
    """Give the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def new_home() -> Iterator[Home]:
    """Give a home under a short path, so that its socket is in it."""
    folder = Path(tempfile.mkdtemp(prefix="tde", dir="/tmp"))
    home = Home(folder / "h")
    try:
        yield home
    finally:
        try:
            home.close()
        finally:
            shutil.rmtree(folder, ignore_errors=True)
