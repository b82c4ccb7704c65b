"""Several links of one file: used together, disagreement found before bytes are mixed."""

from __future__ import annotations

import os

import pytest

from tests.transport.conftest import certificate, run_program  # noqa: F401
from tests.transport.test_servers import nginx, place  # noqa: F401
from tui_downloads.core.spec import Options
from tui_downloads.demo.content import digest

SIZE = 12_000_000


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
