"""Why a goal was missed, for the report: (case, measure) to one sentence. Only causes that were looked into."""

from __future__ import annotations

_START = (
    "Python's start and the imports take 0.2 s of it (a quiet `get` of a file of 20 kB takes 0.21 s); without them the "
    "ratio is within the goal."
)
_DECRYPTION = (
    "Nearly all of it is decryption, which costs every program the same, and what is read out of libcurl is copied "
    "once more into Python's bytes; 0.2 s are Python's start and the imports. Only bodies without TLS can go past both."
)
CAUSES: dict[tuple[str, str], str] = {
    ("http-1", "wall"): _START,
    ("http-4", "wall"): _START,
    ("https-1", "wall"): _DECRYPTION,
    ("https-1", "cpu"): _DECRYPTION,
    ("https-4", "wall"): _DECRYPTION,
    ("https-4", "cpu"): _DECRYPTION,
    ("capped", "wall"): (
        "0.2 s are Python's start and the imports, and it takes some 0.15 s until eight connections are open: they are "
        "tried one step after another, because nobody said that the server bears them."
    ),
    ("many", "wall"): (
        "0.5 ms of CPU a file, of which libcurl takes a quarter; the rest are Python calls (admission, record, "
        "judgement, list, publishing, news). aria2 needs 0.18 ms in all, and writes no list and no news."
    ),
}
