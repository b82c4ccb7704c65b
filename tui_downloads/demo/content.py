"""Bytes known from name and offset: any range of any practice file can be checked without keeping it.

A file is a sequence of tiles. Each name seeds one pattern, and each tile is that pattern turned by an amount that grows
unevenly with the tile's number, so bytes that land at the wrong offset differ from the bytes that belong there, also
when they are off by a power of two or by exactly 4 GiB.
"""

from __future__ import annotations

import hashlib
import random
from functools import lru_cache

TILE = 65537
"""Bytes in a tile: a prime, so that no power of two is a whole number of tiles."""

_BLOCK = 1 << 20


@lru_cache(maxsize=64)
def _pattern(name: str, version: int) -> bytes:
    """Give the seeded pattern of a file twice in a row, so that every turn of it is one slice."""
    seed = hashlib.sha256(f"{name}\0{version}".encode("utf-8", "surrogateescape")).digest()
    once = random.Random(int.from_bytes(seed, "big")).randbytes(TILE)
    return once + once


def _turn(tile: int) -> int:
    # Quadratic: with a linear turn, a shift by one tile and a fitting rest would give the same bytes again.
    return (12289 * tile * tile + 40487 * tile + 7919 * (tile // TILE)) % TILE


def block(name: str, start: int, stop: int, version: int = 0) -> bytes:
    """Give the bytes [start, stop) of the file called `name`.

    Raises:
        ValueError: the span is negative or runs backwards.
    """
    if not 0 <= start <= stop:
        raise ValueError(f"no such span: [{start}, {stop})")
    pattern = memoryview(_pattern(name, version))
    pieces = []
    while start < stop:
        tile, inside = divmod(start, TILE)
        size = min(TILE - inside, stop - start)
        at = _turn(tile) + inside
        if at >= TILE:
            at -= TILE
        pieces.append(pattern[at : at + size])
        start += size
    return b"".join(pieces)


@lru_cache(maxsize=1024)
def digest(name: str, size: int, algo: str = "sha256", version: int = 0) -> str:
    """Give the hexadecimal digest of the whole file.

    Raises:
        ValueError: hashlib does not know the algorithm.
    """
    running = hashlib.new(algo)
    for start in range(0, size, _BLOCK):
        running.update(block(name, start, min(start + _BLOCK, size), version))
    return running.hexdigest()


def differs_at(name: str, data: bytes, start: int = 0, version: int = 0) -> int | None:
    """Give the offset of the first byte of `data` that does not belong at `start`, or None when all do."""
    wanted = block(name, start, start + len(data), version)
    if wanted == data:
        return None
    return start + next(at for at, (one, other) in enumerate(zip(wanted, data, strict=True)) if one != other)
