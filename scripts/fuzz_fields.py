"""Feed random texts to everything that reads fields, names and links, and hold the results against what they promise.

    python scripts/fuzz_fields.py [--inputs 1000000] [--seed N]

An input is a seed of the kind that servers and people write, cut, repeated, joined with others and sprinkled with what
does harm: separators, controls, invisible and broken characters, long runs and huge numbers. Each is given to one
reader, the readers in turn. Wrong are an exception that the reader does not promise, a result that breaks its promise,
and an input that takes longer than a second.
"""

from __future__ import annotations

import argparse
import random
import re
import sys
import time
import traceback
import unicodedata
from collections import Counter
from collections.abc import Callable
from contextlib import suppress

from tui_downloads.core import (
    addresses,
    admission,
    conditions,
    curl_command,
    digests,
    disposition,
    link_list,
    links,
    names,
    patterns,
    policy,
    ranges,
    retries,
)
from tui_downloads.core.errors import TuiDownloadsError
from tui_downloads.core.resource import Head, Headers, Resource, Validator

SLOWEST = 1.0
"""Seconds of processor time that one input may take."""
SHOWN = 10
"""Failures that are shown in full."""
NOW = 1_790_000_000.0

FIELDS = (
    "bytes 0-499/1234", "bytes 500-1233/1234", "bytes */1234", "bytes 0-0/*", "bytes 5-4/9", "octets 0-1/2", "1234",
    "5, 5", "120", "Wed, 21 Oct 2026 07:28:00 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994",
    '"abc"', 'W/"abc"', '""', "attachment; filename=a.tar.gz", 'attachment; filename="a\\"b.txt"',
    "attachment; filename*=UTF-8''%e2%82%ac%20rates.pdf", "inline; filename*0*=utf-8''a%20; filename*1=b.iso",
    'attachment; filename="=?UTF-8?B?w6k=?="', "form-data; name=x; filename=../../etc/passwd", "gzip, identity",
    "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:", "md5=1B2M2Y8AsgTpgAmY7PhCfg==,crc32c=AAAAAA==",
    "SHA-256=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=", "text/html; charset=utf-8", "chunked", "video/mp4",
)  # fmt: skip
NAMES = (
    "file.txt", "a b (1).tar.gz", "naïve 日本.txt", "..", "../../etc/passwd", "C:\\x.exe", "con", "LPT9.x", "x.desktop",
    "photo\u202egpj.exe", ".bashrc", "foo.part.journal", "e\u0301.7z.001", "x" * 300 + ".tar.xz", "日" * 120 + ".iso",
    "~/x", "\\\\server\\share\\f", "a/./b//../c", "nul .txt", "\ud800.bin", "\u1100\u1161\u11a8", "\u0340.lnk",
)  # fmt: skip
LINKS = (
    "http://example.org/a%20b.iso?x=1#f", "https://me:pw@[::1]:8443/%2e%2e/x", "ftp://h/%0d%0aDELE", "//h/p", "h.org/x",
    "http://0x7f.1/", "http://bücher.example/ä?sig=s3&token=t", "http://xn--bcher-kva.example./", "file:///etc/passwd",
    "sftp://u@h:22/~/x", "http://[fe80::1%25eth0]/", "http://h:99999/", "http://1.2.3.4.5/", "javascript:alert(1)",
    "http://h/[1-20:3].iso", "http://h/{a,b}/[a-z]", "127.1", "::ffff:10.0.0.1", "64:ff9b::a00:1", "*.example.org",
)  # fmt: skip
LISTS = (
    "http://h/a\n  out=b\n  header=X: y\n", "http://h/a\thttp://m/a\n", "# note\n\nhttp://h/x\n  checksum=md5=00\n",
    "curl -L -H 'A: b' --data x http://h/x -o y", "$ curl \"http://h/$'a'\" \\\n --proxy socks5h://p:1", "curl -u a:b",
    "d41d8cd98f00b204e9800998ecf8427e  a.iso\n", "SHA256 (a b.iso) = " + "0" * 64 + "\n", "\\" + "0" * 40 + " *a\\nb",
)  # fmt: skip
HARM = (
    *"\0\r\n\t \"'\\;=,:/?#%&*-._~|<>[]{}()@+$", "%00", "%2f", "%zz", "\u202e", "\u200b", "\ufeff", "\ud800", "\udfff",
    "\U0001f4a9", "\u0301", "\x7f", "\x85", "9" * 19, "9" * 40, "-1", "a" * 64, "=?", "?=", "''", "*", "..", "\u2028",
)  # fmt: skip
KEYS = (
    "content-range", "content-length", "content-disposition", "etag", "last-modified", "date", "content-encoding",
    "transfer-encoding", "repr-digest", "digest", "content-digest", "x-goog-hash", "content-md5", "content-type",
    "retry-after", "accept-ranges", "x-amz-checksum-sha256", "oc-checksum",
)  # fmt: skip


class Broken(AssertionError):
    """A result that is not what its reader promises."""


