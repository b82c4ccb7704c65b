"""Routes of finished files: the bytes, with ranges and conditions, signed links to them, and zips of several."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections import OrderedDict
from collections.abc import Iterator
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request
from fastapi import Query as Param
from starlette.responses import StreamingResponse

from tui_downloads.core.errors import Forbidden
from tui_downloads.core.names import content_disposition
from tui_downloads.engine.contents import default_name, members_of, of_detail
from tui_downloads.engine.zipping import zip_stream

from ..auth import Session
from ..dialect import Context, session_of
from ..serve_file import FileAnswer, OpenFile, find, open_download
from .describe import gives, needs
from .downloads import Id, answer
from .queries import IdWord, only_known

Number = Annotated[str, Path(pattern=r"^[0-9]{1,9}$", description="The file's number, from 1.")]
LINK = {
    "type": "object",
    "required": ["url", "expires_at"],
    "properties": {"url": {"type": "string"}, "expires_at": {"type": "number"}},
}
DIGEST = {
    "type": "object",
    "required": ["sha256", "etag", "size"],
    "properties": {"sha256": {"type": "string"}, "etag": {"type": "string"}, "size": {"type": "integer"}},
}
BYTES = gives({"type": "string", "format": "binary"}, kind="*/*")
BYTES[206] = BYTES[200]
BYTES[304] = {"description": "Not changed"}


MOST_BUNDLED = 100
"""Downloads of one zip that is made while it is sent."""
REMEMBERED = 1024
"""Digests that are not computed again while their file is the same."""


def digest(opened: OpenFile) -> str:
    """Compute the SHA-256 of an open file, and close it."""
    found, at = hashlib.sha256(), 0
    try:
        while chunk := os.pread(opened.fd, 1 << 20, at):
            found.update(chunk)
            at += len(chunk)
    finally:
        opened.close()
    return found.hexdigest()


class Digests:
    """SHA-256 of files: each is computed once for all who ask while it is the same, two at a time."""

    # Mutable state: the work for each version of a file, done or not, the newest last.
    def __init__(self) -> None:
        # Hashing costs a core; callers wait for one another and not for the disk of all of them.
        self._turn = asyncio.Semaphore(2)
        self._known: OrderedDict[str, asyncio.Task[str]] = OrderedDict()

    async def of(self, opened: OpenFile) -> str:
        """Give the digest of an open file, and close it."""
        work = self._known.get(opened.version)
        if work is None or (work.done() and (work.cancelled() or work.exception() is not None)):
            work = self._known[opened.version] = asyncio.create_task(self._compute(opened))
            while len(self._known) > REMEMBERED:
                self._known.popitem(last=False)
        else:
            opened.close()
        # Shielded: others may wait for it, and the thread closes the file also for a client who has left.
        return await asyncio.shield(work)

    async def _compute(self, opened: OpenFile) -> str:
        async with self._turn:
            return await asyncio.to_thread(digest, opened)


def router(context: Context) -> APIRouter:
    """Make the routes."""
    routes = APIRouter(tags=["files"], dependencies=[Depends(only_known)])
    _files(routes, context)
    _digests(routes, context)
    _links(routes, context)
    _bundles(routes, context)
    return routes


async def serve(context: Context, session: Session, id: str, file: str) -> FileAnswer:
    """Answer with a file of a download that a session may see."""
    opened = await open_download(await context.engine_for(session).get(id), file)
    return FileAnswer(opened, alive=lambda: context.auth.alive(session), max_ranges=context.settings.max_ranges)


def _files(routes: APIRouter, context: Context) -> None:
    @routes.get("/v1/downloads/{id}/file", responses=BYTES, response_model=None, summary="Fetch the finished file")
    async def get_file(request: Request, id: Id) -> FileAnswer:
        return await serve(context, session_of(request), id, "")

    @routes.get(
        "/v1/downloads/{id}/files/{file}", responses=BYTES, response_model=None, summary="Fetch one of the files"
    )
    async def get_one_file(request: Request, id: Id, file: Number) -> FileAnswer:
        return await serve(context, session_of(request), id, file)


def _bundles(routes: APIRouter, context: Context) -> None:
    @routes.get(
        "/v1/bundle",
        responses=gives({"type": "string", "format": "binary"}, kind="application/zip"),
        response_model=None,
        summary="Fetch finished downloads as one zip, which is made while it is sent and kept nowhere",
    )
    async def get_bundle(
        request: Request, id: Annotated[list[IdWord], Param(min_length=1, max_length=MOST_BUNDLED)],
        compress: bool = False,
    ) -> StreamingResponse:  # fmt: skip
        session = session_of(request)
        engine = context.engine_for(session)
        wanted = [of_detail(await engine.get(one)) for one in dict.fromkeys(id)]
        contents = await asyncio.to_thread(members_of, wanted)

        def blocks() -> Iterator[bytes]:
            for block in zip_stream(contents.members, compress=compress):
                if not context.auth.alive(session):
                    raise Forbidden("The session has ended.")
                yield block

        name = content_disposition(default_name(contents), "attachment")
        fields = {"content-disposition": name, "cache-control": "private, no-store"}
        return StreamingResponse(blocks(), media_type="application/zip", headers=fields)


def _digests(routes: APIRouter, context: Context) -> None:
    digests = Digests()

    @routes.get(
        "/v1/downloads/{id}/files/{file}/digest",
        responses=gives(DIGEST),
        summary="Compute the SHA-256 of a finished file, for who has fetched it",
    )
    async def get_digest(request: Request, id: Id, file: Number) -> object:
        detail = await context.engine_for(session_of(request)).get(id)
        opened = await open_download(detail, file)
        facts = {"etag": opened.etag, "size": opened.size}
        return answer({"sha256": await digests.of(opened), **facts})


def _links(routes: APIRouter, context: Context) -> None:
    @routes.post(
        "/v1/downloads/{id}/link",
        responses=gives(LINK),
        openapi_extra=needs("read"),
        summary="Make a signed link to a finished file, good for a short time and without a token",
    )
    async def make_link(request: Request, id: Id, file: Annotated[str, Param(pattern=r"^[0-9]{1,9}$")] = "1") -> object:
        session = session_of(request)
        detail = await context.engine_for(session).get(id)
        find(detail, file)
        seconds = context.settings.link_seconds
        url = context.sign(session, detail.download, file)
        return answer({"url": url, "expires_at": context.now() + seconds})

    @routes.get(
        "/v1/signed/{id}/{file}",
        responses=BYTES,
        response_model=None,
        openapi_extra=needs(exempt="signed-link"),
        summary="Fetch a finished file by a signed link",
    )
    async def get_signed(
        request: Request,
        id: Id,
        file: Number,
        user: Annotated[str, Param(max_length=64)] = "",
        expires: Annotated[str, Param(max_length=16)] = "",
        signature: Annotated[str, Param(max_length=128)] = "",
    ) -> FileAnswer:
        link = context.links.verify(id, file, {"user": user, "expires": expires, "signature": signature})
        session = context.auth.by_user(link.user) if link else None
        if session is None:
            raise Forbidden("The link is not valid, or its time has run out.")
        return await serve(context, session, id, file)
