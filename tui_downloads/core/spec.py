"""What is asked for: a new download, its options, secrets, policy, and changes to it."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from .snapshots import EMPTY, Kind


class OnConflict(StrEnum):
    """What to do when the target's name is taken."""

    RENAME = "rename"
    SKIP = "skip"
    OVERWRITE = "overwrite"


class Policy(Struct, frozen=True):
    """What a caller's downloads may reach; kept with each download, and never widened by a restart."""

    private: bool = True
    """Private, loopback and link-local addresses are allowed."""
    allowed: tuple[str, ...] = ()
    """Domains (`example.org`, `*.example.org`); empty allows every one."""
    blocked: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()
    """Absolute folders that downloads may go into; empty allows every one that is not ours."""
    may_choose_proxy: bool = True


class Options(Struct, frozen=True):
    """How a download is to be fetched; None means: as the settings say."""

    connections: int | None = None
    checksum: str | None = None
    """ALGO:HEX."""
    timeout: float | None = None
    """Seconds without a byte before a connection is given up."""
    connect_timeout: float | None = None
    max_time: float | None = None
    """Seconds in all from leaving the queue, pauses excluded."""
    retries: int | None = None
    on_conflict: OnConflict | None = None
    limit: int = 0
    """Bytes a second; 0 is none."""
    min_rate: int = 0
    """Bytes a second below which a connection is replaced; 0 is none."""
    proxy: str | None = None
    """URL without credentials; empty text means no proxy at all."""
    user_agent: str | None = None
    referer: str | None = None
    cacert: str | None = None
    cert: str | None = None
    key: str | None = None
    ip_version: int | None = None
    """4 or 6."""
    interface: str | None = None
    netrc: bool = False
    verify: str = ""
    """`auto` looks for checksum and signature files beside the link."""
    known_hosts: str | None = None
    category: str = ""


class Credentials(Struct, frozen=True):
    """Secrets of one download; stored apart, never shown, never in an event."""

    headers: tuple[tuple[str, str], ...] = ()
    user: str = ""
    password: str = ""
    cookies: str = ""
    """A Netscape cookie file's text."""
    proxy_user: str = ""
    proxy_password: str = ""
    key_password: str = ""
    """Opens the private key of `Options.key`; never sent to a server."""
    extra: Mapping[str, str] = field(default_factory=lambda: EMPTY)
    """Secrets of a source, such as a package's password."""

    def __repr__(self) -> str:
        return "Credentials(…)" if self else "Credentials()"

    def __bool__(self) -> bool:
        return bool(
            self.headers
            or self.user
            or self.password
            or self.cookies
            or self.proxy_user
            or self.proxy_password
            or self.key_password
            or self.extra
        )


class AddRequest(Struct, frozen=True):
    """A download that somebody wants."""

    url: str
    """May carry userinfo; the engine moves it into the credentials. Empty for bundles and exports."""
    kind: Kind | None = None
    """None lets the engine decide by the link."""
    mirrors: tuple[str, ...] = ()
    folder: str | None = None
    """Absolute, or relative to the download folder; None is the download folder (or the category's)."""
    name: str | None = None
    """A single component; None takes the server's."""
    options: Options = field(default_factory=Options)
    credentials: Credentials = field(default_factory=Credentials)
    policy: Policy = field(default_factory=Policy)
    owner: str = "local"
    dialect: str = ""
    priority: int = 0
    paused: bool = False
    start_at: float | None = None
    """Epoch seconds."""
    gid: str | None = None
    title: str = ""
    duplicate: str = "allow"
    """`allow` adds it in any case; `existing` answers with the download that has the same link and target;
    `refuse` raises a Conflict with the code DUPLICATE."""
    top: bool = False
    """Put it before everything of its priority."""
    source: Mapping[str, Any] = field(default_factory=lambda: EMPTY)
    """What its source needs: ids of a bundle, a media preset, chosen files. JSON values, no secrets."""
    meta: Mapping[str, Any] = field(default_factory=lambda: EMPTY)
    """What a face wants to find again; see DownloadView.meta."""

    def with_(self, **changes: Any) -> AddRequest:
        return replace(self, **changes)


class Change(Struct, frozen=True):
    """What to change in a download; None leaves a field as it is."""

    name: str | None = None
    folder: str | None = None
    url: str | None = None
    mirrors: tuple[str, ...] | None = None
    headers: tuple[tuple[str, str], ...] | None = None
    user: str | None = None
    password: str | None = None
    limit: int | None = None
    priority: int | None = None
    connections: int | None = None
    checksum: str | None = None
    """ALGO:HEX, or empty text to drop it."""
    max_time: float | None = None
    selected: frozenset[str] | None = None
    """Ids of the files to fetch."""
    meta: Mapping[str, Any] | None = None
    """Merged into the meta that is there."""
