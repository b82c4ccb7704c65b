"""Figures of packages, mirrors and bundles: many files in folders, a mirror that lies, a zip of more than 4 GiB.

python benchmarks/sources.py [--quick] > benchmarks/SOURCES.md
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.memory import peak  # noqa: E402
from benchmarks.servers import find_nginx, memory_folder  # noqa: E402
from tui_downloads.config.paths import find  # noqa: E402
from tui_downloads.daemon import answers  # noqa: E402
from tui_downloads.demo.content import block  # noqa: E402

MANIFEST = "application/vnd.tui-downloads.manifest+json"
PIECE = 4 << 20
ZIPPED = 9 << 29
"""4.5 GiB."""


@dataclass(frozen=True)
class Scale:
    """How much work there is."""

    files: int = 10_000
    small: int = 4_000
    mirrored: int = 256 << 20
    rate: int = 32 << 20
    """Bytes a second of one connection to a good mirror."""
    rounds: int = 3
    zipped: int = ZIPPED


@dataclass(frozen=True)
class Run:
    """What one run of a program cost."""

    wall: float
    memory: float
    """MiB, the most that was resident."""


@contextmanager
def nginx(root: Path, scale: Scale) -> Iterator[list[str]]:
    """Serve `root`, the same at the rate of a mirror, `root`/lie at that rate, and `root` slowly; give the origins."""
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(4)]
    ports = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    paths = "".join(
        f"{kind}_temp_path {root}/t-{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    rates = ("", f"limit_rate {scale.rate};", f"limit_rate {scale.rate};", f"limit_rate {scale.rate // 20};")
    servers = "".join(
        f"server {{ listen 127.0.0.1:{port} backlog=1024; root {root}{'/lie' if number == 2 else ''}; {rate} }}\n"
        for number, (port, rate) in enumerate(zip(ports, rates, strict=True))
    )
    types = f"types {{ {MANIFEST} manifest; application/metalink4+xml meta4; }}"
    (root / "nginx.conf").write_text(
        f"daemon off; worker_processes 2; pid {root}/pid; error_log {root}/error.log;\n"
        f"events {{ worker_connections 512; }}\n"
        f"http {{ access_log off; sendfile on; keepalive_requests 1000000; {paths} {types}"
        f" default_type application/octet-stream;\n{servers} }}\n"
    )
    server = subprocess.Popen([find_nginx(), "-p", str(root), "-e", f"{root}/error.log", "-c", f"{root}/nginx.conf"])
    try:
        deadline = time.monotonic() + 10
        while socket.socket().connect_ex(("127.0.0.1", ports[0])):
            assert time.monotonic() < deadline and server.poll() is None, "nginx did not start"
            time.sleep(0.02)
        yield [f"http://127.0.0.1:{port}" for port in ports]
    finally:
        server.terminate()
        server.wait()


def get(folder: Path, *arguments: str) -> Run:
    """Run `get` into an empty folder and say what it cost."""
    home = folder.parent / "home"
    command = [sys.executable, "-m", "tui_downloads", "get", "-q", "-d", str(folder), *arguments]
    began, peak = time.perf_counter(), 0.0
    child = subprocess.Popen(command, env={**os.environ, "TUI_DOWNLOADS_HOME": str(home)})
    while child.poll() is None:
        peak = max(peak, resident(child.pid))
        time.sleep(0.01)
    wall = time.perf_counter() - began
    if child.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {child.returncode}")
    return Run(wall, peak)


def resident(pid: int) -> float:
    """Give the most that a process had resident, in MiB."""
    try:
        return peak(pid)
    except OSError:
        return 0.0


def packages(scale: Scale, root: Path, origin: str) -> list[str]:
    """The same small files as a package in deep folders and as a list of links; every one is compared."""
    entries, lines = [], []
    for number in range(scale.files):
        name = f"small-{number:05}.bin"
        body = block(name, 0, scale.small)
        (root / name).write_bytes(body)
        path = f"{number % 7}/{number % 11}/deep/er/{number % 101}/{name}"
        digest = hashlib.sha256(body).hexdigest()
        entries.append({"path": path, "url": name, "size": scale.small, "digests": {"sha256": digest}})
        lines.append(f"{origin}/{name}\n  checksum=sha-256={digest}\n")
    (root / "p.manifest").write_text(json.dumps({"title": "P", "files": entries}))
    few = {"title": "P", "files": entries[: scale.files // 10]}
    (root / "few.manifest").write_text(json.dumps(few))
    (root / "list.txt").write_text("".join(lines))

    def once(what: str, *arguments: str) -> Run:
        with tempfile.TemporaryDirectory(dir=root) as made:
            folder = Path(made) / "out"
            run = get(folder, "-j", "16", *arguments)
            found = {path.name: path for path in folder.rglob("*.bin")}
            right = all(found[name].read_bytes() == (root / name).read_bytes() for name in found)
            wanted = {str(entry["path"]) for entry in entries}
            if what == "package":
                right = right and {str(path.relative_to(folder / "P")) for path in found.values()} == wanted
            if not right or len(found) not in (scale.files, scale.files // 10):
                raise SystemExit(f"{what}: {len(found)} files, right: {right}")
            return run

    listed, packed = [], []
    for _ in range(scale.rounds):
        listed.append(once("list", "-i", str(root / "list.txt")))
        packed.append(once("package", f"{origin}/p.manifest"))
    small = once("few", f"{origin}/few.manifest")
    as_list, as_package = (statistics.median(run.wall for run in runs) for runs in (listed, packed))
    memory = statistics.median(run.memory for run in packed)
    list_memory = statistics.median(run.memory for run in listed)
    many = f"{scale.files:,} files of {scale.small:,} bytes"
    return [
        f"| {many}, as a list of links | {as_list:.2f} s, {list_memory:.0f} MiB | |",
        f"| the same as a package in deep folders | {as_package:.2f} s, {memory:.0f} MiB | |",
        f"| package / list | {as_package / as_list:.2f} | ≤ 1.5 |",
        f"| memory of a package with a tenth of the files | {small.memory:.0f} MiB"
        f" (so {(memory - small.memory) * 1024 / (scale.files * 0.9):.1f} KiB a file) | flat |",
    ]


def mirrors(scale: Scale, root: Path, origins: list[str]) -> list[str]:
    """Three mirrors, one slow and one with a wrong piece, against the two good ones."""
    name = "mirrored.bin"
    body = bytearray(block(name, 0, scale.mirrored))
    (root / name).write_bytes(body)
    whole = hashlib.sha256(body).hexdigest()
    hashes = "".join(
        f"<hash>{hashlib.sha256(body[at : at + PIECE]).hexdigest()}</hash>" for at in range(0, len(body), PIECE)
    )
    for at in range(1000, len(body), 16 * PIECE):  # wherever the liar's share lies, a wrong byte is in it
        body[at] ^= 1
    (root / "lie").mkdir()
    (root / "lie" / name).write_bytes(body)
    _, good, lying, slow = origins

    def told(document: str, *places: str) -> str:
        urls = "".join(f"<url priority='{n}'>{place}/{name}</url>" for n, place in enumerate(places, 1))
        (root / document).write_text(
            f'<metalink xmlns="urn:ietf:params:xml:ns:metalink"><file name="{name}"><size>{scale.mirrored}</size>'
            f'<hash type="sha-256">{whole}</hash><pieces type="sha-256" length="{PIECE}">{hashes}</pieces>{urls}'
            "</file></metalink>"
        )
        return f"{origins[0]}/{document}"

    def once(link: str, connections: int) -> Run:
        with tempfile.TemporaryDirectory(dir=root) as made:
            run = get(Path(made) / "out", "-x", str(connections), link)
            found = hashlib.sha256((Path(made) / "out" / name).read_bytes()).hexdigest()
            if found != whole:
                raise SystemExit("the mirrored file is wrong")
            return run

    two, three = told("two.meta4", good, good.replace("127.0.0.1", "localhost")), told("three.meta4", good, lying, slow)
    alone, mixed = [], []
    for _ in range(scale.rounds):
        alone.append(once(two, 2).wall)
        mixed.append(once(three, 3).wall)
    before, after = statistics.median(alone), statistics.median(mixed)
    size = f"{scale.mirrored >> 20} MiB at {scale.rate >> 20} MiB/s a connection"
    return [
        f"| {size}, two good mirrors | {before:.2f} s | |",
        f"| the same, one good, one with a wrong byte every {16 * PIECE >> 20} MiB, one 20 times slower"
        f" | {after:.2f} s | |",
        f"| three / two | {after / before:.2f} | ≤ 1.2 |",
    ]


def bundle(scale: Scale, root: Path, origin: str) -> list[str]:
    """A zip of one large file by a service, opened by `unzip -t` and by Python's zipfile."""
    with (root / "large.bin").open("wb") as file:
        file.write(block("large.bin", 0, 1 << 20))
        file.truncate(scale.zipped)
    with tempfile.TemporaryDirectory(prefix="bench-zip-") as made:
        home = Path(made)
        environment = {**os.environ, "TUI_DOWNLOADS_HOME": made}
        path = find(environment).socket
        child = subprocess.Popen(
            [sys.executable, "-m", "tui_downloads", "serve"], env=environment, stderr=subprocess.DEVNULL
        )
        try:
            while not answers(path):
                time.sleep(0.05)
            transport = httpx.HTTPTransport(uds=path)
            with httpx.Client(transport=transport, base_url="http://localhost", timeout=60) as client:
                source = _completed(client, {"url": f"{origin}/large.bin"})
                before, began = resident(child.pid), time.perf_counter()
                _completed(client, {"url": "", "kind": "bundle", "name": "large.zip", "source": {"ids": [source]}})
                wall, after = time.perf_counter() - began, resident(child.pid)
        finally:
            child.terminate()
            child.wait()
        (zipped,) = home.rglob("large.zip")
        tested = subprocess.run(["unzip", "-tqq", zipped], capture_output=True)
        with zipfile.ZipFile(zipped) as archive:
            sound = archive.testzip() is None and archive.getinfo("large.bin").file_size == scale.zipped
        if tested.returncode or not sound:
            raise SystemExit(f"the zip is not right: unzip {tested.returncode}, zipfile {sound}")
    return [
        f"| zip of one file of {scale.zipped / (1 << 30):.1f} GiB, stored | {wall:.1f} s"
        f" ({scale.zipped / wall / (1 << 20):.0f} MiB/s) | |",
        f"| most memory before and after it | {before:.0f} and {after:.0f} MiB | constant |",
        "| `unzip -t` and Python's zipfile | both find it right | right |",
    ]


