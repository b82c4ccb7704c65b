"""FTP, FTPS and SFTP told as HTTP: against vsftpd and sshd."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.transport.conftest import Collect, family, forever, free_port, until
from tui_downloads.core.errors import Code, DownloadError
from tui_downloads.core.spec import Policy
from tui_downloads.transport.auto import create
from tui_downloads.transport.base import Ended, Reach, Request, Take
from tui_downloads.transport.remote_files import size_from_replies

BODY = bytes(range(256)) * 400
MODIFIED = 1_700_000_000


@pytest.mark.parametrize(
    ("lines", "size"),
    [
        ([b"213 20240101123456\r\n", b"213 5000\r\n", b"150 Opening\r\n"], 5000),
        ([b"213 20240101123456.789\r\n"], None),
        ([b"550 no SIZE\r\n", b"226 done\r\n"], None),
        ([b"Content-Length: 77\r\nAccept-ranges: bytes\r\n"], 77),
        ([b"213 99999999999999999999999\r\n"], None),
        ([], None),
    ],
)
def test_the_size_among_the_replies(lines, size):
    """The reply to SIZE is told from the one to MDTM."""
    assert size_from_replies(lines) == size


@given(st.lists(st.binary(max_size=60), max_size=6))
def test_any_replies_have_a_size_or_none(lines):
    """Hostile replies do no harm."""
    found = size_from_replies(lines)
    assert found is None or found >= 0


class FileServer:
    """A running server and what its requests need."""

    def __init__(self, base: str, reach: Reach, folder: Path) -> None:
        self.base = base
        self.reach = reach
        for name, body in (("file.bin", BODY), ("empty", b"")):
            (folder / name).write_bytes(body)
            os.utime(folder / name, (MODIFIED, MODIFIED))

    def request(self, name: str = "file.bin", **more) -> Request:
        return Request(f"{self.base}/{name}", reach=more.pop("reach", self.reach), **more)


@pytest.fixture
def public() -> Path:
    """Give a folder that a server without rights of ours can read."""
    folder = Path(tempfile.mkdtemp(prefix="served-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def vsftpd(
    program: str, tmp_path: Path, folder: Path, certificate=None, *, implicit: bool = True
) -> tuple[list[str], int]:
    """Give the command that starts vsftpd, and its port; with a certificate it insists on TLS."""
    if os.geteuid() != 0:
        pytest.skip("vsftpd starts as root only")
    port = free_port()
    empty = tmp_path / "empty"
    empty.mkdir(exist_ok=True)
    lines = {
        "listen": "YES", "listen_address": "127.0.0.1", "listen_port": port, "background": "NO",
        "anonymous_enable": "YES", "anon_root": folder, "no_anon_password": "YES", "local_enable": "NO",
        "secure_chroot_dir": empty, "seccomp_sandbox": "NO", "isolate": "NO", "isolate_network": "NO",
        "xferlog_enable": "NO",
    }  # fmt: skip
    if certificate is not None:
        lines |= {
            "ssl_enable": "YES", "implicit_ssl": "YES" if implicit else "NO", "allow_anon_ssl": "YES",
            "force_anon_data_ssl": "YES",
            "force_anon_logins_ssl": "YES", "require_ssl_reuse": "NO", "rsa_cert_file": certificate.cert,
            "rsa_private_key_file": certificate.key,
        }  # fmt: skip
    config = tmp_path / "vsftpd.conf"
    config.write_text("".join(f"{key}={value}\n" for key, value in lines.items()))
    return [program, str(config)], port


def sshd(program: str, tmp_path: Path, *more: str) -> tuple[list[str], int, Path]:
    """Give the command that starts sshd, its port and the folder of its keys; `more` lines win over the usual ones."""
    port = free_port()
    folder = tmp_path / "ssh"
    folder.mkdir(mode=0o700)
    for name in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)], check=True)
    shutil.copy(folder / "user.pub", folder / "authorized")
    lines = [
        *more, f"Port {port}", "ListenAddress 127.0.0.1",
        f"HostKey {folder}/host", f"AuthorizedKeysFile {folder}/authorized",
        "StrictModes no", "UsePAM no", "PidFile none", "PasswordAuthentication no", "PermitRootLogin yes",
        "Subsystem sftp internal-sftp",
    ]  # fmt: skip
    (folder / "config").write_text("\n".join(lines) + "\n")
    if os.geteuid() == 0:
        os.makedirs("/run/sshd", exist_ok=True)
    return [program, "-D", "-e", "-f", str(folder / "config")], port, folder


def known(folder: Path, port: int, key: str = "host") -> str:
    kind, blob = (folder / f"{key}.pub").read_text().split()[:2]
    path = folder / "known_hosts"
    path.write_text(f"[127.0.0.1]:{port} {kind} {blob}\n")
    return str(path)


@pytest.fixture
def sftp(server_program, run_program, tmp_path, public):
    command, port, folder = sshd(server_program("sshd"), tmp_path)
    program = run_program(command, port)
    user = subprocess.run(["id", "-un"], capture_output=True, text=True, check=True).stdout.strip()
    reach = Reach(user=user, key=str(folder / "user"), known_hosts=known(folder, port))
    server = FileServer(f"sftp://127.0.0.1:{port}{public}", reach, public)
    server.folder, server.port, server.program = folder, port, program
    return server


@pytest.fixture(params=["ftp", "ftps", "ftpes", "sftp"])
def server(request, server_program, run_program, tmp_path, public, certificate):
    if request.param == "sftp":
        return request.getfixturevalue("sftp")
    secure = None if request.param == "ftp" else certificate
    command, port = vsftpd(server_program("vsftpd"), tmp_path, public, secure, implicit=request.param == "ftps")
    made = FileServer(f"{request.param}://127.0.0.1:{port}", Reach(cacert=str(certificate.cert)), public)
    made.program = run_program(command, port)
    return made


@pytest.mark.servers
async def test_a_file_is_told_as_http(transport, server):
    """Size, date and ranges look as over HTTP; the connection is used again."""
    whole, span, rest = Collect(), Collect(), Collect()
    first = await transport.fetch(server.request(), whole)
    second = await transport.fetch(server.request(start=0), Collect())
    bounded = await transport.fetch(server.request(start=1000, end=70_000), span)
    await transport.fetch(server.request(start=100_000), rest)
    size = len(BODY)
    assert (whole.status, bytes(whole.data)) == (200, BODY)
    assert whole.heads[0].headers.get("content-length") == str(size)
    assert whole.heads[0].headers.get("last-modified") == "Tue, 14 Nov 2023 22:13:20 GMT"
    assert (span.status, bytes(span.data)) == (206, BODY[1000:70_000])
    assert span.heads[0].headers.get("content-range") == f"bytes 1000-69999/{size}"
    assert (rest.status, bytes(rest.data)) == (206, BODY[100_000:])
    assert (first.reused, second.reused) == (False, True)
    assert (bounded.received, bounded.ended) == (69_000, Ended.COMPLETE)


@pytest.mark.servers
@pytest.mark.parametrize("start", [len(BODY), len(BODY) + 1, len(BODY) + 10_000])
async def test_a_start_past_the_end_is_416(transport, server, start):
    """With the size, as RFC 9110 wants it."""
    sink = Collect()
    answer = await transport.fetch(server.request(start=start), sink)
    assert (sink.status, sink.heads[0].headers.get("content-range")) == (416, f"bytes */{len(BODY)}")
    assert (answer.received, sink.offers) == (0, 0)


@pytest.mark.servers
@pytest.mark.parametrize("start", [None, 0])
async def test_an_empty_file_is_a_file(transport, server, start):
    """Zero bytes, a head, no error."""
    sink = Collect()
    await transport.fetch(server.request("empty", start=start), sink)
    assert (sink.status, sink.heads[0].headers.get("content-length"), sink.offers) == (200, "0", 0)


@pytest.mark.servers
async def test_a_head_tells_the_size(transport, server):
    """HEAD asks for no byte."""
    sink = Collect()
    await transport.fetch(server.request(method="HEAD"), sink)
    assert (sink.heads[0].headers.get("content-length"), sink.offers) == (str(len(BODY)), 0)


@pytest.mark.servers
@pytest.mark.parametrize("name", ["none", "no/such/folder"])
async def test_a_file_that_is_not_there(transport, server, name):
    """REMOTE_FILE_NOT_FOUND."""
    with pytest.raises(DownloadError) as caught:
        await transport.fetch(server.request(name), Collect())
    assert caught.value.code is Code.REMOTE_FILE_NOT_FOUND


@pytest.mark.servers
async def test_a_wrong_login_is_named(transport, server):
    """AUTH_REQUIRED."""
    reach = Reach(user="nobody", password="x", cacert=server.reach.cacert, known_hosts=server.reach.known_hosts)
    with pytest.raises(DownloadError) as caught:
        await transport.fetch(server.request(reach=reach), Collect())
    assert caught.value.code is Code.AUTH_REQUIRED


@pytest.mark.servers
async def test_pause_and_enough_work_here_too(transport, server):
    """Back-pressure loses nothing, and enough is enough."""
    loop = asyncio.get_running_loop()

    def hesitate(sink: Collect, chunk: bytes) -> Take:
        if sink.offers % 2:
            loop.call_soon(sink.flow.resume)
            return Take.PAUSE
        return Take.MORE

    sink = Collect(hesitate)
    await transport.fetch(server.request(start=10), sink)
    assert bytes(sink.data) == BODY[10:]
    cut = Collect(lambda sink, chunk: Take.ENOUGH)
    assert (await transport.fetch(server.request(start=10), cut)).ended is Ended.ENOUGH
    assert bytes(cut.data) == BODY[10 : 10 + len(cut.data)]


@pytest.mark.servers
async def test_an_address_policy_holds_here_too(transport, server):
    """No scheme gets around it."""
    reach = Reach(policy=Policy(private=False))
    with pytest.raises(DownloadError) as caught:
        await transport.fetch(server.request(reach=reach), Collect())
    assert caught.value.code is Code.ADDRESS_BLOCKED


@pytest.mark.servers
@pytest.mark.parametrize(("word", "code"), [("sesame", None), ("wrong", Code.AUTH_REQUIRED), ("", Code.AUTH_REQUIRED)])
async def test_a_key_with_a_password(transport, sftp, word, code):
    """An encrypted key opens by its own password, and nobody is asked for one."""
    key = sftp.folder / "locked"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "sesame", "-f", str(key)], check=True)
    with (sftp.folder / "authorized").open("a") as file:
        file.write((sftp.folder / "locked.pub").read_text())
    request = sftp.request(reach=replace(sftp.reach, key=str(key), key_password=word))
    if code is None:
        sink = Collect()
        await transport.fetch(request, sink)
        assert bytes(sink.data) == BODY
    else:
        with pytest.raises(DownloadError) as caught:
            await transport.fetch(request, Collect())
        assert caught.value.code is code


async def test_a_key_that_is_not_there_is_named(transport, tmp_path):
    """The user's own file is at fault, not the server's login."""
    reach = Reach(user="u", key=str(tmp_path / "none"))
    with pytest.raises(DownloadError) as caught:
        await transport.fetch(Request("sftp://127.0.0.1:1/a", reach=reach), Collect())
    assert (caught.value.code, "private key" in caught.value.message) == (Code.INVALID_OPTION, True)


@pytest.fixture
def account() -> Iterator[tuple[str, str]]:
    """Give the name and password of an account that exists for one test."""
    if os.geteuid() != 0 or os.environ.get("REQUIRE_SERVERS") != "1":
        pytest.skip("an account is made by root only, and where REQUIRE_SERVERS=1 allows it")
    if not (shutil.which("useradd") and shutil.which("chpasswd")):
        pytest.skip("useradd and chpasswd are not installed")
    name, password = f"served{os.getpid()}", "open sesame"
    subprocess.run(["useradd", "--no-create-home", "--home-dir", "/", "--shell", "/bin/sh", name], check=True)
    try:
        subprocess.run(["chpasswd"], input=f"{name}:{password}\n", text=True, check=True)
        yield name, password
    finally:
        subprocess.run(["userdel", "-f", name], check=True, capture_output=True)


@pytest.mark.servers
@pytest.mark.parametrize("scheme", ["sftp", "ftp", "ftpes"])
async def test_a_login_by_password(
    transport, server_program, run_program, tmp_path, public, account, certificate, scheme, home, monkeypatch
):
    """The right password opens, the wrong one is AUTH_REQUIRED, over each protocol that has passwords."""
    name, password = account
    monkeypatch.setenv("HOME", str(home))
    known_hosts, base = None, ""
    if scheme == "sftp":
        command, port, folder = sshd(server_program("sshd"), tmp_path, "PasswordAuthentication yes")
        known_hosts, base = known(folder, port), str(public)
    else:
        secure = certificate if scheme == "ftpes" else None
        command, port = vsftpd(server_program("vsftpd"), tmp_path, public, secure, implicit=False)
        with open(tmp_path / "vsftpd.conf", "a") as file:
            file.write(f"local_enable=YES\nlocal_root={public}\npam_service_name=vsftpd\n")
    run_program(command, port)
    server = FileServer(f"{scheme}://127.0.0.1:{port}{base}", Reach(), public)
    usual = Reach(user=name, password=password, known_hosts=known_hosts, cacert=str(certificate.cert))
    sink = Collect()
    await transport.fetch(server.request(reach=usual), sink)
    assert bytes(sink.data) == BODY
    with pytest.raises(DownloadError) as caught:
        await transport.fetch(server.request(reach=replace(usual, password="wrong")), Collect())
    assert caught.value.code is Code.AUTH_REQUIRED
    netrc = Path(os.environ["HOME"]) / ".netrc"
    netrc.write_text(f'machine 127.0.0.1 login {name} password "{password}"\n')
    again = Collect()
    await transport.fetch(server.request(reach=replace(usual, user="", password="", netrc=True)), again)
    assert bytes(again.data) == BODY


@pytest.mark.servers
async def test_plain_ftp_is_not_taken_for_encrypted(transport, server_program, run_program, tmp_path, public):
    """ftpes:// asks for TLS before anything else, and a server without it gets no login (S19)."""
    command, port = vsftpd(server_program("vsftpd"), tmp_path, public)
    run_program(command, port)
    plain = FileServer(f"ftp://127.0.0.1:{port}", Reach(), public)
    await transport.fetch(plain.request(), Collect())  # its connection is kept, and must not be used
    with pytest.raises(DownloadError) as caught:
        await transport.fetch(Request(f"ftpes://127.0.0.1:{port}/file.bin"), Collect())
    assert (caught.value.code, caught.value.retry) == (Code.TLS_ERROR, False)


