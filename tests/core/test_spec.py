"""Requests: secrets stay out of sight, and copies change only what is named."""

from __future__ import annotations

import pytest

from tui_downloads.core.spec import AddRequest, Credentials


@pytest.mark.parametrize(
    "facts",
    [
        {"headers": (("Authorization", "s3cret"),)},
        {"user": "s3cret"},
        {"password": "s3cret"},
        {"cookies": "s3cret"},
        {"proxy_user": "s3cret"},
        {"proxy_password": "s3cret"},
        {"extra": {"p": "s3cret"}},
    ],
)
def test_a_repr_never_shows_a_secret(facts):
    """Neither its own nor that of a request around it; but that there is one can be asked."""
    secrets = Credentials(**facts)
    assert secrets
    assert repr(secrets) == "Credentials(…)"
    assert "s3cret" not in repr(AddRequest("https://example.org/", credentials=secrets))


def test_no_secrets_are_false():
    """Empty credentials say so."""
    assert not Credentials()
    assert repr(Credentials()) == "Credentials()"


def test_with_changes_what_is_named():
    """The rest is the same."""
    request = AddRequest("https://example.org/", owner="bob")
    assert request.with_(priority=3) == AddRequest("https://example.org/", owner="bob", priority=3)
