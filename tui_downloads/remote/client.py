"""Requests to a service: JSON out, JSON in, and every failure as one of our errors with one clear sentence."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import httpx

from tui_downloads import __version__, wire
from tui_downloads.core.errors import Code, Forbidden, RequestError, TuiDownloadsError

from .address import Address, tls_context

LARGEST = 256 * 1024 * 1024
"""Bytes of an answer that are taken; a service that sends more is not ours."""
TIMEOUT = httpx.Timeout(60.0, connect=10.0)
Params = Sequence[tuple[str, str]]


def out_of_reach(address: Address, why: str = "") -> RequestError:
    """Say that nobody answers."""
    return RequestError(Code.NO_SERVICE, f"No service answers at {address.label}{': ' + why if why else ''}.")


class Client:
    """A connection to one service, to be used on one loop."""

    def __init__(self, address: Address, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self.address = address
        self._given = transport
        self._http: httpx.AsyncClient | None = None

    async def open(self) -> httpx.AsyncClient:
        """Make the HTTP client when it is first needed.

        Raises:
            RequestError: NO_SERVICE, or UNAUTHORIZED for a wrong certificate.
        """
        if self._http is None:
            headers = {"user-agent": f"tui-downloads/{__version__}"}
            if self.address.token:
                headers["authorization"] = f"Bearer {self.address.token}"
            transport = self._given or await self._transport()
            self._http = httpx.AsyncClient(
                base_url=self.address.url, transport=transport, headers=headers, timeout=TIMEOUT, trust_env=False
            )
        return self._http

    async def _transport(self) -> httpx.AsyncBaseTransport:
        limits = httpx.Limits(max_connections=32, max_keepalive_connections=8, keepalive_expiry=20.0)
        if self.address.socket:
            return httpx.AsyncHTTPTransport(uds=self.address.socket, limits=limits)
        if not self.address.url.startswith("https:"):
            return httpx.AsyncHTTPTransport(limits=limits, verify=False)  # noqa: S501 - plain http has nothing to verify
        try:
            context = await asyncio.to_thread(tls_context, self.address)
        except OSError as exc:
            raise out_of_reach(self.address, exc.strerror or "") from exc
        return httpx.AsyncHTTPTransport(limits=limits, verify=context)

    async def close(self) -> None:
        """Close every connection."""
        if self._http is not None:
            await self._http.aclose()
            self._http = None

    async def ask(
        self,
        method: str,
        path: str,
        *,
        params: Params = (),
        body: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """Send a request and give the JSON of its answer.

        Raises:
            TuiDownloadsError: what the service said, NO_SERVICE or UNAUTHORIZED.
        """
        sent = dict(headers or {})
        content = None
        if body is not None:
            content, sent["content-type"] = wire.to_bytes(body), "application/json"
        async with self.stream(method, path, params=params, content=content, headers=sent) as answer:
            return _json(await _read(answer))

    @asynccontextmanager
    async def stream(
        self,
        method: str,
        path: str,
        *,
        params: Params = (),
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: httpx.Timeout | None = None,
    ) -> AsyncIterator[httpx.Response]:
        """Send a request and give its answer once its head is there and it is a success.

        Raises:
            TuiDownloadsError: as `ask`, also while the body is read.
        """
        http = await self.open()
        try:
            async with http.stream(
                method, path, params=list(params), content=content, headers=headers, timeout=timeout or TIMEOUT
            ) as answer:
                if answer.status_code >= 400:
                    raise refusal(answer, await _read(answer))
                yield answer
        except httpx.HTTPError as exc:
            raise translate(exc, self.address) from exc
        except ssl.SSLError as exc:
            raise RequestError(Code.UNAUTHORIZED, "The server's certificate can't be trusted.") from exc


def translate(exc: httpx.HTTPError, address: Address) -> RequestError:
    """Turn what httpx raises into our errors."""
    cause = exc.__cause__ or exc.__context__
    if isinstance(exc, httpx.TimeoutException):
        return out_of_reach(address, "it took too long")
    if isinstance(exc, httpx.ConnectError):
        if "CERTIFICATE_VERIFY_FAILED" in str(exc):
            return RequestError(
                Code.UNAUTHORIZED,
                "The server's certificate can't be trusted.",
                next_step="Save its SHA-256 as the remote's certificate pin.",
            )
        return out_of_reach(address)
    return out_of_reach(address, "the connection broke off" if cause or str(exc) else "")


def refusal(answer: httpx.Response, body: bytes) -> TuiDownloadsError:
    """Turn a refusal of the service into our error."""
    found = _json(body, lenient=True)
    if isinstance(found, Mapping) and "code" in found:
        error = wire.load_error(found)
        if error.code is Code.UNAUTHORIZED:
            return RequestError(Code.UNAUTHORIZED, error.message, next_step="Give the token with --token-file.")
        return error
    if answer.status_code in (401, 407):
        return RequestError(Code.UNAUTHORIZED, "The token is not valid.")
    if answer.status_code == 403:
        return Forbidden("The service refuses this.")
    return RequestError(
        Code.NO_SERVICE, f"What answers there is no tui-downloads service (HTTP status {answer.status_code})."
    )


async def _read(answer: httpx.Response) -> bytes:
    parts, size = [], 0
    async for part in answer.aiter_bytes():
        size += len(part)
        if size > LARGEST:
            raise RequestError(Code.NO_SERVICE, "The service's answer is too large.")
        parts.append(part)
    return b"".join(parts)


def _json(body: bytes, *, lenient: bool = False) -> Any:
    try:
        return wire.parse(body)
    except RequestError:
        if lenient:
            return None
        raise RequestError(Code.NO_SERVICE, "What answers there is no tui-downloads service.") from None