@pytest.mark.servers
async def test_ftp_over_tls_proves_its_server(transport, server_program, run_program, tmp_path, public, certificate):
    """A certificate that nobody knows is refused over FTP too."""
    command, port = vsftpd(server_program("vsftpd"), tmp_path, public, certificate, implicit=False)
    run_program(command, port)
    FileServer("", Reach(), public)
    with pytest.raises(DownloadError) as caught:
        await transport.fetch(Request(f"ftpes://127.0.0.1:{port}/file.bin"), Collect())
    assert caught.value.code is Code.TLS_ERROR


@contextmanager
def frozen(program) -> Iterator[None]:
    """Stop a server in its tracks: its connections stay open and nobody answers."""
    pids = family(program.pid)
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


@pytest.mark.servers
@pytest.mark.parametrize("end", [None, 30_000_000], ids=["open", "span"])
async def test_a_frozen_server_does_not_hold_the_loop(transport, server, public, end):
    """A transfer whose server stands still is let go of at once, without a goodbye that nobody would answer."""
    with (public / "long.bin").open("wb") as file:
        file.truncate(60_000_000)
    sink = Collect(lambda sink, chunk: Take.PAUSE if len(sink.data) > 1_000_000 else Take.MORE)
    task = asyncio.ensure_future(transport.fetch(server.request("long.bin", start=10, end=end), sink))
    await until(lambda: len(sink.data) > 1_000_000)
    with frozen(server.program):
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


