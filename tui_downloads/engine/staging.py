"""Where another program works on a download's file: a hidden folder beside the target, so that naming is no copying."""

from __future__ import annotations

import os
import shutil

from tui_downloads.core.download import Download, FileRecord

PREFIX = ".tui-downloads-media-"
KEY = "staging"
"""Of the meta of a foreground run's download: what stands for its id, the same in the next run."""


def staging_of(download: Download, file: FileRecord) -> str:
    """Give the folder of a file."""
    return os.path.join(download.folder, f"{PREFIX}{download.meta.get(KEY) or download.id}-{file.id}")


def discard(download: Download) -> None:
    """Remove what was left unfinished; called when a download is removed."""
    for file in download.files:
        path = staging_of(download, file)
        if os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path, ignore_errors=True)
