"""The OpenAPI document against the service, by generated requests."""

from __future__ import annotations

import asyncio
import tempfile
import threading
from pathlib import Path

import hypothesis
import pytest
import schemathesis
from schemathesis.checks import not_a_server_error

from tests.api.service import service
from tui_downloads.api.server import Listener


class Background:
    """A service in a thread of its own; the tool that asks it is synchronous."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.ready = threading.Event()
        self.stop = asyncio.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)

    def run(self) -> None:
        self.loop.run_until_complete(self.serve())
        self.loop.close()

    async def serve(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            async with service(Path(folder), listeners=[Listener(port=0)]) as made:
                self.url, self.secret = made.url, made.secrets["root"]
                self.document = made.root.dialects[0].app.openapi()
                self.ready.set()
                await self.stop.wait()

    def __enter__(self) -> Background:
        self.thread.start()
        assert self.ready.wait(60)
        return self

    def __exit__(self, *_: object) -> None:
        self.loop.call_soon_threadsafe(self.stop.set)
        self.thread.join(60)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_generated_requests_meet_no_server_error_and_the_declared_shapes():
    """Every operation answers as declared, whatever it is sent."""
    with Background() as found:
        schema = schemathesis.openapi.from_dict(found.document)
        headers = {"Authorization": f"Bearer {found.secret}"}
        count = 0
        for result in schema.get_all_operations():
            operation = result.ok()
            if operation.path == "/v1/events":
                continue  # it does not end by itself
            count += 1

            @hypothesis.settings(
                max_examples=4, deadline=None, database=None, derandomize=True,
                suppress_health_check=list(hypothesis.HealthCheck),
            )  # fmt: skip
            @hypothesis.given(case=operation.as_strategy())
            def check(case):
                answer = case.call(base_url=found.url, headers=headers)
                case.validate_response(answer, checks=[not_a_server_error, *SHAPES])

            check()
        assert count > 25


def _shapes():
    from schemathesis.specs.openapi import checks

    return [checks.status_code_conformance, checks.content_type_conformance, checks.response_schema_conformance]


SHAPES = _shapes()
