"""Saved remotes: names for services elsewhere, in `remotes.toml` beside the settings; tokens stay in files."""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct
from msgspec.structs import asdict

from tui_downloads.config import paths as folders
from tui_downloads.core.errors import Code, Conflict, RequestError

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
LARGEST_TOKEN = 4096


class Remote(Struct, frozen=True):
    """Where a service is and how to be let in."""

    address: str
    """URL, HOST:PORT, ssh://[user@]host or the path of a Unix socket."""
    token_file: str = ""
    pin: str = ""
    """SHA-256 of the server's certificate."""
    read_only: bool = False


class Remotes:
    """The saved remotes of a user."""

    def __init__(self, path: str | None = None) -> None:
        self.path = path or os.path.join(folders.find().config, "remotes.toml")

    def all(self) -> Mapping[str, Remote]:
        """Give every remote by name.

        Raises:
            RequestError: the file has a mistake.
        """
        try:
            with open(self.path, "rb") as file:
                found = tomllib.load(file)
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            raise RequestError(
                Code.INVALID_OPTION, f"The saved remotes can't be read: {self.path}: {error}", next_step="Correct it."
            ) from None
        return {name: self._read(name, table) for name, table in sorted(found.items())}

    def _read(self, name: str, table: Any) -> Remote:
        known = set(Remote.__struct_fields__)
        wrong = not isinstance(table, dict) or not isinstance(table.get("address"), str) or set(table) - known
        if wrong or not all(isinstance(value, str | bool) for value in table.values()):
            raise RequestError(
                Code.INVALID_OPTION,
                f"The remote {name} in {self.path} is not understood.",
                next_step=f"It takes {', '.join(sorted(known))}; or save it again with: tui-downloads remote add",
            )
        return Remote(**table)

    def get(self, name: str) -> Remote:
        """Give a remote.

        Raises:
            RequestError: NOT_FOUND; there is none of this name.
        """
        known = self.all()
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            hint = f"Did you mean {near[0]}?" if near else "Saved ones are shown by: tui-downloads remote list"
            raise RequestError(Code.NOT_FOUND, f"There is no saved remote {name[:64]}.", next_step=hint)
        return known[name]

    def add(self, name: str, remote: Remote, *, replace: bool = False) -> None:
        """Save a remote.

        Raises:
            Conflict: the name is taken.
            RequestError: INVALID_OPTION.
        """
        if not _NAME.fullmatch(name):
            raise RequestError(Code.INVALID_OPTION, "A remote's name has letters, digits, dots, dashes, underscores.")
        known = dict(self.all())
        if name in known and not replace:
            step = "Take another name, or give --replace."
            raise Conflict(f"There is a remote {name} already.", code=Code.DUPLICATE, next_step=step)
        self._write({**known, name: remote})

    def remove(self, name: str) -> None:
        """Forget a remote; its token file stays.

        Raises:
            RequestError: NOT_FOUND; there is none of this name.
        """
        self.get(name)
        self._write({key: remote for key, remote in self.all().items() if key != name})

    def _write(self, remotes: Mapping[str, Remote]) -> None:
        # Imported here: reading does not need them.
        import tomlkit

        from tui_downloads.api.tokens import write_private

        document = tomlkit.document()
        for name, remote in remotes.items():
            document[name] = {key: value for key, value in asdict(remote).items() if value}
        folders.make_private(os.path.dirname(self.path))
        write_private(Path(self.path), tomlkit.dumps(document).encode())


def read_token(path: str) -> str:
    """Read a token file; a token is never given as an argument, where every process could see it.

    Raises:
        RequestError: INVALID_OPTION.
    """
    if not path:
        return ""
    try:
        with open(os.path.expanduser(path), encoding="utf-8") as file:
            text = file.read(LARGEST_TOKEN + 1).strip()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not text"
        raise RequestError(
            Code.INVALID_OPTION, f"The token file can't be read: {path}: {why}.", next_step="Check its path."
        ) from None
    if not text or len(text) > LARGEST_TOKEN or any(char.isspace() or not char.isprintable() for char in text):
        raise RequestError(
            Code.INVALID_OPTION,
            f"The token file holds no token: {path}",
            next_step="It holds one token and nothing else.",
        )
    return text
