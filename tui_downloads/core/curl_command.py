"""`Copy as cURL` of a browser, for bash or for cmd, read as a download; one that would send something is refused."""

from __future__ import annotations

import re

from .errors import Code, RequestError
from .secrecy import Guarded

LONGEST = 64 << 10

_FLAGS = frozenset(
    {
        "-L", "--location", "-s", "--silent", "-S", "--show-error", "-f", "--fail", "--fail-with-body", "-g",
        "--globoff", "--compressed", "-O", "--remote-name", "-J", "--remote-header-name", "-v", "--verbose", "-#",
        "--progress-bar", "-N", "--no-buffer", "--http1.0", "--http1.1", "--http2", "--http3", "-4", "--ipv4", "-6",
        "--ipv6", "--tcp-nodelay", "--no-progress-meter", "--no-keepalive", "--path-as-is", "--create-dirs",
        "--location-trusted", "--remote-name-all", "-q", "--disable", "-0", "-R", "--remote-time", "-Z", "--parallel",
    }
)  # fmt: skip
"""Change nothing that is kept here, or are what happens anyway."""
_IGNORED = frozenset(
    {
        "-C", "--continue-at", "--retry", "--retry-delay", "--retry-max-time", "--connect-timeout", "--output-dir",
        "-w", "--write-out", "--stderr", "--speed-limit", "--speed-time", "-Y", "-y", "--max-redirs", "--tlsv1.2",
        "--ciphers", "--keepalive-time",
    }
)  # fmt: skip
"""Take a value that has no meaning here."""
_SENDING = frozenset(
    {
        "-d", "--data", "--data-raw", "--data-binary", "--data-ascii", "--data-urlencode", "-F", "--form",
        "--form-string", "-T", "--upload-file", "--json", "-G", "--get",
    }
)  # fmt: skip
_VALUES = frozenset(
    {
        "-H", "--header", "-A", "--user-agent", "-e", "--referer", "-b", "--cookie", "-u", "--user", "-o", "--output",
        "-x", "--proxy", "--url", "-X", "--request", "-m", "--max-time", "--limit-rate", "-r", "--range",
    }
)  # fmt: skip
_DROPPED = frozenset(
    {
        "accept-encoding", "range", "if-range", "if-none-match", "if-modified-since", "if-match", "content-length",
        "content-type", "connection", "host", "te", "transfer-encoding", "upgrade",
    }
)  # fmt: skip
"""Header fields that the transfer decides by itself."""
_ESCAPES = {
    "n": "\n",
    "r": "\r",
    "t": "\t",
    "\\": "\\",
    "'": "'",
    '"': '"',
    "a": "",
    "b": "",
    "e": "",
    "f": "",
    "v": "",
}
_CMD = re.compile(r'\^(?:"|\r?\n)')
"""What only a command for Windows's cmd has."""
_CARET = re.compile(r"\^(?:(\r?\n)(\r?\n)?|(.))", re.DOTALL)
_NUMBERED = re.compile(r"x([0-9A-Fa-f]{1,2})|u([0-9A-Fa-f]{1,4})|U([0-9A-Fa-f]{1,8})|([0-7]{1,3})")


class CurlCommand(Guarded, frozen=True):
    """What a curl command asks for; its repr shows no secrets."""

    hidden = frozenset({"url", "headers", "user", "password", "proxy"})

    url: str
    headers: tuple[tuple[str, str], ...] = ()
    """Cookie, User-Agent and Referer among them."""
    user: str = ""
    password: str = ""
    name: str = ""
    proxy: str = ""
    limit: str = ""
    """As curl writes rates: `500K`."""
    max_time: str = ""


def looks_like_curl(text: str) -> bool:
    """Say whether a text begins like a curl command."""
    return re.match(r"\s*(?:\$\s+)?curl(?:\.exe)?\s", text) is not None


def parse_curl(text: str) -> CurlCommand:
    """Read a curl command line.

    Raises:
        RequestError: INVALID_OPTION, with what can't be taken over and why.
    """
    if len(text) > LONGEST:
        raise _refused("The curl command is longer than 64 KiB.")
    text = re.sub(r"^\s*\$\s+", "", text)
    words = split_cmd(text) if _CMD.search(text) else split_words(text)
    if not words or words[0] not in ("curl", "curl.exe"):
        raise _refused("This is not a curl command.")
    return _Reader().read(words[1:])


