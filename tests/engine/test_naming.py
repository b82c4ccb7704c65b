"""Categories and name templates decide where a file goes when the user does not."""

from __future__ import annotations

import pytest

from tests.engine.conftest import Bench
from tui_downloads.config.settings import Category
from tui_downloads.core.errors import RequestError
from tui_downloads.core.spec import Options, Policy
from tui_downloads.demo.content import digest
from tui_downloads.engine.naming import filled
from tui_downloads.engine.rules import Rules

CATEGORIES = (
    Category("films", types=("video/*",)),
    Category("disks", name="Images", types=("iso", "img")),
    Category("here", hosts=("127.0.0.*",), pattern="report-*"),
)


async def opened(tmp_path, server, **rules) -> Bench:
    bench = Bench(tmp_path / "downloads", server, rules=Rules(**rules))
    await bench.start()
    return bench


@pytest.mark.parametrize(
    ("name", "options", "folder", "category"),
    [
        ("movie.bin", {"type": "video/mp4"}, "films", "films"),
        ("linux.iso", {}, "disks", "Images"),
        ("report-7.pdf", {}, "here", "here"),
        ("other.txt", {}, "", ""),
    ],
)
async def test_the_first_rule_that_holds_decides(tmp_path, server, name, options, folder, category):
    """Content type, extension, host and pattern, once the server has said what it is."""
    bench = await opened(tmp_path, server, categories=CATEGORIES)
    view = await bench.complete(await bench.add(server.file(2_000_000, name, **options)))
    assert (view.folder, view.category) == (str(bench.folder / folder).rstrip("/"), category)
    assert bench.digest(f"{folder}/{name}".lstrip("/")) == digest(name, 2_000_000)
    await bench.engine.close()


async def test_a_chosen_folder_wins(tmp_path, server):
    """Whoever names a folder gets it."""
    bench = await opened(tmp_path, server, categories=CATEGORIES)
    view = await bench.complete(await bench.add(server.file(10, "linux.iso"), folder=str(tmp_path / "mine")))
    assert (view.folder, view.category) == (str(tmp_path / "mine"), "")
    await bench.engine.close()


async def test_a_chosen_category_wins(tmp_path, server):
    """A category by name needs no rule to hold."""
    bench = await opened(tmp_path, server, categories=CATEGORIES)
    view = await bench.complete(await bench.add(server.file(10, "x.txt"), options=Options(category="Images")))
    assert (view.folder, view.category) == (str(bench.folder / "disks"), "Images")
    await bench.engine.close()


async def test_a_category_opens_no_folder_to_a_caller(tmp_path, server):
    """S3: a rule does not lead a restricted caller out of its folders."""
    bench = await opened(tmp_path, server, categories=(Category(str(tmp_path / "out"), types=("iso",)),))
    policy = Policy(folders=(str(bench.folder),))
    view = await bench.complete(await bench.add(server.file(10, "linux.iso"), policy=policy))
    assert view.folder == str(bench.folder)
    await bench.engine.close()


async def test_a_restart_keeps_the_categorys_folder(tmp_path, server):
    """The part is found where the rule had put it."""
    bench = await opened(tmp_path, server, categories=CATEGORIES)
    id = await bench.add(server.file(6_000_000, "big.iso", rate=2_000_000))
    await bench.until(id, lambda view: view.done > 1_000_000)
    await bench.engine.close()
    await bench.start()
    view = await bench.complete(id)
    assert (view.path, view.discarded) == (str(bench.folder / "disks" / "big.iso"), 0)
    await bench.engine.close()


async def test_a_template_names_new_files(tmp_path, server):
    """What the server says goes into the template; a chosen name does not."""
    bench = await opened(tmp_path, server, name_template="{host}-{stem}.{ext}")
    view = await bench.complete(await bench.add(server.file(3_000_000, "a.bin")))
    assert view.name == "127.0.0.1-a.bin"
    chosen = await bench.complete(await bench.add(server.file(10, "a.bin"), name="mine.bin"))
    assert chosen.name == "mine.bin"
    await bench.engine.close()


@pytest.mark.parametrize("template", ["{date}-{name}", "../../{name}", "{title}{ext}", "{category}", "..", "{title}/"])
def test_a_filled_template_is_one_safe_component(template):
    """S1: whatever the title or the template holds."""
    made = filled(template, "x.tar.gz", id="i" * 36, host="h", category="", title="T/../t", at=43_200.0)
    assert "/" not in made and made.strip(". ") and not made.startswith(".")


async def test_a_bad_template_refuses_the_start(tmp_path, server):
    """A mistake in the settings is told when they are read, not at the first file."""
    bench = Bench(tmp_path / "downloads", server, rules=Rules(name_template="{nope}"))
    with pytest.raises(RequestError):
        await bench.start()
