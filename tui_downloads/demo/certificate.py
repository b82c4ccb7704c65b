"""A throw-away certificate for practice over TLS."""

from __future__ import annotations

import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Certificate:
    """A self-signed certificate that clients can trust as their only authority."""

    cert: Path
    key: Path

    def server_context(self) -> ssl.SSLContext:
        """Give the context that a server presents this certificate with."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.cert, self.key)
        return context


def make_certificate(folder: Path) -> Certificate:
    """Make a certificate for 127.0.0.1 and localhost in `folder` with the openssl program.

    Raises:
        FileNotFoundError: openssl is not installed.
        subprocess.CalledProcessError: openssl refused.
    """
    made = Certificate(folder / "practice-cert.pem", folder / "practice-key.pem")
    names = "subjectAltName=DNS:localhost,IP:127.0.0.1"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-days", "30", "-subj", "/CN=localhost", "-addext", names]
    command += ["-keyout", str(made.key), "-out", str(made.cert)]
    subprocess.run(command, check=True, capture_output=True)
    made.key.chmod(0o600)
    return made
