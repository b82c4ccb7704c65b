"""The console script: answers the quickest questions itself and hands the rest to the command line."""

from __future__ import annotations

import gc
import signal
import sys


def main() -> int:
    """Run the command line and give its exit code."""
    _speak_utf8()
    # Hardly anything that a start makes is garbage, and looking for it takes a tenth of a start's time.
    gc.set_threshold(50_000, 20, 50)
    # While modules are read there is nothing to end in order: Ctrl-C just ends, without a traceback.
    ours = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if ours:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    if sys.stdin is None or sys.stdout is None or sys.stderr is None:
        from tui_downloads.cli.streams import repair

        repair()
    if sys.argv[1:] == ["--version"]:
        from tui_downloads import __version__

        print(f"tui-downloads {__version__}", flush=True)  # noqa: T201
        return 0
    if sys.argv[1:2] == ["get"]:
        _import_asyncio_without_tls()
    from tui_downloads.cli.main import run

    if ours:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    code = run(sys.argv[1:])
    if ours:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    return code


def _import_asyncio_without_tls() -> None:
    """Spare the 10 ms in which asyncio makes ready for a TLS of its own: what a `get` fetches comes through libcurl."""
    if "asyncio" in sys.modules or "ssl" in sys.modules:
        return
    sys.modules["ssl"] = None  # type: ignore[assignment]
    import asyncio  # noqa: F401

    del sys.modules["ssl"]


def _speak_utf8() -> None:
    """Start again with names in UTF-8 where the locale could not write every name."""
    if sys.getfilesystemencoding().lower() == "utf-8" or not sys.orig_argv:
        return
    import os

    known = sys.stderr.encoding if sys.stderr is not None else "ascii"
    environment = {"PYTHONIOENCODING": f"{known}:backslashreplace", **os.environ}
    os.execve(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]], environment)  # noqa: S606


if __name__ == "__main__":
    sys.exit(main())