def holds(true: object, promise: str) -> None:
    if not true:
        raise Broken(promise)


class Source:
    """Makes texts."""

    # Mutable state: the dice.
    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)

    def text(self, *seeds: tuple[str, ...]) -> str:
        dice = self.dice
        pool = dice.choice(seeds) if dice.random() < 0.9 else dice.choice((FIELDS, NAMES, LINKS, LISTS))
        text = dice.choice(pool)
        for _ in range(dice.choice((0, 1, 1, 2, 3, 8))):
            text = self._bent(text, pool)
        return text

    def _bent(self, text: str, pool: tuple[str, ...]) -> str:
        dice = self.dice
        a, b = sorted((dice.randint(0, len(text)), dice.randint(0, len(text))))
        match dice.randrange(8):
            case 0:
                return text[:a] + text[b:]
            case 1:
                return text[:a] + dice.choice(HARM) + text[a:]
            case 2:
                return text[:a] + dice.choice(HARM) * dice.choice((1, 3, 200)) + text[b:]
            case 3:
                return text[:a] + dice.choice(pool) + text[b:]
            case 4:
                return (text[:b] + text[a:b] * dice.choice((1, 2, 30)) + text[b:])[:20_000]
            case 5:
                return text[:a] + chr(dice.choice((dice.randrange(256), dice.randrange(0x110000)))) + text[b:]
            case 6:
                return re.sub(r"[0-9]+", lambda _: str(dice.choice((0, 1, 2**31, 2**63 - 1, 2**63, 10**25))), text)
            case _:
                return text.swapcase()


# What each reader promises ...........................................................................................


def ranges_hold(source: Source) -> None:
    text = source.text(FIELDS)
    found = ranges.parse_content_range(text)
    if found is not None:
        holds(0 <= found.start < found.end <= ranges.MAX_SIZE, "a span of a file")
        holds(found.total is None or found.end <= found.total <= ranges.MAX_SIZE, "a span within its file")
    size = ranges.parse_unsatisfied(text)
    holds(size is None or 0 <= size <= ranges.MAX_SIZE, "a size")
    length = ranges.parse_length(text)
    holds(length.value is None or (length.valid and 0 <= length.value <= ranges.MAX_SIZE), "a length")


def waits_hold(source: Source) -> None:
    text = source.text(FIELDS)
    wait = retries.parse_retry_after(text, NOW)
    holds(wait is None or 0 <= wait <= retries.LONGEST_PAUSE, "a bounded wait")
    date = conditions.parse_http_date(text)
    holds(date is None or -1e12 < date < 1e12, "a moment")


def validators_hold(source: Source) -> None:
    one, two = (
        conditions.make_validator(source.text(FIELDS), source.text(FIELDS), source.text(FIELDS)) for _ in range(2)
    )
    holds(conditions.same_version(one, one) == one.strong, "only a strong validator proves its own version")
    holds(conditions.same_version(one, two) == conditions.same_version(two, one), "the order does not matter")
    sent = one.if_range
    holds(not sent.startswith("W/") and not re.search(r"[\0\r\n]", sent), "If-Range is strong and one line")


def safe(name: str) -> None:
    holds(name and names.safe_name(name) == name, "a safe name is its own safe name")
    holds(len(name.encode()) <= names.MAX_BYTES, "a name that fits")
    holds(not re.search(r'[<>:"/\\|?*\x00-\x1f\x7f-\x9f]', name), "no separators, no controls")
    holds(not any(unicodedata.category(char) in ("Cf", "Cc", "Cs", "Zl", "Zp") for char in name), "nothing hidden")
    holds(name[0] not in ". " and name[-1] not in ". ", "plain edges")


def names_hold(source: Source) -> None:
    text = source.text(NAMES)
    name = names.safe_name(text)
    safe(name)
    other = names.numbered(name, source.dice.choice((1, 9, 9999)))
    holds(other != name and len((other + ".part.journal").encode()) <= 255, "another name that fits")
    stem, extension = names.split_extension(text)
    holds(stem + extension == text, "an extension is the end of its name")
    for part in names.safe_path(text).split("/"):
        safe(part)
    holds(names.collision_key(name) == names.collision_key(name.upper()) or not name.isascii(), "case is no difference")


def dispositions_hold(source: Source) -> None:
    text = source.text(FIELDS, NAMES)
    name = disposition.filename(text)
    holds("/" not in name, "one component")
    safe(names.safe_name(name))
    written = disposition.content_disposition(names.safe_name(source.text(NAMES)))
    holds(written.isascii() and not re.search(r"[\x00-\x1f\x7f]", written), "a field of ours is one plain line")
    holds(disposition.filename(written), "a field of ours names a file")


