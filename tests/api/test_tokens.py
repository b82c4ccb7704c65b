"""Tokens at rest."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from tui_downloads.api.tokens import Tokens
from tui_downloads.core.errors import Code, Conflict, NotFound, RequestError
from tui_downloads.core.snapshots import Kind


@pytest.fixture
def tokens(tmp_path: Path):
    return Tokens(tmp_path / "state" / "tokens.json")


def test_a_token_lets_its_user_in(tokens):
    """What create gives is what verify takes."""
    secret = tokens.create("ann", types=("url", "zip"), quota_queued=3)
    caller = tokens.verify(secret).caller()
    assert (caller.name, caller.scope, caller.kinds) == ("ann", "control", {Kind.LINK, Kind.BUNDLE})
    assert (caller.private, caller.quota_queued) == (False, 3)


def test_tokens_are_random_and_long(tokens):
    """256 bits, never the same."""
    secrets = {tokens.create(f"u{n}") for n in range(20)}
    assert len(secrets) == 20
    assert all(len(secret) >= 43 for secret in secrets)


def test_only_hashes_are_kept(tokens):
    """The file does not hold the token."""
    secret = tokens.create("ann")
    assert secret not in tokens.path.read_text()
    assert secret not in repr(tokens.list())


def test_the_file_is_private_whatever_the_umask(tokens):
    """0600, in a folder of 0700."""
    old = os.umask(0)
    try:
        tokens.create("ann")
    finally:
        os.umask(old)
    assert stat.S_IMODE(tokens.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(tokens.path.parent.stat().st_mode) == 0o700


def test_rotation_ends_the_old_one_and_keeps_the_user(tokens):
    """The old token is nobody's, the new one the same user's."""
    old = tokens.create("ann", scope="admin")
    new = tokens.rotate("ann")
    assert tokens.verify(old) is None
    assert (tokens.verify(new).name, tokens.verify(new).scope) == ("ann", "admin")


def test_revocation_ends_it(tokens):
    """A revoked token is nobody's."""
    secret = tokens.create("ann")
    tokens.revoke("ann")
    assert tokens.verify(secret) is None
    with pytest.raises(NotFound):
        tokens.revoke("ann")


def test_an_expired_token_is_nobodys(tmp_path: Path):
    """Time ends a token."""
    now = [100.0]
    tokens = Tokens(tmp_path / "t", now=lambda: now[0])
    secret = tokens.create("ann", expires_at=200.0)
    assert tokens.verify(secret) is not None
    now[0] = 200.0
    assert tokens.verify(secret) is None
    assert tokens.get("ann") is None


def test_another_process_is_noticed(tokens):
    """What the command line changes is true for the running service at once."""
    secret = tokens.create("ann")
    assert tokens.verify(secret)
    Tokens(tokens.path).rotate("ann")
    assert tokens.verify(secret) is None


def test_a_broken_file_lets_nobody_in(tokens):
    """A file that can't be understood is not taken for an empty one."""
    secret = tokens.create("ann")
    tokens.path.write_text("{")
    with pytest.raises(RequestError) as found:
        tokens.verify(secret)
    assert found.value.code is Code.STATE_UNUSABLE


@pytest.mark.parametrize("name", ["", "../x", "a b", "a\nb", "-x", "x" * 65, "ü"])
def test_bad_names_are_refused(tokens, name):
    """A name is one harmless word."""
    with pytest.raises(RequestError):
        tokens.create(name)


@pytest.mark.parametrize(
    "bad", [{"scope": "root"}, {"types": ("torrent",)}, {"folders": ("here",)}, {"secret": "short"}]
)
def test_bad_wishes_are_refused(tokens, bad):
    """Scopes, types and folders are checked before anything is written."""
    with pytest.raises(RequestError):
        tokens.create("ann", **bad)
    assert tokens.list() == []


def test_a_taken_name_is_refused(tokens):
    """A second token does not replace the first."""
    tokens.create("ann")
    with pytest.raises(Conflict):
        tokens.create("ann")


def test_unknown_fields_of_a_newer_version_are_skipped(tokens):
    """A newer file is still read."""
    secret = tokens.create("ann")
    found = json.loads(tokens.path.read_text())
    found["tokens"][0]["colour"] = "red"
    tokens.path.write_text(json.dumps(found))
    assert tokens.verify(secret).name == "ann"
