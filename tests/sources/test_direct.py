"""A plain link, and what is beside it."""

from __future__ import annotations

from tui_downloads.sources.direct import Direct


def test_a_plain_link_asks_nothing(web, wish):
    """Without `verify` a link is itself."""
    site = web({})
    assert site.drive(Direct(wish("http://a.test/x")).resolve()).files[0].urls == ("http://a.test/x",)
    assert not site.asked


def test_verify_auto_finds_digest_and_signature(web, wish):
    """The digest goes into the file, the signature is kept for a place beside it."""
    digest = "a" * 64
    site = web({"http://a.test/x.sha256": digest.encode(), "http://a.test/x.asc": b"-----BEGIN PGP SIGNATURE-----"})
    source = Direct(wish("http://a.test/x", verify="auto"))
    assert site.drive(source.resolve()).files[0].digests == (("sha256", digest),)
    assert source.signatures == [(".asc", b"-----BEGIN PGP SIGNATURE-----")]
