"""Values that the rooms above share with files: what a journal says of its part, what is ready, what was published."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from msgspec import Struct, field

from tui_downloads.core.errors import Code, DownloadError
from tui_downloads.core.resource import Validator
from tui_downloads.core.snapshots import EMPTY

from .faults import plain


class Origin(Struct, frozen=True):
    """What a part holds: enough to go on, or to rebuild the list, without any database."""

    id: str
    """The download's id."""
    file: str
    """The FileRecord's id."""
    url: str
    """Without userinfo and without secrets."""
    name: str
    """The target's name in the part's folder."""
    size: int | None = None
    validator: Validator = field(default_factory=Validator)
    created_at: float = 0.0
    checksum: str | None = None
    content_type: str = ""
    extra: Mapping[str, Any] = field(default_factory=lambda: EMPTY)


class Published(Struct, frozen=True):
    """Where a finished file went."""

    name: str
    path: str
    skipped: bool = False
    """The target was there and the policy said to leave it."""


class Landing(Struct, frozen=True):
    """A flushed file that is about to get its name; the same fields as the store's Intent."""

    download: str
    """The download's id; empty for a body, which does not know it."""
    file: str
    folder: str
    part: str
    """Name of the part, or of the whole temporary file, in `folder`."""
    target: str
    """The name wanted."""
    device: int
    inode: int
    size: int


class Owner(StrEnum):
    """Whose part has the name."""

    SAME = "same"
    """Ours, of the same link: go on with it."""
    OTHER = "other"
    """Ours, of another link."""
    FOREIGN = "foreign"
    """Not ours, or not to be read: never touched."""


class PartTaken(DownloadError):
    """There is a part of this name; it was left as it is."""

    def __init__(self, path: str, owner: Owner, origin: Origin | None = None) -> None:
        super().__init__(Code.FILE_EXISTS, f"{plain(path)} is there and belongs to {_WHOSE[owner]}.")
        self.path = path
        self.owner = owner
        self.origin = origin


_WHOSE = {
    Owner.SAME: "this link",
    Owner.OTHER: "another download",
    Owner.FOREIGN: "another program",
}
