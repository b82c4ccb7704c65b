"""The same faults for this program, aria2, curl, wget and wget2: who brings the right file, who says that it failed.

    python scripts/peers.py [--write docs/peers.md]

Each program runs as its users start it, with retries and resuming where its options offer them. Judged is what is left:
an exit status of 0 with exactly the served bytes under the file's name is right; an exit status that tells of a failure
is honest; a status of 0 with anything else is wrong, whatever the program printed.
"""

from __future__ import annotations

import argparse
import datetime
import gzip
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tui_downloads import __version__
from tui_downloads.demo.content import block
from tui_downloads.demo.server import PracticeServer, serve_in_thread

SIZE = 6_000_000
NAME = "file.bin"
PATIENCE = 40.0
"""Seconds for one program to come to an end."""
KILL_AFTER = 1.2
"""Seconds after which a program is killed where that belongs to the fault."""

LEGEND = """\
"right": the program ended with success and the file is exactly what the server has; where there is nothing to be had,
it said so. "coded": success with the coded bytes as they were sent. "failed": it ended with an error and says so.
"no end": it had to be stopped. "**WRONG**": it ended with success, and the file is not what the server has."""

Command = Callable[[Path, str], list[str]]

PROGRAMS: dict[str, Command] = {
    "tui-downloads": lambda folder, url: [
        sys.executable, "-m", "tui_downloads", "get", "-q", "-d", str(folder), "-o", NAME, "--timeout", "5", url,
    ],
    "aria2c": lambda folder, url: [
        "aria2c", "--no-conf=true", "-q", "-c", "-x8", "-s8", "-k1M", "--timeout=5", "--file-allocation=none",
        "-d", str(folder), "-o", NAME, url,
    ],
    "curl": lambda folder, url: [
        "curl", "-q", "-sSfL", "--retry", "5", "-C", "-", "--speed-limit", "1", "--speed-time", "5",
        "-o", str(folder / NAME), url,
    ],
    "wget": lambda folder, url: [
        "wget", "--no-config", "-q", "-c", "--tries=5", "--timeout=5", "-O", str(folder / NAME), url,
    ],
    "wget2": lambda folder, url: [
        "wget2", "--no-config", "-q", "-c", "--tries=5", "--timeout=5", "-O", str(folder / NAME), url,
    ],
}  # fmt: skip


@dataclass(frozen=True)
class Fault:
    """One thing that servers and machines do to a download."""

    name: str
    options: dict[str, object] = field(default_factory=dict)
    kills: bool = False
    """The program is killed in the middle and started again."""
    swapped: bool = False
    """Between kill and start the file is replaced by another of the same size."""
    versions: tuple[int, ...] = (0,)
    """Any of these whole is right."""
    hopeless: bool = False
    """The file can't be had: failing is the only right end."""


SLOW = {"rate": "1m"}
FAULTS = [
    Fault("an honest server"),
    Fault("killed, started again", SLOW, kills=True),
    Fault("killed; replaced by a file of the same size with a new ETag", SLOW, kills=True, swapped=True, versions=(1,)),
    Fault("killed; the same with weak ETags", {**SLOW, "etag": "weak"}, kills=True, swapped=True, versions=(1,)),
    Fault("killed; the same without ETag, new Last-Modified", {**SLOW, "etag": "none"}, True, True, versions=(1,)),
    Fault("replaced while it is fetched", {"swap": 2, "rate": "1m"}, versions=(0, 1)),
    Fault("the body breaks off, first two answers", {"truncate": "2m", "first": 2}),
    Fault("the connection is reset, first two answers", {"reset": "2m", "first": 2}),
    Fault("every answer breaks off after 1 MB", {"truncate": "1m"}),
    Fault("the body stops coming, first answer", {"stall": "1m", "first": 1}),
    Fault("503 with Retry-After, first two answers", {"status": 503, "retry_after": "1", "first": 2}),
    Fault("429 above 2 connections", {"cap": 2, "rate": "2m"}),
    Fault("429 with Retry-After, first answer", {"status": 429, "retry_after": "1", "first": 1}),
    Fault("no ranges; killed, started again", {**SLOW, "norange": 1}, kills=True),
    Fault("206 with a shifted Content-Range, when asked for a part", {"wrongrange": "shift", "mid": 1, **SLOW}, True),
    Fault("206 without Content-Range, when asked for a part", {"wrongrange": "missing", "mid": 1, **SLOW}, kills=True),
    Fault("a login page in place of a part", {"html": 1, "mid": 1, **SLOW}, kills=True),
    Fault("a part that ends early", {"shorter": 1000, "mid": 1, **SLOW}, kills=True),
    Fault("a part that goes on too long", {"longer": 1000, "mid": 1, **SLOW}, kills=True),
    Fault("bytes after the end", {"extra": 1000}),
    Fault("gzip although nobody asked", {"encoding": "gzip"}),
    Fault("no length, the end is the end of the connection", {"close": 1}),
    Fault("chunked, without a length; killed, started again", {"chunked": 1, **SLOW}, kills=True),
    Fault("a wrong Repr-Digest", {"digest": "sha-256,wrong"}, hopeless=True),
    Fault("the file is not there", {"status": 404}, hopeless=True),
]


