"""The native routes, made once for many services: reading them off their annotations is most of a service's start.

Everything a route uses belongs to the service of the moment: the routes ask a stand-in for it when they are called.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tui_downloads.api import app
from tui_downloads.api.dialect import Context, Dialect
from tui_downloads.api.native.idempotency import Idempotency
from tui_downloads.api.native.settings import SafeSettings
from tui_downloads.api.settings import ApiSettings

BUILT_IN = ("idempotency_seconds", "idempotency_keys")
"""Settings that are read when routes are made."""


class StandIn:
    """Gives the attributes of what it stands for."""

    def __init__(self) -> None:
        self.real: Any = None

    def __getattr__(self, name: str) -> Any:
        if name == "now":  # kept by who asks while routes are made
            return lambda: self.real.now()
        return getattr(self.real, name)


_context, _safe = StandIn(), StandIn()
_made: list[Dialect] = []
_fresh = app.make_native


@contextmanager
def once() -> Iterator[None]:
    """Let services that are made in the block use the routes that are there, unless another service uses them."""
    taken: list[bool] = []

    def make(context: Context, safe: SafeSettings) -> Dialect:
        usual = all(getattr(context.settings, name) == getattr(ApiSettings(), name) for name in BUILT_IN)
        if _context.real is not None or not usual:
            return _fresh(context, safe)
        _context.real, _safe.real = context, safe
        taken.append(True)
        if not _made:
            _made.append(_fresh(_context, _safe))  # type: ignore[arg-type]
        return _made[0]

    app.make_native = make
    try:
        yield
    finally:
        app.make_native = _fresh
        if taken:
            _context.real = _safe.real = None
            for book in _books():
                book._kept.clear()


def _books() -> Iterator[Idempotency]:
    """Find what routes keep between requests."""
    for route in _made[0].app.routes if _made else ():
        for cell in getattr(getattr(route, "endpoint", None), "__closure__", None) or ():
            if isinstance(cell.cell_contents, Idempotency):
                yield cell.cell_contents
