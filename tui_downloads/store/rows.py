"""Downloads, files and secrets as rows, and back."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import Any

from msgspec.structs import asdict, replace

from tui_downloads.core.download import Download, FileRecord
from tui_downloads.core.lifecycle import State
from tui_downloads.core.links import HIDDEN, redact
from tui_downloads.core.snapshots import EMPTY, ErrorView, Kind, Proof
from tui_downloads.core.spec import AddRequest, Credentials, OnConflict, Options, Policy

from .order import STORED_AS

Row = tuple[Any, ...]

LIVING = (
    "state", "folder", "name", "host", "size", "done", "priority", "position", "started_at", "finished_at",
    "active_seconds", "attempts", "discarded", "rate_limit", "proof", "checksum", "validator", "final_url", "title",
    "content_type", "duplicate_of", "error", "meta", "plain",
)  # fmt: skip
"""Columns that change while a download lives; none of them stands in an index."""
FIXED = ("n", "id", "gid", "owner", "kind", "created_at", "request", "url")
COLUMNS = ", ".join(f"d.{name}" for name in (*FIXED, *LIVING))
"""What `read_download` expects, of a table called `d`."""

INSERT = f"INSERT INTO downloads ({', '.join((*FIXED, *LIVING))}) VALUES ({', '.join('?' * 32)})"  # noqa: S608
UPDATE = f"UPDATE downloads SET {', '.join(f'{name} = ?' for name in LIVING)} WHERE n = ?"  # noqa: S608
UPDATE_REQUEST = "UPDATE downloads SET request = ?, url = ?, kind = ? WHERE n = ?"
UPDATE_FILE = (
    "UPDATE files SET path = ?, size = ?, done = ?, state = ?, selected = ?, checksum = ?, proof = ?, error = ?,"
    " part = ? WHERE download = ? AND place = ?"
)
REPLACE_FILE = (
    "INSERT OR REPLACE INTO files"
    " (path, size, done, state, selected, checksum, proof, error, part, download, place, id, source)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
FILES = "id, path, size, done, state, selected, checksum, proof, error, part, source"
"""What `read_file` expects."""

MOST = 2**63 - 1


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, set | frozenset):
        return sorted(value)
    raise TypeError(f"A {type(value).__name__} can't be stored.")


write_json = json.JSONEncoder(separators=(",", ":"), default=_plain).encode

_STATES = {state: as_.value for state, as_ in STORED_AS.items()}
_PROOFS = {proof: proof.value for proof in Proof}
_KINDS = {kind: kind.value for kind in Kind}
_STATE_OF = {state.value: state for state in State}
_PROOF_OF = {proof.value: proof for proof in Proof}
_KIND_OF = {kind.value: kind for kind in Kind}

_OPTIONS = Options()
_POLICY = Policy()
_CREDENTIALS = Credentials()
_OPTION_DEFAULTS = asdict(_OPTIONS)
_POLICY_DEFAULTS = asdict(_POLICY)
_REQUEST = AddRequest(url="")
_REQUEST_DEFAULTS = {
    name: getattr(_REQUEST, name)
    for name in (
        "mirrors", "folder", "name", "dialect", "priority", "paused", "start_at", "gid", "title", "duplicate", "top",
    )
}  # fmt: skip

_request_values = attrgetter(*_REQUEST_DEFAULTS)
_REQUEST_VALUES = _request_values(_REQUEST)


def clean(row: Sequence[Any]) -> Row:
    """Make a row storable: text with lone surrogates as bytes, and numbers no larger than SQLite's."""
    return tuple(
        _bytes(value) if isinstance(value, str) else min(value, MOST) if isinstance(value, int) else value
        for value in row
    )


def _bytes(text: str) -> str | bytes:
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")
    return text


def text_of(value: str | bytes) -> str:
    """Give a text as it was before `clean`."""
    return value if isinstance(value, str) else value.decode("utf-8", "surrogatepass")


def restored(row: Row) -> Row:
    """Undo `clean` for a whole row."""
    if bytes in map(type, row):
        return tuple(text_of(value) if isinstance(value, bytes) else value for value in row)
    return row


# Downloads.


def living(download: Download, plain: int) -> Row:
    """Give the changing columns, in the order of `LIVING`."""
    error = download.error
    return (
        _STATES[download.state],
        download.folder,
        download.name,
        download.host,
        download.size,
        download.done,
        download.priority,
        download.position,
        download.started_at,
        download.finished_at,
        download.active_seconds,
        download.attempts,
        download.discarded,
        download.limit,
        _PROOFS[download.proof],
        download.checksum,
        download.validator,
        shown(download.final_url),
        download.title,
        download.content_type,
        download.duplicate_of,
        None if error is None else write_error(error),
        write_json(download.meta) if download.meta else None,
        plain,
    )


def fixed(n: int, download: Download) -> Row:
    """Give the columns that never or rarely change, in the order of `FIXED`."""
    request = download.request
    return (
        n,
        download.id,
        download.gid,
        request.owner,
        _KINDS[download.kind],
        download.created_at,
        write_request(download),
        shown(download.url),
    )


