"""Several links of one file: used together, disagreement found before bytes are mixed."""

from __future__ import annotations

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
