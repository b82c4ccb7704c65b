"""Digests as people, files and servers write them."""

from __future__ import annotations

import base64
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui_downloads.core.digests import (
    SIZES,
    Checksum,
    algorithm_of,
    canonical,
    checksum,
    digest_headers,
    find,
    from_base64,
    hasher,
    parse_checksum,
    parse_checksum_file,
    strongest,
)
from tui_downloads.core.errors import Code, RequestError

SHA256 = hashlib.sha256(b"x").hexdigest()
SHA512 = hashlib.sha512(b"x").hexdigest()
MD5 = hashlib.md5(b"x").hexdigest()
SHA1 = hashlib.sha1(b"x").hexdigest()


def b64(digits: str) -> str:
    return base64.b64encode(bytes.fromhex(digits)).decode()


@pytest.mark.parametrize("algorithm", SIZES)
def test_every_algorithm_is_one_of_hashlib(algorithm: str):
    """The table's lengths are the real ones."""
    assert hasher(algorithm).digest_size == SIZES[algorithm]
    assert canonical(algorithm) == algorithm


@pytest.mark.parametrize(
    ("name", "algorithm"),
    [
        ("SHA-256", "sha256"), ("sha256", "sha256"), ("SHA2-256", "sha256"), ("sha256sum", "sha256"), ("SHA", "sha1"),
        ("sha-1", "sha1"), ("SHA3-512", "sha3_512"), ("sha3_224", "sha3_224"), ("BLAKE2b", "blake2b"),
        ("BLAKE2b-512", "blake2b"), ("b2sum", "blake2b"), ("blake2s-256", "blake2s"), ("MD5", "md5"), ("crc32", None),
        ("", None), ("sha2", None), ("sha224", "sha224"),
    ],
)  # fmt: skip
def test_an_algorithm_has_many_spellings(name: str, algorithm: str | None):
    """All lead to hashlib's name; unknown ones to none."""
    assert canonical(name) == algorithm


@pytest.mark.parametrize(
    ("text", "algorithm"),
    [
        (f"sha-256:{SHA256}", "sha256"), (f"sha256={SHA256}", "sha256"), (f" SHA256: {SHA256.upper()} ", "sha256"),
        (SHA256, "sha256"), (MD5, "md5"), (SHA1, "sha1"), (SHA512, "sha512"), (f"sha3-256:{SHA256}", "sha3_256"),
    ],
)  # fmt: skip
def test_a_checksum_is_read(text: str, algorithm: str):
    """With an algorithm in any spelling, or by its length."""
    found = parse_checksum(text)
    assert found.algorithm == algorithm
    assert str(found) == f"{algorithm}:{found.hex}"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "ALGORITHM:HEX"), ("sha256:xyz", "ALGORITHM:HEX"), ("sha257:" + SHA256, "not known"),
        ("sha256:" + MD5, "64 hexadecimal digits, not 32"), ("abc", "No digest has 3"), ("sha256:", "ALGORITHM:HEX"),
    ],
)  # fmt: skip
def test_a_wrong_checksum_is_refused_with_a_reason(text: str, says: str):
    """One sentence, INVALID_OPTION."""
    with pytest.raises(RequestError, match=says) as caught:
        parse_checksum(text)
    assert caught.value.code is Code.INVALID_OPTION


@given(st.text(st.characters(exclude_categories=())))
def test_reading_a_checksum_raises_nothing_else(text: str):
    """Any text is a checksum or INVALID_OPTION."""
    for candidate in (text, f"sha256:{text}", f"{text}:{SHA256}"):
        try:
            parse_checksum(candidate)
        except RequestError as error:
            assert error.code is Code.INVALID_OPTION


def test_the_strongest_digest_is_chosen():
    """Unusable ones are passed over."""
    assert strongest([("md5", MD5), ("SHA-256", SHA256), ("sha512", "zz")]) == Checksum("sha256", SHA256)
    assert strongest([("crc32", "00000000")]) is None
    assert strongest([]) is None


def test_claims_that_are_no_digests_are_none():
    """Wrong lengths, alphabets and algorithms."""
    assert checksum("sha256", SHA256.upper()) == Checksum("sha256", SHA256)
    assert checksum("sha256", "g" * 64) is None
    assert from_base64("sha-256", b64(SHA256)) == Checksum("sha256", SHA256)
    assert from_base64("sha-256", b64(MD5)) is None
    assert from_base64("sha-256", "é") is None
    assert from_base64("sha-256", "a") is None
    assert from_base64("nope", "") is None
    assert from_base64("md5", "a" * 300) is None


@pytest.mark.parametrize(
    ("line", "listed"),
    [
        (f"{SHA256}  a b.iso", ("sha256", "a b.iso")), (f"{SHA256} *a.iso", ("sha256", "a.iso")),
        (f"{SHA256.upper()}\ta.iso\r", ("sha256", "a.iso")), (f"{MD5}  ./dir/a.iso", ("md5", "dir/a.iso")),
        (f"SHA256 (a (1).iso) = {SHA256}", ("sha256", "a (1).iso")),
        (f"SHA2-256(a.iso)= {SHA256}", ("sha256", "a.iso")),
        (f"\\{SHA256}  a\\nb\\\\c", ("sha256", "a\nb\\c")), (f"\\SHA256 (a\\rb) = {SHA256}", ("sha256", "a\rb")),
        (SHA256, ("sha256", "")), ("\ufeff" + SHA256, ("sha256", "")),
    ],
)  # fmt: skip
def test_a_checksum_file_is_read(line: str, listed: tuple[str, str]):
    """GNU, BSD, openssl style, escaped names, lone digests."""
    (found,) = parse_checksum_file(line)
    assert (found.algorithm, found.path) == listed


