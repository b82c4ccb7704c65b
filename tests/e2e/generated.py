"""Generated requests (schemathesis, every check, stateful) against the live service with downloads of every kind.

A long run: python -m tests.e2e.generated --examples 50
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import httpx

from tests.e2e.service import ROOT, Home, Service, new_home, reaches
from tui_downloads.demo.server import PracticeServer, serve_in_thread

CONFIG = ROOT / "tests" / "api" / "schemathesis.toml"
WAITING, ENDED = 60, 6
"""Downloads of the stage; generated requests remove some on their way."""

EMPTYING = ("DELETE /v1/downloads/{id}", "POST /v1/actions", "DELETE /v1/history")

SEEDED = """
[dictionaries.ids]
values = {ids}

[dictionaries.files]
values = ["1", "2"]

[dictionaries.links]
values = {links}

[parameters]
"path.file" = {{ dictionary = "files", probability = 0.8 }}
"path.id" = {{ dictionary = "ids", probability = 0.8 }}
"body.url" = {{ dictionary = "links", probability = 0.5 }}
"""


def stage(client: httpx.Client, origin: PracticeServer) -> list[str]:
    """Put downloads on the stage: paused, finished, failed and cancelled ones; give their ids."""
    body = {"downloads": [{"url": origin.file(1000, f"p{n}.bin"), "paused": True} for n in range(WAITING)]}
    added = client.post("/v1/downloads", json=body)
    assert added.status_code == 200, added.text
    ids = [outcome["id"] for outcome in added.json()["outcomes"]]
    for n in range(ENDED):
        done = client.post("/v1/downloads", json={"url": origin.file(5000, f"d{n}.bin")}).json()["id"]
        reaches(client, done, "complete")
        gone = client.post("/v1/downloads", json={"url": origin.file(50, f"c{n}.bin"), "paused": True}).json()
        assert client.post(f"/v1/downloads/{gone['id']}/cancel").status_code == 200
        ids += [done, gone["id"]]
    return ids


def command(folder: Path, service: Service, token: str, ids: Sequence[str], links: Sequence[str], examples: int):
    """Write the configuration and give the command line."""
    config = folder / "schemathesis.toml"
    more = SEEDED.format(ids=json.dumps(list(ids)), links=json.dumps(list(links)))
    config.write_text(more + CONFIG.read_text())
    return [
        sys.executable, "-m", "schemathesis.cli", "--config-file", str(config), "run",
        f"{service.urls[0]}/v1/openapi.json", "-H", f"Authorization: Bearer {token}", "--checks", "all",
        "--phases", "examples,coverage,fuzzing,stateful", "--max-examples", str(examples), "--no-color",
        "--request-timeout", "30", "--continue-on-failure", "--suppress-health-check", "all",
    ]  # fmt: skip


def run(
    home: Home, origin: PracticeServer, examples: int, *, seconds: float, short: bool = False, seed: int | None = None
):
    """Run the tool against a service with downloads on the stage: without what empties it, then with all.

    A short second run has only what empties it. Without a seed every run asks something else.
    """
    token = home.token("root", "--scope", "admin", "--private", "--folder", str(home.downloads))
    service = home.serve("127.0.0.1:0")
    with service.client(token) as client:
        ids = stage(client, origin)
    links = [origin.file(300, "more.bin"), origin.url("/none")]
    words = command(home.folder, service, token, ids, links, examples)
    if seed is not None:
        words += ["--seed", str(seed)]
    done = []
    without = [word for name in EMPTYING for word in ("--exclude-name", name)]
    alone = [word for name in EMPTYING for word in ("--include-name", name)]
    for more in (without, alone if short else []):
        found = subprocess.run(
            [*words, *more], capture_output=True, text=True, cwd=home.folder, env=home.environment, timeout=seconds
        )
        done.append(found)
    assert service.process.poll() is None, service.said
    assert service.end() == 0
    return done


def errors_in(log: str) -> list[str]:
    """Give the errors in a log of the service, each with its traceback."""
    found = re.split(r"^(?=\d{4}-\d\d-\d\d )", log, flags=re.MULTILINE)
    return [entry.rstrip() for entry in found if " ERROR " in entry.partition("\n")[0]]


def main() -> int:
    """Run for long and print what the tool says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--examples", type=int, default=50, help="examples for each operation and scenario")
    parser.add_argument("--seconds", type=float, default=7200.0, help="when to give up")
    parser.add_argument("--seed", type=int, default=None, help="ask the same things again")
    given = parser.parse_args()
    with new_home() as home, serve_in_thread() as origin:
        done = run(home, origin, given.examples, seconds=given.seconds, seed=given.seed)
        for found in done:
            print(found.stdout, found.stderr, sep="\n")
        errors = errors_in(home.log)
        print(f"{len(errors)} errors in the service's log", *errors[:20], sep="\n")
        return max([bool(errors), *(found.returncode for found in done)])


if __name__ == "__main__":
    sys.exit(main())