def digests_hold(source: Source) -> None:
    fields = tuple((source.dice.choice(KEYS), source.text(FIELDS, LISTS)) for _ in range(source.dice.randrange(6)))
    for algorithm, digits in digests.digest_headers(fields, whole=source.dice.random() < 0.5):
        holds(re.fullmatch(r"[0-9a-f]+", digits) and len(digits) == 2 * digests.SIZES[algorithm], "a whole digest")
    for line in digests.parse_checksum_file(source.text(LISTS)):
        holds(len(line.hex) == 2 * digests.SIZES[line.algorithm], "a whole digest")
    with suppress(TuiDownloadsError):
        found = digests.parse_checksum(source.text(FIELDS, LISTS))
        holds(len(found.hex) == 2 * digests.SIZES[found.algorithm], "a whole digest")


def links_hold(source: Source) -> None:
    text = source.text(LINKS)
    holds(isinstance(links.redact_text(text) + links.bare(text) + links.public(text), str), "a text")
    safe(links.name_from_link(text))
    try:
        link = links.parse_link(text)
    except TuiDownloadsError as error:
        holds(error.message and "\n" not in error.message, "one sentence")
        return
    url = link.url_without_userinfo
    holds(links.parse_link(url).url_without_userinfo == url, "a canonical link stays as it is")
    holds(not re.search(r"[\x00-\x20\x7f]", url), "nothing that ends a request line")
    holds("/../" not in url and "@" not in link.host and 0 < link.port < 65536, "one place, not above its root")
    holds(link.display.startswith(f"{link.scheme}://{link.netloc}/"), "no login is shown")


def hosts_hold(source: Source) -> None:
    text = source.text(LINKS)
    address = addresses.parse_address(text)
    holds(isinstance(addresses.text_is_public(text), bool), "yes or no")
    if addresses.text_is_public(text):
        holds(address is not None and addresses.is_public(address), "no address is public that is not")
    with suppress(TuiDownloadsError):
        pattern = policy.check_pattern(text)
        holds(policy.check_pattern(pattern) == pattern, "a canonical pattern stays as it is")
    with suppress(TuiDownloadsError):
        holds(len(patterns.expand(text, most=500)) <= 500, "no more links than allowed")


def lists_hold(source: Source) -> None:
    text = source.text(LISTS, LINKS)
    with suppress(TuiDownloadsError):
        for entry in link_list.read(text.splitlines(keepends=True)):
            holds(entry.urls or entry.options == [], "an option stands below a link")
    with suppress(TuiDownloadsError):
        curl_command.parse_curl(text)
    for read in (link_list.parse_header, link_list.parse_size):
        with suppress(TuiDownloadsError):
            read(text)


def answers_hold(source: Source) -> None:
    dice = source.dice
    fields = [(dice.choice(KEYS), source.text(FIELDS)) for _ in range(dice.randrange(10))]
    resource = Resource("http://h/x", dice.choice((None, 1234)), Validator(source.text(FIELDS), source.text(FIELDS)))
    start = dice.choice((None, 0, 500))
    asked = admission.Asked(
        start=start,
        end=None if start is None else dice.choice((None, 1000)),
        if_range=dice.choice(("", resource.validator.if_range)),
        resource=dice.choice((None, resource)),
        joining=dice.choice((0, 500)),
        digest=dice.random() < 0.2,
        proven=dice.random() < 0.5,
        strikes=dice.randrange(4),
        url="http://h/x",
    )
    head = Head(dice.choice((200, 203, 204, 206, 206, 206, 304, 403, 404, 416, 429, 500, 503)), Headers(fields))
    verdict = admission.judge(asked, head, NOW)
    if isinstance(verdict, admission.Accept):
        safe(verdict.resource.name)
        holds(verdict.skip >= 0 and (verdict.end is None or verdict.end >= verdict.start), "a span of a file")
        if not verdict.whole and asked.start is not None:
            holds(verdict.start + verdict.skip == asked.start, "the bytes that were asked for")


CHECKS: tuple[Callable[[Source], None], ...] = (
    ranges_hold, waits_hold, validators_hold, names_hold, dispositions_hold, digests_hold, links_hold, hosts_hold,
    lists_hold, answers_hold,
)  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description="Fuzz the readers of fields, names and links.")
    parser.add_argument("--inputs", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    wishes = parser.parse_args()
    failures: Counter[str] = Counter()
    slowest, began = 0.0, time.monotonic()
    for number in range(wishes.inputs):
        check = CHECKS[number % len(CHECKS)]
        source = Source(wishes.seed * 1_000_003 + number)
        before = time.process_time()
        try:
            check(source)
        except Exception as error:  # whatever it is, it is what this looks for
            failures[f"{check.__name__}: {type(error).__name__}: {error}"] += 1
            if failures.total() <= SHOWN:
                print(f"input {number} of seed {wishes.seed}")
                traceback.print_exception(error)
        took = time.process_time() - before
        slowest = max(slowest, took)
        if took > SLOWEST:
            failures[f"{check.__name__}: took {took:.1f} s (input {number})"] += 1
    for what, count in failures.most_common():
        print(f"{count} × {what}")
    print(
        f"{wishes.inputs} inputs, seed {wishes.seed}: {failures.total()} wrong; "
        f"the slowest took {slowest * 1000:.0f} ms; {time.monotonic() - began:.0f} s"
    )
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
