"""Where settings, state, sockets and downloads are. `TUI_DOWNLOADS_HOME` puts all of them under one folder."""

from __future__ import annotations

import os
import stat
import sys
import zlib
from collections.abc import Mapping

from msgspec import Struct

from tui_downloads.core.errors import Code, RequestError

APP = "tui-downloads"
HOME = "TUI_DOWNLOADS_HOME"
SOCKET_LIMIT = 100
"""Bytes of a socket's path that every system takes; macOS stops at 104."""


class Paths(Struct, frozen=True):
    """The folders of one user, or of one home. Nothing is made before it is asked for."""

    config: str
    state: str
    runtime: str
    downloads: str
    """The default download folder, where the settings name none."""

    @property
    def settings_file(self) -> str:
        return os.path.join(self.config, "config.toml")

    @property
    def keys_file(self) -> str:
        return os.path.join(self.config, "keys.toml")

    @property
    def database(self) -> str:
        return os.path.join(self.state, "downloads.db")

    @property
    def spool(self) -> str:
        """Where a `get` leaves its history for the next engine."""
        return os.path.join(self.state, "spool")

    @property
    def lock(self) -> str:
        return os.path.join(self.state, "lock")

    @property
    def tokens(self) -> str:
        return os.path.join(self.state, "tokens.json")

    @property
    def log(self) -> str:
        return os.path.join(self.state, f"{APP}.log")

    @property
    def socket(self) -> str:
        """The private socket; in a short folder of ours where the runtime folder's path is too long for a socket."""
        path = os.path.join(self.runtime, "engine.sock")
        if len(os.fsencode(path)) <= SOCKET_LIMIT:
            return path
        return os.path.join(_short_folder(self.state), "engine.sock")

    @property
    def private(self) -> tuple[str, ...]:
        """Folders that downloads never go into."""
        return tuple(dict.fromkeys((self.config, self.state, self.runtime)))


def find(environ: Mapping[str, str] | None = None) -> Paths:
    """Find the folders; nothing is made."""
    environ = os.environ if environ is None else environ
    if home := environ.get(HOME, ""):
        home = os.path.abspath(os.path.expanduser(home))  # noqa: PTH100, PTH111 - text in, text out
        return Paths(*(os.path.join(home, name) for name in ("config", "state", "runtime", "downloads")))
    # Imported here: it costs more than all of config, and a home does without.
    from platformdirs import PlatformDirs

    folders = PlatformDirs(APP, appauthor=False, roaming=False)
    state = folders.user_state_dir
    return Paths(folders.user_config_dir, state, _runtime(environ, state), folders.user_downloads_dir)


def _runtime(environ: Mapping[str, str], state: str) -> str:
    """Give a folder for sockets: the session's own where there is one that is ours, else a short one."""
    folder = environ.get("XDG_RUNTIME_DIR", "")
    if folder.startswith(os.sep) and _is_private(folder):
        return os.path.join(folder, APP)
    return _short_folder(state)


def _short_folder(state: str) -> str:
    # The name depends on the state folder, so that two homes of one user do not meet, and holds no secret.
    mark = f"{zlib.crc32(os.fsencode(state)):08x}"
    user = os.getuid() if hasattr(os, "getuid") else "user"
    base = os.environ.get("TEMP", state) if sys.platform == "win32" else "/tmp"  # noqa: S108 - made 0700, owner checked
    return os.path.join(base, f"{APP}-{user}-{mark}")


def _is_private(folder: str) -> bool:
    try:
        found = os.stat(folder)
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and (not hasattr(os, "getuid") or found.st_uid == os.getuid())


def make_private(folder: str) -> str:
    """Make a folder of ours with mode 0700, whatever the umask, and give it back.

    Raises:
        RequestError: STATE_UNUSABLE when it can't be made, is a link, or belongs to somebody else.
    """
    try:
        os.makedirs(os.path.dirname(folder), mode=0o700, exist_ok=True)
        if not os.path.lexists(folder):
            os.makedirs(folder, mode=0o700, exist_ok=True)
        found = os.lstat(folder)
        if not stat.S_ISDIR(found.st_mode):
            # A link in our own config or state is the user's choice; in a shared folder it may be a trap.
            if not os.path.isdir(folder) or _is_shared(os.path.dirname(folder)):
                raise _unusable(folder, "it is not a folder")
            found = os.stat(folder)
        if hasattr(os, "getuid") and found.st_uid != os.getuid():
            raise _unusable(folder, "it belongs to somebody else")
        if stat.S_IMODE(found.st_mode) != 0o700:
            os.chmod(folder, 0o700)
    except OSError as exc:
        raise _unusable(folder, os.strerror(exc.errno or 0)) from exc
    return folder


def _is_shared(folder: str) -> bool:
    return bool(os.stat(folder).st_mode & 0o002)


def _unusable(folder: str, why: str) -> RequestError:
    return RequestError(
        Code.STATE_UNUSABLE,
        f"The folder can't be used ({why}): {folder}",
        next_step=f"Move it away or fix its permissions, or set {HOME} to another folder.",
    )
