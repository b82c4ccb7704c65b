"""Words about host keys."""

from __future__ import annotations

import base64

import pycurl
import pytest

from tui_downloads.core.errors import Code
from tui_downloads.transport.hostkeys import HostKeys, fingerprint

RAW = b"\0\0\0\x0bssh-ed25519" + bytes(36)


class Found:
    def __init__(self, key: bytes | str) -> None:
        self.key = key
        self.keytype = pycurl.KHTYPE_ED25519


def test_a_known_key_passes():
    """Nothing is refused, and nothing is to tell."""
    keys = HostKeys("/k")
    assert keys._on_key(None, Found(RAW), pycurl.KHMATCH_OK) == pycurl.KHSTAT_FINE
    assert keys.error("h", 22) is None


@pytest.mark.parametrize("key", [RAW, base64.b64encode(RAW), base64.b64encode(RAW).decode()])
def test_an_unknown_key_is_told_with_its_fingerprint(key):
    """The error has the fingerprint, and the command that accepts the key; it is told once."""
    keys = HostKeys("/home/my keys")
    assert keys._on_key(None, Found(key), pycurl.KHMATCH_MISSING) == pycurl.KHSTAT_REJECT
    error = keys.error("h.example", 2222)
    assert error.code is Code.HOST_KEY_UNKNOWN
    assert fingerprint(RAW) in error.message
    assert "ssh-keyscan -p 2222 -t ed25519 h.example >> '/home/my keys'" in error.next_step
    assert keys.error("h.example", 2222) is None


def test_a_changed_key_is_a_warning():
    """Another key than the known one says so."""
    keys = HostKeys("/k")
    keys._on_key(None, Found(RAW), pycurl.KHMATCH_MISMATCH)
    error = keys.error("h", 22)
    assert "not the known one" in error.message
    assert "ssh-keygen -R h" in error.next_step
