"""What a caller's downloads may reach."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui_downloads.core.errors import Code, DownloadError, RequestError
from tui_downloads.core.links import parse_link
from tui_downloads.core.policy import (
    check_address,
    check_domain,
    check_folder,
    check_link,
    check_pattern,
    host_is_literal,
    inside,
    matches,
)
from tui_downloads.core.spec import Policy

STRICT = Policy(private=False)


def code(check, *args) -> Code | None:
    try:
        check(*args)
    except DownloadError as error:
        assert "\n" not in error.message
        return error.code
    return None


@pytest.mark.parametrize(
    ("host", "pattern", "yes"),
    [
        ("example.org", "example.org", True), ("EXAMPLE.org.", "example.ORG", True),
        ("www.example.org", "example.org", False),
        ("www.example.org", "*.example.org", True), ("a.b.example.org", "*.example.org", True),
        ("example.org", "*.example.org", False), ("badexample.org", "*.example.org", False), ("x", "*", True),
        ("bücher.example", "xn--bcher-kva.example", True), ("xn--bcher-kva.example", " *.example ", True),
        ("127.0.0.1", "127.1", True), ("127.0.0.1", "*.0.0.1", False), ("[::1]", "::1", True), ("a b", "a b", True),
    ],
)  # fmt: skip
def test_patterns_are_exact_or_all_below(host: str, pattern: str, yes: bool):
    """Case, final dots, IDNA and spellings of addresses make no difference."""
    assert matches(host, pattern) is yes


def test_a_blocked_domain_wins_over_an_allowed_one():
    """DOMAIN_BLOCKED, with the name in the message."""
    policy = Policy(allowed=("*.example.org",), blocked=("bad.example.org",))
    assert code(check_domain, "good.example.org", policy) is None
    assert code(check_domain, "bad.example.org", policy) is Code.DOMAIN_BLOCKED
    assert code(check_domain, "example.org", policy) is Code.DOMAIN_BLOCKED
    assert code(check_domain, "other.org", Policy(blocked=("example.org",))) is None
    assert code(check_domain, "anything", Policy()) is None


@pytest.mark.parametrize(
    "host", ["2130706433", "0x7f.1", "017700000001", "0", "127.1", "[::ffff:127.0.0.1]", "[::1]", "100.64.1.1"]
)
def test_s25_a_link_to_a_private_address_is_blocked_in_any_spelling(host: str):
    """S25: ADDRESS_BLOCKED before anything is sent, unless the policy allows private addresses."""
    link = parse_link(f"http://{host}/")
    assert code(check_link, link, STRICT) is Code.ADDRESS_BLOCKED
    assert code(check_link, link, Policy()) is None


def test_a_link_to_a_name_passes_until_it_is_connected():
    """The address is checked at connect time."""
    assert code(check_link, parse_link("http://localhost/"), STRICT) is None
    assert code(check_link, parse_link("http://8.8.8.8/"), STRICT) is None
    assert code(check_link, parse_link("http://a.org/"), Policy(blocked=("a.org",))) is Code.DOMAIN_BLOCKED


def test_s26_the_connected_address_is_checked():
    """S26: what is not of the public internet, or no address at all, is blocked."""
    assert code(check_address, "8.8.8.8", STRICT) is None
    assert code(check_address, "64:ff9b::7f00:1", STRICT) is Code.ADDRESS_BLOCKED
    assert code(check_address, "nonsense", STRICT) is Code.ADDRESS_BLOCKED
    assert code(check_address, "nonsense", Policy()) is None


def test_s4_a_folder_is_inside_by_common_path():
    """S4: never by string prefix."""
    policy = Policy(folders=("/srv/dl",))
    assert code(check_folder, "/srv/dl/a", policy) is None
    assert code(check_folder, "/srv/dl", policy) is None
    assert code(check_folder, "/srv/dl-other", policy) is Code.DOWNLOAD_FORBIDDEN
    assert code(check_folder, "/anywhere", Policy()) is None
    assert not inside("relative", "/srv")


def test_a_pattern_has_one_spelling():
    """What settings and tokens keep."""
    assert check_pattern(" *.Bücher.Example. ") == "*.xn--bcher-kva.example"
    assert check_pattern("*") == "*"
    assert check_pattern("127.1") == "127.0.0.1"


@pytest.mark.parametrize("pattern", ["", "*.", "a.*.org", "http://a.org", "a b", "**"])
def test_a_wrong_pattern_is_refused(pattern: str):
    """INVALID_OPTION."""
    with pytest.raises(RequestError) as caught:
        check_pattern(pattern)
    assert caught.value.code is Code.INVALID_OPTION


def test_a_literal_host_is_told_as_an_address():
    """Names are none."""
    assert host_is_literal("0x7f.1") == "127.0.0.1"
    assert host_is_literal("[::1]") == "::1"
    assert host_is_literal("localhost") is None


@given(st.text(st.characters(exclude_categories=())), st.text(st.characters(exclude_categories=())))
def test_checking_never_raises_anything_else(host: str, pattern: str):
    """Any text is a host, and any pattern is matched or refused."""
    matches(host, pattern)
    host_is_literal(host)
    assert code(check_domain, host, Policy(allowed=(pattern,))) in (None, Code.DOMAIN_BLOCKED)
    try:
        check_pattern(pattern)
    except RequestError as error:
        assert error.code is Code.INVALID_OPTION
