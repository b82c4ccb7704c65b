"""Bitfields and options of aria2's RPC."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui_downloads.api.aria2 import options, protocol, shapes
from tui_downloads.api.aria2.protocol import RpcError
from tui_downloads.core.snapshots import Limits
from tui_downloads.core.spec import AddRequest, OnConflict

MIB = 1 << 20


@pytest.mark.parametrize(
    ("size", "spans", "expected"),
    [
        (8 * MIB, [(0, 8 * MIB)], "ff"),
        (8 * MIB, [(0, MIB)], "80"),
        (8 * MIB, [(MIB // 2, 2 * MIB)], "40"),
        (8 * MIB, [(7 * MIB, 8 * MIB)], "01"),
        (9 * MIB, [(0, 9 * MIB)], "ff80"),
        (9 * MIB + 1, [(9 * MIB, 9 * MIB + 1)], "0040"),
        (100, [(0, 99)], "00"),
        (100, [(0, 100)], "80"),
    ],
)
def test_a_bitfield_tells_whole_pieces(size, spans, expected):
    """The first piece is the highest bit; a piece that is not whole is not there."""
    assert shapes.bitfield(size, spans) == expected


@given(st.integers(1, 1 << 50))
def test_a_bitfield_stays_small(size):
    """However large the file."""
    length = shapes.piece_length(size)
    assert size <= length * shapes.MOST_PIECES and length % MIB == 0
    assert len(shapes.bitfield(size, [(0, size)])) <= shapes.MOST_PIECES // 4


def test_options_reach_the_request():
    """Each in its place."""
    request = options.to_request(
        AddRequest("https://e.org/"),
        {
            "max-download-limit": "1M", "lowest-speed-limit": "1K", "user-agent": "me", "referer": "https://r/",
            "timeout": "30", "connect-timeout": "5", "max-tries": "3", "checksum": "sha-256=" + "a" * 64,
            "allow-overwrite": "true", "http-user": "u", "http-passwd": "p", "all-proxy": "http://x:y%40@proxy:3128",
            "split": "16", "max-connection-per-server": "4",
        },
    )  # fmt: skip
    found = request.options
    assert (found.limit, found.min_rate, found.timeout, found.connect_timeout) == (MIB, 1024, 30.0, 5.0)
    assert (found.retries, found.connections, found.user_agent, found.referer) == (2, 4, "me", "https://r/")
    assert found.checksum == "sha256:" + "a" * 64 and found.on_conflict is OnConflict.OVERWRITE
    assert found.proxy == "http://proxy:3128"
    secrets = request.credentials
    assert (secrets.user, secrets.password, secrets.proxy_user, secrets.proxy_password) == ("u", "p", "x", "y@")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("split", "0"), ("split", "-1"), ("max-download-limit", "x"), ("timeout", "1.5"), ("pause", "yes"),
        ("checksum", "md5=zz"), ("header", "no colon"), ("all-proxy", "http://"), ("max-tries", ""),
        ("max-connection-per-server", "99999999999999999999"), ("allow-overwrite", "1"),
    ],
)  # fmt: skip
def test_a_value_that_makes_no_sense_names_its_option(name, value):
    """As aria2 says it."""
    with pytest.raises(RpcError, match=f"'--{name}'"):
        options.to_request(AddRequest("https://e.org/"), {name: value})


def test_unlimited_tries_and_mirrors():
    """0 tries are without end; each mirror is a server."""
    request = options.to_request(AddRequest("https://e.org/"), {"max-tries": "0"})
    assert request.options.retries == 1000
    two = AddRequest("https://e.org/", mirrors=("https://f.org/",))
    found = options.to_request(two, {"split": "5", "max-connection-per-server": "2"})
    assert found.options.connections == 4


def test_a_change_holds_only_what_was_given():
    """The rest stays as it is."""
    change = options.to_change({"out": "b", "bt-max-peers": "5"})
    assert change.name == "b" and change.limit is None and change.connections is None and change.headers is None


def test_limits_are_read_and_others_ignored():
    """Numbers as texts."""
    limits = options.to_limits(Limits(), {"max-concurrent-downloads": 7, "max-overall-download-limit": "2M", "x": "y"})
    assert (limits.downloads, limits.rate) == (7, 2 * MIB)


@given(
    st.dictionaries(st.sampled_from(sorted(options.NAMED)), st.one_of(st.text(max_size=20), st.integers(), st.none()))
)
def test_any_options_are_read_or_refused(given_options):
    """Nothing else happens."""
    try:
        options.to_request(AddRequest("https://e.org/"), given_options)
    except RpcError as error:
        assert "option '--" in error.message


@given(st.binary(max_size=200))
def test_any_body_is_read_or_refused(body):
    """Nothing else happens."""
    try:
        found = protocol.read(body)
        for one in found if isinstance(found, list) else [found]:
            if isinstance(one, dict):
                protocol.call_of(one)
    except RpcError as error:
        assert error.status in (400, 500)
