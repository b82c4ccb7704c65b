"""What the settings say to a `get`: how to transfer, and not where to, under which name, or whom to tell."""

from __future__ import annotations

import json
import sys
from pathlib import Path


def write(program, *lines: str) -> None:
    """Put lines into the settings file."""
    file = Path(program("config", "path").stdout.splitlines()[0])
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join(lines))


def test_a_get_follows_its_command_line_and_not_the_list_s_rules(program, practice, tmp_path):
    """No category, template or hook has a say; the file is where the caller looks for it."""
    told = tmp_path / "told"
    command = [sys.executable, "-c", f"open({str(told)!r}, 'w')"]
    lines = [
        f"folder = {json.dumps(str(tmp_path / 'elsewhere'))}",
        'name_template = "{date}-{name}"',
        "[hooks]",
        *(f"{hook} = {json.dumps(command)}" for hook in ("on_added", "on_complete", "on_all_done")),
        "[[categories]]",
        'folder = "discs"',
        'types = ["iso"]',
    ]
    write(program, *lines)
    program("config", "check")
    program("get", "-d", str(tmp_path / "here"), practice.file(1000, "a.iso"))
    assert [path.name for path in (tmp_path / "here").iterdir()] == ["a.iso"]
    assert not told.exists() and not (tmp_path / "elsewhere").exists()


def test_a_get_takes_from_the_settings_how_to_transfer(program, practice, tmp_path):
    """Such as what to do when the name is taken."""
    write(program, 'on_conflict = "skip"')
    (tmp_path / "a.iso").write_text("mine")
    program("get", "-d", str(tmp_path), "-o", "a.iso", practice.file(1000, "a.iso"))
    assert (tmp_path / "a.iso").read_text() == "mine" and not practice.requests
