"""What `get` reaches as its users start it: a process each time, against nginx, vsftpd, sshd, squid and more proxies.

`WRITE_CONFORMANCE=1 pytest tests/e2e/test_get_reaches.py` writes the second table of docs/conformance.md; without it
the page is only held against the shape of the table.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.cli.conftest import Program
from tests.conftest import need
from tests.transport.conftest import Program as Server
from tests.transport.conftest import certificate, free_port  # noqa: F401
from tests.transport.proxy import ProxyInThread
from tests.transport.test_reaching import has_ipv6
from tests.transport.test_remote_files import known, sshd, vsftpd
from tui_downloads.engine.network import has_route

pytestmark = [pytest.mark.servers, pytest.mark.skipif(os.geteuid() != 0, reason="vsftpd starts as root only")]

TOLD = (
    "-H", "X-Mine: 1", "--user-agent", "agent/1", "--referer", "http://from.example/", "--cookies", "cookies.txt",
)  # fmt: skip
"""What a server is told of who asks; the cookies are in a file of the working folder."""
PAGE = Path(__file__).parents[2] / "docs" / "conformance.md"
TITLE = "# What the command line reaches"
SCHEMES = ("http", "https", "ftp", "ftps", "ftpes", "sftp")
KINDS = ("none", "http", "https", "socks4a", "socks5h")
ROWS = {
    **{f"`--proxy` {kind}" if kind != "none" else "no proxy": SCHEMES for kind in KINDS},
    "proxy by settings, one for each scheme": ("http", "https", "ftp"),
    "proxy by environment, one for each scheme": ("http", "https", "ftp"),
    "`NO_PROXY`, and `no_proxy` in the settings": ("http", "https", "ftp"),
    "`--proxy-user`, Digest (squid)": ("http", "https", "ftp"),
    "`--user`, Basic": ("http", "https"),
    "`-H 'Authorization: Bearer …'`": ("http", "https"),
    "`--netrc`": ("http", "https"),
    "`--header --user-agent --referer --cookies`": ("http", "https"),
    "`--cacert`": ("https", "ftps", "ftpes"),
    "`--cert --key`": ("https",),
    "`--key`, `--known-hosts`": ("sftp",),
    "`-4`, `-6`, `--interface`": ("http",),
    "`add` with the same flags": ("http",),
}
SEEN: set[tuple[str, str]] = set()


@dataclass
class World:
    """Every server, each with a file that is named after its scheme."""

    folder: Path
    keys: Path
    cacert: str
    key: str
    ports: dict[str, int] = field(default_factory=dict)
    proxies: dict[str, str] = field(default_factory=dict)
    ours: dict[str, ProxyInThread] = field(default_factory=dict)
    user: str = ""

    def link(self, scheme: str, path: str = "", host: str = "127.0.0.1") -> str:
        folder = str(self.folder) if scheme == "sftp" else ""
        return f"{scheme.removesuffix('+')}://{host}:{self.ports[scheme]}{folder}/{path or f'{scheme}.bin'}"

    def bytes_of(self, scheme: str) -> bytes:
        return (self.folder / f"{scheme}.bin").read_bytes()

    @property
    def ssh(self) -> tuple[str, ...]:
        """What `get` needs for our sshd."""
        return ("-u", self.user, "--key", str(self.keys / "user"), "--known-hosts", str(self.keys / "known_hosts"))


@pytest.fixture(scope="module")
def world(certificate) -> Iterator[World]:  # noqa: F811
    """Start everything once."""
    programs = {name: need(name) for name in ("nginx", "vsftpd", "sshd", "squid")}
    # Not below pytest's own folder: squid gives its rights away, and must still get to its own.
    folder, tmp = Path(tempfile.mkdtemp(prefix="served-")), Path(tempfile.mkdtemp(prefix="world-"))
    with ExitStack() as stack:
        for place in (folder, tmp):
            place.chmod(0o755)
            stack.callback(shutil.rmtree, place, ignore_errors=True)
        running: list[Server] = []
        stack.callback(stop, running)

        def run(command: list[str], port: int) -> None:
            running.append(Server(command, port, tmp / f"{len(running)}.log"))

        made = World(folder, tmp, str(certificate.cert), str(certificate.key))
        for scheme in SCHEMES:
            (folder / f"{scheme}.bin").write_bytes(os.urandom(400_000))
        run([programs["nginx"], "-p", str(tmp), "-c", str(nginx(made, tmp))], made.ports["http"])
        for scheme in ("ftp", "ftps", "ftpes"):
            place = tmp / scheme
            place.mkdir()
            secure = None if scheme == "ftp" else certificate
            command, made.ports[scheme] = vsftpd(programs["vsftpd"], place, folder, secure, implicit=scheme == "ftps")
            run(command, made.ports[scheme])
        command, made.ports["sftp"], made.keys = sshd(programs["sshd"], tmp)
        run(command, made.ports["sftp"])
        known(made.keys, made.ports["sftp"])
        made.user = subprocess.run(["id", "-un"], capture_output=True, text=True, check=True).stdout.strip()
        for name, lines in (("http", ["http_access allow all"]), ("login", digest_lines(tmp))):
            place = tmp / f"squid-{name}"
            port = free_port()
            run([programs["squid"], "-N", "-f", str(squid(place, port, lines))], port)
            made.proxies[name] = f"http://127.0.0.1:{port}"
        for kind in KINDS[2:]:
            proxy = ProxyInThread(certificate.server_context() if kind == "https" else None)
            made.ours[kind] = stack.enter_context(proxy)
            made.proxies[kind] = f"{kind}://127.0.0.1:{proxy.port}"
        for server in running:
            server.wait()
        yield made


def stop(running: list[Server]) -> None:
    """End all at once, and wait for each."""
    for server in running:
        with suppress(ProcessLookupError):
            os.kill(server.pid, signal.SIGTERM)
    for server in running:
        server.stop()


def nginx(world: World, tmp: Path) -> Path:
    """Write the configuration of a server that says what it was told, and asks for logins in some places."""
    for name in ("http", "https", "https+"):
        world.ports[name] = free_port()
    paths = "".join(
        f"{kind}_temp_path {tmp}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    salted = subprocess.run(["openssl", "passwd", "-apr1", "p"], capture_output=True, text=True, check=True).stdout
    (world.folder / "users").write_text(f"u:{salted}")
    six = f"listen [::1]:{world.ports['http']};" if has_ipv6() else ""
    tls = f"ssl_certificate {world.cacert}; ssl_certificate_key {world.key};"
    places = (
        'location /said { return 200 "$http_user_agent $http_referer $http_x_mine $http_cookie"; }\n'
        'location /from { return 200 "$remote_addr"; }\n'
        f'location /basic/ {{ auth_basic "here"; auth_basic_user_file {world.folder}/users; alias {world.folder}/; }}\n'
        f'location /bearer/ {{ if ($http_authorization != "Bearer t0ken") {{ return 401; }} alias {world.folder}/; }}\n'
    )
    config = tmp / "nginx.conf"
    config.write_text(
        f"user root; daemon off; master_process off; pid {tmp}/pid; error_log {tmp}/error.log;\n"
        "events { worker_connections 64; }\n"
        f"http {{ access_log off; {paths}\n"
        f"server {{ listen 127.0.0.1:{world.ports['http']}; {six} root {world.folder}; {places} }}\n"
        f"server {{ listen 127.0.0.1:{world.ports['https']} ssl; {tls} root {world.folder}; {places} }}\n"
        f"server {{ listen 127.0.0.1:{world.ports['https+']} ssl; {tls} ssl_verify_client on;"
        f" ssl_client_certificate {world.cacert}; root {world.folder}; }} }}\n"
    )
    return config


def squid(place: Path, port: int, lines: list[str]) -> Path:
    place.mkdir()
    place.chmod(0o777)
    config = [
        f"http_port 127.0.0.1:{port}", f"pid_filename {place}/squid.pid", f"cache_log {place}/cache.log",
        f"access_log stdio:{place}/access.log", "cache deny all", "shutdown_lifetime 0 seconds",
        f"coredump_dir {place}", "max_filedescriptors 256", "pinger_enable off", *lines,
    ]  # fmt: skip
    (place / "squid.conf").write_text("\n".join(config) + "\n")
    return place / "squid.conf"


def digest_lines(tmp: Path) -> list[str]:
    folders = [path for path in ("/usr/lib/squid", "/usr/lib64/squid", "/usr/libexec/squid") if os.path.isdir(path)]
    users = tmp / "digest-users"
    users.write_text("u:here:" + hashlib.md5(b"u:here:p").hexdigest() + "\n")
    return [
        f"auth_param digest program {folders[0] if folders else ''}/digest_file_auth -c {users}",
        "auth_param digest realm here", "acl known proxy_auth REQUIRED", "http_access allow known",
        "http_access deny all",
    ]  # fmt: skip


@pytest.fixture
def program(home: Path, tmp_path: Path) -> Iterator[Program]:
    """Give the program in a home of its own, whose logins are its own too."""
    cwd = tmp_path / "here"
    cwd.mkdir()
    made = Program(home, cwd, {"HOME": str(home)})
    yield made
    made.stop()


def got(program: Program, world: World, *arguments: str, schemes: tuple[str, ...] = ()) -> None:
    """Run `get`, and hold every file against the server's."""
    program("get", "-q", "--cacert", world.cacert, *arguments)
    for scheme in schemes:
        assert (program.cwd / f"{scheme}.bin").read_bytes() == world.bytes_of(scheme), scheme
        (program.cwd / f"{scheme}.bin").unlink()


