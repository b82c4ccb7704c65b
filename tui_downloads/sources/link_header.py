"""Link fields of an answer (RFC 8288) that name other places of the same file, as RFC 6249 uses them."""

from __future__ import annotations

import re

from msgspec import Struct

from tui_downloads.core.content_types import essence
from tui_downloads.core.late import late
from tui_downloads.core.resource import Headers

from .base import MOST_MIRRORS, absolute
from .signs import METALINK_TYPES

MOST_LINKS = 256
LONGEST = 64 * 1024
_LINK = late(r"[\s,]*<([^>]{0,8192})>")
_PARAMETER = late(
    r"\s*;\s*([A-Za-z0-9!#$&+\-.^_`|~*]{1,64})\s*(?:=\s*(?:\"((?:[^\"\\]|\\.){0,1024})\"|([^\s;,\"]{0,1024})))?"
)


class Relation(Struct, frozen=True):
    """One link of a Link field."""

    url: str
    rels: frozenset[str]
    kind: str = ""
    """The essence of its content type."""
    priority: int = 999_999
    """The smaller the better."""


def relations(headers: Headers, base: str) -> list[Relation]:
    """Read the Link fields of an answer; links that can't be fetched are left out."""
    found: list[Relation] = []
    for value in headers.all("link"):
        at, value = 0, value[:LONGEST]
        while len(found) < MOST_LINKS and (match := _LINK.match(value, at)) is not None:
            parameters: dict[str, str] = {}
            at = match.end()
            while (pair := _PARAMETER.match(value, at)) is not None:
                parameters.setdefault(pair[1].lower(), re.sub(r"\\(.)", r"\1", pair[2] or "") or pair[3] or "")
                at = pair.end()
            url = absolute(base, match[1])
            # An anchor makes it a statement about another resource.
            if url and "anchor" not in parameters:
                found.append(_relation(url, parameters))
    return found


def _relation(url: str, parameters: dict[str, str]) -> Relation:
    priority = parameters.get("pri", "")
    sound = priority.isascii() and priority.isdigit() and len(priority) < 7
    return Relation(
        url,
        frozenset(parameters.get("rel", "").lower().split()),
        essence(parameters.get("type", "")),
        int(priority) if sound else 999_999,
    )


def mirrors(headers: Headers, base: str) -> tuple[str, ...]:
    """List other places of the same file (`rel=duplicate`), the best first."""
    duplicates = sorted((link for link in relations(headers, base) if "duplicate" in link.rels), key=_by_priority)
    return tuple(dict.fromkeys(link.url for link in duplicates if link.url != base))[:MOST_MIRRORS]


def described_by(headers: Headers, base: str) -> str:
    """Give the metalink that describes the file, or nothing."""
    described = [
        link for link in relations(headers, base) if "describedby" in link.rels and link.kind in METALINK_TYPES
    ]
    return min(described, key=_by_priority).url if described else ""


def _by_priority(link: Relation) -> int:
    return link.priority