def test_what_is_no_digest_in_a_checksum_file_is_passed_over():
    """Comments, signatures, wrong lengths."""
    text = f"# no\n-----BEGIN PGP\n; x\n\nhello\n{'a' * 33}  x\nSHA256 (x) = {MD5}\n{'a' * 9000}\n{MD5}  ok\n"
    assert [line.path for line in parse_checksum_file(text)] == ["ok"]


def test_a_checksum_file_may_name_its_algorithm():
    """The name of the file decides between algorithms of one length."""
    assert parse_checksum_file(f"{SHA256}  a", "sha3_256")[0].algorithm == "sha3_256"
    assert parse_checksum_file(f"{MD5}  a", "sha256")[0].algorithm == "md5"


@pytest.mark.parametrize(
    ("name", "algorithm"),
    [
        ("a.iso.sha256", "sha256"), ("SHA512SUMS", "sha512"), ("md5sum.txt", "md5"), ("a.b2", "blake2b"),
        ("b2sums", "blake2b"), ("x.sha3-256", "sha3_256"), ("README", None), ("sha1.txt", "sha1"),
    ],
)  # fmt: skip
def test_a_checksum_file_is_known_by_its_name(name: str, algorithm: str | None):
    """Suffix or prefix."""
    assert algorithm_of(name) == algorithm


def test_a_file_is_found_in_a_list():
    """By its last component, the strongest first; a lone digest is for any file."""
    listed = parse_checksum_file(f"{MD5}  x/a.iso\n{SHA256}  a.iso\n{SHA512}  b.iso")
    assert find(listed, "a.iso") == Checksum("sha256", SHA256)
    assert find(listed, "c.iso") is None
    assert find(parse_checksum_file(SHA1), "c.iso") == Checksum("sha1", SHA1)


@given(st.text(st.characters(exclude_categories=())))
def test_reading_a_checksum_file_never_raises(text: str):
    """Any text is a list, maybe empty."""
    for candidate in (text, f"{SHA256} {text}", f"\\SHA256 ({text}) = {SHA256}"):
        for line in parse_checksum_file(candidate):
            assert checksum(line.algorithm, line.hex)


@pytest.mark.parametrize(
    ("fields", "whole", "digests"),
    [
        ([("repr-digest", f"sha-256=:{b64(SHA256)}:")], False, (("sha256", SHA256),)),
        ([("repr-digest", f"sha-256=:{b64(SHA256)}:;x=1, unixsum=1, sha-512=:{b64(SHA512)}:")], False,
         (("sha256", SHA256), ("sha512", SHA512))),
        ([("content-digest", f"sha-256=:{b64(SHA256)}:")], True, (("sha256", SHA256),)),
        ([("content-digest", f"sha-256=:{b64(SHA256)}:")], False, ()),
        ([("digest", f"SHA-256={b64(SHA256)},MD5={b64(MD5)}")], False, (("sha256", SHA256), ("md5", MD5))),
        ([("x-goog-hash", "crc32c=AAAAAA=="), ("x-goog-hash", f"md5={b64(MD5)}")], False, (("md5", MD5),)),
        ([("x-goog-hash", f"md5={b64(MD5)}"), ("x-goog-stored-content-encoding", "gzip")], True, ()),
        ([("x-goog-hash", f"md5={b64(MD5)}"), ("x-goog-stored-content-encoding", "gzip"),
          ("content-encoding", "gzip")], True, (("md5", MD5),)),
        ([("content-md5", b64(MD5))], True, (("md5", MD5),)),
        ([("content-md5", b64(MD5))], False, ()),
        ([("x-amz-checksum-sha256", b64(SHA256))], True, (("sha256", SHA256),)),
        ([("x-amz-checksum-sha256", b64(SHA256))], False, ()),
        ([("x-amz-checksum-sha256", b64(SHA256) + "-3")], True, ()),
        ([("x-amz-checksum-sha256", b64(SHA256)), ("x-amz-checksum-type", "COMPOSITE")], True, ()),
        ([("x-checksum-sha1", SHA1)], False, (("sha1", SHA1),)),
        ([("oc-checksum", f"SHA1:{SHA1}")], False, (("sha1", SHA1),)),
        ([("content-md5", b64(MD5)), ("digest", f"md5={b64(SHA256[:32])}")], True, ()),
        ([("x-other", SHA1)], True, ()),
        ([("digest", "=,,=:;")], True, ()),
    ],
)  # fmt: skip
def test_digests_of_an_answer(fields: list[tuple[str, str]], whole: bool, digests: tuple):
    """Fields about the file always count, those about the body only when it is the file; a contradiction is nothing."""
    assert digest_headers(fields, whole=whole) == digests


@given(st.text(st.characters(exclude_categories=())), st.booleans())
def test_digest_fields_never_raise(text: str, whole: bool):
    """Any value is digests or none."""
    for name in ("repr-digest", "digest", "content-md5", "oc-checksum", "x-checksum-sha1", "x-amz-checksum-sha1"):
        digest_headers([(name, text)], whole=whole)
