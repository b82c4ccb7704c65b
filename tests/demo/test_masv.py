"""The stand-in of the MASV package service keeps the rules of the published API."""

from __future__ import annotations

import httpx
import pytest

from tui_downloads.demo.content import digest
from tui_downloads.demo.masv import LARGE, PackageService
from tui_downloads.demo.server import serve_in_thread


@pytest.fixture
def origin():
    with serve_in_thread() as server:
        yield server


def opened(package: PackageService, password: str = "") -> httpx.Response:
    link = package.link.partition("?")[2]
    return httpx.get(f"{package.api}/links/ABC?{link}", headers={"X-Link-Password": password} if password else {})


def test_secret_and_password_open_the_package(origin):
    """A wrong secret is 403, a missing password 401, and both together give the token that lists the files."""
    package = PackageService(origin, {"d/a.mov": 1000}, password="pw")
    assert httpx.get(f"{package.api}/links/ABC?secret=other").status_code == 403
    assert opened(package).status_code == 401
    told = opened(package, "pw").json()
    files = httpx.get(f"{package.api}/packages/P1/files", headers={"X-Package-Token": told["package_token"]}).json()
    assert [(file["name"], file.get("path"), file["size"]) for file in files if file["kind"] == "file"] == [
        ("a.mov", "d", 1000)]  # fmt: skip
    assert httpx.get(f"{package.api}/packages/P1/files").status_code == 403


def test_signed_links_honour_ranges_and_expire(origin):
    """After its uses a link is 403, and when everything expires the token is refused too."""
    import hashlib

    package = PackageService(origin, {"d/a.mov": 1000}, uses=2)
    token = {"X-Package-Token": opened(package).json()["package_token"]}
    ask = f"{package.api}/packages/P1/files/f0/download"
    url = httpx.get(ask, headers=token).json()["url"]
    first, rest = (httpx.get(url, headers={"Range": f"bytes={span}"}) for span in ("0-499", "500-999"))
    assert (first.status_code, rest.status_code) == (206, 206)
    assert hashlib.sha256(first.content + rest.content).hexdigest() == digest("d/a.mov", 1000)
    assert httpx.get(url).status_code == 403 and package.refused == 1
    package.expire()
    assert httpx.get(ask, headers=token).status_code == 403


def test_a_large_package_is_listed_once_in_five_seconds(origin):
    """The second listing is 429 and says how long to wait."""
    package = PackageService(origin, {f"f{n}": 1 for n in range(LARGE + 1)})
    token = {"X-Package-Token": opened(package).json()["package_token"]}
    answers = [httpx.get(f"{package.api}/packages/P1/files", headers=token) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 429] and answers[1].headers["retry-after"] == "5"
