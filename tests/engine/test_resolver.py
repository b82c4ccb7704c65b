"""What links mean, through the embedded engine: metalinks, Link fields, checksums beside a link, links that expire."""

from __future__ import annotations

import asyncio
import base64
import functools
import hashlib
import http.server
import json
import socket
import subprocess
import threading
import time
from urllib.parse import urlsplit

import pytest

from tests.ports import free_port
from tui_downloads.core.snapshots import Kind, Proof
from tui_downloads.core.spec import Credentials, Options
from tui_downloads.demo.content import block, digest
from tui_downloads.engine.embedded import EmbeddedEngine

SIZE = 6_000_000
PIECE = 262_144


def page(body: bytes | str, content_type: str, extra: str = "") -> bytes:
    body = body.encode() if isinstance(body, str) else body
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n{extra}"
    return f"{head}Connection: close\r\n\r\n".encode() + body


def tree(bench) -> list[str]:
    return sorted(str(path.relative_to(bench.folder)) for path in bench.folder.rglob("*") if path.is_file())


def meta4(urls: list[str], name: str = "m.bin", size: int = SIZE, sha: str = "", pieces: bool = False) -> str:
    links = "".join(f'<url priority="{n}">{url.replace("&", "&amp;")}</url>' for n, url in enumerate(urls, 1))
    told = f'<hash type="sha-256">{sha}</hash>' if sha else ""
    if pieces:
        data = bytes(block(name, 0, size))
        hashes = "".join(
            f"<hash>{hashlib.sha256(data[at : at + PIECE]).hexdigest()}</hash>" for at in range(0, size, PIECE)
        )
        told += f'<pieces type="sha-256" length="{PIECE}">{hashes}</pieces>'
    return (f'<metalink xmlns="urn:ietf:params:xml:ns:metalink"><file name="{name}"><size>{size}</size>{told}{links}'
            "</file></metalink>")  # fmt: skip


async def log_of(bench, id: str) -> str:
    return " ".join(event.data.get("message", "") for event in bench.engine.news(0) if event.id == id)


async def test_a_metalink_fetches_its_file_from_several_places(bench):
    """A link to a .meta4 becomes the file it describes, under its name, proven by its digest."""
    urls = [bench.server.file(SIZE, "m.bin", rate=3_000_000, etag=n) for n in ("a", "b")]
    bench.server.script["/m.meta4"] = page(meta4(urls, sha=digest("m.bin", SIZE)), "application/metalink4+xml")
    view = await bench.complete(await bench.add(bench.server.url("/m.meta4")))
    assert (view.kind, view.name, view.proof) == (Kind.LINK, "m.bin", Proof.DIGEST)
    assert bench.digest("m.bin") == digest("m.bin", SIZE)


async def test_a_metalink_met_on_a_plain_link_is_followed(bench):
    """The answer's type decides, whatever the link is called."""
    body = meta4([bench.server.file(SIZE, "m.bin")])
    bench.server.script["/get"] = page(body, "application/metalink4+xml")
    view = await bench.complete(await bench.add(bench.server.url("/get")))
    assert view.name == "m.bin" and bench.names() == ["m.bin"]


async def test_a_metalink_asked_for_as_a_file_stays_one(bench):
    """Whoever says `link` gets the document."""
    bench.server.script["/m.meta4"] = page(meta4(["http://x.test/"]), "application/metalink4+xml")
    await bench.complete(await bench.add(bench.server.url("/m.meta4"), kind=Kind.LINK))
    assert bench.names() == ["m.meta4"]


async def test_a_dead_first_mirror_is_passed_over(bench):
    """The next mirror by priority opens the file."""
    urls = [bench.server.file(SIZE, "m.bin", status=404), bench.server.file(SIZE, "m.bin")]
    bench.server.script["/m.meta4"] = page(meta4(urls), "application/metalink4+xml")
    await bench.complete(await bench.add(bench.server.url("/m.meta4")))
    assert bench.digest("m.bin") == digest("m.bin", SIZE)


