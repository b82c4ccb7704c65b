"""The order of lists and where a page ends, the same for every keeper of the promise.

A list is ordered by one key and then by age, so equal keys have a stable order and a page can go on after any row.
Downloads that have not ended come last by `finished`; ended ones have no place in the queue, so `priority` and
`position` put them after the others, in order of age.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable
from typing import Any

from tui_downloads.core.download import Download
from tui_downloads.core.errors import Code, RequestError
from tui_downloads.core.lifecycle import ENDED, State
from tui_downloads.core.snapshots import Query

FAR = 1e18
"""Sorts after every moment and every place in the queue."""
NEEDLE_LIMIT = 1000
"""Characters of a search that are looked at."""
PAGE_LIMIT = 1000

STORED_AS: dict[State, State] = {
    **{state: state for state in State},
    State.RESOLVING: State.QUEUED,
    State.TRANSFERRING: State.QUEUED,
    State.VERIFYING: State.QUEUED,
    State.WAITING: State.QUEUED,
    State.PAUSING: State.PAUSED,
}
"""What a restart should find."""

Mark = tuple[float | int | str, int]
"""A row's key and its age (a number that grows with every row)."""

_CONTROLS = dict.fromkeys((*range(32), 127), " ")


def fold(text: str) -> str:
    """Give a text as it is compared: without regard to case, controls as spaces, lone surrogates as marks."""
    folded = text.casefold()
    if folded.isascii() and folded.isprintable():
        return folded
    return folded.encode("utf-8", "replace").decode("utf-8").translate(_CONTROLS)


def haystack(name: str, url: str, folder: str, error: str) -> str:
    """Join what a search looks at; a name that the link repeats is not kept twice.

    Two line feeds end it, which no search is for: so its last letters, too, begin a trigram.
    """
    fields = [fold(url), fold(folder)]
    if (folded := fold(name)) not in fields[0]:
        fields.insert(0, folded)
    if error:
        fields.append(fold(error))
    return "\n".join(fields) + "\n\n"


def needle(query: Query) -> str:
    """Give the text to look for, as it is compared."""
    return fold(query.text.strip()[:NEEDLE_LIMIT])


def moment(download: Download) -> float:
    """Say when a download ended, or was added if it has not."""
    if download.state in ENDED and download.finished_at is not None:
        return download.finished_at
    return download.created_at


def _finished(download: Download) -> float:
    return moment(download) if download.state in ENDED else FAR


KEYS: dict[str, Callable[[Download], float | int | str]] = {
    "created": lambda d: d.created_at,
    "finished": _finished,
    "name": lambda d: fold(d.name),
    "size": lambda d: -1 if d.size is None else d.size,
    "state": lambda d: STORED_AS[d.state].value,
    "host": lambda d: fold(d.host),
    "priority": lambda d: FAR if d.state in ENDED else float(d.priority),
    "position": lambda d: FAR if d.state in ENDED else d.position,
}


def check_query(query: Query) -> None:
    """Refuse a query that has no meaning.

    Raises:
        RequestError: INVALID_OPTION.
    """
    if query.sort not in KEYS:
        raise RequestError(
            Code.INVALID_OPTION,
            f"Can't sort by {query.sort[:40]!r}.",
            next_step=f"Sort by one of: {', '.join(KEYS)}.",
        )


def page_size(query: Query) -> int:
    """Give the rows wanted, within bounds."""
    return min(max(1, query.limit), PAGE_LIMIT)


def write_cursor(query: Query, mark: Mark) -> str:
    """Write where a page ended."""
    text = json.dumps([query.sort, int(query.reverse), mark[0], mark[1]], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def read_cursor(query: Query) -> Mark | None:
    """Read where the page before ended.

    Raises:
        RequestError: INVALID_OPTION for a cursor that is not ours or belongs to another order.
    """
    if query.cursor is None:
        return None
    try:
        padded = query.cursor.encode("ascii") + b"=" * (-len(query.cursor) % 4)
        sort, reverse, key, age = json.loads(base64.b64decode(padded, b"-_", validate=True))
    except (ValueError, TypeError, binascii.Error, RecursionError):
        raise _foreign() from None
    if not _sound(query, sort, reverse, key, age):
        raise _foreign()
    return key, age


def _sound(query: Query, sort: Any, reverse: Any, key: Any, age: Any) -> bool:
    textual = query.sort in ("name", "state", "host")
    kind: tuple[type, ...] = (str,) if textual else (int, float)
    if sort != query.sort or reverse not in (0, 1) or bool(reverse) != query.reverse:
        return False
    if not isinstance(key, kind) or isinstance(key, bool) or (isinstance(key, int) and not -(2**63) <= key < 2**63):
        return False
    if isinstance(key, str) and any("\ud800" <= sign <= "\udfff" for sign in key):
        return False
    return isinstance(age, int) and not isinstance(age, bool) and 0 <= age < 2**63


def _foreign() -> RequestError:
    return RequestError(
        Code.INVALID_OPTION,
        "The cursor does not belong to this list.",
        next_step="Ask for the first page again, without a cursor.",
    )
