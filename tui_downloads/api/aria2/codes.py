"""aria2's numbers for why a download failed."""

from __future__ import annotations

from tui_downloads.core.errors import Code

COMPLETE, REMOVED = "0", "31"

CODES: dict[Code, int] = {
    Code.INVALID_URL: 1,
    Code.INVALID_OPTION: 28,
    Code.DOMAIN_BLOCKED: 1,
    Code.ADDRESS_BLOCKED: 1,
    Code.DOWNLOAD_FORBIDDEN: 1,
    Code.DOWNLOAD_TIMEOUT: 2,
    Code.REMOTE_FILE_NOT_FOUND: 3,
    Code.NETWORK_ERROR: 6,
    Code.DNS_ERROR: 19,
    Code.STALLED: 2,
    Code.TRUNCATED: 6,
    Code.PROXY_ERROR: 6,
    Code.PROXY_AUTH_REQUIRED: 24,
    Code.TLS_ERROR: 6,
    Code.HOST_KEY_UNKNOWN: 24,
    Code.AUTH_REQUIRED: 24,
    Code.RATE_LIMITED: 29,
    Code.SERVER_ERROR: 29,
    Code.HTTP_REFUSED: 22,
    Code.REDIRECT_ERROR: 23,
    Code.PROTOCOL_ERROR: 22,
    Code.NOT_A_FILE: 22,
    Code.UNEXPECTED_CONTENT: 22,
    Code.REMOTE_CHANGED: 8,
    Code.CHECKSUM_MISMATCH: 32,
    Code.SOURCE_INVALID: 20,
    Code.DEPENDENCY_MISSING: 1,
    Code.DISK_FULL: 9,
    Code.DISK_ERROR: 17,
    Code.FOLDER_UNUSABLE: 18,
    Code.FILE_TOO_LARGE: 17,
    Code.FILE_EXISTS: 13,
    Code.PART_LOST: 15,
    Code.IN_USE: 11,
    Code.INTERRUPTED: 7,
    Code.NOT_FOUND: 1,
    Code.INVALID_STATE: 1,
    Code.DUPLICATE: 11,
    Code.QUOTA_EXCEEDED: 9,
    Code.UNAUTHORIZED: 1,
    Code.NO_SERVICE: 1,
    Code.STATE_UNUSABLE: 17,
    Code.INTERNAL: 1,
}
"""Total over our codes; a test says so."""


def number(code: str) -> str:
    """Give the number of a stored code."""
    try:
        return str(CODES[Code(code)])
    except ValueError:
        return "1"
