"""Every error of the project, its code, whose fault it is and what to do next.

TuiDownloadsError
├── DownloadError        a download (or its file) cannot go on; carries a `Code`
│   └── Interrupted      the work was stopped from outside; nothing is lost
└── RequestError         a command was refused and nothing has changed; carries a `Code`
    ├── NotFound         no such download, file or token
    ├── Conflict         the download's state does not allow the command
    └── Forbidden        the caller may not do this

A foreign exception is translated once, in the room that met it. Cancellation is not an error and is not in this tree.
"""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct


class Fault(StrEnum):
    """Whose fault an error is."""

    OURS = "ours"
    SERVER = "server"
    NETWORK = "network"
    DISK = "disk"
    USER = "user"
    POLICY = "policy"


class Code(StrEnum):
    """Stable names of what went wrong; they appear in events, history, the API and `--json`."""

    INVALID_URL = "INVALID_URL"
    INVALID_OPTION = "INVALID_OPTION"
    DOMAIN_BLOCKED = "DOMAIN_BLOCKED"
    ADDRESS_BLOCKED = "ADDRESS_BLOCKED"
    DOWNLOAD_FORBIDDEN = "DOWNLOAD_FORBIDDEN"
    DOWNLOAD_TIMEOUT = "DOWNLOAD_TIMEOUT"
    REMOTE_FILE_NOT_FOUND = "REMOTE_FILE_NOT_FOUND"
    NETWORK_ERROR = "NETWORK_ERROR"
    DNS_ERROR = "DNS_ERROR"
    STALLED = "STALLED"
    TRUNCATED = "TRUNCATED"
    PROXY_ERROR = "PROXY_ERROR"
    PROXY_AUTH_REQUIRED = "PROXY_AUTH_REQUIRED"
    TLS_ERROR = "TLS_ERROR"
    HOST_KEY_UNKNOWN = "HOST_KEY_UNKNOWN"
    AUTH_REQUIRED = "AUTH_REQUIRED"
    RATE_LIMITED = "RATE_LIMITED"
    SERVER_ERROR = "SERVER_ERROR"
    HTTP_REFUSED = "HTTP_REFUSED"
    REDIRECT_ERROR = "REDIRECT_ERROR"
    PROTOCOL_ERROR = "PROTOCOL_ERROR"
    NOT_A_FILE = "NOT_A_FILE"
    UNEXPECTED_CONTENT = "UNEXPECTED_CONTENT"
    REMOTE_CHANGED = "REMOTE_CHANGED"
    CHECKSUM_MISMATCH = "CHECKSUM_MISMATCH"
    SOURCE_INVALID = "SOURCE_INVALID"
    DEPENDENCY_MISSING = "DEPENDENCY_MISSING"
    DISK_FULL = "DISK_FULL"
    DISK_ERROR = "DISK_ERROR"
    FOLDER_UNUSABLE = "FOLDER_UNUSABLE"
    FILE_TOO_LARGE = "FILE_TOO_LARGE"
    FILE_EXISTS = "FILE_EXISTS"
    PART_LOST = "PART_LOST"
    IN_USE = "IN_USE"
    INTERRUPTED = "INTERRUPTED"
    NOT_FOUND = "NOT_FOUND"
    INVALID_STATE = "INVALID_STATE"
    DUPLICATE = "DUPLICATE"
    QUOTA_EXCEEDED = "QUOTA_EXCEEDED"
    UNAUTHORIZED = "UNAUTHORIZED"
    NO_SERVICE = "NO_SERVICE"
    STATE_UNUSABLE = "STATE_UNUSABLE"
    INTERNAL = "INTERNAL"


class Exit:
    """Exit codes of the command line."""

    OK = 0
    INTERNAL = 1
    USAGE = 2
    NOT_FOUND = 3
    NETWORK = 4
    TIMEOUT = 5
    REFUSED = 6
    INTERRUPTED = 7
    CHECKSUM = 8
    DISK = 9
    IN_USE = 10
    BLOCKED = 11
    EXISTS = 12
    NO_SERVICE = 13


class Trait(Struct, frozen=True):
    """What is always true of a code."""

    fault: Fault
    exit: int
    next_step: str
    retry: bool = False
    """Whether trying again by itself may help."""
    resumable: bool = True
    """Whether the partial file is kept and a later retry goes on from it."""


_LATER = "Retry later; what is here is kept."