def read_download(row: Row) -> Download:
    """Make a download of a row of `COLUMNS`, without secrets and without files that have rows of their own."""
    (
        _, id_, gid, owner, kind, created_at, request, url, state, folder, name, host, size, done, priority, position,
        started_at, finished_at, active_seconds, attempts, discarded, limit, proof, checksum, validator, final_url,
        title, content_type, duplicate_of, error, meta, plain,
    ) = restored(row)  # fmt: skip
    download = Download(
        id=id_,
        gid=gid,
        kind=_KIND_OF[kind],
        request=read_request(request, url, owner),
        url=url,
        folder=folder,
        name=name,
        state=_STATE_OF[state],
        created_at=created_at,
        position=position,
        host=host,
        final_url=final_url,
        title=title,
        size=size,
        done=done,
        priority=priority,
        limit=limit,
        started_at=started_at,
        finished_at=finished_at,
        active_seconds=active_seconds,
        attempts=attempts,
        discarded=discarded,
        error=None if error is None else read_error(error),
        checksum=checksum,
        proof=_PROOF_OF[proof],
        validator=validator,
        content_type=content_type,
        duplicate_of=duplicate_of,
        meta=json.loads(meta) if meta else {},
    )
    if plain:
        download.files = [_plain_file(download, plain)]
    return download


# What was asked.


def write_request(download: Download) -> str:
    """Write what was asked for, without its secrets and without what equals the defaults."""
    request = download.request
    values = _request_values(request)
    out: dict[str, Any] = {}
    if values != _REQUEST_VALUES:
        out = {
            name: value
            for (name, default), value in zip(_REQUEST_DEFAULTS.items(), values, strict=True)
            if value != default
        }
    if request.url != download.url:
        out["url"] = shown(request.url)
    if "mirrors" in out:
        out["mirrors"] = [shown(url) for url in request.mirrors]
    if request.kind is not None:
        out["kind"] = request.kind.value
    if request.options is not _OPTIONS and request.options != _OPTIONS:
        out["options"] = _changed(request.options, _OPTION_DEFAULTS)
        if request.options.proxy:
            out["options"]["proxy"] = public(request.options.proxy)
    if request.policy is not _POLICY and request.policy != _POLICY:
        out["policy"] = _changed(request.policy, _POLICY_DEFAULTS)
    if request.source:
        out["source"] = dict(request.source)
    if request.meta:
        out["meta"] = dict(request.meta)
    return write_json(out) if out else "{}"


def _changed(value: Any, defaults: Mapping[str, Any]) -> dict[str, Any]:
    return {name: field for name, default in defaults.items() if (field := getattr(value, name)) != default}


def read_request(text: str, url: str, owner: str) -> AddRequest:
    """Read what was asked for; its credentials are not there."""
    if text == "{}":
        return AddRequest(url=url, owner=owner)
    found: dict[str, Any] = json.loads(text)
    simple = {name: found[name] for name in _REQUEST_DEFAULTS if name in found}
    if "mirrors" in simple:
        simple["mirrors"] = tuple(simple["mirrors"])
    return AddRequest(
        url=found.get("url", url),
        kind=_KIND_OF[found["kind"]] if "kind" in found else None,
        options=_read_options(found["options"]) if "options" in found else _OPTIONS,
        policy=_read_policy(found["policy"]) if "policy" in found else _POLICY,
        owner=owner,
        source=found.get("source", EMPTY),
        meta=found.get("meta", EMPTY),
        **simple,
    )


def _read_options(found: dict[str, Any]) -> Options:
    known = {name: value for name, value in found.items() if name in _OPTION_DEFAULTS}
    if known.get("on_conflict") is not None:
        known["on_conflict"] = OnConflict(known["on_conflict"])
    return Options(**known)


def _read_policy(found: dict[str, Any]) -> Policy:
    known = {name: value for name, value in found.items() if name in _POLICY_DEFAULTS}
    for name in ("allowed", "blocked", "folders"):
        if name in known:
            known[name] = tuple(known[name])
    return Policy(**known)


def public(url: str) -> str:
    """Cut userinfo out of a link; a door that holds even where a caller forgot to."""
    head, mark, rest = url.partition("://")
    if not mark or "@" not in rest:
        return url
    end = min((place for sign in "/?#" if (place := rest.find(sign)) >= 0), default=len(rest))
    return head + mark + rest[:end].rpartition("@")[2] + rest[end:]


def shown(url: str) -> str:
    """Give a link as every table but that of the secrets holds it: no userinfo, no secret of a signed query."""
    return redact(url) if "?" in url else public(url)


# Secrets.


_TEXTS = ("user", "password", "cookies", "proxy_user", "proxy_password", "key_password")


