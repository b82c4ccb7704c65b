"""The list of every setting with its explanation: for `config show`, the settings screen and docs/settings.md."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import MISSING, Field, dataclass, fields
from functools import lru_cache
from pathlib import Path
from typing import Any

from . import settings as home
from .load import PREFIX
from .settings import CHOICES, LISTS, SECTIONS, Settings
from .values import write_clock, write_duration, write_size

TYPES = {
    "int": "number",
    "Size": "size",
    "Duration": "duration",
    "Clock": "time of day",
    "bool": "true or false",
    "str": "text",
    "tuple[str, ...]": "list of texts",
    "OnConflict": "text",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One setting, explained."""

    key: str
    """Dotted, as in the file."""
    section: str
    """Empty for the top of the file."""
    kind: str
    """In words."""
    default: Any
    shown_default: str
    """As the file would say it."""
    explanation: str
    variable: str
    """Its environment variable, or empty."""
    choices: tuple[str, ...]
    live: bool
    secret: bool


def documentation() -> list[Entry]:
    """Explain every setting, in the order of the file."""
    return list(_entries())


def _entries() -> Iterator[Entry]:
    for each in fields(Settings):
        if each.name in SECTIONS:
            kind = SECTIONS[each.name]
            for inner in fields(kind):
                yield _entry(f"{each.name}.{inner.name}", each.name, kind, inner)
        elif each.name not in LISTS:
            yield _entry(each.name, "", Settings, each)
    for name, kind in LISTS.items():
        for inner in fields(kind):
            yield _entry(f"{name}.{inner.name}", name, kind, inner)


def _entry(key: str, section: str, kind: type, each: Field[Any]) -> Entry:
    default = None if each.default is MISSING else each.default
    return Entry(
        key=key,
        section=section,
        kind=TYPES[str(each.type).removesuffix(" | None")],
        default=default,
        shown_default="" if each.default is MISSING else shown(default, str(each.type)),
        explanation=explanations()[kind.__name__, each.name],
        variable="" if section in LISTS else PREFIX + key.replace(".", "_").upper(),
        choices=CHOICES.get(key, ()),
        live=each.metadata.get("live", True),
        secret=each.metadata.get("secret", False),
    )


@lru_cache(maxsize=1)
def explanations() -> dict[tuple[str, str], str]:
    """Read the docstring under each field; Python does not keep them, the source does."""
    tree = ast.parse(Path(home.__file__).read_text(encoding="utf-8"))
    out: dict[tuple[str, str], str] = {}
    for node in tree.body:
        if not isinstance(node, ast.ClassDef):
            continue
        out[node.name, ""] = ast.get_docstring(node) or ""
        for field_, text in zip(node.body, node.body[1:], strict=False):
            if (
                isinstance(field_, ast.AnnAssign)
                and isinstance(field_.target, ast.Name)
                and isinstance(text, ast.Expr)
                and isinstance(text.value, ast.Constant)
            ):
                out[node.name, field_.target.id] = " ".join(str(text.value.value).split())
    return out


def shown(value: Any, kind: str) -> str:
    """Write a value as the file would say it."""
    plain = kind.removesuffix(" | None")
    if value is None:
        return "unset"
    if plain in _WRITERS:
        value = _WRITERS[plain](value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, tuple):
        return "[" + ", ".join(_quoted(each) for each in value) + "]"
    return _quoted(str(value))


_WRITERS: dict[str, Any] = {"Size": write_size, "Duration": write_duration, "Clock": write_clock}


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def shown_setting(settings: Settings, entry: Entry) -> str:
    """Write the value that a setting has; a secret is told as set or not."""
    value = getattr(getattr(settings, entry.section) if entry.section else settings, entry.key.rpartition(".")[2])
    if entry.secret:
        return "set" if value else "not set"
    kinds = {each.name: str(each.type) for each in fields(SECTIONS.get(entry.section, Settings))}
    return shown(value, kinds[entry.key.rpartition(".")[2]])


def page() -> str:
    """Write docs/settings.md."""
    lines = [
        "# Settings",
        "",
        "<!-- Made by `python -m tui_downloads.config.document --write`; edit tui_downloads/config/settings.py. -->",
        "",
        "One TOML file (`tui-downloads config path`), the environment over it, flags over both. Sizes may be written",
        'as `"10M"` (K, M, G, T count in 1024s; kB, MB, GB in 1000s), durations as `"90s"` or `"1h30m"`. A setting',
        "marked ↻ takes effect at the next start; the others while the program runs.",
    ]
    section = None
    for entry in documentation():
        if entry.section != section:
            section = entry.section
            lines += ["", *_heading(section), "", "| setting | type | default | what it does |", "|---|---|---|---|"]
        name = entry.key.rpartition(".")[2]
        mark = "" if entry.live else " ↻"
        default = f"`{entry.shown_default}`" if entry.shown_default else "needed"
        lines.append(f"| `{name}`{mark} | {entry.kind} | {default} | {entry.explanation.replace('|', chr(92) + '|')} |")
    lines += [
        "",
        "## Environment",
        "",
        f"`{PREFIX}` and the key in capitals, dots as underscores: `{PREFIX}RATE=10M`, `{PREFIX}PROXY_ALL=direct`.",
        "Lists are separated by commas. Categories and the schedule have no variable.",
        f"`{PREFIX}HOME` puts settings, state, sockets and downloads under one folder.",
        "",
    ]
    return "\n".join(lines)


def _heading(section: str) -> list[str]:
    if not section:
        return ["## At the top of the file", "", explanations()["Settings", ""]]
    kind = SECTIONS.get(section) or LISTS[section]
    title = f"[[{section}]]" if section in LISTS else f"[{section}]"
    return [f"## {title}", "", explanations()[kind.__name__, ""]]


def main(arguments: list[str]) -> None:
    """Write the page to docs/settings.md with `--write`, else to standard output."""
    if arguments == ["--write"]:
        target = Path(__file__).parents[2] / "docs" / "settings.md"
        target.parent.mkdir(exist_ok=True)
        target.write_text(page(), encoding="utf-8")
    else:
        sys.stdout.write(page())


if __name__ == "__main__":
    main(sys.argv[1:])
