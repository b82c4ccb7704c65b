"""SSH host keys: known ones pass, others are refused with their fingerprint."""

from __future__ import annotations

import base64
import shlex
from pathlib import Path

import pycurl

from tui_downloads.core.errors import Code, DownloadError

_NAMES = {
    pycurl.KHTYPE_RSA: "rsa",
    pycurl.KHTYPE_DSS: "dsa",
    pycurl.KHTYPE_ECDSA: "ecdsa",
    pycurl.KHTYPE_ED25519: "ed25519",
}


class HostKeys:
    """A known_hosts file and what the last server showed."""

    def __init__(self, known_hosts: str | None) -> None:
        self.path = known_hosts or str(Path("~/.ssh/known_hosts").expanduser())
        # Mutable state: the key that was refused last, and whether another one is known for its host.
        self._refused: tuple[int, bytes] | None = None
        self._changed = False

    def use(self, curl: pycurl.Curl) -> None:
        """Check every server of a handle; libcurl accepts any key when no file is set."""
        curl.setopt(pycurl.SSH_KNOWNHOSTS, self.path)
        curl.setopt(pycurl.SSH_KEYFUNCTION, self._on_key)

    def _on_key(self, known: object, found: object, match: int) -> int:
        if match == pycurl.KHMATCH_OK:
            return int(pycurl.KHSTAT_FINE)
        key = getattr(found, "key", b"")
        kind = getattr(found, "keytype", -1)
        self._refused = (kind, _raw(key))
        self._changed = match == pycurl.KHMATCH_MISMATCH
        return int(pycurl.KHSTAT_REJECT)

    def error(self, host: str, port: int) -> DownloadError | None:
        """Give the error for a refused key, with the command that accepts it; None when none was refused."""
        if self._refused is None:
            return None
        kind, raw = self._refused
        self._refused = None
        name = _NAMES.get(kind, "")
        place = host if port == 22 else f"[{host}]:{port}"
        print_ = fingerprint(raw)
        scan = f"ssh-keyscan -p {port}{f' -t {name}' if name else ''} {shlex.quote(host)} >> {shlex.quote(self.path)}"
        if self._changed:
            return DownloadError(
                Code.HOST_KEY_UNKNOWN,
                f"The host key of {place} is not the known one ({name} {print_}); somebody may be in between.",
                next_step=f"If the owner confirms the new key: ssh-keygen -R {shlex.quote(place)}"
                f" -f {shlex.quote(self.path)} && {scan}",
            )
        return DownloadError(
            Code.HOST_KEY_UNKNOWN,
            f"The host key of {place} is unknown ({name} {print_}).",
            next_step=f"Compare the fingerprint with the owner's, then accept it: {scan}",
        )


def _raw(key: bytes | str) -> bytes:
    """Give a key's bytes, whether it came as they are or in base64."""
    data = key.encode() if isinstance(key, str) else key
    if data.startswith(b"AAAA"):
        try:
            return base64.b64decode(data, validate=True)
        except ValueError:
            return data
    return data


def fingerprint(raw: bytes) -> str:
    """Give a key's fingerprint as ssh shows it."""
    import hashlib

    return "SHA256:" + base64.b64encode(hashlib.sha256(raw).digest()).decode().rstrip("=")