def write_secret(request: AddRequest) -> str | None:
    """Write the secrets of a request, or None when it has none; only the table `credentials` holds them."""
    secret = request.credentials
    out: dict[str, Any] = {}
    if secret:
        out = {name: value for name in (*_TEXTS, "headers", "extra") if (value := getattr(secret, name))}
    links = {"url": request.url, "proxy": request.options.proxy or ""}
    out.update({name: url for name, url in links.items() if ("@" in url or "?" in url) and shown(url) != url})
    if any(shown(url) != url for url in request.mirrors):
        out["mirrors"] = list(request.mirrors)
    return write_json(out) if out else None


def whole_url(download: Download) -> str:
    """Give a download's link with the secrets of its query, once its request has them back."""
    if HIDDEN not in download.url or shown(download.request.url) != download.url:
        return download.url
    return public(download.request.url).partition("#")[0]


def with_secret(request: AddRequest, text: str | bytes) -> AddRequest:
    """Give a request its secrets back."""
    found: dict[str, Any] = json.loads(text)
    changes: dict[str, Any] = {}
    if "url" in found:
        changes["url"] = found.pop("url")
    if "proxy" in found:
        changes["options"] = replace(request.options, proxy=found.pop("proxy"))
    if "mirrors" in found:
        changes["mirrors"] = tuple(found.pop("mirrors"))
    if "headers" in found:
        found["headers"] = tuple((name, value) for name, value in found["headers"])
    return request.with_(credentials=Credentials(**found) if found else _CREDENTIALS, **changes)


# Errors.


def write_error(error: ErrorView) -> str:
    return write_json(
        {
            "code": error.code,
            "message": error.message,
            "fault": error.fault,
            "next_step": error.next_step,
            "resumable": error.resumable,
            "exit": error.exit,
            "at": error.at,
            "status": error.status,
        }
    )


def read_error(text: str) -> ErrorView:
    return ErrorView(**json.loads(text))


# Files.

_PLAIN_STATES = {
    state: state.value if state in (State.COMPLETE, State.FAILED) else State.QUEUED.value for state in State
}


def plain_of(download: Download) -> int:
    """Say whether the only file says no more than its download: 1 so, 2 with the title as its original name, 0 not."""
    if len(download.files) != 1:
        return 0
    file = download.files[0]
    if (
        file.path != download.name
        or file.done != download.done
        or file.size != download.size
        or file.state != _PLAIN_STATES[download.state]
        or file.part is not None
        or file.checksum != download.checksum
        or file.proof is not download.proof
        or file.error != download.error
        or not file.selected
        or file.id != "1"
        or file.urls
        or file.digests
        or file.pieces is not None
        or file.renew
    ):
        return 0
    if not file.original:
        return 1
    return 2 if file.original == download.title else 0


def _plain_file(download: Download, plain: int) -> FileRecord:
    return FileRecord(
        path=download.name,
        original=download.title if plain == 2 else "",
        size=download.size,
        done=download.done,
        state=_PLAIN_STATES[download.state],
        checksum=download.checksum,
        proof=download.proof,
        error=download.error,
    )


def file_living(file: FileRecord) -> Row:
    """Give the changing columns of a file, in the order of `UPDATE_FILE`."""
    error = file.error
    return (
        file.path,
        file.size,
        file.done,
        file.state,
        1 if file.selected else 0,
        file.checksum,
        _PROOFS[file.proof],
        None if error is None else write_error(error),
        file.part,
    )


def file_source(file: FileRecord) -> Row:
    """Give what rarely changes of a file, for comparing; the parts are immutable, so comparing them is cheap."""
    return (file.id, file.original, file.urls, file.digests, file.pieces, file.renew)


def write_source(file: FileRecord) -> str | None:
    """Write where a file comes from, secrets of links hidden, or None where nothing is said of it."""
    out: dict[str, Any] = {}
    if file.original:
        out["original"] = file.original
    if file.urls:
        out["urls"] = [shown(url) for url in file.urls]
    if file.digests:
        out["digests"] = file.digests
    if file.pieces:
        out["pieces"] = file.pieces
    if file.renew:
        out["renew"] = shown(file.renew)
    return write_json(out) if out else None


def read_file(row: Row) -> FileRecord:
    """Make a file of a row of `FILES`."""
    id_, path, size, done, state, selected, checksum, proof, error, part, source = restored(row)
    found: dict[str, Any] = json.loads(source) if source else {}
    pieces = found.get("pieces")
    return FileRecord(
        id=id_,
        path=path,
        original=found.get("original", ""),
        urls=tuple(found.get("urls", ())),
        size=size,
        done=done,
        state=state,
        selected=bool(selected),
        digests=tuple((name, value) for name, value in found.get("digests", ())),
        pieces=(pieces[0], pieces[1], tuple(pieces[2])) if pieces else None,
        checksum=checksum,
        proof=_PROOF_OF[proof],
        error=None if error is None else read_error(error),
        part=part,
        renew=found.get("renew", ""),
    )


def signed(number: int) -> int:
    """Give an unsigned 64-bit number (an inode) as SQLite holds it."""
    return number - (1 << 64) if number > MOST else number


def unsigned(number: int) -> int:
    """Undo `signed`."""
    return number + (1 << 64) if number < 0 else number
