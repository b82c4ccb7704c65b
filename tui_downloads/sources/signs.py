"""By what a link or an answer shows that it means more than one plain file; cheap, because every link is asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tui_downloads.core.content_types import essence
from tui_downloads.core.snapshots import Kind

METALINK_TYPES = frozenset({"application/metalink4+xml", "application/metalink+xml"})
METALINK_EXTENSIONS = (".meta4", ".metalink")
MANIFEST_TYPE = "application/vnd.tui-downloads.manifest+json"
MASV_HOSTS = ("get.massive.app", "get.massive.io")


def plain(url: str, kind: Kind | None, options: Mapping[str, Any]) -> bool:
    """Say whether a link is one plain file for all that can be told before it is asked for.

    False does not say that it is none; `auto.detect` knows.
    """
    if options or kind is Kind.PACKAGE:
        return False
    if kind is Kind.LINK:
        return True
    path = url.partition("?")[0]
    return not path.lower().endswith(METALINK_EXTENSIONS) and not any(host in path for host in MASV_HOSTS)


def unfolds(content_type: str) -> bool:
    """Say whether an answer to a plain link is the list of other files and not the file that was wanted."""
    kind = essence(content_type)
    return kind in METALINK_TYPES or kind == MANIFEST_TYPE
