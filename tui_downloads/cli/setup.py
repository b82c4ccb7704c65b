"""From settings and flags to the setup of an engine; the only place besides the service where an engine is chosen."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from tui_downloads.config import paths as folders
from tui_downloads.core.snapshots import Limits
from tui_downloads.engine.embedded import Setup
from tui_downloads.engine.services import Defaults

if TYPE_CHECKING:
    from tui_downloads.config.settings import Settings


def defaults(settings: Settings) -> Defaults:
    """Give what a download gets that says nothing itself."""
    return Defaults(
        timeout=settings.timeout,
        connect_timeout=settings.connect_timeout,
        max_time=settings.max_time,
        retries=settings.retries,
        on_conflict=settings.on_conflict,
        user_agent=settings.user_agent or None,
        no_proxy=",".join(settings.proxy.no_proxy) or None,
        proxy=_proxy(settings.proxy.all),
        proxies=tuple(
            (scheme, proxy)
            for scheme, text in (("http", settings.proxy.http), ("https", settings.proxy.https))
            if (proxy := _proxy(text)) is not None
        ),
        proxy_filters=settings.proxy.proxy_filters,
        verify_digests=settings.verify_digests,
    )


def _proxy(chosen: str) -> str | None:
    """One proxy, or none named: then the environment decides. `direct` is no proxy at all."""
    return "" if chosen == "direct" else chosen or None


def foreground_setup(folder: str, parallel: int, rate: int, *, history: bool) -> Setup:
    """Give the setup of a `get`: no list, no lock; what it finishes goes to the spool.

    Raises:
        RequestError: the settings hold a mistake.
    """
    paths = folders.find()
    limits, usual, remembered = Limits(), Defaults(), True
    extras: dict[str, Any] = {}
    if _says_anything(paths.settings_file):
        # Imported only where there is something to read: `get` shall send its first byte soon.
        from tui_downloads.config.load import load

        settings = load(paths.settings_file)
        limits, usual, remembered = settings.limits(), defaults(settings), settings.history.enabled
        extras = _extras(settings)
    limits = replace(limits, downloads=parallel, connections=max(256, parallel))
    return Setup(
        folder=folder,
        spool=paths.spool,
        foreground=True,
        limits=replace(limits, rate=rate or limits.rate, per_host=max(limits.per_host, parallel)),
        defaults=usual,
        forbidden=paths.private,
        history=history and remembered,
        name="get",
        extras=extras,
    )


def _extras(settings: Settings) -> dict[str, Any]:
    """Give what the sources of packages, media pages and bundles want to know."""
    return {
        "masv_api": settings.endpoint.masv_api, "media": settings.media, "bundle_keep": settings.bundle_keep,
    }  # fmt: skip


def _says_anything(file: str) -> bool:
    """Say whether a settings file or the environment may hold a setting."""
    return os.path.exists(file) or any(
        name.startswith("TUI_DOWNLOADS_") and name != folders.HOME for name in os.environ
    )


def embedded_setup(settings: Settings, paths: folders.Paths) -> Setup:
    """Give the setup of the screen's or the service's own engine."""
    from tui_downloads.engine.rules import Rules  # reads the settings' classes, which a `get` does without

    return Setup(
        folder=settings.folder or paths.downloads,
        database=paths.database,
        spool=paths.spool,
        limits=settings.limits(),
        defaults=defaults(settings),
        forbidden=paths.private,
        history=settings.history.enabled,
        rules=Rules.of(settings),
        extras=_extras(settings),
    )
