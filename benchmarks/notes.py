"""Why a goal was missed, for the report: (case, measure) to one sentence. Only causes that were looked into."""

from __future__ import annotations

_START = (
    "Python's start and the imports take some 0.2 s of it (what a `get` of a file of 20 kB takes); without them the "
    "ratio is within the goal."
)
_DECRYPTION = (
    "Nearly all of it is decryption, which costs every program the same, and what is read out of libcurl is copied "
    "once more into Python's bytes; 0.2 s are Python's start and the imports. Only bodies without TLS can go past both."
)
CAUSES: dict[tuple[str, str], str] = {
    ("http-1", "wall"): _START,
    ("http-4", "wall"): _START,
    ("http-4", "cpu"): _START,
    ("https-1", "wall"): _DECRYPTION,
    ("https-1", "cpu"): _DECRYPTION,
    ("https-4", "wall"): _DECRYPTION,
    ("https-4", "cpu"): _DECRYPTION,
    ("capped", "wall"): (
        "0.2 s are Python's start and the imports, and it takes some 0.15 s until eight connections are open: they are "
        "tried one step after another, because nobody said that the server bears them."
    ),
    ("many", "wall"): (
        "Three quarters of the time are Python calls (admission, record, judgement, list, publishing, news), and their "
        "profile is flat; libcurl takes less than a quarter. aria2 writes no list and no news."
    ),
}
