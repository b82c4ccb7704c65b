"""Which certificate authorities are believed."""

from __future__ import annotations

import os

import pytest

from tui_downloads.core.errors import Code, DownloadError
from tui_downloads.transport.trust import Trust, find_bundle

PEM = b"-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n"


def test_the_environment_comes_first(tmp_path):
    """SSL_CERT_FILE wins over CURL_CA_BUNDLE, and both over the system."""
    first, second = tmp_path / "a", tmp_path / "b"
    first.touch(), second.touch()
    both = {"SSL_CERT_FILE": str(first), "CURL_CA_BUNDLE": str(second)}
    assert find_bundle(both) == str(first)
    assert find_bundle({"CURL_CA_BUNDLE": str(second)}) == str(second)


def test_a_variable_that_names_nothing_is_an_error(tmp_path):
    """Whoever narrowed the trust does not get a wider one by a typing mistake."""
    with pytest.raises(DownloadError) as caught:
        find_bundle({"SSL_CERT_FILE": str(tmp_path / "none")})
    assert caught.value.code is Code.TLS_ERROR
    assert "SSL_CERT_FILE" in caught.value.message


def test_the_first_place_that_exists_is_taken(tmp_path):
    """The system's own bundle."""
    bundle = tmp_path / "bundle.pem"
    bundle.touch()
    assert find_bundle({}, (str(tmp_path / "none"), str(bundle))) == str(bundle)


def test_an_extra_file_is_added_to_the_system(tmp_path, monkeypatch):
    """Both are believed; the joined file is made once, and gone after `close`."""
    system, extra = tmp_path / "system.pem", tmp_path / "extra.pem"
    system.write_bytes(b"SYSTEM\n" + PEM)
    extra.write_bytes(b"EXTRA\n" + PEM)
    monkeypatch.setenv("SSL_CERT_FILE", str(system))
    trust = Trust()
    path = trust.bundle(str(extra))
    with open(path, "rb") as file:
        content = file.read()
    assert b"SYSTEM" in content and b"EXTRA" in content
    assert trust.bundle(str(extra)) == path
    assert trust.bundle(None) == str(system)
    trust.close()
    assert not os.path.exists(path)


def test_a_changed_extra_file_is_read_again(tmp_path, monkeypatch):
    """A new certificate under the same name counts."""
    extra = tmp_path / "extra.pem"
    extra.write_bytes(PEM)
    trust = Trust()
    before = trust.bundle(str(extra))
    extra.write_bytes(PEM + PEM)
    os.utime(extra, ns=(1, 1))
    assert trust.bundle(str(extra)) != before
    trust.close()
