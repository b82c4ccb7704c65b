"""Words for the OpenAPI document: what a route takes, gives, and whom it lets in."""

from __future__ import annotations

from typing import Any

from msgspec import Struct, field

from tui_downloads.core.lifecycle import State
from tui_downloads.core.snapshots import DetailView, DownloadView, Limits, Query, Totals
from tui_downloads.core.spec import AddRequest, Change
from tui_downloads.engine.base import HostView

from .schema import ERROR, PROBLEM, REF, Schema, Schemas, outcome

GIVEN: tuple[type, ...] = (DownloadView, DetailView, Limits, Totals, HostView)
TAKEN: tuple[type, ...] = (AddRequest, Change, Limits, Query)
NULLABLE_TEXT: Schema = {"anyOf": [{"type": "string"}, {"type": "null"}]}


class Words(Struct):
    """The schemas of the native API."""

    schemas: Schemas = field(default_factory=Schemas)

    def __post_init__(self) -> None:
        named = self.schemas.components
        named["Problem"], named["Error"] = PROBLEM, ERROR
        named["Outcome"] = outcome(self.schemas)
        for cls in GIVEN:
            self.schemas.ref(cls)
        for cls in TAKEN:
            self.schemas.ref(cls, strict=True)
        named["Page"] = _object(
            items={"type": "array", "items": {"$ref": REF + "DownloadView"}},
            cursor=NULLABLE_TEXT,
            total={"anyOf": [{"type": "integer"}, {"type": "null"}]},
        )
        named["Outcomes"] = _object(outcomes={"type": "array", "items": {"$ref": REF + "Outcome"}})


def _object(**properties: Schema) -> Schema:
    return {"type": "object", "required": list(properties), "properties": properties}


def named(name: str) -> Schema:
    """Refer to a component."""
    return {"$ref": REF + name}


def gives(schema: Schema | None = None, *, status: int = 200, kind: str = "application/json") -> dict[Any, Any]:
    """Say what a route answers: its success, and problem details for everything else."""
    content: dict[str, Any] = {kind: {"schema": schema}} if schema is not None else {}
    ok: dict[str, Any] = {"description": "Done"}
    if content:
        ok["content"] = content
    return {status: ok, "default": PROBLEM_ANSWER}


PROBLEM_ANSWER: dict[str, Any] = {
    "description": "Refused or failed",
    "content": {"application/problem+json": {"schema": {"$ref": REF + "Problem"}}},
}


def takes(schema: Schema, *, scope: str = "") -> dict[str, Any]:
    """Say what a route's body is."""
    body = {"required": True, "content": {"application/json": {"schema": schema}}}
    return {"requestBody": body, **needs(scope)}


def needs(scope: str = "", exempt: str = "") -> dict[str, Any]:
    """Say whom a route lets in, where its method does not say it."""
    out: dict[str, Any] = {}
    if scope:
        out["x-scope"] = scope
    if exempt:
        out["x-exempt"] = exempt
        out["security"] = []
    return out


ADD: Schema = {
    "anyOf": [
        {"$ref": REF + "AddRequestInput"},
        {
            "type": "object",
            "required": ["downloads"],
            "additionalProperties": False,
            "properties": {
                "downloads": {"type": "array", "minItems": 1, "items": {"$ref": REF + "AddRequestInput"}},
            },
        },
    ]
}

MOVE_WHERE: Schema = {
    "anyOf": [
        {"type": "string", "enum": ["up", "down", "top", "bottom"]},
        {"type": "integer", "minimum": 0, "maximum": 1_000_000_000},
    ]
}
MOVE: Schema = {
    "type": "object",
    "required": ["where"],
    "additionalProperties": False,
    "properties": {"where": MOVE_WHERE},
}
ACTIONS = ("pause", "resume", "cancel", "retry", "remove", "restore", "move")
TARGETS: dict[str, Schema] = {
    "ids": {"type": "array", "minItems": 1, "items": {"type": "string", "maxLength": 64}},
    "states": {"type": "array", "minItems": 1, "items": {"type": "string", "enum": [state.value for state in State]}},
}


def _action(names: list[str], target: str, needed: Schema, optional: Schema) -> Schema:
    properties = {"action": {"type": "string", "enum": names}, target: TARGETS[target], **needed, **optional}
    required = ["action", target, *needed]
    return {"type": "object", "required": required, "additionalProperties": False, "properties": properties}


ACTION: Schema = {
    "description": "Give either ids or states; `where` belongs to move, `files` to remove.",
    "anyOf": [
        variant
        for target in TARGETS
        for variant in (
            _action([name for name in ACTIONS if name not in ("move", "remove")], target, {}, {}),
            _action(["remove"], target, {}, {"files": {"type": "boolean"}}),
            _action(["move"], target, {"where": MOVE_WHERE}, {}),
        )
    ],
}
