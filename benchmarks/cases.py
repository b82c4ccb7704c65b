"""What is measured: each case has contenders, the files they must bring, and goals."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.measure import NotAvailable
from benchmarks.servers import Site

HERE = Path(__file__).resolve().parent
OURS = "tui-downloads"
Make = Callable[[Path], list[str]]
"""Give the command that downloads into a folder."""


@dataclass(frozen=True)
class Goal:
    """A bound on what we cost: a share of another contender, or seconds or MB by themselves."""

    measure: str
    """`wall`, `cpu` or `memory`."""
    at_most: float
    against: str | None = None
    of: str = OURS


@dataclass(frozen=True)
class Case:
    """One kind of work."""

    name: str
    title: str
    contenders: dict[str, Make]
    names: list[str]
    """The files that must be there afterwards."""
    goals: tuple[Goal, ...]
    checked: bool = True
    """Some measure nothing but time."""


def _ours(*words: str) -> list[str]:
    if not (HERE.parent / "tui_downloads" / "__main__.py").exists():
        raise NotAvailable("there is no command line in this tree")
    return [sys.executable, "-m", "tui_downloads", *words]


def _aria2(out: Path, *words: str) -> list[str]:
    # Without its preallocation, which only costs time on a memory file system.
    return ["aria2c", "--no-conf=true", "-q", "--file-allocation=none", "-d", str(out), *words]


def _large(site: Site, scheme: str, connections: int) -> Case:
    url, trust = f"{getattr(site, scheme)}big.bin", str(site.certificate.cert)
    secure = scheme == "https"
    ours_trust = ["--cacert", trust] if secure else []
    count = str(connections)
    contenders: dict[str, Make] = {
        OURS: lambda out: _ours("get", url, "-o", "big.bin", "-d", str(out), "-x", count, "-q", *ours_trust),
        "aria2c": lambda out: _aria2(
            out, "-x", count, "-s", count, *([f"--ca-certificate={trust}"] if secure else []), url
        ),
        "curl": lambda out: ["curl", "-q", "-sSf", *ours_trust, "-o", str(out / "big.bin"), url],
    }
    if connections == 1:
        contenders["httpx"] = lambda out: [
            sys.executable, str(HERE / "httpx_get.py"), url, str(out / "big.bin"), *([trust] if secure else []),
        ]  # fmt: skip
    goals = (
        Goal("wall", 0.75 if secure else 0.6, "aria2c"),
        Goal("wall", 0.75, "curl"),
        Goal("cpu", 0.6, "aria2c"),
    )
    size = f"{site.scale.big / (1 << 30):g} GiB"
    return Case(
        f"{scheme}-{count}",
        f"{size}, {scheme}, {count} connection{'s' * (connections > 1)}",
        contenders,
        ["big.bin"],
        goals,
    )


def _memory(site: Site) -> Case:
    url = f"{site.http}big.bin"
    contenders: dict[str, Make] = {
        OURS: lambda out: _ours("get", url, "-o", "big.bin", "-d", str(out), "-x", "16", "-q"),
        "aria2c": lambda out: _aria2(out, "-x", "16", "-s", "16", url),
    }
    return Case("memory", "memory, 16 connections", contenders, ["big.bin"], (Goal("memory", 80),))


def _list_of(site: Site, out: Path) -> str:
    path = out.parent / "links.txt"
    path.write_text("".join(f"{site.http}{name}\n" for name in site.small_names))
    return str(path)


def _many(site: Site) -> Case:
    contenders: dict[str, Make] = {
        f"{OURS} engine": lambda out: [sys.executable, str(HERE / "engine_many.py"), _list_of(site, out), str(out)],
        f"{OURS} get -i": lambda out: _ours("get", "-i", _list_of(site, out), "-d", str(out), "-j", "16", "-q"),
        "aria2c": lambda out: _aria2(out, "-j", "16", "-i", _list_of(site, out)),
    }
    title = f"{site.scale.many:,} files of {site.scale.small / 1000:g} kB, 16 at a time"
    return Case("many", title, contenders, site.small_names, (Goal("wall", 1.0, "aria2c", f"{OURS} engine"),))


def _capped(site: Site) -> Case:
    url = f"{site.capped}medium.bin"
    contenders: dict[str, Make] = {
        OURS: lambda out: _ours("get", url, "-o", "medium.bin", "-d", str(out), "-q"),
        "aria2c": lambda out: _aria2(out, "-x", "8", "-s", "8", url),
    }
    title = f"{site.scale.medium >> 20} MiB, each connection capped at {site.scale.rate >> 20} MiB/s"
    return Case("capped", title, contenders, ["medium.bin"], (Goal("wall", 1.0, "aria2c"),))


def _crowded(site: Site) -> Case:
    url = f"{site.crowded}medium.bin"
    contenders: dict[str, Make] = {
        OURS: lambda out: _ours("get", url, "-o", "medium.bin", "-d", str(out), "-q"),
        "aria2c": lambda out: _aria2(out, "-x", "8", "-s", "8", url),
    }
    return Case("crowded", "429 above 4 connections (must complete)", contenders, ["medium.bin"], ())


def _version(site: Site) -> Case:
    contenders: dict[str, Make] = {
        OURS: lambda out: _ours("--version"),
        "python -c pass": lambda out: [sys.executable, "-c", "pass"],
    }
    return Case("version", "--version", contenders, [], (Goal("wall", 0.1),), checked=False)


def all_cases(site: Site) -> list[Case]:
    """Give every case, in the order of the report."""
    large = [_large(site, scheme, count) for scheme in ("http", "https") for count in (1, 4)]
    return [*large, _memory(site), _many(site), _capped(site), _crowded(site), _version(site)]
