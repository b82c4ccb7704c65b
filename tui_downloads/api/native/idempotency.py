"""Idempotency-Key: the same request sent twice is done once and answered twice.

Kept in memory for a day; a key that comes back with another body is refused, one whose first request is still running
waits for it.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable

from msgspec import Struct
from starlette.responses import Response

from tui_downloads.core.errors import Code, RequestError

LONGEST = 255


class Kept(Struct, frozen=True):
    """An answer that may be asked for again."""

    print: bytes
    at: float
    answer: asyncio.Future[Response]


class Idempotency:
    """The answers of requests that came with a key."""

    def __init__(self, now: Callable[[], float], *, seconds: float, keys: int) -> None:
        self._now = now
        self._seconds = seconds
        self._keys = keys
        self._kept: OrderedDict[tuple[str, str], Kept] = OrderedDict()

    async def once(self, user: str, key: str | None, body: bytes, act: Callable[[], Awaitable[Response]]) -> Response:
        """Act, or give the answer of the time before. What failed is tried again.

        Raises:
            RequestError: INVALID_OPTION; the key was used with another body, or is no key.
        """
        if key is None:
            return await act()
        if not 0 < len(key) <= LONGEST or not key.isprintable():
            raise RequestError(Code.INVALID_OPTION, f"Idempotency-Key has 1 to {LONGEST} printable characters.")
        self._forget()
        place, mark = (user, key), hashlib.sha256(body).digest()
        kept = self._kept.get(place)
        if kept is not None:
            if kept.print != mark:
                raise RequestError(Code.INVALID_OPTION, "This Idempotency-Key was used with another body.")
            return copy(await asyncio.shield(kept.answer))
        future: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
        self._kept[place] = Kept(mark, self._now(), future)
        try:
            answer = await act()
        except BaseException as exc:
            self._kept.pop(place, None)
            future.set_exception(RequestError(Code.INTERNAL, "The first request failed; send it again."))
            future.exception()  # looked at, so that nobody is warned when no second request waits
            raise exc
        future.set_result(answer)
        return copy(answer)

    def _forget(self) -> None:
        oldest = self._now() - self._seconds
        while self._kept:
            place, kept = next(iter(self._kept.items()))
            if kept.at > oldest and len(self._kept) < self._keys:
                return
            del self._kept[place]


def copy(answer: Response) -> Response:
    """Give an answer again."""
    again = Response(answer.body, answer.status_code)
    again.raw_headers = list(answer.raw_headers)
    return again