TRAITS: dict[Code, Trait] = {
    Code.INVALID_URL: Trait(
        Fault.USER,
        Exit.USAGE,
        "Check the link; it must begin with http://, https://, ftp:// or sftp://.",
        resumable=False,
    ),
    Code.INVALID_OPTION: Trait(Fault.USER, Exit.USAGE, "Correct the option and try again.", resumable=False),
    Code.DOMAIN_BLOCKED: Trait(
        Fault.POLICY, Exit.BLOCKED, "Allow the domain in the settings, or use another link.", resumable=False
    ),
    Code.ADDRESS_BLOCKED: Trait(
        Fault.POLICY, Exit.BLOCKED, "Allow private addresses for this caller, or use a public link.", resumable=False
    ),
    Code.DOWNLOAD_FORBIDDEN: Trait(
        Fault.POLICY, Exit.BLOCKED, "Ask the operator to allow downloads for this caller.", resumable=False
    ),
    Code.DOWNLOAD_TIMEOUT: Trait(Fault.NETWORK, Exit.TIMEOUT, "Retry with a longer --max-time; what is here is kept."),
    Code.REMOTE_FILE_NOT_FOUND: Trait(Fault.SERVER, Exit.NOT_FOUND, "Check the link, or give a new one."),
    Code.NETWORK_ERROR: Trait(Fault.NETWORK, Exit.NETWORK, "Check the connection, then retry.", retry=True),
    Code.DNS_ERROR: Trait(
        Fault.NETWORK, Exit.NETWORK, "Check the host name and the connection, then retry.", retry=True
    ),
    Code.STALLED: Trait(Fault.NETWORK, Exit.TIMEOUT, "Retry, or allow more time with --timeout.", retry=True),
    Code.TRUNCATED: Trait(Fault.SERVER, Exit.NETWORK, _LATER, retry=True),
    Code.PROXY_ERROR: Trait(
        Fault.NETWORK, Exit.NETWORK, "Check the proxy's address and that it is running.", retry=True
    ),
    Code.PROXY_AUTH_REQUIRED: Trait(Fault.USER, Exit.REFUSED, "Give the proxy's user and password."),
    Code.TLS_ERROR: Trait(
        Fault.SERVER,
        Exit.NETWORK,
        "Check the clock and the certificate; add its authority with --cacert if you trust it.",
    ),
    Code.HOST_KEY_UNKNOWN: Trait(
        Fault.USER, Exit.REFUSED, "Compare the fingerprint with the server's owner, then add the key to known_hosts."
    ),
    Code.AUTH_REQUIRED: Trait(
        Fault.USER, Exit.REFUSED, "Needs login or a new link: give user and password, or refresh it."
    ),
    Code.RATE_LIMITED: Trait(Fault.SERVER, Exit.NETWORK, "Wait, or use fewer connections.", retry=True),
    Code.SERVER_ERROR: Trait(Fault.SERVER, Exit.NETWORK, _LATER, retry=True),
    Code.HTTP_REFUSED: Trait(Fault.SERVER, Exit.NETWORK, "The server refuses this request; check the link."),
    Code.REDIRECT_ERROR: Trait(Fault.SERVER, Exit.NETWORK, "Open the link in a browser and copy the final one."),
    Code.PROTOCOL_ERROR: Trait(
        Fault.SERVER, Exit.NETWORK, "The server's answer makes no sense; retry or use a mirror.", retry=True
    ),
    Code.NOT_A_FILE: Trait(Fault.SERVER, Exit.NETWORK, "The link does not lead to a file; check it.", resumable=False),
    Code.UNEXPECTED_CONTENT: Trait(
        Fault.SERVER, Exit.NETWORK, "The server sent something else (a login page?); log in or refresh the link."
    ),
    Code.REMOTE_CHANGED: Trait(
        Fault.SERVER, Exit.NETWORK, "The file changed on the server; retry to fetch the new one."
    ),
    Code.CHECKSUM_MISMATCH: Trait(
        Fault.SERVER,
        Exit.CHECKSUM,
        "Check the expected digest; a retry fetches the file anew.",
        resumable=False,
    ),
    Code.SOURCE_INVALID: Trait(
        Fault.SERVER, Exit.NETWORK, "The list or manifest is not usable; check the link.", resumable=False
    ),
    Code.DEPENDENCY_MISSING: Trait(Fault.USER, Exit.USAGE, "Install the named program or extra, then retry."),
    Code.DISK_FULL: Trait(Fault.DISK, Exit.DISK, "Free some space; the download goes on by itself."),
    Code.DISK_ERROR: Trait(Fault.DISK, Exit.DISK, "Check the disk, then retry."),
    Code.FOLDER_UNUSABLE: Trait(Fault.DISK, Exit.DISK, "Choose another folder with -d, or fix its permissions."),
    Code.FILE_TOO_LARGE: Trait(Fault.DISK, Exit.DISK, "Choose a folder on a file system that holds larger files."),
    Code.FILE_EXISTS: Trait(Fault.USER, Exit.EXISTS, "Choose another name, or --on-conflict rename.", resumable=False),
    Code.PART_LOST: Trait(Fault.DISK, Exit.DISK, "Retry to start again from the beginning."),
    Code.IN_USE: Trait(Fault.USER, Exit.IN_USE, "Wait for the other process, or choose another name.", retry=False),
    Code.INTERRUPTED: Trait(Fault.USER, Exit.INTERRUPTED, "Run the same command again to go on."),
    Code.NOT_FOUND: Trait(Fault.USER, Exit.NOT_FOUND, "List the downloads to see what is there.", resumable=False),
    Code.INVALID_STATE: Trait(Fault.USER, Exit.USAGE, "Look at the download's state first.", resumable=False),
    Code.DUPLICATE: Trait(
        Fault.USER, Exit.EXISTS, "Use the download that is there, or add it under another name.", resumable=False
    ),
    Code.QUOTA_EXCEEDED: Trait(
        Fault.POLICY, Exit.BLOCKED, "Remove something first, or ask the operator for more.", resumable=False
    ),
    Code.UNAUTHORIZED: Trait(Fault.USER, Exit.REFUSED, "Give a valid token.", resumable=False),
    Code.NO_SERVICE: Trait(Fault.USER, Exit.NO_SERVICE, "Start one with: tui-downloads serve", resumable=False),
    Code.STATE_UNUSABLE: Trait(
        Fault.DISK, Exit.DISK, "Check the state folder; nothing in it was changed.", resumable=False
    ),
    Code.INTERNAL: Trait(Fault.OURS, Exit.INTERNAL, "Retry; if it happens again, report it with the log.", retry=True),
}


