"""What the operating system says of a disk, told once in our own words."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager

from tui_downloads.core.errors import Code, DownloadError

_UNUSABLE = Code.FOLDER_UNUSABLE

TABLE: dict[int, tuple[Code, str, bool | None]] = {
    errno.ENOSPC: (Code.DISK_FULL, "There is no space left in {}.", None),
    errno.EDQUOT: (Code.DISK_FULL, "The disk quota is used up in {}.", None),
    errno.EROFS: (_UNUSABLE, "{} is on a read-only disk.", None),
    errno.EACCES: (_UNUSABLE, "Writing in {} is not permitted.", None),
    errno.EPERM: (_UNUSABLE, "Writing in {} is not permitted.", None),
    errno.ENOENT: (_UNUSABLE, "{} does not exist.", None),
    errno.ENOTDIR: (_UNUSABLE, "{} is not a folder.", None),
    errno.EISDIR: (_UNUSABLE, "A folder is in the way in {}.", None),
    errno.ELOOP: (_UNUSABLE, "A symbolic link is in the way in {}.", None),
    errno.ENAMETOOLONG: (_UNUSABLE, "A name is too long for {}.", None),
    errno.EFBIG: (Code.FILE_TOO_LARGE, "The file is too large for the disk of {}.", None),
    errno.EEXIST: (Code.FILE_EXISTS, "The name is taken in {}.", None),
    errno.EMFILE: (Code.DISK_ERROR, "Too many files are open to write in {}.", True),
    errno.ENFILE: (Code.DISK_ERROR, "Too many files are open to write in {}.", True),
    errno.ENOMEM: (Code.DISK_ERROR, "There is not enough memory to write in {}.", True),
    errno.EIO: (Code.DISK_ERROR, "The disk of {} reports an error.", None),
}
"""errno: the code, the sentence, and whether to try again by itself where the code's own answer is not meant."""


def plain(text: str) -> str:
    """Make a path fit for one line of a message."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)


def translate(error: OSError, path: str) -> DownloadError:
    """Say in our words what the system said about a folder."""
    code, sentence, retry = TABLE.get(error.errno or 0, (Code.DISK_ERROR, "", None))
    if not sentence:
        reason = plain(os.strerror(error.errno)) if error.errno else type(error).__name__
        sentence = f"The disk of {{}} reports: {reason}."
    return DownloadError(code, sentence.format(plain(path)), retry=retry)


@contextmanager
def told(path: str) -> Iterator[None]:
    """Translate every OSError of a block.

    Raises:
        DownloadError: in place of any OSError.
    """
    try:
        yield
    except OSError as error:
        raise translate(error, path) from error