def seen(row: str, schemes: tuple[str, ...]) -> None:
    """Note what was shown."""
    SEEN.update((row, scheme) for scheme in schemes)


@pytest.mark.parametrize("kind", KINDS)
def test_every_scheme_through_every_kind(program: Program, world: World, kind: str):
    """One proxy of each kind carries files of every scheme, and they come through it."""
    *usual, last = SCHEMES
    proxy = ("--proxy", world.proxies[kind]) if kind != "none" else ()
    got(program, world, *proxy, *map(world.link, usual), schemes=tuple(usual))
    got(program, world, *proxy, *world.ssh, world.link(last), schemes=(last,))
    if kind == "http":
        asked = (world.keys.parent / "squid-http" / "access.log").read_text()
    else:
        asked = "\n".join(world.ours[kind].asked) if kind != "none" else ""
    for scheme in SCHEMES:
        assert (f":{world.ports[scheme]}" in asked) == (kind != "none"), scheme
    seen(f"`--proxy` {kind}" if kind != "none" else "no proxy", SCHEMES)


SOURCES = {
    "settings": {"http": ("http", "socks4a"), "https": ("https", "https"), "all": ("ftp", "socks5h")},
    "environment": {
        "http_proxy": ("http", "socks4a"),
        "https_proxy": ("https", "https"),
        "ftp_proxy": ("ftp", "socks5h"),
    },
}