@pytest.mark.servers
async def test_a_span_ends_without_a_frozen_servers_word(transport, server, public):
    """Nothing is asked of a server once the span is here."""
    with (public / "long.bin").open("wb") as file:
        file.truncate(60_000_000)
    held = ExitStack()

    def freeze(sink: Collect, chunk: bytes) -> Take:
        if sink.offers == 1:
            held.enter_context(frozen(server.program))
        return Take.MORE

    with held:  # the span ends within what the server has sent by then
        sink = Collect(freeze)
        answer = await transport.fetch(server.request("long.bin", start=0, end=9_000), sink)
        assert (answer.received, answer.ended, len(sink.data)) == (9_000, Ended.COMPLETE, 9_000)


@pytest.mark.servers
async def test_closing_does_not_wait_for_frozen_servers(server):
    """Connections that rest are closed, whatever became of their servers."""
    transport = create()
    await transport.fetch(server.request(), Collect())
    with frozen(server.program):
        await transport.close()


async def test_a_file_is_whole_without_the_last_word(transport, raw):
    """An FTP server that has sent everything and says nothing more has sent everything."""
    bodies: asyncio.Queue[asyncio.StreamWriter] = asyncio.Queue()
    body = await raw(lambda reader, writer: _hand_over(bodies, reader, writer))

    async def control(reader, writer):
        writer.write(b"220 here\r\n")
        answers = {b"USER": b"230 in", b"EPSV": b"229 (|||%d|)" % body.port, b"SIZE": b"213 5", b"RETR": b"150 now"}
        while line := await reader.readline():
            writer.write(answers.get(line[:4].strip(), b"200 yes") + b"\r\n")
            if line.startswith(b"RETR"):
                data = await bodies.get()
                data.write(b"whole")
                data.close()
                await forever(reader, writer)

    server = await raw(control)
    sink = Collect()
    answer = await transport.fetch(Request(f"ftp://127.0.0.1:{server.port}/a"), sink)
    assert (bytes(sink.data), answer.received, answer.ended) == (b"whole", 5, Ended.COMPLETE)


async def _hand_over(bodies, reader, writer) -> None:
    bodies.put_nowait(writer)
    await forever(reader, writer)


@pytest.mark.servers
@pytest.mark.parametrize("given", ["missing", "empty", "other"])
async def test_a_host_key_that_is_not_known_is_refused(transport, sftp, given):
    """HOST_KEY_UNKNOWN with the key's fingerprint, whether the list is missing, empty or says otherwise."""
    path = sftp.folder / f"known-{given}"
    if given == "empty":
        path.touch()
    elif given == "other":
        kind, blob = (sftp.folder / "user.pub").read_text().split()[:2]
        path.write_text(f"[127.0.0.1]:{sftp.port} {kind} {blob}\n")
    shown = subprocess.run(["ssh-keygen", "-lf", str(sftp.folder / "host.pub")], capture_output=True, text=True).stdout
    reach = Reach(user=sftp.reach.user, key=sftp.reach.key, known_hosts=str(path))
    with pytest.raises(DownloadError) as caught:
        await transport.fetch(sftp.request(reach=reach), Collect())
    assert caught.value.code is Code.HOST_KEY_UNKNOWN
    assert shown.split()[1] in caught.value.message
    assert "ssh-keyscan" in caught.value.next_step
