"""A short storm of SIGKILL; the long one is scripts/kill_storm.py, its figures are in docs/reliability.md."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_killed_at_random_the_file_is_the_file():
    """Three kills, started again each time: right bytes, no part left."""
    command = [sys.executable, str(ROOT / "scripts" / "kill_storm.py"), "--kills", "3", "--size", "20M", "--seed", "5"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 kills" in done.stdout and " 0 wrong" in done.stdout
