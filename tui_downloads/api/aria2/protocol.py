"""JSON-RPC as aria2 speaks it: requests, answers, errors and their HTTP statuses. Pure."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from tui_downloads import wire
from tui_downloads.core.errors import RequestError, TuiDownloadsError

METHOD_FAILED, INVALID_REQUEST, INVALID_PARAMS, PARSE_ERROR = 1, -32600, -32602, -32700
LARGEST = 2 * 1024 * 1024
"""Bytes of a request."""
MOST_CALLS = 2000
"""Calls in one batch or multicall."""
TYPE, SCRIPT = "application/json-rpc", "text/javascript"
CALLBACK = re.compile(r"[A-Za-z_$][A-Za-z0-9_$.]{0,127}", re.ASCII)


class RpcError(Exception):
    """A call that failed. `status` is what HTTP says when the call came alone."""

    def __init__(self, message: str, code: int = METHOD_FAILED, status: int = 0) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        # aria2's own choice: what can't be read is a 500, everything else a 400.
        self.status = status or (500 if code in (PARSE_ERROR, INVALID_PARAMS) else 400)

    def body(self) -> dict[str, Any]:
        return {"code": self.code, "message": self.message}


def of_error(error: TuiDownloadsError) -> RpcError:
    """Turn one of our errors into aria2's."""
    return RpcError(error.message)


class Call(Struct, frozen=True):
    """One call of a request."""

    id: Any
    method: str
    params: list[Any]


def read(body: bytes) -> Any:
    """Read a request's JSON: an object, or a list of them.

    Raises:
        RpcError: it is no JSON, or neither.
    """
    try:
        found = wire.parse(body)
    except RequestError:
        raise RpcError("Parse error.", PARSE_ERROR) from None
    if found is None:
        raise RpcError("Invalid Request.", INVALID_REQUEST)
    if not isinstance(found, (dict, list)):
        raise RpcError("Parse error.", PARSE_ERROR)
    return found


def call_of(found: Mapping[str, Any]) -> Call:
    """Read one call.

    Raises:
        RpcError: it has no id or method, or its parameters are no list.
    """
    if "id" not in found or not isinstance(found.get("method"), str):
        raise RpcError("Invalid Request.", INVALID_REQUEST)
    params = found.get("params", [])
    if not isinstance(params, list):
        raise RpcError("Invalid params.", INVALID_PARAMS)
    return Call(found["id"], found["method"], params)


def success(id: Any, result: Any) -> dict[str, Any]:
    """Tell a result."""
    return {"id": id, "jsonrpc": "2.0", "result": result}


def failure(id: Any, error: RpcError) -> dict[str, Any]:
    """Tell an error."""
    return {"id": id, "jsonrpc": "2.0", "error": error.body()}


def from_query(query: Mapping[str, str]) -> bytes:
    """Make a request of a GET's query: `method`, `id`, and `params` in base64; only `params` is a batch.

    Raises:
        RpcError: the parameters are not base64.
    """
    method, id, params = query.get("method", ""), query.get("id", ""), query.get("params", "")
    try:
        # Encoders differ about the alphabet, and forms turn + into a space.
        text = params.replace(" ", "+").replace("-", "+").replace("_", "/")
        decoded = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise RpcError("Parse error.", PARSE_ERROR) from None
    if not method and not id:
        return decoded or b"{}"
    parts = [b'"jsonrpc":"2.0"']
    if method:
        parts.append(b'"method":' + wire.to_bytes(method))
    if id:
        parts.append(b'"id":' + wire.to_bytes(id))
    if decoded:
        parts.append(b'"params":' + decoded)
    return b"{" + b",".join(parts) + b"}"


def callback_of(query: Mapping[str, str]) -> str:
    """Give the name of the function a page wants its answer in, if it wants that.

    Raises:
        RpcError: it is no name of a function; anything else would be a script of somebody else's choice.
    """
    name = query.get("jsoncallback", "")
    if name and not CALLBACK.fullmatch(name):
        raise RpcError("jsoncallback is not a function's name.", INVALID_REQUEST)
    return name


class Params:
    """The parameters of a call without their token; what is missing or of a wrong type is told as aria2 does."""

    def __init__(self, values: list[Any]) -> None:
        self._values = values

    def _get(self, at: int, kind: type, *, required: bool) -> Any:
        if at >= len(self._values):
            if required:
                raise RpcError(f"The parameter at {at} is required but missing.")
            return None
        value = self._values[at]
        if not isinstance(value, kind) or isinstance(value, bool):
            raise RpcError(f"The parameter at {at} has wrong type.")
        return value

    def text(self, at: int) -> str:
        """Give a text that must be there."""
        return str(self._get(at, str, required=True))

    def integer(self, at: int, *, least: int | None = None) -> int:
        """Give a whole number that must be there."""
        value = self.integer_or_none(at, least=least)
        if value is None:
            raise RpcError(f"The parameter at {at} is required but missing.")
        return value

    def integer_or_none(self, at: int, *, least: int | None = None) -> int | None:
        """Give a whole number, or None where there is none."""
        value = self._get(at, int, required=False)
        if value is not None and least is not None and value < least:
            raise RpcError(
                f"The integer parameter at {at} has invalid value: the value must be greater than or equal to {least}."
            )
        return None if value is None else int(value)

    def items(self, at: int) -> list[Any]:
        """Give a list that must be there."""
        found: list[Any] = self._get(at, list, required=True)
        return found

    def texts(self, at: int) -> list[str]:
        """Give the texts of a list that must be there."""
        return [value for value in self.items(at) if isinstance(value, str)]

    def keys(self, at: int) -> frozenset[str]:
        """Give the names of the fields that are wanted; empty is all."""
        found = self._get(at, list, required=False)
        return frozenset(value for value in found or () if isinstance(value, str))

    def struct(self, at: int, *, required: bool = False) -> dict[str, Any]:
        """Give an object, empty where there is none."""
        found: dict[str, Any] | None = self._get(at, dict, required=required)
        return found or {}


def not_found(gid: str) -> RpcError:
    """Tell that nothing has a gid."""
    return RpcError(f"GID {gid} is not found")
