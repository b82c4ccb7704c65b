"""Puts a service together from settings: engine, lock, endpoint, dialects; used by `serve` and by the screen."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from msgspec import Struct

from tui_downloads.config import paths as folders
from tui_downloads.config.load import load
from tui_downloads.config.settings import Settings
from tui_downloads.engine.embedded import EmbeddedEngine
from tui_downloads.engine.rules import Rules

from .setup import defaults, embedded_setup

if TYPE_CHECKING:
    from tui_downloads.api.app import DialectFactory
    from tui_downloads.api.native.settings import SafeSettings
    from tui_downloads.daemon import Daemon, Plan
    from tui_downloads.engine.lock import EngineLock

DIALECTS = {
    "aria2": "tui_downloads.api.aria2.application",
    "bridge": "tui_downloads.api.dialects.bridge",
    "offlinetube": "tui_downloads.api.dialects.offlinetube",
    "masv": "tui_downloads.api.dialects.masv",
    "alfresco": "tui_downloads.api.dialects.alfresco",
    "hoody": "tui_downloads.api.dialects.hoody",
}
"""The modules of the dialects, each with a `make`; in the order in which they own what two of them define."""


class House(Struct):
    """What one process runs on: its folders, its settings, its engine."""

    paths: folders.Paths
    settings: Settings
    engine: EmbeddedEngine

    @classmethod
    def open(cls) -> House:
        """Read the settings and make the engine; nothing is started.

        Raises:
            RequestError: the settings hold a mistake, or the state folder can't be used.
        """
        paths = folders.find()
        settings = load(paths.settings_file)
        folders.make_private(paths.state)
        return cls(paths, settings, EmbeddedEngine(embedded_setup(settings, paths)))

    async def reload(self) -> None:
        """Read the settings again and apply what may change while running.

        Raises:
            RequestError: the file has a mistake; everything stays as it was.
        """
        await self._renew()
        await self.engine.set_limits(self.settings.limits())

    async def _renew(self) -> None:
        """Read the settings again and apply all but the limits, which may have been changed while running.

        Raises:
            RequestError: the file has a mistake; everything stays as it was.
        """
        settings = load(self.paths.settings_file)
        self.settings = settings
        await self.engine.set_defaults(defaults(settings))
        await self.engine.set_rules(Rules.of(settings))

    def _safe_settings(self) -> SafeSettings:
        from tui_downloads.api.native.settings import SafeSettings

        from .afar import AfarSettings, schemas

        afar = AfarSettings(self.paths.settings_file, lambda: self.settings, self._renew)
        return SafeSettings(self.engine, afar.read, afar.change, schemas())

    def plan(
        self,
        listen: Sequence[str] = (),
        *,
        what: str,
        allow_remote: bool = False,
        allow_hosts: Sequence[str] = (),
        allow_download: bool = False,
        tls: tuple[str, str] = ("", ""),
    ) -> Plan:
        """Say where the service lives and listens: at `listen` and where the settings say.

        Raises:
            RequestError: a listener can't be read, or the runtime folder can't be used.
        """
        from tui_downloads.daemon import make_plan

        folders.make_private(self.paths.runtime)
        return make_plan(
            self.settings,
            self.paths,
            listen=listen,
            allow_remote=allow_remote,
            allow_hosts=allow_hosts,
            allow_download=allow_download,
            tls=tls,
            what=what,
        )

    def daemon(self, plan: Plan, *, lock: EngineLock | None = None, say: object = None) -> Daemon:
        """Make the service over this house's engine."""
        from tui_downloads.daemon import Daemon

        folders.make_private(self.paths.runtime)
        folders.make_private(self.paths.socket.rpartition("/")[0])
        return Daemon(
            self.engine,
            plan,
            dialects=dialects(self.settings.endpoint.dialects),
            lock=lock,
            reload=self.reload,
            say=say if callable(say) else (lambda text: None),
            safe_settings=self._safe_settings(),
            told=lambda text: self.engine.tell(endpoint=text),
        )


def dialects(names: Sequence[str]) -> list[DialectFactory]:
    """Give the factories of the dialects that are to be served, in their order."""
    return [importlib.import_module(module).make for name, module in DIALECTS.items() if name in names]
