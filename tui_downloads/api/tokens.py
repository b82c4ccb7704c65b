"""Tokens: who may ask, for what, kept as hashes in one owner-only file.

A token is 256 random bits, shown once and never stored; the file holds its SHA-256, which needs no salt or slow hash
because the token can't be guessed. The file may be changed by another process (`tui-downloads token …`) while the
service runs: it is read again when it has changed.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import re
import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from msgspec.structs import asdict, replace

from tui_downloads.core.errors import Code, Conflict, NotFound, RequestError
from tui_downloads.core.secrecy import Guarded
from tui_downloads.core.snapshots import Kind
from tui_downloads.engine.caller import CONTROL, SCOPES, Caller

PREFIX = "td_"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")
_SMALLEST = 16
"""Bytes that an imported secret must have at least."""

ALIASES = {"url": Kind.LINK, "archive": Kind.BUNDLE, "zip": Kind.BUNDLE, "history": Kind.EXPORT}
"""Words of the dialects for kinds of download."""


class Token(Guarded, frozen=True):
    """What is kept of a token."""

    hidden = frozenset({"digest"})

    name: str
    """The user; survives rotation."""
    digest: str
    """SHA-256 of the token, hex."""
    scope: str = CONTROL
    types: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()
    allowed: tuple[str, ...] = ()
    blocked: tuple[str, ...] = ()
    private: bool = False
    may_choose_proxy: bool = False
    quota_bytes: int = 0
    quota_queued: int = 0
    created_at: float = 0.0
    rotated_at: float | None = None
    expires_at: float | None = None

    def caller(self) -> Caller:
        """Give what the token's user may do."""
        return Caller(
            name=self.name,
            scope=self.scope,
            kinds=frozenset(Kind(kind) for kind in self.types),
            folders=self.folders,
            allowed=self.allowed,
            blocked=self.blocked,
            private=self.private,
            may_choose_proxy=self.may_choose_proxy,
            quota_bytes=self.quota_bytes,
            quota_queued=self.quota_queued,
        )

    def described(self) -> dict[str, Any]:
        """Give what may be shown in a list; no digest."""
        return {key: value for key, value in asdict(self).items() if key != "digest"}


