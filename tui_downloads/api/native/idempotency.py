"""Idempotency-Key: the same request sent twice is done once and answered twice.

Kept in memory for a day, packed, and no more of it than a bound: the answers to thousands of adds are megabytes. A key
that comes back with another body is refused, one whose first request is still running waits for it.
"""

from __future__ import annotations

import asyncio
import hashlib
import zlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable

from msgspec import Struct
from starlette.responses import Response

from tui_downloads.core.errors import Code, RequestError

LONGEST = 255
LARGE = 64 << 10
"""Bytes of an answer whose packing is worth a thread."""
BYTES = 32 << 20
"""Of all answers together, as they are kept; the oldest go first."""


class Packed(Struct, frozen=True):
    """An answer, small."""

    body: bytes
    status: int
    headers: list[tuple[bytes, bytes]]

    @classmethod
    def of(cls, answer: Response) -> Packed:
        return cls(zlib.compress(bytes(answer.body), 1), answer.status_code, list(answer.raw_headers))

    def unpacked(self) -> Response:
        again = Response(zlib.decompress(self.body), self.status)
        again.raw_headers = list(self.headers)
        return again


class Kept(Struct, frozen=True):
    """An answer that may be asked for again."""

    print: bytes
    at: float
    answer: asyncio.Future[Packed]


class Idempotency:
    """The answers of requests that came with a key."""

    def __init__(self, now: Callable[[], float], *, seconds: float, keys: int, most: int = BYTES) -> None:
        self._now = now
        self._seconds = seconds
        self._keys = keys
        self._most = most
        # Answers by user and key, oldest first, and the bytes of all that are there.
        self._kept: OrderedDict[tuple[str, str], Kept] = OrderedDict()
        self._bytes = 0

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
            return (await asyncio.shield(kept.answer)).unpacked()
        future: asyncio.Future[Packed] = asyncio.get_running_loop().create_future()
        first = self._kept[place] = Kept(mark, self._now(), future)
        try:
            answer = await act()
            packed = await asyncio.to_thread(Packed.of, answer) if len(answer.body) > LARGE else Packed.of(answer)
        except BaseException as exc:
            if self._kept.get(place) is first:
                del self._kept[place]
            future.set_exception(RequestError(Code.INTERNAL, "The first request failed; send it again."))
            future.exception()  # looked at, so that nobody is warned when no second request waits
            raise exc
        future.set_result(packed)
        if self._kept.get(place) is first:
            self._bytes += len(packed.body)
            self._forget()
        return answer

    def _forget(self) -> None:
        oldest = self._now() - self._seconds
        while self._kept:
            place, kept = next(iter(self._kept.items()))
            if kept.at > oldest and len(self._kept) < self._keys and self._bytes <= self._most:
                return
            del self._kept[place]
            if kept.answer.done() and kept.answer.exception() is None:
                self._bytes -= len(kept.answer.result().body)
