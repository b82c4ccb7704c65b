"""Every row of the fault matrix that the engine answers for has a test of its own, and docs/conformance.md lists them.

`WRITE_CONFORMANCE=1 pytest tests/engine/test_fault_rows.py` writes the list.
"""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tui_downloads.demo.content import digest

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "conformance.md"
TITLE = "# Faults of networks and disks"
ROWS = {
    25: "redirects",
    26: "a page where a file was",
    27: "401, 403, 407",
    28: "404, 410",
    29: "408",
    30: "421",
    31: "425",
    32: "429, 503 and Retry-After",
    33: "500, 502, 504, 52x",
    34: "204, 205, 304",
    35: "a drip or a stall",
    36: "a reset midway",
    37: "an untrusted certificate",
    38: "no such name, or none at the moment",
    39: "a proxy that is down or wants a login",
    40: "offline",
    41: "a clock that jumps",
    42: "a full disk or quota",
    43: "a disk that can't be written",
    44: "too many files, too little memory",
    45: "a flush that fails",
    46: "a part that is gone, short or foreign",
    47: "a target that appears",
    48: "names that differ in case, reserved names",
    49: "another disk",
    53: "two processes",
    54: "a list that is locked, broken or full",
    55: "a newer list",
    56: "signals",
}
"""The rows of the network, the disk and the process, by what goes wrong."""
ALSO = {
    38: ("tests/e2e/test_get_reaches.py::test_a_name_and_a_port_that_are_not_there",),
    39: ("tests/e2e/test_get_reaches.py::test_a_proxy_that_wants_a_login",),
    42: ("tests/files/test_faults.py::test_every_error_is_told_in_one_line",),
    44: ("tests/files/test_faults.py::test_shortages_pass",),
}
"""What is shown elsewhere."""


def found() -> dict[int, list[str]]:
    """Find the tests by row, in their names and in those of their parameters."""
    rows: dict[int, list[str]] = {row: [] for row in ROWS}
    for path in sorted({*HERE.glob("test_faults*.py"), Path(__file__)}):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                words = " ".join([node.name, *map(ast.unparse, node.decorator_list)])
                for row in {int(number) for number in re.findall(r"(?<![a-z0-9])f([0-9]{2})_", words)}:
                    rows.get(row, []).append(f"{path.name}::{node.name}")
    return {row: [*tests, *ALSO.get(row, ())] for row, tests in rows.items()}


def written(rows: dict[int, list[str]]) -> str:
    lines = [
        TITLE,
        "",
        "Each row of the fault matrix, and the tests that produce it and hold the outcome against it; files without a "
        "folder are in `tests/engine`.",
        "",
        "| row | what goes wrong | shown by |",
        "|---|---|---|",
    ]
    for row, tests in rows.items():
        lines.append(f"| F{row} | {ROWS[row]} | {', '.join(f'`{test}`' for test in tests)} |")
    return "\n".join(lines) + "\n"


def test_every_row_has_a_test():
    """None was forgotten, and the page names tests that are there."""
    rows = found()
    assert [row for row, tests in rows.items() if not tests] == []
    if os.environ.get("WRITE_CONFORMANCE") == "1":
        PAGE.write_text(PAGE.read_text().partition(TITLE)[0].rstrip("\n") + "\n\n" + written(rows))
    lines = [line.split(" | ") for line in PAGE.read_text().partition(TITLE)[2].splitlines() if line.startswith("| F")]
    assert [line[0].strip("| ") for line in lines] == [f"F{row}" for row in ROWS]
    for path, name in re.findall(r"`([^`:]+)::(\w+)`", "".join(line[2] for line in lines)):
        place = HERE / path if "/" not in path else HERE.parents[1] / path
        assert f"def {name}(" in place.read_text(), name


@pytest.mark.skipif(not shutil.which("setpriv"), reason="util-linux has it")
def test_f43_a_folder_without_rights_is_the_users_to_mend(tmp_path, server):
    """EACCES, here for root too: one line with what to do, and another place takes the file."""
    plain = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
    locked, url = tmp_path / "locked", server.file(5_000, "mine.bin")
    locked.mkdir()
    locked.chmod(0o500)
    get = [*plain, sys.executable, "-m", "tui_downloads", "get", "-q", "-d"]
    done = subprocess.run([*get, str(locked), url], capture_output=True, text=True, timeout=60)
    assert done.returncode == 9 and str(locked) in done.stderr and "another" in done.stderr, done
    assert list(locked.iterdir()) == []
    subprocess.run([*get, str(tmp_path / "open"), url], check=True, timeout=60)
    assert (tmp_path / "open" / "mine.bin").stat().st_size == 5_000 and digest("mine.bin", 5_000)