def digest(secret: str) -> str:
    """Hash a token."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


class Tokens:
    """The tokens of a state folder."""

    def __init__(self, path: str | os.PathLike[str], *, now: Callable[[], float] = time.time) -> None:
        self.path = Path(path)
        self._now = now
        # What was read, and the mark of the file it was read from.
        self._tokens: dict[str, Token] = {}
        self._mark: tuple[int, int, int] | None = None
        self._fresh = False

    def list(self) -> list[Token]:
        """Give every token, by name."""
        self._read()
        return [self._tokens[name] for name in sorted(self._tokens)]

    def get(self, name: str) -> Token | None:
        """Give the token of a user, if it has not expired."""
        self._read()
        token = self._tokens.get(name)
        return token if token and not self._expired(token) else None

    def verify(self, secret: str) -> Token | None:
        """Give the token a secret belongs to; every digest is compared, each in constant time."""
        self._read()
        wanted = digest(secret)
        found = None
        for token in self._tokens.values():
            if hmac.compare_digest(token.digest, wanted):
                found = token
        return found if found and not self._expired(found) else None

    def create(
        self,
        name: str,
        *,
        scope: str = CONTROL,
        types: tuple[str, ...] = (),
        folders: tuple[str, ...] = (),
        allowed: tuple[str, ...] = (),
        blocked: tuple[str, ...] = (),
        private: bool = False,
        may_choose_proxy: bool | None = None,
        quota_bytes: int = 0,
        quota_queued: int = 0,
        expires_at: float | None = None,
        secret: str | None = None,
    ) -> str:
        """Make a token and give it; it is shown this once.

        Raises:
            Conflict: the name is taken.
            RequestError: INVALID_OPTION.
        """
        self._read()
        if name in self._tokens:
            step = "Rotate or revoke it, or take another name."
            raise Conflict(f"There is a token {name} already.", code=Code.DUPLICATE, next_step=step)
        secret = _new(secret)
        token = Token(
            name=_name(name),
            digest=digest(secret),
            scope=_scope(scope),
            types=tuple(_kind(kind).value for kind in types),
            folders=tuple(_folder(folder) for folder in folders),
            allowed=allowed,
            blocked=blocked,
            private=private,
            may_choose_proxy=(scope == SCOPES[-1] and private) if may_choose_proxy is None else may_choose_proxy,
            quota_bytes=max(0, quota_bytes),
            quota_queued=max(0, quota_queued),
            created_at=self._now(),
            expires_at=expires_at,
        )
        self._write({**self._tokens, name: token})
        return secret

    def rotate(self, name: str) -> str:
        """Replace a token's secret and give the new one; what was opened with the old one ends.

        Raises:
            NotFound: there is no such token.
        """
        token = self._need(name)
        secret = _new(None)
        self._write({**self._tokens, name: replace(token, digest=digest(secret), rotated_at=self._now())})
        return secret

    def revoke(self, name: str) -> None:
        """Drop a token.

        Raises:
            NotFound: there is no such token.
        """
        self._need(name)
        self._write({key: token for key, token in self._tokens.items() if key != name})

    def _need(self, name: str) -> Token:
        self._read()
        if name not in self._tokens:
            raise NotFound(f"There is no token {name[:64]}.", next_step="See: tui-downloads token list")
        return self._tokens[name]

    def _expired(self, token: Token) -> bool:
        return token.expires_at is not None and token.expires_at <= self._now()

    def _read(self) -> None:
        """Read the file again if it has changed.

        Raises:
            RequestError: STATE_UNUSABLE; a file that can't be understood lets nobody in.
        """
        try:
            status = self.path.stat()
            mark = (status.st_ino, status.st_mtime_ns, status.st_size)
            if mark == self._mark:
                return
            found = json.loads(self.path.read_text("utf-8"))
            self._tokens = {token.name: token for token in map(_parse, found["tokens"])}
            self._mark = mark
        except FileNotFoundError:
            self._tokens, self._mark = {}, None
        except (OSError, ValueError, KeyError, TypeError) as exc:
            self._tokens, self._mark = {}, None
            raise RequestError(Code.STATE_UNUSABLE, "The token file can't be read; nobody is let in.") from exc

    def _write(self, tokens: dict[str, Token]) -> None:
        body = json.dumps({"version": 1, "tokens": [asdict(token) for token in tokens.values()]}, indent=1)
        write_private(self.path, body.encode())
        self._mark = None
        self._read()


def write_private(path: Path, data: bytes) -> None:
    """Write a file that only its owner can read, whole or not at all, whatever the umask."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    fd = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0), 0o600)
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except BaseException:
        with suppress(OSError):
            beside.unlink()
        raise


def _parse(found: dict[str, Any]) -> Token:
    known = set(Token.__struct_fields__)
    clean: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in found.items() if key in known
    }
    token = Token(**clean)
    if token.scope not in SCOPES or len(token.digest) != 64:
        raise ValueError(token.name)
    token.caller()
    return token


def _new(secret: str | None) -> str:
    if secret is None:
        return PREFIX + secrets.token_urlsafe(32)
    if len(secret) < _SMALLEST:
        raise RequestError(Code.INVALID_OPTION, f"A token needs at least {_SMALLEST} characters.")
    return secret


def _name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise RequestError(
            Code.INVALID_OPTION, "A token's name has up to 64 letters, digits, dots, dashes, underscores and @."
        )
    return name


def _scope(scope: str) -> str:
    if scope not in SCOPES:
        raise RequestError(Code.INVALID_OPTION, f"There is no scope {scope[:32]!r}; say {', '.join(SCOPES)}.")
    return scope


def _kind(word: str) -> Kind:
    try:
        return ALIASES.get(word) or Kind(word)
    except ValueError:
        known = ", ".join([*Kind, *ALIASES])
        raise RequestError(Code.INVALID_OPTION, f"There is no type {word[:32]!r}; say {known}.") from None


def _folder(folder: str) -> str:
    path = Path(folder).expanduser()
    if not path.is_absolute():
        raise RequestError(Code.INVALID_OPTION, f"{folder[:200]!r} is not an absolute folder.")
    return os.path.normpath(path)
