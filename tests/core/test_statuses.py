"""What a status without a file means."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui_downloads.core.errors import Code
from tui_downloads.core.statuses import refusal


@pytest.mark.parametrize(
    ("status", "code", "retry"),
    [
        (401, Code.AUTH_REQUIRED, False), (403, Code.AUTH_REQUIRED, False), (407, Code.PROXY_AUTH_REQUIRED, False),
        (404, Code.REMOTE_FILE_NOT_FOUND, True), (410, Code.REMOTE_FILE_NOT_FOUND, True),
        (408, Code.SERVER_ERROR, True), (421, Code.SERVER_ERROR, True), (425, Code.SERVER_ERROR, True),
        (429, Code.RATE_LIMITED, True), (503, Code.SERVER_ERROR, True), (500, Code.SERVER_ERROR, True),
        (502, Code.SERVER_ERROR, True), (504, Code.SERVER_ERROR, True), (522, Code.SERVER_ERROR, True),
        (501, Code.HTTP_REFUSED, False), (400, Code.HTTP_REFUSED, False), (451, Code.HTTP_REFUSED, False),
        (204, Code.NOT_A_FILE, False), (205, Code.NOT_A_FILE, False), (304, Code.NOT_A_FILE, False),
        (202, Code.SERVER_ERROR, True), (207, Code.NOT_A_FILE, False), (300, Code.REDIRECT_ERROR, False),
        (999, Code.PROTOCOL_ERROR, False), (0, Code.PROTOCOL_ERROR, False),
    ],
)  # fmt: skip
def test_a_status_has_a_code_and_says_whether_to_retry(status: int, code: Code, retry: bool):
    """The message names the status in words where it has any."""
    error = refusal(status).error
    assert (error.code, error.retry, error.status) == (code, retry, status)
    assert str(status) in error.message


def test_the_message_uses_our_words():
    """Not the server's reason phrase."""
    assert refusal(404).error.message == "The file is not there (404 Not Found)."
    assert refusal(599).error.message == "The server answered 599."


def test_retry_after_is_kept_where_a_retry_helps():
    """Seconds or a date, bounded; nonsense is none."""
    assert refusal(503, "7").error.retry_after == 7
    assert refusal(429, "Thu, 01 Jan 1970 00:01:40 GMT", 40.0).error.retry_after == 60
    assert refusal(429, "soon").error.retry_after is None
    assert refusal(403, "7").error.retry_after is None
    assert refusal(429, "9" * 30).error.retry_after == 3600


@given(st.integers(), st.text(st.characters(exclude_categories=())))
def test_no_status_raises(status: int, wait: str):
    """Whatever the number and the field."""
    assert refusal(status, wait, 0.0).error.message