async def test_a_mirror_with_another_size_is_not_used(bench):
    """The metalink's size decides before a byte is written."""
    urls = [bench.server.file(SIZE + 1, "m.bin"), bench.server.file(SIZE, "m.bin")]
    bench.server.script["/m.meta4"] = page(meta4(urls), "application/metalink4+xml")
    await bench.complete(await bench.add(bench.server.url("/m.meta4")))
    assert bench.digest("m.bin") == digest("m.bin", SIZE)


async def test_a_lie_about_a_piece_is_found_repaired_and_named(bench):
    """One mirror of three sends wrong bytes in the middle: the file is right, and the log says who lied."""
    honest = [bench.server.file(SIZE, "m.bin", rate=2_000_000, etag=n) for n in ("a", "b")]
    liar = bench.server.file(SIZE, "lie.bin", rate=2_000_000)
    bench.server.script["/m.meta4"] = page(meta4([liar, *honest], pieces=True), "application/metalink4+xml")
    id = await bench.add(bench.server.url("/m.meta4"), options=Options(connections=3))
    view = await bench.complete(id)
    assert bench.digest("m.bin") == digest("m.bin", SIZE) and view.proof is Proof.DIGEST
    said = await log_of(bench, id)
    assert "lie.bin sent wrong bytes" in said and "m.bin sent wrong bytes" not in said
    assert view.discarded > 0


async def test_pieces_that_nobody_has_are_an_error(bench):
    """When every mirror disagrees with the metalink the download fails instead of going round in circles."""
    bench.server.script["/m.meta4"] = page(
        meta4([bench.server.file(SIZE, "other.bin")], pieces=True), "application/metalink4+xml"
    )
    view = await bench.failed(await bench.add(bench.server.url("/m.meta4")))
    assert view.error.code == "CHECKSUM_MISMATCH" and "m.bin" not in bench.names()


async def test_a_describing_metalink_named_by_the_server_is_used(bench):
    """RFC 6249: a Link field leads to the metalink, its digest proves the file."""
    plain = bench.server.file(SIZE, "m.bin")
    bench.server.script["/m.meta4"] = page(meta4([plain], sha=digest("m.bin", SIZE)), "application/metalink4+xml")
    extra = f'Link: <{bench.server.url("/m.meta4")}>; rel=describedby; type="application/metalink4+xml"\r\n'
    bench.server.script["/dl/m.bin"] = page(bytes(block("m.bin", 0, SIZE)), "application/octet-stream", extra)
    view = await bench.complete(await bench.add(bench.server.url("/dl/m.bin")))
    assert view.proof is Proof.DIGEST and bench.digest("m.bin") == digest("m.bin", SIZE)


async def test_a_login_is_not_sent_to_servers_that_a_list_names(bench, server):
    """S15: user, password and fields stay at the origin they were given for."""
    other = bench.server.file(SIZE, "m.bin").replace("127.0.0.1", "localhost")
    bench.server.script["/m.meta4"] = page(meta4([other]), "application/metalink4+xml")
    secrets = Credentials(headers=(("X-Canary", "canary"),), user="canary", password="canary")
    await bench.complete(await bench.add(bench.server.url("/m.meta4"), credentials=secrets))
    sent = {urlsplit(r.target).path: str(r.headers) for r in bench.server.requests}
    assert "canary" in sent["/m.meta4"]
    assert not [
        path for path, fields in sent.items() if path != "/m.meta4" and ("canary" in fields or "Y2FuYXJ5" in fields)
    ]


async def test_verify_auto_finds_the_checksum_and_keeps_the_signature(bench):
    """The digest beside the link decides, and the signature lies beside the file."""
    body = b"the file" * 100
    bench.server.script["/d/x.bin"] = page(body, "application/octet-stream")
    bench.server.script["/d/SHA256SUMS"] = page(f"{hashlib.sha256(body).hexdigest()}  x.bin\n", "text/plain")
    bench.server.script["/d/x.bin.asc"] = page("-----BEGIN PGP SIGNATURE-----\n", "text/plain")
    view = await bench.complete(await bench.add(bench.server.url("/d/x.bin"), options=Options(verify="auto")))
    assert view.proof is Proof.DIGEST and bench.names() == ["x.bin", "x.bin.asc"]


