"""The settings that may be read and set over the API: a list of what is allowed, everything else can't be reached."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import Any

from msgspec.structs import fields, replace

from tui_downloads import wire
from tui_downloads.core.errors import Code, RequestError
from tui_downloads.core.snapshots import Limits
from tui_downloads.engine.base import Engine

LIMITS = tuple(field.name for field in fields(Limits))
"""Names under `limits`; the only ones that are there without help of who starts the service."""

Setter = Callable[[Mapping[str, Any]], Awaitable[None]]
Schemas = Mapping[str, Mapping[str, Any]]


class SafeSettings:
    """Limits of the engine, and further settings that whoever starts the service vouches for.

    `more` gives their values; `change` sets some, all or none, or raises a RequestError; `schemas` says in JSON Schema
    what each may be. Security settings (folders, hosts, tokens, hooks, proxies, listeners) must not be among them.
    """

    def __init__(
        self,
        engine: Engine,
        more: Callable[[], Mapping[str, Any]] | None = None,
        change: Setter | None = None,
        schemas: Schemas = MappingProxyType({}),
    ) -> None:
        self.schemas = schemas
        self._engine = engine
        self._more = more
        self._change = change

    def read(self) -> dict[str, Any]:
        """Give every setting."""
        out: dict[str, Any] = {"limits": wire.dump(self._engine.snapshot().limits)}
        if self._more is not None:
            out.update(self._more())
        return out

    async def write(self, wanted: Any) -> dict[str, Any]:
        """Set some and give all.

        Raises:
            RequestError: INVALID_OPTION; nothing was changed.
        """
        if not isinstance(wanted, dict):
            raise RequestError(Code.INVALID_OPTION, "Settings are an object.")
        known = self.read()
        for name in wanted:
            if name not in known or (name != "limits" and self._change is None):
                raise RequestError(Code.INVALID_OPTION, f"There is no setting {str(name)[:40]!r} to be changed here.")
        limits = self.limits(wanted["limits"]) if "limits" in wanted else None
        rest = {name: value for name, value in wanted.items() if name != "limits"}
        if rest and self._change is not None:
            await self._change(rest)
        if limits is not None:
            await self._engine.set_limits(limits)
        return self.read()

    def limits(self, wanted: Any) -> Limits:
        """Give the limits with some of them changed.

        Raises:
            RequestError: INVALID_OPTION.
        """
        given = wire.load(Limits, wanted, at="limits")
        return replace(self._engine.snapshot().limits, **{name: getattr(given, name) for name in wanted})
