"""What a caller's downloads may reach: domains by pattern, addresses by kind, folders by leave."""

from __future__ import annotations

import posixpath
from functools import lru_cache

from .addresses import parse_address, text_is_public
from .errors import Code, DownloadError, RequestError
from .links import Link, canonical_host
from .spec import Policy


def check_link(link: Link, policy: Policy) -> None:
    """Check what can be told from the link alone; the address a name leads to is checked at connect time.

    Raises:
        DownloadError: DOMAIN_BLOCKED or ADDRESS_BLOCKED.
    """
    check_domain(link.host, policy)
    literal = host_is_literal(link.host)
    if literal is not None:
        check_address(literal, policy)


def check_domain(host: str, policy: Policy) -> None:
    """Check a host name against the patterns; a blocked one wins over an allowed one.

    Raises:
        DownloadError: DOMAIN_BLOCKED.
    """
    if not policy.blocked and not policy.allowed:
        return
    name = _plain(host)
    if any(matches(name, pattern) for pattern in policy.blocked):
        raise DownloadError(Code.DOMAIN_BLOCKED, f"The domain {_shown(name)} is blocked by the policy.")
    if policy.allowed and not any(matches(name, pattern) for pattern in policy.allowed):
        raise DownloadError(Code.DOMAIN_BLOCKED, f"The domain {_shown(name)} is not among the allowed ones.")


def check_address(ip_text: str, policy: Policy) -> None:
    """Check the address that a connection goes to, or will be reused for.

    Raises:
        DownloadError: ADDRESS_BLOCKED.
    """
    if policy.private or text_is_public(ip_text):
        return
    raise DownloadError(Code.ADDRESS_BLOCKED, "The link leads to a private or special address, which is not allowed.")


def check_folder(real_path: str, policy: Policy) -> None:
    """Check that a folder is inside one that the caller may use; both as real, absolute paths.

    Raises:
        DownloadError: DOWNLOAD_FORBIDDEN.
    """
    if not policy.folders or any(inside(real_path, folder) for folder in policy.folders):
        return
    raise DownloadError(Code.DOWNLOAD_FORBIDDEN, "This caller may not download into that folder.")


def inside(path: str, folder: str) -> bool:
    """Say whether an absolute real path is a folder or lies in it, by common path and not by prefix."""
    try:
        return posixpath.commonpath([path, folder]) == posixpath.normpath(folder)
    except ValueError:
        return False


def host_is_literal(host: str) -> str | None:
    """Give the address when the host is one in any spelling (`2130706433`, `0x7f.1`, `[::1]`); None for a name."""
    address = parse_address(host)
    return None if address is None else str(address)


def matches(host: str, pattern: str) -> bool:
    """Say whether a host is the pattern's: `example.org` is itself only, `*.example.org` is all below it."""
    return _matches(_plain(host), pattern)


def check_pattern(pattern: str) -> str:
    """Give a pattern in its canonical spelling.

    Raises:
        RequestError: INVALID_OPTION.
    """
    text = pattern.strip()
    if text == "*":
        return text
    star, name = ("*.", text[2:]) if text.startswith("*.") else ("", text)
    try:
        if not name or "*" in name:
            raise ValueError(name)
        return star + (host_is_literal(name) or canonical_host(name))
    except (DownloadError, ValueError):
        raise RequestError(
            Code.INVALID_OPTION, "A domain pattern is a name such as example.org or *.example.org."
        ) from None


@lru_cache(maxsize=4096)
def _matches(name: str, pattern: str) -> bool:
    pattern = pattern.strip()
    if pattern == "*":
        return True
    if pattern.startswith("*."):
        return name.endswith("." + _plain(pattern[2:])) and parse_address(name) is None
    return name == _plain(pattern)


@lru_cache(maxsize=4096)
def _plain(host: str) -> str:
    """Give a host in the spelling in which hosts are compared."""
    host = host.strip()
    literal = host_is_literal(host)
    if literal is not None:
        return literal
    try:
        return canonical_host(host)
    except DownloadError:
        return host.rstrip(".").lower()


def _shown(name: str) -> str:
    return "".join(char for char in name[:253] if char.isprintable())
