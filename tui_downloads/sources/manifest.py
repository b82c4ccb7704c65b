"""Our own JSON manifest of a package; the format is described in docs/sources.md."""

from __future__ import annotations

import json
from typing import Any

from tui_downloads.core.content_types import essence
from tui_downloads.core.digests import canonical, checksum
from tui_downloads.core.links import raw_name

from .base import (
    MOST_FILES,
    MOST_MIRRORS,
    Dialogue,
    FileSpec,
    Piece,
    Resolved,
    Source,
    absolute,
    bounded,
    document,
    invalid,
)
from .signs import MANIFEST_TYPE

LIMIT = 64 * 1024 * 1024
JSON = "application/json"
VERSION = 1
MOST_PIECES = 1_000_000
LONGEST = 16 * 1024


class Manifest(Source):
    """A link to a manifest, or a manifest's text (`options["manifest"]`)."""

    name = "manifest"

    def resolve(self) -> Dialogue:
        return parse(*(yield from document(self.wish, "manifest", "manifest", LIMIT, f"{MANIFEST_TYPE}, {JSON}")))


def looks_like(content_type: str, url: str = "") -> bool:
    """Say whether an answer may be a manifest, by its type or its link."""
    kind = essence(content_type)
    return kind in (MANIFEST_TYPE, JSON) or (not kind and raw_name(url).lower().endswith(".json"))


def parse(body: bytes, base: str) -> Resolved:
    """Read a manifest; relative links are resolved against `base`.

    Raises:
        DownloadError: SOURCE_INVALID, naming the file that is wrong.
    """
    try:
        told = json.loads(bounded(body, "manifest", LIMIT))
    except (ValueError, RecursionError):
        raise invalid("The manifest is not JSON.") from None
    if not isinstance(told, dict) or not isinstance(told.get("files"), list):
        raise invalid('The manifest is no object with a list "files".')
    version = told.get("version", VERSION)
    if version != VERSION:
        raise invalid("The manifest's version is not known here; this program reads version 1.")
    entries = told["files"]
    if not 0 < len(entries) <= MOST_FILES:
        raise invalid(f"The manifest lists {len(entries)} files; there may be 1 to {MOST_FILES}.")
    files = tuple(_file(entry, place, base) for place, entry in enumerate(entries, 1))
    title = told.get("title", "")
    return Resolved(files, title=title[:LONGEST] if isinstance(title, str) else "", folder=True)


def _file(entry: Any, place: int, base: str) -> FileSpec:
    if not isinstance(entry, dict):
        raise invalid(f"File {place} of the manifest is no object.")
    path = entry.get("path", "")
    if not isinstance(path, str) or not 0 < len(path) <= LONGEST:
        raise invalid(f'File {place} of the manifest has no text "path".')
    links = entry.get("urls", [entry["url"]] if "url" in entry else [path])
    if not isinstance(links, list) or not all(isinstance(link, str) for link in links):
        raise invalid(f'File {place} of the manifest has no list "urls".')
    urls = tuple(dict.fromkeys(url for link in links[:MOST_MIRRORS] if (url := absolute(base, link))))
    if not urls:
        raise invalid(f"File {place} of the manifest has no link that can be fetched.")
    size = entry.get("size")
    if size is not None and (not isinstance(size, int) or isinstance(size, bool) or not 0 <= size < 1 << 62):
        raise invalid(f"File {place} of the manifest has a size that is no number of bytes.")
    return FileSpec(urls, path, size, _digests(entry, place), _pieces(entry, place, size))


def _digests(entry: dict[str, Any], place: int) -> tuple[tuple[str, str], ...]:
    told = entry.get("digests", {})
    if not isinstance(told, dict) or len(told) > 32:
        raise invalid(f'File {place} of the manifest has "digests" that are no object.')
    found = []
    for algorithm, digits in told.items():
        if canonical(algorithm[:40]) is None:
            continue  # an algorithm of the future
        digest = checksum(algorithm, digits) if isinstance(digits, str) else None
        if digest is None:
            raise invalid(f"File {place} of the manifest has a {algorithm[:40]!a} digest that is none.")
        found.append((digest.algorithm, digest.hex))
    return tuple(found)


def _pieces(entry: dict[str, Any], place: int, size: int | None) -> Piece | None:
    told = entry.get("pieces")
    if told is None:
        return None
    wrong = invalid(f"File {place} of the manifest has pieces that do not cover it.")
    if not isinstance(told, dict) or not isinstance(told.get("algorithm"), str) or size is None:
        raise wrong
    algorithm, length, digests = canonical(told["algorithm"][:40]), told.get("length"), told.get("digests")
    if algorithm is None or type(length) is not int or length < 1024 or not isinstance(digests, list):
        raise wrong
    if len(digests) > MOST_PIECES or len(digests) != -(-size // length):
        raise wrong
    sound = [checksum(algorithm, digest) if isinstance(digest, str) else None for digest in digests]
    if None in sound:
        raise wrong
    return Piece(algorithm, length, tuple(digest.hex for digest in sound if digest is not None)) if digests else None
