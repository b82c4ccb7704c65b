"""Rows and what they hold."""

from __future__ import annotations

import pytest

from tui_downloads.core.spec import AddRequest, Options
from tui_downloads.store import rows

from .builders import CANARY, build, full


@pytest.mark.parametrize(
    ("url", "wanted"),
    [
        ("https://u:p@example.org/a@b?c=d@e", "https://example.org/a@b?c=d@e"),
        ("ftp://u@example.org", "ftp://example.org"),
        ("https://example.org/a@b", "https://example.org/a@b"),
        ("https://a@b@example.org/", "https://example.org/"),
        ("no link", "no link"),
    ],
)
def test_userinfo_is_cut(url, wanted):
    """Only the authority can hold userinfo."""
    assert rows.public(url) == wanted


def test_userinfo_that_a_caller_left_in_a_link_is_a_secret():
    """It goes to the credentials and comes back from there."""
    request = AddRequest(
        f"https://u:{CANARY}@example.org/",
        mirrors=(f"ftp://u:{CANARY}@b.example/",),
        options=Options(proxy=f"http://u:{CANARY}@proxy.example"),
    )
    download = build(1, request=request, url="https://example.org/")
    public = rows.write_request(download)
    assert CANARY not in public
    secret = rows.write_secret(request)
    assert rows.with_secret(rows.read_request(public, download.url, "local"), secret) == request


def test_no_row_but_the_secret_one_holds_a_secret():
    """S20: a canary in every credential appears in the credentials alone."""
    download = full()
    told = [rows.fixed(1, download), rows.living(download, 0), [rows.file_living(file) for file in download.files]]
    assert CANARY not in repr(told)
    assert CANARY in rows.write_secret(download.request)


def test_unsigned_numbers_survive():
    """Inodes may use all 64 bits."""
    for number in (0, 2**63 - 1, 2**63, 2**64 - 1):
        assert rows.unsigned(rows.signed(number)) == number
