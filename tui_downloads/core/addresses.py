"""IP addresses in every spelling that a resolver would take, and which of them are public."""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from .late import late

Address = IPv4Address | IPv6Address

_NUMBER = late(r"0[xX][0-9a-fA-F]*|[0-9]+", re.ASCII)

# The registries of special addresses are written out here because `is_global` differs between Python versions.
_SPECIAL4 = tuple(
    IPv4Network(net)
    for net in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
        "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24",
        "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
    )
)  # fmt: skip
_GLOBAL6 = IPv6Network("2000::/3")
_SPECIAL6 = tuple(
    IPv6Network(net) for net in ("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20")
)
_NAT64 = IPv6Network("64:ff9b::/96")
_TEREDO = IPv6Network("2001::/32")
_ISATAP = (0x00005EFE, 0x02005EFE)


def parse_ipv4(text: str) -> IPv4Address | None:
    """Read an IPv4 address as `inet_aton` does: one to four numbers, decimal, octal or hexadecimal."""
    parts = text.split(".")
    if len(parts) > 4 or not all(_NUMBER.fullmatch(part) and len(part) <= 40 for part in parts):
        return None
    try:
        values = [_number(part) for part in parts]
    except ValueError:
        return None
    *first, last = values
    if any(value > 255 for value in first) or last >= 256 ** (5 - len(values)):
        return None
    total = last
    for index, value in enumerate(first):
        total += value << (8 * (3 - index))
    return IPv4Address(total)


def _number(text: str) -> int:
    if text[:2] in ("0x", "0X"):
        return int(text[2:] or "0", 16)
    if len(text) > 1 and text.startswith("0"):
        return int(text, 8)
    return int(text)


def parse_address(text: str) -> Address | None:
    """Read a literal address, brackets and zone allowed; None for a name."""
    if text.startswith("[") and text.endswith("]"):
        text = text[1:-1]
    if ":" in text:
        try:
            return IPv6Address(text)
        except ValueError:
            return None
    return parse_ipv4(text[:-1] if text.endswith(".") else text)


def embedded(address: Address) -> IPv4Address | None:
    """Give the IPv4 address inside a mapped, compatible, NAT64, 6to4, Teredo or ISATAP address; else None."""
    if isinstance(address, IPv4Address):
        return None
    number = int(address)
    if number >> 32 in (0, 0xFFFF, 0xFFFF_0000) or address in _NAT64:
        return IPv4Address(number & 0xFFFF_FFFF)
    if number >> 112 == 0x2002:
        return IPv4Address(number >> 80 & 0xFFFF_FFFF)
    if address in _TEREDO:
        return IPv4Address(~number & 0xFFFF_FFFF)
    if number >> 32 & 0xFFFF_FFFF in _ISATAP:
        return IPv4Address(number & 0xFFFF_FFFF)
    return None


def is_public(address: Address) -> bool:
    """Say whether an address is one of the public internet, whatever it is wrapped in."""
    inner = embedded(address)
    if inner is not None:
        return is_public(inner)
    if isinstance(address, IPv4Address):
        return not any(address in net for net in _SPECIAL4)
    return address in _GLOBAL6 and not any(address in net for net in _SPECIAL6)


@lru_cache(maxsize=4096)
def text_is_public(text: str) -> bool:
    """Say whether the text is a public address; what is no address is not."""
    try:
        return is_public(ip_address(text.strip("[]").partition("%")[0]))
    except ValueError:
        return False
