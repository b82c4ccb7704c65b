"""Runs yt-dlp on a leash: the process group ends itself when whoever started it is gone, SIGKILL included.

Run as a script: `python -P leash.py FD STAGING ARGUMENTS`. FD is the reading end of a pipe whose other end the starter
holds and never writes to: a yt-dlp that outlived a killed engine would write beside its successor into one folder.
STAGING is the folder that is written to, empty where nothing is; where what an earlier yt-dlp left there can't be
trusted, it is emptied.
"""

from __future__ import annotations

import os
import runpy
import shutil
import signal
import sys
import threading

from tui_downloads.engine import fragments


def _hold(leash: int) -> None:
    os.read(leash, 1)  # returns when the other end is closed
    os.killpg(0, signal.SIGKILL)


def _empty(folder: str) -> None:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                shutil.rmtree(entry.path, ignore_errors=True)
            elif not entry.name.startswith("."):  # the mark of a foreground run
                fragments.remove(entry.path)


if __name__ == "__main__":
    threading.Thread(target=_hold, args=(int(sys.argv.pop(1)),), daemon=True).start()
    staging = sys.argv.pop(1)
    if staging and not fragments.guard():
        _empty(staging)
    runpy.run_module("yt_dlp", run_name="__main__", alter_sys=True)
