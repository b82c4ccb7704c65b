"""What is typed into the add dialog, judged line by line while it is typed."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Mapping

from msgspec import Struct
from msgspec.structs import replace

from tui_downloads.core.curl_command import CurlCommand, looks_like_curl, parse_curl
from tui_downloads.core.errors import TuiDownloadsError
from tui_downloads.core.link_list import Entry, to_request
from tui_downloads.core.links import parse_link
from tui_downloads.core.patterns import expand
from tui_downloads.core.secrecy import Guarded
from tui_downloads.core.snapshots import DownloadView
from tui_downloads.core.spec import AddRequest

MOST_LINES = 5000
_OPTION = re.compile(r"[ \t]+([A-Za-z0-9-]+)=(.*)")
_LINK = re.compile(r"^(?:https?|ftp(?:e?s)?|sftp)://\S+$", re.IGNORECASE)


class Verdict(Guarded, frozen=True):
    """What one line would become."""

    hidden = frozenset({"text", "entry"})

    text: str
    """The link that would be added, userinfo included; empty when it is refused."""
    shown: str
    """The line as it may be shown, without secrets."""
    problem: str = ""
    twin: DownloadView | None = None
    """The download that has this link already."""
    curl: CurlCommand | None = None
    entry: Entry | None = None
    """The link with the mirrors and options of its own that were written with it."""

    @property
    def ok(self) -> bool:
        return not self.problem

    @property
    def own(self) -> str:
        """Say what a line brings along besides its link."""
        if self.curl:
            return "curl command understood"
        if self.entry is None:
            return ""
        counts = ((len(self.entry.urls) - 1, "mirror"), (len(self.entry.options), "option"))
        return ", ".join(f"{count} {name}{'s' * (count > 1)}" for count, name in counts if count)


class Added(Struct, frozen=True):
    """What the dialog was closed with."""

    requests: tuple[AddRequest, ...]
    twins: tuple[DownloadView, ...] = ()
    """Downloads that have the same link as one of the requests."""
    duplicate: str = "ask"
    left_out: int = 0
    """Lines that could not be added."""


def looks_like_links(text: str) -> bool:
    """Say whether pasted text has a link or a curl command in it, so that it may open the add dialog.

    One line that is a link is enough: the dialog says of each other line what is wrong with it.
    """
    lines = text.strip().splitlines()[:MOST_LINES]
    return bool(lines) and (looks_like_curl(text) or any(_LINK.match(line.strip()) for line in lines))


def judge(text: str, known: Mapping[str, DownloadView]) -> list[Verdict]:
    """Judge every link; `known` maps links to downloads that have them.

    A line may hold mirrors after tabs and a pattern, and options may stand indented below it, as in a list for `-i`.
    """
    verdicts: list[Verdict] = []
    seen: set[str] = set()
    for entry in _entries(text):
        for verdict in _judge_entry(entry, known):
            if len(verdicts) == MOST_LINES:
                return verdicts
            if verdict.ok and verdict.text in seen:
                verdict = Verdict("", verdict.shown, "The same link stands above.")
            seen.add(verdict.text)
            verdicts.append(verdict)
    return verdicts


def _entries(text: str) -> list[Entry]:
    joined = text.replace("\\\r\n", " ").replace("\\\n", " ")
    # A curl command may hold quoted line breaks, so it is taken whole.
    if looks_like_curl(joined) and joined.count("curl ") == 1:
        return [Entry(1, [joined.strip()])]
    entries: list[Entry] = []
    for number, line in enumerate(joined.splitlines(), 1):
        option = _OPTION.fullmatch(line)
        if option and entries:
            entries[-1].options.append((option[1].lower(), option[2].strip()))
        elif line.strip() and not line.lstrip().startswith("#"):
            entries.append(Entry(number, [part.strip() for part in line.split("\t") if part.strip()]))
            if len(entries) == MOST_LINES:
                break
    return entries


def _judge_entry(entry: Entry, known: Mapping[str, DownloadView]) -> list[Verdict]:
    line, *mirrors = entry.urls
    if looks_like_curl(line):
        return [_judge_line(line, known)]
    try:
        links = expand(line, most=MOST_LINES)
        for mirror in mirrors:
            parse_link(mirror)
        to_request(entry, AddRequest(""))
    except TuiDownloadsError as error:
        return [Verdict("", _shown(line), error.message)]
    verdicts = [_judge_line(link, known) for link in links]
    if not mirrors and not entry.options:
        return verdicts
    return [replace(verdict, entry=replace(entry, urls=[verdict.text, *mirrors])) for verdict in verdicts]


def _judge_line(line: str, known: Mapping[str, DownloadView]) -> Verdict:
    curl = None
    try:
        if looks_like_curl(line):
            curl = parse_curl(line)
            line = curl.url
        link = parse_link(line)
    except TuiDownloadsError as error:
        return Verdict("", _shown(line), error.message)
    return Verdict(line, link.display, "", known.get(link.url_without_userinfo), curl)


def _shown(line: str) -> str:
    return "curl …" if looks_like_curl(line) else re.sub(r"//[^/@\s]*@", "//", line)[:200]


def known_links(views: Iterable[DownloadView]) -> dict[str, DownloadView]:
    """Map links to the downloads that have them."""
    return {view.url: view for view in views}


def parse_headers(text: str) -> tuple[tuple[str, str], ...]:
    """Read `Name: value` lines.

    Raises:
        ValueError: a line is not a header; the message says which.
    """
    headers = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        name, colon, value = line.partition(":")
        if not colon or not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name.strip()):
            raise ValueError(f"Header {number} is not of the form Name: value.")
        headers.append((name.strip(), value.strip()))
    return tuple(headers)


def parse_start(text: str, now: float) -> float | None:
    """Read when to start: empty is at once, `22:30` the next such time, `+45m` or `+2h` from now.

    Raises:
        ValueError: it is none of these.
    """
    text = text.strip().lower()
    if not text or text == "now":
        return None
    later = re.fullmatch(r"\+?\s*(\d{1,5})\s*(s|m|min|h|d)", text)
    if later:
        return now + int(later.group(1)) * {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}[later.group(2)]
    daily = re.fullmatch(r"(\d{1,2}):(\d{2})", text)
    if daily and int(daily.group(1)) < 24 and int(daily.group(2)) < 60:
        today = time.localtime(now)
        at = time.mktime((*today[:3], int(daily.group(1)), int(daily.group(2)), 0, 0, 0, -1))
        return at if at > now else at + 86400
    raise ValueError("Write a time such as 22:30, or a delay such as +45m or +2h.")
