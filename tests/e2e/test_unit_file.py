"""The unit for systemd: sound as systemd reads it, and as closed as a download manager can be."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.service import ROOT

pytestmark = pytest.mark.servers
UNIT = ROOT / "packaging" / "tui-downloads.service"
EXPOSURE = 3.0
"""systemd's own measure, 0 to 10; a service without any setting has 9.6."""


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """Give the unit with a program that is there in place of the installed one."""
    text = UNIT.read_text().replace("%h/.local/bin/tui-downloads", sys.executable)
    (tmp_path / UNIT.name).write_text(text)
    return tmp_path / UNIT.name


def analyze(program: str, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    runtime = folder / "run"
    runtime.mkdir(mode=0o700, exist_ok=True)
    environment = {**os.environ, "XDG_RUNTIME_DIR": str(runtime), "SYSTEMD_COLORS": "0", "LC_ALL": "C"}
    return subprocess.run([program, *words], capture_output=True, text=True, env=environment, timeout=60)


def test_systemd_reads_every_line(unit: Path, tmp_path: Path, server_program):
    """`systemd-analyze verify --user` has nothing to say of our unit."""
    found = analyze(server_program("systemd-analyze"), tmp_path, "verify", "--user", "--man=no", str(unit))
    assert found.returncode == 0, found.stderr
    assert not [line for line in found.stderr.splitlines() if UNIT.name in line], found.stderr


def test_it_is_hardened(unit: Path, tmp_path: Path, server_program):
    """`systemd-analyze security` calls it OK."""
    words = ("security", "--offline=true", "--no-pager", str(unit))
    found = analyze(server_program("systemd-analyze"), tmp_path, *words)
    exposure = re.search(r"Overall exposure level for \S+: ([0-9.]+)", found.stdout)
    assert exposure is not None, found.stdout + found.stderr
    assert float(exposure[1]) < EXPOSURE