def run(command: list[str], home: Path, seconds: float) -> int | None:
    """Run a program; None when it had to be killed."""
    environment = {**os.environ, "HOME": str(home), "TUI_DOWNLOADS_HOME": str(home / "ours"), "LC_ALL": "C"}
    silent = subprocess.DEVNULL
    process = subprocess.Popen(command, env=environment, stdin=silent, stdout=silent, stderr=silent)
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.wait()
        return None


def judge(fault: Fault, path: Path, status: int | None) -> str:
    """Say in a word what a program left."""
    if status is None:
        return "no end"
    content = path.read_bytes() if path.is_file() else b""
    right = any(content == block(NAME, 0, SIZE, version) for version in fault.versions)
    if status == 0 and "encoding" in fault.options and content[:2] == b"\x1f\x8b":
        return "coded" if gzip.decompress(content) == block(NAME, 0, SIZE) else "**WRONG**"
    if status == 0:
        return "right" if right and not fault.hopeless else "**WRONG**"
    return "right" if fault.hopeless else "failed"


def meet(server: PracticeServer, fault: Fault, command: Command, work: Path) -> str:
    """Let one program meet one fault."""
    folder, home = work / "out", work / "home"
    for made in (folder, home):
        made.mkdir()
    server.swap(NAME, 0)
    # A link of its own for each meeting, because the server counts the requests of a link.
    url = server.file(SIZE, NAME, token=f"{time.monotonic_ns()}", **fault.options)
    if fault.kills:
        run(command(folder, url), home, KILL_AFTER)
        server.swap(NAME, int(fault.swapped))
    return judge(fault, folder / NAME, run(command(folder, url), home, PATIENCE))


def version_of(program: str) -> str:
    if program == "tui-downloads":
        return f"tui-downloads {__version__}"
    shown = subprocess.run([program, "--version"], capture_output=True, text=True).stdout
    found = re.search(r"\d+(\.\d+)+", shown)
    return f"{program} {found[0] if found else 'of unknown version'}"


def table(rows: list[tuple[str, dict[str, str]]], programs: list[str]) -> str:
    """Write the outcomes as a page."""
    lines = [
        "# The same faults, other programs",
        "",
        f"Made by `scripts/peers.py` on {datetime.date.today()}, with " + ", ".join(map(version_of, programs)) + ".",
        "",
        LEGEND,
        "",
        "| fault | " + " | ".join(programs) + " |",
        "|---" * (len(programs) + 1) + "|",
    ]
    lines += [f"| {name} | " + " | ".join(found[program] for program in programs) + " |" for name, found in rows]
    return "\n".join(lines) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", metavar="FILE")
    options = parser.parse_args()
    programs = [name for name in PROGRAMS if name == "tui-downloads" or shutil.which(name)]
    rows = []
    with serve_in_thread() as server:
        for fault in FAULTS:
            found = {}
            for program in programs:
                with tempfile.TemporaryDirectory() as work:
                    found[program] = meet(server, fault, PROGRAMS[program], Path(work))
            rows.append((fault.name, found))
            print(f"{fault.name}: " + ", ".join(f"{name} {word}" for name, word in found.items()), flush=True)
    if options.write:
        Path(options.write).write_text(table(rows, programs))
    return int(any(found["tui-downloads"] == "**WRONG**" for _, found in rows))


if __name__ == "__main__":
    sys.exit(main())
