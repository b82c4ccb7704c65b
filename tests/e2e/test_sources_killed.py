"""Each source against its server or stand-in: `serve` is killed half-way, started again, and all hashes are right."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import shutil
import signal
import subprocess
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.service import Home, digest_of, reaches, until, view
from tests.transport.conftest import Program, free_port
from tui_downloads.demo.content import block, digest
from tui_downloads.demo.masv import PackageService
from tui_downloads.demo.paths import file_path
from tui_downloads.demo.server import PracticeServer

SIZE = 9_000_000
PIECE = 1 << 20
RATE = 1_000_000


def moving(found: dict[str, Any]) -> bool:
    """Say whether a download has some bytes and is not at its end."""
    return found["state"] == "transferring" and found["done"] > 1_500_000


def survive(
    place: Home, body: dict[str, Any], when: Callable[[dict[str, Any]], Any] = moving, *, kills: int = 2
) -> dict[str, Any]:
    """Add a download, kill the service when it is under way, start it again, and give the completed download."""
    service = place.serve()
    with service.local() as client:
        answer = client.post("/v1/downloads", json=body)
        assert answer.status_code == 201, answer.text
        id = answer.json()["id"]
        for _ in range(kills):
            until(lambda: when(_alive(client, id)), f"{id} being under way ({view(client, id)})")
            assert service.end(signal.SIGKILL) == -signal.SIGKILL
            client.close()
            service = place.serve()
            client = service.local()  # noqa: PLW2901 - each life has a client of its own
        try:
            return reaches(client, id, "complete")
        finally:
            client.close()
            assert service.end() == 0


def _alive(client: Any, id: str) -> dict[str, Any]:
    found = view(client, id)
    assert found["state"] not in ("failed", "complete"), found
    return found


def tree(place: Home) -> dict[str, str]:
    """Give the digest of every file in the download folder; a part or a staging folder that is left shows."""
    root = place.downloads
    return {str(path.relative_to(root)): digest_of(path) for path in root.rglob("*") if path.is_file()}


def sent(origin: PracticeServer) -> int:
    return sum(request.sent for request in list(origin.requests))


def page(body: bytes, content_type: str) -> bytes:
    head = (
        f"HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body


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


# Lists of links .....................................................................................................


def test_a_metalink_with_several_mirrors_and_pieces(place: Home, origin: PracticeServer):
    """Three places give one file; after two kills its hash is right, and what was here was not fetched again."""
    links = [origin.file(SIZE, "m.bin", rate=RATE, etag=f"mirror{n}") for n in range(3)]
    origin.script["/m.meta4"] = page(metalink("m.bin", SIZE, links), "application/metalink4+xml")
    found = survive(place, {"url": origin.url("/m.meta4"), "options": {"connections": 3}})
    assert found["kind"] == "link" and tree(place) == {"m.bin": digest("m.bin", SIZE)}
    assert sent(origin) < 2 * SIZE


def test_link_headers_name_mirrors_and_a_digest(place: Home, origin: PracticeServer):
    """A plain link whose answer names another place and a metalink is proven by the metalink's digest."""
    told = origin.url("/l.meta4")
    origin.script["/l.meta4"] = page(
        metalink("l.bin", SIZE, [origin.file(SIZE, "l.bin", rate=RATE)]), "application/metalink4+xml"
    )

    async def linked(request, channel) -> None:
        fields = (
            ("Link", f'<{told}>; rel=describedby; type="application/metalink4+xml"'),
            ("Link", f"<{origin.file(SIZE, 'l.bin', rate=RATE, etag='twin')}>; rel=duplicate; pri=1"),
        )
        await origin.give(request, channel, file_path(SIZE, "l.bin", rate=RATE), *fields)

    origin.script["/l.bin"] = linked
    found = survive(place, {"url": origin.url("/l.bin"), "options": {"connections": 3}})
    assert found["proof"] == "digest" and tree(place) == {"l.bin": digest("l.bin", SIZE)}


def test_link_headers_with_duplicates_alone(place: Home, origin: PracticeServer):
    """Without a metalink the duplicates still serve, and the file is right."""

    async def linked(request, channel) -> None:
        twin = ("Link", f"<{origin.file(SIZE, 'd.bin', rate=RATE)}>; rel=duplicate")
        await origin.give(request, channel, file_path(SIZE, "d.bin", rate=RATE), twin)

    origin.script["/d.bin"] = linked
    survive(place, {"url": origin.url("/d.bin")})
    assert tree(place) == {"d.bin": digest("d.bin", SIZE)}


