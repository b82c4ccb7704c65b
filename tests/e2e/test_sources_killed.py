"""Each kind of list against its server or stand-in: `serve` is killed half-way, twice, and every hash is right.

All of them move in one service, because starting one takes longer than what is shown here; each is judged alone.
"""

from __future__ import annotations

import hashlib
import shutil
import signal
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.lives import Lives, manifest, page, sent
from tests.e2e.service import Home, digest_of, new_home, reaches, until
from tests.transport.conftest import Program, free_port
from tui_downloads.demo.content import block, digest
from tui_downloads.demo.masv import PackageService
from tui_downloads.demo.paths import file_path
from tui_downloads.demo.server import PracticeServer, serve_in_thread

SIZE = 9_000_000
PIECE = 1 << 20
RATION = 1_200_000
"""Bytes of each file that its server gives before a kill."""
SAFE = 600_000
"""Bytes that have to be safe before a kill; less than the ration, for some of it may be lost."""
SUMS = {f"disc-{n}.iso": 5_000_000 + n for n in range(3)}
SIGNATURE = b"-----BEGIN PGP SIGNATURE-----\nabc\n-----END PGP SIGNATURE-----\n"
RUSHES = {"day 1/a.mov": 5_000_000, "day 1/b.mov": 4_100_000, "c.txt": 0, "day 2/deep/d.mov": 4_500_000}
SHELF = (
    "a file.bin", "sub/ü & b.bin", "sub/100%.bin", "sub/deep/#1.bin", "sub/deep/er/x+y;z.bin", "sub/deep/er/'q'.bin",
    "sub/日本語.bin", "z/[brackets].bin", "z/a~b.bin", "z/a name so long that autoindex cuts it on its page.bin",
)  # fmt: skip


def pieces(name: str, size: int) -> str:
    data = block(name, 0, size)
    found = [hashlib.sha256(data[at : at + PIECE]).hexdigest() for at in range(0, size, PIECE)]
    return f'<pieces type="sha-256" length="{PIECE}">{"".join(f"<hash>{digits}</hash>" for digits in found)}</pieces>'


def metalink(name: str, size: int, links: list[str]) -> bytes:
    urls = "".join(f'<url priority="{n}">{link.replace("&", "&amp;")}</url>' for n, link in enumerate(links, 1))
    return (
        f'<metalink xmlns="urn:ietf:params:xml:ns:metalink"><file name="{name}"><size>{size}</size>'
        f'<hash type="sha-256">{digest(name, size)}</hash>{pieces(name, size)}{urls}</file></metalink>'
    ).encode()


# The servers ........................................................................................................


