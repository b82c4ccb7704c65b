"""A shelf of plausible files for the demo and for pictures: different sizes, paces and fates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from tui_downloads.demo.paths import file_path

_MB = 1_000_000


class Origin(Protocol):
    """A server that knows its own address."""

    def url(self, path: str = "/") -> str:
        """Give the whole link of a path."""


@dataclass(frozen=True)
class CatalogItem:
    """One file on the shelf and how it behaves."""

    name: str
    size: int
    note: str
    options: Mapping[str, object] = field(default_factory=dict)

    @property
    def path(self) -> str:
        """Give its path on any practice server."""
        return file_path(self.size, self.name, **self.options)


@dataclass(frozen=True)
class DemoLink:
    """A catalog file on a running server."""

    name: str
    url: str
    size: int
    note: str


CATALOG = (
    CatalogItem("debian-13.1.0-amd64-netinst.iso", 783 * _MB, "Fast.", {"rate": 24 * _MB}),
    CatalogItem("wikipedia-en-abstracts-2026-10.xml.gz", 1_940 * _MB, "Large.", {"rate": 9 * _MB}),
    CatalogItem("sentinel-2-T32TQM-20260918.tar.gz", 1_180 * _MB, "", {"rate": 6 * _MB}),
    CatalogItem("llm-7b-instruct-q4.gguf", 4_370 * _MB, "Very large.", {"rate": 32 * _MB}),
    CatalogItem("openstreetmap-österreich.osm.pbf", 742 * _MB, "A name outside ASCII.", {"rate": 5 * _MB}),
    CatalogItem("気象データ-2026年秋.parquet", 268 * _MB, "A name of wide characters.", {"rate": 3 * _MB}),
    CatalogItem("field-recordings-vol-3.flac", 154 * _MB, "", {"rate": 2 * _MB}),
    CatalogItem("genome-GRCh38-chr20.fa.zst", 19 * _MB, "Soon done.", {"rate": 4 * _MB}),
    CatalogItem("release-notes.pdf", 640_000, "Done at once."),
    CatalogItem("lunar-map-color-4k.tif", 47 * _MB, "Slow.", {"rate": 180_000}),
    CatalogItem("city-traffic-counts.csv", 96 * _MB, "Stalls after 5 MB.", {"rate": 2 * _MB, "stall": 5 * _MB}),
    CatalogItem("archive-1998-backup.zip", 31 * _MB, "Not there any more: 404.", {"status": 404}),
    CatalogItem("popular-dataset-v2.tar.zst", 210 * _MB, "Too many requests: 429.", {"status": 429, "retry_after": 45}),
)
"""In the order in which they look well in a list."""


def demo_links(server: Origin) -> list[DemoLink]:
    """Give the links of the catalog on a server."""
    return [DemoLink(item.name, server.url(item.path), item.size, item.note) for item in CATALOG]
