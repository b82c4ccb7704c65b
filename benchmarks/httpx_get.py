"""Fetch one link with httpx's default transport: `httpx_get.py URL FILE [CERTIFICATE]`."""

from __future__ import annotations

import ssl
import sys
from pathlib import Path

import httpx


def main(url: str, path: str, trust: str | None = None) -> None:
    """Stream the body into the file, as its documentation shows."""
    context = ssl.create_default_context(cafile=trust) if trust else True
    with httpx.stream("GET", url, verify=context) as reply, Path(path).open("wb") as out:
        reply.raise_for_status()
        for piece in reply.iter_raw():
            out.write(piece)


if __name__ == "__main__":
    main(*sys.argv[1:])
