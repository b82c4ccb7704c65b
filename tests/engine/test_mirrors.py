"""Several links of one file: used together, disagreement found before bytes are mixed."""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from msgspec.structs import replace

from tests.transport.conftest import certificate, run_program  # noqa: F401
from tests.transport.test_servers import nginx, place  # noqa: F401
from tui_downloads.core.lifecycle import State
from tui_downloads.core.snapshots import Limits, Proof
from tui_downloads.core.spec import Options
from tui_downloads.demo.content import digest

SIZE = 12_000_000
SMALLER = 2_400_000
PIECE = 50_000


class Place(BaseHTTPRequestHandler):
    """Serves one file with ranges and a strong validator, at some speed."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        house = self.server
        found = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        start = int(found[1]) if found else 0
        with house.lock:
            content, tag, last = house.content, house.tag, house.last
            house.guests += 1
            refused = house.gone or house.guests > house.most
        try:
            if refused:
                self.send_response(404 if house.gone else 503)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            if_range = self.headers.get("If-Range")
            if if_range is not None and if_range != tag:
                found, start = None, 0
            end = min(int(found[2]) + 1 if found and found[2] else len(content), len(content))
            self.send_response(206 if found else 200)
            if found:
                total = "*" if house.shy else str(len(content))
                self.send_header("Content-Range", f"bytes {start}-{end - 1}/{total}")
            self.send_header("ETag", tag)
            self.send_header("Content-Length", str(end - start))
            self.end_headers()
            self._send(content[start : min(end, last)], cut=last < end)
        finally:
            with house.lock:
                house.guests -= 1

    def _send(self, body: bytes, *, cut: bool) -> None:
        house = self.server
        with suppress(OSError):
            for at in range(0, len(body), PIECE):
                if house.gone:
                    cut = True
                    break
                self.wfile.write(body[at : at + PIECE])
                with house.lock:
                    house.sent += len(body[at : at + PIECE])
                time.sleep(PIECE / house.rate)  # the speed of this place
        self.close_connection = cut


class House(ThreadingHTTPServer):
    """A host of its own."""

    daemon_threads = True
    request_queue_size = 50

    def __init__(self, content: bytes) -> None:
        super().__init__(("127.0.0.1", 0), Place)
        self.content, self.tag = content, f'"{self.server_port}"'
        self.lock = threading.Lock()
        self.guests = self.sent = 0
        self.most, self.last, self.rate = 1000, SIZE, 3_000_000
        self.gone = self.shy = False

    def handle_error(self, *_: object) -> None:
        """A client that leaves is no error."""

    @property
    def link(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/f.bin"


@pytest.fixture
def house() -> Iterator[object]:
    """Open houses for content."""
    houses: list[House] = []

    def open_one(content: bytes) -> House:
        houses.append(House(content))
        threading.Thread(target=houses[-1].serve_forever, args=(0.02,), daemon=True).start()
        return houses[-1]

    yield open_one
    for one in houses:
        one.shutdown()
        one.server_close()


def image() -> bytes:
    return os.urandom(SMALLER)


def like(content: bytes, *same: tuple[int, int]) -> bytes:
    """Give a file of the same size that agrees in some spans only."""
    other = bytearray(os.urandom(len(content)))
    for start, end in same:
        other[start:end] = content[start:end]
    return bytes(other)


def file(bench, view) -> bytes:
    return (bench.folder / view.name).read_bytes()


async def test_mirrors_share_the_work(bench):
    """Two links with a digest to decide are both asked, and the file is right."""
    sha = digest("m.bin", SIZE)
    first = bench.server.file(SIZE, "m.bin", rate=2_000_000)
    second = bench.server.file(SIZE, "m.bin", rate=2_000_000, etag="other")
    options = Options(checksum=f"sha256:{sha}")
    view = await bench.complete(await bench.add(first, mirrors=(second,), options=options))
    assert bench.digest(view.name) == sha
    assert any("etag=other" in request.target for request in bench.server.requests)


async def test_a_mirror_with_another_file_is_dropped(bench):
    """Without a digest an overlap finds the liar before its bytes are mixed in."""
    first = bench.server.file(SIZE, "honest.bin", rate=2_000_000)
    liar = bench.server.file(SIZE, "liar.bin", rate=2_000_000)
    view = await bench.complete(await bench.add(first, mirrors=(liar,)))
    assert bench.digest(view.name) == digest("honest.bin", SIZE)


@pytest.mark.servers
@pytest.mark.parametrize("other", [slice(SIZE // 2, None), slice(SIZE - 5_000, None)], ids=["half", "end"])
async def test_a_mirror_whose_file_begins_alike_is_dropped(bench, nginx, place, other):  # noqa: F811
    """Images of one family share their first megabytes: places that have not come yet are compared as well."""
    content = bytearray(os.urandom(SIZE))
    (place / "first.bin").write_bytes(content)
    content[other] = os.urandom(len(content[other]))
    (place / "second.bin").write_bytes(content)
    links = [f"{nginx['http']}/slow/{name}.bin" for name in ("first", "second")]
    view = await bench.complete(await bench.add(links[0], mirrors=(links[1],)))
    assert (bench.folder / view.name).read_bytes() == (place / "first.bin").read_bytes()


async def test_a_dead_mirror_does_not_matter(bench):
    """One link that is gone costs nothing but itself."""
    first = bench.server.file(SIZE, "alive.bin", rate=3_000_000)
    dead = bench.server.file(SIZE, "alive.bin", status=404)
    view = await bench.complete(await bench.add(first, mirrors=(dead,)))
    assert bench.digest(view.name) == digest("alive.bin", SIZE)


async def test_the_first_link_may_be_the_dead_one(bench):
    """When the first link fails before anything is known, the next one opens."""
    dead = bench.server.file(SIZE, "second.bin", status=404)
    alive = bench.server.file(SIZE, "second.bin")
    view = await bench.complete(await bench.add(dead, mirrors=(alive,)))
    assert bench.digest(view.name) == digest("second.bin", SIZE)


async def test_hosts_that_bear_one_connection_share_the_work(bench, house):
    """One connection per host is one for each mirror; the first gives up its own for the comparison."""
    content = image()
    first, second = house(content), house(content)
    first.rate = 400_000
    await bench.engine.set_limits(replace(Limits(), per_host=1))
    view = await bench.complete(await bench.add(first.link, mirrors=(second.link,)))
    assert file(bench, view) == content and view.proof is Proof.UNPROVEN
    assert second.sent > SMALLER // 4


@pytest.mark.parametrize("strict", ["limit", "server"])
async def test_a_liar_is_found_with_one_connection_for_each(bench, house, strict):
    """Whoever has one connection to spare for it all gives it for the comparison: nothing is mixed on trust."""
    content = image()
    first, liar = house(content), house(like(content, (0, SMALLER // 2 - 100_000)))
    if strict == "limit":
        await bench.engine.set_limits(replace(Limits(), per_host=1))
    else:
        first.most = 1
    view = await bench.complete(await bench.add(first.link, mirrors=(liar.link,)))
    assert file(bench, view) == content


async def test_a_liar_that_agrees_where_it_is_asked_is_found_where_bytes_meet(bench, house):
    """Each link is asked for a little of what its neighbours brought before the file is called complete."""
    content = image()
    half = SMALLER // 2
    same = ((0, SMALLER // 3), (half, half + 16_384), (SMALLER - 16_384, SMALLER))
    first, liar = house(content), house(like(content, *same))
    view = await bench.complete(await bench.add(first.link, mirrors=(liar.link,)))
    assert file(bench, view) == content


async def test_a_mirror_takes_over_from_one_that_dies(bench, house):
    """What is here is held against the mirror; the rest can be held against nobody, and the result says so."""
    content = image()
    first, second = house(content), house(content)
    first.rate = 500_000
    id = await bench.add(first.link, mirrors=(second.link,), options=Options(connections=1))
    await bench.until(id, lambda view: view.done > 300_000)
    first.gone = True
    view = await bench.complete(id)
    assert file(bench, view) == content and view.proof is Proof.UNPROVEN and view.discarded == 0


async def test_a_mirror_that_tells_no_size_is_compared(bench, house):
    """`bytes a-b/*` is a part of something: where it agrees it helps."""
    content = image()
    first, shy = house(content), house(content)
    shy.shy = True
    view = await bench.complete(await bench.add(first.link, mirrors=(shy.link,)))
    assert file(bench, view) == content


async def test_a_mirror_with_the_version_before_is_not_mixed_with_the_new_one(bench, house):
    """What a mirror agreed with was the old file; after a restart it has to agree with the new one."""
    old, new = image(), image()
    first, second = house(old), house(old)
    first.rate = second.rate = 300_000
    id = await bench.add(first.link, mirrors=(second.link,), options=Options(connections=2))
    await bench.until(id, lambda _: second.sent > 150_000)
    with first.lock:
        first.content, first.tag = new, '"new"'
    first.rate = second.rate = 4_000_000
    await bench.engine.pause([id])
    await bench.engine.resume([id])
    view = await bench.complete(id)
    assert file(bench, view) in (old, new)


async def test_a_strong_validator_does_not_vouch_for_another_links_bytes(bench, house):
    """The first link told its version and brought nothing; after a restart its file is held against the mirror's."""
    content, other = image(), image()
    first, second = house(content), house(other)
    first.last, second.rate = 0, 1_000_000
    id = await bench.add(first.link, mirrors=(second.link,), options=Options(connections=1))
    await bench.until(id, lambda view: view.done > 500_000)
    await bench.engine.close()
    first.last, second.rate = SIZE, 4_000_000
    await bench.start()
    await bench.until(id, lambda view: view.state is State.COMPLETE)
    assert file(bench, await bench.get(id)) in (content, other)


async def test_a_slow_mirror_does_not_hold_up_the_file(bench, house):
    """What a slow link was given is taken from it again; it brings next to nothing, and nobody waits for it."""
    content = image()
    first, slow = house(content), house(content)
    first.rate, slow.rate = 1_000_000, 20_000
    view = await bench.complete(await bench.add(first.link, mirrors=(slow.link,), options=Options(connections=2)))
    assert file(bench, view) == content
    assert slow.sent < SMALLER // 4