class _Reader:
    """Collects what the options say."""

    def __init__(self) -> None:
        self.urls: list[str] = []
        self.headers: list[tuple[str, str]] = []
        self.values: dict[str, str] = {}

    def read(self, words: list[str]) -> CurlCommand:
        queue = list(reversed(words))
        while queue:
            word = queue.pop()
            if word == "--":
                self.urls += reversed(queue)
                break
            if not word.startswith("-") or word == "-":
                self.urls.append(word)
            else:
                self._option(word, queue)
        if len(self.urls) != 1:
            raise _refused("The curl command has no link." if not self.urls else "The curl command has several links.")
        user, _, password = self.values.get("user", "").partition(":")
        return CurlCommand(
            self.urls[0],
            tuple(self.headers),
            user,
            password,
            self.values.get("output", "").replace("\\", "/").rpartition("/")[2],
            self.values.get("proxy", ""),
            self.values.get("limit-rate", ""),
            self.values.get("max-time", ""),
        )

    def _option(self, word: str, queue: list[str]) -> None:
        name, joined = word, None
        if word.startswith("--") and "=" in word:
            name, _, joined = word.partition("=")
        elif not word.startswith("--") and len(word) > 2:
            name = word[:2]
            if name in _FLAGS:
                # Short flags may stand together: -sSL.
                queue.append("-" + word[2:])
            else:
                joined = word[2:]
        if name in _SENDING:
            raise _refused(f"The curl command sends data ({name}); only plain downloads can be taken over.")
        if name in ("-k", "--insecure"):
            raise _refused("The curl command switches certificate checks off (-k); remove it to go on.")
        if name in _FLAGS:
            return
        if name not in _VALUES and name not in _IGNORED:
            raise _refused(f"The curl option {name} is not understood; remove it to go on.")
        value = joined if joined is not None else (queue.pop() if queue else None)
        if value is None:
            raise _refused(f"The curl option {name} lacks its value.")
        if name in _VALUES:
            self._value(name, value)

    def _value(self, name: str, value: str) -> None:
        match name:
            case "--url":
                self.urls.append(value)
            case "-X" | "--request":
                if value.upper() != "GET":
                    raise _refused(f"The curl command is a {value.upper()}; only a GET can be downloaded.")
            case "-r" | "--range":
                raise _refused("The curl command asks for a part of the file (-r); remove it to get the whole.")
            case "-H" | "--header":
                self._header(value)
            case "-A" | "--user-agent":
                self.headers.append(("User-Agent", value))
            case "-e" | "--referer":
                self.headers.append(("Referer", value.removesuffix(";auto")))
            case "-b" | "--cookie":
                if "=" not in value:
                    raise _refused("The curl command reads cookies from a file; give them as text.")
                self.headers.append(("Cookie", value))
            case _:
                key = {"-u": "user", "-o": "output", "-x": "proxy", "-m": "max-time"}.get(name, name.lstrip("-"))
                self.values[key] = value

    def _header(self, line: str) -> None:
        name, colon, value = line.partition(":")
        name, value = name.strip(), value.strip()
        if not colon or not value or not name:
            return
        if any(char in "\r\n\0" for char in line) or not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name):
            raise _refused("A header of the curl command is malformed.")
        if name.lower() not in _DROPPED:
            self.headers.append((name, value))


def split_words(text: str) -> list[str]:
    """Split a command as a POSIX shell does, `$'…'` included, and nothing expanded.

    Raises:
        RequestError: a quote is not closed, or the shell would run or expand something.
    """
    text = text.replace("\\\r\n", " ").replace("\\\n", " ")
    words: list[str] = []
    word: list[str] | None = None
    at = 0
    while at < len(text):
        char = text[at]
        if char.isspace():
            if word is not None:
                words.append("".join(word))
            word = None
            at += 1
            continue
        word = [] if word is None else word
        piece, at = _piece(text, at)
        word.append(piece)
    if word is not None:
        words.append("".join(word))
    return words


def split_cmd(text: str) -> list[str]:
    """Split a command as Windows's cmd and the runtime of its programs do; variables are not expanded.

    Raises:
        RequestError: a quote is not closed.
    """
    # cmd takes the carets away first; one before two line breaks leaves one, before a single one it goes on below.
    text = _CARET.sub(lambda found: found[3] or ("\n" if found[2] else " "), text)
    words: list[str] = []
    word: list[str] | None = None
    quoted = False
    at = 0
    while at < len(text):
        char, pair = text[at], text[at : at + 2]
        at += 1
        if char.isspace() and not quoted:
            if word is not None:
                words.append("".join(word))
            word = None
            continue
        word = [] if word is None else word
        if pair in ('\\"', "\\\\") or (quoted and pair == '""'):
            word.append(pair[1])
            at += 1
        elif char == '"':
            quoted = not quoted
        else:
            word.append(char)
    if quoted:
        raise _refused("A quote of the command is not closed.")
    return [*words, "".join(word)] if word is not None else words


def _piece(text: str, at: int) -> tuple[str, int]:
    char = text[at]
    if char == "'":
        end = text.find("'", at + 1)
        if end < 0:
            raise _refused("A quote of the command is not closed.")
        return text[at + 1 : end], end + 1
    if text.startswith("$'", at):
        return _ansi(text, at + 2)
    if char == '"':
        return _double(text, at + 1)
    if char == "\\" and at + 1 < len(text):
        return text[at + 1], at + 2
    if char in "|;&<>`" or text.startswith("$(", at):
        if char == "&":
            # An unquoted link often has one; the shell would cut it, the user did not mean that.
            return char, at + 1
        raise _refused(f"The command does more than curl ({char}); paste the curl part alone.")
    return char, at + 1


def _double(text: str, at: int) -> tuple[str, int]:
    made: list[str] = []
    while at < len(text):
        char = text[at]
        if char == '"':
            return "".join(made), at + 1
        if char == "\\" and at + 1 < len(text) and text[at + 1] in '"\\$`':
            at += 1
            char = text[at]
        made.append(char)
        at += 1
    raise _refused("A quote of the command is not closed.")


def _ansi(text: str, at: int) -> tuple[str, int]:
    made: list[str] = []
    while at < len(text):
        char = text[at]
        if char == "'":
            return "".join(made), at + 1
        at += 1
        if char != "\\" or at >= len(text):
            made.append(char)
            continue
        number = _NUMBERED.match(text, at)
        if number:
            digits = next(group for group in number.groups() if group)
            value = int(digits, 8 if number.group(4) else 16)
            made.append(chr(value) if value < 0x110000 else "\ufffd")
            at = number.end()
        else:
            made.append(_ESCAPES.get(text[at], text[at]))
            at += 1
    raise _refused("A quote of the command is not closed.")


def _refused(sentence: str) -> RequestError:
    return RequestError(Code.INVALID_OPTION, sentence, next_step="Paste the link itself, or correct the command.")
