"""Kill `get` with SIGKILL at random instants, start it again each time, and compare the file with what was served.

    python scripts/kill_storm.py [--kills 50] [--size 200M] [--seed N]

Figures: kills, wrong files, bytes fetched again for each kill (as the server counts them).
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
from pathlib import Path

from tui_downloads.core.link_list import parse_size
from tui_downloads.demo.content import digest
from tui_downloads.demo.server import PracticeServer, serve_in_thread


def one_file(server: PracticeServer, folder: Path, size: int, kills: int, dice: random.Random) -> tuple[int, list[int]]:
    """Download one file through a number of kills; give the wrong files (0 or 1) and the bytes fetched again."""
    name = f"storm-{dice.randrange(10**9)}.bin"
    url = server.file(size, name, rate=dice.choice([20_000_000, 60_000_000, 200_000_000]))
    environ = os.environ | {"TUI_DOWNLOADS_HOME": str(folder / "home")}
    command = [sys.executable, "-m", "tui_downloads", "get", "-q", "-d", str(folder), url]
    sent = 0
    for _ in range(kills):
        connections = str(dice.randint(1, 8))
        process = subprocess.Popen([*command, "-x", connections], env=environ)
        try:
            process.wait(dice.uniform(0.15, 2.5))
            break
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
    subprocess.run(command, env=environ, check=True, timeout=300)
    sent = sum(request.sent for request in server.requests if name in request.target)
    found = hashlib.sha256((folder / name).read_bytes()).hexdigest()
    left = [path.name for path in folder.iterdir() if path.name.endswith((".part", ".journal"))]
    wrong = int(found != digest(name, size) or bool(left))
    (folder / name).unlink()
    return wrong, [max(0, sent - size)]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--size", default="200M")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    options = parser.parse_args()
    dice = random.Random(options.seed)
    size, each = parse_size(options.size), 5
    wrong, again = 0, []
    with tempfile.TemporaryDirectory() as folder, serve_in_thread() as server:
        for round_ in range(max(1, options.kills // each)):
            bad, extra = one_file(server, Path(folder), size, each, dice)
            wrong += bad
            again += extra
            print(f"file {round_ + 1}: {'WRONG' if bad else 'right'}, {extra[0]:,} bytes fetched again", flush=True)
    print(f"seed {options.seed}: {len(again) * each} kills at the most, {wrong} wrong files, ", end="")
    print(f"median {statistics.median(again):,.0f} bytes fetched again for each file of {size:,}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
