"""Patterns that are compiled when they are first used."""

from __future__ import annotations

import re
from typing import Any, AnyStr, cast


class _Late:
    """Stands for a pattern; has each of its methods as its own once it was asked for."""

    def __init__(self, text: Any, flags: int) -> None:
        self._made_of = (text, flags)

    def __getattr__(self, name: str) -> Any:
        found = getattr(re.compile(*self._made_of), name)
        setattr(self, name, found)
        return found


def late(text: AnyStr, flags: int = 0) -> re.Pattern[AnyStr]:
    """Give a pattern for what a usual run does not look for: compiling all of them takes a tenth of a start."""
    return cast("re.Pattern[AnyStr]", _Late(text, flags))
