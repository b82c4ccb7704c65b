"""Kill `get` with SIGKILL while a file arrives as fast as the machine allows, go on, and compare the bytes.

    python scripts/fast_storm.py [--kills 30] [--size 1G] [--seed N] [--folder /dev/shm]

The slow storm (`kill_storm.py`) strikes between checkpoints; this one strikes in the middle of writes, and of bodies
that go from socket to file inside the kernel. The server is a plain one that sends ranges with sendfile.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tui_downloads.core.link_list import parse_size

EACH = 6
"""Kills for one file."""
PIECE = 1 << 20


class Handler(BaseHTTPRequestHandler):
    """Sends one file, whole or in ranges."""

    protocol_version = "HTTP/1.1"
    path_of_file: Path

    def do_GET(self) -> None:
        size = self.path_of_file.stat().st_size
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        start = int(asked[1]) if asked else 0
        end = min(size, int(asked[2]) + 1) if asked and asked[2] else size
        self.send_response(206 if asked else 200)
        if asked:
            self.send_header("Content-Range", f"bytes {start}-{end - 1}/{size}")
        self.send_header("Content-Length", str(end - start))
        self.send_header("ETag", '"storm"')
        self.end_headers()
        with self.path_of_file.open("rb") as file:
            while start < end:
                start += os.sendfile(self.connection.fileno(), file.fileno(), start, end - start)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A connection that a kill broke is what this is about."""


def fill(path: Path, size: int, dice: random.Random) -> str:
    """Write random bytes and give their SHA-256."""
    hashed = hashlib.sha256()
    with path.open("wb") as out:
        for start in range(0, size, PIECE):
            piece = dice.randbytes(min(PIECE, size - start))
            hashed.update(piece)
            out.write(piece)
    return hashed.hexdigest()


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def one_file(url: str, folder: Path, usual: float, kills: int, dice: random.Random) -> int:
    """Download through some kills; give how many struck."""
    command = [sys.executable, "-m", "tui_downloads", "get", "-q", "-d", str(folder), url]
    struck = 0
    for _ in range(kills):
        process = subprocess.Popen([*command, "-x", str(dice.choice((1, 2, 4, 8)))])
        try:
            process.wait(dice.uniform(0.2, usual))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
        if process.wait() != -signal.SIGKILL:
            assert process.returncode == 0, process.returncode
            return struck
        struck += 1
        if (folder / "storm.bin").exists():
            return struck  # killed after it was published: another get would fetch another copy
    subprocess.run(command, check=True, timeout=600)
    return struck


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--size", default="1G")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--folder", default=None, help="where to work; a memory file system is fastest")
    options = parser.parse_args()
    dice = random.Random(options.seed)
    kills = files = wrong = left = 0
    with tempfile.TemporaryDirectory(dir=options.folder) as work:
        source, target = Path(work) / "served.bin", Path(work) / "target"
        size = parse_size(options.size)
        right = fill(source, size, dice)
        os.environ["TUI_DOWNLOADS_HOME"] = f"{work}/home"
        Handler.path_of_file = source
        server = Server(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_address[1]}/storm.bin"
        began = time.monotonic()
        one_file(url, target, 0.0, 0, dice)
        usual = time.monotonic() - began
        while kills < options.kills:
            (target / "storm.bin").unlink()
            struck = one_file(url, target, usual, min(EACH, options.kills - kills), dice)
            ok = sha256(target / "storm.bin") == right
            kills, files, wrong = kills + struck, files + 1, wrong + (not ok)
            print(f"file {files}: {'right' if ok else 'WRONG'} after {struck} kills", flush=True)
            for path in target.iterdir():
                if path.name != "storm.bin":
                    left += 1
                    print(f"left behind: {path.name}, {path.stat().st_size:,} bytes: {path.read_bytes()[:300]!r}")
                    path.unlink()
        server.shutdown()
    print(
        f"seed {options.seed}: {kills} kills, {files} files of {size:,} bytes, {wrong} wrong, {left} left behind;"
        f" {usual:.2f} s unharmed"
    )
    return 1 if wrong or left else 0


if __name__ == "__main__":
    sys.exit(main())
