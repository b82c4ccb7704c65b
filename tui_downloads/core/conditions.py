"""Validators: what tells one version of a file from another, and when bytes of two answers may be joined."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache

from .late import late
from .resource import Resource, Validator

_MONTHS = {
    month: index
    for index, month in enumerate("Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(), 1)  # noqa: SIM905
}
# The three forms of RFC 9110, section 5.6.7; the names of days are not looked at.
_IMF = late(r"[A-Za-z]{3,9}, (\d\d?)[ -]([A-Z][a-z]{2})[ -](\d{4}|\d\d) (\d\d):(\d\d):(\d\d) (?:GMT|UTC)", re.ASCII)
_ASCTIME = late(r"[A-Z][a-z]{2} ([A-Z][a-z]{2}) ([ \d]\d) (\d\d):(\d\d):(\d\d) (\d{4})", re.ASCII)


class Join(StrEnum):
    """Whether bytes of an older answer and of a new one may make one file."""

    YES = "yes"
    OVERLAP = "overlap"
    """Only after bytes around the seam were compared; the result is unproven."""
    RESTART = "restart"


def parse_http_date(text: str) -> float | None:
    """Give the epoch seconds of an HTTP date; None for anything else."""
    return _date(text) if len(text) <= 40 else None


@lru_cache(maxsize=1024)
def _date(text: str) -> float | None:
    match = _IMF.fullmatch(text)
    if match is not None:
        day, month, year, hour, minute, second = match.groups()
    else:
        match = _ASCTIME.fullmatch(text)
        if match is None:
            return None
        month, day, hour, minute, second, year = match.groups()
    number = int(year)
    if len(year) == 2:
        number += 2000 if number < 70 else 1900
    try:
        # A leap second is told as the one before it.
        moment = datetime(number, _MONTHS[month], int(day), int(hour), int(minute), min(int(second), 59), tzinfo=UTC)
        return moment.timestamp()
    except (KeyError, ValueError, OverflowError):
        return None


def make_validator(etag: str, last_modified: str, date: str) -> Validator:
    """Make a validator; whether the date is strong matters, and is looked at, only without an ETag."""
    strong = False
    if last_modified and not etag:
        changed, sent = parse_http_date(last_modified), parse_http_date(date)
        strong = changed is not None and sent is not None and sent - changed >= 1
    return Validator(etag, last_modified, strong)


def same_version(old: Validator, new: Validator) -> bool:
    """Say whether two validators of one link prove one version."""
    mine, other = old.strong_etag, new.strong_etag
    if mine or other:
        return mine == other
    return (
        not old.etag
        and not new.etag
        and old.strong_date
        and new.strong_date
        and bool(old.last_modified)
        and old.last_modified == new.last_modified
    )


def may_join(old: Validator, old_size: int | None, new: Resource, has_digest: bool = False) -> Join:
    """Decide whether an answer of the same link may continue what is there; another link's is compared."""
    if old_size is not None and new.size is not None and old_size != new.size:
        return Join.RESTART
    # The bytes will be proved at the end, so a changed ETag (links with tokens change theirs) is no reason to stop.
    if has_digest or same_version(old, new.validator):
        return Join.YES
    if old.strong_etag or new.validator.strong_etag:
        return Join.RESTART
    both_tagged = old.etag and new.validator.etag
    if both_tagged and old.etag != new.validator.etag:
        return Join.RESTART
    same_date = old.last_modified and old.last_modified == new.validator.last_modified
    if same_date and old_size is not None and old_size == new.size:
        return Join.OVERLAP
    return Join.RESTART
