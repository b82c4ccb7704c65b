"""What libcurl's codes mean."""

from __future__ import annotations

import errno

import pycurl
import pytest

from tui_downloads.core.errors import Code
from tui_downloads.transport.errors_map import TABLE, Trouble, clean, translate


def easy_codes() -> dict[int, str]:
    """Give pycurl's codes of transfers; those of the multi interface are a caller's mistakes and never reach here."""
    names = [name for name in dir(pycurl) if name.startswith("E_") and not name.startswith("E_MULTI_")]
    codes = {getattr(pycurl, name): name for name in names}
    return {number: name for number, name in codes.items() if number > 0}


def test_the_table_is_whole():
    """Every code that pycurl has a name for is translated on purpose."""
    assert [name for number, name in easy_codes().items() if number not in TABLE] == []


@pytest.mark.parametrize("number", sorted(TABLE))
def test_every_error_is_one_line_with_a_next_step(number):
    """Whatever libcurl says, the message is one clear line."""
    error = translate(Trouble(number, "a\nb\x1b[31m http://u:p@h/?token=canary"))
    assert "\n" not in error.message and "\x1b" not in error.message
    assert "canary" not in error.message and "u:p" not in error.message
    assert error.next_step


@pytest.mark.parametrize("proxied", [False, True])
def test_a_late_connection_names_the_switch_of_connections(proxied):
    """--timeout is about bytes of a connection that is there, and would not help."""
    step = translate(Trouble(28, proxied=proxied, timeout=5)).next_step
    assert "--connect-timeout" in step and "--timeout" not in step


@pytest.mark.parametrize(
    ("trouble", "code"),
    [
        (Trouble(6), Code.DNS_ERROR),
        (Trouble(7, errno=errno.ECONNREFUSED), Code.NETWORK_ERROR),
        (Trouble(7, proxied=True), Code.PROXY_ERROR),
        (Trouble(7, errno=errno.EMFILE), Code.NETWORK_ERROR),
        (Trouble(9, "Server denied you to change to the given directory"), Code.REMOTE_FILE_NOT_FOUND),
        (Trouble(9, "Permission denied"), Code.HTTP_REFUSED),
        (Trouble(18), Code.TRUNCATED),
        (Trouble(28, timeout=5), Code.STALLED),
        (Trouble(28, proxied=True, timeout=5), Code.PROXY_ERROR),
        (Trouble(28, proxied=True, connect_status=200, timeout=5), Code.STALLED),
        (Trouble(35, proxied=True), Code.TLS_ERROR),
        (Trouble(35, proxied=True, tls_proxy=True), Code.PROXY_ERROR),
        (Trouble(56, "unexpected eof while reading", headers=True, tls=True, reached=True), Code.TRUNCATED),
        (Trouble(56, "unexpected eof while reading", tls=True, reached=True), Code.NETWORK_ERROR),
        (Trouble(56, errno=errno.ECONNRESET, headers=True, reached=True), Code.NETWORK_ERROR),
        (Trouble(56, proxied=True, connect_status=407), Code.PROXY_AUTH_REQUIRED),
        (Trouble(56, proxied=True, connect_status=403), Code.PROXY_ERROR),
        (Trouble(56, proxied=True, reached=True), Code.NETWORK_ERROR),
        (Trouble(97, "User was rejected by the SOCKS5 server (1 1)."), Code.PROXY_AUTH_REQUIRED),
        (Trouble(97), Code.PROXY_ERROR),
        (Trouble(60), Code.TLS_ERROR),
        (Trouble(67), Code.AUTH_REQUIRED),
        (Trouble(78), Code.REMOTE_FILE_NOT_FOUND),
        (Trouble(12345), Code.NETWORK_ERROR),
    ],
)
def test_where_it_happened_decides(trouble, code):
    """The same code means another thing on the way to a proxy, before the head, or within a body."""
    assert translate(trouble).code is code


def test_clean_bounds_a_foreign_message():
    """A server's words are cut to 200 characters."""
    assert len(clean("x" * 5000)) == 200