def say(program: Program, where: str, name: str, value: str) -> None:
    if where == "settings":
        program("config", "set", f"proxy.{name}", value)
    else:
        program.env[name] = value


@pytest.mark.parametrize("where", SOURCES)
def test_a_proxy_for_each_scheme(program: Program, world: World, where: str):
    """Said once for all downloads, each scheme has its own, and what is excepted is reached directly."""
    three = ("http", "https", "ftp")
    for name, (_, kind) in SOURCES[where].items():
        say(program, where, name, world.proxies[kind])
    before = {kind: len(ours.asked) for kind, ours in world.ours.items()}
    got(program, world, *map(world.link, three), schemes=three)
    for scheme, kind in SOURCES[where].values():
        asked = "\n".join(world.ours[kind].asked[before[kind] :])
        assert [other for other in three if f":{world.ports[other]}" in asked] == [scheme]
    before = {kind: len(ours.asked) for kind, ours in world.ours.items()}
    say(program, where, "no_proxy", "127.0.0.0/8")
    got(program, world, *map(world.link, three), schemes=three)
    assert before == {kind: len(ours.asked) for kind, ours in world.ours.items()}
    seen(f"proxy by {where}, one for each scheme", three)
    seen("`NO_PROXY`, and `no_proxy` in the settings", three)


