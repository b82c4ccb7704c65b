"""Runs yt-dlp on a leash: the process group ends itself when whoever started it is gone, SIGKILL included.

Run as a script: `python -P leash.py FD ARGUMENTS`, FD being the reading end of a pipe whose other end the starter
holds and never writes to. A yt-dlp that outlived a killed engine would write beside its successor into one folder.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys
import threading


def _hold(leash: int) -> None:
    os.read(leash, 1)  # returns when the other end is closed
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    threading.Thread(target=_hold, args=(int(sys.argv.pop(1)),), daemon=True).start()
    runpy.run_module("yt_dlp", run_name="__main__", alter_sys=True)
