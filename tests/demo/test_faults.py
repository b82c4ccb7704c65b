"""The options of a link."""

from __future__ import annotations

import pytest

from tui_downloads.demo.faults import BadLink, Faults, read_faults, read_size


@pytest.mark.parametrize(
    ("text", "size"),
    [("0", 0), ("5000", 5000), ("20k", 20_000), ("20KiB", 20_480), ("3MB", 3_000_000), ("2GiB", 2 << 30)],
)
def test_sizes_are_read(text: str, size: int):
    """Plain, decimal and binary units."""
    assert read_size(text) == size


def test_an_empty_query_is_honest():
    """No option, no fault."""
    assert read_faults("") == Faults()


def test_options_compose():
    """Each option sets its own trait."""
    assert read_faults("rate=20k&etag=weak&nolm") == Faults(rate=20_000, etag="weak", nolm=True)


def test_a_comma_limits_an_option_to_the_first_requests():
    """`status=503,first=2` is two options in one."""
    assert read_faults("status=503,first=2") == Faults(status=503, first=2)


def test_first_spares_the_requests_after_it():
    """The troubles end, the traits stay."""
    faults = Faults(status=503, rate=9, first=2)
    assert [faults.met_by(n, 0).status for n in (1, 2, 3)] == [503, 503, None]
    assert faults.met_by(3, 0).rate == 9


def test_after_spares_the_requests_before_it():
    """The troubles begin late."""
    assert [Faults(html=True, after=1).met_by(n, 0).html for n in (1, 2)] == [False, True]


def test_mid_spares_ranges_from_the_start():
    """Only a resumed or parallel range meets the trouble."""
    assert [Faults(norange=True, mid=True).met_by(1, start).norange for start in (0, 5)] == [False, True]


def test_parameters_of_signed_links_are_let_through():
    """They belong to the link and mean nothing here."""
    assert read_faults("token=abc&X-Amz-Signature=1") == Faults()


@pytest.mark.parametrize(
    "query", ["trunkate=5", "wrongrange=sideways", "rate=fast", "first=one", "slow=5", "slow=1:fast"]
)
def test_a_mistake_is_named(query: str):
    """Unknown option or value: the message says which."""
    with pytest.raises(BadLink, match=query.partition("=")[0]):
        read_faults(query)
