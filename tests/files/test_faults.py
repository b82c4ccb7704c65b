from __future__ import annotations

import errno
import os

import pytest

from tui_downloads.core.errors import Code, DownloadError
from tui_downloads.files.faults import told, translate

EXPECTED = {
    errno.ENOSPC: Code.DISK_FULL,
    errno.EDQUOT: Code.DISK_FULL,
    errno.EROFS: Code.FOLDER_UNUSABLE,
    errno.EACCES: Code.FOLDER_UNUSABLE,
    errno.EPERM: Code.FOLDER_UNUSABLE,
    errno.ENOENT: Code.FOLDER_UNUSABLE,
    errno.ENOTDIR: Code.FOLDER_UNUSABLE,
    errno.ENAMETOOLONG: Code.FOLDER_UNUSABLE,
    errno.ELOOP: Code.FOLDER_UNUSABLE,
    errno.EFBIG: Code.FILE_TOO_LARGE,
    errno.EIO: Code.DISK_ERROR,
    errno.EMFILE: Code.DISK_ERROR,
    errno.ENOMEM: Code.DISK_ERROR,
}


@pytest.mark.parametrize("number", sorted(errno.errorcode))
def test_every_error_is_told_in_one_line(number):
    """Whatever the system says becomes one clean line that names the folder."""
    error = translate(OSError(number, os.strerror(number)), "/some/\x1bfolder\n")
    assert "/some/" in error.message
    assert error.message.isprintable()
    assert error.code is EXPECTED.get(number, error.code)


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENOMEM])
def test_shortages_pass(number):
    """Too many files or too little memory may be over at the next try (F44)."""
    assert translate(OSError(number, ""), "/x").retry


def test_an_error_without_a_number_is_told_too():
    """Not every OSError has one."""
    assert translate(OSError("odd"), "/x").code is Code.DISK_ERROR


def test_the_cause_is_kept():
    """The translated error points at the system's."""
    with pytest.raises(DownloadError) as info, told("/x"):
        raise FileNotFoundError(errno.ENOENT, "gone")
    assert isinstance(info.value.__cause__, FileNotFoundError)
