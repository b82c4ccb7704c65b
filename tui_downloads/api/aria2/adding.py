"""addUri, addMetalink, and why there is no addTorrent."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from tui_downloads.core import links
from tui_downloads.core.errors import Conflict, TuiDownloadsError
from tui_downloads.core.links import parse_link
from tui_downloads.core.names import safe_name
from tui_downloads.core.spec import AddRequest
from tui_downloads.sources import metalink

from . import options
from .calls import Turn
from .protocol import Params, RpcError

NAME = "aria2"


def _base(turn: Turn, chosen: dict[str, Any]) -> AddRequest:
    """Make the wish that options and defaults describe, without a link."""
    base = options.to_request(AddRequest("", dialect=NAME), turn.desk.chosen(turn.user))
    return options.to_request(base, chosen)


def usable(url: str) -> bool:
    """Say whether a text is a link that can be downloaded."""
    try:
        parse_link(url)
    except TuiDownloadsError:
        return False
    return True


async def add_uri(turn: Turn, params: Params) -> str:
    """Add one download; all links are mirrors of one file."""
    urls = params.texts(0)
    chosen = params.struct(1)
    place = params.integer_or_none(2, least=0)
    if not urls:
        raise RpcError("URI is not provided.")
    found = [url.strip() for url in urls if usable(url.strip())]
    if not found:
        raise RpcError("No URI to download.")
    base = _base(turn, chosen).with_(url=found[0], mirrors=tuple(found[1:]))
    # Connections may depend on the number of mirrors.
    return (await _add(turn, [options.to_request(base, chosen)], place))[0]


async def add_metalink(turn: Turn, params: Params) -> list[str]:
    """Add each file of a metalink as a download of its own."""
    text = params.text(0)
    chosen = params.struct(1)
    place = params.integer_or_none(2, least=0)
    try:
        document = base64.b64decode(text, validate=True)
        found = metalink.parse(document, "")
    except (binascii.Error, ValueError):
        raise RpcError("Could not parse Metalink XML document.") from None
    except TuiDownloadsError as error:
        raise RpcError(f"Could not parse Metalink XML document. {error.message}") from None
    base = _base(turn, chosen)
    wanted = []
    for file in found.files:
        urls = [url for url in file.urls if usable(url)]
        if not urls:
            continue
        name = base.name if len(found.files) == 1 and base.name else safe_name(file.path.rpartition("/")[2])
        digest = dict(file.digests).get("sha256") or ""
        checksum = f"sha256:{digest}" if digest else next((f"{name}:{value}" for name, value in file.digests), None)
        wish = base.with_(url=urls[0], mirrors=tuple(urls[1:]), name=name or None)
        wanted.append(options.to_request(wish, {"checksum": checksum.replace(":", "=", 1)} if checksum else {}))
    if not wanted:
        raise RpcError("No files to download.")
    return await _add(turn, wanted, place)


async def add_torrent(turn: Turn, params: Params) -> None:
    """Refuse: there is no BitTorrent here."""
    params.text(0)
    raise RpcError("BitTorrent is not supported.")


async def _add(turn: Turn, wanted: list[AddRequest], place: int | None) -> list[str]:
    gids, ids = [], []
    refused: TuiDownloadsError | None = None
    for wish, outcome in zip(wanted, await turn.engine.add(wanted), strict=True):
        url = links.bare(wish.url)
        turn.desk.context.audit("add", turn.user, turn.session.peer, url=url, id=outcome.id, ok=outcome.ok)
        if outcome.download is None:
            refused = refused or outcome.error
            continue
        gids.append(outcome.download.gid)
        ids.append(outcome.id)
    if not gids and refused is not None:
        if isinstance(refused, Conflict):
            raise RpcError(f"{refused.message.rstrip('.')}.")
        raise refused
    if place is not None:
        for n, id in enumerate(ids):
            # What has begun already has no place to be moved to; each is asked for by itself.
            await turn.engine.move([id], place + n)
    return gids
