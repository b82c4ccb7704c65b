"""Where a service is and how to be let in: a Unix socket, http(s), or ssh to a machine with a Unix socket."""

from __future__ import annotations

import hashlib
import hmac
import re
import socket
import ssl
from urllib.parse import urlsplit

from tui_downloads.core.errors import Code, RequestError
from tui_downloads.core.secrecy import Guarded

PORT = 7878
_PIN = re.compile(r"[0-9a-f]{64}")


class Address(Guarded, frozen=True):
    """A service to attach to."""

    hidden = frozenset({"token"})

    url: str = "http://localhost"
    """Scheme, host and port; for a Unix socket only the Host that is sent."""
    socket: str = ""
    """Path of the Unix socket; empty for TCP."""
    token: str = ""
    pin: str = ""
    """SHA-256 of the server's certificate, hex; empty trusts the usual authorities."""
    read_only: bool = False

    @property
    def label(self) -> str:
        """Say in a few words where it is; no token."""
        return f"unix:{self.socket}" if self.socket else self.url


def parse_address(text: str, *, token: str = "", pin: str = "", read_only: bool = False) -> Address:
    """Read `PATH`, `unix:PATH`, `HOST[:PORT]` or `http(s)://HOST[:PORT]`.

    Raises:
        RequestError: INVALID_OPTION.
    """
    text = text.strip()
    pin = pin.lower().replace(":", "").removeprefix("sha256")
    if pin and not _PIN.fullmatch(pin):
        raise RequestError(Code.INVALID_OPTION, "A certificate pin is a SHA-256 in hex.")
    if text.startswith(("unix:", "/", "./", "~")):
        return Address(socket=text.removeprefix("unix:").removeprefix("//"), token=token, read_only=read_only)
    given = text if "://" in text else f"http://{text}"
    try:
        parts = urlsplit(given)
        port = parts.port
    except ValueError:
        port, parts = None, urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.path.strip("/"):
        raise RequestError(
            Code.INVALID_OPTION, f"{text[:100]!r} is no service's address; write HOST:PORT, a URL or ssh://HOST."
        )
    if pin and parts.scheme != "https":
        raise RequestError(Code.INVALID_OPTION, "A certificate pin needs https.")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return Address(f"{parts.scheme}://{host}:{port or PORT}", token=token, pin=pin, read_only=read_only)


def tls_context(address: Address, timeout: float = 10.0) -> ssl.SSLContext:
    """Give how the server's certificate is to be judged; blocks while a pinned one is looked at.

    Raises:
        RequestError: UNAUTHORIZED when the certificate is not the pinned one.
        OSError: the server can't be reached.
    """
    context = ssl.create_default_context()
    if not address.pin:
        return context
    parts = urlsplit(address.url)
    seen = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    seen.check_hostname, seen.verify_mode = False, ssl.CERT_NONE
    with (
        socket.create_connection((parts.hostname or "", parts.port or PORT), timeout) as plain,
        seen.wrap_socket(plain, server_hostname=parts.hostname) as secure,
    ):
        certificate = secure.getpeercert(binary_form=True) or b""
    if not hmac.compare_digest(hashlib.sha256(certificate).hexdigest(), address.pin):
        raise RequestError(
            Code.UNAUTHORIZED,
            "The server's certificate is not the pinned one.",
            next_step="Ask the server's owner whether it was changed, then save the new pin.",
        )
    # Only this very certificate is trusted from here on, whatever its name and its issuer.
    pinned = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    pinned.check_hostname = False
    pinned.verify_flags |= ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN
    pinned.load_verify_locations(cadata=certificate)
    return pinned
