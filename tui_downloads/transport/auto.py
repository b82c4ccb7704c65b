"""Chooses the transport."""

from __future__ import annotations

from .base import Transport


def create() -> Transport:
    """Give the transport of this machine; to be called on the loop that will use it."""
    from .curl import CurlTransport

    return CurlTransport()
