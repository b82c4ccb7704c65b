"""How many connections a file gets, and what a refusal of one of them means."""

from __future__ import annotations

import pytest

from tui_downloads.core.spec import Options

SIZE = 8_000_000


@pytest.mark.parametrize("status", [403, 429, 503])
async def test_a_refused_connection_costs_connections_and_nothing_else(bench, status):
    """The file comes with as many as the server allows; of the host only its own word is believed."""
    url = bench.server.file(SIZE, "cap.bin", cap=2, capstatus=status, rate=1_500_000)
    view = await bench.complete(await bench.add(url, options=Options(connections=6)))
    assert view.attempts == 0 and view.discarded == 0
    hosts = {host.host: host for host in await bench.engine.hosts()}
    if status == 403:
        assert all(host.ceiling is None for host in hosts.values())
    else:
        (host,) = hosts.values()
        assert host.ceiling is not None and str(status) in host.why and "twice as many" in host.why


async def test_one_path_s_limit_does_not_slow_another(bench):
    """A host that forbids one file's further connections serves another file with all of them."""
    capped = bench.server.file(SIZE, "capped.bin", cap=1, capstatus=403, rate=3_000_000)
    await bench.complete(await bench.add(capped, options=Options(connections=4)))
    free = await bench.add(bench.server.file(SIZE, "free.bin", rate=1_000_000), options=Options(connections=4))
    await bench.until(free, lambda view: view.connections == 4)
    await bench.complete(free)