def _completed(client: httpx.Client, body: dict[str, object]) -> str:
    id = str(client.post("/v1/downloads", json=body).raise_for_status().json()["id"])
    while (state := client.get(f"/v1/downloads/{id}").json()["download"]["state"]) != "complete":
        if state in ("failed", "cancelled"):
            raise SystemExit(client.get(f"/v1/downloads/{id}").text)
        time.sleep(0.05)
    return id


def main() -> int:
    """Measure everything and print a page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a tenth of the work, one round")
    quick = parser.parse_args().quick
    scale = Scale(1_000, 4_000, 64 << 20, 16 << 20, 1, 256 << 20) if quick else Scale()
    rows = []
    with tempfile.TemporaryDirectory(prefix="bench-sources-", dir=memory_folder()) as made:
        root = Path(made)
        root.chmod(0o755)
        with nginx(root, scale) as origins:
            rows += packages(scale, root, origins[0])
            rows += mirrors(scale, root, origins)
            rows += bundle(scale, root, origins[0])
    load = os.getloadavg()[0]
    print("# Packages, mirrors and bundles\n")
    print(
        f"`python benchmarks/sources.py{' --quick' if quick else ''}`, against nginx on the loopback,"
        f" {os.cpu_count()} cores"
    )
    print(f"shared with other work (load {load:.1f} at the end), Python {platform.python_version()};"
          f" medians of {scale.rounds}. Every file is compared byte by byte.\n")  # fmt: skip
    print("| what | figure | goal |\n| --- | --- | --- |")
    print("\n".join(rows))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
