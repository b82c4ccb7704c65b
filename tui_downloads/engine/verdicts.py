"""From a verdict against an answer to what happens next."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from tui_downloads.core import admission
from tui_downloads.core.errors import Code, DownloadError

from .detours import AskPlainly, StartOver, Whole

if TYPE_CHECKING:
    from .mirror import Mirror
    from .transfer import Transfer


def refuse(transfer: Transfer, mirror: Mirror, verdict: admission.Verdict) -> NoReturn:
    """Raise what a verdict means for the transfer and for the link that answered.

    Raises:
        StartOver: the bytes that are here can't be joined to those on offer.
        AskPlainly: the same request is to be sent in another form.
        Whole: there is nothing more to fetch.
        DownloadError: this link, or the whole download, can't go on.
    """
    if mirror is not transfer.mirrors[0] and isinstance(verdict, admission.Restart | admission.Single):
        raise DownloadError(Code.REMOTE_CHANGED, f"A mirror can't be used: {verdict.reason}", retry=False)
    match verdict:
        case admission.Restart(reason=reason, single=single):
            raise StartOver(reason, single=single)
        case admission.Single(reason=reason):
            raise StartOver(reason, single=True)
        case admission.Plain(keep_range=keep_range):
            mirror.no_if_range = mirror.no_if_range or keep_range
            mirror.plain = mirror.plain or not keep_range
            raise AskPlainly
        case admission.Overlap():
            mirror.proven = False
            raise AskPlainly
        case admission.Done(resource=resource):
            plan = transfer.plan
            if plan is None or plan.size is not None or resource.size is None:
                raise StartOver("The server says that the file is shorter than what is asked for.")
            plan.settle(resource.size)
            transfer.size_settled(resource.size, closed=False)
            raise Whole
        case admission.Again(error=error, fresh=fresh):
            mirror.strikes += error.code is Code.PROTOCOL_ERROR
            mirror.fresh = mirror.fresh or fresh
            raise error
        case admission.Refuse(error=error):
            raise error
        case _:
            raise AssertionError(verdict)
