"""A small body is kept in memory until it is whole; one that breaks off becomes a part, to be gone on with."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from tui_downloads.core.errors import Code, DownloadError
from tui_downloads.core.plan import Plan
from tui_downloads.core.spans import SpanSet

if TYPE_CHECKING:
    from .transfer import Transfer
    from .worker import Worker


BROKE_OFF = frozenset({Code.TRUNCATED, Code.NETWORK_ERROR})
LEAST = 4096
"""Bytes that are worth a part; with less each time, the tries would have no end worth waiting for."""


def keep_begun(transfer: Transfer, worker: Worker, error: DownloadError) -> bool:
    """Write what came of a small body to a part; False where little came, or nothing would vouch for the rest.

    Raises:
        Adopt: an earlier part of the same link is to be taken up.
        DownloadError: what the disk says.
    """
    resource = transfer.resource
    if error.code not in BROKE_OFF or resource is None or not resource.size or not resource.ranges:
        return False
    if sum(map(len, worker.chunks)) < LEAST:
        return False
    if not (resource.validator.strong or resource.validator.last_modified or transfer.has_digest):
        return False
    body = b"".join(worker.chunks)[: resource.size]
    worker.chunks = []
    plan = Plan(resource.size, SpanSet())
    segment = plan.lease(time.monotonic())
    assert segment is not None
    transfer.begin_part(resource, plan)
    transfer.write(segment, [body], len(body))
    plan.release(segment)
    return True
