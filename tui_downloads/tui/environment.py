"""What the terminal's surroundings say, read before Textual is imported."""

from __future__ import annotations

import locale
from collections.abc import Mapping, MutableMapping


def over_ssh(environ: Mapping[str, str]) -> bool:
    """Say whether the terminal is at the far end of SSH."""
    return bool(environ.get("SSH_CONNECTION") or environ.get("SSH_TTY"))


def prepare(environ: MutableMapping[str, str]) -> None:
    """Tell Textual to be frugal where each byte travels; what the user has set stays."""
    if over_ssh(environ):
        environ.setdefault("TEXTUAL_FPS", "12")
        environ.setdefault("TEXTUAL_ANIMATIONS", "none")
        environ.setdefault("TEXTUAL_SMOOTH_SCROLL", "0")
    else:
        environ.setdefault("TEXTUAL_ANIMATIONS", "basic")


def needs_ascii(environ: Mapping[str, str]) -> bool:
    """Say whether the terminal can show nothing but ASCII."""
    if environ.get("TERM") in ("linux", "vt100", "dumb"):
        return True
    names = (environ.get("LC_ALL"), environ.get("LC_CTYPE"), environ.get("LANG"))
    chosen = next((name for name in names if name), "")
    if chosen:
        return "utf" not in chosen.lower()
    return "utf" not in locale.getpreferredencoding(False).lower()
