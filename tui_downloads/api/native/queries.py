"""From the parameters of a list to a Query, and from a Page to its answer."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated, Any, TypeVar

from fastapi import Query as Param
from fastapi import Request
from pydantic import StringConstraints

from tui_downloads import wire
from tui_downloads.core.errors import Code, Conflict, RequestError
from tui_downloads.core.lifecycle import State
from tui_downloads.core.snapshots import Kind, Page, Query
from tui_downloads.engine.base import Engine

E = TypeVar("E", bound=StrEnum)


class Sort(StrEnum):
    """What a list is ordered by."""

    CREATED = "created"
    FINISHED = "finished"
    NAME = "name"
    SIZE = "size"
    STATE = "state"
    HOST = "host"
    PRIORITY = "priority"
    POSITION = "position"


class Order(StrEnum):
    """Which way a list runs."""

    ASC = "asc"
    DESC = "desc"


def words(cls: type[StrEnum]) -> str:
    """Give the pattern of names of a set, separated by commas."""
    known = "|".join(cls)
    return f"^({known})(,({known}))*$"


StateWord = Annotated[str, StringConstraints(pattern=words(State))]
KindWord = Annotated[str, StringConstraints(pattern=words(Kind))]
IdWord = Annotated[str, StringConstraints(pattern="^[0-9A-Za-z-]{1,64}$")]
Stamp = Annotated[float | None, Param(ge=0, le=1e12, allow_inf_nan=False)]


def choice(cls: type[E], words: Iterable[str], name: str) -> frozenset[E]:
    """Read names of a set, repeated or separated by commas.

    Raises:
        RequestError: INVALID_OPTION; a name is unknown, or the parameter is there and empty.
    """
    given = list(words)
    parts = [part.strip() for word in given for part in word.split(",")]
    if given and not all(parts):
        raise RequestError(Code.INVALID_OPTION, f"{name} is empty.")
    try:
        return frozenset(cls(part) for part in parts)
    except ValueError:
        known = ", ".join(cls)
        raise RequestError(Code.INVALID_OPTION, f"{name}: expected some of {known}.") from None


def filters(
    state: Annotated[list[StateWord], Param(max_length=20, description="States, repeated or with commas.")] = [],  # noqa: B006
    kind: Annotated[list[KindWord], Param(max_length=20, description="Kinds of download.")] = [],  # noqa: B006
    text: Annotated[str, Param(max_length=200, description="Found in name, link, folder or error.")] = "",
    host: Annotated[str, Param(max_length=253)] = "",
    owner: Annotated[str, Param(max_length=64, description="Administrators may ask for one user's.")] = "",
    id: Annotated[list[IdWord], Param(max_length=50, description="Ids; for more use POST /v1/query.")] = [],  # noqa: B006
    since: Stamp = None,
    until: Stamp = None,
    sort: Sort = Sort.CREATED,
    order: Order = Order.ASC,
    limit: Annotated[int, Param(ge=1, le=1000)] = 100,
    cursor: Annotated[
        str | None, Param(max_length=2048, pattern="^[!-~]*$", description="From the page before.")
    ] = None,
) -> Query:
    """Read the parameters of a list."""
    return Query(
        states=choice(State, state, "state"),
        text=text,
        host=host,
        kinds=choice(Kind, kind, "kind"),
        owner=owner,
        ids=tuple(id),
        since=since,
        until=until,
        sort=sort.value,
        reverse=order is Order.DESC,
        limit=limit,
        cursor=cursor or None,
    )


def page_body(page: Page) -> dict[str, Any]:
    """Give the answer of a list."""
    return {"items": [wire.dump(view) for view in page.items], "cursor": page.cursor, "total": page.total}


async def read_page(engine: Engine, query: Query) -> dict[str, Any]:
    """Give the answer of a list.

    Raises:
        Conflict: the cursor does not fit what is there.
    """
    try:
        return page_body(await engine.page(query))
    except RequestError as error:
        if query.cursor is not None and error.code is Code.INVALID_OPTION:
            raise Conflict(error.message, code=Code.INVALID_OPTION) from None
        raise


def only_known(request: Request) -> None:
    """Refuse parameters that the endpoint does not have: a misspelt filter must not list, or remove, everything.

    Raises:
        RequestError: INVALID_OPTION.
    """
    route = request.scope["route"]
    known = parameter_names(route.dependant)
    for name in request.query_params:
        if name not in known:
            raise RequestError(Code.INVALID_OPTION, f"There is no parameter {name[:40]!r} here.")


def parameter_names(dependant: Any) -> set[str]:
    """Collect the query parameters of a route and of what it depends on."""
    names = {param.alias for param in dependant.query_params}
    for other in dependant.dependencies:
        names |= parameter_names(other)
    return names
