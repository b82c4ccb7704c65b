"""Options by schemes by kinds of proxy, each cell a download through the whole engine against real servers.

`WRITE_CONFORMANCE=1 pytest tests/engine/test_conformance.py` writes what was seen into docs/conformance.md; without it
the page is only held against the shape of the table.
"""

from __future__ import annotations

import hashlib
import os
import platform
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.engine.conftest import Bench
from tests.transport.conftest import certificate, run_program  # noqa: F401
from tests.transport.proxy import ProxyInThread
from tests.transport.test_remote_files import known, public, sshd, vsftpd  # noqa: F401
from tests.transport.test_servers import nginx, place, squid  # noqa: F401
from tui_downloads.core.lifecycle import State
from tui_downloads.core.snapshots import Proof
from tui_downloads.core.spec import Change, Credentials, OnConflict, Options

SIZE = 3_000_000
PAGE = Path(__file__).parents[2] / "docs" / "conformance.md"
SCHEMES = {
    "http": "nginx", "https": "nginx", "ftp": "vsftpd", "ftps": "vsftpd", "ftpes": "vsftpd", "sftp": "sshd",
}  # fmt: skip
PROXIES = {"none": "", "http": "squid", "https": "our own", "socks4a": "our own", "socks5h": "our own"}
OPTIONS = ("whole file", "4 connections", "checksum", "limit", "pause and resume", "restart", "skip", "custom fields")
AGAIN = "yes, from the start"
LIMITS = {
    ("ftp", "http"): (
        ("pause and resume", "restart"),
        AGAIN,
        "squid 5 sends other bytes of a resumed FTP file than it says it does, so an http proxy is always asked for "
        "the whole file",
    ),
}
"""What does not work in full by other people's doing: options, the cell that says so, and why."""
SEEN: dict[tuple[str, str, str], str] = {}


@dataclass
class Place:
    """A served file and how to reach it."""

    url: str
    options: Options
    secrets: Credentials
    sha: str


@pytest.fixture(scope="module")
def page() -> Iterator[None]:
    """Write the table when every cell has been tried."""
    yield
    if os.environ.get("WRITE_CONFORMANCE") == "1":
        rest = PAGE.read_text().partition("\n# ")
        PAGE.write_text(written() + "".join(rest[1:]))


def written() -> str:
    lines = [
        "# What works where",
        "",
        "Each cell is a download of 3 MB through the whole engine, made by `tests/engine/test_conformance.py` against "
        f"{', '.join(dict.fromkeys(SCHEMES.values()))} and squid; the other proxies are a small one of the tests. "
        f"Written on {time.strftime('%Y-%m-%d')}, Python {platform.python_version()}, {platform.system()}.",
        "",
        "- **restart** closes the engine midway and opens it again; **skip** finds the name taken and leaves it.",
        "- **custom fields** are a header, a referer and a user agent where the scheme has them.",
    ]
    for scheme, server in SCHEMES.items():
        lines += ["", f"## {scheme} ({server})", "", f"| option | {' | '.join(PROXIES)} |", "|---" * 6 + "|"]
        for option in OPTIONS:
            cells = (SEEN.get((scheme, proxy, option), "not tried") for proxy in PROXIES)
            lines.append(f"| {option} | {' | '.join(cells)} |")
        for (of, proxy), (_, code, why) in LIMITS.items():
            if of == scheme:
                lines += ["", f'"{code}" through a proxy of kind {proxy}: {why}.']
    return "\n".join(lines) + "\n"


@pytest.fixture
def served(request, server_program, run_program, tmp_path, certificate) -> Place:  # noqa: F811
    """Start the server of a scheme with a file of known bytes."""
    scheme, body = request.param, os.urandom(SIZE)
    sha = hashlib.sha256(body).hexdigest()
    options = Options(cacert=str(certificate.cert))
    if scheme in ("http", "https"):
        base = request.getfixturevalue("nginx")
        (request.getfixturevalue("place") / "big.bin").write_bytes(body)
        return Place(f"{base[scheme]}/big.bin", options, Credentials(), sha)
    folder = request.getfixturevalue("public")
    (folder / "big.bin").write_bytes(body)
    if scheme == "sftp":
        command, port, keys = sshd(server_program("sshd"), tmp_path)
        run_program(command, port)
        user = subprocess.run(["id", "-un"], capture_output=True, text=True, check=True).stdout.strip()
        options = replace(options, key=str(keys / "user"), known_hosts=known(keys, port))
        return Place(f"sftp://127.0.0.1:{port}{folder}/big.bin", options, Credentials(user=user), sha)
    secure = None if scheme == "ftp" else certificate
    command, port = vsftpd(server_program("vsftpd"), tmp_path, folder, secure, implicit=scheme == "ftps")
    run_program(command, port)
    return Place(f"{scheme}://127.0.0.1:{port}/big.bin", options, Credentials(), sha)