class TuiDownloadsError(Exception):
    """The base of every error that is raised on purpose."""

    def __init__(self, code: Code, message: str, *, next_step: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self._next_step = next_step

    @property
    def trait(self) -> Trait:
        return TRAITS[self.code]

    @property
    def fault(self) -> Fault:
        return self.trait.fault

    @property
    def exit(self) -> int:
        return self.trait.exit

    @property
    def next_step(self) -> str:
        return self.trait.next_step if self._next_step is None else self._next_step

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.code.value}: {self.message})"


class DownloadError(TuiDownloadsError):
    """A download, or one attempt of it, cannot go on."""

    def __init__(
        self,
        code: Code,
        message: str,
        *,
        next_step: str | None = None,
        retry: bool | None = None,
        resumable: bool | None = None,
        retry_after: float | None = None,
        status: int | None = None,
    ) -> None:
        super().__init__(code, message, next_step=next_step)
        self._retry = retry
        self._resumable = resumable
        self.retry_after = retry_after
        """Seconds the server asked us to wait, or None."""
        self.status = status
        """The HTTP status behind the error, or None."""

    @property
    def retry(self) -> bool:
        """Whether another attempt may be made without asking anybody."""
        return self.trait.retry if self._retry is None else self._retry

    @property
    def resumable(self) -> bool:
        return self.trait.resumable if self._resumable is None else self._resumable


class Interrupted(DownloadError):
    """The work was stopped from outside; the checkpoint is safe."""

    def __init__(self, message: str = "Stopped before it was complete.") -> None:
        super().__init__(Code.INTERRUPTED, message)


class RequestError(TuiDownloadsError):
    """A command was refused; nothing has changed."""


class NotFound(RequestError):
    """There is no such thing, or the caller may not know of it."""

    def __init__(self, message: str, *, next_step: str | None = None) -> None:
        super().__init__(Code.NOT_FOUND, message, next_step=next_step)


class Conflict(RequestError):
    """The state does not allow the command."""

    def __init__(self, message: str, *, code: Code = Code.INVALID_STATE, next_step: str | None = None) -> None:
        super().__init__(code, message, next_step=next_step)


class Forbidden(RequestError):
    """The caller may not do this."""

    def __init__(self, message: str, *, code: Code = Code.DOWNLOAD_FORBIDDEN) -> None:
        super().__init__(code, message)
