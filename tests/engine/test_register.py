"""Records are found by what they are called and by what they fetch."""

from __future__ import annotations

from tui_downloads.core.download import Download
from tui_downloads.core.lifecycle import State
from tui_downloads.core.snapshots import Kind
from tui_downloads.core.spec import AddRequest
from tui_downloads.engine.register import Register


def make(id: str, url: str = "https://a.example/x", **fields: object) -> Download:
    return Download(id, f"gid-{id}", Kind.LINK, AddRequest(url), url, "/downloads", **fields)


def entered(*downloads: Download) -> Register:
    register = Register({})
    for download in downloads:
        register.enter(download)
    return register


def test_a_record_is_found_by_id_and_gid():
    """Until it is dropped."""
    register = entered(one := make("1"))
    assert register.find("1") is register.find("gid-1") is one and register.find("2") is None
    register.drop(one)
    assert register.find("gid-1") is None


def test_the_first_of_two_is_the_twin():
    """What is asked for again is told of the one that is under way."""
    register = entered(one := make("1"), make("2"))
    assert register.twin(make("3")) is one
    assert register.twin(make("3", "https://a.example/y")) is None
    assert register.twin(make("3", "")) is None


def test_an_ended_download_is_nobody_s_twin():
    """Another fetch of the same link is a fetch of its own, and the next one's twin."""
    one, two = make("1"), make("2")
    register = entered(one)
    one.state = State.COMPLETE
    assert register.twin(two) is None
    register.enter(two)
    assert register.twin(make("3")) is two
    register.drop(one)
    assert register.twin(make("3")) is two


def test_what_is_about_to_be_stored_is_a_twin_already():
    """Two adds at once make one download where one was asked for."""
    register, one = Register({}), make("1")
    register.expect(one)
    assert register.expects(one) and register.twin(make("2")) is one
    register.arrived(one)
    assert not register.expects(one) and register.twin(make("2")) is None


def test_a_record_that_moved_is_found_where_it_is():
    """By its new link, and no more by the old one, however it came to change."""
    register = entered(one := make("1"))
    one.url = "https://b.example/x"
    register.moved(one)
    assert register.twin(make("2")) is None
    assert register.twin(make("2", "https://b.example/x")) is one
    one.folder = "/elsewhere"  # as when its first answer tells its category
    register.drop(one)
    assert register.twin(make("2", "https://b.example/x")) is None and not register._by_target


def test_positions_are_given_once():
    """Behind every other, whoever asks at the same time."""
    register = entered(make("1", position=7.0))
    assert [register.reserve(3), register.reserve(1), register.reserve(2)] == [8, 11, 12]
