"""`cancel`: end downloads; parts stay, and `retry` continues them."""

from __future__ import annotations

from .acting import acting
from .chosen import UNFINISHED

command = acting("cancel", "cancel", "End downloads; parts stay, and retry continues them.", UNFINISHED)
