"""Drivers of dialogues: pages by link, without a network."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from tui_downloads.core.errors import Code, DownloadError
from tui_downloads.core.resource import Headers
from tui_downloads.sources.base import Dialogue, Question, Reply, Resolved, Wish

Page = bytes | tuple[int, Mapping[str, str], bytes] | Callable[[Question], Any] | DownloadError


class Web:
    """Answers questions from a table; what is not in it is 404. Keeps what was asked."""

    def __init__(self, pages: Mapping[str, Page]) -> None:
        self.pages = dict(pages)
        self.asked: list[Question] = []

    def answer(self, question: Question) -> Reply:
        self.asked.append(question)
        page = self.pages.get(question.url, (404, {}, b"not here"))
        if callable(page):
            page = page(question)
        if isinstance(page, DownloadError):
            raise page
        if isinstance(page, bytes):
            page = (200, {}, page)
        status, headers, body = page
        if len(body) > question.limit:
            raise DownloadError(Code.SOURCE_INVALID, "The answer is too large.")
        return Reply(status, Headers(headers.items()), body, headers.get("x-url", question.url))

    def drive(self, dialogue: Dialogue) -> Resolved:
        """Answer every question of a dialogue and give its result."""
        try:
            question = next(dialogue)
            while True:
                try:
                    reply = self.answer(question)
                except DownloadError as error:
                    question = dialogue.throw(error)
                else:
                    question = dialogue.send(reply)
        except StopIteration as end:
            return end.value


@pytest.fixture
def web() -> Callable[[Mapping[str, Page]], Web]:
    """Make a web of pages."""
    return Web


@pytest.fixture
def wish() -> Callable[..., Wish]:
    """Make a wish of a link and options."""

    def make(url: str, secrets: Mapping[str, str] = {}, settings: Mapping[str, Any] = {}, **options: Any) -> Wish:
        return Wish(url, options, secrets, settings)

    return make


def code_of(call: Callable[[], Any]) -> Code:
    """Give the code of the error that a call raises."""
    with pytest.raises(DownloadError) as caught:
        call()
    assert "\n" not in caught.value.message
    return caught.value.code


@pytest.fixture
def code() -> Callable[[Callable[[], Any]], Code]:
    return code_of
