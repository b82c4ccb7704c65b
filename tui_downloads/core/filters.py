"""The filter language of the faces: `state:failed host:example size>1g ubuntu -owner:bob`.

Terms are separated by spaces and all have to hold. `-` before a term turns it round, quotes keep spaces together, and
commas in a value mean "or". `key:value` looks into the field, `key=value` wants it equal; sizes, speeds, ages and
priorities also take `<`, `<=`, `>` and `>=`. A word without a key is found in name, link, folder or error. What can't
be understood is reported beside the filter and never raised.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from difflib import get_close_matches
from typing import TypeVar

from msgspec import Struct, field
from msgspec.structs import replace

from .lifecycle import RUNNING, State
from .snapshots import DownloadView, Kind, Query

T = TypeVar("T")
Test = Callable[[DownloadView, float], bool]

GROUPS: dict[str, frozenset[State]] = {
    "active": RUNNING | {State.PAUSING},
    "running": RUNNING | {State.PAUSING},
    "done": frozenset({State.COMPLETE}),
    "error": frozenset({State.FAILED}),
    "errors": frozenset({State.FAILED}),
    "unfinished": frozenset(State) - {State.COMPLETE, State.FAILED, State.CANCELLED},
}
"""Words for several states, beside the states' own names."""

TEXTS: dict[str, Callable[[DownloadView], str]] = {
    "host": lambda view: view.host,
    "owner": lambda view: view.owner,
    "name": lambda view: view.name,
    "folder": lambda view: view.folder,
    "url": lambda view: view.url,
    "category": lambda view: view.category,
    "type": lambda view: view.content_type,
    "error": lambda view: f"{view.error.code} {view.error.message}" if view.error else "",
    "via": lambda view: view.dialect,
    "id": lambda view: f"{view.id} {view.gid}",
}

NUMBERS: dict[str, Callable[[DownloadView, float], float | None]] = {
    "size": lambda view, now: view.size,
    "done": lambda view, now: view.done,
    "left": lambda view, now: None if view.size is None else max(0, view.size - view.done),
    "speed": lambda view, now: view.speed,
    "percent": lambda view, now: None if view.fraction is None else view.fraction * 100,
    "age": lambda view, now: max(0.0, now - view.created_at),
    "priority": lambda view, now: view.priority,
}

KEYS = ("state", "kind", *TEXTS, *NUMBERS)

COMPARE: dict[str, Callable[[float, float], bool]] = {
    ":": lambda a, b: a == b,
    "=": lambda a, b: a == b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}

_TOKEN = re.compile(r'(?:[^\s"]|"[^"]*"?)+')
_TERM = re.compile(r"([A-Za-z]+)(<=|>=|[:=<>])(.*)", re.DOTALL)
_NUMBER = re.compile(r"(-?[0-9]{1,18}(?:\.[0-9]{1,9})?)\s*([A-Za-z%/]*)", re.ASCII)
_BYTES = {unit: 1024**power for power, unit in enumerate("bkmgtp")} | {"": 1}
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}


class Problem(Struct, frozen=True):
    """A term that was left out, and why."""

    term: str
    message: str

    def __str__(self) -> str:
        return self.message


class Filter(Struct, frozen=True):
    """What a text asks for. A filter without terms lets everything through."""

    text: str = ""
    tests: tuple[Test, ...] = ()
    problems: tuple[Problem, ...] = ()
    asked: Query = field(default_factory=Query)
    """What a store can find by itself; every download that matches is among it."""
    exact: bool = True
    """`asked` says all that the filter does."""

    def matches(self, view: DownloadView, now: float = 0.0) -> bool:
        """Say whether a download passes; `now` (epoch seconds) is what ages are measured from."""
        return all(test(view, now) for test in self.tests)

    def query(self, base: Query | None = None) -> Query:
        """Put what a store can find into a query; its order, page and other limits stay.

        What the store finds is still to be put to `matches`: not every term can be said to it.
        """
        base = base or Query()
        asked = self.asked
        return replace(
            base,
            states=_both(base.states, asked.states),
            kinds=_both(base.kinds, asked.kinds),
            text=asked.text or base.text,
            host=asked.host or base.host,
        )

    def __bool__(self) -> bool:
        return bool(self.tests)


class _Found(Struct):
    """What a term comes to: its test and, where a store understands it, its part of a query."""

    test: Test
    states: frozenset[State] | None = None
    kinds: frozenset[Kind] | None = None
    text: str = ""
    host: str = ""


def parse(text: str) -> Filter:
    """Read a filter; what can't be understood is in `problems`, and the rest still filters."""
    tests: list[Test] = []
    problems: list[Problem] = []
    asked, exact = Query(), True
    for token in _TOKEN.findall(text):
        found = _term(token)
        if isinstance(found, Problem):
            problems.append(found)
            continue
        tests.append(found.test)
        merged = _ask(asked, found)
        exact = exact and merged is not None
        asked = merged or asked
    return Filter(text, tuple(tests), tuple(problems), asked, exact)


def _ask(asked: Query, found: _Found) -> Query | None:
    """Add a term to a query, or give None if a query can't say it."""
    if found.states is not None and (not asked.states or asked.states & found.states):
        return replace(asked, states=_both(asked.states, found.states))
    if found.kinds is not None and (not asked.kinds or asked.kinds & found.kinds):
        return replace(asked, kinds=_both(asked.kinds, found.kinds))
    for name in ("text", "host"):
        value = getattr(found, name)
        if value and not getattr(asked, name):
            return replace(asked, **{name: value})
    return None


