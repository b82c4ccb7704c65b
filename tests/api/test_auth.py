"""Who is let in, and how failures are limited."""

from __future__ import annotations

import base64
import json
import logging
from pathlib import Path

import pytest

from tui_downloads.api.auth import Auth, Door, Refused, audit, credential
from tui_downloads.api.links import LinkSigner, signing_key
from tui_downloads.api.settings import ApiSettings
from tui_downloads.api.tokens import Tokens


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def auth(tmp_path: Path, clock):
    return Auth(Tokens(tmp_path / "t"), ApiSettings(failures=3, failure_refill=10.0), folder="/dl", now=clock)


def bearer(secret):
    return {"authorization": f"Bearer {secret}"}


def test_the_socket_is_its_own_proof(auth):
    """The Unix socket needs no token and may do everything."""
    session = auth.check(Door("socket"), {}, "")
    assert (session.user, session.caller.unrestricted) == ("local", True)


def test_no_auth_is_the_restricted_local_user(auth):
    """No token: user local, scope control, the download root only, no private addresses."""
    caller = auth.check(Door("no-auth"), {}, "127.0.0.1").caller
    assert (caller.name, caller.scope, caller.folders, caller.private) == ("local", "control", ("/dl",), False)
    assert not caller.may_choose_proxy


def test_loopback_is_no_credential(auth):
    """Coming from this machine lets nobody in (S29)."""
    assert auth.check(Door(), {"x-forwarded-for": "127.0.0.1"}, "127.0.0.1").retry_after == 0


def test_failures_are_limited_for_one_peer(auth):
    """After some failures a peer is told to wait and made to, others are not."""
    answers = [auth.check(Door(), bearer("wrong" * 5), "192.0.2.1") for _ in range(5)]
    assert [answer.retry_after > 0 for answer in answers] == [False, False, False, True, True]
    assert [answer.delay > 0 for answer in answers] == [False, False, False, True, True]
    assert auth.check(Door(), bearer("wrong" * 5), "192.0.2.2").retry_after == 0


def test_a_right_token_is_never_locked_out(auth):
    """Failures of others behind the same address do no harm."""
    secret = auth.tokens.create("ann")
    for _ in range(10):
        auth.check(Door(), bearer("wrong" * 5), "192.0.2.1")
    assert auth.check(Door(), bearer(secret), "192.0.2.1").user == "ann"


def test_time_gives_tries_back(auth, clock):
    """The limit is a bucket, not a ban."""
    for _ in range(5):
        auth.check(Door(), bearer("wrong" * 5), "192.0.2.1")
    clock.now += 10.0
    assert auth.check(Door(), bearer("wrong" * 5), "192.0.2.1").retry_after == 0


def test_an_ipv6_network_is_one_peer(auth):
    """Whoever has a /64 has not 2^64 tries."""
    answers = [auth.check(Door(), bearer("wrong" * 5), f"2001:db8::{n:x}").retry_after for n in range(5)]
    assert answers[-1] > 0


def test_peers_are_forgotten(auth):
    """The memory of failures is bounded."""
    for n in range(6000):
        auth.failed(f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}", "x")
    assert len(auth._peers) <= 4096


def test_rotation_ends_sessions_tickets_and_links(auth, clock):
    """Everything that stood on the old token is over."""
    secret = auth.tokens.create("ann")
    session = auth.check(Door(), bearer(secret), "")
    ticket = auth.ticket(session)
    signer = LinkSigner(b"k" * 32, clock, auth.generation)
    link = signer.sign("ann", "id")
    query = dict(part.split("=") for part in link.partition("?")[2].split("&"))
    assert auth.alive(session)
    assert auth.by_ticket(ticket).user == "ann"
    assert signer.verify("id", "1", query).user == "ann"
    auth.tokens.rotate("ann")
    assert not auth.alive(session)
    assert auth.by_ticket(ticket) is None
    assert signer.verify("id", "1", query) is None


def test_tickets_end(auth, clock):
    """A ticket is short-lived and can be ended."""
    session = auth.check(Door(), bearer(auth.tokens.create("ann")), "")
    first, second = auth.ticket(session), auth.ticket(session)
    auth.end_ticket(first)
    assert auth.by_ticket(first) is None
    clock.now += 3601
    assert auth.by_ticket(second) is None


@pytest.mark.parametrize("change", ["user", "id", "file", "expires", "signature"])
def test_a_signed_link_is_bound_to_all_its_parts(auth, clock, change):
    """Changing any part breaks it."""
    for user in ("ann", "bob"):
        auth.tokens.create(user)
    signer = LinkSigner(b"k" * 32, clock, auth.generation)
    link = signer.sign("ann", "id", "1")
    query = dict(part.split("=") for part in link.partition("?")[2].split("&"))
    place = {"id": "id", "file": "1"}
    if change in place:
        place[change] = "2"
    else:
        query[change] = {"user": "bob", "expires": str(int(query["expires"]) + 1), "signature": "0" * 64}[change]
    assert signer.verify(place["id"], place["file"], query) is None


def test_a_signed_link_ends(auth, clock):
    """Its time runs out."""
    auth.tokens.create("ann")
    signer = LinkSigner(b"k" * 32, clock, auth.generation, 60.0)
    query = dict(part.split("=") for part in signer.sign("ann", "id").partition("?")[2].split("&"))
    clock.now += 61
    assert signer.verify("id", "1", query) is None


def test_the_signing_key_stays(tmp_path: Path):
    """Links outlive a restart; the key is private."""
    path = tmp_path / "links.key"
    assert signing_key(path) == signing_key(path)
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("header", "basic", "found"),
    [
        ("Bearer abc", False, ("abc", "")),
        ("bearer  abc ", False, ("abc", "")),
        ("Basic abc", False, ("", "")),
        ("Basic td_token-x", True, ("td_token-x", "")),
        ("Basic " + base64.b64encode(b"ann:abc").decode(), True, ("abc", "")),
        ("Basic " + base64.b64encode(b"ROLE_TICKET:TICKET_1").decode(), True, ("", "TICKET_1")),
        ("Basic " + base64.b64encode(b"TICKET_1").decode(), True, ("", "TICKET_1")),
        ("Digest x", True, ("", "")),
        ("", True, ("", "")),
    ],
)
def test_tokens_are_found_in_headers(header, basic, found):
    """Bearer everywhere, Basic where a dialect says so."""
    assert credential(header, basic=basic) == found


def test_the_audit_log_is_one_line_whatever_is_in_it(caplog):
    """Nothing that was sent can forge a line."""
    with caplog.at_level(logging.INFO, "tui_downloads.audit"):
        audit("add", "ann\nforged", "192.0.2.1", path="/\x1b[2J\u202e")
    line = caplog.messages[0]
    assert line.isprintable()
    assert json.loads(line)["user"] == "ann\nforged"


def test_secrets_are_in_no_repr(auth):
    """Sessions and tokens can be logged."""
    secret = auth.tokens.create("ann")
    session = auth.check(Door(), bearer(secret), "")
    digest = auth.tokens.list()[0].digest
    assert digest[:16] not in repr(session) + repr(auth.tokens.list())
    assert isinstance(auth.check(Door(), {}, ""), Refused)
