"""Generated requests against the live service: every check of the tool, and none fails."""

from __future__ import annotations

import pytest

from tests.e2e import generated
from tests.e2e.service import Home
from tui_downloads.demo.server import PracticeServer

SEED = 20261121


def test_no_generated_request_fails_a_check(place: Home, origin: PracticeServer):
    """Examples, coverage, fuzzing and stateful phases over every operation: no failure, and no error inside."""
    pytest.importorskip("schemathesis")
    # One seed, so that what fails here fails again; `python -m tests.e2e.generated` asks something else each time.
    for found in generated.run(place, origin, 2, seconds=1500.0, short=True, seed=SEED):
        assert found.returncode == 0, found.stdout[-6000:] + found.stderr[-2000:]
        # The exit status counts failures; the words also name what is only worth a look.
        assert "stateful" in found.stdout.lower()
    assert generated.errors_in(place.log) == []