def test_a_proxy_that_wants_a_login(program: Program, world: World):
    """squid's Digest is answered for every scheme; a wrong password is the proxy's refusal, and says so."""
    three = ("http", "https", "ftp")
    proxy = ("--proxy", world.proxies["login"], "--proxy-user")
    got(program, world, *proxy, "u:p", *map(world.link, three), schemes=three)
    done = program("get", *proxy, "u:wrong", world.link("http"), code=6)
    assert "proxy" in done.stderr and "wrong" not in done.stderr
    seen("`--proxy-user`, Digest (squid)", three)


LOGINS = {
    "`--user`, Basic": ("basic", ("-u", "u:p")),
    "`-H 'Authorization: Bearer …'`": ("bearer", ("-H", "Authorization: Bearer t0ken")),
    "`--netrc`": ("basic", ("--netrc",)),
}


@pytest.mark.parametrize("row", LOGINS)
def test_a_login(program: Program, world: World, row: str):
    """It opens what is closed, over http and over https."""
    place, flags = LOGINS[row]
    (program.home / ".netrc").write_text("machine 127.0.0.1 login u password p\n")
    two = ("http", "https")
    links = [world.link(scheme, f"{place}/{scheme}.bin") for scheme in two]
    got(program, world, *flags, *links, schemes=two)
    seen(row, two)


def test_no_login_is_used_unasked(program: Program, world: World):
    """Without a flag what is closed stays closed, whatever ~/.netrc says (S17)."""
    (program.home / ".netrc").write_text("machine 127.0.0.1 login u password p\n")
    links = [world.link("http", f"{place}/http.bin") for place in ("basic", "bearer")]
    done = program("get", *links, code=6)
    assert done.stderr.count("login") >= 2 and list(program.cwd.iterdir()) == []


def test_what_a_server_is_told(program: Program, world: World):
    """Fields, agent and referer as given; a cookie goes to its own host only."""
    (program.cwd / "cookies.txt").write_text("127.0.0.1\tFALSE\t/\tFALSE\t0\tsid\tmine\n")
    links = [world.link(scheme, f"said/{scheme}") for scheme in ("http", "https")]
    program("get", "-q", *TOLD, "--cacert", world.cacert, *links, world.link("http", "said/other", host="localhost"))
    said = {name: (program.cwd / name).read_text() for name in ("http", "https", "other")}
    usual = "agent/1 http://from.example/ 1 "
    assert said == {"http": f"{usual}sid=mine", "https": f"{usual}sid=mine", "other": usual}
    seen("`--header --user-agent --referer --cookies`", ("http", "https"))


def test_certificates(program: Program, world: World):
    """An authority of one's own is believed, an unknown one never, and a client certificate opens."""
    three = ("https", "ftps", "ftpes")
    done = program("get", *map(world.link, three), code=None)
    assert done.returncode == 4 and done.stderr.count("--cacert") == 3, done.stderr
    assert list(program.cwd.iterdir()) == []
    got(program, world, *map(world.link, three), schemes=three)
    closed = world.link("https+", "https.bin")
    program("get", "-q", "--cacert", world.cacert, closed, code=None)
    assert list(program.cwd.iterdir()) == []
    got(program, world, "--cert", world.cacert, "--key", world.key, closed, schemes=("https",))
    seen("`--cacert`", three)
    seen("`--cert --key`", ("https",))


def test_which_way_out(program: Program, world: World):
    """The version of IP and the source address are the wanted ones, as the server sees them."""
    ways = {"4": ("-4",)}
    if has_ipv6():
        ways["6"] = ("-6",)
    if sys.platform.startswith("linux"):
        ways["interface"] = ("--interface", "127.0.0.3")
    for name, flags in ways.items():
        host = "127.0.0.1" if name == "interface" else "localhost"
        program("get", "-q", *flags, "-o", name, world.link("http", "from", host=host))
    came = {name: (program.cwd / name).read_text() for name in ways}
    assert came == {name: {"4": "127.0.0.1", "6": "::1", "interface": "127.0.0.3"}[name] for name in ways}
    seen("`-4`, `-6`, `--interface`", ("http",))


