"""Kill `get` with SIGKILL at random instants, start it again each time, and compare the file with what was served.

    python scripts/kill_storm.py [--kills 50] [--size 60M] [--seed N]

Figures: kills that struck, wrong files, and for each kill the bytes that had been sent and must be sent again, also as
seconds of the speed at which they came. A checkpoint is due every second at the latest, so no kill may cost much more
than a second's bytes, with what was in flight on the connections.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from tui_downloads.core.link_list import parse_size
from tui_downloads.demo.content import digest
from tui_downloads.demo.server import PracticeServer, serve_in_thread
from tui_downloads.files import recovery

EACH = 10
"""Kills for one file."""
RATES = (1_000_000, 3_000_000, 10_000_000)
"""Bytes a second of one connection."""


@dataclass(frozen=True)
class Kill:
    """What one kill cost."""

    lost: int
    """Bytes that were sent in the killed run and are not safe."""
    seconds: float
    """The same at the speed of that run."""


def safe(folder: Path) -> int:
    """Give the bytes that the journals call safe."""
    return sum(found.durable.total for found in recovery.scan([str(folder)]))


def one_kill(command: list[str], folder: Path, server: PracticeServer, dice: random.Random) -> Kill | None:
    """Run, and kill at a random instant after the first bytes; None when the file was complete before."""
    before, known, at_first = safe(folder), len(server.requests), None
    process = subprocess.Popen([*command, "-x", str(dice.randint(1, 16))])
    # Most strike while bytes come; some anywhere, before the first byte and while the program starts too.
    anywhere, wait, began = dice.random() < 0.2, dice.uniform(0.0, 3.0), time.monotonic()
    while process.poll() is None:
        if at_first is None and len(server.requests) > known:
            at_first = time.monotonic()
        since = began if anywhere else at_first
        if since is not None and time.monotonic() - since >= wait:
            process.send_signal(signal.SIGKILL)
            break
        time.sleep(0.002)
    if process.wait() != -signal.SIGKILL:
        assert process.returncode == 0, process.returncode
        return None
    passed = time.monotonic() - (at_first or time.monotonic())
    sent = sum(request.sent for request in server.requests[known:])
    lost = max(0, sent - (safe(folder) - before))
    return Kill(lost, lost / (sent / passed) if sent and passed else 0.0)


def one_file(
    server: PracticeServer, folder: Path, size: int, kills: int, dice: random.Random
) -> tuple[bool, list[Kill]]:
    """Download one file through a number of kills; say whether it is right, and what the kills cost."""
    name = f"storm-{dice.randrange(10**9)}.bin"
    url = server.file(size, name, rate=dice.choice(RATES))
    os.environ["TUI_DOWNLOADS_HOME"] = str(folder / "home")
    command = [sys.executable, "-m", "tui_downloads", "get", "-q", "-d", str(folder), url]
    struck = []
    for _ in range(kills):
        kill = one_kill(command, folder, server, dice)
        if kill is None:
            break
        struck.append(kill)
        if (folder / name).exists():
            break  # killed after it was published: another get would fetch another copy
    if not (folder / name).exists():
        subprocess.run([*command, "-x", "16"], check=True, timeout=600)
    right = hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest(name, size)
    right = right and not [path for path in folder.iterdir() if path.name.endswith((".part", ".journal"))]
    (folder / name).unlink()
    return right, struck


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--size", default="60M")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    options = parser.parse_args()
    dice = random.Random(options.seed)
    size = parse_size(options.size)
    wrong, files, kills = 0, 0, []
    with tempfile.TemporaryDirectory() as folder, serve_in_thread() as server:
        while len(kills) < options.kills:
            right, struck = one_file(server, Path(folder), size, min(EACH, options.kills - len(kills)), dice)
            wrong, files = wrong + (not right), files + 1
            kills += struck
            print(f"file {files}: {'right' if right else 'WRONG'} after {len(struck)} kills", flush=True)
    lost, seconds = sorted(kill.lost for kill in kills), sorted(kill.seconds for kill in kills)
    high = int(0.95 * (len(kills) - 1))
    print(f"seed {options.seed}: {len(kills)} kills, {files} files of {size:,} bytes, {wrong} wrong")
    middle = statistics.median(lost)
    print(f"fetched again for each kill: median {middle:,.0f} bytes, 95% {lost[high]:,}, at most {lost[-1]:,}")
    usual = statistics.median(seconds)
    print(f"in seconds of its speed: median {usual:.2f}, 95% {seconds[high]:.2f}, at most {seconds[-1]:.2f}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