def _both(left: frozenset[T], right: frozenset[T]) -> frozenset[T]:
    """Intersect two sets of which an empty one means all; what excludes each other stays with the left."""
    if not left or not right:
        return left or right
    return left & right or left


def _term(token: str) -> _Found | Problem:
    negated = token.startswith("-") and len(token) > 1
    body = token[1:] if negated else token
    match = None if body.startswith('"') else _TERM.fullmatch(body)
    # A link is a word, although it looks like a key with a value.
    if match is None or match[3].startswith("//"):
        found: _Found | Problem = _word(body.replace('"', ""))
    else:
        found = _field(token, match[1].lower(), match[2], match[3].replace('"', ""))
    if negated and not isinstance(found, Problem):
        return _not(found)
    return found


def _not(found: _Found) -> _Found:
    test = found.test
    turned = _Found(lambda view, now: not test(view, now))
    # An empty set would ask for everything; nothing is asked then.
    if found.states is not None:
        turned.states = frozenset(State) - found.states or None
    if found.kinds is not None:
        turned.kinds = frozenset(Kind) - found.kinds or None
    return turned


def _word(word: str) -> _Found:
    sought = word.casefold()

    def test(view: DownloadView, now: float) -> bool:
        texts = (view.name, view.url, view.folder, view.error.message if view.error else "")
        return any(sought in text.casefold() for text in texts)

    return _Found(test, text=word)


def _field(token: str, key: str, operator: str, value: str) -> _Found | Problem:
    if key not in KEYS:
        near = get_close_matches(key, KEYS, 1)
        hint = f"did you mean {near[0]}?" if near else "keys are " + ", ".join(KEYS) + "."
        return Problem(token, f"There is no key “{key}”; {hint}")
    if not value:
        return Problem(token, f"“{key}” needs a value, such as {_example(key)}.")
    if key in NUMBERS:
        return _number(token, key, operator, value)
    if operator not in (":", "="):
        return Problem(token, f"“{key}” can't be compared with {operator}; write {_example(key)}.")
    if key == "state":
        return _states(token, value)
    if key == "kind":
        return _kinds(token, value)
    return _text(key, operator, value)


def _states(token: str, value: str) -> _Found | Problem:
    names = {state.value: frozenset({state}) for state in State} | GROUPS
    states: set[State] = set()
    for word in _alternatives(value):
        if word not in names:
            return Problem(token, _no_such("state", word, list(names)))
        states |= names[word]
    chosen = frozenset(states)
    return _Found(lambda view, now: view.state in chosen, states=chosen)


def _kinds(token: str, value: str) -> _Found | Problem:
    words = _alternatives(value)
    for word in words:
        if word not in list(Kind):
            return Problem(token, _no_such("kind", word, [kind.value for kind in Kind]))
    chosen = frozenset(Kind(word) for word in words)
    return _Found(lambda view, now: view.kind in chosen, kinds=chosen)


def _text(key: str, operator: str, value: str) -> _Found:
    read, words = TEXTS[key], _alternatives(value)
    exact = operator == "="

    def test(view: DownloadView, now: float) -> bool:
        text = read(view).casefold()
        return any(word in (text, *text.split()) if exact else word in text for word in words)

    found = _Found(test)
    if exact and len(words) == 1 and key == "host":
        found.host = value
    return found


def _number(token: str, key: str, operator: str, value: str) -> _Found | Problem:
    match = _NUMBER.fullmatch(value.strip())
    limit = _measure(key, float(match[1]), match[2].lower()) if match else None
    if limit is None:
        return Problem(token, f"“{value}” is no value of “{key}”; write {_example(key)}.")
    read, compare = NUMBERS[key], COMPARE[operator]

    def test(view: DownloadView, now: float) -> bool:
        number = read(view, now)
        return number is not None and compare(number, limit)

    return _Found(test)


def _measure(key: str, number: float, unit: str) -> float | None:
    """Give a number in the unit its field has, or None if the unit is not one of its."""
    if key == "priority":
        return number if not unit else None
    if key == "percent":
        return number if unit in ("", "%") else None
    if key == "age":
        return number * _SECONDS[unit] if unit in _SECONDS else None
    unit = unit.removesuffix("/s") if key == "speed" else unit
    unit = unit.removesuffix("ib") if len(unit) == 3 else unit
    unit = unit.removesuffix("b") if len(unit) == 2 else unit
    return number * _BYTES[unit] if unit in _BYTES else None


def _alternatives(value: str) -> list[str]:
    return [word for word in value.casefold().split(",") if word] or [value.casefold()]


def _no_such(what: str, word: str, names: list[str]) -> str:
    near = get_close_matches(word, names, 1)
    return f"There is no {what} “{word}”; " + (
        f"did you mean {near[0]}?" if near else f"it is one of {', '.join(names)}."
    )


def _example(key: str) -> str:
    if key in NUMBERS:
        return {"age": "age<2d", "priority": "priority>0", "percent": "percent>50", "speed": "speed>1m"}.get(
            key, f"{key}>1g"
        )
    return {"state": "state:failed", "kind": "kind:media"}.get(key, f"{key}:text")
