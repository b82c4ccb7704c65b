"""Where a new file goes and what it is called, by the rules of the settings; what the user chose stays."""

from __future__ import annotations

import string
import time
from typing import TYPE_CHECKING

from msgspec.structs import replace

from tui_downloads.config.settings import Category
from tui_downloads.core.download import Download
from tui_downloads.core.errors import DownloadError
from tui_downloads.core.links import raw_name
from tui_downloads.core.names import check_template, safe_name, split_extension
from tui_downloads.core.snapshots import Kind
from tui_downloads.core.spec import AddRequest

if TYPE_CHECKING:
    from tui_downloads.core.resource import Resource

    from .adding import Adding
    from .transfer import Transfer


def filled(template: str, name: str, *, id: str, host: str, category: str, title: str, at: float) -> str:
    """Fill a template in and make one safe component of it."""
    stem, extension = split_extension(name)
    local = time.localtime(at)
    values = {
        "name": name,
        "stem": stem,
        "ext": extension.lstrip("."),
        "host": host,
        "date": time.strftime("%Y-%m-%d", local),
        "time": time.strftime("%H%M%S", local),
        "id": id[:8],
        "category": category,
        "title": title or stem,
    }
    text = "".join(literal + (values[field] if field else "") for literal, field, _, _ in _parsed(template))
    return safe_name(text) if text.strip() else name


def _parsed(template: str) -> list[tuple[str, str | None, str | None, str | None]]:
    return list(string.Formatter().parse(template))


class Naming:
    """Applies categories and the name template to downloads that leave both open."""

    # Mutable state: the rules.
    def __init__(self, adding: Adding, categories: tuple[Category, ...], template: str) -> None:
        self._adding = adding
        self.categories = categories
        self.template = template

    def change(self, categories: tuple[Category, ...], template: str) -> None:
        """Take other rules.

        Raises:
            RequestError: INVALID_OPTION, the template makes no sense; the rules stay.
        """
        check_template(template)
        self.categories, self.template = categories, template

    def of(self, download: Download, name: str, content_type: str = "") -> Category | None:
        """Give the category of a download that has none yet."""
        host = download.host.rpartition(":")[0] or download.host
        for category in self.categories:
            if category.matches(host=host, name=name, content_type=content_type):
                return category
        return None

    def at_add(self, request: AddRequest, download: Download) -> None:
        """Give a new download the folder of the category that was chosen, or that its link says where no file will.

        Raises:
            DownloadError: INVALID_OPTION, there is no such category.
        """
        if request.folder is not None:
            return
        wanted = request.options.category
        if wanted and self.categories:
            found = next((item for item in self.categories if wanted in (item.name or item.folder, item.folder)), None)
            if found is not None:
                self._put(download, found)
        elif not wanted and self.categories and download.kind in (Kind.PACKAGE, Kind.MEDIA):
            found = self.of(download, request.name or raw_name(download.url))
            if found is not None:
                self._put(download, found)

    def settle(self, transfer: Transfer, resource: Resource) -> None:
        """Choose folder and name of a file by its first answer."""
        download, request = transfer.download, transfer.download.request
        if download.kind is not Kind.LINK or len(download.files) != 1 or not (self.categories or self.template):
            return
        name = transfer.settings.name or resource.name
        if request.folder is None and not request.options.category:
            category = self.of(download, name, resource.content_type)
            if category is not None and self._put(download, category):
                transfer.settings = replace(transfer.settings, folder=download.folder)
        if self.template and transfer.settings.name is None:
            name = filled(
                self.template,
                resource.name,
                id=download.id,
                host=download.host.rpartition(":")[0] or download.host,
                category=download.request.options.category,
                title=download.title,
                at=download.created_at,
            )
            transfer.settings = replace(transfer.settings, name=name)

    def _put(self, download: Download, category: Category) -> bool:
        """Move a download that has no file yet into a category's folder; one its caller may not use is left out."""
        try:
            folder = self._adding.target(category.folder, download.request.policy.folders)
        except DownloadError:
            return False
        options = replace(download.request.options, category=category.name or category.folder)
        download.folder, download.request = folder, replace(download.request, options=options)
        return True
