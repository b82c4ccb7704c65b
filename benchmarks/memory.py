"""The most memory that a process had, by itself: what the system counts for a child begins with its parent's."""

from __future__ import annotations

import re
from pathlib import Path


def peak(pid: int | str = "self") -> float:
    """Give the most that a process had resident, in MiB; 0 where the system does not tell.

    Raises:
        OSError: there is no such process.
    """
    found = re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) / 1024 if found else 0.0
