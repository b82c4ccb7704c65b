"""Values that the rooms above share with files: what a journal says of its part, what is ready, what was published."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tui_downloads.core.resource import Validator
from tui_downloads.core.snapshots import EMPTY


@dataclass(frozen=True, slots=True)
class Origin:
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


@dataclass(frozen=True, slots=True)
class Published:
    """Where a finished file went."""

    name: str
    path: str
    skipped: bool = False
    """The target was there and the policy said to leave it."""
