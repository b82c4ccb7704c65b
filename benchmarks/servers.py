"""nginx on the loopback, with files on a memory file system: the server of every contest."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tui_downloads.demo.certificate import Certificate, make_certificate
from tui_downloads.demo.content import block

MEMORY = Path("/dev/shm")
_PIECE = 16 << 20

_CONFIG = """
daemon off;
worker_processes 2;
pid {folder}/nginx.pid;
error_log {folder}/error.log warn;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    sendfile on;
    tcp_nopush on;
    keepalive_requests 1000000;
    default_type application/octet-stream;
    root {files};
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    limit_conn_zone $server_port zone=crowd:1m;
    server {{ listen 127.0.0.1:{http} backlog=1024; }}
    server {{
        listen 127.0.0.1:{https} ssl backlog=1024;
        ssl_certificate {cert};
        ssl_certificate_key {key};
    }}
    server {{ listen 127.0.0.1:{capped}; limit_rate {rate}; }}
    server {{ listen 127.0.0.1:{crowded}; limit_conn crowd 4; limit_conn_status 429; limit_rate {rate}; }}
}}
"""


@dataclass(frozen=True)
class Scale:
    """How much work there is."""

    big: int
    """Bytes of the large file."""
    many: int
    """Number of small files."""
    small: int
    """Bytes of each of them."""
    medium: int
    """Bytes of the file behind the server that caps each connection."""
    rate: int
    """Bytes per second of a capped connection."""


FULL = Scale(big=2 << 30, many=10_000, small=20_000, medium=512 << 20, rate=16 << 20)
QUICK = Scale(big=256 << 20, many=1_000, small=20_000, medium=192 << 20, rate=12 << 20)


@dataclass(frozen=True)
class Site:
    """Where the contestants find the files, and where the harness finds them to compare."""

    files: Path
    scale: Scale
    certificate: Certificate
    http: str
    https: str
    capped: str
    crowded: str
    server: int
    """The process of the server."""

    def workers(self) -> list[int]:
        """Give the processes that send the files."""
        return [int(pid) for pid in Path(f"/proc/{self.server}/task/{self.server}/children").read_text().split()]

    @property
    def small_names(self) -> list[str]:
        return [f"small-{number:05}.bin" for number in range(self.scale.many)]


def _write(path: Path, size: int) -> None:
    with path.open("wb") as out:
        for start in range(0, size, _PIECE):
            out.write(block(path.name, start, min(size, start + _PIECE)))


def _fill(files: Path, scale: Scale) -> None:
    _write(files / "big.bin", scale.big)
    _write(files / "medium.bin", scale.medium)
    for number in range(scale.many):
        _write(files / f"small-{number:05}.bin", scale.small)


def _free_ports(count: int) -> list[int]:
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return ports


def _await_port(port: int, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and server.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.02)
    raise RuntimeError("nginx did not start")


def memory_folder() -> Path:
    """Give the memory file system, or the ordinary temporary folder where there is none."""
    return MEMORY if MEMORY.is_dir() and os.access(MEMORY, os.W_OK) else Path(tempfile.gettempdir())


def find_nginx() -> str:
    """Give the path of nginx, which Debian keeps out of the PATH of users.

    Raises:
        FileNotFoundError: it is not installed.
    """
    found = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if found is None:
        raise FileNotFoundError("nginx is not installed; install it (for example `apt install nginx-light`)")
    return found


@contextmanager
def serve(scale: Scale) -> Iterator[Site]:
    """Serve the files of a scale while the block lasts.

    Raises:
        FileNotFoundError: nginx or openssl is not installed.
        RuntimeError: nginx did not start.
    """
    nginx = find_nginx()
    with (
        tempfile.TemporaryDirectory(prefix="bench-nginx-") as config,
        tempfile.TemporaryDirectory(prefix="bench-files-", dir=memory_folder()) as files,
    ):
        # nginx started by root reads the files as another user.
        for folder in (config, files):
            Path(folder).chmod(0o755)
        certificate = make_certificate(Path(config))
        ports = dict(zip(("http", "https", "capped", "crowded"), _free_ports(4), strict=True))
        text = _CONFIG.format(
            folder=config, files=files, cert=certificate.cert, key=certificate.key, rate=scale.rate, **ports
        )
        (Path(config) / "nginx.conf").write_text(text)
        _fill(Path(files), scale)
        command = [nginx, "-p", config, "-e", f"{config}/error.log", "-c", f"{config}/nginx.conf"]
        server = subprocess.Popen(command)
        try:
            _await_port(ports["http"], server)
            origins = {
                name: f"{'https' if name == 'https' else 'http'}://127.0.0.1:{port}/" for name, port in ports.items()
            }
            yield Site(Path(files), scale, certificate, **origins, server=server.pid)
        finally:
            server.terminate()
            server.wait()
