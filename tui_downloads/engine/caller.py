"""Who asks, and what they may do."""

from __future__ import annotations

import os
from collections.abc import Sequence

from msgspec import Struct

from tui_downloads.core.snapshots import Kind
from tui_downloads.core.spec import Policy

READ, CONTROL, ADMIN = "read", "control", "admin"
SCOPES = (READ, CONTROL, ADMIN)
"""Each includes those before it."""


class Caller(Struct, frozen=True):
    """Who asks, and what they may do."""

    name: str = "local"
    scope: str = ADMIN
    """read, control or admin."""
    kinds: frozenset[Kind] = frozenset()
    """Kinds of download that may be added; empty is all."""
    folders: tuple[str, ...] = ()
    """Absolute folders downloads may go into; empty is all. The first is where relative ones start."""
    allowed: tuple[str, ...] = ()
    """Domains; empty is all."""
    blocked: tuple[str, ...] = ()
    private: bool = True
    """Private, loopback and link-local addresses may be reached."""
    may_choose_proxy: bool = True
    quota_bytes: int = 0
    """Bytes of all of the caller's downloads; 0 is no limit."""
    quota_queued: int = 0
    """Unfinished downloads; 0 is no limit."""

    def may(self, scope: str) -> bool:
        """Say whether the caller has a scope."""
        return SCOPES.index(scope) <= SCOPES.index(self.scope)

    @property
    def admin(self) -> bool:
        return self.scope == ADMIN

    @property
    def unrestricted(self) -> bool:
        """An administrator without any limit on what is reached, and so trusted with the machine's own files."""
        return self.admin and self.private and not (self.folders or self.allowed or self.kinds)

    def policy(self, wish: Policy) -> Policy:
        """Narrow a wished policy by what the caller may reach; never widens."""
        return Policy(
            private=self.private and wish.private,
            allowed=_narrow(self.allowed, wish.allowed),
            blocked=tuple(dict.fromkeys((*self.blocked, *wish.blocked))),
            folders=tuple(f for f in wish.folders if contains(self.folders, f)) if wish.folders else self.folders,
            may_choose_proxy=self.may_choose_proxy and wish.may_choose_proxy,
        )


def _narrow(ours: tuple[str, ...], theirs: tuple[str, ...]) -> tuple[str, ...]:
    if not ours or not theirs:
        return ours or theirs
    kept = tuple(domain for domain in theirs if any(_covers(pattern, domain) for pattern in ours))
    # An empty list would allow everything, so what has nothing in common is said with a domain that can't exist.
    return kept or ("nothing.invalid",)


def _covers(pattern: str, domain: str) -> bool:
    return domain == pattern or (pattern.startswith("*.") and domain.removeprefix("*").endswith(pattern[1:]))


def contains(folders: Sequence[str], path: str) -> bool:
    """Say whether a path lies in one of the folders by its real path; an empty list holds everything."""
    if not folders:
        return True
    real = os.path.realpath(path)
    for folder in folders:
        root = os.path.realpath(folder)
        try:
            if os.path.commonpath((root, real)) == root:
                return True
        except ValueError:  # different drives
            continue
    return False
