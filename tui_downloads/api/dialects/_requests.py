"""What dialects read from a request and write to an answer in the same way."""

from __future__ import annotations

import re
from typing import Any

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from tui_downloads import wire
from tui_downloads.core.errors import RequestError

from ..dialect import base_url, door_of

_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def bare_app() -> FastAPI:
    """Make an application without any page of the framework's own."""
    return FastAPI(docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)


def answer(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Answer with JSON."""
    return Response(wire.to_bytes(value), status, headers, media_type="application/json")


def is_id(text: str) -> bool:
    """Say whether a text is an id as we give them; a gid is none here."""
    return _UUID.fullmatch(text) is not None


def at_combined_root(request: Request) -> bool:
    """Say whether a request came by the combined root, not by a strict mount or listener."""
    return not base_url(request) and not door_of(request).dialect


async def json_object(request: Request) -> dict[str, Any]:
    """Read the body, which must be a JSON object.

    Raises:
        HTTPException: 400.
    """
    try:
        body = wire.parse(await request.body())
    except RequestError as error:
        raise HTTPException(400, error.message) from None
    if not isinstance(body, dict):
        raise HTTPException(400, "The body must be a JSON object.")
    return body
