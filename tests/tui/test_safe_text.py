"""Nothing that a terminal would obey passes the door."""

from __future__ import annotations

import ast
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

import tui_downloads.tui
from tui_downloads.tui.safe_text import elide, fit, fold, safe_text, typed, visible, words

ANY = st.text(st.characters(blacklist_categories=()), max_size=200)


@given(ANY)
def test_no_control_format_or_surrogate_survives(text):
    """Whatever goes in, what comes out is printable and on one line."""
    assert [c for c in visible(text) if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp", "Co")] == []


@given(ANY, st.integers(1, 60))
def test_fit_is_exactly_as_wide_as_asked(text, width):
    """Columns stay aligned."""
    assert cell_len(fit(text, width)) == width


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred", "␛[31mred"), ("a\nb\rc\td", "a␊b␍c␉d"), ("\x7f", "␡"), ("\x9b1m", "‹9B›1m"),
        ("\u202egpj", "‹RLO›gpj"), ("\u2066x\u2069", "‹LRI›x‹PDI›"), ("\u2028", "‹LS›"), ("\ud800", "�"),
        ("\ufeff", "‹BOM›"), ("\u200b", "‹ZWSP›"), ("plain name.iso", "plain name.iso"), ("日本語", "日本語"),
        ("[@click=app.exit]x[/]", "[@click=app.exit]x[/]"),
    ],
)  # fmt: skip
def test_tokens(text, shown):
    """What would be obeyed or hidden is seen."""
    assert visible(text) == shown


def test_marks_do_not_pile_up():
    """Two combining marks on a character are enough for every script."""
    assert len(visible("e" + "\u0301" * 500 + "x")) == 4


def test_a_long_text_is_bounded():
    """Four thousand characters, not forty million."""
    assert len(visible("x" * 1_000_000)) < 5000


def test_elide_keeps_the_extension():
    """The middle goes."""
    assert elide("a-very-long-file-name-of-something.tar.gz", 24).endswith(".tar.gz")


def test_markup_is_literal():
    """No span of style or action comes from the text."""
    content = safe_text("[bold]x[/bold][@click=app.exit]y[/]")
    assert content.plain == "[bold]x[/bold][@click=app.exit]y[/]" and not content.spans


def test_words_style_only_what_they_were_told():
    """Markup inside a styled part stays text."""
    assert words("[red]", ("[b]", "bold")).plain == "[red][b]"


def test_typed_drops_what_is_not_seen():
    """A field holds what the user can see."""
    assert typed("a\x1b[b\u202ec\ud800") == "a[bc"


SINKS = {"Static", "Label", "Button", "Option", "Selection", "Checkbox", "RadioButton", "Tab", "Collapsible"}
METHODS = {"update"}
SAFE = {"safe_text", "words", "Content", "title", "_line"}
TITLES = {"border_title", "border_subtitle", "label", "placeholder", "tooltip", "prompt"}


def _literal(node: ast.expr) -> bool:
    """Say whether an expression can only be our own text, or has passed the door."""
    if isinstance(node, ast.Constant):
        return not (isinstance(node.value, str) and "[" in node.value)
    if isinstance(node, ast.Call):
        name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
        inner = node.func.value if isinstance(node.func, ast.Attribute) else None
        # Content("\n").join(lines): a Content of Contents.
        return (
            name in SAFE or (name == "join" and inner is not None and _literal(inner)) or name in ("visible", "typed")
        )
    if isinstance(node, ast.IfExp):
        return _literal(node.body) and _literal(node.orelse)
    return False


CONTENTS = {"_lead", "content", "text"}
"""Names that are only ever given Content in these files."""


def offences(source: str, name: str) -> list[str]:
    """List raw strings in markup sinks."""
    tree = ast.parse(source)
    bad = []

    def judge(node: ast.expr, line: int, where: str) -> None:
        if isinstance(node, ast.Name | ast.Attribute):
            label = node.id if isinstance(node, ast.Name) else node.attr
            if label in CONTENTS:
                return
        if not _literal(node):
            bad.append(f"{name}:{line} {where}")

    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            callee = node.func
            called = callee.id if isinstance(callee, ast.Name) else getattr(callee, "attr", "")
            if called in SINKS and node.args:
                judge(node.args[0], node.lineno, called)
            elif called in METHODS and isinstance(callee, ast.Attribute) and node.args:
                # Sets and dictionaries have an update of their own; widgets' take one positional argument.
                owner = ast.unparse(callee.value)
                if "query_one" in owner or owner in ("self.banner",):
                    judge(node.args[0], node.lineno, "update")
            elif called == "notify":
                markup = {word.arg: word.value for word in node.keywords}.get("markup")
                if not (isinstance(markup, ast.Constant) and markup.value is False):
                    bad.append(f"{name}:{node.lineno} notify with markup")
            elif called == "from_markup":
                bad.append(f"{name}:{node.lineno} from_markup")
        if isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Attribute) and target.attr in TITLES:
                    judge(node.value, node.lineno, target.attr)
    return bad


def test_no_raw_string_reaches_a_markup_sink():
    """Every widget that understands markup is given Content, or a literal of ours."""
    folder = Path(tui_downloads.tui.__file__).parent
    found = [line for path in sorted(folder.rglob("*.py")) for line in offences(path.read_text(), path.name)]
    assert found == []


@pytest.mark.parametrize(
    "line",
    ["Static(view.name)", "Static(f'{name}')", "self.notify(name)", "box.border_title = name", "Label('[b]x[/b]')",
     "self.query_one('#a', Static).update(view.url)", "Content.from_markup(name)"],
)  # fmt: skip
def test_the_lint_sees_raw_strings(line):
    """A rule that never fires is none."""
    assert offences(line, "x.py") != []


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("short", ["short"]),
        ("the server asks to wait", ["the server", "asks to", "wait"]),
        ("one two three four five six seven", ["one two", "three four", "five six…"]),
        ("x" * 30, ["x" * 9 + "…"]),
        ("日本語 日本語 日本語", ["日本語", "日本語", "日本語"]),
    ],
)
def test_sentences_are_folded_between_words(text, lines):
    """Into lines that fit; the end of the last is cut off."""
    assert fold(text, 10, 3) == lines
