"""When it may be the Range field itself that a server can't bear: ask for the whole file before giving up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tui_downloads.core.errors import Code, DownloadError
from tui_downloads.core.statuses import PERHAPS_THE_RANGE

from .detours import AskPlainly

if TYPE_CHECKING:
    from .mirror import Mirror
    from .transfer import Transfer

TRUSTING = 3
"""Tries after which a server that breaks off instead of answering is asked without a range as well."""
FALTERS = frozenset({Code.SERVER_ERROR, Code.PROTOCOL_ERROR, Code.NETWORK_ERROR, Code.STALLED})
"""How a server fails that can't bear a Range field and does not say so."""


def unanswered(transfer: Transfer, mirror: Mirror, error: DownloadError) -> None:
    """Doubt the range of a first request that failed as it did some times before.

    Raises:
        AskPlainly: the question is to be put without one.
    """
    tries = transfer.download.attempts
    if not mirror.plain and tries >= TRUSTING and error.code in FALTERS and error.status != 503:
        mirror.plain = True
        raise AskPlainly


def refused(transfer: Transfer, mirror: Mirror, error: DownloadError) -> None:
    """Where the rest of a file is refused, doubt the condition, then the range: what is here is dropped from the whole.

    Raises:
        AskPlainly: that is worth a try.
    """
    if error.status == 403:
        return  # a link that has expired: its range was served before, or its part remembers that it was not
    if error.status in PERHAPS_THE_RANGE and not mirror.plain and len(transfer.mirrors) == 1:
        mirror.dead = None
        if mirror.if_range:
            mirror.no_if_range = True
        else:
            mirror.plain = True
        raise AskPlainly