def test_a_name_and_a_port_that_are_not_there(program: Program):
    """Two different sentences, each with what to do."""
    nobody = program("get", "--retries", "0", f"http://127.0.0.1:{free_port()}/x", code=4).stderr
    assert "could not be reached" in nobody
    if has_route("files.example:80"):  # without a network a download waits for one
        nowhere = program("get", "--retries", "0", "http://no-such-name.invalid/x", code=4).stderr
        assert "no server named no-such-name.invalid" in nowhere or "can't be looked up" in nowhere


def test_a_host_key_is_accepted_by_the_command_that_is_told(program: Program, world: World):
    """An unknown key is refused with its fingerprint; the command in the message, run as it is, opens the door."""
    mine = program.cwd / "known"
    flags = (*world.ssh[:4], "--known-hosts", str(mine))
    said = program("get", *flags, world.link("sftp"), code=None).stderr
    shown = subprocess.run(["ssh-keygen", "-lf", str(world.keys / "host.pub")], capture_output=True, text=True).stdout
    command = re.search(r"ssh-keyscan [^\n]*", said)
    assert shown.split()[1] in said and command is not None, said
    assert list(program.cwd.iterdir()) == []
    subprocess.run(["sh", "-c", command[0].rstrip(".")], check=True, capture_output=True, timeout=60)
    got(program, world, *flags, world.link("sftp"), schemes=("sftp",))
    seen("`--key`, `--known-hosts`", ("sftp",))


def test_add_takes_the_same(program: Program, world: World):
    """A service fetches with the flags that `add` was given."""
    (program.cwd / "cookies.txt").write_text("127.0.0.1\tFALSE\t/\tFALSE\t0\tsid\tmine\n")
    ways = ("-4", "-u", "u:p", "--proxy", world.proxies["socks5h"], "--cacert", world.cacert, "-d", str(program.cwd))
    with program.serving():
        added = program("add", *TOLD, *ways, world.link("http", "said"), world.link("http", "basic/http.bin"))
        program("wait", *added.stdout.split())
    assert (program.cwd / "said").read_text() == "agent/1 http://from.example/ 1 sid=mine"
    assert (program.cwd / "http.bin").read_bytes() == world.bytes_of("http")
    seen("`add` with the same flags", ("http",))


@pytest.fixture(scope="module", autouse=True)
def page() -> Iterator[None]:
    """Write the table when everything has been tried."""
    yield
    if os.environ.get("WRITE_CONFORMANCE") == "1":
        before, _, after = PAGE.read_text().partition(TITLE)
        rest = after.partition("\n# ")
        PAGE.write_text(before.rstrip("\n") + "\n\n" + written() + "".join(rest[1:]))


def written() -> str:
    lines = [
        TITLE,
        "",
        "Each cell is `tui-downloads get` as a process of its own (the last line: `add` and a service), made by "
        "`tests/e2e/test_get_reaches.py` against nginx, vsftpd, sshd and squid; the proxies that are not squid are a "
        "small one of the tests. An empty cell means nothing there, or was not tried.",
        "",
        f"| way | {' | '.join(SCHEMES)} |",
        "|---" * (len(SCHEMES) + 1) + "|",
    ]
    for row, schemes in ROWS.items():
        cells = ("no" if scheme in schemes else "" for scheme in SCHEMES)
        shown = ("yes" if (row, scheme) in SEEN else cell for scheme, cell in zip(SCHEMES, cells, strict=True))
        lines.append(f"| {row} | {' | '.join(shown)} |")
    return "\n".join(lines) + "\n"


def test_the_page_is_of_this_table():
    """docs/conformance.md has a line for everything that is shown here, and every cell says yes."""
    text = PAGE.read_text().partition(TITLE)[2].partition("\n# ")[0]
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    rows = {line.split(" | ")[0].removeprefix("| "): line for line in lines}
    assert list(rows) == ["way", *ROWS]
    assert all(rows[row].split().count("yes") == len(schemes) for row, schemes in ROWS.items())
