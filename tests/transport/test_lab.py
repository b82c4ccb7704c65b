"""Restricted callers in a network of its own: public and private addresses that are real, and nothing patched."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

import pytest

from tests.transport.lab import PRIVATE, PUBLIC

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux") or os.geteuid() != 0 or not shutil.which("unshare") or not shutil.which("ip"),
    reason="only root makes a network of its own",
)


@pytest.fixture(scope="module")
def seen() -> dict[str, dict[str, object]]:
    """Give what came of every case of the lab."""
    command = ["unshare", "-n", "-m", sys.executable, "-m", "tests.transport.lab"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    if done.returncode and ("unshare" in done.stderr or "mount" in done.stderr):
        pytest.skip("this machine allows no namespaces: " + done.stderr.strip()[-200:])
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_lab_is_one(seen):
    """Its public address is open to a restricted caller, and its private ones to everybody else."""
    assert seen["public"] == {"outcome": PUBLIC, "private": 0}
    assert seen["name"] == {"outcome": PUBLIC, "private": 0}
    assert seen["open"] == {"outcome": PRIVATE[0], "private": 1}


@pytest.mark.parametrize("target", [*PRIVATE, "inside.example", "2130706433", "[::ffff:10.9.8.7]"])
def test_a_redirect_leads_to_no_private_address(seen, target):
    """However it is written, the metadata service of a cloud included; nothing is connected to (S24, S25)."""
    assert seen[f"redirect {target}"] == {"outcome": "ADDRESS_BLOCKED", "private": 0}


def test_a_name_with_two_addresses_is_reached_at_the_public_one(seen):
    """The private address stands first, and is passed over."""
    assert seen["both"]["private"] == 0 and seen["both"]["outcome"] in (PUBLIC, "ADDRESS_BLOCKED")


@pytest.mark.parametrize("case", ["rebound", "rebound later", "rebound by a redirect"])
def test_a_name_that_changes_its_meaning_opens_nothing(seen, case):
    """Rebinding: the address that is connected to is the one that was checked."""
    assert seen[case]["private"] == 0 and seen[case]["outcome"] in (PUBLIC, "ADDRESS_BLOCKED")
    assert seen["rebound later"]["outcome"] == "ADDRESS_BLOCKED"


@pytest.mark.parametrize("case", ["ftp pasv", "ftp epsv"])
def test_an_ftp_server_sends_nobody_elsewhere(seen, case):
    """The place of a file that it names is not believed: its bytes come from the server itself, or not at all."""
    assert seen[case]["private"] == 0 and seen[case]["outcome"] in (PUBLIC, "PROTOCOL_ERROR")


def test_an_ftp_server_behind_another_address_still_serves(seen):
    """A server that names an address nobody can use is reached at its own."""
    assert seen["ftp pasv"]["outcome"] == PUBLIC
