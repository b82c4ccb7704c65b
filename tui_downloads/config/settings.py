"""Every setting, its default and what it does, in one place. The file, the environment and flags only fill it.

Sizes are bytes and rates bytes a second; a file may write them as "10M". Durations are seconds, or "1h30m". A field
not marked RESTART takes effect while the program runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from tui_downloads.core.snapshots import Limits
from tui_downloads.core.spec import OnConflict, Policy

# Names of units: the loader reads them off the annotations.
DIALECTS = ("native", "aria2", "hoody", "bridge", "offlinetube", "masv", "alfresco")
Size = int
Duration = float
Clock = int

RESTART: Mapping[str, Any] = {"live": False}
SECRET: Mapping[str, Any] = {"secret": True}
"""Shown as set or not, never what it is."""


@dataclass(frozen=True)
class ProxySettings:
    """Through what requests go. Empty values leave it to the environment: `http_proxy`, `no_proxy` and their like."""

    http: str = field(default="", repr=False, metadata=SECRET)
    """Proxy for http links: `http://`, `https://`, `socks4a://` or `socks5h://`, user and password included."""
    https: str = field(default="", repr=False, metadata=SECRET)
    """Proxy for https links."""
    all: str = field(default="", repr=False, metadata=SECRET)
    """Proxy for every link that has none of its own; `direct` means none, whatever the environment says."""
    no_proxy: tuple[str, ...] = ()
    """Hosts (`example.org`, `.example.org`, `10.0.0.0/8`) that are reached directly."""
    proxy_filters: bool = False
    """The proxy is trusted to refuse private addresses, so restricted callers may use it."""


@dataclass(frozen=True)
class PolicySettings:
    """What downloads of this user may reach."""

    private: bool = True
    """Private, loopback and link-local addresses are allowed."""
    allowed: tuple[str, ...] = ()
    """Only these domains (`example.org`, `*.example.org`); empty allows every one."""
    blocked: tuple[str, ...] = ()
    """Domains that are refused."""

    def policy(self) -> Policy:
        """Give the policy of our own downloads."""
        return Policy(private=self.private, allowed=self.allowed, blocked=self.blocked)


@dataclass(frozen=True)
class EndpointSettings:
    """The HTTP endpoint. It is off until it is asked for; none of this can be set over the API."""

    listen: tuple[str, ...] = field(default=(), metadata=RESTART)
    """`ADDR:PORT[,no-auth][,dialect=NAME]` for each listener beside the private socket."""
    allow_hosts: tuple[str, ...] = ()
    """Names, besides loopback and the listener's own address, under which the API may be asked for."""
    allow_origins: tuple[str, ...] = ()
    """Web origins (`https://example.org`) whose pages may use the API."""
    allow_download: bool = True
    """Downloads may be started by GET at the combined root, as our own screen does."""
    strict_allow_download: bool = False
    """The same for the strict mount and for listeners with `dialect=hoody`."""
    combined_root: bool = field(default=True, metadata=RESTART)
    """Every dialect is also served at the root."""
    dialects: tuple[str, ...] = field(default=DIALECTS, metadata=RESTART)
    """Dialects that are served."""
    tls_cert: str = field(default="", metadata=RESTART)
    """Certificate file for TCP listeners; empty serves plain HTTP."""
    tls_key: str = field(default="", metadata=RESTART)
    """Key file of the certificate."""
    aria2_secret: str = field(default="", repr=False, metadata=SECRET)
    """aria2's own token, accepted besides the tokens of this service."""
    max_running: int = 0
    """Running jobs past which a dialect answers 429; 0 is no limit."""
    masv_api: str = "https://api.massive.app/v1"
    """Base of the MASV API that packages are fetched from."""
    alfresco_max_content: Size = 2_152_852_358
    """Most bytes in a zip that the Alfresco dialect makes; 0 is no limit."""
    alfresco_cleaner_age: Duration = 3600.0
    """Age at which download nodes of the Alfresco dialect are removed."""


@dataclass(frozen=True)
class ScreenSettings:
    """How the screen looks and behaves."""

    theme: str = "dark"
    """`dark`, `light`, or the name of any theme that Textual brings."""
    keys: str = field(default="", metadata=RESTART)
    """A TOML file with `binding = "key,key"` lines; empty is `keys.toml` beside the settings."""
    density: str = "compact"
    """`compact` is one line for a download, `comfortable` two."""
    ascii: bool | None = None
    """Draw with ASCII only; unset decides by the locale."""
    plain: bool = field(default=False, metadata=RESTART)
    """For screen readers: no boxes, bars or graphs, and nothing is redrawn that did not change."""
    tick: Duration = 0.5
    """Time between two looks at the engine."""
    slow_tick: Duration = 1.0
    """The same over SSH, and while the terminal has no focus."""
    confirm: bool = True
    """Ask before something is lost that can't be undone."""
    columns: tuple[str, ...] = ()
    """Columns to show, in order; empty shows what fits."""
    bell: bool = False
    """Ring the terminal's bell when a download ends."""
    notify: bool = False
    """Send a desktop notification through the terminal when a download ends."""
    progress: bool = False
    """Show progress on the terminal's tab."""
    title: bool = True
    """Set the terminal's title."""


