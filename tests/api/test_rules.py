"""The security rules S24 to S42 and the tests that show them, as the page of proofs lists them."""

from __future__ import annotations

import hmac
import re
from pathlib import Path

from tui_downloads.api import tokens as module
from tui_downloads.api.tokens import Tokens

TESTS = Path(__file__).parents[1]
PAGE = TESTS.parent / "docs" / "service-proofs.md"
ROW = re.compile(r"^\| (S\d\d) \| [^|]+ \| ([^|]+) \|$", re.MULTILINE)
RULES = {f"S{number}" for number in range(24, 43)} - {"S33"}


def test_every_rule_has_tests_that_exist():
    """No rule is missing from the table, and no test that it names."""
    rows = ROW.findall(PAGE.read_text("utf-8"))
    assert {rule for rule, _ in rows} == RULES
    for rule, cell in rows:
        named = 0
        for group in cell.split("; "):
            file, *names = re.findall(r"`([^`]+)`", group)
            text = (TESTS / file).read_text("utf-8")
            assert not [name for name in names if f"def {name}(" not in text], (rule, file)
            named += len(names)
        assert named, rule


def test_every_digest_is_compared_in_constant_time(tmp_path: Path, monkeypatch):
    """S34: whether the first or the last token is meant, or none, the same work is done."""
    tokens = Tokens(tmp_path / "tokens.json")
    secrets = [tokens.create(name) for name in ("ann", "bob", "eve")]
    compared: list[int] = []

    def compare(one: str, other: str) -> bool:
        compared.append(len(one))
        return hmac.compare_digest(one, other)

    counted = type("Counted", (), {"compare_digest": staticmethod(compare)})
    monkeypatch.setattr(module, "hmac", counted)
    for secret in (*secrets, "wrong", ""):
        compared.clear()
        tokens.verify(secret)
        assert compared == [64, 64, 64]
