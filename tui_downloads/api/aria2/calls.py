"""Calls of aria2's methods: who asks, which method, batches and multicalls."""

from __future__ import annotations

import asyncio
import hmac
import secrets
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from tui_downloads.core.errors import TuiDownloadsError
from tui_downloads.engine.caller import ADMIN, Caller
from tui_downloads.engine.owned import OwnedEngine

from ..auth import Session
from ..dialect import Context
from . import protocol
from .protocol import MOST_CALLS, Params, RpcError

EXEMPT = frozenset({"system.multicall", "system.listMethods", "system.listNotifications"})
"""Methods that need no token; the calls inside a multicall carry their own."""
NOTIFICATIONS = (
    "aria2.onDownloadStart", "aria2.onDownloadPause", "aria2.onDownloadStop", "aria2.onDownloadComplete",
    "aria2.onDownloadError",
)  # fmt: skip


class Desk(Struct):
    """What all calls share."""

    context: Context
    session_file: Path | None = None
    """Where saveSession writes; None where the operator gave no file."""
    stop: Callable[[bool], None] | None = None
    """Ends the service; its argument says whether at once."""
    drop_in: bool = False
    """The listener stands for a whole aria2: whom its no-auth door lets in may change limits and end it."""
    session_id: str = field(default_factory=lambda: secrets.token_hex(20))
    defaults: dict[str, dict[str, list[str]]] = field(default_factory=dict)
    """Options for new downloads that users chose by changeGlobalOption."""
    given: Mapping[str, list[str]] = field(default_factory=dict)
    """Options for everybody's new downloads, from the command line."""

    def chosen(self, user: str) -> dict[str, list[str]]:
        """Give the options that hold for a user's new downloads."""
        return {**self.given, **self.defaults.get(user, {})}


class Sender(Struct):
    """Who sent a request, as far as its header and door tell."""

    session: Session | None
    peer: str
    failed: bool = False
    """A wrong token was counted already: one request costs one try."""
    limited: bool = False


class Turn(Struct, frozen=True):
    """One call that is let in."""

    desk: Desk
    session: Session
    engine: OwnedEngine

    @property
    def user(self) -> str:
        return self.session.user


Method = Callable[[Turn, Params], Awaitable[Any]]


class Calls:
    """Runs requests."""

    def __init__(self, desk: Desk, methods: dict[str, Method]) -> None:
        self.desk = desk
        self.methods = methods

    async def run(self, found: Any, sender: Sender) -> tuple[Any, int]:
        """Answer a parsed request, one call or a batch, and give its HTTP status; guessers of tokens wait for it."""
        answer = await self._run(found, sender)
        if sender.limited:
            await asyncio.sleep(self.desk.context.settings.failure_delay)
        return answer

    async def _run(self, found: Any, sender: Sender) -> tuple[Any, int]:
        if isinstance(found, dict):
            return await self._single(found, sender)
        if len(found) > MOST_CALLS:
            error = RpcError(f"At most {MOST_CALLS} calls at once.", protocol.INVALID_REQUEST)
            return protocol.failure(None, error), error.status
        return [(await self._single(one, sender))[0] for one in found if isinstance(one, dict)], 200

    async def _single(self, found: dict[str, Any], sender: Sender) -> tuple[dict[str, Any], int]:
        id = found.get("id")
        try:
            call = protocol.call_of(found)
            return protocol.success(call.id, await self.call(call.method, call.params, sender)), 200
        except RpcError as error:
            return protocol.failure(id, error), error.status

    async def call(self, method: str, params: list[Any], sender: Sender) -> Any:
        """Run one method.

        Raises:
            RpcError: the caller is not let in, or the method failed.
        """
        if method == "system.multicall":
            return await self._multicall(Params(_without_token(params)), sender)
        if method == "system.listMethods":
            return [*self.methods, *sorted(EXEMPT)]
        if method == "system.listNotifications":
            return list(NOTIFICATIONS)
        session = self.let_in(params, sender)
        run = self.methods.get(method)
        if run is None:
            raise RpcError(f"No such method: {method[:100]}")
        turn = Turn(self.desk, session, self.desk.context.engine_for(session))
        try:
            return await run(turn, Params(_without_token(params)))
        except TuiDownloadsError as error:
            raise protocol.of_error(error) from error

    async def _multicall(self, params: Params, sender: Sender) -> list[Any]:
        calls = params.items(0)
        if len(calls) > MOST_CALLS:
            raise RpcError(f"At most {MOST_CALLS} calls at once.")
        out: list[Any] = []
        for one in calls:
            try:
                out.append([await self._inner(one, sender)])
            except RpcError as error:
                out.append(error.body())
        return out

    async def _inner(self, one: Any, sender: Sender) -> Any:
        if not isinstance(one, dict):
            raise RpcError("system.multicall expected struct.")
        method, params = one.get("methodName"), one.get("params", [])
        if not isinstance(method, str):
            raise RpcError("Missing methodName.")
        if method == "system.multicall":
            raise RpcError("Recursive system.multicall forbidden.")
        return await self.call(method, params if isinstance(params, list) else [], sender)

    def let_in(self, params: list[Any], sender: Sender) -> Session:
        """Give the session of a call, by its token or by the door its request came in by.

        Raises:
            RpcError: `Unauthorized`, exactly; clients stop asking on it.
        """
        secret = _token(params)
        found = self._by_secret(secret, sender.peer) if secret else None
        if found is None:
            found = sender.session
        if found is None:
            if secret and not sender.failed:
                sender.failed = True
                sender.limited = self.desk.context.auth.failed(sender.peer, "").retry_after > 0
            raise RpcError("Unauthorized", status=429 if sender.limited else 400)
        if self.desk.drop_in and found.via == "no-auth":
            return replace(found, caller=Caller("local", ADMIN))
        return found

    def known(self, params: list[Any], sender: Sender) -> Session | None:
        """Give the session a call's token belongs to, without counting a wrong one."""
        secret = _token(params)
        found = self._by_secret(secret, sender.peer) if secret else None
        return found or sender.session

    def _by_secret(self, secret: str, peer: str) -> Session | None:
        context = self.desk.context
        ours = context.settings.aria2_secret
        # Both are always compared, so that the time tells nothing about which one was near.
        same = bool(ours) and hmac.compare_digest(ours.encode(), secret.encode("utf-8", "surrogatepass"))
        session = context.auth.by_secret(secret, peer)
        if session is None and same:
            return Session(Caller("local", ADMIN), "token", peer, context.auth.generation("local") or "")
        return session


def _token(params: list[Any]) -> str:
    if params and isinstance(params[0], str) and params[0].startswith("token:"):
        return params[0].removeprefix("token:")
    return ""


def _without_token(params: list[Any]) -> list[Any]:
    return params[1:] if params and isinstance(params[0], str) and params[0].startswith("token:") else params