@pytest.mark.servers
@pytest.mark.parametrize("kind", PROXIES)
@pytest.mark.parametrize("served", SCHEMES, indirect=True)
async def test_every_option_works_here(request, tmp_path, served, kind, certificate, page):  # noqa: F811
    """The right bytes by every option, through this kind of proxy."""
    scheme = served.url.partition(":")[0]
    with ExitStack() as stack:
        proxy = ""
        if kind == "http":
            proxy = f"http://127.0.0.1:{request.getfixturevalue('squid')('http_access allow all')}"
        elif kind != "none":
            context = certificate.server_context() if kind == "https" else None
            proxy = f"{kind}://127.0.0.1:{stack.enter_context(ProxyInThread(context)).port}"
        bench = Bench(tmp_path / "downloads", None)
        await bench.start()
        try:
            usual = replace(served.options, proxy=proxy)
            for option in OPTIONS:
                SEEN[scheme, kind, option] = await cell(bench, served, usual, option)
        finally:
            await bench.engine.close()
    broken, code, _ = LIMITS.get((scheme, kind), ((), "", ""))
    wanted = {option: code if option in broken else "yes" for option in OPTIONS}
    assert {option: SEEN[scheme, kind, option] for option in OPTIONS} == wanted


async def cell(bench: Bench, served: Place, usual: Options, option: str) -> str:
    """Make one download; give `yes`, or what went wrong."""
    name = f"{option.replace(' ', '-')}.bin"
    try:
        view = await attempt(bench, served, usual, option, name)
    except AssertionError as error:
        return f"no: {str(error).splitlines()[0]}"
    if view.error is not None:
        return f"no: {view.error.code}"
    wanted = hashlib.sha256(b"taken").hexdigest() if option == "skip" else served.sha
    if bench.digest(view.name) != wanted:
        return "wrong bytes"
    return AGAIN if view.discarded else "yes"


async def attempt(bench: Bench, served: Place, usual: Options, option: str, name: str):
    options, secrets = usual, served.secrets
    if option == "4 connections":
        options = replace(usual, connections=4)
    elif option == "checksum":
        options = replace(usual, checksum=f"sha256:{served.sha}")
    elif option in ("limit", "pause and resume", "restart"):
        options = replace(usual, limit=3_000_000 if option == "limit" else 1_000_000, connections=1)
    elif option == "skip":
        options, name = replace(usual, on_conflict=OnConflict.SKIP), "taken.bin"
        bench.folder.mkdir(exist_ok=True)
        (bench.folder / name).write_bytes(b"taken")
    elif option == "custom fields":
        options = replace(usual, user_agent="test/1", referer="http://from.example/")
        secrets = replace(secrets, headers=(("X-Test", "1"),))
    id = await bench.add(served.url, name=name, options=options, credentials=secrets)
    if option in ("pause and resume", "restart"):
        await bench.until(id, lambda view: view.done > 200_000 or view.state is State.FAILED)
        if (await bench.get(id)).state is State.FAILED:
            return await bench.get(id)
        if option == "restart":
            await bench.engine.close()
            await bench.start()
        else:
            await bench.engine.pause([id])
            assert (await bench.get(id)).done > 0, "no bytes kept"
        await bench.engine.change(id, Change(limit=0))
        await bench.engine.resume([id])
    view = await bench.ended(id)
    if view.error is not None:
        return view
    assert option != "checksum" or view.proof is Proof.CHECKSUM, "not proven"
    assert option != "skip" or view.meta.get("skipped"), "not skipped"
    return view


def test_the_page_has_every_cell():
    """docs/conformance.md is of this table: every scheme, option and proxy, and nothing left out."""
    text = PAGE.read_text().partition("\n# ")[0]
    for scheme, server in SCHEMES.items():
        section = text.partition(f"## {scheme} ({server})")[2].partition("\n## ")[0]
        assert f"| option | {' | '.join(PROXIES)} |" in section
        lines = [line for line in section.splitlines() if line.startswith("|")]
        rows = {line.split(" | ")[0].lstrip("| "): line.strip("|").split("|")[1:] for line in lines}
        assert all(len(rows[option]) == len(PROXIES) for option in OPTIONS)
    assert "not tried" not in text
