"""What users of curl, wget and aria2 type, and what does the same here."""

from __future__ import annotations

from typing import Any

import click

from tui_downloads.core.late import late

_NAME = "the server's name is taken by itself, another goes with -o NAME, and -o - is stdout"
_ON = "it goes on by itself from what an earlier run left; leave it out"
_TRUST = "certificates are always checked; trust another authority with --cacert FILE"
_MANY = "connections go with -x N, and quiet with -q"
_TOLD = "failures are always told, and end with an exit code; leave it out"
_SHOWN = "progress is shown on a terminal by itself, and everything that happens with --json"
_ITSELF = "it is done by itself; leave it out"
_FOLDER = "the folder goes with -d DIR, and is made when missing"
_HERE = "for what is here already there is --on-conflict rename, skip or overwrite"
_AWAY = "for the background there is: tui-downloads add LINK"
_COOKIES = "cookies go with --cookies FILE, a single one with -H 'Cookie: NAME=VALUE'"
_LOGIN = "a login goes with -u USER, and its password is asked for"
_PROXY = "a proxy goes with --proxy URL, such as socks5h://HOST:PORT"
_TRIES = "tries go with --retries N; the waits between them grow by themselves"
_LIMIT = "a limit goes with --limit RATE for each download, --limit-all RATE for all"
_LISTING = "a directory listing is read with -R, --depth N, --include GLOB and --exclude GLOB"
_TIMES = "times go with --timeout S, --connect-timeout S and --max-time S"
_ONLY_GET = "files are asked for, and nothing is sent"
_LOOK = "it always downloads; to look only there is: curl -I LINK"
_MANY_FILES = "several links are several files; how many at once goes with -j N"
_TORRENT = "torrents are not spoken here"
_SERVICE = "aria2's own options are taken by: tui-downloads aria2"
_FORM = "the links of a list go with -i FILE, a metalink with -M FILE"

_MEANT: dict[str, str] = {
    flag: text
    for flags, text in {
        "-O -J --remote-name --remote-name-all --remote-header-name --content-disposition --output-document --out"
        " --trust-server-names": _NAME,
        "-C --continue-at": _ON,
        "-k --insecure --no-check-certificate --check-certificate --ca-certificate": _TRUST,
        "--certificate --private-key": "a client certificate goes with --cert FILE and --key FILE",
        "-s --split --max-connection-per-server --min-split-size --silent --no-verbose -nv --max-threads": _MANY,
        "-f -S --fail --fail-with-body --fail-early --show-error": _TOLD,
        "-v -# --verbose --debug --progress-bar --show-progress --trace --log --no-progress-meter": _SHOWN,
        "--create-dirs --compressed --file-allocation --check-integrity --max-redirect --max-redirs --globoff -g"
        " --location-trusted --post301 --disk-cache --remote-time --auto-file-renaming --no-conf"
        " --http1.1 --http2 --http3 --content-on-error": _ITSELF,
        "--directory-prefix --output-dir": _FOLDER,
        "-N -nc -z --timestamping --no-clobber --clobber --time-cond --conditional-get --allow-overwrite"
        " --skip-existing": _HERE,
        "--background --daemon": _AWAY,
        "-b": f"{_AWAY}; {_COOKIES}",
        "--cookie --load-cookies --cookie-jar --save-cookies": _COOKIES,
        "--http-user --http-passwd --http-password --ftp-user --ftp-passwd --ftp-password --password"
        " --ask-password": _LOGIN,
        "--all-proxy --http-proxy --https-proxy --ftp-proxy --socks5 --socks5-hostname --socks4 --socks4a"
        " --preproxy --noproxy --no-proxy": _PROXY,
        "-t --tries --retry --max-tries --retry-wait --retry-delay --retry-connrefused --retry-all-errors"
        " --waitretry": _TRIES,
        "--limit-rate --max-download-limit --max-overall-download-limit --speed-limit --lowest-speed-limit": _LIMIT,
        "-l -A --level --accept --reject --no-parent -np -nH -nd --no-directories --cut-dirs": _LISTING,
        "-r": f"ranges are cut by themselves; {_LISTING}",
        "--range": "ranges are cut by themselves, and the whole file is fetched",
        "-m": f"{_TIMES}; {_LISTING}",
        "-T --speed-time --read-timeout --dns-timeout": _TIMES,
        "-U -A --user-agent-string": "the User-Agent field goes with --user-agent TEXT",
        "-e": "the Referer field goes with --referer URL",
        "-X -F --request --data --data-raw --data-binary --data-urlencode --form --json-data --post-data --post-file"
        " --method --body-data --upload-file": _ONLY_GET,
        "-I --head --spider --dry-run": _LOOK,
        "-Z --max-concurrent-downloads --force-sequential --parallel-max": _MANY_FILES,
        "--bind-address": "a network interface or address goes with --interface NAME",
        "--inet4-only --inet6-only": "-4 and -6 are IPv4 only and IPv6 only",
        "-w --wait --random-wait": "there is no wait between links; a limit goes with --limit-all RATE",
        "--metalink-file --config -K": _FORM,
        "--torrent-file --enable-dht --follow-torrent --listen-port": _TORRENT,
        "--enable-rpc --conf-path --save-session": _SERVICE,
    }.items()
    for flag in flags.split()
}
_BEGINNINGS = {"--bt-": _TORRENT, "--seed-": _TORRENT, "--dht-": _TORRENT, "--rpc-": _SERVICE}
_CURLS = late(r"-[fsSLOJg#]{2,}")
"""Switches that curl's users write in one word."""


def hint(flag: str, given: list[str]) -> str:
    """Say what does here what a switch means elsewhere; empty text for one that nobody knows."""
    for word in given:
        if word in _MEANT and word.startswith(flag):
            return f"{word} is not known here: {_MEANT[word]}."
        if _CURLS.fullmatch(word) and word[1] == flag[1:]:
            return f"{word} is not known here: leave it out; quiet is -q, and another name goes with -o NAME."
    text = _MEANT.get(flag) or next((text for part, text in _BEGINNINGS.items() if flag.startswith(part)), "")
    return f"{flag} is not known here: {text}." if text else ""


class Welcoming(click.Command):
    """A command that tells those who come from other programs what they look for."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        given = list(args)
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            text = hint(error.option_name, given)
            if not text:
                raise
            raise click.UsageError(text, ctx) from None
        except click.BadParameter as error:
            if error.param is not None and error.param.name == "connections" and ":" in error.message:
                raise click.UsageError(f"-x says how many connections; {_PROXY}.", ctx) from None
            raise


def accepted(function: Any) -> Any:
    """Take the switches of other programs that ask for what is done anyway."""
    for names in (("-c", "--continue"), ("-L", "--location")):
        function = click.option(*names, "anyway", is_flag=True, hidden=True, expose_value=False)(function)
    return function
