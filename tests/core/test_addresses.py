"""Addresses in every spelling, and which are public."""

from __future__ import annotations

from ipaddress import IPv4Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui_downloads.core.addresses import embedded, is_public, parse_address, parse_ipv4, text_is_public


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1", "127.0.0.1"), ("2130706433", "127.0.0.1"), ("0x7f.1", "127.0.0.1"),
        ("0X7F000001", "127.0.0.1"), ("017700000001", "127.0.0.1"), ("0", "0.0.0.0"), ("127.1", "127.0.0.1"),
        ("10.258", "10.0.1.2"), ("1.2.772", "1.2.3.4"), ("0x", "0.0.0.0"), ("255.255.255.255", "255.255.255.255"),
    ],
)  # fmt: skip
def test_s25_every_spelling_of_an_ipv4_address_is_read(text: str, address: str):
    """S25: decimal, octal, hexadecimal and short forms are the address that a resolver would connect to."""
    assert str(parse_ipv4(text)) == address


@pytest.mark.parametrize(
    "text", ["", "a", "1.2.3.4.5", "256.1.1.1", "1.2.3.256", "4294967296", "08", "1..2", "0xg", "1" * 50, "-1"]
)
def test_what_is_no_ipv4_address_is_none(text: str):
    """Names and nonsense are not taken for addresses."""
    assert parse_ipv4(text) is None


def test_brackets_zones_and_final_dots_are_understood():
    """A literal may stand as it stands in a link."""
    assert str(parse_address("[::1]")) == "::1"
    assert str(parse_address("fe80::1%eth0")) == "fe80::1%eth0"
    assert str(parse_address("127.1.")) == "127.0.0.1"
    assert parse_address("::g") is None
    assert parse_address("example.org") is None


@pytest.mark.parametrize(
    ("text", "inner"),
    [
        ("::ffff:127.0.0.1", "127.0.0.1"), ("::127.0.0.1", "127.0.0.1"), ("::ffff:0:10.0.0.1", "10.0.0.1"),
        ("64:ff9b::10.0.0.1", "10.0.0.1"), ("2002:7f00:1::", "127.0.0.1"),
        ("2001:0:4136:e378:8000:63bf:80ff:fffe", "127.0.0.1"), ("fe80::5efe:10.0.0.1", "10.0.0.1"),
        ("2606:4700::200:5efe:10.0.0.1", "10.0.0.1"), ("2606:4700::1", None), ("1.2.3.4", None),
    ],
)  # fmt: skip
def test_s26_addresses_are_unwrapped(text: str, inner: str | None):
    """S26: mapped, compatible, NAT64, 6to4, Teredo and ISATAP addresses are what they wrap."""
    assert embedded(ip_address(text)) == (None if inner is None else IPv4Address(inner))


@pytest.mark.parametrize(
    "text",
    [
        "8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "2002:808:808::1",
        "[2606:4700:4700::1111]", "100.63.255.255", "100.128.0.0", "172.32.0.1", "2400:cb00::1",
    ],
)  # fmt: skip
def test_public_addresses_are_public(text: str):
    """Ordinary addresses of the internet pass."""
    assert text_is_public(text)


@pytest.mark.parametrize(
    "text",
    [
        "127.0.0.1", "0.0.0.0", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.169.254",
        "100.64.0.1", "100.127.255.255", "192.0.0.8", "192.0.2.1", "198.18.0.1", "198.51.100.1", "203.0.113.1",
        "192.88.99.1", "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255", "::", "::1", "fe80::1", "fe80::1%eth0",
        "fc00::1", "fd00::1", "fec0::1", "ff02::1", "100::1", "2001:db8::1", "2001:2::1", "3fff::1", "64:ff9b:1::1",
        "::ffff:127.0.0.1", "::ffff:169.254.169.254", "64:ff9b::192.168.0.1", "2002:a00:1::",
        "2001:0:4136:e378:8000:63bf:80ff:fffe", "5f00::1", "", "example.org", "1.2.3",
    ],
)  # fmt: skip
def test_s26_everything_else_is_not(text: str):
    """S26: private, shared, reserved, documentation and multicast addresses, and what is no address, are not public."""
    assert not text_is_public(text)


@given(st.ip_addresses())
def test_a_mapped_address_is_as_public_as_itself(address):
    """Wrapping never changes the verdict, and nothing that Python calls private is public."""
    if address.version == 4:
        assert is_public(address) == text_is_public(f"::ffff:{address}") == text_is_public(f"64:ff9b::{address}")
    if address.is_private and embedded(address) is None:
        assert not is_public(address)


@given(st.text(alphabet="0123456789abcdefx.:[]%", max_size=40))
def test_reading_never_raises(text: str):
    """Any text is an address or none."""
    parse_address(text)
    text_is_public(text)