def test_a_checksum_list_as_a_package(place: Home, origin: PracticeServer):
    """Every file that SHA256SUMS names is here with its digest, and the list with its signature."""
    sizes = {f"disc-{n}.iso": 1_200_000 + n for n in range(6)}
    lines = "".join(f"{digest(name, size)} *{name}\n" for name, size in sizes.items()).encode()
    signature = b"-----BEGIN PGP SIGNATURE-----\nabc\n-----END PGP SIGNATURE-----\n"
    origin.script["/sums/SHA256SUMS"] = page(lines, "text/plain")
    origin.script["/sums/SHA256SUMS.asc"] = page(signature, "text/plain")
    for name, size in sizes.items():
        origin.script[f"/sums/{name}"] = _serving(origin, file_path(size, name, rate=RATE // 2))
    survive(place, {"url": origin.url("/sums/SHA256SUMS"), "kind": "package"})
    expected = {f"sums/{name}": digest(name, size) for name, size in sizes.items()}
    assert tree(place) == expected | {
        "sums/SHA256SUMS": hashlib.sha256(lines).hexdigest(),
        "sums/SHA256SUMS.asc": hashlib.sha256(signature).hexdigest(),
    }


def _serving(origin: PracticeServer, path: str):
    async def serve(request, channel) -> None:
        await origin.give(request, channel, path)

    return serve


def test_a_package_of_which_one_file_is_chosen(place: Home, origin: PracticeServer):
    """Only the chosen file comes, before the kill and after it."""
    files = [
        {"path": f"d/{name}", "url": origin.file(SIZE, name, rate=RATE), "size": SIZE,
         "digests": {"sha256": digest(name, SIZE)}} for name in ("one.bin", "two.bin", "three.bin")
    ]  # fmt: skip
    manifest = json.dumps({"title": "P", "files": files}).encode()
    origin.script["/p"] = page(manifest, "application/vnd.tui-downloads.manifest+json")
    body = {"url": origin.url("/p"), "kind": "package", "source": {"select": ["two.*"]}, "options": {"connections": 2}}
    found = survive(place, body)
    assert tree(place) == {"P/d/two.bin": digest("two.bin", SIZE)} and found["done"] == SIZE
    assert not [request for request in origin.requests if "one.bin" in request.target or "three.bin" in request.target]


# Directory listings .................................................................................................


@pytest.fixture
def shelf() -> Iterator[Path]:
    """Give a folder, readable for every server, with a tree of files whose names need care."""
    root = Path(tempfile.mkdtemp(prefix="shelf-"))
    for number, path in enumerate(
        ("a file.bin", "sub/ü & b.bin", "sub/100%.bin", "sub/deep/#1.bin", "sub/deep/er/x+y;z.bin", "sub/deep/er/'q'.bin",  # noqa: E501
         "sub/日本語.bin", "z/[brackets].bin", "z/a~b.bin", "z/a name so long that autoindex cuts it on its page.bin")
    ):  # fmt: skip
        (root / "pub" / path).parent.mkdir(parents=True, exist_ok=True)
        (root / "pub" / path).write_bytes(block(path, 0, 2_000_000 + number))
    for folder in (root, *(path for path in root.rglob("*") if path.is_dir())):
        folder.chmod(0o755)
    yield root
    shutil.rmtree(root, ignore_errors=True)


def started(command: list[str], port: int, folder: Path) -> Program:
    return Program(command, port, folder / "server.log").wait()


def nginx(program: str, port: int, root: Path) -> list[str]:
    paths = "".join(f"{kind}_temp_path {root}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    (root / "nginx.conf").write_text(
        f"daemon off; master_process off; pid {root}/pid; error_log {root}/error.log; events {{}}\n"
        f"http {{ access_log off; {paths} charset utf-8;"
        f" server {{ listen 127.0.0.1:{port}; root {root}; autoindex on; limit_rate 300k; }} }}\n"
    )
    return [program, "-p", str(root), "-c", str(root / "nginx.conf")]


def apache(program: str, port: int, root: Path) -> list[str]:
    modules = Path("/usr/lib/apache2/modules")
    names = ("mpm_event", "authz_core", "dir", "autoindex", "ratelimit", "env")
    loads = "".join(f"LoadModule {name}_module {modules}/mod_{name}.so\n" for name in names)
    (root / "apache.conf").write_text(
        f"{loads}ServerName localhost\nServerRoot {root}\nPidFile {root}/pid\nErrorLog {root}/error.log\n"
        f"Listen 127.0.0.1:{port}\nDocumentRoot {root}\nDefaultRuntimeDir {root}\nUser www-data\nGroup www-data\n"
        f"<Directory {root}>\nRequire all granted\nOptions +Indexes\n"
        "IndexOptions FancyIndexing FoldersFirst VersionSort Charset=UTF-8\n"
        "SetOutputFilter RATE_LIMIT\nSetEnv rate-limit 300\n</Directory>\n"
    )
    return [program, "-D", "FOREGROUND", "-f", str(root / "apache.conf")]


@pytest.mark.servers
@pytest.mark.parametrize("name,command", [("nginx", nginx), ("apache2", apache)])
def test_a_directory_listing_of_a_real_server(place: Home, shelf: Path, server_program, name, command):
    """nginx's autoindex and Apache's mod_autoindex are walked; names, folders and bytes are those of the server."""
    port = free_port()
    server = started(command(server_program(name), port, shelf), port, shelf)
    try:
        survive(place, {"url": f"http://127.0.0.1:{port}/pub/", "kind": "package", "source": {"format": "listing"}})
    finally:
        server.stop()
    here = sorted(tree(place).values())
    assert here == sorted(digest_of(path) for path in (shelf / "pub").rglob("*.bin"))
    assert (place.downloads / "pub/sub/deep/er/x+y;z.bin").exists() and (
        place.downloads / "pub/sub/日本語.bin"
    ).exists()


# MASV ...............................................................................................................


def test_a_masv_package_with_a_password_and_links_that_expire(place: Home, origin: PracticeServer):
    """Links that expire are asked for again, after the kill as well; nothing signed or secret is in the list's file."""
    files = {"day 1/a.mov": 5_000_000, "day 1/b.mov": 4_000_000, "c.txt": 0, "day 2/deep/d.mov": 3_000_000}
    package = PackageService(origin, files, password="pä ss", rate=RATE // 2, uses=2)
    place.write_settings(f'[endpoint]\nmasv_api = "{package.api}"\n')
    body = {"url": package.link, "credentials": {"extra": {"password": "pä ss"}}, "options": {"connections": 4}}
    found = survive(place, body)
    assert tree(place) == {f"Rushes/{path}": digest(path, size) for path, size in files.items()}
    assert found["kind"] == "package" and len(package.signed) > len(files)
    stored = b"".join(path.read_bytes() for path in place.folder.rglob("*") if path.is_file() and "db" in path.name)
    assert b"signature=" not in stored


def test_a_masv_link_that_expires_while_it_is_used(place: Home, origin: PracticeServer):
    """When links and token die in the middle of a life, both are asked for again and the bytes stay."""
    files = {"long.mov": SIZE}
    package = PackageService(origin, files, rate=RATE, uses=1)
    place.write_settings(f'[endpoint]\nmasv_api = "{package.api}"\n')
    expired = []

    def once(found: dict[str, Any]) -> bool:
        if moving(found) and not expired:
            expired.append(True)
            package.expire()
            origin.drop_connections()
        return bool(expired) and package.refused > 0 and found["done"] > 4_000_000

    survive(place, {"url": package.link, "options": {"connections": 1}}, once, kills=1)
    assert tree(place) == {"Rushes/long.mov": digest("long.mov", SIZE)}
    assert sent(origin) < 2 * SIZE


# Media ..............................................................................................................


@pytest.fixture(scope="session")
def film(tmp_path_factory) -> Path:
    """Make a clip of many short segments, as HLS and as DASH."""
    if shutil.which("ffmpeg") is None:
        return Path()
    folder = tmp_path_factory.mktemp("film")

    def make(*arguments: str) -> None:
        subprocess.run(["ffmpeg", "-v", "error", "-y", *arguments], cwd=folder, check=True)

    codec = ["-c:v", "libx264", "-preset", "ultrafast", "-g", "5", "-pix_fmt", "yuv420p", "-c:a", "aac"]
    make("-f", "lavfi", "-i", "testsrc=d=24:s=160x90:r=5", "-f", "lavfi", "-i", "sine=d=24", *codec, "clip.mp4")
    make("-i", "clip.mp4", "-c", "copy", "-hls_time", "1", "-hls_list_size", "0",
         "-hls_segment_filename", "part%d.ts", "hls.m3u8")  # fmt: skip
    make("-i", "clip.mp4", "-c", "copy", "-f", "dash", "-seg_duration", "1", "dash.mpd")
    return folder


def frames(path: Path) -> str:
    """Give the digest of every decoded frame; sound has to be there, its priming differs by container."""
    hashed = [
        "-map",
        "0:v",
        "-fps_mode",
        "passthrough",
        "-c:v",
        "rawvideo",
        "-f",
        "hash",
        "-",
        "-map",
        "0:a",
        "-f",
        "null",
    ]
    command = ["ffmpeg", "-v", "error", "-i", str(path), *hashed, "-"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def show_film(origin: PracticeServer, film: Path, delay: float) -> None:
    """Serve the clip's files, segments with a delay."""

    def slow(body: bytes):
        async def serve(request, channel) -> None:
            await asyncio.sleep(delay)
            await channel.send(page(body, "application/octet-stream"))
            request.sent = len(body)
            await channel.close()

        return serve

    types = {".m3u8": "application/vnd.apple.mpegurl", ".mpd": "application/dash+xml"}
    for path in film.iterdir():
        body = path.read_bytes()
        quick = path.suffix in types
        origin.script[f"/v/{path.name}"] = page(body, types[path.suffix]) if quick else slow(body)


@pytest.mark.servers
@pytest.mark.parametrize("name,segment", [("hls.m3u8", "part"), ("dash.mpd", "chunk-")])
def test_segmented_media_through_yt_dlp(place: Home, origin: PracticeServer, film, server_program, name, segment):
    """HLS and DASH go on from the segments that are here, no yt-dlp outlives its service, and every frame is right."""
    server_program("ffmpeg")
    pytest.importorskip("yt_dlp")
    show_film(origin, film, 0.4)
    url = origin.url(f"/v/{name}")

    def fetched() -> list[str]:
        return [request.path for request in list(origin.requests) if segment in request.path and request.sent]

    def under_way(found: dict[str, Any]) -> bool:
        return found["state"] == "transferring" and len(fetched()) > 5

    found = survive(place, {"url": url, "kind": "media", "source": {"quality": "best"}}, under_way, kills=1)
    (made,) = [path for path in place.downloads.rglob("*") if path.is_file()]
    assert made.name == found["name"] and found["size"] == made.stat().st_size
    assert frames(made) == frames(film / "clip.mp4") != ""
    assert len(fetched()) < 1.6 * len(set(fetched()))


@pytest.mark.servers
def test_a_killed_service_takes_its_yt_dlp_along(place: Home, origin: PracticeServer, film, server_program):
    """SIGKILL leaves no process that would write beside the next one."""
    server_program("ffmpeg")
    pytest.importorskip("yt_dlp")
    show_film(origin, film, 30.0)
    service = place.serve()
    with service.local() as client:
        body = {"url": origin.url("/v/hls.m3u8"), "kind": "media"}
        id = client.post("/v1/downloads", json=body).json()["id"]
        until(lambda: any("part" in request.path for request in list(origin.requests)), "a segment being asked for")
        assert _leashed(place), view(client, id)
        service.end(signal.SIGKILL)
    until(lambda: not _leashed(place), "the end of yt-dlp")


def _leashed(place: Home) -> list[str]:
    """List the processes that yt-dlp runs in for a home, by their environment."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "cmdline").read_bytes()
            if b"leash.py" in words and str(place.folder).encode() in (entry / "environ").read_bytes():
                found.append(entry.name)
        except OSError:
            continue
    return found


@pytest.mark.servers
def test_a_plain_media_file_of_a_page(place: Home, origin: PracticeServer, server_program):
    """A page with one file comes through our own transfer, and goes on where the kill left it."""
    server_program("ffmpeg")
    pytest.importorskip("yt_dlp")
    link = file_path(SIZE, "clip.mp4", rate=RATE, type="video/mp4")
    origin.script["/watch"] = page(f'<title>A Film</title><video src="{link}"></video>'.encode(), "text/html")
    found = survive(place, {"url": origin.url("/watch"), "kind": "media", "options": {"connections": 2}})
    assert list(tree(place).values()) == [digest("clip.mp4", SIZE)] and found["name"].endswith(".mp4")
    assert sent(origin) < 2 * SIZE


# Bundles ............................................................................................................


def test_a_bundle_that_was_killed_is_made_again(place: Home, origin: PracticeServer):
    """Killed while zipping, the next life makes a right zip, and no part of the first is left."""
    names = {f"b{n}.bin": 24_000_000 for n in range(3)}
    service = place.serve()
    with service.local() as client:
        ids = [client.post("/v1/downloads", json={"url": origin.file(size, name)}).json()["id"]
               for name, size in names.items()]  # fmt: skip
        for id in ids:
            reaches(client, id, "complete")
        body = {"url": "", "kind": "bundle", "source": {"ids": ids, "compress": True}}
        bundle = client.post("/v1/downloads", json=body).json()["id"]
        until(lambda: 0 < _alive(client, bundle)["done"] < sum(names.values()), "some of the zip")
        service.end(signal.SIGKILL)
    again = place.serve()
    with again.local() as client:
        made = reaches(client, bundle, "complete")
    with zipfile.ZipFile(place.downloads / made["name"]) as archive:
        assert archive.testzip() is None
        assert {info.filename: hashlib.sha256(archive.read(info)).hexdigest() for info in archive.infolist()} == {
            name: digest(name, size) for name, size in names.items()
        }
    assert sorted(os.listdir(place.downloads)) == sorted([*names, made["name"]])
    assert again.end() == 0
