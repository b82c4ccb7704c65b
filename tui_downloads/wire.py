"""Core values to and from our own JSON; used by the native API and by the remote engine, which so cannot disagree.

Field names are those of the values in `core`. Units are bytes, bytes a second and (epoch) seconds. Enumerations
are their values, tuples and sets are lists (sets sorted), mappings are objects. Text that is not Unicode (a file name
with stray bytes) is sent with U+FFFD in place of what cannot be said, so that every JSON reader accepts the document.

Reading is strict for what callers send: an unknown field, a wrong type or a number out of range is a `RequestError`
that names the place. It is lenient for what a service sends: unknown fields are skipped, so that an older screen can
read a newer service.
"""

from __future__ import annotations

import difflib
import json
import math
import re
import types
import typing
from collections.abc import Callable, Mapping
from enum import Enum, StrEnum
from functools import cache
from operator import attrgetter
from typing import Any, TypeVar

import msgspec
from msgspec import Struct
from msgspec.structs import asdict, fields

from tui_downloads.core.errors import (
    Code,
    Conflict,
    DownloadError,
    Forbidden,
    NotFound,
    RequestError,
    TuiDownloadsError,
)
from tui_downloads.core.snapshots import EMPTY, Limits, Query
from tui_downloads.core.spec import AddRequest, Change, Credentials, Options

T = TypeVar("T")

VERSION = 1
"""Of the native API and of this form; a client and a service with different ones do not talk."""

LARGEST = 2**53 - 1
"""Whole numbers beyond this lose digits in JavaScript readers."""
LONGEST_TEXT = 64 * 1024
DEEPEST = 12

_LONE = re.compile("[\ud800-\udfff]")
_ESCAPED_HALF = re.compile(rb"\\u[dD][89a-fA-F]")

Bounds = tuple[float, float]
RULES: dict[tuple[type, str], Bounds] = {
    (AddRequest, "priority"): (-1000, 1000),
    (AddRequest, "start_at"): (0, 32503680000),
    (Options, "connections"): (1, 64),
    (Options, "timeout"): (0.1, 86400),
    (Options, "connect_timeout"): (0.1, 86400),
    (Options, "max_time"): (0.1, 10 * 365 * 86400),
    (Options, "retries"): (0, 1000),
    (Options, "limit"): (0, LARGEST),
    (Options, "min_rate"): (0, LARGEST),
    (Options, "ip_version"): (4, 6),
    (Change, "limit"): (0, LARGEST),
    (Change, "priority"): (-1000, 1000),
    (Change, "connections"): (1, 64),
    (Change, "max_time"): (0.1, 10 * 365 * 86400),
    (Limits, "downloads"): (1, 1000),
    (Limits, "connections"): (1, 4096),
    (Limits, "per_host"): (1, 256),
    (Limits, "per_download"): (1, 64),
    (Limits, "rate"): (0, LARGEST),
    (Limits, "rate_per_host"): (0, LARGEST),
    (Limits, "rate_per_download"): (0, LARGEST),
    (Query, "limit"): (1, 10_000),
}
"""Inclusive bounds of numbers that callers may send."""


# ---------------------------------------------------------------- writing


