"""What makes a transfer leave its straight way; none of these is an error."""

from __future__ import annotations


class Detour(Exception):
    """The way of a file takes a turn."""


class StartOver(Detour):
    """What is here can't be joined with what the server has; begin a new part."""

    def __init__(self, reason: str, *, single: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.single = single
        """Ranges are not to be trusted: ask for one plain stream."""


class AskPlainly(Detour):
    """The server can't answer a range of this file; ask without one."""


class Adopt(Detour):
    """A part of this very link is here; go on from it."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path


class Whole(Detour):
    """The server has no more than what is here."""


class Unfold(Detour):
    """The link leads to the list of the files that are meant, or names one that describes its file."""

    def __init__(self, content_type: str = "", described_by: str = "") -> None:
        super().__init__(content_type or described_by)
        self.content_type = content_type
        self.described_by = described_by


class Skipped(Detour):
    """The target is there and the policy says to leave it."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name
