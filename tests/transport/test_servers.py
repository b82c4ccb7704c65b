"""HTTP against programs that others wrote: nginx and squid."""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from tests.transport.conftest import Collect, free_port
from tui_downloads.core.errors import Code, DownloadError
from tui_downloads.transport.base import Reach, Request

SIZE = 3_000_000


@pytest.fixture
def place() -> Path:
    """Give a folder that every user of a server program may enter."""
    folder = Path(tempfile.mkdtemp(prefix="served-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def nginx(server_program, run_program, place, certificate):
    """Give nginx's base links over http and https."""
    program = server_program("nginx")
    plain, secure = free_port(), free_port()
    paths = "".join(
        f"{kind}_temp_path {place}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (place / "file").write_bytes(os.urandom(SIZE))
    (place / "nginx.conf").write_text(
        f"daemon off; master_process off; pid {place}/pid; error_log {place}/error.log;\n"
        "events { worker_connections 256; }\n"
        f"http {{ access_log off; {paths}\n"
        f"server {{ listen 127.0.0.1:{plain}; root {place}; location /moved {{ return 302 /file; }}"
        f" location /slow/ {{ alias {place}/; limit_rate 2m; }} }}\n"
        f"server {{ listen 127.0.0.1:{secure} ssl; root {place};"
        f" ssl_certificate {certificate.cert}; ssl_certificate_key {certificate.key}; }} }}\n"
    )
    run_program([program, "-p", str(place), "-c", str(place / "nginx.conf")], plain)
    return {"http": f"http://127.0.0.1:{plain}", "https": f"https://127.0.0.1:{secure}"}


@pytest.fixture
def squid(server_program, run_program, place):
    """Give a function that starts squid with some lines of configuration."""
    program = server_program("squid")

    def start(*lines: str) -> int:
        port = free_port()
        config = [
            f"http_port 127.0.0.1:{port}", f"pid_filename {place}/squid.pid", f"cache_log {place}/cache.log",
            "access_log none", "cache deny all", "shutdown_lifetime 0 seconds", f"coredump_dir {place}",
            "max_filedescriptors 256", "pinger_enable off", *lines,
        ]  # fmt: skip
        (place / "squid.conf").write_text("\n".join(config) + "\n")
        place.chmod(0o777)
        run_program([program, "-N", "-f", str(place / "squid.conf")], port)
        return port

    return start


@pytest.mark.servers
@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_segments_from_nginx_make_the_file(transport, nginx, certificate, place, scheme):
    """Four spans at once, over both schemes."""
    step = SIZE // 4
    reach = Reach(cacert=str(certificate.cert))
    sinks = [Collect() for _ in range(4)]
    spans = [(number * step, (number + 1) * step) for number in range(4)]
    url = nginx[scheme] + "/file"
    await asyncio.gather(
        *(
            transport.fetch(Request(url, start=start, end=end, reach=reach), sink)
            for sink, (start, end) in zip(sinks, spans, strict=True)
        )
    )
    joined = b"".join(bytes(sink.data) for sink in sinks)
    assert hashlib.sha256(joined).digest() == hashlib.sha256((place / "file").read_bytes()).digest()
    assert {sink.status for sink in sinks} == {206}


@pytest.mark.servers
async def test_nginx_redirects(transport, nginx):
    """A relative Location."""
    sink = Collect()
    answer = await transport.fetch(Request(nginx["http"] + "/moved"), sink)
    assert (len(sink.data), len(answer.head.hops)) == (SIZE, 1)


@pytest.mark.servers
@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_through_squid(transport, nginx, squid, certificate, scheme):
    """Forwarded and tunnelled."""
    port = squid("http_access allow all")
    sink = Collect()
    reach = Reach(proxy=f"http://127.0.0.1:{port}", cacert=str(certificate.cert))
    await transport.fetch(Request(nginx[scheme] + "/file", reach=reach), sink)
    assert (sink.status, len(sink.data)) == (200, SIZE)


def digest_helper() -> str:
    found = [path for path in ("/usr/lib/squid", "/usr/lib64/squid", "/usr/libexec/squid") if os.path.isdir(path)]
    if not found:
        pytest.skip("squid's authentication helpers are not installed")
    return found[0]


@pytest.mark.servers
@pytest.mark.parametrize("method", ["basic", "digest"])
async def test_squid_wants_a_login(transport, nginx, squid, certificate, place, method):
    """Basic and Digest, right and wrong."""
    folder = digest_helper()
    users = place / "users"
    if method == "digest":
        users.write_text("u:here:" + hashlib.md5(b"u:here:p").hexdigest() + "\n")
        program = f"{folder}/digest_file_auth -c {users}"
    else:
        program = f"{folder}/basic_ncsa_auth {users}"
        salted = subprocess.run(["openssl", "passwd", "-apr1", "p"], capture_output=True, text=True).stdout
        users.write_text(f"u:{salted}")
    port = squid(
        f"auth_param {method} program {program}",
        f"auth_param {method} realm here",
        "acl known proxy_auth REQUIRED",
        "http_access allow known",
        "http_access deny all",
    )
    for password, good in (("p", True), ("wrong", False)):
        reach = Reach(
            proxy=f"http://127.0.0.1:{port}",
            proxy_user="u",
            proxy_password=password,
            cacert=str(certificate.cert),
        )
        sink = Collect()
        if good:
            await transport.fetch(Request(nginx["https"] + "/file", reach=reach), sink)
            assert len(sink.data) == SIZE
        else:
            with pytest.raises(DownloadError) as caught:
                await transport.fetch(Request(nginx["https"] + "/file", reach=reach), sink)
            assert caught.value.code is Code.PROXY_AUTH_REQUIRED


@pytest.mark.servers
async def test_squid_refuses(transport, nginx, squid, certificate):
    """A proxy that denies a tunnel is a PROXY_ERROR with its status."""
    port = squid("http_access deny all")
    reach = Reach(proxy=f"http://127.0.0.1:{port}", cacert=str(certificate.cert))
    with pytest.raises(DownloadError) as caught:
        await transport.fetch(Request(nginx["https"] + "/file", reach=reach), Collect())
    assert (caught.value.code, caught.value.status) == (Code.PROXY_ERROR, 403)