class Shelf:
    """A real server that lists a folder; while it holds, it gives the beginning of a file and then next to nothing."""

    def __init__(self, program: str) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="shelf-"))
        self.port = free_port()
        self._program = shutil.which(program, path="/usr/sbin:/usr/bin:/sbin:/usr/local/sbin")
        self._write = {"nginx": self._nginx, "apache2": self._apache}[program]
        self._running: Program | None = None
        for number, path in enumerate(SHELF):
            (self.root / "pub" / path).parent.mkdir(parents=True, exist_ok=True)
            (self.root / "pub" / path).write_bytes(block(path, 0, 2_000_000 + number))
        for folder in (self.root, *(path for path in self.root.rglob("*") if path.is_dir())):
            folder.chmod(0o755)

    @property
    def there(self) -> bool:
        return self._program is not None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/pub/"

    def start(self, *, hold: bool) -> None:
        self.stop()
        assert self._program is not None
        command = [self._program, *self._write(hold)]
        self._running = Program(command, self.port, self.root / "server.log").wait()

    def stop(self) -> None:
        if self._running is not None:
            self._running.stop()
        self._running = None

    def clear(self) -> None:
        self.stop()
        shutil.rmtree(self.root, ignore_errors=True)

    def _nginx(self, hold: bool) -> list[str]:
        root = self.root
        temporary = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        paths = "".join(f"{kind}_temp_path {root}/{kind};" for kind in temporary)
        limit = "limit_rate_after 600k; limit_rate 2k;" if hold else ""
        (root / "nginx.conf").write_text(
            f"daemon off; master_process off; pid {root}/pid; error_log {root}/error.log; events {{}}\n"
            f"http {{ access_log off; {paths} charset utf-8;"
            f" server {{ listen 127.0.0.1:{self.port}; root {root}; autoindex on; {limit} }} }}\n"
        )
        return ["-p", str(root), "-c", str(root / "nginx.conf")]

    def _apache(self, hold: bool) -> list[str]:
        root, modules = self.root, Path("/usr/lib/apache2/modules")
        names = ("mpm_event", "authz_core", "dir", "autoindex", "ratelimit", "env")
        loads = "".join(f"LoadModule {name}_module {modules}/mod_{name}.so\n" for name in names)
        limit = "SetOutputFilter RATE_LIMIT\nSetEnv rate-limit 4\nSetEnv rate-initial-burst 600\n" if hold else ""
        (root / "apache.conf").write_text(
            f"{loads}ServerName localhost\nServerRoot {root}\nPidFile {root}/pid\nErrorLog {root}/error.log\n"
            f"Listen 127.0.0.1:{self.port}\nDocumentRoot {root}\nDefaultRuntimeDir {root}\nUser www-data\n"
            f"Group www-data\n<Directory {root}>\nRequire all granted\nOptions +Indexes\n"
            f"IndexOptions FancyIndexing FoldersFirst VersionSort Charset=UTF-8\n{limit}</Directory>\n"
        )
        return ["-D", "FOREGROUND", "-f", str(root / "apache.conf")]


