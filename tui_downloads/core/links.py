"""Links: one parser for what is checked and what is fetched, and what of a link may be shown.

`parse_link` gives a link in one canonical spelling: scheme and host in lower case, the host as ASCII, numeric hosts as
dotted addresses, dot segments resolved, spaces and non-ASCII percent-encoded. The fetch uses that and no other.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from ipaddress import IPv6Address
from urllib.parse import unquote, unquote_to_bytes

from .addresses import parse_ipv4
from .content_types import name_for_type
from .errors import Code, DownloadError
from .late import late
from .names import safe_name
from .secrecy import Guarded

PORTS = {"http": 80, "https": 443, "ftp": 21, "ftps": 990, "ftpes": 21, "sftp": 22}
"""The schemes that are spoken and their ports; `ftpes` is FTP that turns to TLS before it logs in."""
MAX_LENGTH = 16 * 1024
HIDDEN = "…"

_SHAPE = late(r"([A-Za-z][A-Za-z0-9+.\-]*)://([^/?#]*)([^?#]*)(?:\?([^#]*))?(?:#(.*))?", re.DOTALL)
_PLAIN = re.compile(
    r"(https?)://([a-z0-9][a-z0-9.\-]{0,252})(?::([1-9][0-9]{0,3}|[1-5][0-9]{4}))?(/[A-Za-z0-9._~!$&'()*+,;=:@/\-]*)",
    re.ASCII,
)
"""The common, already canonical link, so that ten thousand small files do not wait for the long way."""
_CONTROL = late(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_ENCODED_CONTROL = late(r"%(?:[01][0-9a-f]|7f)", re.IGNORECASE)
_HOST = late(r"[a-z0-9_](?:[a-z0-9_\-]*[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_\-]*[a-z0-9_])?)*", re.ASCII)
_PATH_UNSAFE = late(r"""[^!$%&'()*+,\-./0-9:;=@A-Z\[\]_a-z~]""")
_QUERY_UNSAFE = late(r"""[^!$%&'()*+,\-./0-9:;=?@A-Z\[\]_a-z~{}|\\^`]""")
_DOTS = late(r"/(?:\.|%2e){1,2}(?:/|$)", re.IGNORECASE)
_IDNA_DOTS = late("[\u3002\uff0e\uff61]")
_USERINFO = late(r"^(\s*(?:[A-Za-z][A-Za-z0-9+.\-]*:(?=[/\\]))?[/\\]*)[^/?#\\]*@")
_IN_TEXT = late(r"[A-Za-z][A-Za-z0-9+.\-]{0,30}://[^\s\"'<>]+")

_SECRET_EXACT = frozenset({
    "sig", "se", "sp", "sv", "sr", "st", "skoid", "sktid", "key", "pwd", "pass", "passwd", "otp", "pin", "code",
    "hmac", "hash", "hdnea", "hdnts", "exp", "expires", "policy", "key-pair-id", "googleaccessid", "awsaccesskeyid",
    "ossaccesskeyid", "ticket", "alf_ticket", "sid", "jwt", "sas", "verify", "md5", "nonce", "user", "login", "email",
})  # fmt: skip
_SECRET_PART = late(
    r"token|secret|passw|signature|credential|api[-_]?key|access[-_]?key|session|auth|^x-(?:amz|goog|oss|cos|obs)-"
)


class Link(Guarded, frozen=True):
    """A link in its canonical spelling; its repr shows no secrets."""

    hidden = frozenset({"password"})

    scheme: str
    host: str
    """ASCII; an IPv6 address has no brackets here."""
    port: int
    """The scheme's own where the link names none."""
    path: str
    """Percent-encoded; begins with `/`."""
    query: str | None = None
    """Without the question mark; None where there is none."""
    fragment: str = ""
    """As written; never sent."""
    user: str = ""
    """Decoded."""
    password: str = ""

    @property
    def netloc(self) -> str:
        """Host and port as they stand in a link, the scheme's own port left out."""
        host = f"[{self.host.replace('%', '%25')}]" if ":" in self.host else self.host
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def url_without_userinfo(self) -> str:
        """What is fetched: no userinfo, no fragment."""
        query = "" if self.query is None else f"?{self.query}"
        return f"{self.scheme}://{self.netloc}{self.path}{query}"

    @property
    def origin(self) -> tuple[str, str, int]:
        """Scheme, host and port; secrets never cross it."""
        return (self.scheme, self.host, self.port)

    @property
    def display(self) -> str:
        """What may be shown to the owner: no userinfo, secret values of the query hidden."""
        return redact(self.url_without_userinfo)

    def __repr__(self) -> str:
        return f"Link({self.display})"


def parse_link(text: str) -> Link:
    """Read a link.

    Raises:
        DownloadError: INVALID_URL, with a sentence that says what is wrong and, where possible, what was meant.
    """
    plain = _PLAIN.fullmatch(text)
    if plain is not None and len(text) < 2048:
        scheme, host, port, path = plain.groups()
        if "/." not in path:
            return Link(scheme, canonical_host(host), int(port) if port else PORTS[scheme], path)
    return _parse(text)


def _parse(text: str) -> Link:
    _check_text(text)
    match = _SHAPE.fullmatch(text)
    if match is None:
        raise _no_shape(text)
    scheme, authority, path, query, fragment = match.groups()
    scheme = scheme.lower()
    if scheme not in PORTS:
        raise _invalid(f"Links of the kind {scheme}:// are not supported.")
    if not authority:
        raise _invalid("The link has no host." + _meant(f"{scheme}://{path.lstrip('/')}"))
    userinfo, _, place = authority.rpartition("@")
    user, password = _userinfo(userinfo)
    if len(place) > 1024:
        raise _invalid("The link's host name is too long.")
    host, port = _place(place, scheme)
    if scheme not in ("http", "https") and _ENCODED_CONTROL.search(path):
        raise _invalid("The link's path has a control character in it.")
    link = Link(
        scheme,
        host,
        port,
        _canonical_path(path),
        None if query is None else _QUERY_UNSAFE.sub(_encode, query),
        fragment or "",
        user,
        password,
    )
    if len(link.url_without_userinfo) > MAX_LENGTH:
        # What is percent-encoded grows, and what is stored must be read again.
        raise _invalid(f"The link, percent-encoded, is longer than {MAX_LENGTH} characters.")
    return link


def _check_text(text: str) -> None:
    if not text:
        raise _invalid("The link is empty.")
    if len(text) > MAX_LENGTH:
        raise _invalid(f"The link is longer than {MAX_LENGTH} characters.")
    if _CONTROL.search(text):
        raise _invalid("The link has a control character or a line break in it.")
    if text[0].isspace() or text[-1].isspace():
        raise _invalid("The link begins or ends with a space; remove it.")
    try:
        text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raise _invalid("The link has a character in it that can't be encoded.") from None


def _invalid(message: str) -> DownloadError:
    return DownloadError(Code.INVALID_URL, message)


def _meant(link: str) -> str:
    return f" Did you mean {redact(link)} ?" if len(link) <= 200 and "." in link and " " not in link else ""


def _no_shape(text: str) -> DownloadError:
    """Say what a text that is no link probably was to be."""
    scheme, colon, rest = text.partition(":")
    word = scheme.lower()
    if colon and word in PORTS:
        return _invalid(f"The link lacks the two slashes after {word}:." + _meant(f"{word}://{rest.lstrip('/')}"))
    if colon and word in ("magnet", "data", "file", "javascript", "mailto", "blob", "about", "view-source"):
        return _invalid(f"Links of the kind {word}: are not supported.")
    if text.startswith("//"):
        return _invalid("The link has no scheme." + _meant(f"https:{text}"))
    if text[0] in "/.~":
        return _invalid("This is a path, not a link.")
    return _invalid("The link has no scheme." + _meant(f"https://{text}"))


def _userinfo(text: str) -> tuple[str, str]:
    user, _, password = text.partition(":")
    user, password = unquote(user, errors="surrogateescape"), unquote(password, errors="surrogateescape")
    if _CONTROL.search(user) or _CONTROL.search(password):
        raise _invalid("The link's user or password has a control character in it.")
    return user, password


def _place(place: str, scheme: str) -> tuple[str, int]:
    if place.startswith("["):
        text, bracket, port = place[1:].partition("]")
        if not bracket or (port and not port.startswith(":")):
            raise _invalid("The link's IPv6 address lacks its closing bracket.")
        return _ipv6(text), _port(port[1:], scheme)
    text, _, port = place.partition(":")
    return canonical_host(text), _port(port, scheme)


def _port(text: str, scheme: str) -> int:
    if not text:
        return PORTS[scheme]
    if not (text.isascii() and text.isdigit() and len(text) <= 8 and 0 < int(text) < 65536):
        raise _invalid("The link's port is not a number from 1 to 65535.")
    return int(text)


def _ipv6(text: str) -> str:
    address, _, zone = text.partition("%")
    zone = zone.removeprefix("25")
    try:
        if zone and not re.fullmatch(r"[A-Za-z0-9_.\-]{1,32}", zone, re.ASCII):
            raise ValueError(zone)
        return str(IPv6Address(address)) + (f"%{zone}" if zone else "")
    except ValueError:
        raise _invalid("The link's host is not an IPv6 address.") from None


@lru_cache(maxsize=4096)
def canonical_host(text: str) -> str:
    """Give a host name in ASCII and lower case, or an address as dotted numbers.

    Raises:
        DownloadError: INVALID_URL.
    """
    if "%" in text:
        try:
            text = unquote_to_bytes(text).decode()
        except UnicodeError:
            raise _invalid("The link's host is not a valid name.") from None
    text = text.lower() if text.isascii() else _idna(text)
    host = text[:-1] if text.endswith(".") else text
    if not host:
        raise _invalid("The link has no host.")
    if len(host) > 253 or any(len(label) > 63 for label in host.split(".")):
        raise _invalid("The link's host name is too long.")
    if not _HOST.fullmatch(host):
        raise _invalid("The link's host is not a valid name.")
    last = host.rpartition(".")[2]
    if last.isdigit() or last.startswith("0x"):
        # A resolver would read these as an address in any spelling, so the check must see the same one.
        address = parse_ipv4(host)
        if address is None:
            raise _invalid("The link's host is not a valid address.")
        return str(address)
    return host


def _idna(text: str) -> str:
    """Encode a name as browsers do (UTS 46, without transitional forms), near enough to refuse what they refuse."""
    text = _IDNA_DOTS.sub(".", unicodedata.normalize("NFKC", text.lower()).lower()).replace("\u00ad", "")
    return ".".join(label if label.isascii() else _label(label) for label in text.split("."))


def _label(label: str) -> str:
    kinds = [unicodedata.category(char) for char in label]
    if kinds[0].startswith("M") or any(kind[0] in "CZ" or kind in ("Pi", "Pf", "Ps", "Pe") for kind in kinds):
        raise _invalid("The link's host has a character in it that no host name has.")
    if any(char.isascii() and not (char.isalnum() or char in "-_") for char in label):
        raise _invalid("The link's host is not a valid name.")
    return "xn--" + label.encode("punycode").decode("ascii")


def _encode(match: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in match[0].encode("utf-8", "surrogateescape"))


def _canonical_path(path: str) -> str:
    path = _PATH_UNSAFE.sub(_encode, path) or "/"
    if not _DOTS.search(path):
        return path
    kept: list[str] = []
    parts = path[1:].split("/")
    for index, part in enumerate(parts):
        plain = part.lower().replace("%2e", ".")
        if plain not in (".", ".."):
            kept.append(part)
            continue
        if plain == ".." and kept:
            kept.pop()
        if index == len(parts) - 1:
            kept.append("")
    return "/" + "/".join(kept)


def public(url: str) -> str:
    """Give a link without userinfo, whatever its shape."""
    return _USERINFO.sub(r"\1", url)


def bare(url: str) -> str:
    """Give a link without userinfo, query and fragment: what history and other users see."""
    return re.split(r"[?#]", public(url), maxsplit=1)[0]


def secret_parameter(name: str) -> bool:
    """Say whether a query parameter of this name is likely to carry a secret."""
    name = unquote(name).lower()
    return name in _SECRET_EXACT or _SECRET_PART.search(name) is not None


def redact(url: str) -> str:
    """Give a link without userinfo and fragment, the values of secret query parameters hidden."""
    url, _, _ = public(url).partition("#")
    path, mark, query = url.partition("?")
    if not mark:
        return url
    return path + "?" + "&".join(_redact_pair(pair) for pair in query.split("&"))


def _redact_pair(pair: str) -> str:
    name, equals, value = pair.partition("=")
    if not equals:
        # A query that is one long word is a token more often than not.
        return HIDDEN if len(pair) >= 24 else pair
    return f"{name}={HIDDEN}" if value and secret_parameter(name) else pair


def redact_text(text: str) -> str:
    """Redact every link in a sentence."""
    return _IN_TEXT.sub(lambda match: redact(match[0]), text) if "://" in text else text


def secret_query(url: str) -> bool:
    """Say whether a link's query carries what looks like a secret."""
    return redact(url) != public(url).partition("#")[0]


def raw_name(url: str) -> str:
    """Give the last component of a link's path, decoded but not cleaned; empty where there is none."""
    path = url.partition("#")[0].partition("?")[0]
    _, mark, place = path.partition("://")
    last = (place if mark else path).rpartition("/")
    name = last[2] if last[1] else ""
    if "%" not in name:
        return name
    data = unquote_to_bytes(name.encode("utf-8", "surrogatepass"))
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("latin-1")


def name_from_link(url: str, content_type: str = "") -> str:
    """Give a safe file name for a link; by the type where its path has none (`index.html`)."""
    name = raw_name(url)
    return safe_name(name) if name else name_for_type(content_type)