async def test_verify_auto_catches_a_wrong_file(bench):
    """A file that is not what its checksum file says is no completion."""
    bench.server.script["/d/x.bin"] = page(b"bad", "application/octet-stream")
    bench.server.script["/d/x.bin.sha256"] = page("0" * 64, "text/plain")
    view = await bench.failed(await bench.add(bench.server.url("/d/x.bin"), options=Options(verify="auto")))
    assert view.error.code == "CHECKSUM_MISMATCH"


async def test_a_checksum_list_is_a_package(bench):
    """Its files are proven by its digests, and the list comes along."""
    body = b"x" * 5000
    bench.server.script["/rel/x.bin"] = page(body, "application/octet-stream")
    bench.server.script["/rel/SHA256SUMS"] = page(f"{hashlib.sha256(body).hexdigest()}  x.bin\n", "text/plain")
    await bench.complete(await bench.add(bench.server.url("/rel/SHA256SUMS"), kind=Kind.PACKAGE))
    assert tree(bench) == ["rel/SHA256SUMS", "rel/x.bin"]


@pytest.mark.parametrize("body", [
    b'<!DOCTYPE m [<!ENTITY a "b">]><metalink><file name="&a;"/></metalink>', b"<html>", b" " * (20 << 20),
], ids=["entities", "page", "too large"])  # fmt: skip
async def test_a_hostile_metalink_is_refused(bench, body):
    """Entities, other documents and tens of megabytes are SOURCE_INVALID, at once and finally."""
    bench.server.script["/m.meta4"] = page(body, "application/metalink4+xml")
    view = await bench.failed(await bench.add(bench.server.url("/m.meta4")))
    assert view.error.code == "SOURCE_INVALID"


class Masv:
    """A stand-in of the package service on the practice server: tokens and signed links that expire."""

    def __init__(self, bench, files: dict[str, int], password: str = "") -> None:
        self.bench, self.files, self.password = bench, files, password
        self.links: list[str] = []
        self.expired: set[str] = set()
        self.broken_once = True
        server = bench.server
        server.script["/api/links/ABC"] = self.open
        server.script["/api/packages/P/files"] = self.list
        for number, name in enumerate(files):
            server.script[f"/api/packages/P/files/f{number}/download"] = self.sign
            server.script[f"/cdn/{name}"] = self.serve

    async def answer(self, channel, status: int, body: object) -> None:
        text = json.dumps(body).encode()
        channel_write = (
            f"HTTP/1.1 {status} X\r\nContent-Length: {len(text)}\r\nConnection: close\r\n\r\n".encode() + text
        )
        await channel.send(channel_write)

    async def open(self, request, channel) -> None:
        ok = "secret=S" in request.target and request.headers.get("x-link-password", "") == self.password
        await self.answer(channel, 200 if ok else 401, {"name": "Rushes", "package_id": "P", "package_token": "T"})

    async def list(self, request, channel) -> None:
        entries = [
            {"id": f"f{n}", "kind": "file", "name": name, "size": size, "path": "day 1"}
            for n, (name, size) in enumerate(self.files.items())
        ]
        ok = request.headers.get("x-package-token") == "T"
        await self.answer(
            channel, 200 if ok else 403, [*entries, {"id": "z", "kind": "zip_all", "name": "z", "size": 1}]
        )

    async def sign(self, request, channel) -> None:
        number = int(request.target.split("/f")[-1].partition("/")[0])
        link = f"/cdn/{list(self.files)[number]}?sig={len(self.links)}"
        self.links.append(link)
        await self.answer(channel, 200, {"url": self.bench.server.url(link)})

    async def serve(self, request, channel) -> None:
        name = request.target.partition("?")[0].rpartition("/")[2]
        first = request.target.endswith("sig=0")
        if first and self.broken_once:
            await self.answer(channel, 403, {"expired": True})
            return
        body = bytes(block(name, 0, self.files[name]))
        await channel.send(
            f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body
        )


