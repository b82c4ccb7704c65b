"""aria2's command line read: long and short options, switches with and without values, and its configuration file."""

from __future__ import annotations

from collections.abc import Sequence

import click
from msgspec import Struct, field

from .link_options import absolute, lines_of

SHORT = {
    "d": "dir", "o": "out", "i": "input-file", "x": "max-connection-per-server", "s": "split", "l": "log",
    "j": "max-concurrent-downloads", "c": "continue", "q": "quiet", "D": "daemon", "U": "user-agent", "t": "timeout",
    "m": "max-tries", "Z": "force-sequential", "k": "min-split-size", "V": "check-integrity", "P": "parameterized-uri",
    "R": "remote-time",
}  # fmt: skip
SWITCHES = frozenset(
    {
        "enable-rpc", "rpc-listen-all", "rpc-allow-origin-all", "quiet", "daemon", "continue", "force-sequential",
        "parameterized-uri", "allow-overwrite", "auto-file-renaming", "check-certificate", "no-conf", "check-integrity",
        "remote-time", "always-resume", "conditional-get", "disable-ipv6", "async-dns", "enable-color",
        "human-readable", "rpc-secure", "rpc-save-upload-metadata", "force-save", "pause", "no-netrc",
    }
)  # fmt: skip
"""Take true or false, and mean true when they stand alone."""
VALUES = frozenset(
    {
        "dir", "out", "input-file", "save-session", "save-session-interval", "conf-path", "log", "log-level",
        "rpc-listen-port", "rpc-secret", "max-concurrent-downloads", "max-connection-per-server", "split",
        "max-overall-download-limit", "max-download-limit", "header", "user-agent", "referer", "all-proxy",
        "http-proxy", "https-proxy", "checksum", "timeout", "connect-timeout", "max-tries", "load-cookies",
        "http-user", "http-passwd", "ca-certificate", "certificate", "private-key", "interface",
    }
)  # fmt: skip
"""Have a meaning here."""
SILENT = frozenset(
    {
        "file-allocation", "continue", "min-split-size", "auto-file-renaming", "rpc-allow-origin-all", "no-conf",
        "always-resume", "remote-time", "async-dns", "enable-color", "human-readable", "force-save",
        "auto-save-interval",
        "summary-interval", "console-log-level", "disk-cache", "max-resume-failure-tries", "show-console-readout",
        "check-integrity", "conditional-get", "piece-length", "rpc-max-request-size", "stream-piece-selector",
        "rpc-save-upload-metadata", "no-netrc", "download-result", "retry-wait",
    }
)  # fmt: skip
"""What they ask for happens anyway, or changes nothing that can be seen."""
FOR_GET = {
    "dir": "-d", "out": "-o", "max-concurrent-downloads": "-j", "user-agent": "--user-agent", "referer": "--referer",
    "input-file": "-i", "max-download-limit": "--limit", "max-overall-download-limit": "--limit-all",
    "timeout": "--timeout", "connect-timeout": "--connect-timeout", "load-cookies": "--cookies",
    "ca-certificate": "--cacert", "certificate": "--cert", "private-key": "--key", "interface": "--interface",
}  # fmt: skip
PATHS = frozenset({"dir", "input-file", "save-session", "conf-path", "log"})