class Scene:
    """Every list on its server, and what was asked of them in the last life."""

    def __init__(self, stack: ExitStack) -> None:
        self.place = stack.enter_context(new_home())
        self.origin: PracticeServer = stack.enter_context(serve_in_thread())
        self.second: PracticeServer = stack.enter_context(serve_in_thread())
        self.shelves = {name: Shelf(name) for name in ("nginx", "apache2")}
        for shelf in self.shelves.values():
            stack.callback(shelf.clear)
        self.rushes = PackageService(self.origin, RUSHES, password="pä ss", uses=2)
        self.long = PackageService(self.second, {"long.mov": SIZE}, uses=1, name="Long")
        self.lives = Lives(self.place)
        self.last = 0
        """Number of the first request of the last life."""
        self.last_of_second = 0
        self._script()

    def _script(self) -> None:
        origin = self.origin
        links = [origin.file(SIZE, "m.bin", etag=f"mirror{n}") for n in range(3)]
        kind = "application/metalink4+xml"
        origin.script["/m.meta4"] = page(metalink("m.bin", SIZE, links), kind)
        origin.script["/l.meta4"] = page(metalink("l.bin", SIZE, [origin.file(SIZE, "l.bin")]), kind)
        origin.script["/l.bin"] = self._linked(
            "l.bin",
            f'<{origin.url("/l.meta4")}>; rel=describedby; type="{kind}"',
            f"<{origin.file(SIZE, 'l.bin', etag='twin')}>; rel=duplicate; pri=1",
        )
        origin.script["/d.bin"] = self._linked("d.bin", f"<{origin.file(SIZE, 'd.bin')}>; rel=duplicate")
        self.sums = "".join(f"{digest(name, size)} *{name}\n" for name, size in SUMS.items()).encode()
        origin.script["/sums/SHA256SUMS"] = page(self.sums, "text/plain")
        origin.script["/sums/SHA256SUMS.asc"] = page(SIGNATURE, "text/plain")
        for name, size in SUMS.items():
            origin.script[f"/sums/{name}"] = self._serving(file_path(size, name))
        names = ("one.bin", "two.bin", "three.bin")
        files: list[dict[str, Any]] = [
            {"path": f"d/{name}", "url": origin.file(SIZE, name), "size": SIZE,
             "digests": {"sha256": digest(name, SIZE)}} for name in names
        ]  # fmt: skip
        origin.script["/p"] = manifest("P", files)

    def _serving(self, path: str):
        async def serve(request, channel) -> None:
            await self.origin.give(request, channel, path)

        return serve

    def _linked(self, name: str, *links: str):
        async def serve(request, channel) -> None:
            await self.origin.give(request, channel, file_path(SIZE, name), *(("Link", link) for link in links))

        return serve

    def bodies(self) -> dict[str, dict[str, Any]]:
        url = self.origin.url
        found: dict[str, dict[str, Any]] = {
            "metalink": {"url": url("/m.meta4"), "options": {"connections": 3}},
            "described": {"url": url("/l.bin"), "options": {"connections": 3}},
            "duplicates": {"url": url("/d.bin")},
            "sums": {"url": url("/sums/SHA256SUMS"), "kind": "package"},
            "chosen": {"url": url("/p"), "kind": "package", "source": {"select": ["two.*"]}},
            "rushes": {"url": self.rushes.link, "credentials": {"extra": {"password": "pä ss"}}},
        }
        for name, shelf in self.shelves.items():
            if shelf.there:
                found[name] = {"url": shelf.url, "kind": "package", "source": {"format": "listing"}}
        return found

    def give(self, ration: int | None) -> None:
        self.origin.ration = self.second.ration = ration

    def live(self) -> None:
        """Add everything, kill twice while all of it is half-way, and let the third life finish."""
        lives, hour = self.lives, "downloads = 20\nper_host = 64\nconnections = 200\n"
        self.place.write_settings(f'{hour}[endpoint]\nmasv_api = "{self.rushes.api}"\n')
        for shelf in self.shelves.values():
            if shelf.there:
                shelf.start(hold=True)
        self.give(RATION)
        lives.begin()
        for name, body in self.bodies().items():
            lives.add(name, body)
        lives.safe(SAFE)
        self.rushes.expire()
        self.origin.drop_connections()
        self.give(2 * RATION)
        until(lambda: self.rushes.refused > 0, "a link being refused")
        lives.safe(SAFE + SAFE // 2)
        lives.kill()
        self.give(3 * RATION)
        lives.begin()
        lives.safe(2 * SAFE)
        lives.kill()
        for shelf in self.shelves.values():
            if shelf.there:
                shelf.start(hold=False)
        self.last = len(self.origin.requests)
        self.give(None)
        lives.begin()
        lives.finish()


@pytest.fixture(scope="module")
def scene() -> Iterator[Scene]:
    """Give what two kills left of every list."""
    with ExitStack() as stack:
        made = Scene(stack)
        made.live()
        yield made


def went_on(scene: Scene, name: str, size: int, *paths: str) -> bool:
    """Say whether the last life fetched less than all, and what was safe only grew."""
    kept = scene.lives.wishes[name].kept
    fetched = sum(sent(scene.origin, path, scene.last) for path in paths)
    return kept == sorted(kept) and kept[-1] >= 2 * SAFE and fetched <= size - kept[-1] + SAFE


# What they came to ..................................................................................................


def test_a_metalink_with_several_mirrors_and_pieces(scene: Scene):
    """Three places give one file; its hash is right, and what was here was not fetched again."""
    found = scene.lives.complete("metalink")
    assert found["kind"] == "link" and scene.lives.tree("metalink") == {"m.bin": digest("m.bin", SIZE)}
    assert went_on(scene, "metalink", SIZE, "m.bin")


def test_link_headers_name_mirrors_and_a_digest(scene: Scene):
    """A plain link whose answer names another place and a metalink is proven by the metalink's digest."""
    found = scene.lives.complete("described")
    assert found["proof"] == "digest" and scene.lives.tree("described") == {"l.bin": digest("l.bin", SIZE)}
    assert went_on(scene, "described", SIZE, "l.bin")


def test_link_headers_with_duplicates_alone(scene: Scene):
    """Without a metalink the duplicates still serve, and the file is right."""
    scene.lives.complete("duplicates")
    assert scene.lives.tree("duplicates") == {"d.bin": digest("d.bin", SIZE)}
    assert went_on(scene, "duplicates", SIZE, "d.bin")


def test_a_checksum_list_as_a_package(scene: Scene):
    """Every file that SHA256SUMS names is here with its digest, and the list with its signature."""
    scene.lives.complete("sums")
    assert scene.lives.tree("sums") == {f"sums/{name}": digest(name, size) for name, size in SUMS.items()} | {
        "sums/SHA256SUMS": hashlib.sha256(scene.sums).hexdigest(),
        "sums/SHA256SUMS.asc": hashlib.sha256(SIGNATURE).hexdigest(),
    }
    assert went_on(scene, "sums", sum(SUMS.values()), "/sums/disc")


def test_a_package_of_which_one_file_is_chosen(scene: Scene):
    """Only the chosen file comes, before the kills and after them."""
    found = scene.lives.complete("chosen")
    assert scene.lives.tree("chosen") == {"P/d/two.bin": digest("two.bin", SIZE)} and found["done"] == SIZE
    assert not sent(scene.origin, "one.bin") and not sent(scene.origin, "three.bin")
    assert went_on(scene, "chosen", SIZE, "two.bin")


@pytest.mark.servers
@pytest.mark.parametrize("name", ["nginx", "apache2"])
def test_a_directory_listing_of_a_real_server(scene: Scene, server_program, name: str):
    """nginx's autoindex and Apache's mod_autoindex are walked; names, folders and bytes are those of the server."""
    server_program(name)
    scene.lives.complete(name)
    source = scene.shelves[name].root
    assert scene.lives.tree(name) == {f"pub/{path}": digest_of(source / "pub" / path) for path in SHELF}


def test_a_masv_package_with_a_password_and_links_that_expire(scene: Scene):
    """Links and token that expire in use and at a kill are asked for again; nothing signed is in the list's file."""
    found = scene.lives.complete("rushes")
    assert scene.lives.tree("rushes") == {f"Rushes/{path}": digest(path, size) for path, size in RUSHES.items()}
    assert found["kind"] == "package" and len(scene.rushes.signed) > len(RUSHES) and scene.rushes.refused > 0
    stored = [path for path in scene.place.folder.rglob("*") if path.is_file() and "db" in path.name]
    assert stored and b"signature=" not in b"".join(path.read_bytes() for path in stored)
    assert went_on(scene, "rushes", sum(RUSHES.values()), "/cdn/")


# Bundles ............................................................................................................


def test_a_bundle_that_was_killed_is_made_again(place: Home, origin: PracticeServer):
    """Killed while zipping, the next life makes a right zip, and no part of the first is left."""
    names = {f"b{n}.bin": 20_000_000 for n in range(3)}
    service = place.serve()
    with service.local() as client:
        ids = [client.post("/v1/downloads", json={"url": origin.file(size, name)}).json()["id"]
               for name, size in names.items()]  # fmt: skip
        for id in ids:
            reaches(client, id, "complete")
        body = {"url": "", "kind": "bundle", "source": {"ids": ids, "compress": True}}
        bundle = client.post("/v1/downloads", json=body).json()["id"]
        # The disk is looked at and not the service, which has its hands full.
        until(lambda: any(part.stat().st_size for part in place.downloads.glob("*.part")), "some of the zip")
        service.end(signal.SIGKILL)
    assert not list(place.downloads.glob("*.zip")), "the zip was made before the kill"
    again = place.serve()
    with again.local() as client:
        made = reaches(client, bundle, "complete")
    with zipfile.ZipFile(place.downloads / made["name"]) as archive:
        assert archive.testzip() is None
        assert {info.filename: hashlib.sha256(archive.read(info)).hexdigest() for info in archive.infolist()} == {
            name: digest(name, size) for name, size in names.items()
        }
    assert sorted(path.name for path in place.downloads.iterdir()) == sorted([*names, made["name"]])
    assert again.end() == 0
