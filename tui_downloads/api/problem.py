"""What went wrong with a request, before it has the shape of any dialect, and our own shape: RFC 9457."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from msgspec import Struct, field
from starlette.responses import Response

from tui_downloads import wire
from tui_downloads.core.errors import Code, Conflict, Forbidden, NotFound, TuiDownloadsError

STATUS: dict[Code, int] = {
    Code.INVALID_URL: 422,
    Code.INVALID_OPTION: 422,
    Code.DOMAIN_BLOCKED: 403,
    Code.ADDRESS_BLOCKED: 403,
    Code.DOWNLOAD_FORBIDDEN: 403,
    Code.NOT_FOUND: 404,
    Code.INVALID_STATE: 409,
    Code.DUPLICATE: 409,
    Code.FILE_EXISTS: 409,
    Code.IN_USE: 409,
    Code.QUOTA_EXCEEDED: 403,
    Code.UNAUTHORIZED: 401,
    Code.FOLDER_UNUSABLE: 422,
    Code.DISK_FULL: 507,
    Code.DISK_ERROR: 507,
    Code.NO_SERVICE: 503,
    Code.STATE_UNUSABLE: 503,
    Code.RATE_LIMITED: 429,
    Code.DEPENDENCY_MISSING: 501,
}
"""HTTP statuses of codes that a request can meet; every other is 500."""

CODES: dict[int, Code] = {
    401: Code.UNAUTHORIZED,
    403: Code.DOWNLOAD_FORBIDDEN,
    404: Code.NOT_FOUND,
    409: Code.INVALID_STATE,
    410: Code.NOT_FOUND,
    429: Code.RATE_LIMITED,
    500: Code.INTERNAL,
    503: Code.NO_SERVICE,
}
"""Codes of errors that begin as an HTTP status; every other below 500 is INVALID_OPTION."""


class Problem(Struct, frozen=True):
    """A refusal or failure. A dialect's renderer turns it into its own shape."""

    status: int
    code: Code
    detail: str
    """One sentence; carries no path of ours, no trace, no secret."""
    next_step: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Which every renderer must send: Allow, WWW-Authenticate, Retry-After, Content-Range."""
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def title(self) -> str:
        try:
            return HTTPStatus(self.status).phrase
        except ValueError:
            return "Error"


def of_status(status: int, detail: str = "", headers: Mapping[str, str] | None = None) -> Problem:
    """Make a problem of an HTTP status."""
    code = CODES.get(status, Code.INVALID_OPTION if status < 500 else Code.INTERNAL)
    problem = Problem(status, code, detail, headers=headers or {})
    return problem if detail else Problem(status, code, f"{problem.title}.", headers=headers or {})


def of_error(error: TuiDownloadsError) -> Problem:
    """Make a problem of one of our errors."""
    if isinstance(error, NotFound):
        status = 404
    elif isinstance(error, Conflict):
        status = 409
    elif isinstance(error, Forbidden):
        status = 403
    else:
        status = STATUS.get(error.code, 500)
    if error.code is Code.INTERNAL:
        return Problem(500, Code.INTERNAL, "Something went wrong inside.", error.next_step)
    return Problem(status, error.code, error.message, error.next_step)


def body(problem: Problem) -> dict[str, Any]:
    """Give the fields of problem details."""
    error = wire.dump_error(TuiDownloadsError(problem.code, problem.detail, next_step=problem.next_step or None))
    return {
        "type": f"urn:tui-downloads:error:{problem.code.value}",
        "title": problem.title,
        "status": problem.status,
        "detail": problem.detail,
        "code": error["code"],
        "fault": error["fault"],
        "next_step": error["next_step"],
        "exit": error["exit"],
        "family": _family(problem),
        **problem.extra,
    }


def _family(problem: Problem) -> str:
    return {404: "not_found", 409: "conflict", 403: "forbidden"}.get(problem.status, "request")


def render(problem: Problem) -> Response:
    """Answer with problem details."""
    return Response(
        wire.to_bytes(body(problem)), problem.status, dict(problem.headers), media_type="application/problem+json"
    )
