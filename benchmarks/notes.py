"""Why a goal was missed, for the report: (case, measure) to one sentence. Only causes that were looked into."""

from __future__ import annotations

CAUSES: dict[tuple[str, str], str] = {}
