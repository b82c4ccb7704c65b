"""Values that carry secrets: what is printed of them leaves those fields out."""

from __future__ import annotations

from typing import Any, ClassVar

from msgspec import Struct


class Guarded(Struct, frozen=True):
    """A value some of whose fields are left out of its repr, so that no log or traceback shows them."""

    hidden: ClassVar[frozenset[str]] = frozenset()

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={value!r}" for name, value in self.__rich_repr__())
        return f"{type(self).__name__}({shown})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [(name, getattr(self, name)) for name in self.__struct_fields__ if name not in self.hidden]
