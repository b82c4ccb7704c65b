"""Which certificate authorities are believed: the system's, and a user's own added to them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from tui_downloads.core.errors import Code, DownloadError

_VARIABLES = ("SSL_CERT_FILE", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE")
_PLACES = (
    "/etc/ssl/certs/ca-certificates.crt",  # Debian, Ubuntu, Arch, Gentoo, Alpine
    "/etc/pki/tls/certs/ca-bundle.crt",  # Fedora, RHEL
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/ca-bundle.pem",  # openSUSE
    "/etc/ssl/cert.pem",  # macOS, Alpine, BSD
    "/usr/local/etc/openssl/cert.pem",
    "/opt/homebrew/etc/openssl@3/cert.pem",
    "/usr/local/share/certs/ca-root-nss.crt",  # FreeBSD
)


def find_bundle(environ: Mapping[str, str] = os.environ, places: tuple[str, ...] = _PLACES) -> str:
    """Give the path of the bundle of authorities: from the environment, the system, or certifi; empty if none.

    Raises:
        DownloadError: TLS_ERROR, a variable names a file that is not there: falling back could trust too much.
    """
    for variable in _VARIABLES:
        path = environ.get(variable, "")
        if path and variable == "REQUESTS_CA_BUNDLE" and os.path.isdir(path):
            continue
        if path and not os.path.isfile(path):
            raise DownloadError(
                Code.TLS_ERROR,
                f"{variable} names a certificate file that is not there.",
                next_step=f"Correct {variable}.",
            )
        if path:
            return path
    for place in places:
        if os.path.isfile(place):
            return place
    import ssl  # 10 ms that are spared where one of the usual places has it

    built_in = ssl.get_default_verify_paths().cafile
    if built_in and os.path.isfile(built_in):
        return built_in
    try:
        import certifi
    except ImportError:
        return ""
    return certifi.where()


def check_readable(path: str | None, what: str) -> None:
    """Refuse a file that can't be read, before a server is asked.

    Raises:
        DownloadError: INVALID_OPTION.
    """
    if not path:
        return
    try:
        with open(path, "rb"):
            pass
    except OSError as exc:
        raise DownloadError(Code.INVALID_OPTION, f"The {what} can't be read: {exc.strerror or 'error'}.") from exc


class Trust:
    """Bundles for libcurl, which keeps a parsed bundle only when it is a file."""

    def __init__(self) -> None:
        # Mutable state: the temporary bundles by the files that they were made of.
        self._made: dict[tuple[str, int, str], Path] = {}

    def bundle(self, extra: str | None) -> str:
        """Give the path of the system's bundle with `extra` added.

        Raises:
            DownloadError: INVALID_OPTION, `extra` is not a certificate file in PEM.
        """
        system = find_bundle()
        if not extra:
            return system
        try:
            stamp = os.stat(extra).st_mtime_ns
            key = (extra, stamp, system)
            if key not in self._made or not self._made[key].exists():
                self._made[key] = _join(system, Path(extra).read_bytes())
        except OSError as exc:
            raise DownloadError(
                Code.INVALID_OPTION, f"The certificate file can't be read: {exc.strerror or 'error'}."
            ) from exc
        return str(self._made[key])

    def close(self) -> None:
        """Delete the temporary bundles."""
        for path in self._made.values():
            path.unlink(missing_ok=True)
        self._made.clear()


def _join(system: str, extra: bytes) -> Path:
    if b"-----BEGIN" not in extra:
        raise DownloadError(Code.INVALID_OPTION, "The certificate file has no certificate in PEM form.")
    known = Path(system).read_bytes() if system else b""
    import tempfile

    descriptor, name = tempfile.mkstemp(prefix="tui-downloads-", suffix=".pem")
    with os.fdopen(descriptor, "wb") as file:
        file.write(known + b"\n" + extra + b"\n")
    return Path(name)