def dump(value: Any) -> Any:
    """Turn a core value into what `json` can write."""
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, str):
        return value.value if isinstance(value, Enum) else value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Struct):
        return _writer(type(value))(value)
    if isinstance(value, Mapping):
        return {str(key): dump(item) for key, item in value.items()}
    if isinstance(value, (frozenset, set)):
        return sorted(dump(item) for item in value)
    if isinstance(value, (tuple, list)):
        return [dump(item) for item in value]
    if isinstance(value, BaseException):
        return dump_error(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


@cache
def _writer(cls: type[Struct]) -> Callable[[Any], dict[str, Any]]:
    """Make the function that writes a value; plain fields are copied without a look at them."""
    names = cls.__struct_fields__
    hints = typing.get_type_hints(cls)
    rich = tuple(name for name in names if not _plain(hints[name]))
    read = attrgetter(*names) if len(names) > 1 else None

    def write(value: Any) -> dict[str, Any]:
        out = dict(zip(names, read(value), strict=True)) if read else {names[0]: getattr(value, names[0])}
        for name in rich:
            item = out[name]
            if item is not None:
                out[name] = item.value if isinstance(item, StrEnum) else dump(item)
        return out

    return write


def _plain(hint: Any) -> bool:
    """Say whether values of a type are JSON as they stand."""
    if typing.get_origin(hint) in (types.UnionType, typing.Union):
        return all(_plain(part) for part in typing.get_args(hint))
    return hint in (str, int, bool, float, type(None))


def encode(value: Any) -> bytes:
    """Write a value, already dumped or not, as UTF-8 JSON."""
    return to_bytes(dump(value))


def to_bytes(value: Any) -> bytes:
    """Write what `dump` gave as UTF-8 JSON that every reader accepts; numbers that JSON has not become null."""
    try:
        return msgspec.json.encode(value)
    except UnicodeEncodeError:
        # A name with stray bytes: rare, so the slow way is good enough.
        text = json.dumps(_finite(value), ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        return _LONE.sub("\ufffd", text).encode()


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return value


_FAMILIES: dict[str, type[TuiDownloadsError]] = {
    "not_found": NotFound,
    "conflict": Conflict,
    "forbidden": Forbidden,
    "request": RequestError,
    "download": DownloadError,
}


def dump_error(error: BaseException) -> dict[str, Any]:
    """Tell an error; what is not ours is told as INTERNAL and nothing more."""
    if not isinstance(error, TuiDownloadsError):
        return dump_error(RequestError(Code.INTERNAL, "Something went wrong inside."))
    family = next(name for name, cls in _FAMILIES.items() if isinstance(error, cls) or cls is DownloadError)
    return {
        "code": error.code.value,
        "message": error.message,
        "fault": error.fault.value,
        "next_step": error.next_step,
        "exit": error.exit,
        "family": family,
    }


# ---------------------------------------------------------------- reading


def parse(body: bytes) -> Any:
    """Read JSON text.

    Raises:
        RequestError: INVALID_OPTION; it is no JSON, has a key twice, a number that is none, half a character, or is
            nested too deep.
    """
    try:
        found = json.loads(body.decode("utf-8"), parse_constant=_no_constant, object_pairs_hook=_once)
        if _ESCAPED_HALF.search(body) and _LONE.search(json.dumps(found, ensure_ascii=False)):
            # No file, database or header takes such a text, so nobody behind this has to ask.
            raise ValueError("half of a surrogate pair")
        return found
    except UnicodeDecodeError:
        raise _bad("", "the text is not UTF-8") from None
    except RecursionError:
        raise _bad("", "the JSON is nested too deep") from None
    except ValueError as exc:
        # Python's own words on long numbers tell of a switch of Python's.
        what = "a number has too many digits" if "integer string conversion" in str(exc) else exc
        raise _bad("", f"not valid JSON ({what})") from None


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a JSON number")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    out = dict(pairs)
    if len(out) != len(pairs):
        raise ValueError("a key is there twice")
    return out


def load(cls: type[T], value: Any, *, strict: bool = True, at: str = "") -> T:
    """Read a core value from parsed JSON.

    Raises:
        RequestError: INVALID_OPTION; the message names the place.
    """
    read: Reader = _reader(typing.cast(Any, cls), strict)
    return typing.cast(T, read(value, at))


def load_error(value: Any) -> TuiDownloadsError:
    """Read an error that a service told; nonsense becomes INTERNAL."""
    value = value if isinstance(value, Mapping) else {}
    try:
        code = Code(value.get("code"))
    except ValueError:
        code = Code.INTERNAL
    message = str(value.get("message") or value.get("detail") or "The service gave no reason.")
    step = value.get("next_step")
    given = step if isinstance(step, str) and step else None
    family = _FAMILIES.get(str(value.get("family")), RequestError)
    if family is NotFound:
        return NotFound(message, next_step=given)
    if family is Conflict:
        return Conflict(message, code=code, next_step=given)
    if family is Forbidden:
        return Forbidden(message, code=code)
    return family(code, message, next_step=given)


def _bad(at: str, why: str) -> RequestError:
    text = f"{at}: {why}" if at else f"{why[:1].upper()}{why[1:]}"
    return RequestError(Code.INVALID_OPTION, text if text.endswith("?") else text + ".")


_NAMES = {dict: "an object", list: "a list", str: "text", bool: "true or false", int: "a number", float: "a number"}


def _is(value: Any) -> str:
    return "null" if value is None else _NAMES.get(type(value), type(value).__name__)


Reader = Callable[[Any, str], Any]


@cache
def _reader(hint: Any, strict: bool) -> Reader:
    """Make the function that reads values of a type."""
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        return _read_union(args, strict)
    if origin is tuple:
        return _read_tuple(args, strict)
    if origin is frozenset:
        each = _reader(args[0], strict)
        return lambda value, at: frozenset(each(item, f"{at}[{n}]") for n, item in enumerate(_list(value, at)))
    if origin is not None and issubclass(origin, Mapping):
        each = _reader(args[1], strict)
        return lambda value, at: {key: each(item, f"{at}.{key}") for key, item in _object(value, at).items()} or EMPTY
    if hint is Any:
        return lambda value, at: _json(value, at, 0, strict)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return _read_enum(hint)
    if isinstance(hint, type) and issubclass(hint, Struct):
        return _read_struct(hint, strict)
    return {str: _strict_text if strict else _text, bool: _bool, int: _int, float: _float}[hint]


def _read_union(args: tuple[Any, ...], strict: bool) -> Reader:
    rest = [arg for arg in args if arg is not type(None)]
    if len(rest) != 1:
        raise TypeError(f"no reader for {args}")
    read = _reader(rest[0], strict)
    return lambda value, at: None if value is None else read(value, at)


def _read_tuple(args: tuple[Any, ...], strict: bool) -> Reader:
    if len(args) == 2 and args[1] is Ellipsis:
        each = _reader(args[0], strict)
        pairs = args[0] == tuple[str, str]

        def many(value: Any, at: str) -> tuple[Any, ...]:
            if pairs and isinstance(value, dict):  # {"Name": "value"} reads better than [["Name", "value"]]
                value = [[key, item] for key, item in value.items()]
            return tuple(each(item, f"{at}[{n}]") for n, item in enumerate(_list(value, at)))

        return many
    readers = [_reader(arg, strict) for arg in args]

    def some(value: Any, at: str) -> tuple[Any, ...]:
        if len(_list(value, at)) != len(readers):
            raise _bad(at, f"expected {len(readers)} items")
        return tuple(read(item, f"{at}[{n}]") for n, (read, item) in enumerate(zip(readers, value, strict=True)))

    return some


def _read_enum(hint: type[Enum]) -> Reader:
    known = {member.value: member for member in hint}

    def read(value: Any, at: str) -> Any:
        try:
            return known[value]
        except (KeyError, TypeError):
            raise _bad(at, f"expected one of {', '.join(map(str, known))}") from None

    return read


def _read_struct(hint: type, strict: bool) -> Reader:
    hints = typing.get_type_hints(hint)
    readers = {field.name: _bounded(hint, field.name, _reader(hints[field.name], strict)) for field in fields(hint)}
    needed = {f.name for f in fields(hint) if f.required}

    def read(value: Any, at: str) -> Any:
        given = _object(value, at)
        prefix = f"{at}." if at else ""
        found: dict[str, Any] = {}
        for key, item in given.items():
            reader = readers.get(key)
            if reader is not None:
                found[key] = reader(item, prefix + key)
            elif strict:
                raise _bad(at, _unknown(key, readers))
        missing = needed - found.keys()
        if missing:
            raise _bad(at, f"{', '.join(sorted(missing))} is missing")
        return hint(**found)

    return read


def _bounded(cls: type, name: str, read: Reader) -> Reader:
    bounds = RULES.get((cls, name))
    if bounds is None:
        return read
    low, high = bounds

    def check(value: Any, at: str) -> Any:
        found = read(value, at)
        if found is not None and not low <= found <= high:
            raise _bad(at, f"must lie between {low:g} and {high:.0f}")
        return found

    return check


def _unknown(key: str, known: Mapping[str, Any]) -> str:
    near = difflib.get_close_matches(key[:40], known, 1)
    return f"there is no field {key[:40]!r}" + (f"; did you mean {near[0]!r}?" if near else "")


def _list(value: Any, at: str) -> list[Any]:
    if not isinstance(value, list):
        raise _bad(at, f"expected a list, got {_is(value)}")
    return value


def _object(value: Any, at: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _bad(at, f"expected an object, got {_is(value)}")
    return value


def _text(value: Any, at: str) -> str:
    if not isinstance(value, str):
        raise _bad(at, f"expected text, got {_is(value)}")
    return value


def _strict_text(value: Any, at: str) -> str:
    text = _text(value, at)
    if len(text) > LONGEST_TEXT:
        raise _bad(at, f"longer than {LONGEST_TEXT} characters")
    if "\0" in text or (not text.isascii() and _LONE.search(text)):
        raise _bad(at, "the text has characters that are none")
    return text


def _bool(value: Any, at: str) -> bool:
    if not isinstance(value, bool):
        raise _bad(at, f"expected true or false, got {_is(value)}")
    return value


def _int(value: Any, at: str) -> int:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise _bad(at, f"expected a whole number, got {_is(value)}")
    if not -(2**63) <= value < 2**63:
        raise _bad(at, "the number is too large")
    return value


def _float(value: Any, at: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise _bad(at, f"expected a number, got {_is(value)}")
    try:
        found = float(value)
    except OverflowError:
        found = math.inf
    if not math.isfinite(found):
        raise _bad(at, "the number is too large")
    return found


def _json(value: Any, at: str, depth: int, strict: bool) -> Any:
    """Read any JSON value, bounded."""
    if depth > DEEPEST:
        raise _bad(at, "nested too deep")
    if isinstance(value, dict):
        return {_key(key, at, strict): _json(item, f"{at}.{key}", depth + 1, strict) for key, item in value.items()}
    if isinstance(value, list):
        return [_json(item, f"{at}[{n}]", depth + 1, strict) for n, item in enumerate(value)]
    if isinstance(value, str):
        return _strict_text(value, at) if strict else value
    if isinstance(value, int) and not isinstance(value, bool):
        return _int(value, at)
    return _float(value, at) if isinstance(value, float) else value


def _key(key: str, at: str, strict: bool) -> str:
    return _strict_text(key, at) if strict else key


def dump_request(request: AddRequest) -> dict[str, Any]:
    """Write an AddRequest with its secrets, for the one hop to the service; fields at their defaults are left out."""
    plain = AddRequest(url="")
    out = {"url": request.url}
    for name, value in asdict(request).items():
        if name != "url" and value != getattr(plain, name):
            out[name] = _sparse(value)
    return out


def _sparse(value: Any) -> Any:
    if isinstance(value, (Options, Credentials)):
        plain = type(value)()
        return {name: dump(item) for name, item in asdict(value).items() if item != getattr(plain, name)}
    return dump(value)


def dump_change(change: Change) -> dict[str, Any]:
    """Write a Change; fields that change nothing are left out."""
    return {name: item for name, item in dump(change).items() if item is not None}
