"""Pieces of a file: who brought wrong bytes is found by the bytes themselves."""

from __future__ import annotations

import hashlib
import os
from types import SimpleNamespace

import pytest

from tui_downloads.core.errors import Code, DownloadError
from tui_downloads.core.plan import Plan
from tui_downloads.core.snapshots import Proof
from tui_downloads.engine.digesting import Digests
from tui_downloads.engine.mirror import Mirror
from tui_downloads.engine.verifying import Pieces
from tui_downloads.transport.base import Reach

DIGESTS = Digests()
PIECE = 1024
RIGHT = bytes(range(256)) * 10  # two pieces and a half


class Whole:
    """A transfer whose bytes are here; `refill` writes what the next round brings, as the mirror that is asked."""

    def __init__(self, path, body: bytes, mirrors: list[Mirror], refill: list[tuple[Mirror, bytes]]) -> None:
        path.write_bytes(body)
        self.fd = os.open(path, os.O_RDWR)
        self.part = SimpleNamespace(fileno=lambda: self.fd)
        self.plan = Plan(len(body), [(0, len(body))])
        digests = tuple(hashlib.sha256(RIGHT[at : at + PIECE]).hexdigest() for at in range(0, len(RIGHT), PIECE))
        self.file = SimpleNamespace(pieces=("sha256", PIECE, digests))
        self.mirrors = mirrors
        self.proof = Proof.NONE
        self.checked = 0
        self.services = SimpleNamespace(digests=DIGESTS)
        self.said: list[str] = []
        self.fetched: list[tuple[int, int]] = []
        self._refill = refill

    def note(self, sentence: str) -> None:
        self.said.append(sentence)

    def discarded(self, count: int) -> None:
        pass

    async def fetch_missing(self) -> None:
        mirror, body = self._refill.pop(0)
        for start, end in self.plan.free():
            self.fetched.append((start, end))
            os.pwrite(self.fd, body[start:end], start)
            mirror.wrote.add(start, end)
            segment = self.plan.lease()
            self.plan.advance(segment, end - start)
            self.plan.release(segment)


def mirror(name: str, *spans: tuple[int, int]) -> Mirror:
    made = Mirror(f"http://{name}.test/x?token=canary", f"{name}.test:80", Reach())
    for start, end in spans:
        made.wrote.add(start, end)
    return made


def spoiled(at: int) -> bytes:
    return RIGHT[:at] + bytes([RIGHT[at] ^ 1]) + RIGHT[at + 1 :]


async def test_right_pieces_prove_the_file(tmp_path):
    """Nothing is fetched again."""
    whole = Whole(tmp_path / "x", RIGHT, [mirror("a", (0, len(RIGHT)))], [])
    await Pieces(whole).verify()
    assert whole.proof is Proof.DIGEST and not whole.said


async def test_of_two_who_share_a_piece_only_the_liar_is_named(tmp_path):
    """The bytes of each are compared with the right ones; the honest one is asked again later."""
    honest, liar, other = mirror("honest", (0, 1500)), mirror("liar", (1500, len(RIGHT))), mirror("other")
    whole = Whole(tmp_path / "x", spoiled(1600), [honest, liar, other], [(other, RIGHT)])
    await Pieces(whole).verify()
    assert whole.fetched == [(1024, 2048)]
    assert (honest.lied, liar.lied, honest.usable(1e12), liar.dead is not None) == (False, True, True, True)
    assert honest.retry_at == 0 and "liar.test" in whole.said[-1] and "canary" not in " ".join(whole.said)


async def test_a_second_liar_is_found_too(tmp_path):
    """When what comes instead is wrong as well, the next mirror is asked."""
    first, second, third = mirror("first", (0, len(RIGHT))), mirror("second"), mirror("third")
    whole = Whole(tmp_path / "x", spoiled(10), [first, second, third], [(second, spoiled(11)), (third, RIGHT)])
    await Pieces(whole).verify()
    assert whole.proof is Proof.DIGEST and second.lied


async def test_bytes_of_an_earlier_session_are_nobodys_lie(tmp_path):
    """After a restart nobody knows who brought them; they are fetched again all the same."""
    only = mirror("only")
    whole = Whole(tmp_path / "x", spoiled(10), [only], [(only, RIGHT)])
    await Pieces(whole).verify()
    assert not only.lied and whole.proof is Proof.DIGEST


async def test_nobody_left_to_ask_is_an_error(tmp_path):
    """One mirror that stays wrong is asked twice, not for ever."""
    only = mirror("only", (0, len(RIGHT)))
    whole = Whole(tmp_path / "x", spoiled(10), [only], [(only, spoiled(10))])
    with pytest.raises(DownloadError) as caught:
        await Pieces(whole).verify()
    assert caught.value.code is Code.CHECKSUM_MISMATCH and "canary" not in caught.value.message


async def test_pieces_of_another_size_are_not_used(tmp_path):
    """Digests that do not fit the file prove nothing and condemn nobody."""
    whole = Whole(tmp_path / "x", RIGHT + b"x" * PIECE, [mirror("a")], [])
    await Pieces(whole).verify()
    assert whole.proof is Proof.NONE and "do not fit" in whole.said[0]
