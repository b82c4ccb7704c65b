"""Who is asking: from the door a request came in by and the token it carries, to a session.

No trust comes from an address, from Host or from X-Forwarded-*. The Unix socket is its own proof (only its owner can
open it), a no-auth listener lets in the restricted user `local`, everybody else shows a token in a header. A failed
try costs its peer a point; when the points are gone, each failure is answered late and with Retry-After until time
gives some back, and as a peer has only so many connections, that bounds its guesses. It stays a 401: waiting makes no
wrong token right. A right token is never held up for its peer's failures, so nobody can be locked out.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import json
import logging
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping

from msgspec import Struct

from tui_downloads.core.secrecy import Guarded
from tui_downloads.engine.caller import ADMIN, CONTROL, Caller

from .settings import ApiSettings
from .tokens import Token, Tokens

log = logging.getLogger(__name__)
audit_log = logging.getLogger("tui_downloads.audit")

_PEERS = 4096
_TICKETS = 10_000

EXEMPT: dict[str, str] = {
    "health": "/healthz says only that the service is alive",
    "preflight": "a CORS preflight carries no credentials",
    "signed-link": "the signature, bound to user, id and expiry, is the credential",
    "alfresco-login": "it is where a token is exchanged for a ticket",
    "aria2": "aria2's token travels in the parameters; system.listMethods and system.listNotifications need none",
}
"""Every reason for which an endpoint may be reached without a token in a header; a test walks the routes against it."""

DOORS: dict[str, str] = {
    "socket": "the Unix socket, which only its owner can open",
    "no-auth": "a loopback listener opened with no-auth; user local, scope control, download root, public addresses",
}
"""Every door that needs no token."""


class Door(Struct, frozen=True):
    """Where a request came in."""

    kind: str = "tcp"
    """socket, tcp or no-auth."""
    dialect: str = ""
    """The one strict dialect at this listener's root; empty for the combined root."""
    host: str = ""
    """The address the listener is bound to."""
    port: int = 0


class Session(Guarded, frozen=True):
    """A caller who has been let in."""

    hidden = frozenset({"generation"})

    caller: Caller
    via: str
    """socket, no-auth, token, ticket or link."""
    peer: str = ""
    generation: str = ""
    """Changes when the token is rotated."""

    @property
    def user(self) -> str:
        return self.caller.name


class Refused(Struct, frozen=True):
    """Nobody was let in."""

    detail: str
    retry_after: int = 0
    """Seconds to wait when the peer failed too often, else 0."""
    delay: float = 0.0
    """Seconds the answer is to be held back."""


