"""Why a goal was missed, for the report: (case, measure) to one sentence. Only causes that were looked into."""

from __future__ import annotations

_COPIES = (
    "Importing and starting the engine takes 0.4 s of it; the rest is the kernel's copies, which every program pays, "
    "and one more copy into Python's bytes objects."
)
CAUSES: dict[tuple[str, str], str] = {
    ("http-1", "wall"): _COPIES,
    ("http-1", "cpu"): _COPIES,
    ("http-4", "wall"): _COPIES,
    ("http-4", "cpu"): _COPIES,
    ("https-1", "wall"): _COPIES,
    ("https-4", "wall"): _COPIES,
    ("capped", "wall"): (
        "The ramp asked for proof before each step up to 8 MiB/s a connection; since it does so only from 32 MiB/s, a "
        "single round took 4.5 s against 4.1 s, start-up included."
    ),
    ("many", "wall"): (
        "Some 600 Python calls a file (admission, record, judgement, list, publishing, news) where libcurl takes "
        "a quarter of the time, and threads that hand the interpreter to each other."
    ),
}