@pytest.fixture
async def masv(bench):
    """A bench whose engine asks the stand-in."""
    await bench.engine.close()
    bench._setup["extras"] = {"masv_api": bench.server.url("/api")}
    await bench.start()
    return bench


async def test_a_masv_package_is_rebuilt_and_expired_links_are_renewed(masv):
    """Folders as the sender had them; a link that expired is asked for again; nothing signed stays in the list."""
    service = Masv(masv, {"a.mov": 3000, "b.mov": 2_000_000})
    id = await masv.add("https://get.massive.app/ABC?secret=S")
    view = await masv.complete(id)
    assert tree(masv) == ["Rushes/day 1/a.mov", "Rushes/day 1/b.mov"]
    assert masv.digest("Rushes/day 1/b.mov") == digest("b.mov", 2_000_000)
    assert len(service.links) == 3 and view.kind is Kind.PACKAGE
    assert not [file.urls for file in (await masv.detail(id)).files if file.urls]


async def test_a_link_that_expires_in_the_middle_is_renewed_and_the_bytes_stay(masv):
    """A signed link that dies after half of the file is asked for again, and only the rest is fetched."""
    size, name = 6_000_000, "long.mov"
    service = Masv(masv, {name: size})
    service.broken_once = False
    body, sent = bytes(block(name, 0, size)), []

    async def expire(request, channel) -> None:
        first = request.target.endswith("sig=0")
        start = int((request.headers.get("range") or "bytes=0-").removeprefix("bytes=").partition("-")[0])
        if first and start:
            await service.answer(channel, 403, {"expired": True})
            return
        head = f'HTTP/1.1 206 Partial Content\r\nETag: "v"\r\nContent-Length: {size - start}\r\n'
        head += f"Content-Range: bytes {start}-{size - 1}/{size}\r\nConnection: close\r\n\r\n"
        part = body[start : start + 3_000_000] if first else body[start:]
        sent.append(start)
        await channel.send(head.encode() + part)

    masv.server.script[f"/cdn/{name}"] = expire
    await masv.complete(await masv.add("https://get.massive.app/ABC?secret=S", options=Options(connections=1)))
    assert masv.digest(f"Rushes/day 1/{name}") == digest(name, size)
    assert len(service.links) == 2 and sent[0] == 0 and min(sent[1:]) > 1_000_000


async def test_a_masv_password_comes_from_the_credentials(masv):
    """A wrong one is named, the right one opens."""
    Masv(masv, {"a.mov": 10}, password="pw")
    link = "https://get.massive.app/ABC?secret=S"
    view = await masv.failed(await masv.add(link))
    assert view.error.code == "AUTH_REQUIRED" and "password" in view.error.message
    await masv.complete(await masv.add(link, credentials=Credentials(extra={"password": "pw"})))
    assert isinstance(masv.engine, EmbeddedEngine)


@pytest.fixture
def served_tree(tmp_path):
    """A tree of files with names that have to be encoded in links."""
    root = tmp_path / "www" / "pub"
    for path in ("a file.txt", "sub/ü & b.txt", "sub/deep/100%.bin", "sub/deep/#1?.txt"):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(path)
    return root


def same(bench, root) -> bool:
    """Say whether every file came with its bytes; names that no system holds are cleaned."""
    here = {path.read_text() for path in (bench.folder / "pub").rglob("*") if path.is_file()}
    return here == {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}


async def test_pythons_own_server_is_walked(bench, served_tree):
    """A listing of `http.server` becomes a package."""
    handler = functools.partial(QuietHandler, directory=str(served_tree.parent))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as httpd:
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        view = await bench.complete(await bench.add(f"http://127.0.0.1:{httpd.server_port}/pub/", kind=Kind.PACKAGE))
        httpd.shutdown()
    assert view.files_done == 4 and same(bench, served_tree)


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        pass


