"""Errors: every code has its facts, and an error carries them."""

from __future__ import annotations

import pytest

from tui_downloads.core.errors import (
    TRAITS,
    Code,
    Conflict,
    DownloadError,
    Exit,
    Fault,
    Forbidden,
    Interrupted,
    NotFound,
    RequestError,
    TuiDownloadsError,
)


@pytest.mark.parametrize("code", list(Code))
def test_every_code_says_whose_fault_and_what_next(code):
    """A code without a next step would leave the user alone."""
    trait = TRAITS[code]
    assert trait.next_step.endswith(".") or "tui-downloads" in trait.next_step
    assert trait.exit in {value for name, value in vars(Exit).items() if name.isupper()} - {Exit.OK}
    assert code.value == code.name


def test_exit_codes_are_distinct():
    """A script can tell the causes apart."""
    values = [value for name, value in vars(Exit).items() if name.isupper()]
    assert sorted(values) == list(range(14))


def test_an_error_has_its_codes_facts():
    """Unless it is told otherwise."""
    error = DownloadError(Code.TLS_ERROR, "The certificate has expired.")
    assert (error.fault, error.exit, error.retry, error.resumable) == (Fault.SERVER, Exit.NETWORK, False, True)
    assert error.next_step == TRAITS[Code.TLS_ERROR].next_step
    assert str(error) == "The certificate has expired."
    assert (error.status, error.retry_after) == (None, None)


def test_an_error_may_know_better_than_its_code():
    """Where the place that raises it knows more."""
    error = DownloadError(
        Code.TLS_ERROR, "x", next_step="Wait.", retry=True, resumable=False, retry_after=3.0, status=495
    )
    assert (error.next_step, error.retry, error.resumable) == ("Wait.", True, False)
    assert (error.retry_after, error.status) == (3.0, 495)


def test_a_repr_names_code_and_message():
    """A log line tells what happened."""
    assert repr(NotFound("No download abc.")) == "NotFound(NOT_FOUND: No download abc.)"


def test_being_stopped_is_resumable():
    """Nothing is lost by an interruption."""
    error = Interrupted()
    assert (error.code, error.resumable, error.exit) == (Code.INTERRUPTED, True, Exit.INTERRUPTED)


def test_refused_commands_have_their_codes():
    """The API maps them to its statuses."""
    assert Conflict("x").code is Code.INVALID_STATE
    assert Conflict("x", code=Code.DUPLICATE).code is Code.DUPLICATE
    assert Forbidden("x").code is Code.DOWNLOAD_FORBIDDEN
    assert Forbidden("x", code=Code.QUOTA_EXCEEDED).code is Code.QUOTA_EXCEEDED
    assert all(issubclass(kind, RequestError) for kind in (Conflict, Forbidden, NotFound))
    assert all(issubclass(kind, TuiDownloadsError) for kind in (RequestError, DownloadError))
