"""`demo`: the screen on the practice server, and no trace of it afterwards."""

from __future__ import annotations

import signal
import sys
import time

import pexpect
import pyte

from tests.cli.conftest import Program, until


def test_demo_opens_with_its_catalog_and_leaves_nothing(program: Program, tmp_path) -> None:
    """The links are there, the user's own home is untouched, the temporary one is gone."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    screen = pyte.Screen(120, 30)
    stream = pyte.ByteStream(screen)
    child = pexpect.spawn(
        sys.executable, ["-m", "tui_downloads", "demo"], cwd=str(program.cwd), dimensions=(30, 120), timeout=5,
        env={**program.environment, "TERM": "xterm-256color", "TMPDIR": str(temporary)},
    )  # fmt: skip
    try:

        def shown() -> bool:
            try:
                stream.feed(child.read_nonblocking(65536, timeout=0.2))
            except pexpect.TIMEOUT:
                pass
            return any("netinst.iso" in line for line in screen.display)

        until(shown, "the catalog on the screen")
        child.kill(signal.SIGTERM)
        end = time.monotonic() + 60
        while child.isalive() and time.monotonic() < end:
            try:
                child.read_nonblocking(65536, timeout=0.2)
            except (pexpect.TIMEOUT, pexpect.EOF):
                pass
        assert not child.isalive()
    finally:
        child.close(force=True)
    assert list(temporary.iterdir()) == [] and not (program.home / "state").exists()
