"""Moments and spans of time as people type them."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

import click

from tui_downloads.config.values import parse_clock, parse_duration

EXAMPLES = "write 2026-01-31 22:00, 22:00, +1h30m, or seconds since 1970"


class Moment(click.ParamType):  # type: ignore[type-arg]  # generic in newer versions of click only
    """A moment to come: a date and time, a time of day, `+` and a duration, or epoch seconds."""

    name = "time"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, float):
            return value
        try:
            return read_moment(str(value), datetime.now())
        except (ValueError, OverflowError, OSError):
            self.fail(f"{value!r} is no moment; {EXAMPLES}.", param, ctx)


class Span(click.ParamType):  # type: ignore[type-arg]  # generic in newer versions of click only
    """A duration: `90s`, `1h30m`, `7d`."""

    name = "duration"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, float):
            return value
        try:
            return parse_duration(str(value))
        except ValueError as error:
            self.fail(f"{value!r} is not {error}.", param, ctx)


def read_moment(text: str, now: datetime) -> float:
    """Read a moment; a time of day is the next one.

    Raises:
        ValueError: it is none.
    """
    text = text.strip()
    if text.startswith("+"):
        return now.timestamp() + parse_duration(text[1:])
    if re.fullmatch(r"\d{9,11}(\.\d+)?", text):
        return float(text)
    if re.fullmatch(r"\d{1,2}:\d{2}(:\d{2})?", text):
        at = now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(seconds=parse_clock(text))
        return (at if at > now else at + timedelta(days=1)).timestamp()
    return datetime.fromisoformat(text).timestamp()
