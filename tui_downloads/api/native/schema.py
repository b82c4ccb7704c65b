"""JSON Schema of core values, from the same annotations that `wire` reads and writes by, for the OpenAPI document."""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping
from enum import Enum
from typing import Any

from msgspec import Struct
from msgspec.structs import fields

from tui_downloads import wire
from tui_downloads.core.snapshots import DownloadView, Query
from tui_downloads.core.spec import AddRequest, Change

from .queries import Sort

Schema = dict[str, Any]
REF = "#/components/schemas/"

TEXT: Schema = {"type": "string", "maxLength": wire.LONGEST_TEXT, "pattern": "^[^\\u0000]*$"}
"""Any text that a caller may send."""
WORDS: dict[tuple[type, str], Schema] = {
    (Query, "sort"): {"type": "string", "enum": [sort.value for sort in Sort]},
    (AddRequest, "duplicate"): {"type": "string", "enum": ["allow", "existing", "refuse"]},
    (Change, "url"): {"anyOf": [{**TEXT, "minLength": 1}, {"type": "null"}]},
}
"""Texts of which only some are taken."""


class Schemas:
    """Component schemas, collected while they are referred to. `strict` ones refuse unknown fields."""

    def __init__(self) -> None:
        self.components: dict[str, Schema] = {}

    def ref(self, cls: type, *, strict: bool = False) -> Schema:
        """Refer to a value type, and describe it the first time."""
        name = cls.__name__ + ("Input" if strict else "")
        if name not in self.components:
            self.components[name] = {}
            self.components[name] = self._struct(cls, strict)
        return {"$ref": REF + name}

    def _struct(self, cls: type, strict: bool) -> Schema:
        hints = typing.get_type_hints(cls)
        properties = {}
        for field in fields(cls):
            found = self.of(hints[field.name], strict)
            bounds = wire.RULES.get((cls, field.name)) if strict else None
            if bounds:
                found = _bounded(found, bounds)
            properties[field.name] = WORDS.get((cls, field.name), found) if strict else found
        needed = [field.name for field in fields(cls) if not strict or field.required]
        out: Schema = {"type": "object", "properties": properties, "description": (cls.__doc__ or "").strip()}
        if needed:
            out["required"] = needed
        if strict:
            out["additionalProperties"] = False
        return out

    def of(self, hint: Any, strict: bool = False) -> Schema:
        """Describe a type."""
        origin, args = typing.get_origin(hint), typing.get_args(hint)
        if origin in (types.UnionType, typing.Union):
            return {"anyOf": [self.of(arg, strict) for arg in args]}
        if origin is tuple:
            return self._tuple(args, strict)
        if origin is frozenset:
            return {"type": "array", "items": self.of(args[0], strict)}
        if origin is not None and issubclass(origin, Mapping):
            return {"type": "object", "additionalProperties": self.of(args[1], strict)}
        if hint is Any:
            return {}
        if isinstance(hint, type) and issubclass(hint, Enum):
            return {"type": "string", "enum": [member.value for member in hint]}
        if isinstance(hint, type) and issubclass(hint, Struct):
            return self.ref(hint, strict=strict)
        plain: dict[Any, Schema] = {
            str: TEXT if strict else {"type": "string"},
            bool: {"type": "boolean"},
            int: {"type": "integer"},
            float: {"type": "number"},
            type(None): {"type": "null"},
        }
        return dict(plain[hint])

    def _tuple(self, args: tuple[Any, ...], strict: bool) -> Schema:
        if len(args) == 2 and args[1] is Ellipsis:
            many: Schema = {"type": "array", "items": self.of(args[0], strict)}
            if args[0] == tuple[str, str] and strict:
                return {"anyOf": [many, {"type": "object", "additionalProperties": {"type": "string"}}]}
            return many
        items = [self.of(arg, strict) for arg in args]
        return {"type": "array", "prefixItems": items, "minItems": len(items), "maxItems": len(items)}


def _bounded(schema: Schema, bounds: wire.Bounds) -> Schema:
    low, high = bounds
    if "anyOf" in schema:
        return {"anyOf": [_bounded(part, bounds) if _number(part) else part for part in schema["anyOf"]]}
    return {**schema, "minimum": low, "maximum": high} if _number(schema) else schema


def _number(schema: Schema) -> bool:
    return schema.get("type") in ("integer", "number")


PROBLEM: Schema = {
    "type": "object",
    "description": "Problem details (RFC 9457).",
    "required": ["type", "title", "status", "detail", "code", "next_step"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string", "description": "Stable name of what went wrong."},
        "fault": {"type": "string"},
        "next_step": {"type": "string", "description": "What to do about it."},
        "exit": {"type": "integer", "description": "The command line's exit code for it."},
        "family": {"type": "string"},
    },
}

ERROR: Schema = {
    "type": "object",
    "required": ["code", "message", "next_step"],
    "properties": {
        "code": {"type": "string"},
        "message": {"type": "string"},
        "fault": {"type": "string"},
        "next_step": {"type": "string"},
        "exit": {"type": "integer"},
        "family": {"type": "string"},
    },
}


def outcome(schemas: Schemas) -> Schema:
    """Describe how a command went for one id."""
    return {
        "type": "object",
        "required": ["id", "ok", "error", "download"],
        "properties": {
            "id": {"type": "string"},
            "ok": {"type": "boolean"},
            "error": {"anyOf": [{"$ref": REF + "Error"}, {"type": "null"}]},
            "download": {"anyOf": [schemas.ref(DownloadView), {"type": "null"}]},
        },
    }