class Auth:
    """Lets callers in."""

    def __init__(
        self,
        tokens: Tokens,
        settings: ApiSettings | None = None,
        *,
        folder: str = "",
        now: Callable[[], float] = time.time,
    ) -> None:
        self.tokens = tokens
        self.settings = settings or ApiSettings()
        self._folder = folder
        self._now = now
        # Points of peers that failed lately, as (points, time), and tickets with user, generation and end.
        self._peers: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._tickets: OrderedDict[str, tuple[str, str, float]] = OrderedDict()

    def local(self, door: Door, peer: str = "") -> Session | None:
        """Give the session of a door that needs no token."""
        if door.kind == "socket":
            return Session(Caller("local", ADMIN), "socket", "socket")
        if door.kind == "no-auth":
            folders = (self._folder,) if self._folder else ()
            caller = Caller("local", CONTROL, folders=folders, private=False, may_choose_proxy=False)
            return Session(caller, "no-auth", peer)
        return None

    def check(self, door: Door, headers: Mapping[str, str], peer: str, *, basic: bool = False) -> Session | Refused:
        """Let a request in by its door or by its `Authorization` header.

        `basic` accepts `Basic <token>` and `Basic base64(user:token)` too, as Bridge and Alfresco clients send it.
        """
        session = self.local(door, peer)
        if session is not None:
            return session
        secret, ticket = credential(headers.get("authorization", ""), basic=basic)
        if ticket:
            session = self.by_ticket(ticket, peer)
            return session or self.failed(peer, "The ticket is not valid.")
        if not secret:
            return Refused("A token is needed: send the header Authorization: Bearer TOKEN.")
        return self.by_secret(secret, peer) or self.failed(peer, "The token is not valid.")

    def by_secret(self, secret: str, peer: str = "") -> Session | None:
        """Give the session of a token, wherever it was carried (aria2 has it in the parameters)."""
        token = self.tokens.verify(secret)
        return self._session(token, "token", peer) if token else None

    def by_user(self, user: str, via: str = "link", peer: str = "") -> Session | None:
        """Give the session of a user that a signed link or ticket speaks for; None for a user that is gone."""
        token = self.tokens.get(user)
        if token is not None:
            return self._session(token, via, peer)
        if user == "local":
            # Its door is the proof, and only that door hands out its links; they reach no further than reading.
            return Session(Caller("local", CONTROL, private=False, may_choose_proxy=False), via, peer)
        return None

    def _session(self, token: Token, via: str, peer: str) -> Session:
        return Session(token.caller(), via, peer, token.digest[:16])

    def alive(self, session: Session) -> bool:
        """Say whether a session may go on; rotation and revocation end it."""
        if session.via in DOORS:
            return True
        return self.generation(session.user) == session.generation

    def generation(self, user: str) -> str | None:
        """Give what changes with a user's token; None for a user that is gone."""
        token = self.tokens.get(user)
        if token is not None:
            return token.digest[:16]
        return "" if user == "local" else None

    # -- tickets

    def ticket(self, session: Session) -> str:
        """Make a short-lived ticket that stands for a session."""
        text = "TICKET_" + secrets.token_hex(20)
        self._tickets[text] = (session.user, session.generation, self._now() + self.settings.ticket_seconds)
        while len(self._tickets) > _TICKETS:
            self._tickets.popitem(last=False)
        return text

    def by_ticket(self, ticket: str, peer: str = "") -> Session | None:
        """Give the session of a ticket."""
        # A dictionary finds it by hash, not by comparing letter by letter, and it has 160 random bits.
        user, generation, end = self._tickets.get(ticket, ("", "", 0.0))
        if not user:
            return None
        if end <= self._now() or self.generation(user) != generation:
            del self._tickets[ticket]
            return None
        return self.by_user(user, "ticket", peer)

    def end_ticket(self, ticket: str) -> None:
        """Forget a ticket."""
        self._tickets.pop(ticket, None)

    # -- failures

    def failed(self, peer: str, detail: str) -> Refused:
        """Count a failed try of a peer and give the answer."""
        key, now, settings = network_of(peer), self._now(), self.settings
        points, at = self._peers.pop(key, (float(settings.failures), now))
        points = min(float(settings.failures), points + max(0.0, now - at) / settings.failure_refill)
        self._peers[key] = (max(0.0, points - 1.0), now)
        while len(self._peers) > _PEERS:
            self._peers.popitem(last=False)
        audit("auth.failed", "", peer, limited=points < 1.0)
        if points < 1.0:
            wait = max(1, round((1.0 - points) * settings.failure_refill))
            return Refused("Too many failed tries; wait a little.", wait, settings.failure_delay)
        return Refused(detail)


def credential(authorization: str, *, basic: bool = False) -> tuple[str, str]:
    """Give (token, ticket) of an Authorization header; both empty when it has none we know."""
    scheme, _, value = authorization.strip().partition(" ")
    value = value.strip()
    if scheme.lower() == "bearer":
        return (value, "")
    if scheme.lower() != "basic" or not basic:
        return ("", "")
    try:
        decoded = base64.b64decode(value, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return (value, "")
    user, colon, password = decoded.partition(":")
    if not colon:
        # Bridge sends the token as it is; Alfresco's ticket alone, in base64.
        return ("", decoded) if decoded.startswith("TICKET_") else (value, "")
    if user == "ROLE_TICKET":
        return ("", password)
    return (password, "")


def network_of(peer: str) -> str:
    """Give what is counted as one peer: an IPv4 address or an IPv6 /64."""
    try:
        address = ipaddress.ip_address(peer.partition("%")[0])
    except ValueError:
        return peer
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)


def audit(action: str, user: str, peer: str, **facts: object) -> None:
    """Write who asked for what; one JSON object a line, so nothing in it can forge a line."""
    if audit_log.isEnabledFor(logging.INFO):
        entry = {"at": round(time.time(), 3), "action": action, "user": user, "peer": peer, **facts}
        audit_log.info("%s", json.dumps(entry, ensure_ascii=True, default=str))