@dataclass(frozen=True)
class HistorySettings:
    """What is remembered of ended downloads. Files are never deleted by it."""

    enabled: bool = True
    """Remember ended downloads; off drops them when the program ends."""
    keep_days: int = 0
    """Days after which ended downloads leave the history; 0 keeps them."""
    keep_rows: int = 0
    """Ended downloads to keep, newest first; 0 keeps all."""


@dataclass(frozen=True)
class HookSettings:
    """Programs and addresses that are told. A program gets its values in the environment, never in its arguments."""

    on_added: tuple[str, ...] = ()
    """Program and arguments, run when a download was added."""
    on_complete: tuple[str, ...] = ()
    """Run when a download is complete."""
    on_failed: tuple[str, ...] = ()
    """Run when a download failed."""
    on_all_done: tuple[str, ...] = ()
    """Run when nothing is left to do."""
    timeout: Duration = 60.0
    """Time after which a program or an address is given up."""
    webhooks: tuple[str, ...] = field(default=(), repr=False, metadata=SECRET)
    """Links that get the event as JSON by POST, with retries."""


@dataclass(frozen=True)
class MediaSettings:
    """Media pages, fetched with the extra `media`."""

    preset: str = "best"
    """What to take when nothing is chosen, such as `best`, `1080p`, `720p` or `audio`."""
    ffmpeg: str = ""
    """Path of ffmpeg; empty searches for it."""


@dataclass(frozen=True)
class LogSettings:
    """The log."""

    file: str = field(default="", metadata=RESTART)
    """Where it goes; empty is `tui-downloads.log` in the state folder."""
    level: str = "info"
    """`debug`, `info`, `warning` or `error`."""


@dataclass(frozen=True)
class Category:
    """Where some downloads go: every condition that is given must hold."""

    folder: str
    """Folder for them, absolute or in the download folder."""
    name: str = ""
    """Shown in lists; empty is the folder."""
    hosts: tuple[str, ...] = ()
    """Hosts (`example.org`, `*.example.org`)."""
    types: tuple[str, ...] = ()
    """Extensions (`iso`) or content types (`video/*`)."""
    pattern: str = ""
    """A pattern of the name, such as `*-amd64.*`."""

    def matches(self, *, host: str, name: str, content_type: str = "") -> bool:
        """Say whether a download belongs here."""
        host, name, kind = host.lower(), name.lower(), content_type.partition(";")[0].strip().lower()
        if self.hosts and not any(fnmatchcase(host, pattern.lower()) for pattern in self.hosts):
            return False
        if self.types and not any(_is_type(wanted.lower(), name, kind) for wanted in self.types):
            return False
        return not self.pattern or fnmatchcase(name, self.pattern.lower())


def _is_type(wanted: str, name: str, kind: str) -> bool:
    return fnmatchcase(kind, wanted) if "/" in wanted else name.endswith("." + wanted.lstrip("."))


@dataclass(frozen=True)
class ScheduleRule:
    """Other limits at some times of day; the first rule that holds decides."""

    start: Clock
    """Time of day at which it begins, such as "08:00"."""
    end: Clock
    """Time of day at which it ends; before `start` it ends on the next day."""
    days: tuple[str, ...] = ()
    """Days on which it begins: `mon tue wed thu fri sat sun`; empty is every day."""
    rate: Size | None = None
    """Bytes a second for everything; 0 is no limit."""
    downloads: int | None = None
    """Downloads at once."""

    def holds(self, weekday: int, second: int) -> bool:
        """Say whether the rule holds; Monday is 0, and seconds count from midnight."""
        if self.start <= self.end:
            return self._on(weekday) and self.start <= second < self.end
        return (self._on(weekday) and second >= self.start) or (self._on((weekday - 1) % 7) and second < self.end)

    def _on(self, weekday: int) -> bool:
        return not self.days or DAYS[weekday] in self.days


DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@dataclass(frozen=True)
class Settings:
    """Settings of everything; each stands at the top of the file, or in the section of its name."""

    folder: str = ""
    """Where downloads go; empty is the Downloads folder of the system."""
    downloads: int = 5
    """Downloads at once."""
    connections: int = 64
    """Connections at once, in all."""
    per_host: int = 16
    """Connections at once to one host."""
    per_download: int = 8
    """Connections at once for one download."""
    rate: Size = 0
    """Bytes a second for everything; 0 is no limit."""
    rate_per_host: Size = 0
    """Bytes a second for each host; 0 is no limit."""
    rate_per_download: Size = 0
    """Bytes a second for each download; 0 is no limit."""
    timeout: Duration = 60.0
    """Time without a byte after which a connection is given up."""
    connect_timeout: Duration = 30.0
    """Time a connection may take to be made."""
    max_time: Duration | None = None
    """Time a download may take in all, pauses excluded; unset is no limit."""
    retries: int = 5
    """Tries after a failure that may pass by itself."""
    on_conflict: OnConflict = OnConflict.RENAME
    """What to do when the name is taken: `rename`, `skip` or `overwrite`."""
    user_agent: str = ""
    """What we call ourselves; empty is `tui-downloads/VERSION`."""
    verify_digests: bool = True
    """Hold files against the digests that servers send."""
    name_template: str = ""
    """Name of new files, such as `{date}-{name}`; empty takes the server's."""
    bundle_keep: Duration = field(default=0.0, metadata=RESTART)
    """Age at which zips made of downloads are removed, where whoever asked for one did not say; 0 keeps them."""
    proxy: ProxySettings = field(default_factory=ProxySettings)
    """Proxies."""
    policy: PolicySettings = field(default_factory=PolicySettings)
    """What may be reached."""
    endpoint: EndpointSettings = field(default_factory=EndpointSettings)
    """The HTTP endpoint."""
    screen: ScreenSettings = field(default_factory=ScreenSettings)
    """The screen."""
    history: HistorySettings = field(default_factory=HistorySettings)
    """The history."""
    hooks: HookSettings = field(default_factory=HookSettings)
    """Programs and addresses that are told."""
    media: MediaSettings = field(default_factory=MediaSettings)
    """Media pages."""
    log: LogSettings = field(default_factory=LogSettings)
    """The log."""
    categories: tuple[Category, ...] = ()
    """Rules by which downloads get their folder; the first that matches decides."""
    schedule: tuple[ScheduleRule, ...] = ()
    """Limits by time of day."""

    def limits(self, weekday: int | None = None, second: int = 0) -> Limits:
        """Give the limits in force, at a time of the week where the schedule is to be asked."""
        rate, downloads = self.rate, self.downloads
        rule = None if weekday is None else self.rule_at(weekday, second)
        if rule is not None:
            rate = rate if rule.rate is None else rule.rate
            downloads = downloads if rule.downloads is None else rule.downloads
        return Limits(
            downloads=downloads,
            connections=self.connections,
            per_host=self.per_host,
            per_download=self.per_download,
            rate=rate,
            rate_per_host=self.rate_per_host,
            rate_per_download=self.rate_per_download,
        )

    def rule_at(self, weekday: int, second: int) -> ScheduleRule | None:
        """Give the rule of the schedule that holds at a time of the week."""
        return next((rule for rule in self.schedule if rule.holds(weekday, second)), None)

    def category(self, *, host: str, name: str, content_type: str = "") -> Category | None:
        """Give the first category that a download belongs to."""
        for category in self.categories:
            if category.matches(host=host, name=name, content_type=content_type):
                return category
        return None


SECTIONS: Mapping[str, type] = {
    "proxy": ProxySettings,
    "policy": PolicySettings,
    "endpoint": EndpointSettings,
    "screen": ScreenSettings,
    "history": HistorySettings,
    "hooks": HookSettings,
    "media": MediaSettings,
    "log": LogSettings,
}
LISTS: Mapping[str, type] = {"categories": Category, "schedule": ScheduleRule}

REMOTE = frozenset(
    {
        "downloads", "connections", "per_host", "per_download", "rate", "rate_per_host", "rate_per_download",
        "timeout", "connect_timeout", "max_time", "retries", "on_conflict", "verify_digests",
        "history.keep_days", "history.keep_rows", "media.preset",
    }
)  # fmt: skip
"""What may be set over the API: figures, and nothing that reaches the disk, the network's borders or a program."""

CHOICES: Mapping[str, tuple[str, ...]] = {
    "screen.density": ("compact", "comfortable"),
    "log.level": ("debug", "info", "warning", "error"),
    "on_conflict": tuple(choice.value for choice in OnConflict),
    "endpoint.dialects": DIALECTS,
}
LEAST: Mapping[str, float] = {
    "downloads": 1,
    "connections": 1,
    "per_host": 1,
    "per_download": 1,
    "timeout": 0.001,
    "connect_timeout": 0.001,
    "max_time": 0.001,
    "screen.tick": 0.05,
    "screen.slow_tick": 0.05,
    "hooks.timeout": 0.001,
}
"""Smallest values; where nothing is said it is 0."""