class Words(Struct):
    """A command line of aria2."""

    options: dict[str, list[str]] = field(default_factory=dict)
    links: list[str] = field(default_factory=list)
    ignored: set[str] = field(default_factory=set)

    def get(self, name: str, default: str = "") -> str:
        """Give the last value of an option."""
        return self.options[name][-1] if name in self.options else default

    def on(self, name: str) -> bool:
        """Say whether a switch is on."""
        return self.get(name) == "true"

    def number(self, name: str, default: int) -> int:
        """Give a whole number.

        Raises:
            click.UsageError: it is none.
        """
        text = self.get(name, str(default))
        if not (text.isascii() and text.isdigit() and len(text) < 10):
            raise click.UsageError(f"--{name} takes a whole number.")
        return int(text)

    def for_get(self) -> list[str]:
        """Say the same to `get`; the links come after it."""
        found = [word for name, flag in FOR_GET.items() if name in self.options for word in (flag, self.get(name))]
        for header in self.options.get("header", []):
            found += ["-H", header]
        if wanted := [self.number(name, 1) for name in ("max-connection-per-server", "split") if name in self.options]:
            found += ["-x", str(max(1, min(64, *wanted, 64)))]
        if "checksum" in self.options:
            found += ["--checksum", self.get("checksum").replace("=", ":", 1)]
        if proxy := self.get("all-proxy") or self.get("https-proxy") or self.get("http-proxy"):
            found += ["--proxy", proxy]
        if "http-user" in self.options:
            found += ["-u", f"{self.get('http-user')}:{self.get('http-passwd')}"]
        if "max-tries" in self.options:
            # aria2 counts the first try, and 0 is without end.
            tries = self.number("max-tries", 5)
            found += ["--retries", str(tries - 1 if tries else 1000)]
        found += ["--on-conflict", "overwrite"] if self.on("allow-overwrite") else []
        found += [
            word
            for word, name in (("-q", "quiet"), ("-4", "disable-ipv6"), ("-P", "parameterized-uri"))
            if self.on(name)
        ]
        if not self.on("force-sequential"):
            found += [word for link in self.links[1:] for word in ("--mirror", link)]
            del self.links[1:]
        return found

    def detached(self) -> list[str]:
        """Give the arguments of the same run in the background: absolute paths, no secret."""
        found = []
        for name, values in self.options.items():
            if name in ("daemon", "rpc-secret", "conf-path"):
                continue
            for value in values:
                found.append(f"--{name}={absolute(value) if name in PATHS and value != '-' else value}")
        if "dir" not in self.options:
            found.append(f"--dir={absolute('.')}")
        return [*found, "--", *self.links]


def read_words(arguments: Sequence[str]) -> Words:
    """Read a command line, and below it the file that --conf-path names.

    Raises:
        click.UsageError: an option lacks its value.
        DownloadError: INVALID_OPTION; the file can't be read.
    """
    words = Words()
    queue = list(arguments)
    while queue:
        word = queue.pop(0)
        if word == "--":
            words.links += queue
            break
        if word.startswith("--"):
            name, equals, value = word[2:].partition("=")
            _take(words, name, value if equals else None, queue)
        elif word.startswith("-") and len(word) > 1:
            _short(words, word[1:], queue)
        else:
            words.links.append(word)
    if "conf-path" in words.options and not words.on("no-conf"):
        _conf(words, words.get("conf-path"))
    return words


def _short(words: Words, letters: str, queue: list[str]) -> None:
    name = SHORT.get(letters[0])
    if name is None:
        words.ignored.add(f"-{letters[0]}")
    elif name in SWITCHES:
        rest = letters[1:].removeprefix("=")
        if rest in ("", "true", "false"):
            _take(words, name, rest or "true", queue)
        else:
            # Switches may stand together: -cq.
            _take(words, name, "true", queue)
            _short(words, rest, queue)
    else:
        _take(words, name, letters[1:].removeprefix("=") or None, queue)


def _take(words: Words, name: str, value: str | None, queue: list[str]) -> None:
    if name in SWITCHES:
        if value is None:
            value = queue.pop(0) if queue and queue[0] in ("true", "false") else "true"
        if value not in ("true", "false"):
            raise click.UsageError(f"--{name} takes true or false.")
    elif value is None and name in VALUES | SILENT:
        if not queue:
            raise click.UsageError(f"--{name} needs a value.")
        value = queue.pop(0)
    if name in VALUES or name in SWITCHES:
        words.options.setdefault(name, []).append(value or "")
    elif name not in SILENT:
        words.ignored.add(f"--{name}")


def _conf(words: Words, path: str) -> None:
    """What stands on the command line goes over the file."""
    read = Words()
    for line in lines_of(path):
        name, equals, value = line.strip().partition("=")
        if equals and not name.startswith("#"):
            _take(read, name.strip(), value.strip(), [])
    for name, values in read.options.items():
        words.options.setdefault(name, values)
    words.ignored |= read.ignored