@pytest.mark.servers
async def test_nginx_is_walked(bench, served_tree, tmp_path, server_program):
    """A listing of nginx's autoindex becomes a package."""
    port = free_port()
    config = tmp_path / "nginx.conf"
    for folder in [tmp_path, *served_tree.parents]:
        if folder.is_relative_to(tmp_path.parent.parent):
            folder.chmod(0o755)
    config.write_text(
        f"daemon off; master_process off; pid {tmp_path}/pid; error_log {tmp_path}/error.log; events {{}}"
        f"http {{ access_log off; client_body_temp_path {tmp_path}/body; proxy_temp_path {tmp_path}/proxy;"
        f" fastcgi_temp_path {tmp_path}/fcgi; uwsgi_temp_path {tmp_path}/uwsgi; scgi_temp_path {tmp_path}/scgi;"
        f" server {{ listen 127.0.0.1:{port}; root {served_tree.parent}; autoindex on; }} }}"
    )
    nginx = subprocess.Popen([server_program("nginx"), "-c", config, "-e", tmp_path / "error.log"])
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                assert time.monotonic() < deadline
                await asyncio.sleep(0.02)
        await bench.complete(await bench.add(f"http://127.0.0.1:{port}/pub/", kind=Kind.PACKAGE))
    finally:
        nginx.terminate()
        nginx.wait()
    assert same(bench, served_tree)


@pytest.mark.parametrize("wrong", [False, True], ids=["right", "wrong"])
@pytest.mark.parametrize("name", ["Repr-Digest", "Content-Digest", "Digest", "x-goog-hash", "Content-MD5"])
async def test_a_digest_in_any_field_decides(bench, name, wrong):
    """The row says what proved the file; a file with another digest is not called complete."""
    body = block("told.bin", 0, 300_000)
    algorithm = "md5" if name in ("x-goog-hash", "Content-MD5") else "sha256"
    hashed = hashlib.new(algorithm, body + b"!" * wrong).digest()
    told = base64.b64encode(hashed).decode()
    value = {
        "Repr-Digest": f"sha-256=:{told}:", "Content-Digest": f"sha-256=:{told}:", "Digest": f"SHA-256={told}",
        "x-goog-hash": f"crc32c=AAAAAA==,md5={told}", "Content-MD5": told,
    }[name]  # fmt: skip
    bench.server.script["/told.bin"] = page(body, "application/octet-stream", f"{name}: {value}\r\n")
    id = await bench.add(bench.server.url("/told.bin"))
    if wrong:
        view = await bench.failed(id)
        assert view.error.code == "CHECKSUM_MISMATCH" and algorithm in view.error.message
    else:
        view = await bench.complete(id)
        assert (view.proof, view.checksum) == (Proof.DIGEST, f"{algorithm}:{hashed.hex()}")


async def test_a_metalink_with_many_files_is_a_package(bench):
    """Its folders are rebuilt, and each file is held against its own hash."""
    names = ["a.bin", "deep/er/b.bin", "deep/c.bin"]
    files = "".join(
        meta4([bench.server.file(70_000, name)], name, 70_000, digest(name, 70_000)).split(">", 1)[1][
            : -len("</metalink>")
        ]
        for name in names
    )
    document = f'<metalink xmlns="urn:ietf:params:xml:ns:metalink">{files}</metalink>'
    bench.server.script["/many.meta4"] = page(document, "application/metalink4+xml")
    view = await bench.complete(await bench.add(bench.server.url("/many.meta4")))
    assert (view.kind, view.files_total, view.files_done) == (Kind.PACKAGE, 3, 3)
    found = {path: hashlib.sha256((bench.folder / path).read_bytes()).hexdigest() for path in tree(bench)}
    assert {path.partition("/")[2]: sha for path, sha in found.items()} == {
        name: digest(name, 70_000) for name in names
    }
