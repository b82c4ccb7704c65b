"""The store in memory keeps the promise."""

from __future__ import annotations

import pytest

from .suite import StoreSuite


class TestMemoryStore(StoreSuite):
    @pytest.fixture
    def store(self, memory_store):
        return memory_store
