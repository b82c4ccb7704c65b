"""Programs made to hurt a server, against the live service: it refuses, stays alive, and answers others meanwhile."""

from __future__ import annotations

import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from tests.e2e.service import Home, until

pytestmark = pytest.mark.servers
HOLD = 200
MODES = {"slow headers": ["-H"], "slow bodies": ["-B", "-s", "8192"], "slow reading": ["-X", "-k", "3"]}


@pytest.mark.parametrize("mode", MODES)
def test_slowhttptest(place: Home, server_program, tmp_path: Path, mode: str):
    """While 200 slow connections come in, others are answered at every look, and afterwards none is left."""
    program = server_program("slowhttptest")
    token = place.token("ann")
    service = place.serve("127.0.0.1:0")
    url = f"{service.urls[0]}/healthz"
    tool = subprocess.Popen(
        [program, "-c", str(HOLD), "-r", "100", "-i", "5", "-x", "16", "-p", "3", "-l", "20", *MODES[mode], "-u", url],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=tmp_path,
    )  # fmt: skip
    looks = 0
    try:
        while tool.poll() is None:
            with service.client(token) as client:
                assert client.get("/healthz").status_code == 200
                assert client.get("/v1/downloads").status_code == 200
                looks += 1
    finally:
        tool.kill()
        tool.wait()
    assert looks > 5
    port = urlsplit(service.urls[0]).port
    until(lambda: connections(service.process.pid, port) == 0, "the end of every slow connection")
    assert service.process.poll() is None
    assert service.end() == 0


def connections(pid: int, port: int | None) -> int:
    """Count what is connected to a port, in the states in which it costs the service something."""
    count = 0
    for line in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]:
        words = line.split()
        count += int(words[1].rpartition(":")[2], 16) == port and words[3] == "01"
    return count


def test_a_token_guesser_is_slowed_and_others_are_not(place: Home):
    """Wrong tokens meet 401 and then a later 401; the right one from the same address is let in all along."""
    token = place.token("ann")
    service = place.serve("127.0.0.1:0")
    with service.client("wrong") as guesser, service.client(token) as ann:
        seen = [guesser.get("/v1/downloads") for _ in range(13)]
        assert {answer.status_code for answer in seen} == {401}
        assert "retry-after" in seen[-1].headers and "retry-after" not in seen[0].headers
        assert ann.get("/v1/downloads").status_code == 200
    with httpx.Client(base_url=service.urls[0], trust_env=False) as rebound:
        assert rebound.get("/healthz", headers={"host": "evil.example.org"}).status_code in (400, 403, 421)
