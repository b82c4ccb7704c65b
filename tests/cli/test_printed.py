"""Tables, JSON and texts of the command line: aligned, cut to the terminal, harmless."""

from __future__ import annotations

import json
import os
import sys
from datetime import datetime
from pathlib import Path

import click
import pytest
from msgspec.structs import fields

from tui_downloads.cli import printed
from tui_downloads.cli.chosen import resolve, states_of
from tui_downloads.cli.main import COMMANDS
from tui_downloads.cli.moments import read_moment
from tui_downloads.cli.rows import COLUMNS, cell, row, written
from tui_downloads.core.errors import DownloadError, Exit, RequestError
from tui_downloads.core.lifecycle import State
from tui_downloads.core.snapshots import DownloadView, ErrorView, Kind
from tui_downloads.engine.fake import FakeEngine

DOCUMENT = (Path(__file__).parents[2] / "docs/cli.md").read_text(encoding="utf-8")


def view(**changes: object) -> DownloadView:
    usual = {"id": "1", "gid": "2", "kind": Kind.LINK, "state": State.COMPLETE, "url": "http://a/b", "name": "b"}
    return DownloadView(**{**usual, "folder": "/d", **changes})  # type: ignore[arg-type]


def test_tables_are_aligned_and_harmless(capsys) -> None:
    """Columns line up, wide characters count twice, and no escape gets through."""
    printed.table(("A", "NAME"), [("x", "plain"), ("yy", "気象\x1b]0;evil\x07\u202e")])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "A   NAME" and lines[1] == "x   plain"
    assert lines[2] == "yy  気象\\u001b]0;evil\\u0007\\u202e"


def test_tables_fit_the_terminal(capsys, monkeypatch) -> None:
    """On a terminal the last column gives way, the extension is kept."""
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(printed.shutil, "get_terminal_size", lambda: os.terminal_size((40, 10)))
    printed.table(("ID", "NAME"), [("12345678", "a-very-long-name-that-does-not-fit-at-all.tar.gz")])
    line = capsys.readouterr().out.splitlines()[1]
    assert len(line) <= 39 and line.endswith(".tar.gz") and "…" in line


def test_json_has_every_field_of_a_download(capfdbinary) -> None:
    """Field names are those of the wire, and the document names each of them."""
    printed.print_json({"items": [view()]})
    item = json.loads(capfdbinary.readouterr().out)["items"][0]
    assert list(item) == [field.name for field in fields(DownloadView)]
    assert all(name in DOCUMENT for name in item)


def test_the_worst_cause_is_the_first_in_order() -> None:
    """Not found goes before network, and none is none."""
    assert printed.worst([Exit.OK, Exit.DISK, Exit.NOT_FOUND, Exit.NETWORK]) == Exit.NOT_FOUND
    assert printed.worst([]) == Exit.OK
    assert set(printed.EXIT_ORDER) == {value for name, value in vars(Exit).items() if name.isupper()} - {0}


@pytest.mark.parametrize(
    ("state", "error", "code"),
    [(State.COMPLETE, None, 0), (State.PAUSED, None, 7), (State.CANCELLED, None, 7), (State.FAILED, 8, 8)],
)
def test_an_end_has_its_code(state: State, error: int | None, code: int) -> None:
    """Complete, interrupted, or the error's own."""
    why = ErrorView("X", "m", "server", "n", False, exit=error) if error else None
    assert printed.cause(view(state=state, error=why)) == code


def test_labels_hide_secrets() -> None:
    """A download without a name is called by its link, its secret parameters hidden."""
    assert "canary" not in printed.label(view(name="", url="http://a/b?token=canary"))


def test_rows_of_an_export_have_no_formula_and_no_secret() -> None:
    """Every column, the link bare, cells quoted."""
    made = row(view(url="http://me:pw@a/b?sig=canary", name="=cmd"))
    assert tuple(made) == COLUMNS and made["url"] == "http://a/b"
    assert cell(made["name"]) == "'=cmd" and cell(None) == ""


def test_a_file_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    """An end in the middle leaves what was there."""
    path = tmp_path / "out"
    path.write_text("old")
    with pytest.raises(KeyError), written(str(path)) as file:
        file.write(b"new")
        raise KeyError
    assert path.read_text() == "old" and not list(tmp_path.glob("out.*"))
    with pytest.raises(DownloadError, match="can't be written"), written(str(tmp_path / "no/out")):
        pass


def test_moments() -> None:
    """A time of day is the next one; +, dates and epoch seconds too."""
    now = datetime(2026, 1, 31, 12, 0)
    assert read_moment("13:30", now) - now.timestamp() == 5400
    assert read_moment("11:00", now) - now.timestamp() == 23 * 3600
    assert read_moment("+1h30m", now) - now.timestamp() == 5400
    assert read_moment("2026-02-01 12:00", now) - now.timestamp() == 86400
    assert read_moment("1800000000", now) == 1_800_000_000
    with pytest.raises(ValueError):
        read_moment("soon", now)


def test_states_and_groups_by_name() -> None:
    """Repeated or with commas; a wrong one lists what there is."""
    assert states_of(["paused,failed", "done"]) == {State.PAUSED, State.FAILED, State.COMPLETE}
    with pytest.raises(click.UsageError, match="one of"):
        states_of(["nonsense"])


async def test_an_ambiguous_beginning_lists_its_candidates() -> None:
    """Every download that begins so is named, and nothing is chosen."""
    engine = FakeEngine(folder="/d")
    await engine.start()
    ids = [engine.put(f"http://a.example/{n}.bin", state=State.PAUSED, name=f"{n}.bin") for n in range(40)]
    first = next(id[:1] for id in ids if sum(other[0] == id[0] for other in ids) > 1)
    with pytest.raises(RequestError, match="downloads begin with") as found:
        await resolve(engine, [first])
    assert "Give more" in found.value.next_step and ".bin" in found.value.message
    assert await resolve(engine, [ids[0], ids[0].upper()]) == [ids[0]]
    await engine.close()


@pytest.mark.parametrize("name", COMMANDS)
def test_the_document_names_every_command(name: str) -> None:
    """docs/cli.md is whole."""
    assert name in DOCUMENT


def test_the_document_names_every_exit_code() -> None:
    """Each code has its row."""
    codes = {value for key, value in vars(Exit).items() if key.isupper()}
    assert all(f"| {code} | " in DOCUMENT for code in codes)
