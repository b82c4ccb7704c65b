"""The path language of the practice server: which file a link means."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote, unquote, urlencode

from tui_downloads.demo.faults import BadLink, Faults, read_faults, read_size


@dataclass(frozen=True)
class PracticeFile:
    """A file that a link means: `/f/SIZE/NAME?OPTIONS`; NAME may have folders before it."""

    name: str
    size: int
    faults: Faults


@dataclass(frozen=True)
class Checksum:
    """The published checksum of a file: `/digest/ALGO/SIZE/NAME`."""

    algo: str
    file: PracticeFile


@dataclass(frozen=True)
class Index:
    """The page that explains the language: `/`."""


def split_target(target: str) -> tuple[str, str]:
    """Split a request target into path and query; what a proxy is sent loses its origin."""
    if "://" in target.split("?", 1)[0]:
        _, _, rest = target.partition("://")
        _, slash, path = rest.partition("/")
        target = slash + path or "/"
    path, _, query = target.partition("?")
    return path, query


def read_path(path: str, query: str) -> PracticeFile | Checksum | Index | None:
    """Say what a link means, None when it means nothing here (404).

    Raises:
        BadLink: the link is in the language, with a mistake in it.
    """
    words = [unquote(word, errors="surrogateescape") for word in path.split("/")[1:]]
    match words:
        case [""]:
            return Index()
        case ["f", size, *name] if any(name):
            return PracticeFile("/".join(name), read_size(size), read_faults(query))
        case ["digest", algo, size, *name] if any(name):
            return Checksum(algo, PracticeFile("/".join(name), read_size(size), read_faults(query)))
        case ["f" | "digest", *_]:
            raise BadLink("write /f/SIZE/NAME or /digest/ALGO/SIZE/NAME")
    return None


def file_path(size: int, name: str, **options: object) -> str:
    """Write the link of a file, without the origin; an option that is True is a flag."""
    query = urlencode([(key, "1" if value is True else str(value)) for key, value in options.items()])
    return f"/f/{size}/{quote(name, errors='surrogateescape')}" + (f"?{query}" if query else "")
