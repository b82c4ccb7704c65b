"""The add dialog asks the engine for exactly what was typed."""

from __future__ import annotations

from textual.widgets import Select

from tui_downloads.core.spec import OnConflict
from tui_downloads.tui.dialogs.add import AddDialog
from tui_downloads.tui.dialogs.choice import ChoiceDialog

LINK = "https://nine.example/file.zip"
CURL = "curl 'https://nine.example/file.zip' -H 'Cookie: a=b' -u me:pw --limit-rate 1M"


async def fill(r, text: str, **fields: str) -> None:
    await r.press("a")
    r.app.screen.query_one("#links").text = text
    for id, value in fields.items():
        widget = r.app.screen.query_one(f"#{id}")
        if hasattr(widget, "text"):
            widget.text = value
        else:
            widget.value = value
    await r.settle()


async def test_a_link_with_every_field(rig):
    """Folder, name, checksum, headers, user, connections, limit, priority, conflict."""
    digest = "sha256:" + "ab" * 32
    async with rig() as r:
        await fill(
            r, LINK, folder="isos", name="x.zip", checksum=digest, headers="A: b", user="me", password="pw",
            connections="4", limit="2M", priority="3", conflict="overwrite",
        )  # fmt: skip
        await r.press("f10")
        [(request,)] = r.asked("add")
        assert (request.url, request.folder, request.name, request.priority) == (LINK, "isos", "x.zip", 3)
        options, secrets = request.options, request.credentials
        assert (options.checksum, options.connections, options.limit) == (digest, 4, 2 << 20)
        assert options.on_conflict is OnConflict.OVERWRITE
        assert (secrets.headers, secrets.user, secrets.password) == ((("A", "b"),), "me", "pw")


async def test_many_links_are_added_and_bad_ones_left_out(rig):
    """The verdicts said so before."""
    async with rig() as r:
        await fill(r, f"{LINK}\nnonsense\n{LINK}2")
        assert "✗ nonsense" in r.shown() and "Add 2" in r.shown()
        await r.press("f10")
        [requests] = r.asked("add")
        assert [request.url for request in requests] == [LINK, LINK + "2"]


async def test_a_list_with_options_and_a_pattern(rig):
    """What stands with a link goes over the fields, which are for all."""
    async with rig() as r:
        await fill(r, f"{LINK}\t{LINK}2\n  split=2\n  header=X: y\n{LINK}[3-4]", connections="7", headers="A: b")
        assert "1 mirror, 2 options" in r.shown() and "Add 3" in r.shown()
        await r.press("f10")
        [(first, *others)] = r.asked("add")
        assert (first.url, first.mirrors, first.options.connections) == (LINK, (LINK + "2",), 2)
        assert first.credentials.headers == (("A", "b"), ("X", "y"))
        assert [(request.url[-1], request.options.connections) for request in others] == [("3", 7), ("4", 7)]


async def test_paused_or_at_a_time(rig):
    """Both are starts of their own."""
    async with rig() as r:
        await fill(r, LINK)
        r.app.screen.query_one("#start", Select).value = "paused"
        await r.press("f10")
        await fill(r, LINK + "2", at="+2h")
        r.app.screen.query_one("#start", Select).value = "at"
        await r.press("f10")
        [(first,), (second,)] = r.asked("add")
        assert first.paused and second.start_at == 1_790_000_000.0 + 7200


async def test_a_curl_command_fills_the_fields(rig):
    """And its secrets travel as credentials."""
    async with rig() as r:
        await fill(r, CURL)
        assert r.app.screen.query_one("#user").value == "me"
        await r.press("f10")
        [(request,)] = r.asked("add")
        assert request.url == LINK and request.credentials.password == "pw"
        assert request.credentials.headers == (("Cookie", "a=b"),) and request.options.limit == 1 << 20


async def test_a_field_that_can_not_be_used_keeps_the_dialog_open(rig):
    """With one sentence."""
    async with rig() as r:
        await fill(r, LINK, checksum="md5:nonsense")
        await r.press("f10")
        assert isinstance(r.app.screen, AddDialog) and r.asked("add") == []
        assert str(r.app.screen.query_one("#problem").content)


async def test_a_duplicate_asks_and_adds_anyway(rig):
    """Under another name, if that is wanted."""
    async with rig() as r:
        await fill(r, "https://one.example/run1.iso")
        assert "is here already" in r.shown()
        await r.press("f10")
        assert isinstance(r.app.screen, ChoiceDialog)
        await r.press("a")
        [(request,)] = r.asked("add")
        assert request.duplicate == "allow"


async def test_a_duplicate_can_be_shown(rig):
    """The cursor goes there, nothing is added."""
    async with rig() as r:
        await fill(r, "https://one.example/run1.iso")
        await r.press("f10", "f")
        assert r.asked("add") == [] and r.name() == "run1.iso"


async def test_a_duplicate_can_go_on(rig):
    """A paused one is resumed."""
    async with rig() as r:
        await fill(r, "https://two.example/held.zip")
        await r.press("f10", "c")
        assert r.asked("resume") == [(r.id("held.zip"),)]


async def test_lines_that_are_left_out_are_told(rig):
    """Enter adds what can be added, and nobody has to guess what became of the rest."""
    async with rig() as r:
        r.main.take_paste("https://a.example/1.iso\nnot a link\nhttps://a.example/2.iso")
        await r.settle()
        await r.press("f10")
        assert "Left out 1 line that can't be added." in r.said
