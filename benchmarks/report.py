"""The results as a page: when, with what, on which machine, how much, and whether the goals were met."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.cases import Case, Goal
from benchmarks.measure import Summary
from benchmarks.notes import CAUSES
from benchmarks.servers import find_nginx

Outcome = Summary | str
"""What came of a contender: its medians, or why there are none."""


def _first_line(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    except FileNotFoundError:
        return "not installed"
    return ((done.stdout or done.stderr).strip().splitlines() or ["no answer"])[0]


def _libcurl() -> str:
    try:
        import pycurl
    except ImportError:
        return "not installed"
    return str(pycurl.version)


def _memory() -> str:
    try:
        found = re.search(r"MemTotal:\s+(\d+)", Path("/proc/meminfo").read_text())
    except OSError:
        return "unknown"
    return f"{int(found[1]) / (1 << 20):.0f} GiB" if found else "unknown"


def machine() -> dict[str, str]:
    """Say on what the figures were taken."""
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "cores": str(os.cpu_count()),
        "kernel": platform.release(),
        "memory": _memory(),
        "Python": platform.python_version(),
        "pycurl": _libcurl(),
        "aria2": _first_line("aria2c", "--version"),
        "curl": _first_line("curl", "--version"),
        "nginx": _first_line(find_nginx(), "-v"),
    }


def _value(summary: Summary, goal: Goal) -> float:
    return float(getattr(summary, goal.measure))


def _verdict(goal: Goal, outcomes: Mapping[str, Outcome]) -> tuple[str, str]:
    """Give the figure that counts and what to say of it."""
    ours = outcomes.get(goal.of)
    if not isinstance(ours, Summary):
        return "–", "not measured"
    value = _value(ours, goal)
    if goal.against is not None:
        theirs = outcomes.get(goal.against)
        if not isinstance(theirs, Summary):
            return "–", f"not measured ({goal.against})"
        value /= _value(theirs, goal) or float("inf")
    return f"{value:.2f}", "met" if value <= goal.at_most else "**missed**"


def _bound(goal: Goal) -> str:
    unit = {"wall": " s", "cpu": " s", "memory": " MB"}[goal.measure]
    return f"{goal.measure} ≤ {goal.at_most:g}" + (f" of {goal.against}" if goal.against else unit)


def _figures(outcome: Outcome) -> str:
    if isinstance(outcome, str):
        return f"– | – | – | {outcome.replace('|', '/')} |"
    return f"{outcome.wall:.3f} | {outcome.cpu:.3f} | {outcome.memory:.0f} | |"


def write_page(results: list[tuple[Case, dict[str, Outcome]]], *, rounds: int, quick: bool) -> str:
    """Write the page."""
    lines = ["# Benchmark results", ""]
    lines += [f"- {name}: {value}" for name, value in machine().items()]
    size = "small sizes" if quick else "full sizes"
    lines += [
        "",
        f"Medians of {rounds} interleaved rounds after one that warms up and is compared by sha256; {size}. The server",
        "is nginx on the loopback, files and output are on a memory file system, every output is checked by size.",
        "`cpu` is user and system time; `memory` is the most that was resident, looked up every 10 ms. aria2c runs",
        "without preallocation; curl has one connection in every case.",
        "",
        "## Goals",
        "",
        "| work | goal | measured | | cause |",
        "|---|---|---|---|---|",
    ]
    for case, outcomes in results:
        for goal in case.goals:
            figure, verdict = _verdict(goal, outcomes)
            cause = CAUSES.get((case.name, goal.measure), "") if "missed" in verdict else ""
            who = "" if goal.of == "tui-downloads" else f" ({goal.of})"
            lines.append(f"| {case.title}{who} | {_bound(goal)} | {figure} | {verdict} | {cause} |")
    lines += ["", "## Figures", "", "| work | program | wall s | cpu s | memory MB | |", "|---|---|---|---|---|---|"]
    for case, outcomes in results:
        lines += [f"| {case.title} | {name} | {_figures(outcome)}" for name, outcome in outcomes.items()]
    return "\n".join(lines) + "\n"
